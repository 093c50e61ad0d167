//! Text messages coming in, and reports on those that went out: one file per operator protocol.

pub mod africastalking;
mod alarm;
pub mod reports_desk;
pub mod twilio;
mod webhook;
