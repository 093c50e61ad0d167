//! A rider's phone and everything behind it: the product as its riders, and those who mean it ill, meet it.

mod alarm_clock;
mod alarms;
mod chaos;
mod degraded;
mod dialogues;
mod lanes;
mod plans;
mod reconciling;
mod reports;
mod spool;
mod texts;
mod turns;
mod webhooks;
mod wire;
mod world;
