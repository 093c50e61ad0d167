//! What falls due when. Pure, in whole cents, and the sums are exact.
//!
//! * Flat: interest on the whole principal for the whole term, rounded once, half a cent up; principal and interest are each
//!   split evenly, cents below, and the last instalment takes what is left.
//! * Reducing balance: an equal instalment, rounded to the nearest cent; of each, the interest of its period on the principal
//!   still out, rounded half a cent up, and the rest principal. The last instalment takes whatever principal is left.

use chrono::{Days, Months, NaiveDate};
use serde::Deserialize;

use super::product::part_of;
use crate::primitives::Money;

/// How interest is reckoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Flat,
    Reducing,
}

/// How far apart instalments are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Week,
    Month,
}

/// What decides a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    pub method: Method,
    /// Interest a year, in hundredths of a per cent.
    pub rate_bp: u32,
    pub period: Period,
    pub principal: Money,
    /// How many instalments, at least one.
    pub instalments: u16,
}

/// One instalment as it was agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// From 1.
    pub number: u16,
    pub principal: Money,
    pub interest: Money,
}

impl Planned {
    pub fn total(&self) -> Money {
        self.principal + self.interest
    }
}

impl Terms {
    /// The instalments in their order. Their principal is the loan's, to the cent.
    pub fn plan(&self) -> Vec<Planned> {
        match self.method {
            Method::Flat => self.flat(),
            Method::Reducing => self.reducing(),
        }
    }

    /// All the interest of a loan that is paid as agreed.
    pub fn interest(&self) -> Money {
        self.plan().iter().map(|planned| planned.interest).sum()
    }

    /// The day on which the instalment with this number falls due. A month without the day has its last day instead.
    pub fn due_on(&self, lent_on: NaiveDate, number: u16) -> NaiveDate {
        let due = match self.period {
            Period::Week => lent_on.checked_add_days(Days::new(7 * u64::from(number))),
            Period::Month => lent_on.checked_add_months(Months::new(u32::from(number))),
        };
        due.unwrap_or(NaiveDate::MAX)
    }

    fn flat(&self) -> Vec<Planned> {
        let count = i64::from(self.instalments.max(1));
        let principal = self.principal.cents();
        let interest = half_up(
            i128::from(principal) * i128::from(self.rate_bp) * i128::from(count),
            10_000 * i128::from(self.period.in_a_year()),
        );
        (1..=self.instalments.max(1))
            .map(|number| {
                let is_last = i64::from(number) == count;
                let share = |whole: i64| match is_last {
                    true => whole - whole / count * (count - 1),
                    false => whole / count,
                };
                Planned {
                    number,
                    principal: Money::from_cents(share(principal)),
                    interest: Money::from_cents(share(interest)),
                }
            })
            .collect()
    }

    fn reducing(&self) -> Vec<Planned> {
        let each = self.equal_instalment();
        let mut out = self.principal.cents();
        (1..=self.instalments.max(1))
            .map(|number| {
                let interest = self.interest_of_a_period(out);
                let principal = match number == self.instalments.max(1) {
                    true => out,
                    false => (each - interest).clamp(0, out),
                };
                out -= principal;
                Planned {
                    number,
                    principal: Money::from_cents(principal),
                    interest: Money::from_cents(interest),
                }
            })
            .collect()
    }

    fn interest_of_a_period(&self, out: i64) -> i64 {
        let yearly = i128::from(out) * i128::from(self.rate_bp);
        half_up(yearly, 10_000 * i128::from(self.period.in_a_year()))
    }

    /// P r (1 + r)^n / ((1 + r)^n - 1), in cents, with r in units of 10^-15: the error is far below a cent.
    fn equal_instalment(&self) -> i64 {
        let count = i128::from(self.instalments.max(1));
        let principal = i128::from(self.principal.cents());
        let rate = i128::from(self.rate_bp) * ONE / (10_000 * i128::from(self.period.in_a_year()));
        if rate == 0 {
            return half_up(principal, count);
        }
        let mut growth = ONE;
        for _ in 0..count {
            growth = growth * (ONE + rate) / ONE;
        }
        let of_one_cent = rate * growth / (growth - ONE);
        half_up(principal * of_one_cent, ONE)
    }
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Flat => "flat",
            Method::Reducing => "reducing",
        }
    }

    pub fn parse(word: &str) -> Option<Method> {
        [Method::Flat, Method::Reducing]
            .into_iter()
            .find(|method| method.as_str() == word)
    }
}

