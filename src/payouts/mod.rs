//! Money out by M-PESA (B2C): withdrawals, support from a fund, refunds.
//!
//! The money is held in the ledger from the moment it is asked for, and the hold resolves once: paid, or given back.
//! M-PESA is handed an id of ours that was written down before; accepted is not paid, a duplicate is not paid, a timeout is
//! not unpaid. Whatever anybody says is evidence, stored raw first and judged by one function under one lock. What stays
//! unknown is asked about on a schedule and then left to a person, never paid again on a guess.
//!
//! A maker and a checker are two people, by constraint. One brake stops everything that leaves, and a person lifts it.

mod approving;
mod asking;
mod brake;
mod codes;
mod cooling;
mod evidence;
mod funding;
mod hearing;
pub mod jobs;
mod model;
mod names;
mod person;
mod rules;
mod schedule;
mod sending;
mod settling;
mod store;
mod telling;
mod verdict;

pub use approving::{DecideError, approve, refuse};
pub use asking::{
    Asked, AttendAttempt, ReadEvidence, RefundAsked, RefundError, SendPayout, SupportAsked,
    SupportError, Withdrawal, WithdrawalError, refund, support, withdraw,
};
pub use brake::{Brake, brake, resume};
pub use codes::{Class, classify};
pub use cooling::{LiftError, Lifted, cools_until, lift_cooling};
pub use evidence::{
    AskAnswer, Evidence, Fate, Found, NotTaken, PaymentResult, Said, SendAnswer, Source,
    StatusResult,
};
pub use hearing::{Received, receive, understand};
pub use model::{
    Alarm, Attempt, AttemptId, AttemptState, NotPaid, Payout, PayoutId, PayoutState, Purpose,
};
pub use person::{ByPerson, SettleError, settle_by_person};
pub use rules::Rules;
pub use sending::{
    CallbackKind, PaymentOrder, QuestionOrder, Readiness, begin_send, callback_of_token,
};
pub use settling::apply;
pub use store::{Filed, Listed, Note, file_of, open_count, open_payouts};
pub use verdict::{AttemptFacts, Judgement, Verdict, verdict};
