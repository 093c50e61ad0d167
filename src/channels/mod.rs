//! The ways in: an operator's or provider's wire to our words, and our words to its wire.

pub mod pay;
pub mod proof;
pub mod sms;
pub mod ussd;
pub mod voice;
