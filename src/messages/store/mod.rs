//! The SQL of the room's tables, one file for each.

pub(super) mod about;
pub(super) mod attempts;
pub(super) mod batches;
pub(super) mod fates;
pub(super) mod inbox;
pub(super) mod outbox;
pub(super) mod preferences;
pub(super) mod reports;
