//! What riders of a stage have agreed to pay, and on which days it falls due.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

use crate::primitives::Money;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Week,
    Month,
}

/// An amount due on `starts_on` and every week or month after it, until a later plan takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub period: Period,
    pub amount: Money,
    /// The first due day, by the Nairobi calendar.
    pub starts_on: NaiveDate,
}

/// The plans of one stage and category, each replacing the one before on the day it starts. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(Vec<Plan>);

/// An amount and the day it falls due. It is in time until that day ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub day: NaiveDate,
    pub amount: Money,
}

/// On which days a plan is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueOn {
    Weekday(Weekday),
    /// A day of the month, from 1 to 31; the last one where a month is shorter.
    DayOfMonth(u8),
}

/// A schedule needs a plan, and each plan an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a schedule has at least one plan, and each of them an amount")]
pub struct NoPlan;

impl Period {
    pub fn as_str(self) -> &'static str {
        match self {
            Period::Week => "week",
            Period::Month => "month",
        }
    }

    pub fn parse(text: &str) -> Option<Period> {
        [Period::Week, Period::Month]
            .into_iter()
            .find(|period| period.as_str() == text)
    }
}

impl DueOn {
    /// Reads `monday`, `mon` or `5`.
    pub fn parse(typed: &str) -> Option<DueOn> {
        let typed = typed.trim();
        if let Ok(day) = typed.parse::<u8>() {
            return (1..=31).contains(&day).then_some(DueOn::DayOfMonth(day));
        }
        typed.parse().ok().map(DueOn::Weekday)
    }

    pub fn period(self) -> Period {
        match self {
            DueOn::Weekday(_) => Period::Week,
            DueOn::DayOfMonth(_) => Period::Month,
        }
    }

    /// The first such day from this one on. A month that lacks the day is passed over, so that later months keep it.
    pub fn first(self, from: NaiveDate) -> Option<NaiveDate> {
        let is_it = |day: &NaiveDate| match self {
            DueOn::Weekday(weekday) => day.weekday() == weekday,
            DueOn::DayOfMonth(number) => day.day() == u32::from(number),
        };
        from.iter_days().take(DAYS_TO_LOOK).find(is_it)
    }
}

/// The 31st comes at least every second month.
const DAYS_TO_LOOK: usize = 63;

impl Plan {
    /// The due day with this number, from 0. A month without the day has its last day instead, and the next month has the day again.
    fn due_day(&self, number: u32) -> Option<NaiveDate> {
        match self.period {
            Period::Week => self
                .starts_on
                .checked_add_days(Days::new(7 * u64::from(number))),
            Period::Month => self.starts_on.checked_add_months(Months::new(number)),
        }
    }
}

impl Schedule {
    /// The plans of one stage and category; at least one, each of some amount.
    pub fn new(mut plans: Vec<Plan>) -> Result<Schedule, NoPlan> {
        if plans.is_empty() || plans.iter().any(|plan| !plan.amount.is_positive()) {
            return Err(NoPlan);
        }
        plans.sort_by_key(|plan| plan.starts_on);
        Ok(Schedule(plans))
    }

    /// What falls due after the day somebody became a member and up to `last`, in order. Joining on a due day costs nothing that day.
    pub fn dues(&self, member_since: NaiveDate, last: NaiveDate) -> impl Iterator<Item = Due> + '_ {
        self.0.iter().enumerate().flat_map(move |(place, plan)| {
            let replaced_on = self
                .0
                .get(place + 1)
                .map_or(NaiveDate::MAX, |next| next.starts_on);
            (0..)
                .map_while(|number| plan.due_day(number))
                .take_while(move |day| *day < replaced_on && *day <= last)
                .filter(move |day| *day > member_since)
                .map(|day| Due {
                    day,
                    amount: plan.amount,
                })
        })
    }

    /// The plan that holds on this day; the first one before it has begun.
    pub fn plan_on(&self, day: NaiveDate) -> Option<&Plan> {
        let begun = self.0.iter().rev().find(|plan| plan.starts_on <= day);
        begun.or_else(|| self.0.first())
    }

    /// What one period costs once every due is paid.
    pub(super) fn latest_amount(&self) -> Money {
        self.0.last().map_or(Money::ZERO, |plan| plan.amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn days(schedule: &Schedule, since: &str, last: &str) -> Vec<(String, i64)> {
        schedule
            .dues(day(since), day(last))
            .map(|due| (due.day.to_string(), due.amount.cents()))
            .collect()
    }

    #[test]
    fn a_month_without_the_day_has_its_last_day() {
        let plan = Plan {
            period: Period::Month,
            amount: Money::from_shillings(500),
            starts_on: day("2028-01-31"),
        };
        let due: Vec<String> = days(
            &Schedule::new(vec![plan]).unwrap(),
            "2027-12-01",
            "2028-04-30",
        )
        .into_iter()
        .map(|due| due.0)
        .collect();
        assert_eq!(
            due,
            ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]
        );
    }

    #[test]
    fn a_dearer_plan_costs_nothing_backwards() {
        let old = Plan {
            period: Period::Week,
            amount: Money::from_shillings(100),
            starts_on: day("2026-01-05"),
        };
        let new = Plan {
            period: Period::Week,
            amount: Money::from_shillings(200),
            starts_on: day("2026-01-19"),
        };
        let schedule = Schedule::new(vec![new, old]).unwrap();
        assert_eq!(
            days(&schedule, "2026-01-05", "2026-01-26"),
            [
                ("2026-01-12".into(), 10_000),
                ("2026-01-19".into(), 20_000),
                ("2026-01-26".into(), 20_000)
            ]
        );
    }

    #[test]
    fn the_day_of_a_plan_is_the_next_such_day() {
        // 20 November 2026 is a Friday.
        for (on, from, first) in [
            ("fri", "2026-11-20", "2026-11-20"),
            ("Monday", "2026-11-20", "2026-11-23"),
            ("20", "2026-11-20", "2026-11-20"),
            ("5", "2026-11-20", "2026-12-05"),
            ("31", "2026-11-20", "2026-12-31"),
            ("31", "2027-02-01", "2027-03-31"),
            ("29", "2027-02-01", "2027-03-29"),
        ] {
            let on = DueOn::parse(on).unwrap();
            assert_eq!(on.first(day(from)), Some(day(first)), "{on:?} from {from}");
        }
        for nonsense in ["0", "32", "", "someday", "-1"] {
            assert_eq!(DueOn::parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_schedule_without_an_amount_is_none() {
        let free = Plan {
            period: Period::Week,
            amount: Money::ZERO,
            starts_on: day("2026-01-05"),
        };
        assert_eq!(Schedule::new(vec![]), Err(NoPlan));
        assert_eq!(Schedule::new(vec![free]), Err(NoPlan));
    }
}
