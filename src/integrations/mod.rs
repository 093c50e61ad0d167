//! The outside, one folder per outsider. They only translate: wire types in, our words out, unknown stays unknown.

pub mod mpesa;
