//! Who among the staff did something.

use std::fmt;

use serde::Serialize;

/// Somebody of the staff, as they are written down: in small letters and with single blanks, so that nobody is two people where two are
/// wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct StaffName(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name has 2 to 40 letters, digits, blanks, points, hyphens or apostrophes, and begins with a letter or digit"
)]
pub struct NotAStaffName;

impl StaffName {
    /// Two to forty letters from a to z, digits, blanks, points, hyphens or apostrophes.
    pub fn parse(typed: &str) -> Result<StaffName, NotAStaffName> {
        let words: Vec<&str> = typed.split_whitespace().collect();
        let name = words.join(" ").to_lowercase();
        let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        let plain = name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || " .'-".contains(c));
        match (2..=40).contains(&name.len()) && begins_well && plain {
            true => Ok(StaffName(name)),
            false => Err(NotAStaffName),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StaffName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_two_people() {
        let jane = StaffName::parse("Jane O'Brien W.").unwrap();
        for typed in [
            "jane o'brien w.",
            "  JANE   O'Brien W. ",
            "Jane\tO'Brien W.",
        ] {
            assert_eq!(StaffName::parse(typed), Ok(jane.clone()), "{typed}");
        }
        for typed in [
            "",
            "j",
            " . ",
            "jane;drop",
            "-jane",
            "Ünal",
            &"x".repeat(41),
        ] {
            assert_eq!(StaffName::parse(typed), Err(NotAStaffName), "{typed}");
        }
    }
}
