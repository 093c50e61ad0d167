//! The deeds of the members' room, one file for each part of a member's life.

pub(super) mod approval;
pub(super) mod joining;
pub(super) mod moving;
pub(super) mod numbering;
pub(super) mod proving;
pub(super) mod settings;
pub(super) mod suspending;
