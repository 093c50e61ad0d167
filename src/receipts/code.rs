//! Check codes: short enough to type on a keypad, unguessable without the key, each character readable in one way only.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

/// A check code such as `7K3M`: four characters or more, at least one of them a digit, so that no code is a word.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CheckCode(String);

/// The text cannot be a check code, however it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a check code")]
pub struct NotACheckCode;

/// The secret that codes are derived with.
pub struct CodeKey(Zeroizing<Vec<u8>>);

/// A key of under 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key for check codes has at least 16 bytes")]
pub struct WeakKey;

/// Of characters that look alike only one is used: no 0, O or Q beside D; no 1, I or L; no S beside 5, Z beside 2, B beside 8, G beside
/// 6, U beside V.
const ALPHABET: &[u8; 25] = b"23456789ACDEFHJKMNPRTVWXY";
const LENGTHS: std::ops::RangeInclusive<usize> = 4..=12;

impl CheckCode {
    /// Reads a code as people type it: any case, spaces and dashes anywhere, and look-alikes for the character that is meant.
    pub fn parse(typed: &str) -> Result<CheckCode, NotACheckCode> {
        if typed.len() > 40 {
            return Err(NotACheckCode);
        }
        let typed: Vec<char> = typed
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.'))
            .collect();
        // A bare word is somebody talking to us, not a code.
        if !LENGTHS.contains(&typed.len()) || !typed.iter().any(char::is_ascii_digit) {
            return Err(NotACheckCode);
        }
        typed
            .into_iter()
            .map(as_meant)
            .collect::<Option<String>>()
            .map(CheckCode)
            .ok_or(NotACheckCode)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A code that stands in a table row, where nobody mistypes.
    pub(super) fn from_row(code: String) -> CheckCode {
        CheckCode(code)
    }
}

impl fmt::Display for CheckCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl CodeKey {
    /// At least 16 bytes.
    pub fn new(bytes: &[u8]) -> Result<CodeKey, WeakKey> {
        if bytes.len() < 16 {
            Err(WeakKey)
        } else {
            Ok(CodeKey(Zeroizing::new(bytes.to_vec())))
        }
    }

    /// The codes a payment may have, best first: the caller takes the first that nobody has. At most about one code in ten of a length is in
    /// use, so that a code somebody invents is rarely a code somebody has; `ordinal` says how many receipts there are.
    pub(super) fn candidates(
        &self,
        payment: Uuid,
        ordinal: i64,
    ) -> impl Iterator<Item = CheckCode> + '_ {
        let length = length_for(ordinal);
        (0..u32::MAX).filter_map(move |counter| {
            // Eight taken codes in a row say that this length is scarcer than it was reckoned to be.
            let length = (length + counter as usize / 8).min(*LENGTHS.end());
            self.derive(payment, counter, length)
        })
    }

    /// None where the draw is not a code: too few fair bytes, no digit, or nothing but digits, which could be somebody's PIN.
    fn derive(&self, payment: Uuid, counter: u32, length: usize) -> Option<CheckCode> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(b"receipt-check-code");
        mac.update(payment.as_bytes());
        mac.update(&counter.to_be_bytes());
        // 250 is the largest multiple of 25 in a byte: what lies above would favour the first characters.
        let fair = mac
            .finalize()
            .into_bytes()
            .into_iter()
            .filter(|byte| *byte < 250);
        let code: String = fair
            .take(length)
            .map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]))
            .collect();
        let is_code = code.len() == length
            && code.contains(|c: char| c.is_ascii_digit())
            && code.contains(|c: char| c.is_ascii_alphabetic());
        is_code.then_some(CheckCode(code))
    }
}

impl fmt::Debug for CodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeKey(…)")
    }
}

/// The shortest length of which this many receipts use up at most a tenth.
fn length_for(ordinal: i64) -> usize {
    let receipts = u64::try_from(ordinal).unwrap_or(0);
    let codes = |length: usize| {
        let letters = ALPHABET.iter().filter(|c| c.is_ascii_alphabetic()).count() as u64;
        (ALPHABET.len() as u64).pow(length as u32) - letters.pow(length as u32)
    };
    LENGTHS
        .clone()
        .find(|length| codes(*length) / 10 >= receipts)
        .unwrap_or(*LENGTHS.end())
}

