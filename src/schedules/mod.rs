//! What a member wants us to do on due days: a reminder, or the request of M-PESA itself; and the reminder of arrears that nobody
//! has to ask for.
//!
//! The latest choice is a row that whoever asks for money, and whoever stops it, holds: once a stop is committed nothing is asked
//! any more. A due day is dealt with by steps that the database takes once each. What is to be done when is [`rule`]'s, pure.

pub mod jobs;
mod model;
mod rule;
mod service;
mod store;

pub use model::{Channel, Choice, Chosen, Mode, ModeError};
pub use service::{choose, mode_of};
