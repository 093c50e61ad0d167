//! Twilio: sending text messages, and telling its callbacks from forged ones.

mod client;
mod signature;
mod wire;

pub use client::{Client, Settings};
pub use signature::{Sealed, Verifier};
pub use wire::{is_opted_out, may_pass_elsewhere};
