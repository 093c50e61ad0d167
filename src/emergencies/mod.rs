//! Alarms: durable before the phone shows anything, and on their way to somebody in the same transaction.
//!
//! Anybody can raise one, member or not, without a PIN. Kind and place follow when the alarm is already out. The
//! coordinators on duty at the member's stage are alerted; where there is none, the duty desk of the configuration.

mod acknowledge;
mod alerting;
mod calling;
mod climbing;
mod clock;
mod close;
mod drill;
mod drilling;
mod file;
mod hotline;
pub mod jobs;
mod ladder;
mod model;
mod raise;
mod report;
mod store;
mod telling;

pub use calling::{CallEnd, OnCall, PlaceCall, Placing, Spoken, heard, hung_up};
pub use climbing::{Desks, set_pace};
pub use clock::Plan;
pub use close::close;
pub use drill::{Link, Verdict};
pub use drilling::DrillError;
pub use hotline::{missed_call, report_of_call};
pub use model::{
    Alerted, Case, CaseNumber, CaseState, EmergencyId, EmergencyKind, Priority, Responder, Rung,
};
pub use raise::{Raise, RaiseError, Raised, raise};
pub use report::{tell_kind, tell_place};
pub use store::alerts::responders;
