//! Calls outward, one folder per outsider: wire types in, our own outcomes out, unknown stays unknown.

pub mod africastalking;
pub mod mpesa;
