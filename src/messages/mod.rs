//! Text messages: what we say, on its way until we know its end, and what people write to us.
//!
//! A deed leaves a row in the outbox in its own transaction: a template's name and what fills it. The
//! [`Sender`] makes the text and hands it over, lane by lane, so that nothing stands between an emergency and
//! the provider. A report moves a message forward, never back. An inbound message is stored before anybody
//! understands it and gets at most one answer.

mod bucket;
pub mod inbox;
mod model;
pub mod reports;
mod sender;
mod service;
mod store;
mod template;
mod values;

pub use model::{Class, Handover, Message, MessageId, Refusal};
pub(crate) use sender::PROVIDER;
pub use sender::Sender;
pub use service::{is_opted_out, opt_in, opt_out, send};
pub use store::about::{Said, about};
pub use store::fates::{Fate, fates};
pub use store::outbox::{LaneStats, lane_stats};
pub use template::{Globals, NotRendered, Templates};
pub use values::{Value, Values};

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
