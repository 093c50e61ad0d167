//! The second factor: six digits that an authenticator app shows for half a minute (RFC 6238). Pure.

use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use chrono::{DateTime, Utc};
use qrcode::QrCode;
use qrcode::render::svg;
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

use super::keys::StaffKeys;
use super::model::AccountId;
use crate::fault::Fault;
use crate::primitives::Secret;

pub const CODE_DIGITS: usize = 6;
/// RFC 4226 wants 128 bits at least and recommends 160.
const SECRET_BYTES: usize = 20;
const STEP_SECONDS: u64 = 30;
const NONCE_BYTES: usize = 12;
const KEY_VERSION: u8 = 1;
const ISSUER: &str = "KwaStage";

/// What an authenticator app and we both know of one account.
#[derive(Clone)]
pub struct Authenticator {
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

impl Authenticator {
    pub(super) fn fresh() -> Authenticator {
        Authenticator {
            secret: Zeroizing::new(rand::random()),
        }
    }

    /// Reads the secret as apps show it: base32.
    pub fn from_base32(text: &str) -> Option<Authenticator> {
        let secret = totp_rs::Secret::try_from_base32(text.trim()).ok()?;
        let secret: [u8; SECRET_BYTES] = secret.as_bytes().try_into().ok()?;
        Some(Authenticator {
            secret: Zeroizing::new(secret),
        })
    }

    /// The secret for whoever types it into an app.
    pub fn base32(&self) -> Secret {
        Secret::new(totp_rs::Secret::from(*self.secret).to_base32())
    }

    /// `otpauth://totp/...`, as apps read it out of the picture.
    pub fn uri(&self, account: &str) -> Result<Secret, Fault> {
        let uri = self.totp(account)?.to_url();
        uri.map(Secret::new).map_err(broken)
    }

    /// The same as a picture to be scanned, an SVG document.
    pub fn picture(&self, account: &str) -> Result<Secret, Fault> {
        let code = QrCode::new(self.uri(account)?.expose()).map_err(broken)?;
        let mut picture = code.render::<svg::Color>();
        Ok(Secret::new(picture.min_dimensions(240, 240).build()))
    }

    /// The six digits of this moment.
    pub fn code_at(&self, at: DateTime<Utc>) -> Result<Secret, Fault> {
        let totp = self.totp("")?;
        Ok(Secret::new(totp.generate(seconds(at)).to_string()))
    }

    /// The step these digits belong to: the present one or its neighbours, since clocks differ. Who calls remembers the
    /// step, so that it counts once.
    pub(super) fn step_of(&self, code: &Secret, now: DateTime<Utc>) -> Result<Option<i64>, Fault> {
        let code = code.expose().trim();
        let is_code = code.len() == CODE_DIGITS && code.bytes().all(|b| b.is_ascii_digit());
        if !is_code {
            return Ok(None);
        }
        let step = self.totp("")?.check(code, seconds(now));
        Ok(step.and_then(|step| i64::try_from(step).ok()))
    }

    fn totp(&self, account: &str) -> Result<Totp, Fault> {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_skew(1)
            .with_step_duration(STEP_SECONDS)
            .with_secret(*self.secret)
            .with_issuer(Some(ISSUER))
            .with_account_name(account)
            .build()
            .map_err(broken)
    }

    /// Key version, nonce, ciphertext with tag. The associated data names the row: moved to another row it does not open.
    pub(super) fn seal(&self, keys: &StaffKeys, row: AccountId) -> Result<Vec<u8>, Fault> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let sealed = Aes256Gcm::new((&*keys.sealing).into()).encrypt(
            &Nonce::from(nonce),
            Payload {
                msg: self.secret.as_slice(),
                aad: &place(row),
            },
        );
        let sealed = sealed.map_err(|_| {
            Fault::broken(format!(
                "account {row}: the authenticator could not be sealed"
            ))
        })?;
        Ok([&[KEY_VERSION], nonce.as_slice(), &sealed].concat())
    }

    pub(super) fn open(
        sealed: &[u8],
        keys: &StaffKeys,
        row: AccountId,
    ) -> Result<Authenticator, Fault> {
        let broken = || {
            Fault::broken(format!(
                "account {row}: the sealed authenticator does not open"
            ))
        };
        let rest = sealed.strip_prefix(&[KEY_VERSION]).ok_or_else(broken)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or_else(broken)?;
        let opened = Aes256Gcm::new((&*keys.sealing).into()).decrypt(
            &Nonce::from(*nonce),
            Payload {
                msg: ciphertext,
                aad: &place(row),
            },
        );
        let opened = Zeroizing::new(opened.map_err(|_| broken())?);
        let secret = opened.as_slice().try_into().map_err(|_| broken())?;
        Ok(Authenticator {
            secret: Zeroizing::new(secret),
        })
    }
}

fn seconds(at: DateTime<Utc>) -> u64 {
    at.timestamp().max(0).unsigned_abs()
}

fn place(row: AccountId) -> Vec<u8> {
    [b"staff_account|totp_sealed|".as_slice(), row.0.as_bytes()].concat()
}

fn broken(error: impl fmt::Display) -> Fault {
    Fault::broken(format!("the authenticator: {error}"))
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn known() -> Authenticator {
        Authenticator {
            secret: Zeroizing::new(*b"12345678901234567890"),
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    /// RFC 6238, appendix B, SHA-1, the last six of its eight digits.
    #[test]
    fn the_codes_are_those_of_the_standard() {
        for (when, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            assert_eq!(known().code_at(at(when)).unwrap().expose(), code);
            let step = known().step_of(&Secret::new(code), at(when)).unwrap();
            assert_eq!(step, Some(when / 30));
        }
    }

    #[test]
    fn a_clock_may_be_half_a_minute_off_and_no_more() {
        let code = known().code_at(at(3000)).unwrap();
        for (when, step) in [
            (2969, None),
            (2970, Some(100)),
            (3059, Some(100)),
            (3060, None),
        ] {
            assert_eq!(known().step_of(&code, at(when)).unwrap(), step, "{when}");
        }
        for odd in ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "      "] {
            assert_eq!(known().step_of(&Secret::new(odd), at(3000)).unwrap(), None);
        }
    }

    #[test]
    fn it_opens_in_its_own_row_with_its_own_key_only() {
        let keys = StaffKeys::derived(&[1; 32]);
        let row = |n| AccountId(Uuid::from_u128(n));
        let sealed = known().seal(&keys, row(1)).unwrap();
        let opened = Authenticator::open(&sealed, &keys, row(1)).unwrap();
        assert_eq!(opened.base32().expose(), known().base32().expose());
        assert!(Authenticator::open(&sealed, &keys, row(2)).is_err());
        assert!(Authenticator::open(&sealed, &StaffKeys::derived(&[2; 32]), row(1)).is_err());
        for length in 0..sealed.len() {
            assert!(Authenticator::open(&sealed[..length], &keys, row(1)).is_err());
        }
    }

    #[test]
    fn apps_get_an_address_and_a_picture() {
        let uri = known().uri("wanjiku").unwrap();
        assert_eq!(
            uri.expose(),
            "otpauth://totp/KwaStage:wanjiku?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=KwaStage"
        );
        assert!(
            known()
                .picture("wanjiku")
                .unwrap()
                .expose()
                .contains("<svg")
        );
        let read = Authenticator::from_base32(known().base32().expose()).unwrap();
        assert_eq!(read.secret, known().secret);
        assert!(Authenticator::from_base32("not base32!").is_none());
    }
}
