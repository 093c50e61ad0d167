//! What people call themselves, each other, and their reasons: kept as typed, only tidied.

use std::fmt;

use serde::Serialize;

/// A person's name as the person writes it: 1 to 40 characters of any script, with spaces, hyphens, apostrophes and dots.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

/// How somebody is related, in the member's own word: 1 to 20 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation(String);

/// Why staff said no, in words for the member: 1 to 120 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Reason(String);

/// The text cannot be what it should name: empty, too long, or not made of letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a name: it needs letters, and not too many")]
pub struct NotAName;

impl Name {
    pub const LENGTH_MAX: usize = 40;

    /// Keeps the spelling; only white space is tidied.
    pub fn parse(typed: &str) -> Result<Name, NotAName> {
        words_of_letters(typed, Name::LENGTH_MAX).map(Name)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Relation {
    pub const LENGTH_MAX: usize = 20;

    pub fn parse(typed: &str) -> Result<Relation, NotAName> {
        words_of_letters(typed, Relation::LENGTH_MAX).map(Relation)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Reason {
    pub const LENGTH_MAX: usize = 120;

    pub fn parse(typed: &str) -> Result<Reason, NotAName> {
        let tidy = tidy(typed);
        let fits = (1..=Reason::LENGTH_MAX).contains(&tidy.chars().count())
            && !tidy.chars().any(char::is_control);
        if fits {
            Ok(Reason(tidy))
        } else {
            Err(NotAName)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn words_of_letters(typed: &str, length_max: usize) -> Result<String, NotAName> {
    let tidy = tidy(typed);
    let fits = tidy.chars().count() <= length_max;
    let has_letter = tidy.chars().any(char::is_alphabetic);
    // Combining accents are marks, not letters; they stand right of the ASCII range like everything Unicode adds to names.
    let is_name = tidy.chars().all(|c| {
        c.is_alphabetic() || matches!(c, ' ' | '-' | '\'' | '’' | '.' | '\u{300}'..='\u{36f}')
    });
    if fits && has_letter && is_name {
        Ok(tidy)
    } else {
        Err(NotAName)
    }
}

fn tidy(typed: &str) -> String {
    typed.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Initials only: a name in a log line is an accident we cannot have.
impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.0.chars().next().unwrap_or_default())
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_as_people_have_them() {
        for typed in [
            "Amina",
            "Wanjikũ",
            "N'Golo",
            "Anne-Marie",
            "O’Brien",
            "M. A.",
            "محمد",
            "e\u{301}lise",
        ] {
            assert_eq!(Name::parse(typed).unwrap().as_str(), typed);
        }
        assert_eq!(
            Name::parse("  Mwai \n Kibaki ").unwrap().as_str(),
            "Mwai Kibaki"
        );
        for typed in [
            "",
            " ",
            "-",
            "...",
            "4826",
            "Ann1",
            "a*b",
            "<b>",
            "x\u{0}",
            &"a".repeat(41),
        ] {
            assert_eq!(Name::parse(typed), Err(NotAName), "{typed}");
        }
        assert!(Name::parse(&"ũ".repeat(40)).is_ok());
        assert!(Relation::parse("mama mkubwa").is_ok());
        assert_eq!(format!("{:?}", Name::parse("Amina").unwrap()), "A…");
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_a_name_that_fits_or_none(typed in "\\PC{0,60}") {
            if let Ok(name) = Name::parse(&typed) {
                prop_assert!((1..=Name::LENGTH_MAX).contains(&name.as_str().chars().count()));
                prop_assert_eq!(Name::parse(name.as_str()), Ok(name));
            }
            if let Ok(reason) = Reason::parse(&typed) {
                prop_assert_eq!(Reason::parse(reason.as_str()), Ok(reason));
            }
        }
    }
}
