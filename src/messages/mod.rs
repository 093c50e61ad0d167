//! Text messages: what we say, on its way until we know its end, and what people write to us.
//!
//! A deed leaves a row in the outbox in its own transaction: a template's name and what fills it. The
//! [`Sender`] makes the text and hands it over, lane by lane, so that nothing stands between an emergency and
//! a provider. What one provider cannot do the next one does. A report moves a message forward, never back. An inbound
//! message is stored before anybody understands it and gets at most one answer.

mod breaker;
mod breakers;
mod bucket;
mod handing;
pub mod inbox;
mod kind;
mod loop_guard;
mod model;
mod outlets;
mod quiet;
pub mod reports;
mod route;
mod sender;
mod service;
mod store;
mod template;
mod values;

pub use breakers::Breakers;
pub use kind::Kind;
pub use model::{Class, Handover, Message, MessageId, Refusal, Tally};
pub use outlets::{Outlets, Pace};
pub use quiet::QuietHours;
pub use route::Routes;
pub use sender::Sender;
pub use service::{
    is_opted_out, opt_in, opt_out, send, send_all, set_preference, tally, unwanted_by,
};
pub use store::about::{Said, about};
pub use store::fates::{Fate, fates};
pub use store::outbox::{LaneStats, lane_stats};
pub use template::{Globals, NotRendered, Templates};
pub use values::{Value, Values};

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
