//! How a line of the book is chained to the one before. Pure.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// SHA-256 over the digest before and one whole entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// What stands before the first.
    pub const BEGINNING: Digest = Digest([0; 32]);

    /// The digest of an entry, given by its fields as Postgres writes them, behind this one. Each field goes in with its
    /// length, so that no two entries look alike; a field that is not there is not an empty one.
    pub(super) fn followed_by(self, fields: &[Option<String>]) -> Digest {
        let mut hash = Sha256::new();
        hash.update(self.0);
        for field in fields {
            match field {
                None => hash.update([0]),
                Some(text) => {
                    hash.update([1]);
                    hash.update((text.len() as u64).to_be_bytes());
                    hash.update(text);
                }
            }
        }
        Digest(hash.finalize().into())
    }

    /// Reads 64 hex digits.
    pub fn parse(text: &str) -> Option<Digest> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes).ok()?;
        Some(Digest(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_entries_look_alike() {
        let of = |fields: &[Option<&str>]| {
            let fields: Vec<_> = fields
                .iter()
                .map(|field| field.map(str::to_owned))
                .collect();
            Digest::BEGINNING.followed_by(&fields)
        };
        let different = [
            of(&[]),
            of(&[None]),
            of(&[Some("")]),
            of(&[Some("a"), Some("b")]),
            of(&[Some("ab"), None]),
            of(&[Some("ab")]),
            of(&[Some("b"), Some("a")]),
        ];
        for (place, one) in different.iter().enumerate() {
            assert!(different[place + 1..].iter().all(|other| other != one));
            assert_eq!(Digest::parse(&one.to_string()), Some(*one));
        }
        let behind = of(&[None]).followed_by(&[None]);
        assert_ne!(behind, of(&[None]));
        assert_eq!(Digest::parse("00"), None);
    }
}
