//! Which PINs a stranger would try first.

use chrono::{Datelike, NaiveDate};

use crate::members::NationalId;
use crate::primitives::{Msisdn, Secret};

/// Four digits that are not among the first a stranger would try. Holding one is proof that it was checked.
#[derive(Clone, Debug)]
pub struct StrongPin(Secret);

/// What a stranger may know about whoever chooses the PIN.
#[derive(Clone, Debug)]
pub struct PinOwner {
    pub msisdn: Msisdn,
    pub national_id: Option<NationalId>,
    pub birth_date: Option<NaiveDate>,
}

/// Why a PIN will not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPin {
    #[error("a PIN is four digits")]
    NotFourDigits,
    #[error("four equal digits, or the same two twice")]
    Repeats,
    #[error("digits in a row, up or down")]
    Run,
    #[error("looks like a year")]
    Year,
    #[error("one of the most used PINs")]
    Common,
    #[error("the end of the phone number")]
    PhoneNumber,
    #[error("a day or year of birth")]
    BirthDate,
    #[error("part of the national id")]
    NationalId,
}

impl StrongPin {
    /// A PIN that is not guessed from habit or from its owner.
    pub fn choose(typed: Secret, owner: &PinOwner) -> Result<StrongPin, WeakPin> {
        match weakness(typed.expose(), owner) {
            None => Ok(StrongPin(typed)),
            Some(weakness) => Err(weakness),
        }
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.0
    }
}

/// Often chosen, and not caught by a rule: patterns of the keypad and of the lists that are tried first.
const COMMON: [&str; 28] = [
    "0007", "0070", "0147", "0258", "0369", "0741", "0852", "0963", "1004", "1122", "1236", "1357",
    "1379", "1470", "1590", "2112", "2468", "2580", "3690", "3791", "5683", "7410", "7531", "8246",
    "8520", "8642", "9630", "9753",
];

fn weakness(typed: &str, owner: &PinOwner) -> Option<WeakPin> {
    let [a, b, c, d] = *typed.as_bytes() else {
        return Some(WeakPin::NotFourDigits);
    };
    if !typed.bytes().all(|digit| digit.is_ascii_digit()) {
        return Some(WeakPin::NotFourDigits);
    }
    let step_by = |step: u8| {
        [(a, b), (b, c), (c, d)]
            .iter()
            .all(|(left, right)| (right - b'0') == (left - b'0' + step) % 10)
    };
    let is_year = typed
        .parse()
        .is_ok_and(|year: u16| (1950..=2015).contains(&year));
    let ends_phone = owner.msisdn.digits().ends_with(typed);
    let is_birth = owner.birth_date.is_some_and(|born| {
        let (day, month) = (born.day(), born.month());
        [
            format!("{:04}", born.year()),
            format!("{day:02}{month:02}"),
            format!("{month:02}{day:02}"),
        ]
        .iter()
        .any(|part| part == typed)
    });
    let in_national_id = owner
        .national_id
        .as_ref()
        .is_some_and(|id| id.expose().contains(typed));
    match () {
        () if (a, b) == (c, d) => Some(WeakPin::Repeats),
        // Nine more, over the edge of the keypad, is one less.
        () if step_by(1) || step_by(9) => Some(WeakPin::Run),
        () if is_year => Some(WeakPin::Year),
        () if COMMON.contains(&typed) => Some(WeakPin::Common),
        () if ends_phone => Some(WeakPin::PhoneNumber),
        () if is_birth => Some(WeakPin::BirthDate),
        () if in_national_id => Some(WeakPin::NationalId),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn owner() -> PinOwner {
        PinOwner {
            msisdn: Msisdn::parse("0711004937").unwrap(),
            national_id: Some(NationalId::parse("28617405").unwrap()),
            birth_date: NaiveDate::from_ymd_opt(1948, 6, 27),
        }
    }

    #[test]
    fn what_a_stranger_tries_first_is_refused() {
        for (typed, why) in [
            ("", WeakPin::NotFourDigits),
            ("482", WeakPin::NotFourDigits),
            ("48266", WeakPin::NotFourDigits),
            ("48a6", WeakPin::NotFourDigits),
            ("٤٨", WeakPin::NotFourDigits),
            ("+482", WeakPin::NotFourDigits),
            ("0000", WeakPin::Repeats),
            ("7777", WeakPin::Repeats),
            ("1212", WeakPin::Repeats),
            ("6969", WeakPin::Repeats),
            ("1234", WeakPin::Run),
            ("4321", WeakPin::Run),
            ("7890", WeakPin::Run),
            ("0987", WeakPin::Run),
            ("8901", WeakPin::Run),
            ("0123", WeakPin::Run),
            ("3210", WeakPin::Run),
            ("1950", WeakPin::Year),
            ("1987", WeakPin::Year),
            ("2015", WeakPin::Year),
            ("2580", WeakPin::Common),
            ("0007", WeakPin::Common),
            ("1122", WeakPin::Common),
            ("4937", WeakPin::PhoneNumber),
            ("1948", WeakPin::BirthDate),
            ("2706", WeakPin::BirthDate),
            ("0627", WeakPin::BirthDate),
            ("2861", WeakPin::NationalId),
            ("6174", WeakPin::NationalId),
            ("7405", WeakPin::NationalId),
        ] {
            assert_eq!(
                StrongPin::choose(Secret::new(typed), &owner()).err(),
                Some(why),
                "{typed}"
            );
        }
    }

    #[test]
    fn what_is_left_is_allowed() {
        for typed in [
            "4826",
            "9371",
            "1949",
            "2016",
            "0711",
            "8617".chars().rev().collect::<String>().as_str(),
        ] {
            assert!(
                StrongPin::choose(Secret::new(typed), &owner()).is_ok(),
                "{typed}"
            );
        }
    }

    #[test]
    fn enough_pins_remain_for_three_tries_to_be_nothing() {
        let stranger = PinOwner {
            msisdn: Msisdn::parse("0711004937").unwrap(),
            national_id: None,
            birth_date: None,
        };
        let allowed = (0..10_000)
            .filter(|pin| weakness(&format!("{pin:04}"), &stranger).is_none())
            .count();
        assert!((9_700..9_900).contains(&allowed), "{allowed}");
    }

    proptest! {
        #[test]
        fn whatever_is_typed_only_four_digits_are_a_pin(typed in "\\PC{0,8}|[0-9]{4}") {
            let is_four_digits = typed.len() == 4 && typed.bytes().all(|b| b.is_ascii_digit());
            let refused_for_its_shape = weakness(&typed, &owner()) == Some(WeakPin::NotFourDigits);
            prop_assert_eq!(refused_for_its_shape, !is_four_digits);
        }
    }
}
