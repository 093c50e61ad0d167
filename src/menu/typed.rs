//! What a rider may be asked to type, and how it is read.

use chrono::{Datelike, NaiveDate};

use super::vocabulary::Kind;
use crate::primitives::gsm7;
use crate::primitives::{Money, Msisdn};

/// A type of `ask` and `typed`, with its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// Whole shillings.
    Money {
        min: u64,
        max: u64,
    },
    Phone,
    NationalId,
    /// A day at least and at most so many years before today.
    Date {
        min_years: i32,
        max_years: i32,
    },
    /// Characters after folding.
    Words {
        min: usize,
        max: usize,
    },
    /// How many digits.
    Digits {
        min: usize,
        max: usize,
        /// `0` alone is an answer, and not the way back.
        zero: bool,
    },
    Pin,
}

pub(super) const TYPES: [&str; 7] = [
    "money",
    "phone",
    "national_id",
    "date",
    "words",
    "digits",
    "pin",
];

/// The longest text anybody types on a phone's USSD line.
pub(super) const WORDS_MAX: usize = 80;

impl Type {
    /// `0` alone is an answer, and not the way back.
    pub fn takes_zero(&self) -> bool {
        matches!(self, Type::Digits { zero: true, .. })
    }

    pub fn name(&self) -> &'static str {
        match self {
            Type::Money { .. } => "money",
            Type::Phone => "phone",
            Type::NationalId => "national_id",
            Type::Date { .. } => "date",
            Type::Words { .. } => "words",
            Type::Digits { .. } => "digits",
            Type::Pin => "pin",
        }
    }

    pub fn is_secret(&self) -> bool {
        matches!(self, Type::Pin)
    }

    /// The value to keep (for a PIN: to hand on), or `None` when the input is not of this type.
    pub fn read(&self, typed: &str, today: NaiveDate) -> Option<String> {
        let typed = typed.trim();
        self.read_exactly(typed, today)
            .or_else(|| self.read_exactly(tidy(typed), today))
    }

    fn read_exactly(&self, typed: &str, today: NaiveDate) -> Option<String> {
        match *self {
            Type::Money { min, max } => {
                let money = Money::parse_typed(typed)
                    .ok()
                    .filter(|money| money.is_whole_shillings())?;
                let shillings = u64::try_from(money.cents() / 100).ok()?;
                (min..=max)
                    .contains(&shillings)
                    .then(|| shillings.to_string())
            }
            Type::Phone => Some(Msisdn::parse(typed).ok()?.digits().to_owned()),
            Type::NationalId => digits(typed, 6, 9),
            Type::Date {
                min_years,
                max_years,
            } => {
                let date = read_date(typed)?;
                let years = today
                    .years_since(date)
                    .and_then(|years| i32::try_from(years).ok())?;
                (min_years..=max_years)
                    .contains(&years)
                    .then(|| date.to_string())
            }
            Type::Words { min, max } => {
                let words = words(typed);
                (min..=max)
                    .contains(&words.chars().count())
                    .then_some(words)
            }
            Type::Digits { min, max, .. } => digits(typed, min, max),
            Type::Pin => digits(typed, 4, 4),
        }
    }

    /// The journal may not have it in clear.
    pub fn is_private(&self) -> bool {
        matches!(
            self,
            Type::Phone | Type::NationalId | Type::Date { .. } | Type::Pin
        )
    }

    /// What its kept value is, for measuring and showing.
    pub fn kind(&self) -> Kind {
        match *self {
            Type::Money { max, .. } => Kind::Money(max),
            Type::Phone => Kind::Phone,
            Type::NationalId => Kind::Code(9),
            Type::Date { .. } => Kind::Date,
            Type::Words { max, .. } => Kind::Words(max),
            Type::Digits { max, .. } => Kind::Code(max),
            Type::Pin => Kind::Hidden,
        }
    }

    /// Its limits as a hint says them; `None` where it has none to say.
    pub fn limits(&self) -> Option<(String, String)> {
        match *self {
            Type::Money { min, max } => {
                Some((Kind::Money(min).longest(), Kind::Money(max).longest()))
            }
            Type::Date {
                min_years,
                max_years,
            } => Some((min_years.to_string(), max_years.to_string())),
            Type::Words { min, max } | Type::Digits { min, max, .. } => {
                Some((min.to_string(), max.to_string()))
            }
            Type::Phone | Type::NationalId | Type::Pin => None,
        }
    }

    /// Seconds a practised rider takes to read the question and type the answer on a keypad.
    pub fn seconds(&self) -> u32 {
        match self {
            Type::Words { .. } => 18,
            Type::Phone | Type::NationalId | Type::Date { .. } => 14,
            Type::Money { .. } | Type::Digits { .. } | Type::Pin => 8,
        }
    }
}

