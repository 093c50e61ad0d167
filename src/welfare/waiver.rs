//! What of somebody's arrears is forgiven. Pure.

use chrono::NaiveDate;

use super::plan::Schedule;
use super::standing::owed;
use crate::primitives::Money;

/// How much somebody in charge forgives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgiven {
    /// At most so much of each one's arrears.
    Amount(Money),
    /// All that fell due up to and including this day.
    Through(NaiveDate),
}

/// Why it is forgiven, in words that every member of the stage may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because(String);

impl Because {
    /// 5 to 120 characters; spaces in front, behind and in a row do not count.
    pub fn parse(typed: &str) -> Option<Because> {
        let words: Vec<&str> = typed.split_whitespace().collect();
        let because = words.join(" ");
        (5..=120)
            .contains(&because.chars().count())
            .then_some(Because(because))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the forgiveness comes to for one member on this day: never more than their arrears, so that nobody is paid ahead by it. What
/// is due today is no arrears yet.
pub fn waived(
    what: Forgiven,
    schedule: &Schedule,
    member_since: NaiveDate,
    settled: Money,
    today: NaiveDate,
) -> Money {
    let Some(yesterday) = today.pred_opt() else {
        return Money::ZERO;
    };
    match what {
        Forgiven::Amount(most) => owed(schedule, member_since, settled, yesterday).min(most),
        Forgiven::Through(day) => owed(schedule, member_since, settled, yesterday.min(day)),
    }
}

#[cfg(test)]
mod tests {
    use chrono::Days;
    use proptest::prelude::*;

    use super::*;
    use crate::welfare::standing::{Status, standing};
    use crate::welfare::testing::any_schedule;
    use crate::welfare::{Period, Plan};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn arrears_are_forgiven_by_amount_or_by_day_and_never_more_than_there_are() {
        let mondays = Schedule::new(vec![Plan {
            period: Period::Week,
            amount: Money::from_shillings(200),
            starts_on: day("2026-11-02"),
        }])
        .unwrap();
        let amount = |shillings| Forgiven::Amount(Money::from_shillings(shillings));
        for (what, paid, today, wanted) in [
            (amount(300), 0, "2026-11-20", 300),
            (amount(5_000), 0, "2026-11-20", 600),
            (amount(300), 500, "2026-11-20", 100),
            (amount(300), 600, "2026-11-20", 0),
            // Monday's due is no arrears on Monday.
            (amount(5_000), 0, "2026-11-16", 400),
            (Forgiven::Through(day("2026-11-09")), 0, "2026-11-20", 400),
            (Forgiven::Through(day("2026-11-08")), 0, "2026-11-20", 200),
            (Forgiven::Through(day("2026-11-09")), 300, "2026-11-20", 100),
            (Forgiven::Through(day("2027-11-09")), 0, "2026-11-20", 600),
        ] {
            let paid = Money::from_shillings(paid);
            let waived = waived(what, &mondays, day("2026-11-01"), paid, day(today));
            assert_eq!(waived, Money::from_shillings(wanted), "{what:?} on {today}");
        }
    }

    #[test]
    fn a_reason_is_said_in_words() {
        assert_eq!(
            Because::parse("  in   hospital ").unwrap().as_str(),
            "in hospital"
        );
        for nothing in ["", "ok", "    x   ", &"a".repeat(121)] {
            assert_eq!(Because::parse(nothing), None, "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn forgiveness_helps_with_arrears_and_pays_nothing_ahead(
            schedule in any_schedule(), joined in 0..900u64, later in 0..900u64, paid in 0..200_000i64, most in 1..300_000i64,
            back in 0..300u64, by_day in any::<bool>(),
        ) {
            let since = day("2026-01-01") + Days::new(joined);
            let today = since + Days::new(later);
            let what = match by_day {
                true => Forgiven::Through(today - Days::new(back)),
                false => Forgiven::Amount(Money::from_cents(most)),
            };
            let paid = Money::from_cents(paid);
            let given = waived(what, &schedule, since, paid, today);
            let before = standing(&schedule, since, paid, today).status;
            let after = standing(&schedule, since, paid + given, today).status;
            match (before, after) {
                // Who owes nothing gets nothing.
                (Status::PaidUp { .. }, _) => prop_assert_eq!(given, Money::ZERO),
                (Status::Behind { by, .. }, Status::Behind { by: left, .. }) => prop_assert_eq!(by - given, left),
                (Status::Behind { by, .. }, Status::PaidUp { until }) => {
                    prop_assert_eq!(by, given);
                    // The next due is asked for in full.
                    let next = schedule.dues(since, until).last();
                    if let Some(next) = next.filter(|due| due.day == until) {
                        prop_assert_eq!(standing(&schedule, since, paid + given, today).suggested, next.amount);
                    }
                }
            }
            // Done twice it is done once, but for what an amount left over.
            if by_day {
                prop_assert_eq!(waived(what, &schedule, since, paid + given, today), Money::ZERO);
            }
        }
    }
}
