//! Receipt numbers, one series for each year in Nairobi, without gaps.

use std::fmt;

/// Shown as `KWR-2026-000001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReceiptNumber {
    pub year: i32,
    /// From 1 in each year.
    pub serial: i32,
}

impl fmt::Display for ReceiptNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KWR-{}-{:06}", self.year, self.serial)
    }
}
