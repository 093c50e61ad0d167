//! Receipts: proof of a payment that fits into an SMS and that anyone can check.
//!
//! A receipt has its [`CheckCode`] at once, since forged payment messages are a daily fraud: whoever is shown one texts the code back
//! and learns whose payment it was, how much and when. Its [`ReceiptNumber`] comes a moment after the commit, given in batches by
//! [`number_pending`], so that the counter is no queue for people who pay.

mod code;
mod number;
mod service;
mod store;

pub use code::{CheckCode, CodeKey, NotACheckCode, WeakKey};
pub use number::ReceiptNumber;
pub use service::{
    Answer, Genuine, Issue, IssueError, Purpose, Receipt, ask, issue, look_up, number_pending,
};
