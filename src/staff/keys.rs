//! The keys of the desk. They come from outside the database and never go in. Pure.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// One 256-bit key for each purpose.
#[derive(Clone)]
pub struct StaffKeys {
    /// Under passwords, before the slow hash.
    pub(super) passwords: Key,
    /// Seals authenticator secrets.
    pub(super) sealing: Key,
    /// Signs access tokens.
    pub(super) access: Key,
    /// Makes a refresh token's successor.
    pub(super) refresh: Key,
}

pub(super) type Key = Zeroizing<[u8; 32]>;

impl StaffKeys {
    /// All of them from one, which is never used itself.
    pub fn derived(from: &[u8; 32]) -> StaffKeys {
        let of = |purpose: &[u8]| mac(from, &[b"staff ", purpose]);
        StaffKeys {
            passwords: of(b"passwords"),
            sealing: of(b"sealing"),
            access: of(b"access"),
            refresh: of(b"refresh"),
        }
    }
}

/// HMAC-SHA-256 over these parts. A block of 64 bytes, filled up with zeros as HMAC itself would, cannot be refused.
pub(super) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> Key {
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    let mut hmac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        hmac.update(part);
    }
    Zeroizing::new(hmac.finalize().into_bytes().into())
}

impl fmt::Debug for StaffKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaffKeys(…)")
    }
}
