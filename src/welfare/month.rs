//! A month of a fund's book, and the short code by which any two people see that they read the same book. Pure.
//!
//! The month is a text: a line for what stands before it, then one for each journal that touched the fund, by its number.
//!
//! ```text
//! fund 101 2026-10 after 0000000000000000000000000000000000000000000000000000000000000000 with 0
//! 17 2026-10-05T06:00:00Z in 20000
//! 21 2026-10-09T11:30:05Z out 150000
//! ```
//!
//! Amounts are whole cents, times are UTC cut to the second, each line ends with a newline. The code is the beginning of the text's
//! SHA-256 in hexadecimal, in capitals: `sha256sum` on the text says the same. The hash of the month before stands in the first
//! line, so that a month cannot be changed without changing every month after it.

use std::fmt::Write;

use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest, Sha256};

use crate::primitives::Money;

/// One journal, as the fund's account has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookLine {
    pub journal: i64,
    pub at: DateTime<Utc>,
    /// Negative when it left the fund.
    pub moved: Money,
}

/// A SHA-256, and its beginning as people compare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthHash(pub [u8; 32]);

/// A closed month: its sums, and the hash of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month {
    /// The first day.
    pub month: NaiveDate,
    pub lines: u32,
    pub opening: Money,
    pub money_in: Money,
    pub money_out: Money,
    pub hash: MonthHash,
}

impl MonthHash {
    /// Before the first month.
    pub const NONE: MonthHash = MonthHash([0; 32]);

    /// Eight characters.
    pub fn code(&self) -> String {
        hex(&self.0[..4]).to_uppercase()
    }
}

impl Month {
    pub fn closing(&self) -> Money {
        self.opening + self.money_in - self.money_out
    }
}

/// The text of a month, whose SHA-256 is its hash. `fund` is the stage's code as printed on cards.
pub fn text_of(
    fund: &str,
    month: NaiveDate,
    opening: Money,
    previous: MonthHash,
    lines: &[BookLine],
) -> String {
    let mut sorted: Vec<&BookLine> = lines.iter().collect();
    sorted.sort_by_key(|line| line.journal);
    let mut text = format!(
        "fund {fund} {} after {} with {}\n",
        month.format("%Y-%m"),
        hex(&previous.0),
        opening.cents()
    );
    for line in sorted {
        let (way, cents) = match line.moved < Money::ZERO {
            true => ("out", -line.moved.cents()),
            false => ("in", line.moved.cents()),
        };
        let at = line.at.format("%Y-%m-%dT%H:%M:%SZ");
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{} {at} {way} {cents}", line.journal);
    }
    text
}

/// Adds a month up.
pub fn close(
    fund: &str,
    month: NaiveDate,
    opening: Money,
    previous: MonthHash,
    lines: &[BookLine],
) -> Month {
    let sum = |sign: i64| -> Money {
        lines
            .iter()
            .filter(|line| line.moved.cents().signum() == sign)
            .map(|line| line.moved)
            .sum()
    };
    let text = text_of(fund, month, opening, previous, lines);
    Month {
        month,
        lines: u32::try_from(lines.len()).unwrap_or(u32::MAX),
        opening,
        money_in: sum(1),
        money_out: -sum(-1),
        hash: MonthHash(Sha256::digest(text.as_bytes()).into()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(journal: i64, at: &str, cents: i64) -> BookLine {
        BookLine {
            journal,
            at: at.parse().unwrap(),
            moved: Money::from_cents(cents),
        }
    }

    fn october() -> Vec<BookLine> {
        vec![
            line(21, "2026-10-09T11:30:05.75Z", -150_000),
            line(17, "2026-10-05T06:00:00Z", 20_000),
        ]
    }

    fn first() -> NaiveDate {
        "2026-10-01".parse().unwrap()
    }

    #[test]
    fn the_text_is_the_one_in_the_documents() {
        let text = text_of("101", first(), Money::ZERO, MonthHash::NONE, &october());
        let zeros = "0".repeat(64);
        assert_eq!(
            text,
            format!(
                "fund 101 2026-10 after {zeros} with 0\n17 2026-10-05T06:00:00Z in 20000\n21 2026-10-09T11:30:05Z out 150000\n"
            )
        );
    }

    /// The code of the text above as `sha256sum` of coreutils says it.
    #[test]
    fn the_code_is_what_sha256sum_says() {
        let month = close("101", first(), Money::ZERO, MonthHash::NONE, &october());
        assert_eq!(month.hash.code(), "63D634F0");
        assert_eq!(month.money_in, Money::from_shillings(200));
        assert_eq!(month.money_out, Money::from_shillings(1_500));
        assert_eq!(month.closing(), Money::from_shillings(-1_300));
    }

    proptest! {
        #[test]
        fn any_change_of_a_line_changes_this_month_and_the_next(
            cents in proptest::collection::vec(prop_oneof![1..1_000_000i64, -1_000_000..-1i64], 1..20), at in 0usize..20, other in 1..5_000i64,
        ) {
            let lines: Vec<BookLine> = cents
                .iter()
                .zip(1..)
                .map(|(cents, journal)| line(journal, "2026-10-05T06:00:00Z", *cents))
                .collect();
            let mut changed = lines.clone();
            let at = at % changed.len();
            changed[at].moved = changed[at].moved + Money::from_cents(other);
            let november = "2026-11-01".parse().unwrap();
            let both = |lines: &[BookLine]| {
                let month = close("101", first(), Money::ZERO, MonthHash::NONE, lines);
                // Whoever hides the change in the sum still has another hash before the next month.
                let next = close("101", november, Money::ZERO, month.hash, &[]);
                (month.hash, next.hash)
            };
            let (told, forged) = (both(&lines), both(&changed));
            prop_assert_ne!(told.0, forged.0);
            prop_assert_ne!(told.1, forged.1);
        }

        #[test]
        fn the_order_in_which_lines_are_read_does_not_matter(
            cents in proptest::collection::vec(-1_000i64..1_000, 0..20), turn in 0usize..20,
        ) {
            let lines: Vec<BookLine> = cents
                .iter()
                .zip(1..)
                .map(|(cents, journal)| line(journal, "2026-10-05T06:00:00Z", *cents))
                .collect();
            let mut turned = lines.clone();
            if !turned.is_empty() {
                let by = turn % turned.len();
                turned.rotate_left(by);
            }
            let sum = |lines: &[BookLine]| close("101", first(), Money::from_cents(7), MonthHash::NONE, lines);
            let month = sum(&lines);
            prop_assert_eq!(month, sum(&turned));
            let moved: Money = lines.iter().map(|line| line.moved).sum();
            prop_assert_eq!(month.closing(), month.opening + moved);
        }
    }
}
