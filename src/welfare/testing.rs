//! Plans as they come, for the property tests of this room.

use chrono::{Days, NaiveDate};
use proptest::prelude::*;

use super::plan::{Period, Plan, Schedule};
use crate::primitives::Money;

pub(super) fn any_schedule() -> impl Strategy<Value = Schedule> {
    any_plans().prop_map(|plans| Schedule::new(plans).unwrap())
}

/// One to three plans, weekly and monthly, that begin within 900 days of 31 January 2026.
pub(super) fn any_plans() -> impl Strategy<Value = Vec<Plan>> {
    let first: NaiveDate = "2026-01-31".parse().unwrap();
    let plan = (
        prop_oneof![Just(Period::Week), Just(Period::Month)],
        1_000..20_000i64,
        0..900u64,
    )
        .prop_map(move |(period, cents, later)| Plan {
            period,
            amount: Money::from_cents(cents),
            starts_on: first + Days::new(later),
        });
    proptest::collection::vec(plan, 1..4)
}
