//! The outside of KwaStage on one port.

pub mod dialogue;