impl Period {
    pub fn as_str(self) -> &'static str {
        match self {
            Period::Week => "week",
            Period::Month => "month",
        }
    }

    pub fn parse(word: &str) -> Option<Period> {
        [Period::Week, Period::Month]
            .into_iter()
            .find(|period| period.as_str() == word)
    }

    fn in_a_year(self) -> u32 {
        match self {
            Period::Week => 52,
            Period::Month => 12,
        }
    }
}

/// What the running period costs by now: its interest by the days that have passed of it, half a cent up.
pub(super) fn interest_so_far(interest: Money, days_passed: i64, days: i64) -> Money {
    let days = days.max(1);
    let passed = i128::from(days_passed.clamp(0, days));
    let part = half_up(i128::from(interest.cents()) * passed, i128::from(days));
    Money::from_cents(part)
}

/// How much of an amount belongs to a part of a whole, cents below.
pub(super) fn share_of(amount: Money, part: Money, whole: Money) -> Money {
    let whole = i128::from(whole.cents().max(1));
    let share = i128::from(amount.cents()) * i128::from(part.cents()) / whole;
    Money::from_cents(i64::try_from(share).unwrap_or(i64::MAX))
}

/// What this part of an amount is, in hundredths of a per cent.
pub(super) fn percent_of(amount: Money, percent: u32) -> Money {
    part_of(amount, percent.saturating_mul(100))
}

const ONE: i128 = 1_000_000_000_000_000;

