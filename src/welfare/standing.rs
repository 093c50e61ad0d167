//! Whether a rider is paid up, and what to pay next.

use chrono::{Months, NaiveDate};

use super::plan::Schedule;
use crate::primitives::Money;

/// How somebody stands with the welfare fund, and the amount to offer first: the arrears, or else what the next due still lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub status: Status,
    pub suggested: Money,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing is owed before the end of this day, when the next unpaid amount falls due.
    PaidUp { until: NaiveDate },
    /// Owes this much; the oldest of it fell due on that day.
    Behind { by: Money, since: NaiveDate },
}

/// Compares what has been settled, by money or by forgiveness, with what has fallen due. Both always go to the oldest due first.
/// All days are Nairobi days.
pub fn standing(
    schedule: &Schedule,
    member_since: NaiveDate,
    settled: Money,
    today: NaiveDate,
) -> Standing {
    let furthest = today
        .checked_add_months(LOOKING_AHEAD)
        .unwrap_or(NaiveDate::MAX);
    let mut unspent = settled;
    let mut dues = schedule.dues(member_since, furthest);
    while let Some(due) = dues.next() {
        if due.amount <= unspent {
            unspent = unspent - due.amount;
            continue;
        }
        let lacking = due.amount - unspent;
        if due.day >= today {
            return Standing {
                status: Status::PaidUp { until: due.day },
                suggested: lacking,
            };
        }
        let later: Money = dues
            .take_while(|later| later.day < today)
            .map(|later| later.amount)
            .sum();
        let by = lacking + later;
        return Standing {
            status: Status::Behind { by, since: due.day },
            suggested: by,
        };
    }
    Standing {
        status: Status::PaidUp { until: furthest },
        suggested: schedule.latest_amount(),
    }
}

/// What is not settled of everything due up to and including this day.
pub fn owed(
    schedule: &Schedule,
    member_since: NaiveDate,
    settled: Money,
    through: NaiveDate,
) -> Money {
    let due: Money = schedule
        .dues(member_since, through)
        .map(|due| due.amount)
        .sum();
    (due - settled).max(Money::ZERO)
}

/// The due day that this day belongs to: the latest that has come. None before the first.
pub fn latest_due_day(
    schedule: &Schedule,
    member_since: NaiveDate,
    today: NaiveDate,
) -> Option<NaiveDate> {
    schedule.dues(member_since, today).last().map(|due| due.day)
}

