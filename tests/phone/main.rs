//! A rider's phone and everything behind it: the product as its riders, and those who mean it ill, meet it.

mod chaos;
mod degraded;
mod dialogues;
mod spool;
mod turns;
mod webhooks;
mod wire;
mod world;
