//! The welfare fund of a stage: what its riders owe, what they have paid, and what every member may see of it.
//!
//! A [`Plan`] says what a category of riders pays each week or month; [`standing`] compares that with what one of them has paid. Money
//! reaches and leaves a fund by the deeds here, each of which posts to the ledger and writes the fund's book in one transaction.

mod model;
mod plan;
mod service;
mod standing;
mod store;

pub use model::{
    ContributionReceived, Direction, FundStatement, History, Movement, PaidFrom, SupportPaid,
};
pub use plan::{Due, NoPlan, Period, Plan, Schedule};
pub use service::{
    FundError, Outcome, adopt_plan, contribution_received, fund_statement, history_of, standing_of,
    support_paid,
};
pub use standing::{Standing, Status, standing};
