//! Alarms: durable before the phone shows anything, and on their way to somebody in the same transaction.
//!
//! Anybody can raise one, member or not, without a PIN. Kind and place follow when the alarm is already out. The
//! coordinators on duty at the member's stage are alerted; where there is none, the duty desk of the configuration.

mod alerting;
mod close;
mod file;
pub mod follow_up;
mod joining;
mod kin;
mod later;
mod model;
mod nearby;
mod pranks;
mod raise;
mod report;
mod same_event;
mod stop;
mod store;
mod telling;

mod widening;
mod words;

pub use close::close;
pub use joining::{SplitError, split};
pub use later::{AskNearby, TellDetails};
pub use model::{
    Alerted, Case, CaseNumber, CaseState, EmergencyId, EmergencyKind, Priority, Responder, Rung,
};
pub use nearby::ask_nearby;
pub use raise::{Raise, RaiseError, Raised, raise};
pub use report::{Told, tell_injured, tell_kind, tell_place};
pub use stop::{Stop, say_safe, stop};
pub use store::alerts::responders;
pub use store::reports::has_open;
