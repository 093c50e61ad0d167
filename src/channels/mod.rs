//! The doors that outsiders knock at. Each reads its wire, does one deed and answers in its own words.

pub mod pay;
