//! The tables of a case: `emergency`, `emergency_alert`, `responder` and `case_entry`.

pub(super) mod alerts;
pub(super) mod answers;
pub(super) mod cases;
pub(super) mod file;
