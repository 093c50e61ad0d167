//! Finding what is new in a cumulative transcript without keeping the transcript.
//!
//! Africa's Talking sends everything typed so far, joined by `*`, on every hop; PINs are in it. So we keep only
//! the length and a keyed digest of what was seen. New input is what stands behind the seen prefix, whole, so
//! that a `*` inside an answer is safe.

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The longest transcript taken, in bytes. A session of 180 s cannot type more.
pub const TRANSCRIPT_BYTES_MAX: usize = 2048;

/// The key under which transcripts are digested. Held by the process, never by a store.
#[derive(Clone)]
pub struct TranscriptKey(Hmac<Sha256>);

impl TranscriptKey {
    pub fn new(key: &[u8]) -> TranscriptKey {
        // HMAC takes a key of any length.
        TranscriptKey(
            Hmac::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes any key")),
        )
    }

    /// The mark of this very text.
    pub fn mark(&self, text: &str) -> Mark {
        let mut hmac = self.0.clone();
        hmac.update(text.as_bytes());
        let digest = hmac.finalize().into_bytes();
        let mut short = [0; 8];
        short.copy_from_slice(&digest[..8]);
        Mark {
            length: text.len(),
            digest: short,
        }
    }
}

/// What is remembered of a transcript: how long it was and a keyed digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    length: usize,
    digest: [u8; 8],
}

/// How a newly received transcript relates to the one already seen.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrival<'t> {
    /// The same turn once more.
    Same,
    /// One more input behind what was seen; it may be empty and may hold `*` and `#`.
    Next(&'t str),
    /// An earlier turn, late.
    Older(Mark),
    /// Neither an extension nor a prefix: lost state, two handsets, or a hostile client.
    Divergent,
}

/// Compares the received transcript with the seen one; `earlier` are the marks of the turns before it.
pub fn arrival<'t>(
    key: &TranscriptKey,
    seen: Mark,
    earlier: impl IntoIterator<Item = Mark>,
    received: &'t str,
) -> Arrival<'t> {
    if received.len() == seen.length {
        return if key.mark(received) == seen {
            Arrival::Same
        } else {
            Arrival::Divergent
        };
    }
    if received.len() > seen.length {
        // Form A of a deep dial and a plain dial both leave nothing in front of the first input.
        let extends =
            received.is_char_boundary(seen.length) && key.mark(&received[..seen.length]) == seen;
        return match (extends, seen.length) {
            (true, 0) => Arrival::Next(received),
            (true, _) => match received[seen.length..].strip_prefix('*') {
                Some(input) => Arrival::Next(input),
                None => Arrival::Divergent,
            },
            (false, _) => Arrival::Divergent,
        };
    }
    let mark = key.mark(received);
    if earlier.into_iter().any(|turn| turn == mark) {
        Arrival::Older(mark)
    } else {
        Arrival::Divergent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> TranscriptKey {
        TranscriptKey::new(b"a key for tests")
    }

    #[test]
    fn the_cases_of_the_protocol() {
        let key = key();
        let arrives = |seen: &str, received: &'static str| {
            arrival(
                &key,
                key.mark(seen),
                [key.mark(""), key.mark("1")],
                received,
            )
        };
        assert_eq!(arrives("", "1"), Arrival::Next("1"));
        assert_eq!(arrives("1", "1*1"), Arrival::Next("1"));
        assert_eq!(arrives("1*1", "1*1"), Arrival::Same);
        assert_eq!(arrives("3*2", "3*2*A*B"), Arrival::Next("A*B"));
        assert_eq!(arrives("1", "1*"), Arrival::Next(""));
        assert_eq!(arrives("1", "1*#"), Arrival::Next("#"));
        assert_eq!(arrives("1*2", "1"), Arrival::Older(key.mark("1")));
        assert_eq!(arrives("1*2", ""), Arrival::Older(key.mark("")));
        assert_eq!(arrives("1*2", "4"), Arrival::Divergent);
        assert_eq!(arrives("1*2", "1*3"), Arrival::Divergent);
        assert_eq!(arrives("1", "12"), Arrival::Divergent);
        assert_eq!(arrives("é", "e*1"), Arrival::Divergent);
    }

    proptest! {
        /// Whatever was seen and whatever is typed, the input comes back whole.
        #[test]
        fn an_input_is_found_whole(seen in ".{1,40}", input in ".{0,40}") {
            let key = key();
            let received = format!("{seen}*{input}");
            prop_assert_eq!(arrival(&key, key.mark(&seen), [], &received), Arrival::Next(input.as_str()));
        }

        #[test]
        fn no_text_makes_it_stumble(seen in ".*", received in ".*") {
            let key = key();
            arrival(&key, key.mark(&seen), [key.mark("")], &received);
        }
    }
}
