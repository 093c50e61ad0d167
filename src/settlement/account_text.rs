//! What a payer typed for the paybill's account number, read as generously as it can be without guessing. Pure.

use crate::contributing::Destination;
use crate::members::{MemberNumber, Who};
use crate::primitives::Msisdn;

/// Whom money is for. The payer need not be the member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meant {
    pub who: Who,
    pub into: Destination,
}

/// Words in front of the number; without one, money is for the fund.
const WORDS: [(&str, Destination); 11] = [
    ("WELFARE", Destination::Fund),
    ("USTAWI", Destination::Fund),
    ("MCHANGO", Destination::Fund),
    ("MFUKO", Destination::Fund),
    ("FUND", Destination::Fund),
    ("WALLET", Destination::Wallet),
    ("POCHI", Destination::Wallet),
    ("W", Destination::Wallet),
    ("P", Destination::Wallet),
    ("LOAN", Destination::Loan),
    ("MKOPO", Destination::Loan),
];

/// Reads an account as it was typed or as it is kept (upper case, without spaces and `-_/.`). `None` when it names nobody
/// for certain.
pub fn read(typed: &str) -> Option<Meant> {
    let bare: String = typed
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .map(|c| c.to_ascii_uppercase())
        .take(LENGTH_MAX + 1)
        .collect();
    if bare.len() > LENGTH_MAX {
        return None;
    }
    let worded = WORDS.iter().find_map(|(word, into)| {
        let who = who(bare.strip_prefix(word)?)?;
        Some(Meant { who, into: *into })
    });
    worded.or_else(|| {
        Some(Meant {
            who: who(&bare)?,
            into: Destination::Fund,
        })
    })
}

/// A phone number or a member number, with letters that were meant as digits.
fn who(written: &str) -> Option<Who> {
    let digits = |text: &str| -> String {
        text.chars()
            .map(|c| match c {
                'O' | 'Q' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect()
    };
    if let Some(number) = written.strip_prefix("KTS") {
        return MemberNumber::parse(&format!("KTS{}", digits(number)))
            .ok()
            .map(Who::Number);
    }
    Msisdn::parse(&digits(written)).ok().map(Who::Phone)
}

/// More than the field takes with a country code and a word.
const LENGTH_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn phone(digits: &str, into: Destination) -> Option<Meant> {
        let who = Who::Phone(Msisdn::parse(digits).unwrap());
        Some(Meant { who, into })
    }

    fn number(year: i32, serial: i32, into: Destination) -> Option<Meant> {
        let who = Who::Number(MemberNumber::new(year, serial).unwrap());
        Some(Meant { who, into })
    }

    #[test]
    fn what_payers_type() {
        let amina = "254711000001";
        for (typed, wanted) in [
            ("0711000001", phone(amina, Destination::Fund)),
            ("0711 000 001", phone(amina, Destination::Fund)),
            ("+254711000001", phone(amina, Destination::Fund)),
            ("254711000001", phone(amina, Destination::Fund)),
            ("O711OOOOO1", phone(amina, Destination::Fund)),
            ("o7iiooooo1", phone(amina, Destination::Fund)),
            ("welfare 0711000001", phone(amina, Destination::Fund)),
            ("WALLET0711000001", phone(amina, Destination::Wallet)),
            ("w0711000001", phone(amina, Destination::Wallet)),
            ("Pochi 0711-000-001", phone(amina, Destination::Wallet)),
            ("loan 0711000001", phone(amina, Destination::Loan)),
            ("MKOPO0711000001", phone(amina, Destination::Loan)),
            ("KTS-2026-0001", number(2026, 1, Destination::Fund)),
            ("kts 2026/0001", number(2026, 1, Destination::Fund)),
            ("KTS2O26OOO1", number(2026, 1, Destination::Fund)),
            ("W KTS-2026-0012", number(2026, 12, Destination::Wallet)),
            ("welfare", None),
            ("loan", None),
            ("101", None),
            ("", None),
            ("KSA10001", None),
            ("Amina", None),
            ("071100000", None),
            ("07110000012", None),
        ] {
            assert_eq!(read(typed), wanted, "{typed}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_left(typed in ".*") {
            let _ = read(&typed);
        }

        #[test]
        fn a_number_is_read_however_it_is_spaced(
            last in 0u32..100_000_000, gaps in proptest::collection::vec(0usize..9, 0..4), word in 0usize..WORDS.len(),
        ) {
            let digits = format!("07{last:08}");
            let mut typed = digits.clone();
            for gap in gaps {
                typed.insert(gap.min(typed.len()), ' ');
            }
            let meant = read(&format!("{} {typed}", WORDS[word].0));
            prop_assert_eq!(meant, phone(&format!("254{}", &digits[1..]), WORDS[word].1));
        }
    }
}
