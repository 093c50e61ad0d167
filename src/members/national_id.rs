//! The number on the national identity card: sealed where it is kept, found again by a keyed hash.

use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hmac::Mac;
use zeroize::Zeroizing;

use super::keys::{Key, KeyRing};
use super::model::MemberId;
use crate::fault::Fault;

/// Six to nine digits. It prints masked, and its memory is wiped when dropped.
#[derive(Clone)]
pub struct NationalId(Zeroizing<String>);

/// The text is not six to nine digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a national id is six to nine digits")]
pub struct NotANationalId;

const NONCE_BYTES: usize = 12;

impl NationalId {
    /// Reads what a person types; spaces, dots and dashes between the digits are forgiven.
    pub fn parse(typed: &str) -> Result<NationalId, NotANationalId> {
        let mut digits = Zeroizing::new(String::with_capacity(16));
        for c in typed.chars().filter(|c| !matches!(c, ' ' | '-' | '.')) {
            if !c.is_ascii_digit() || digits.len() == 9 {
                return Err(NotANationalId);
            }
            digits.push(c);
        }
        let is_number = digits.len() >= 6 && digits.bytes().any(|digit| digit != b'0');
        if is_number {
            Ok(NationalId(digits))
        } else {
            Err(NotANationalId)
        }
    }

    /// The bare digits, for the one place that compares them.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// Key version, nonce, ciphertext with tag. The associated data names the row: moved to another row it does not open.
    pub(super) fn seal(&self, ring: &KeyRing, row: MemberId) -> Result<Vec<u8>, Fault> {
        let key = ring.current();
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let ciphertext = cipher(key)
            .encrypt(
                &Nonce::from(nonce),
                Payload {
                    msg: self.0.as_bytes(),
                    aad: &place(row),
                },
            )
            .map_err(|_| {
                Fault::broken(format!("member {row}: the national id could not be sealed"))
            })?;
        Ok([&[key.version()], nonce.as_slice(), &ciphertext].concat())
    }

    pub(super) fn open(sealed: &[u8], ring: &KeyRing, row: MemberId) -> Result<NationalId, Fault> {
        let broken =
            |why: &str| Fault::broken(format!("member {row}: the sealed national id {why}"));
        let (version, rest) = sealed.split_first().ok_or_else(|| broken("is empty"))?;
        let (nonce, ciphertext) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or_else(|| broken("is cut short"))?;
        let key = ring
            .version(*version)
            .ok_or_else(|| broken("names a key we do not hold"))?;
        let digits = cipher(key)
            .decrypt(
                &Nonce::from(*nonce),
                Payload {
                    msg: ciphertext,
                    aad: &place(row),
                },
            )
            .map(Zeroizing::new)
            .map_err(|_| broken("does not open in this row"))?;
        let digits = std::str::from_utf8(&digits).map_err(|_| broken("is no text"))?;
        NationalId::parse(digits).map_err(|_| broken("is no national id"))
    }

    /// The same for the same card and for nobody else: it carries the uniqueness. Leading zeros are only how some write it.
    pub(super) fn index(&self, key: &Key) -> [u8; 32] {
        let digits = self.0.trim_start_matches('0');
        key.mac()
            .chain_update(b"member.national_id|")
            .chain_update(digits)
            .finalize()
            .into_bytes()
            .into()
    }
}

fn cipher(key: &Key) -> Aes256Gcm {
    Aes256Gcm::new(key.bytes().into())
}

fn place(row: MemberId) -> Vec<u8> {
    [b"member|national_id_sealed|".as_slice(), row.0.as_bytes()].concat()
}

impl fmt::Debug for NationalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NationalId(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn ring(version: u8) -> KeyRing {
        KeyRing::of(Key::new(version, [version; 32]))
    }

    fn row(n: u128) -> MemberId {
        MemberId(Uuid::from_u128(n))
    }

    #[test]
    fn ids_as_people_type_them() {
        for (typed, digits) in [
            ("23456789", "23456789"),
            (" 23 456 789 ", "23456789"),
            ("012345", "012345"),
            ("123-456-789", "123456789"),
        ] {
            assert_eq!(
                NationalId::parse(typed).unwrap().expose(),
                digits,
                "{typed}"
            );
        }
        for typed in [
            "",
            "12345",
            "1234567890",
            "A1234567",
            "000000",
            "١٢٣٤٥٦٧",
            "1234567\n",
        ] {
            assert!(NationalId::parse(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn opens_in_its_own_row_and_nowhere_else() {
        let id = NationalId::parse("23456789").unwrap();
        let sealed = id.seal(&ring(1), row(1)).unwrap();
        assert_eq!(
            NationalId::open(&sealed, &ring(1), row(1))
                .unwrap()
                .expose(),
            "23456789"
        );
        assert!(NationalId::open(&sealed, &ring(1), row(2)).is_err());
        assert!(NationalId::open(&sealed, &KeyRing::of(Key::new(1, [9; 32])), row(1)).is_err());
        assert!(NationalId::open(&sealed, &ring(2), row(1)).is_err());
    }

    #[test]
    fn a_new_key_seals_and_the_older_one_still_opens() {
        let both = KeyRing::parse(&format!("2:{},1:{}", "02".repeat(32), "01".repeat(32))).unwrap();
        let id = NationalId::parse("23456789").unwrap();
        let old = id.seal(&ring(1), row(1)).unwrap();
        let new = id.seal(&both, row(1)).unwrap();
        assert_eq!((old[0], new[0]), (1, 2));
        assert!(NationalId::open(&old, &both, row(1)).is_ok());
        assert!(NationalId::open(&new, &ring(2), row(1)).is_ok());
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let id = NationalId::parse("23456789").unwrap();
        let sealed = id.seal(&ring(1), row(1)).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut bent = sealed.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert!(
                NationalId::open(&bent, &ring(1), row(1)).is_err(),
                "bit {bit}"
            );
        }
        for length in 0..sealed.len() {
            assert!(
                NationalId::open(&sealed[..length], &ring(1), row(1)).is_err(),
                "length {length}"
            );
        }
    }

    #[test]
    fn the_index_knows_the_card_and_not_the_way_it_was_typed() {
        let key = Key::new(1, [7; 32]);
        let index = |typed| NationalId::parse(typed).unwrap().index(&key);
        assert_eq!(index("0234567"), index("234 567"));
        assert_ne!(index("234567"), index("234568"));
        assert_ne!(
            index("234567"),
            NationalId::parse("234567")
                .unwrap()
                .index(&Key::new(1, [8; 32]))
        );
    }

    #[test]
    fn says_nothing_when_printed() {
        assert_eq!(
            format!("{:?}", NationalId::parse("23456789").unwrap()),
            "NationalId(…)"
        );
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_read_or_refused(typed in "\\PC{0,24}") {
            if let Ok(id) = NationalId::parse(&typed) {
                prop_assert!((6..=9).contains(&id.expose().len()));
                let sealed = id.seal(&ring(1), row(7)).unwrap();
                let opened = NationalId::open(&sealed, &ring(1), row(7)).unwrap();
                prop_assert_eq!(opened.expose(), id.expose());
            }
        }

        #[test]
        fn whatever_bytes_stand_in_the_row_never_panic(sealed in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(NationalId::open(&sealed, &ring(1), row(7)).is_err());
        }
    }
}
