//! How old arrears are. Pure.

use chrono::NaiveDate;

use super::allocation::Book;
use crate::primitives::Money;

/// By the days since the oldest late instalment fell due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    Current,
    To30,
    To60,
    To90,
    Over90,
}

impl Bucket {
    pub const ALL: [Bucket; 5] = [
        Bucket::Current,
        Bucket::To30,
        Bucket::To60,
        Bucket::To90,
        Bucket::Over90,
    ];

    pub fn of_days(days: i64) -> Bucket {
        match days {
            ..=0 => Bucket::Current,
            1..=30 => Bucket::To30,
            31..=60 => Bucket::To60,
            61..=90 => Bucket::To90,
            _ => Bucket::Over90,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Bucket::Current => "current",
            Bucket::To30 => "1-30 days",
            Bucket::To60 => "31-60 days",
            Bucket::To90 => "61-90 days",
            Bucket::Over90 => "over 90 days",
        }
    }
}

/// How a loan stands in the lender's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    pub bucket: Bucket,
    pub days: i64,
    pub late: Money,
    pub principal_out: Money,
}

pub fn age(book: &Book, today: NaiveDate) -> Age {
    let days = book
        .late_since(today)
        .map_or(0, |since| (today - since).num_days());
    Age {
        bucket: Bucket::of_days(days),
        days,
        late: book.late(today),
        principal_out: book.principal_out(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_its_last_day() {
        for (days, bucket) in [
            (-3, Bucket::Current),
            (0, Bucket::Current),
            (1, Bucket::To30),
            (30, Bucket::To30),
            (31, Bucket::To60),
            (60, Bucket::To60),
            (90, Bucket::To90),
            (91, Bucket::Over90),
            (4_000, Bucket::Over90),
        ] {
            assert_eq!(Bucket::of_days(days), bucket, "{days}");
        }
        assert!(Bucket::ALL.is_sorted());
    }
}
