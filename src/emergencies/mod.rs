//! Alarms: durable before the phone shows anything, and on their way to somebody in the same transaction.
//!
//! Anybody can raise one, member or not, without a PIN. Kind and place follow when the alarm is already out. The
//! coordinators on duty at the member's stage are alerted; where there is none, the duty desk of the configuration.

mod model;
mod service;
mod store;

pub use model::{CaseNumber, EmergencyId, EmergencyKind};
pub use service::{Raise, RaiseError, Raised, close, raise, tell_kind, tell_place};
