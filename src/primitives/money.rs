//! Kenya shillings, exact to the cent.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Neg, Sub};

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

/// An exact amount in KES with at most two decimals. Never a float.
///
/// Postgres keeps whole cents (`bigint`); [`Money::cents`] and [`Money::from_cents`] convert without loss.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "Decimal", into = "Decimal")]
pub struct Money(Decimal);

/// The text or number is not an amount of money we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an amount in shillings and at most two decimals of cents")]
pub struct NotMoney;

/// The largest amount held anywhere: what the ledger's `bigint` posting allows, KES 1,000,000,000.
const MAX_CENTS: i64 = 100_000_000_000;

impl Money {
    pub const ZERO: Money = Money(Decimal::ZERO);

    pub fn from_cents(cents: i64) -> Money {
        Money(Decimal::new(cents, 2))
    }

    pub fn from_shillings(shillings: i64) -> Money {
        Money(Decimal::from(shillings))
    }

    /// Whole cents. Exact: the scale is at most two by construction.
    pub fn cents(self) -> i64 {
        (self.0 * Decimal::ONE_HUNDRED).to_i64().unwrap_or(i64::MAX)
    }

    pub fn as_decimal(self) -> Decimal {
        self.0
    }

    pub fn is_positive(self) -> bool {
        self.0 > Decimal::ZERO
    }

    /// True when no cents are left over: M-PESA moves whole shillings only (Daraja, `Amount`).
    pub fn is_whole_shillings(self) -> bool {
        self.0.fract().is_zero()
    }

    /// Reads what a person types for an amount: `200`, `1,500`, `200/=`, `KES 200`, `ksh200.50`, `2k`.
    pub fn parse_typed(typed: &str) -> Result<Money, NotMoney> {
        let lower = typed.trim().to_ascii_lowercase();
        let bare = ["kshs", "ksh", "kes", "sh"]
            .iter()
            .find_map(|unit| lower.strip_prefix(unit))
            .unwrap_or(&lower);
        let bare = bare.trim_start_matches(['.', ' ']).trim_end();
        let bare = ["/=", "/-", "bob", "ksh", "kes", "sh"]
            .iter()
            .find_map(|unit| bare.strip_suffix(unit))
            .unwrap_or(bare);
        let bare = bare.trim_end();
        let (digits, factor) = match bare.strip_suffix('k') {
            Some(thousands) => (thousands, Decimal::ONE_THOUSAND),
            None => (bare, Decimal::ONE),
        };
        let plain: String = digits.chars().filter(|c| !matches!(c, ',' | ' ')).collect();
        let shape_is_plain = plain.starts_with(|c: char| c.is_ascii_digit())
            && plain.chars().all(|c| c.is_ascii_digit() || c == '.');
        if !shape_is_plain || plain.len() > 15 {
            return Err(NotMoney);
        }
        let amount = Decimal::from_str_exact(&plain).map_err(|_| NotMoney)?;
        Money::try_from(amount.checked_mul(factor).ok_or(NotMoney)?)
    }
}

impl TryFrom<Decimal> for Money {
    type Error = NotMoney;
    fn try_from(amount: Decimal) -> Result<Money, NotMoney> {
        let amount = amount.normalize();
        let fits = amount.scale() <= 2 && amount.abs() <= Decimal::new(MAX_CENTS, 2);
        if fits {
            Ok(Money(amount))
        } else {
            Err(NotMoney)
        }
    }
}

impl From<Money> for Decimal {
    fn from(money: Money) -> Decimal {
        money.0
    }
}

impl Add for Money {
    type Output = Money;
    fn add(self, other: Money) -> Money {
        Money(self.0 + other.0)
    }
}

impl Sub for Money {
    type Output = Money;
    fn sub(self, other: Money) -> Money {
        Money(self.0 - other.0)
    }
}

impl Neg for Money {
    type Output = Money;
    fn neg(self) -> Money {
        Money(-self.0)
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Money {
        amounts.fold(Money::ZERO, Add::add)
    }
}

/// `1,250` for whole shillings, `1,250.50` otherwise. The currency word is the text's business.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.cents().unsigned_abs();
        let digits = (cents / 100).to_string();
        if self.0.is_sign_negative() && !self.0.is_zero() {
            f.write_str("-")?;
        }
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        match cents % 100 {
            0 => Ok(()),
            rest => write!(f, ".{rest:02}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_as_people_write_them() {
        for (typed, cents) in [
            ("200", 20_000),
            (" 200/= ", 20_000),
            ("KES 1,500", 150_000),
            ("ksh200.50", 20_050),
            ("Ksh. 50", 5_000),
            ("2k", 200_000),
            ("1.5k", 150_000),
            ("300 bob", 30_000),
        ] {
            assert_eq!(
                Money::parse_typed(typed),
                Ok(Money::from_cents(cents)),
                "{typed}"
            );
        }
        for typed in [
            "",
            "abc",
            "-5",
            "1.005",
            "1e5",
            "0x10",
            "99999999999999",
            "1..2",
            "k",
            ".",
            "٢٠٠",
        ] {
            assert_eq!(Money::parse_typed(typed), Err(NotMoney), "{typed}");
        }
    }

    #[test]
    fn shown_with_commas_and_cents_only_where_there_are_some() {
        assert_eq!(Money::from_cents(125_000).to_string(), "1,250");
        assert_eq!(Money::from_cents(-125_050).to_string(), "-1,250.50");
        assert_eq!(
            Money::from_cents(100_000_000_000).to_string(),
            "1,000,000,000"
        );
        assert_eq!(Money::ZERO.to_string(), "0");
    }
}
