//! How much may leave a wallet. Pure.

use crate::primitives::Money;

/// The most that may leave one wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In one go.
    pub once: Money,
    /// From midnight to midnight in Nairobi.
    pub a_day: Money,
    /// From the first of the month in Nairobi.
    pub a_month: Money,
}

/// What has left a wallet so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    pub today: Money,
    pub this_month: Money,
}

impl Limits {
    /// What may still leave today, in all: never below nothing.
    pub fn left(&self, spent: Spent) -> Money {
        let of_day = self.a_day - spent.today;
        let of_month = self.a_month - spent.this_month;
        of_day.min(of_month).max(Money::ZERO)
    }

    /// Whether so much may leave now.
    pub fn allow(&self, spent: Spent, amount: Money) -> bool {
        amount <= self.once && amount <= self.left(spent)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: (i64, i64, i64) = (20_000, 50_000, 500_000);

    fn limits() -> Limits {
        Limits {
            once: Money::from_shillings(LIMITS.0),
            a_day: Money::from_shillings(LIMITS.1),
            a_month: Money::from_shillings(LIMITS.2),
        }
    }

    fn spent(today: i64, this_month: i64) -> Spent {
        Spent {
            today: Money::from_shillings(today),
            this_month: Money::from_shillings(this_month),
        }
    }

    #[test]
    fn the_tightest_limit_counts() {
        for (today, this_month, amount, allowed, left) in [
            (0, 0, 20_000, true, 50_000),
            (0, 0, 20_001, false, 50_000),
            (45_000, 45_000, 5_000, true, 5_000),
            (45_000, 45_000, 5_001, false, 5_000),
            (0, 499_000, 1_000, true, 1_000),
            (0, 499_000, 1_001, false, 1_000),
            (60_000, 60_000, 1, false, 0),
        ] {
            let amount = Money::from_shillings(amount);
            assert_eq!(
                limits().allow(spent(today, this_month), amount),
                allowed,
                "{today} {this_month} {amount}"
            );
            assert_eq!(
                limits().left(spent(today, this_month)),
                Money::from_shillings(left)
            );
        }
    }

    proptest! {
        #[test]
        fn whatever_was_allowed_never_adds_up_to_more_than_a_limit(amounts in proptest::collection::vec(1i64..30_000, 0..60)) {
            let mut so_far = Spent::default();
            for amount in amounts.into_iter().map(Money::from_shillings) {
                if limits().allow(so_far, amount) {
                    so_far = Spent { today: so_far.today + amount, this_month: so_far.this_month + amount };
                }
            }
            prop_assert!(so_far.today <= limits().a_day && so_far.this_month <= limits().a_month);
        }
    }
}
