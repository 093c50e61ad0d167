//! The tables of a case: `emergency`, `emergency_alert`, `responder` and `case_entry`; and of its alarm's way up:
//! `emergency_climb`, `arrival_question`, `stage_escalation`, `emergency_call`, `emergency_drill`, `emergency_promise`.

pub(super) mod alerts;
pub(super) mod answers;
pub(super) mod calls;
pub(super) mod cases;
pub(super) mod climbs;
pub(super) mod desk;
pub(super) mod drills;
pub(super) mod file;
pub(super) mod moving;
pub(super) mod promises;
pub(super) mod reports;
