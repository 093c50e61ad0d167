//! `[loans]`.

use chrono::TimeDelta;

use super::reading::Reader;
use crate::primitives::Money;

/// What somebody may borrow, and how long guarantors may think.
#[derive(Debug)]
pub struct Loans {
    pub history: TimeDelta,
    pub contributed_least: Money,
    pub first_percent: u32,
    pub step_percent: u32,
    pub most_percent: u32,
    pub guarantor_answers_within: TimeDelta,
}

pub(super) fn loans(read: &mut Reader) -> Option<Loans> {
    let history_days = read.number("loans.history_days", 0..=3_650);
    let contributed_least = read.money("loans.contributed_least");
    let first_percent = read.number("loans.first_percent", 1..=9_999);
    let step_percent = read.number("loans.step_percent", 0..=9_999);
    let most_percent = read.number("loans.most_percent", 1..=9_999);
    let guarantor_hours = read.number("loans.guarantor_hours", 1..=720);
    Some(Loans {
        history: TimeDelta::days(i64::from(history_days?)),
        contributed_least: contributed_least?,
        first_percent: first_percent?,
        step_percent: step_percent?,
        most_percent: most_percent?,
        guarantor_answers_within: TimeDelta::hours(i64::from(guarantor_hours?)),
    })
}