fn as_meant(typed: char) -> Option<char> {
    let meant = match typed.to_ascii_uppercase() {
        '0' | 'O' | 'Q' => 'D',
        'S' => '5',
        'Z' => '2',
        'B' => '8',
        'G' => '6',
        'U' => 'V',
        other => other,
    };
    u8::try_from(meant)
        .is_ok_and(|byte| ALPHABET.contains(&byte))
        .then_some(meant)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn key() -> CodeKey {
        CodeKey::new(&[7; 32]).unwrap()
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        for typed in ["7K3M", "7k3m", " 7k 3m ", "7K-3M", "7 K 3 M."] {
            assert_eq!(
                CheckCode::parse(typed).map(|code| code.0),
                Ok("7K3M".to_owned()),
                "{typed}"
            );
        }
        for (typed, meant) in [
            ("7O3Q", "7D3D"),
            ("703M", "7D3M"),
            ("5sZ2", "5522"),
            ("8bg6u", "8866V"),
        ] {
            assert_eq!(
                CheckCode::parse(typed).map(|code| code.0),
                Ok(meant.to_owned()),
                "{typed}"
            );
        }
        for typed in [
            "",
            "7K3",
            "STOP",
            "ASANTE",
            "7K3I",
            "7L31",
            "7K3M7K3M7K3M7",
            "7K3é",
            "７Ｋ３Ｍ",
            &"7".repeat(50),
        ] {
            assert_eq!(CheckCode::parse(typed), Err(NotACheckCode), "{typed}");
        }
    }

    #[test]
    fn codes_grow_before_they_run_scarce() {
        for (receipts, length) in [
            (0, 4),
            (30_710, 4),
            (30_711, 5),
            (834_576, 5),
            (834_577, 6),
            (i64::MAX, 12),
        ] {
            assert_eq!(length_for(receipts), length, "{receipts}");
        }
        let lengths: Vec<usize> = key()
            .candidates(Uuid::nil(), 1)
            .take(20)
            .map(|code| code.0.len())
            .collect();
        assert_eq!((lengths[0], lengths.is_sorted()), (4, true));
        assert!(
            lengths[19] > 4,
            "a payment whose codes are all taken gets a longer one: {lengths:?}"
        );
    }

    #[test]
    fn another_key_or_another_payment_is_another_code() {
        let first = |key: &CodeKey, payment: u128| {
            key.candidates(Uuid::from_u128(payment), 40_000_000)
                .next()
                .unwrap()
        };
        let other = CodeKey::new(&[8; 32]).unwrap();
        assert_eq!(first(&key(), 1), first(&key(), 1));
        assert_ne!(first(&key(), 1), first(&key(), 2));
        assert_ne!(first(&key(), 1), first(&other, 1));
        assert_eq!(CodeKey::new(&[7; 15]).err(), Some(WeakKey));
    }

    #[test]
    fn every_character_is_as_likely_as_its_kind() {
        let mut seen: HashMap<char, u32> = HashMap::new();
        for payment in 0..60_000 {
            let code = key()
                .candidates(Uuid::from_u128(payment), 1)
                .next()
                .unwrap();
            code.0
                .chars()
                .for_each(|c| *seen.entry(c).or_default() += 1);
        }
        assert_eq!(seen.len(), ALPHABET.len());
        for kind in [
            char::is_ascii_digit as fn(&char) -> bool,
            char::is_ascii_alphabetic,
        ] {
            let counts: Vec<u32> = seen
                .iter()
                .filter(|(c, _)| kind(c))
                .map(|(_, count)| *count)
                .collect();
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert!(f64::from(*most) / f64::from(*least) < 1.06, "{counts:?}");
        }
    }

    proptest! {
        #[test]
        fn every_code_reads_back_as_itself(payment: u128, ordinal in 0..i64::MAX) {
            let code = key().candidates(Uuid::from_u128(payment), ordinal).next().unwrap();
            prop_assert_eq!(CheckCode::parse(&code.0.to_lowercase()), Ok(code));
        }

        #[test]
        fn any_text_is_a_code_or_refused(typed: String) {
            if let Ok(code) = CheckCode::parse(&typed) {
                prop_assert_eq!(CheckCode::parse(code.as_str()).map(|again| again == code).unwrap_or(true), true);
                prop_assert!(code.0.bytes().all(|byte| ALPHABET.contains(&byte)));
            }
        }
    }
}
