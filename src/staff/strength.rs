//! Which passwords are taken: long ones that are not among the first a stranger would try. No rules about kinds of
//! characters, no expiry (OWASP ASVS 5.0, 6.2). Pure.

use zxcvbn::{Score, zxcvbn};

use super::model::AccountName;
use crate::primitives::Secret;

/// In characters.
pub const PASSWORD_LENGTH_MIN: usize = 12;
const LENGTH_MAX: usize = 128;

/// A password that is not guessed early. Holding one is proof that it was checked.
#[derive(Clone, Debug)]
pub(super) struct StrongPassword(Secret);

/// Why a password will not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    #[error("a password has 12 characters or more")]
    TooShort,
    #[error("a password has 128 characters at most")]
    TooLong,
    #[error("too easy to guess: common words, names, dates and patterns are tried first")]
    Guessable,
    #[error("one of the last five passwords of this account")]
    UsedBefore,
}

impl StrongPassword {
    pub fn choose(typed: Secret, owner: &AccountName) -> Result<StrongPassword, WeakPassword> {
        let length = typed.expose().chars().count();
        if length < PASSWORD_LENGTH_MIN {
            return Err(WeakPassword::TooShort);
        }
        if length > LENGTH_MAX {
            return Err(WeakPassword::TooLong);
        }
        let words = [
            owner.as_str(),
            "kwastage",
            "boda",
            "bodaboda",
            "nairobi",
            "welfare",
            "mpesa",
        ];
        if zxcvbn(typed.expose(), &words).score() < Score::Three {
            return Err(WeakPassword::Guessable);
        }
        Ok(StrongPassword(typed))
    }

    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_first_is_refused_and_what_is_long_and_odd_is_taken() {
        let owner = AccountName::parse("wanjiku").unwrap();
        let judged = |typed: &str| StrongPassword::choose(Secret::new(typed), &owner).err();
        for (typed, why) in [
            ("", WeakPassword::TooShort),
            ("Tr0ub4dor&3", WeakPassword::TooShort),
            ("aaaaaaaaaaaa", WeakPassword::Guessable),
            ("password1234", WeakPassword::Guessable),
            ("123456789012", WeakPassword::Guessable),
            ("qwertyuiop12", WeakPassword::Guessable),
            ("wanjikuwanjiku", WeakPassword::Guessable),
            ("kwastage2026", WeakPassword::Guessable),
            ("iloveyou2020", WeakPassword::Guessable),
            (&"long".repeat(40), WeakPassword::TooLong),
        ] {
            assert_eq!(judged(typed), Some(why), "{typed}");
        }
        for typed in [
            "tumbili mwekundu anacheza",
            "vK9#tq-Lw2!zR",
            "nane-kumi-pikipiki-taa",
        ] {
            assert_eq!(judged(typed), None, "{typed}");
        }
    }
}