/// Nobody is told to be paid up for longer than twenty years.
const LOOKING_AHEAD: Months = Months::new(12 * 20);

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Days, Utc};
    use proptest::prelude::*;

    use super::*;
    use crate::primitives::nairobi_date;
    use crate::welfare::plan::{Period, Plan};
    use crate::welfare::testing::{any_plans, any_schedule};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// 200 shillings each Monday from 2 November 2026.
    fn mondays() -> Schedule {
        let plan = Plan {
            period: Period::Week,
            amount: Money::from_shillings(200),
            starts_on: day("2026-11-02"),
        };
        Schedule::new(vec![plan]).unwrap()
    }

    #[test]
    fn a_rider_s_weeks() {
        let since = day("2026-11-04");
        for (paid, today, status, suggested) in [
            (
                0,
                "2026-11-04",
                Status::PaidUp {
                    until: day("2026-11-09"),
                },
                200,
            ),
            (
                0,
                "2026-11-09",
                Status::PaidUp {
                    until: day("2026-11-09"),
                },
                200,
            ),
            (
                0,
                "2026-11-10",
                Status::Behind {
                    by: Money::from_shillings(200),
                    since: day("2026-11-09"),
                },
                200,
            ),
            (
                0,
                "2026-11-17",
                Status::Behind {
                    by: Money::from_shillings(400),
                    since: day("2026-11-09"),
                },
                400,
            ),
            (
                250,
                "2026-11-17",
                Status::Behind {
                    by: Money::from_shillings(150),
                    since: day("2026-11-16"),
                },
                150,
            ),
            (
                400,
                "2026-11-17",
                Status::PaidUp {
                    until: day("2026-11-23"),
                },
                200,
            ),
            (
                450,
                "2026-11-17",
                Status::PaidUp {
                    until: day("2026-11-23"),
                },
                150,
            ),
            (
                1_000,
                "2026-11-04",
                Status::PaidUp {
                    until: day("2026-12-14"),
                },
                200,
            ),
        ] {
            let stands = standing(&mondays(), since, Money::from_shillings(paid), day(today));
            assert_eq!(
                stands,
                Standing {
                    status,
                    suggested: Money::from_shillings(suggested)
                },
                "paid {paid}, on {today}"
            );
        }
    }

    #[test]
    fn a_due_day_ends_at_midnight_in_nairobi() {
        let stands = |at: &str| {
            let at: DateTime<Utc> = at.parse().unwrap();
            standing(&mondays(), day("2026-11-04"), Money::ZERO, nairobi_date(at)).status
        };
        assert_eq!(
            stands("2026-11-09T20:59:59.999999Z"),
            Status::PaidUp {
                until: day("2026-11-09")
            }
        );
        assert_eq!(
            stands("2026-11-09T21:00:00Z"),
            Status::Behind {
                by: Money::from_shillings(200),
                since: day("2026-11-09")
            }
        );
    }

    #[test]
    fn a_fortune_paid_in_advance_is_believed_for_twenty_years() {
        let stands = standing(
            &mondays(),
            day("2026-11-04"),
            Money::from_cents(100_000_000_000),
            day("2026-11-04"),
        );
        assert_eq!(
            stands.status,
            Status::PaidUp {
                until: day("2046-11-04")
            }
        );
    }

    /// In cents: 200 months at the least a plan can ask, and the latest plan here begins after 30.
    const LESS_THAN_20_YEARS: i64 = 200 * 1_000;

    /// Better is later paid up, less behind.
    fn rank(standing: &Standing) -> (i64, NaiveDate) {
        match standing.status {
            Status::PaidUp { until } => (0, until),
            Status::Behind { by, since } => (-by.cents(), since),
        }
    }

    proptest! {
        #[test]
        fn paying_never_makes_it_worse(
            schedule in any_schedule(), joined in 0..900u64, later in 0..900u64, paid in 0..LESS_THAN_20_YEARS, more in 1..1_000_000i64
        ) {
            let since = day("2026-01-01") + Days::new(joined);
            let today = since + Days::new(later);
            let before = standing(&schedule, since, Money::from_cents(paid), today);
            let after = standing(&schedule, since, Money::from_cents(paid + more), today);
            prop_assert!(rank(&after) >= rank(&before), "{before:?} -> {after:?}");
            prop_assert!(after != before);
        }

        #[test]
        fn what_is_owed_until_yesterday_is_what_somebody_is_behind_by(
            schedule in any_schedule(), joined in 0..900u64, later in 0..900u64, paid in 0..LESS_THAN_20_YEARS
        ) {
            let since = day("2026-01-01") + Days::new(joined);
            let today = since + Days::new(later + 1);
            let owes = owed(&schedule, since, Money::from_cents(paid), today - Days::new(1));
            let behind = match standing(&schedule, since, Money::from_cents(paid), today).status {
                Status::Behind { by, .. } => by,
                Status::PaidUp { .. } => Money::ZERO,
            };
            prop_assert_eq!(owes, behind);
        }

        #[test]
        fn a_new_plan_leaves_every_day_before_it_as_it_was(
            schedule in any_plans(), joined in 0..900u64, later in 0..900u64, paid in 0..LESS_THAN_20_YEARS,
            cents in 1_000..20_000i64, ahead in 1..400u64, monthly in any::<bool>(),
        ) {
            let since = day("2026-01-01") + Days::new(joined);
            let today = since + Days::new(later);
            let new = Plan {
                period: if monthly { Period::Month } else { Period::Week },
                amount: Money::from_cents(cents),
                starts_on: today + Days::new(ahead),
            };
            let mut changed = schedule.clone();
            changed.retain(|plan| plan.starts_on < new.starts_on || plan.starts_on <= today);
            // What had not begun and would begin later still begins then: only one that holds now is replaced.
            changed.extend(schedule.iter().filter(|plan| plan.starts_on > new.starts_on).cloned());
            changed.push(new.clone());
            let (before, after) = (Schedule::new(schedule).unwrap(), Schedule::new(changed).unwrap());
            let paid = Money::from_cents(paid);
            prop_assert_eq!(owed(&before, since, paid, today), owed(&after, since, paid, today));
            let day_before = new.starts_on - Days::new(1);
            prop_assert_eq!(
                before.dues(since, day_before).collect::<Vec<_>>(),
                after.dues(since, day_before).collect::<Vec<_>>()
            );
        }

        #[test]
        fn the_suggested_amount_is_exactly_what_helps(
            schedule in any_schedule(), joined in 0..900u64, later in 0..900u64, paid in 0..LESS_THAN_20_YEARS
        ) {
            let since = day("2026-01-01") + Days::new(joined);
            let today = since + Days::new(later);
            let at = |cents| standing(&schedule, since, Money::from_cents(cents), today).status;
            let now = standing(&schedule, since, Money::from_cents(paid), today);
            prop_assert!(now.suggested.is_positive());
            let target = paid + now.suggested.cents();
            match now.status {
                Status::Behind { by, .. } => {
                    prop_assert_eq!(by, now.suggested);
                    let paid_up = matches!(at(target), Status::PaidUp { until } if until >= today);
                    prop_assert!(paid_up, "{:?}", at(target));
                    let a_cent_short = matches!(at(target - 1), Status::Behind { by, .. } if by.cents() == 1);
                    prop_assert!(a_cent_short, "{:?}", at(target - 1));
                }
                Status::PaidUp { until } => {
                    prop_assert!(until >= today);
                    let further = matches!(at(target), Status::PaidUp { until: then } if then > until);
                    prop_assert!(further, "{:?}", at(target));
                    prop_assert_eq!(at(target - 1), now.status);
                }
            }
        }
    }
}