fn half_up(dividend: i128, divisor: i128) -> i64 {
    i64::try_from((2 * dividend + divisor).div_euclid(2 * divisor)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms(method: Method, rate_bp: u32, period: Period, cents: i64, instalments: u16) -> Terms {
        Terms {
            method,
            rate_bp,
            period,
            principal: Money::from_cents(cents),
            instalments,
        }
    }

    fn cents(planned: &Planned) -> (i64, i64) {
        (planned.principal.cents(), planned.interest.cents())
    }

    /// Wikipedia, "Mortgage calculator": 200,000 at 6.5 % over 30 years is 1,264.14 a month.
    #[test]
    fn the_mortgage_of_the_encyclopaedia() {
        let mortgage = terms(Method::Reducing, 650, Period::Month, 20_000_000, 360);
        let plan = mortgage.plan();
        assert!(
            plan[..359]
                .iter()
                .all(|planned| planned.total().cents() == 126_414)
        );
        // Its first month's interest: 200,000 x 0.065 / 12.
        assert_eq!(cents(&plan[0]), (126_414 - 108_333, 108_333));
        // Half a cent of each instalment, with thirty years of interest on it.
        assert!((plan[359].total().cents() - 126_414).abs() < 700);
    }

    /// Investopedia, "Amortized Loan": 30,000 at 3 % over four years is 664.03 a month; the table's first rows.
    #[test]
    fn the_car_of_investopedia() {
        let plan = terms(Method::Reducing, 300, Period::Month, 3_000_000, 48).plan();
        assert_eq!(cents(&plan[0]), (58_903, 7_500));
        assert_eq!(cents(&plan[1]), (59_050, 7_353));
        assert_eq!(plan[2].total().cents(), 66_403);
    }

    /// TurnKey Lender, "Flat Interest Rate", examples 1 and 2: 1,000 at 1 % a month over 3, 10,000 at 36 % a year over 12.
    #[test]
    fn flat_loans_of_a_lender_s_handbook() {
        let plan = terms(Method::Flat, 1_200, Period::Month, 100_000, 3).plan();
        let rows: Vec<_> = plan.iter().map(cents).collect();
        assert_eq!(rows, [(33_333, 1_000), (33_333, 1_000), (33_334, 1_000)]);
        let plan = terms(Method::Flat, 3_600, Period::Month, 1_000_000, 12).plan();
        assert_eq!(cents(&plan[0]), (83_333, 30_000));
        assert_eq!(cents(&plan[11]), (83_337, 30_000));
    }

    /// Wikipedia, "Flat rate (finance)": 1,200 over 12 months at 1 % a month is 112 each.
    #[test]
    fn the_flat_loan_of_the_encyclopaedia() {
        let plan = terms(Method::Flat, 1_200, Period::Month, 120_000, 12).plan();
        assert!(plan.iter().all(|planned| planned.total().cents() == 11_200));
    }

    #[test]
    fn without_interest_only_the_principal_is_paid_back() {
        for method in [Method::Flat, Method::Reducing] {
            let plan = terms(method, 0, Period::Week, 100_001, 4).plan();
            let paid: Vec<_> = plan.iter().map(cents).collect();
            assert_eq!(paid, [(25_000, 0), (25_000, 0), (25_000, 0), (25_001, 0)]);
        }
    }

    #[test]
    fn a_month_without_the_day_has_its_last() {
        let monthly = terms(Method::Flat, 0, Period::Month, 100, 3);
        let lent: NaiveDate = "2026-12-31".parse().unwrap();
        let days: Vec<_> = (1..=3)
            .map(|number| monthly.due_on(lent, number).to_string())
            .collect();
        assert_eq!(days, ["2027-01-31", "2027-02-28", "2027-03-31"]);
        let weekly = terms(Method::Flat, 0, Period::Week, 100, 3);
        assert_eq!(weekly.due_on(lent, 2).to_string(), "2027-01-14");
    }

    #[test]
    fn a_running_period_costs_what_has_passed_of_it() {
        let interest = Money::from_cents(1_001);
        let so_far = |days| interest_so_far(interest, days, 7).cents();
        assert_eq!(
            [so_far(0), so_far(1), so_far(7), so_far(9)],
            [0, 143, 1_001, 1_001]
        );
    }

    prop_compose! {
        fn any_terms()(
            flat: bool, weekly: bool, rate_bp in 0u32..20_000, cents in 100i64..100_000_000, instalments in 1u16..105
        ) -> Terms {
            terms(
                if flat { Method::Flat } else { Method::Reducing },
                rate_bp,
                if weekly { Period::Week } else { Period::Month },
                cents,
                instalments,
            )
        }
    }

    proptest! {
        #[test]
        fn the_sums_are_exact(terms in any_terms()) {
            let plan = terms.plan();
            prop_assert_eq!(plan.len(), usize::from(terms.instalments));
            prop_assert_eq!(plan.iter().map(|planned| planned.principal).sum::<Money>(), terms.principal);
            let total: Money = plan.iter().map(Planned::total).sum();
            prop_assert_eq!(total, terms.principal + terms.interest());
            prop_assert!(plan.iter().all(|planned| planned.principal >= Money::ZERO && planned.interest >= Money::ZERO));
        }

        #[test]
        fn instalments_are_equal_but_for_the_last(terms in any_terms()) {
            // At 16 % a month for seven years half a cent outgrows an instalment: nobody lends so.
            let terms = Terms { rate_bp: terms.rate_bp % 6_000, ..terms };
            let plan = terms.plan();
            // A loan of a few shillings may be paid off before its last instalment.
            prop_assume!(terms.principal.cents() >= 100_000);
            let first = plan[0].total();
            prop_assert!(plan[..plan.len() - 1].iter().all(|planned| planned.total() == first));
            let last = plan[plan.len() - 1].total();
            // Flat: a cent of principal and one of interest each. Reducing: a cent of each rounding, with the interest on it.
            let grown = (0..terms.instalments).fold(0i128, |sum, _| sum + 1_000_000 + sum * i128::from(terms.rate_bp) / 120_000);
            let slack = match terms.method {
                Method::Flat => 2 * i64::from(terms.instalments),
                Method::Reducing => i64::try_from(grown / 1_000_000).unwrap() + 2,
            };
            prop_assert!((last.cents() - first.cents()).abs() <= slack, "{} {}", first, last);
        }

        #[test]
        fn more_instalments_never_cost_less(terms in any_terms()) {
            prop_assume!(terms.instalments > 1);
            let shorter = Terms { instalments: terms.instalments - 1, ..terms };
            // Rounding may give back a cent for each instalment.
            prop_assert!(terms.interest().cents() + i64::from(terms.instalments) >= shorter.interest().cents());
        }
    }
}
