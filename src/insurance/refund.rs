//! What comes back of a policy that is cancelled. Pure.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::cover::Period;
use crate::primitives::Money;

/// A premium and what it paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaidFor {
    pub period: Period,
    pub amount: Money,
    /// Ours of the amount.
    pub commission: Money,
}

/// Money that goes back to the holder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refund {
    pub amount: Money,
    /// What of it we give back of our commission; the rest is the insurer's.
    pub commission: Money,
}

/// So much of the premiums as pays for days that have not begun, less what the product keeps of it. Cents are cut off, so that
/// nobody ever gets back more than was paid.
pub fn refund(premiums: &[PaidFor], percent: Decimal, now: DateTime<Utc>) -> Refund {
    premiums
        .iter()
        .map(|paid| {
            let share = |of: Money| {
                let unused = Decimal::from(paid.period.days_unused(now));
                let part = of.as_decimal() * unused * percent;
                let part = part / Decimal::from(paid.period.days()) / Decimal::ONE_HUNDRED;
                Money::try_from(part.trunc_with_scale(2)).unwrap_or_default()
            };
            Refund {
                amount: share(paid.amount),
                commission: share(paid.commission),
            }
        })
        .fold(Refund::default(), |sum, one| Refund {
            amount: sum.amount + one.amount,
            commission: sum.commission + one.commission,
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::insurance::cover::{Cover, Paid, Rules, Term};
    use chrono::TimeDelta;

    const RULES: Rules = Rules {
        grace: TimeDelta::hours(6),
        remind_before: TimeDelta::hours(12),
        lapse_after: TimeDelta::days(3),
        return_within: TimeDelta::days(30),
    };

    fn paid_for(periods: &[Period], price: Money, commission: Money) -> Vec<PaidFor> {
        let each = |period: &Period| PaidFor {
            period: *period,
            amount: price,
            commission,
        };
        periods.iter().map(each).collect()
    }

    fn at(written: &str) -> DateTime<Utc> {
        written.parse().unwrap()
    }

    #[test]
    fn what_comes_back() {
        // Paid at two in the afternoon of the 20th in Nairobi: ten days and then ten more.
        let ten = Paid {
            at: at("2026-11-20T11:00:00Z"),
            terms: 10,
        };
        let cover = Cover::of([ten, ten], Term::Day, &RULES);
        let premiums = paid_for(
            cover.periods(),
            Money::from_shillings(300),
            Money::from_shillings(30),
        );
        for (now, percent, amount, commission) in [
            ("2026-11-20T11:00:00Z", 100, 57_000, 5_700),
            ("2026-11-20T11:00:00Z", 80, 45_600, 4_560),
            ("2026-11-21T02:59:00Z", 100, 57_000, 5_700),
            ("2026-11-21T03:00:00Z", 100, 54_000, 5_400),
            ("2026-11-30T03:00:00Z", 100, 27_000, 2_700),
            ("2026-12-10T03:00:00Z", 100, 0, 0),
            ("2026-11-20T11:00:00Z", 0, 0, 0),
        ] {
            let wanted = Refund {
                amount: Money::from_cents(amount),
                commission: Money::from_cents(commission),
            };
            let got = refund(&premiums, Decimal::from(percent), at(now));
            assert_eq!(got, wanted, "{now} {percent}");
        }
    }

    proptest! {
        #[test]
        fn never_more_than_was_paid_and_less_as_time_goes_by(
            premiums in proptest::collection::vec((0i64..100_000, 1u32..20), 0..10), price in 1i64..1_000_000,
            percent in 0u32..=100, now in 0i64..150_000,
        ) {
            let begin = at("2026-11-01T00:00:00Z");
            let paid = premiums.iter().map(|(minute, terms)| Paid { at: begin + TimeDelta::minutes(*minute), terms: *terms });
            let cover = Cover::of(paid, Term::Day, &RULES);
            let price = Money::from_cents(price);
            let commission = Money::from_cents(price.cents() / 10);
            let premiums = paid_for(cover.periods(), price, commission);
            let percent = Decimal::from(percent);
            let now = begin + TimeDelta::minutes(now);
            let back = refund(&premiums, percent, now);
            let all: Money = premiums.iter().map(|one| one.amount).sum();
            prop_assert!(back.amount <= all && back.amount >= Money::ZERO);
            prop_assert!(back.commission <= back.amount);
            let later = refund(&premiums, percent, now + TimeDelta::days(1));
            prop_assert!(later.amount <= back.amount);
        }
    }
}
