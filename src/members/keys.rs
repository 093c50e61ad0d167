//! The keys that keep members' secrets. They come from outside the database and never go in.

use std::fmt;

use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use zeroize::Zeroizing;

/// A 256-bit key and the version it goes by in what it has sealed.
#[derive(Clone)]
pub struct Key {
    version: u8,
    bytes: Zeroizing<[u8; 32]>,
}

/// The key in use and the older ones that still open what they sealed.
#[derive(Clone, Debug)]
pub struct KeyRing {
    current: Key,
    older: Vec<Key>,
}

/// The keys of the members' room, one purpose each.
#[derive(Clone, Debug)]
pub struct MemberKeys {
    /// Seals national ids.
    pub sealing: KeyRing,
    /// Makes the blind index of national ids. It has no older ones: a new index key means a new index.
    pub index: Key,
}

/// The text is not a key or a list of keys. Says nothing of what it held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "keys are written as version:64 hex digits, the one in use first, separated by commas; versions are 1 to 255 and differ"
)]
pub struct NotAKey;

impl Key {
    /// A key of 32 random bytes. What is sealed names the version.
    pub fn new(version: u8, bytes: [u8; 32]) -> Key {
        Key {
            version,
            bytes: Zeroizing::new(bytes),
        }
    }

    /// Reads `1:9f86d0...` with 64 hex digits.
    pub fn parse(text: &str) -> Result<Key, NotAKey> {
        let (version, digits) = text.trim().split_once(':').ok_or(NotAKey)?;
        let version = version
            .parse()
            .ok()
            .filter(|version| *version > 0)
            .ok_or(NotAKey)?;
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, bytes.as_mut_slice()).map_err(|_| NotAKey)?;
        Ok(Key { version, bytes })
    }

    pub fn version(&self) -> u8 {
        self.version
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// HMAC-SHA-256 under this key. A block of 64 bytes, filled up with zeros as HMAC itself would, cannot be refused.
    pub(super) fn mac(&self) -> Hmac<Sha256> {
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(self.bytes());
        Hmac::new((&*block).into())
    }
}

impl KeyRing {
    /// A ring of one key.
    pub fn of(current: Key) -> KeyRing {
        KeyRing {
            current,
            older: Vec::new(),
        }
    }

    /// Reads `2:...,1:...`, the one in use first.
    pub fn parse(text: &str) -> Result<KeyRing, NotAKey> {
        let mut keys = text.split(',').map(Key::parse);
        let current = keys.next().ok_or(NotAKey)??;
        let older = keys.collect::<Result<Vec<Key>, NotAKey>>()?;
        let mut versions: Vec<u8> = older.iter().chain([&current]).map(Key::version).collect();
        versions.sort_unstable();
        versions.dedup();
        if versions.len() == older.len() + 1 {
            Ok(KeyRing { current, older })
        } else {
            Err(NotAKey)
        }
    }

    /// The key that seals from now on.
    pub fn current(&self) -> &Key {
        &self.current
    }

    /// The key that sealed what names this version, if we still have it.
    pub fn version(&self, version: u8) -> Option<&Key> {
        [&self.current]
            .into_iter()
            .chain(&self.older)
            .find(|key| key.version == version)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}:…)", self.version)
    }
}

#[cfg(test)]
mod tests {
    use hmac::Mac;

    use super::*;

    #[test]
    fn a_ring_opens_with_each_of_its_versions_and_says_nothing_of_them() {
        let ring = KeyRing::parse(&format!("2:{},1:{}", "ab".repeat(32), "cd".repeat(32))).unwrap();
        assert_eq!(ring.current().version(), 2);
        assert_eq!(ring.version(1).unwrap().bytes(), &[0xcd; 32]);
        assert!(ring.version(3).is_none());
        assert_eq!(
            format!("{ring:?}"),
            "KeyRing { current: Key(2:…), older: [Key(1:…)] }"
        );
    }

    /// RFC 4231, test case 2, with its four-byte key filled up by hand.
    #[test]
    fn the_mac_is_hmac_sha_256() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let mac = Key::new(1, key)
            .mac()
            .chain_update(b"what do ya want for nothing?")
            .finalize();
        assert_eq!(
            hex::encode(mac.into_bytes()),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let good = "ab".repeat(32);
        for text in [
            "",
            "1",
            &good,
            "0:ab",
            &format!("0:{good}"),
            &format!("256:{good}"),
            &format!("1:{good}ab"),
            &format!("1:{good},1:{good}"),
        ] {
            assert!(KeyRing::parse(text).is_err(), "{text}");
        }
    }
}
