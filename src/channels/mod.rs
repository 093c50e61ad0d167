//! The ways in: an operator's wire to our words, and our words to its wire.

pub mod sms;
//! The doors that outsiders knock at. Each reads its wire, does one deed and answers in its own words.

pub mod pay;
