//! Alarms: durable before the phone shows anything, and on their way to somebody in the same transaction.
//!
//! Anybody can raise one, member or not, without a PIN. Kind and place follow when the alarm is already out. The
//! coordinators on duty at the member's stage are alerted; where there is none, the duty desk of the configuration.

mod alerting;
mod close;
mod file;
mod model;
mod own;
mod raise;
mod report;
mod store;
mod telling;

pub use close::close;
pub use model::{
    Alerted, Case, CaseNumber, CaseState, EmergencyId, EmergencyKind, Priority, Responder, Rung,
};
pub use own::{OwnAlarm, own_alarm};
pub use raise::{Raise, RaiseError, Raised, raise};
pub use report::{tell_kind, tell_place};
pub use store::alerts::{open_numbers_of, responders};
