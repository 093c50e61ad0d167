//! Text messages coming in, one file per operator protocol.

pub mod africastalking;
mod alarm;
