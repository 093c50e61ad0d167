//! Calls outward, one folder per outsider: wire types in, our own outcomes out, unknown stays unknown.

pub mod africastalking;
//! The outside, one folder per outsider. They only translate: wire types in, our words out, unknown stays unknown.

pub mod mpesa;
