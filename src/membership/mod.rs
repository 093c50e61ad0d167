//! Membership over time: until when somebody is a member, what it costs to stay one, and what may be done meanwhile.
//!
//! ```text
//! active --30 days before--> due --last day is over--> in grace --grace is over--> lapsed
//!    ^________________________|________________________|______renewed_______________| returned
//! ```
//!
//! No status is kept anywhere: how a membership stands follows from its last day and today's date ([`Membership::standing`]), so
//! it cannot be out of date, and of a payment and a lapse in the same second the payment counts. What is kept is the last day,
//! which only grows. Existing members began with their approval.

mod model;
mod service;
mod store;

pub use model::{Category, Doing, Membership, Reminder, Renewal, Standing, allows};
pub use service::{
    Looked, Past, RenewError, begin_missing, categories, history, lock, look_at,
    members_to_look_at, of, renewal_invoice, renewed,
};
