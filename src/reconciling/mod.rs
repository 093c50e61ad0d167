//! M-PESA's own records beside ours, one day after the other.
//!
//! Their side comes from the pull interface and from the statement that the organisation portal exports; ours is every payment
//! that came (`payments`) and what the ledger has booked of it. A payment that only they know is taken in first, exactly as its
//! lost confirmation would have been. What differs then is kept as a [`Difference`]: of one [`Class`], with an owner, until it
//! ends with a reason. Comparing a day again changes nothing but what has become true meanwhile.

mod compare;
pub mod jobs;
mod model;
mod service;
pub mod statement;
mod store;

pub use compare::{clock_of, compare};
pub use jobs::{Progress, ReconcileError, ReconcilingDesk, Told};
pub use model::{Booked, Class, Difference, DifferenceId, Found, Ours, PulledRow, Report, Theirs};
pub use service::{DifferenceError, end, open_count, open_differences, take};
