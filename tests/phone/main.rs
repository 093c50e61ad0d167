//! A rider's phone and everything behind it: the product as its riders, and those who mean it ill, meet it.

mod alarm_clock;
mod dialogues;
mod turns;
mod webhooks;
mod wire;
mod world;
