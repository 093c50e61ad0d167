//! How much somebody may borrow, or vouch for, and why. Pure.

use chrono::{DateTime, TimeDelta, Utc};

use super::schedule::percent_of;
use crate::primitives::Money;

/// What the association has decided; see `[loans]` in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitRules {
    /// From the first contribution until a first loan.
    pub history: TimeDelta,
    /// What must have been contributed by then.
    pub contributed_least: Money,
    /// A first loan, as a percentage of what was contributed.
    pub first_percent: u32,
    /// More for each loan that was paid back in time.
    pub step_percent: u32,
    pub most_percent: u32,
}

/// What is known of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub first_contribution: Option<DateTime<Utc>>,
    pub contributed: Money,
    /// Owes the welfare fund this much.
    pub behind: Money,
    /// Loans paid back without ever falling into arrears.
    pub repaid_in_time: u32,
    /// Loans paid back that had been in arrears on the way.
    pub repaid_late: u32,
    pub written_off: u32,
    /// The principal of the loan that runs.
    pub principal_out: Money,
    /// Has asked for a loan, or has one.
    pub has_loan: bool,
    /// Held of guarantees for others.
    pub held_for_others: Money,
}

/// What somebody may borrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub amount: Money,
    pub why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// This percentage of what was contributed.
    Contributions {
        percent: u32,
    },
    /// The same, less what is held for others.
    LessGuarantees {
        percent: u32,
        held: Money,
    },
    NeverContributed,
    /// Contributes for too short a time yet.
    TooShort {
        until: DateTime<Utc>,
    },
    TooLittle {
        least: Money,
    },
    BehindWithFund {
        by: Money,
    },
    HasLoan,
    /// A loan had to be written off.
    WrittenOff,
}

/// What a member may borrow now, in whole shillings.
pub fn limit(rules: &LimitRules, record: &Record, now: DateTime<Utc>) -> Limit {
    let none = |why| Limit {
        amount: Money::ZERO,
        why,
    };
    if record.has_loan {
        return none(Why::HasLoan);
    }
    let percent = match history(rules, record, now) {
        Ok(percent) => percent,
        Err(why) => return none(why),
    };
    let amount = free(record, percent);
    let held = record.held_for_others;
    Limit {
        amount,
        why: match held.is_positive() {
            true => Why::LessGuarantees { percent, held },
            false => Why::Contributions { percent },
        },
    }
}

/// What a member may vouch for now: what they could borrow, less the principal of their own loan and what they hold already.
pub fn capacity(rules: &LimitRules, record: &Record, now: DateTime<Utc>) -> Money {
    history(rules, record, now).map_or(Money::ZERO, |percent| free(record, percent))
}

fn history(rules: &LimitRules, record: &Record, now: DateTime<Utc>) -> Result<u32, Why> {
    if record.written_off > 0 {
        return Err(Why::WrittenOff);
    }
    let first = record.first_contribution.ok_or(Why::NeverContributed)?;
    let until = first + rules.history;
    if now < until {
        return Err(Why::TooShort { until });
    }
    if record.contributed < rules.contributed_least {
        return Err(Why::TooLittle {
            least: rules.contributed_least,
        });
    }
    if record.behind.is_positive() {
        return Err(Why::BehindWithFund { by: record.behind });
    }
    // A late one takes back what one in time has earned.
    let steps = record.repaid_in_time.saturating_sub(record.repaid_late);
    let earned = rules.step_percent.saturating_mul(steps);
    Ok(rules
        .first_percent
        .saturating_add(earned)
        .min(rules.most_percent))
}

fn free(record: &Record, percent: u32) -> Money {
    let base = percent_of(record.contributed, percent);
    let free = base - record.held_for_others - record.principal_out;
    Money::from_shillings(free.max(Money::ZERO).cents() / 100)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn now() -> DateTime<Utc> {
        at("2026-11-20T09:00:00Z")
    }

    fn rules() -> LimitRules {
        LimitRules {
            history: TimeDelta::days(30),
            contributed_least: Money::from_shillings(800),
            first_percent: 300,
            step_percent: 100,
            most_percent: 600,
        }
    }

    fn amina() -> Record {
        Record {
            first_contribution: Some(at("2026-09-21T06:00:00Z")),
            contributed: Money::from_shillings(1_800),
            ..Record::default()
        }
    }

    #[test]
    fn why_somebody_may_borrow_what() {
        let shillings = Money::from_shillings;
        let early = at("2026-11-01T06:00:00Z");
        let until = early + TimeDelta::days(30);
        for (record, amount, why) in [
            (amina(), 5_400, Why::Contributions { percent: 300 }),
            (
                Record {
                    repaid_in_time: 2,
                    ..amina()
                },
                9_000,
                Why::Contributions { percent: 500 },
            ),
            (
                Record {
                    repaid_in_time: 9,
                    ..amina()
                },
                10_800,
                Why::Contributions { percent: 600 },
            ),
            (
                Record {
                    repaid_in_time: 1,
                    repaid_late: 3,
                    ..amina()
                },
                5_400,
                Why::Contributions { percent: 300 },
            ),
            (
                Record {
                    held_for_others: shillings(1_000),
                    ..amina()
                },
                4_400,
                Why::LessGuarantees {
                    percent: 300,
                    held: shillings(1_000),
                },
            ),
            (
                Record {
                    has_loan: true,
                    ..amina()
                },
                0,
                Why::HasLoan,
            ),
            (
                Record {
                    written_off: 1,
                    ..amina()
                },
                0,
                Why::WrittenOff,
            ),
            (Record::default(), 0, Why::NeverContributed),
            (
                Record {
                    first_contribution: Some(early),
                    ..amina()
                },
                0,
                Why::TooShort { until },
            ),
            (
                Record {
                    contributed: shillings(799),
                    ..amina()
                },
                0,
                Why::TooLittle {
                    least: shillings(800),
                },
            ),
            (
                Record {
                    behind: shillings(200),
                    ..amina()
                },
                0,
                Why::BehindWithFund { by: shillings(200) },
            ),
        ] {
            let amount = shillings(amount);
            assert_eq!(
                limit(&rules(), &record, now()),
                Limit { amount, why },
                "{record:?}"
            );
        }
    }

    #[test]
    fn who_has_a_loan_may_vouch_for_what_is_left() {
        let record = Record {
            has_loan: true,
            principal_out: Money::from_shillings(3_000),
            held_for_others: Money::from_shillings(400),
            ..amina()
        };
        assert_eq!(
            capacity(&rules(), &record, now()),
            Money::from_shillings(2_000)
        );
        let stretched = Record {
            principal_out: Money::from_shillings(5_400),
            ..record
        };
        assert_eq!(capacity(&rules(), &stretched, now()), Money::ZERO);
    }

    proptest! {
        #[test]
        fn vouching_and_borrowing_together_never_pass_the_whole(
            contributed in 0i64..10_000_000, held in 0i64..10_000_000, out in 0i64..10_000_000, good in 0u32..20, late in 0u32..20,
        ) {
            let record = Record {
                contributed: Money::from_cents(contributed),
                held_for_others: Money::from_cents(held),
                principal_out: Money::from_cents(out),
                repaid_in_time: good,
                repaid_late: late,
                ..amina()
            };
            let free = capacity(&rules(), &record, now());
            let whole = percent_of(record.contributed, rules().most_percent);
            prop_assert!(free >= Money::ZERO);
            prop_assert!(free == Money::ZERO || free + record.held_for_others + record.principal_out <= whole);
            prop_assert!(limit(&rules(), &record, now()).amount.is_whole_shillings());
        }
    }
}
