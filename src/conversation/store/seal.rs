//! Sessions are sealed before they leave the process: they hold names, ids and numbers on their way to a deed.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::fault::Fault;

const NONCE_BYTES: usize = 12;

/// The key of a session store. Values open only under the name they were sealed for.
#[derive(Clone)]
pub struct SessionSeal {
    cipher: Aes256Gcm,
    names: Hmac<Sha256>,
}

impl SessionSeal {
    /// From 32 secret bytes of the configuration; the store's own keys are derived from them.
    pub fn new(secret: &[u8; 32]) -> SessionSeal {
        let derived = |purpose: &[u8]| -> [u8; 32] {
            let mut hmac = keyed(secret);
            hmac.update(purpose);
            hmac.finalize().into_bytes().into()
        };
        SessionSeal {
            cipher: Aes256Gcm::new(&derived(b"session values").into()),
            names: keyed(&derived(b"session names")),
        }
    }

    /// Nonce, then ciphertext with its tag.
    pub fn seal(&self, name: &str, plain: &[u8]) -> Result<Vec<u8>, Fault> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let sealed = self
            .cipher
            .encrypt(
                &Nonce::from(nonce),
                Payload {
                    msg: plain,
                    aad: name.as_bytes(),
                },
            )
            .map_err(|_| Fault::broken("a session could not be sealed"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// `None` for what was not sealed by us for this name: it counts as lost.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        self.cipher
            .decrypt(
                &Nonce::from(*nonce),
                Payload {
                    msg: ciphertext,
                    aad: name.as_bytes(),
                },
            )
            .ok()
    }

    /// A name for a phone's shelf that does not tell the phone.
    pub fn name_of(&self, digits: &str) -> String {
        let mut hmac = self.names.clone();
        hmac.update(digits.as_bytes());
        hex::encode(&hmac.finalize().into_bytes()[..12])
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_under_its_own_name_and_key_only() {
        let seal = SessionSeal::new(&[1; 32]);
        let sealed = seal.seal("ATUid_1", b"a session").unwrap();
        assert_eq!(
            seal.open("ATUid_1", &sealed).as_deref(),
            Some(b"a session".as_slice())
        );
        assert_eq!(seal.open("ATUid_2", &sealed), None);
        assert_eq!(SessionSeal::new(&[2; 32]).open("ATUid_1", &sealed), None);
        assert_eq!(seal.open("ATUid_1", &sealed[..8]), None);
        assert!(!seal.name_of("254711000001").contains("711000001"));
    }
}
