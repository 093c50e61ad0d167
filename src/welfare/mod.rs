//! The welfare fund of a stage: what its riders owe, what they have paid, and what every member may see of it.
//!
//! A [`Plan`] says what a category of riders pays each week or month; [`standing`] compares that with what one of them has paid. Money
//! reaches and leaves a fund by the deeds here, each of which posts to the ledger and writes the fund's book in one transaction.

mod announcing;
mod forgiving;
mod fund_rules;
mod model;
mod month;
mod months;
mod plan;
mod plans;
mod service;
mod standing;
mod store;
#[cfg(test)]
mod testing;
mod waiver;

pub use announcing::{
    Announcement, Listener, announce_new_payouts, listeners, next_announcement, next_listeners,
    note_told,
};
pub use forgiving::{
    Forgave, Forgive, ForgiveError, ForgivenLine, Forgiver, arrears_at, everything, forgive,
    forgiven_at, forgiven_to,
};
pub use fund_rules::{FundEvent, FundRule, RuleError, rules_of, set_rule};
pub use model::{
    ContributionReceived, Direction, FundStatement, History, Movement, PaidFrom, SupportHeld,
};
pub use month::{BookLine, Month, MonthHash, close, text_of};
pub use months::{
    broken_months, close_next_month, first_of, funds_to_close, month_text, months_of,
};
pub use plan::{Due, DueOn, NoPlan, Period, Plan, Schedule};
pub use plans::{
    AdoptedPlan, PLAN_SHILLINGS_MAX, PLAN_SHILLINGS_MIN, SetPlanError, plan_of, plans_of, set_plan,
    withdraw_plan,
};
pub use service::{
    DueNow, FundError, Outcome, adopt_plan, contribution_received, due_now, fund_statement,
    history_of, standing_of, support_held, support_returned,
};
pub use standing::{Standing, Status, latest_due_day, owed, standing};
pub use waiver::{Because, Forgiven, waived};
