//! Calls: each vendor's wire, and the documents that conduct a call.

pub mod africastalking;
mod document;
