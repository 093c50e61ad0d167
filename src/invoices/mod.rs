//! Invoices: what a member owes the association, until when, and whether it was paid.
//!
//! A fee, a fine and the renewal of a membership are one thing here, so that there is one way to pay them. An invoice is paid
//! once and to the cent, which the database sees to; what it says never changes. Who pays how, and what follows from it, is
//! told in `dues`.

mod model;
mod service;
mod store;

pub use model::{Invoice, InvoiceId, InvoiceState, Issue, PaidFrom, What};
pub use service::{CancelError, cancel, fall_overdue, find, issue, lock, open_of, paid, replace};
