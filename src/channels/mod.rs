//! The ways in: an operator's wire to our words, and our words to its wire.

pub mod sms;
