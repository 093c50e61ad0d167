//! The number on a member's card, and the rule that a year's numbers have no gaps.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Serialize};

use crate::primitives::nairobi_date;

/// `KTS-2026-0001`: the year of the approval as Nairobi counts it, and the place in that year from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MemberNumber {
    year: i32,
    serial: i32,
}

/// The text is not a member number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a member number such as KTS-2026-0001")]
pub struct NotAMemberNumber;

impl MemberNumber {
    /// Years 2020 to 2200, serials from 1.
    pub fn new(year: i32, serial: i32) -> Result<MemberNumber, NotAMemberNumber> {
        let is_number = (2020..=2200).contains(&year) && serial > 0;
        if is_number {
            Ok(MemberNumber { year, serial })
        } else {
            Err(NotAMemberNumber)
        }
    }

    /// Reads what a person types or reads out: `KTS-2026-0001`, `kts 2026 1`, `KTS20260001`, `2026/0001`.
    pub fn parse(typed: &str) -> Result<MemberNumber, NotAMemberNumber> {
        if typed.len() > 32 || !typed.is_ascii() {
            return Err(NotAMemberNumber);
        }
        let bare = typed.trim().to_ascii_uppercase();
        let bare = bare
            .strip_prefix("KTS")
            .unwrap_or(&bare)
            .trim_start_matches(BETWEEN);
        let (year, serial) = bare.split_at_checked(4).ok_or(NotAMemberNumber)?;
        let serial = serial.trim_start_matches(BETWEEN);
        let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(year) || !all_digits(serial) {
            return Err(NotAMemberNumber);
        }
        MemberNumber::new(
            year.parse().map_err(|_| NotAMemberNumber)?,
            serial.parse().map_err(|_| NotAMemberNumber)?,
        )
    }

    pub fn year(self) -> i32 {
        self.year
    }

    pub fn serial(self) -> i32 {
        self.serial
    }
}

const BETWEEN: [char; 4] = ['-', ' ', '/', '.'];

/// Hands out the next numbers, in the order given: to each approval the next place in its own year, after the last one taken.
pub(super) fn number_in_order<T>(
    approved: impl IntoIterator<Item = (T, DateTime<Utc>)>,
    last_taken: &BTreeMap<i32, i32>,
) -> Vec<(T, MemberNumber)> {
    let mut last = last_taken.clone();
    approved
        .into_iter()
        .map(|(who, approved_at)| {
            let year = numbering_year(approved_at);
            let serial = last.entry(year).or_insert(0);
            *serial += 1;
            (
                who,
                MemberNumber {
                    year,
                    serial: *serial,
                },
            )
        })
        .collect()
}

/// The year whose numbers an approval at this instant draws from.
pub(super) fn numbering_year(approved_at: DateTime<Utc>) -> i32 {
    nairobi_date(approved_at).year()
}

impl fmt::Display for MemberNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KTS-{}-{:04}", self.year, self.serial)
    }
}

impl TryFrom<String> for MemberNumber {
    type Error = NotAMemberNumber;
    fn try_from(text: String) -> Result<MemberNumber, NotAMemberNumber> {
        MemberNumber::parse(&text)
    }
}

impl From<MemberNumber> for String {
    fn from(number: MemberNumber) -> String {
        number.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        for typed in [
            "KTS-2026-0001",
            " kts-2026-1 ",
            "KTS 2026 0001",
            "kts20260001",
            "2026/0001",
            "KTS.2026.01",
        ] {
            assert_eq!(
                MemberNumber::parse(typed).map(|n| n.to_string()),
                Ok("KTS-2026-0001".to_owned()),
                "{typed}"
            );
        }
        assert_eq!(
            MemberNumber::parse("KTS-2026-12345").unwrap().to_string(),
            "KTS-2026-12345"
        );
        for typed in [
            "",
            "KTS",
            "KTS-2026",
            "KTS-2026-",
            "KTS-2026-0",
            "KTS-1999-0001",
            "KTS-2026-99999999999",
            "KTA-2026-0001",
            "KTS-2026--x",
            "２０２６-1",
        ] {
            assert_eq!(MemberNumber::parse(typed), Err(NotAMemberNumber), "{typed}");
        }
    }

    #[test]
    fn the_year_turns_at_midnight_in_nairobi() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let approved = [
            ("old", at("2026-12-31T20:59:59Z")),
            ("new", at("2026-12-31T21:00:00Z")),
            ("newer", at("2027-01-05T09:00:00Z")),
        ];
        let numbered = number_in_order(approved, &BTreeMap::from([(2026, 41)]));
        let texts: Vec<(&str, String)> = numbered
            .into_iter()
            .map(|(who, number)| (who, number.to_string()))
            .collect();
        assert_eq!(
            texts,
            [
                ("old", "KTS-2026-0042".into()),
                ("new", "KTS-2027-0001".into()),
                ("newer", "KTS-2027-0002".into())
            ]
        );
    }

    proptest! {
        #[test]
        fn a_number_survives_being_written_and_read(year in 2020..=2200, serial in 1..=i32::MAX) {
            let number = MemberNumber::new(year, serial).unwrap();
            prop_assert_eq!(MemberNumber::parse(&number.to_string()), Ok(number));
        }

        #[test]
        fn whatever_is_typed_is_read_or_refused(typed in "(?i:kts)?\\PC{0,20}") {
            if let Ok(number) = MemberNumber::parse(&typed) {
                prop_assert_eq!(MemberNumber::parse(&number.to_string()), Ok(number));
            }
        }
    }
}
