//! A text taken apart into words, and how far one word is from another.

/// So many words of a text are looked at; what people ask for stands in front.
const WORDS_MAX: usize = 60;
/// Longer than any word we know.
const WORD_LENGTH_MAX: usize = 24;

/// One word of a text: letters and digits in one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// In upper case, cut to 24 characters.
    pub upper: String,
    /// Where it stands in the text, in bytes.
    pub from: usize,
    pub to: usize,
}

impl Word {
    /// Whether it is one of these words, which stand in capitals with a space between.
    pub fn is(&self, words: &str) -> bool {
        words.split(' ').any(|word| word == self.upper)
    }

    pub fn is_number(&self) -> bool {
        self.upper.chars().all(|c| c.is_ascii_digit())
    }
}

/// The first words of a text of any length and any characters. Emoji and punctuation part words and are none.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut from = None;
    let end = std::iter::once((text.len(), ' '));
    for (at, c) in text.char_indices().chain(end) {
        // An apostrophe within a word is part of it for the eye only: `I'm`, `ng'ombe`.
        match (c.is_alphanumeric(), from) {
            (true, None) => from = Some(at),
            (false, Some(start)) => {
                words.push(Word {
                    upper: text[start..at]
                        .chars()
                        .take(WORD_LENGTH_MAX)
                        .collect::<String>()
                        .to_uppercase(),
                    from: start,
                    to: at,
                });
                from = None;
                if words.len() == WORDS_MAX {
                    break;
                }
            }
            _ => {}
        }
    }
    words
}

/// Whether somebody who wanted to write `wanted` may have written `typed`: the longer the word, the more is forgiven,
/// because a short one is soon another word.
///
/// | letters | forgiven |
/// |---|---|
/// | 1 to 3 | a letter held down (`BALLL`) |
/// | 4 | also two neighbours swapped (`HLEP`) |
/// | 5 and more | one letter wrong, missing, too many, or two neighbours swapped |
pub(super) fn meant(wanted: &str, typed: &str) -> bool {
    if wanted == typed || (typed.len() > wanted.len() && unstuttered(typed) == unstuttered(wanted))
    {
        return true;
    }
    match wanted.len() {
        0..4 => false,
        4 => swapped(wanted, typed),
        _ => one_slip_apart(wanted, typed),
    }
}

/// Each run of one letter as one: `SOOOS` is `SOS`.
fn unstuttered(word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    letters.dedup();
    letters.into_iter().collect()
}

fn swapped(wanted: &str, typed: &str) -> bool {
    wanted.len() == typed.len() && one_slip_apart(wanted, typed) && {
        let sorted = |word: &str| {
            let mut letters: Vec<char> = word.chars().collect();
            letters.sort_unstable();
            letters
        };
        sorted(wanted) == sorted(typed)
    }
}

/// One letter wrong, missing, too many, or two neighbours swapped.
pub(super) fn one_slip_apart(wanted: &str, typed: &str) -> bool {
    let (wanted, typed): (Vec<char>, Vec<char>) =
        (wanted.chars().collect(), typed.chars().collect());
    let same_start = wanted
        .iter()
        .zip(&typed)
        .take_while(|(a, b)| a == b)
        .count();
    let (w, t) = (&wanted[same_start..], &typed[same_start..]);
    match (w, t) {
        ([_, w @ ..], [_, t @ ..]) if w == t => true,
        ([_, w @ ..], t) if w == t => true,
        (w, [_, t @ ..]) if w == t => true,
        ([a, b, w @ ..], [c, d, t @ ..]) => a == d && b == c && w == t,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_is_taken_apart() {
        let upper = |text: &str| {
            words(text)
                .into_iter()
                .map(|word| word.upper)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            upper(" \u{1F198}sos!!! kencom,near"),
            ["SOS", "KENCOM", "NEAR"]
        );
        assert_eq!(upper("S.O.S"), ["S", "O", "S"]);
        assert_eq!(upper("200/="), ["200"]);
        assert_eq!(upper("...\u{1F600}"), [""; 0]);
        assert_eq!(upper("\u{df}"), ["SS"]);
        assert_eq!(upper(&"a ".repeat(1_000)).len(), 60);
    }

    #[test]
    fn one_slip_is_one_slip() {
        for (wanted, typed, apart) in [
            ("RISITI", "RISITI", false),
            ("RISITI", "RISTI", true),
            ("RISITI", "RISIITI", true),
            ("RECEIPT", "RECIEPT", true),
            ("RISITI", "RIZITI", true),
            ("RISITI", "RZITI", false),
            ("RISITI", "", false),
        ] {
            assert_eq!(one_slip_apart(wanted, typed), apart, "{wanted} {typed}");
        }
    }

    #[test]
    fn short_words_are_forgiven_less() {
        for (wanted, typed, forgiven) in [
            ("BAL", "BAL", true),
            ("BAL", "BAAALLL", true),
            ("BAL", "BALL", true),
            ("BAL", "BLA", false),
            ("BAL", "PAL", false),
            ("LIPA", "LIAP", true),
            ("LIPA", "LIPPA", true),
            ("LIPA", "LISA", false),
            ("LIPA", "LIP", false),
            ("HELP", "HLEP", true),
            ("HALI", "HILA", false),
            ("SALIO", "SALIOO", true),
            ("SALIO", "SLIO", true),
            ("SALIO", "SALII", true),
            ("SALIO", "SALII0", false),
        ] {
            assert_eq!(meant(wanted, typed), forgiven, "{wanted} {typed}");
        }
    }

    proptest! {
        #[test]
        fn words_stand_where_they_say(text in ".{0,200}") {
            for word in words(&text) {
                let there: String = text[word.from..word.to].chars().take(24).collect();
                prop_assert_eq!(there.to_uppercase(), word.upper);
            }
        }
    }
}
