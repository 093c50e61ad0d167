//! Kenyan mobile numbers in international form.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A Kenyan mobile number as twelve digits, `2547XXXXXXXX` or `2541XXXXXXXX`, without a plus.
///
/// It prints masked (`2547•••001`), so that a number in a log line is an accident we cannot have; ask
/// [`Msisdn::digits`] or [`Msisdn::e164`] where the wire needs the whole of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Msisdn(String);

/// The text is not a Kenyan mobile number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a Kenyan mobile number")]
pub struct NotAPhoneNumber;

impl Msisdn {
    /// Reads `0712 345 678`, `+254712345678`, `254712345678`, `712345678` and the `011...` ranges alike.
    pub fn parse(typed: &str) -> Result<Msisdn, NotAPhoneNumber> {
        if typed.len() > 32
            || typed
                .chars()
                .any(|c| !matches!(c, '0'..='9' | '+' | ' ' | '-' | '(' | ')' | '.'))
        {
            return Err(NotAPhoneNumber);
        }
        let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
        let national = match digits.len() {
            12 => digits.strip_prefix("254"),
            10 => digits.strip_prefix('0'),
            9 => Some(digits.as_str()),
            _ => None,
        };
        match national {
            Some(national) if national.starts_with(['7', '1']) => {
                Ok(Msisdn(format!("254{national}")))
            }
            _ => Err(NotAPhoneNumber),
        }
    }

    /// Twelve digits without a plus, as Daraja writes numbers.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// `+254...`, as Africa's Talking writes numbers.
    pub fn e164(&self) -> String {
        format!("+{}", self.0)
    }

    /// `0712345678`, as people in Kenya write numbers.
    pub fn national(&self) -> String {
        format!("0{}", &self.0[3..])
    }
}

impl fmt::Display for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}•••{}", &self.0[..4], &self.0[9..])
    }
}

impl fmt::Debug for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Msisdn {
    type Error = NotAPhoneNumber;
    fn try_from(digits: String) -> Result<Msisdn, NotAPhoneNumber> {
        Msisdn::parse(&digits)
    }
}

impl From<Msisdn> for String {
    fn from(msisdn: Msisdn) -> String {
        msisdn.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_number_is_one_number() {
        for typed in [
            "0712 345 678",
            "+254712345678",
            "254712345678",
            "712345678",
            " 0712-345-678 ",
        ] {
            assert_eq!(
                Msisdn::parse(typed).map(|m| m.digits().to_owned()),
                Ok("254712345678".to_owned()),
                "{typed}"
            );
        }
        assert!(Msisdn::parse("0112345678").is_ok());
        for typed in [
            "",
            "0812345678",
            "25571234567",
            "MTN",
            "07123456789",
            "+1712345678",
            "٠٧١٢٣٤٥٦٧٨",
        ] {
            assert_eq!(Msisdn::parse(typed), Err(NotAPhoneNumber), "{typed}");
        }
    }

    #[test]
    fn prints_masked() {
        let msisdn = Msisdn::parse("0712345678").unwrap();
        assert_eq!(format!("{msisdn} {msisdn:?}"), "2547•••678 2547•••678");
    }
}
