//! Alarms: durable before the phone shows anything, and on their way to somebody in the same transaction.
//!
//! Anybody can raise one, member or not, without a PIN. Kind and place follow when the alarm is already out. The
//! coordinators on duty at the member's stage are alerted; where there is none, the duty desk of the configuration.

mod acknowledge;
mod alerting;
mod answer;
mod calling;
mod climbing;
mod clock;
mod close;
mod desk_note;
mod drill;
mod drilling;
mod duty;
mod file;
pub mod follow_up;
pub mod grammar;
mod hotline;
pub mod jobs;
mod joining;
mod kin;
mod ladder;
mod later;
mod look;
mod model;
mod moves;
mod moving;
mod nearby;
mod own;
mod pranks;
mod raise;
mod report;
mod same_event;
mod stop;
mod store;
mod telling;

mod widening;
mod words;

pub use answer::{
    AnswerError, Answered, Did, Which, accept, answer, asked_count, last_ended_for, open_for,
    takers,
};
pub use calling::{CallEnd, OnCall, PlaceCall, Placing, Spoken, heard, hung_up};
pub use climbing::{Desks, set_pace};
pub use clock::Plan;
pub use close::{close, close_resolved};
pub use desk_note::note_from_desk;
pub use drill::{Link, Verdict};
pub use drilling::DrillError;
pub use duty::{
    Duty, SwapAnswer, SwapAsked, answer_swap, ask_swap, go_off_duty, go_on_duty, warn_of_gaps,
};
pub use file::note;
pub use hotline::{missed_call, report_of_call};
pub use joining::{SplitError, split};
pub use later::{AskNearby, TellDetails};
pub use look::{CaseFile, Entry, Look, file_of, look, open_cases};
pub use model::{
    Alerted, Case, CaseNumber, CaseState, EmergencyId, EmergencyKind, Priority, Responder, Rung,
};
pub use moving::move_phone;
pub use nearby::ask_nearby;
pub use own::{OwnAlarm, own_alarm};
pub use raise::{Raise, RaiseError, Raised, raise};
pub use report::{Told, tell_injured, tell_kind, tell_place};
pub use stop::{Stop, say_safe, stop};
pub use store::alerts::{open_numbers_of, responders};
pub use store::answers::OpenCase;
pub use store::desk::{open_counts, stage_of};
pub use store::reports::has_open;

#[cfg(test)]
mod tests;
