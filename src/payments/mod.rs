//! Asking riders for money by M-PESA, and knowing what became of it.
//!
//! What is owed is an obligation; each push is an attempt; whatever anybody says about an attempt is evidence,
//! stored raw first and applied by one function under one lock. Accepted is not paid. Unknown is a state with a
//! schedule and an end. This room books no money and writes to no rider: it says [`News`], and whoever settles
//! them does both in the same transaction.

mod again;
mod booking;
mod codes;
mod evidence;
mod hearing;
pub mod jobs;
mod model;
mod pace;
mod pushing;
mod rules;
mod schedule;
mod service;
mod settling;
mod store;
mod verdict;

pub use codes::TextKey;
pub use evidence::{
    Evidence, NoPrompt, Pace, PaybillPayment, PhoneHint, PromptIds, PromptResult, PushAnswer,
    QueryAnswer, Receipt, ResultCode, Said, Source,
};
pub use hearing::{BODY_BYTES_MAX, Received, push_answered, receive, understand};
pub use model::{
    Alarm, Attempt, AttemptId, AttemptState, News, Obligation, ObligationId, ObligationState,
    Purpose,
};
pub use pushing::{PushOrder, Readiness, attempt_of_token, begin_push};
pub use rules::Rules;
pub use service::{
    Request, RequestError, Requested, ToRefund, flag_unclaimed, is_anything_open, obligation,
    open_request, pause, paused_until, put_back_into_suspense, request, session_ended, sweep,
    take_for_refund, take_from_suspense, withdraw_unsent,
};
pub use settling::{apply, attend};
pub use store::{
    Came, Listed, Suspended, Tried, Wanted, came, followed, in_suspense, listed, open_count,
    paid_since, stage_of, suspense_after, suspense_total, waiting_in_suspense,
};
pub use verdict::{AttemptFacts, Judgement, Payment, Verdict, verdict};
