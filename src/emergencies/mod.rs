//! Alarms: durable before the phone shows anything, and on their way to somebody in the same transaction.
//!
//! Anybody can raise one, member or not, without a PIN. Kind and place follow when the alarm is already out. The
//! coordinators on duty at the member's stage are alerted; where there is none, the duty desk of the configuration.

mod alerting;
mod answer;
mod close;
mod duty;
mod file;
pub mod grammar;
mod look;
mod model;
mod moves;
mod raise;
mod report;
mod store;
mod telling;

pub use answer::{
    AnswerError, Answered, Did, Which, accept, answer, asked_count, last_ended_for, open_for,
    takers,
};
pub use close::{close, close_resolved};
pub use duty::{
    Duty, SwapAnswer, SwapAsked, answer_swap, ask_swap, go_off_duty, go_on_duty, warn_of_gaps,
};
pub use look::{CaseFile, Entry, Look, file_of, look, open_cases};
pub use model::{
    Alerted, Case, CaseNumber, CaseState, EmergencyId, EmergencyKind, Priority, Responder, Rung,
};
pub use raise::{Raise, RaiseError, Raised, raise};
pub use report::{tell_kind, tell_place};
pub use store::alerts::responders;
pub use store::answers::OpenCase;

#[cfg(test)]
mod tests;
