//! A person as others may see them.

use std::fmt;

use serde::Serialize;

/// The beginning of a first name and three stars, `Ami***`. At most three letters, and never the whole name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MaskedName(String);

impl MaskedName {
    /// Masks a first name. One letter alone shows nothing.
    pub fn of(first_name: &str) -> MaskedName {
        let name = first_name.trim();
        let shown = name.chars().count().saturating_sub(1).min(3);
        let beginning: String = name.chars().take(shown).collect();
        MaskedName(format!("{beginning}***"))
    }
}

impl fmt::Display for MaskedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_name_never_tells_the_whole_name() {
        for (first_name, masked) in [
            ("Amina", "Ami***"),
            ("Juma", "Jum***"),
            ("Ali", "Al***"),
            ("Jo", "J***"),
            ("J", "***"),
            ("", "***"),
            (" Ng'ang'a", "Ng'***"),
        ] {
            assert_eq!(
                MaskedName::of(first_name).to_string(),
                masked,
                "{first_name}"
            );
        }
    }
}
