//! The names under which a policy is known to people: its number, for papers, and its code, for proving that there is cover.

use std::fmt;

/// `KSP-2026-00012`: the year of the first premium, and a number that is never given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PolicyNumber {
    pub year: i32,
    pub serial: i32,
}

/// The text is no policy number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a policy number looks like KSP-2026-00012")]
pub struct NotAPolicyNumber;

const PREFIX: &str = "KSP";
const SERIAL_DIGITS: std::ops::RangeInclusive<usize> = 1..=9;

impl PolicyNumber {
    /// Reads it as people type it: any case, with any signs or none between its parts, and `O` for a nought.
    pub fn parse(typed: &str) -> Result<PolicyNumber, NotAPolicyNumber> {
        let bare = bare(typed).ok_or(NotAPolicyNumber)?;
        let digits: String = bare
            .strip_prefix(PREFIX)
            .ok_or(NotAPolicyNumber)?
            .chars()
            .map(|c| match c {
                'O' | 'Q' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect();
        let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        let (year, serial) = digits.split_at_checked(4).ok_or(NotAPolicyNumber)?;
        if !are_digits || !SERIAL_DIGITS.contains(&serial.len()) {
            return Err(NotAPolicyNumber);
        }
        let year = year.parse().map_err(|_| NotAPolicyNumber)?;
        let serial = serial.parse().map_err(|_| NotAPolicyNumber)?;
        if (2020..3000).contains(&year) && serial > 0 {
            Ok(PolicyNumber { year, serial })
        } else {
            Err(NotAPolicyNumber)
        }
    }
}

impl fmt::Display for PolicyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}-{}-{:05}", self.year, self.serial)
    }
}

/// Eight characters that nobody guesses, such as `7K3M9XPA`: at least one digit and one letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProofCode(String);

/// Of characters that look alike only one is used, as in the check codes of receipts.
const ALPHABET: &[u8; 25] = b"23456789ACDEFHJKMNPRTVWXY";
const LENGTH: usize = 8;

impl ProofCode {
    /// A code from bytes that nobody can know. None for a draw that makes none: draw again.
    pub fn drawn(bytes: &[u8]) -> Option<ProofCode> {
        // 250 is the largest multiple of 25 in a byte: what lies above would favour the first characters.
        let fair = bytes.iter().filter(|byte| **byte < 250);
        let code: String = fair
            .take(LENGTH)
            .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
            .collect();
        let is_code = code.len() == LENGTH
            && code.contains(|c: char| c.is_ascii_digit())
            && code.contains(|c: char| c.is_ascii_alphabetic());
        is_code.then_some(ProofCode(code))
    }

    /// Reads it as people type it: any case, with signs between, and look-alikes for the character that is meant.
    pub fn parse(typed: &str) -> Option<ProofCode> {
        let code: String = bare(typed)?
            .chars()
            .map(|c| match c {
                '0' | 'O' | 'Q' => 'D',
                'S' => '5',
                'Z' => '2',
                'B' => '8',
                'G' => '6',
                'U' => 'V',
                other => other,
            })
            .collect();
        let is_code = code.len() == LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte));
        is_code.then_some(ProofCode(code))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Letters and digits alone, in capitals; none for what is too long to be a name of ours.
fn bare(typed: &str) -> Option<String> {
    if typed.len() > 40 {
        return None;
    }
    let kept = typed.chars().filter(|c| c.is_ascii_alphanumeric());
    Some(kept.map(|c| c.to_ascii_uppercase()).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_as_people_type_them() {
        let number = PolicyNumber {
            year: 2026,
            serial: 12,
        };
        for typed in [
            "KSP-2026-00012",
            "ksp 2026 00012",
            "KSP2026/12",
            "ksp2O26-OOO12",
            " KSP.2026.00012 ",
        ] {
            assert_eq!(PolicyNumber::parse(typed), Ok(number), "{typed}");
        }
        for typed in [
            "",
            "KSP",
            "KSP-2026",
            "KSP-2026-0",
            "KTS-2026-0012",
            "KSP-1999-1",
            "KSP-2026-99999999999",
            "7K3M9XPA",
            "KSP-2026-00012é-------------------------------------------",
        ] {
            assert_eq!(PolicyNumber::parse(typed), Err(NotAPolicyNumber), "{typed}");
        }
        assert_eq!(number.to_string(), "KSP-2026-00012");
    }

    proptest! {
        #[test]
        fn what_is_drawn_reads_back(bytes in any::<[u8; 24]>()) {
            if let Some(code) = ProofCode::drawn(&bytes) {
                prop_assert_eq!(ProofCode::parse(&code.as_str().to_lowercase()), Some(code));
            }
        }

        #[test]
        fn a_number_reads_back(year in 2020i32..3000, serial in 1i32..999_999_999) {
            let number = PolicyNumber { year, serial };
            prop_assert_eq!(PolicyNumber::parse(&number.to_string()), Ok(number));
            prop_assert_eq!(ProofCode::parse(&number.to_string()), None);
        }

        #[test]
        fn any_text_is_read_or_left(typed in ".*") {
            let _ = (PolicyNumber::parse(&typed), ProofCode::parse(&typed));
        }
    }
}