/// The input without what hands and handsets add around a digit: `1.`, `1#`, `*1`, `1)`.
pub(super) fn tidy(input: &str) -> &str {
    let blank = |c: char| c.is_whitespace();
    input
        .trim()
        .trim_start_matches('*')
        .trim_end_matches(['#', '.', ')'])
        .trim_matches(blank)
}

fn digits(typed: &str, min: usize, max: usize) -> Option<String> {
    if typed.len() > 64 || !typed.chars().all(|c| c.is_ascii_digit() || c == ' ') {
        return None;
    }
    let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
    (min..=max).contains(&digits.len()).then_some(digits)
}

/// Words as kept: in the seven-bit alphabet, one septet a character, single spaces.
fn words(typed: &str) -> String {
    if typed.len() > 4 * WORDS_MAX {
        return String::new();
    }
    let plain: String = gsm7::fold(typed)
        .chars()
        .map(|c| match c {
            '[' | '{' => '(',
            ']' | '}' => ')',
            '€' => 'E',
            '^' | '~' | '\\' | '|' | '\n' | '\r' | '\u{c}' => ' ',
            other => other,
        })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `12/3/1990`, `12-3-1990`, `12.3.1990`, `12 3 1990`, `12*3*1990` or `12031990`: the day first, as written in Kenya.
fn read_date(typed: &str) -> Option<NaiveDate> {
    let parts: Vec<&str> = typed.split(['/', '-', '.', ' ', '*']).collect();
    let (day, month, year) = match parts[..] {
        [day, month, year] if year.len() == 4 => (day, month, year),
        [all] if all.len() == 8 && all.is_ascii() => (&all[..2], &all[2..4], &all[4..]),
        _ => return None,
    };
    let number = |part: &str| {
        if part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit()) {
            part.parse().ok()
        } else {
            None
        }
    };
    let date = NaiveDate::from_ymd_opt(
        i32::try_from(number(year)?).ok()?,
        number(month)?,
        number(day)?,
    )?;
    (date.year() >= 1900).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 3, 2).unwrap()
    }

    #[test]
    fn each_type_reads_what_people_type() {
        let money = Type::Money {
            min: 10,
            max: 150_000,
        };
        let grown = Type::Date {
            min_years: 18,
            max_years: 90,
        };
        let name = Type::Words { min: 2, max: 20 };
        let stage = Type::Digits {
            min: 3,
            max: 4,
            zero: false,
        };
        for (of, typed, kept) in [
            (&money, "1,500", Some("1500")),
            (&money, "200/=", Some("200")),
            (&money, "200#", Some("200")),
            (&money, "9", None),
            (&money, "150001", None),
            (&money, "10.50", None),
            (&Type::Phone, "0712 345 678", Some("254712345678")),
            (&Type::Phone, "071234567", None),
            (&Type::NationalId, "12345678", Some("12345678")),
            (&Type::NationalId, "12345", None),
            (&Type::NationalId, "1234567890", None),
            (&grown, "12/3/1990", Some("1990-03-12")),
            (&grown, "12031990", Some("1990-03-12")),
            (&grown, "12*3*1990", Some("1990-03-12")),
            (&grown, "2/3/2008", Some("2008-03-02")),
            (&grown, "3/3/2008", None),
            (&grown, "31/2/1990", None),
            (&grown, "12/3/90", None),
            (&name, "  Wanjikũ  wa [Juma] ", Some("Wanjiku wa (Juma)")),
            (&name, "J", None),
            (&stage, "101", Some("101")),
            (&stage, "10", None),
            (&Type::Pin, "4826", Some("4826")),
            (&Type::Pin, "4826#", Some("4826")),
            (&Type::Pin, "482", None),
            (&Type::Pin, "٤٨٢٦", None),
        ] {
            assert_eq!(of.read(typed, today()).as_deref(), kept, "{of:?} {typed}");
        }
    }
}
