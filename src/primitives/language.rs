//! A language a text can be in. Which languages exist is said by the menus, not by this type.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A two-letter ISO 639-1 code such as `en` or `sw`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language([u8; 2]);

/// The text is not two lower-case ASCII letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a language is two lower-case letters, such as en or sw")]
pub struct NotALanguage;

impl Language {
    pub const ENGLISH: Language = Language(*b"en");
    pub const SWAHILI: Language = Language(*b"sw");

    /// Reads a code of two lower-case letters, as ISO 639-1 has them.
    pub fn parse(code: &str) -> Result<Language, NotALanguage> {
        match code.as_bytes() {
            [a, b] if a.is_ascii_lowercase() && b.is_ascii_lowercase() => Ok(Language([*a, *b])),
            _ => Err(NotALanguage),
        }
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("en")
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Language {
    type Error = NotALanguage;
    fn try_from(code: String) -> Result<Language, NotALanguage> {
        Language::parse(&code)
    }
}

impl From<Language> for String {
    fn from(language: Language) -> String {
        language.as_str().to_owned()
    }
}
