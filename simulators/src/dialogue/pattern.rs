//! What a text must say: words as they are, `*` for anything, `{name}` for a value to keep.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The values that names stand for so far in a dialogue.
pub type Known = BTreeMap<String, String>;

/// A text with gaps. It must fit the whole text, not a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Words(String),
    /// `*`: any text, none included, over any number of lines.
    Anything,
    /// `{name}`: at least one character of one line; the shortest that fits. Once known, the value itself.
    Named(String),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("`{{` is never closed; write `\\{{` for the character itself")]
    Unclosed,
    #[error("`{{{0}}}` is no name: lower-case letters, digits and underscores, a letter first")]
    BadName(String),
    #[error("`{{{0}}}` stands twice in one text; capture it once")]
    Twice(String),
}

impl Pattern {
    /// Reads a pattern. A backslash takes the next character literally; ` | ` is a line break.
    pub fn parse(written: &str) -> Result<Pattern, PatternError> {
        let written = written.split(" | ").collect::<Vec<_>>().join("\n");
        let mut pieces = Vec::new();
        let mut words = String::new();
        let mut names = BTreeSet::new();
        let mut characters = written.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => words.push(characters.next().unwrap_or('\\')),
                '*' => {
                    flush(&mut words, &mut pieces);
                    if pieces.last() != Some(&Piece::Anything) {
                        pieces.push(Piece::Anything);
                    }
                }
                '{' => {
                    flush(&mut words, &mut pieces);
                    let name = name(&mut characters)?;
                    if !names.insert(name.clone()) {
                        return Err(PatternError::Twice(name));
                    }
                    pieces.push(Piece::Named(name));
                }
                other => words.push(other),
            }
        }
        flush(&mut words, &mut pieces);
        Ok(Pattern { pieces })
    }

    /// The pattern that only this text fits.
    pub fn exactly(text: &str) -> Pattern {
        let text = tidy(text);
        Pattern {
            pieces: if text.is_empty() {
                Vec::new()
            } else {
                vec![Piece::Words(text)]
            },
        }
    }

    /// The pattern that every text fits.
    pub fn anything() -> Pattern {
        Pattern {
            pieces: vec![Piece::Anything],
        }
    }

    /// The names that a fitting text gives values to.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Named(name) => Some(name.as_str()),
            Piece::Words(_) | Piece::Anything => None,
        })
    }

    /// The values a text gives to names not known yet, or nothing when it does not fit. White space at the ends of lines is not compared.
    pub fn fit(&self, text: &str, known: &Known) -> Option<Known> {
        let text: Vec<char> = tidy(text).chars().collect();
        let pieces: Vec<Piece> = self
            .pieces
            .iter()
            .map(|piece| filled(piece, known))
            .collect();
        let fits = suffixes(&pieces, &text);
        if !fits[0][0] {
            return None;
        }
        let mut learned = Known::new();
        let mut at = 0;
        for (place, piece) in pieces.iter().enumerate() {
            let end = match piece {
                Piece::Words(words) => at + words.chars().count(),
                Piece::Anything => (at..=text.len()).find(|end| fits[place + 1][*end])?,
                Piece::Named(name) => {
                    let end = (at + 1..=text.len()).find(|end| fits[place + 1][*end])?;
                    learned.insert(name.clone(), text[at..end].iter().collect());
                    end
                }
            };
            at = end;
        }
        Some(learned)
    }
}

/// As it would be written, line breaks as ` | `.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Words(words) => f.write_str(&on_one_line(words))?,
                Piece::Anything => f.write_str("*")?,
                Piece::Named(name) => write!(f, "{{{name}}}")?,
            }
        }
        Ok(())
    }
}

/// A text of several lines on one, for telling.
pub fn on_one_line(text: &str) -> String {
    text.replace('\n', " | ")
}

/// Replaces `{name}` in something a rider types. The names must be known.
pub fn fill(typed: &str, known: &Known) -> String {
    known.iter().fold(typed.to_owned(), |typed, (name, value)| {
        typed.replace(&format!("{{{name}}}"), value)
    })
}

fn flush(words: &mut String, pieces: &mut Vec<Piece>) {
    if !words.is_empty() {
        pieces.push(Piece::Words(std::mem::take(words)));
    }
}

fn name(characters: &mut std::str::Chars<'_>) -> Result<String, PatternError> {
    let (name, rest) = characters
        .as_str()
        .split_once('}')
        .ok_or(PatternError::Unclosed)?;
    if !is_name(name) {
        return Err(PatternError::BadName(name.to_owned()));
    }
    *characters = rest.chars();
    Ok(name.to_owned())
}

/// Whether a text can name a value: lower-case letters, digits and underscores, a letter first.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|character| {
            character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
        })
}

fn filled(piece: &Piece, known: &Known) -> Piece {
    match piece {
        Piece::Named(name) => known
            .get(name)
            .map_or_else(|| piece.clone(), |value| Piece::Words(value.clone())),
        Piece::Words(words) => Piece::Words(tidy_inside(words)),
        Piece::Anything => Piece::Anything,
    }
}

/// For every piece and position, whether the pieces from there on fit the text from there on. Filled from the end, so that
/// no pattern costs more than its length times the text's.
fn suffixes(pieces: &[Piece], text: &[char]) -> Vec<Vec<bool>> {
    let mut fits = vec![vec![false; text.len() + 1]; pieces.len() + 1];
    fits[pieces.len()][text.len()] = true;
    for place in (0..pieces.len()).rev() {
        let (here, after) = fits.split_at_mut(place + 1);
        let (here, after) = (&mut here[place], &after[0]);
        match &pieces[place] {
            Piece::Words(words) => {
                let words: Vec<char> = words.chars().collect();
                for at in 0..=text.len() {
                    here[at] = text[at..].starts_with(&words) && after[at + words.len()];
                }
            }
            Piece::Anything => {
                for at in (0..=text.len()).rev() {
                    here[at] = after[at] || here.get(at + 1).copied().unwrap_or(false);
                }
            }
            Piece::Named(_) => {
                for at in (0..text.len()).rev() {
                    here[at] = text[at] != '\n' && (after[at + 1] || here[at + 1]);
                }
            }
        }
    }
    fits
}

fn tidy(text: &str) -> String {
    tidy_inside(&text.replace('\r', "")).trim_end().to_owned()
}

/// Without white space in front of line breaks.
fn tidy_inside(text: &str) -> String {
    let mut lines: Vec<&str> = text.split('\n').collect();
    let last = lines.pop().unwrap_or_default();
    lines
        .iter()
        .flat_map(|line| [line.trim_end(), "\n"])
        .chain([last])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fit(written: &str, text: &str) -> Option<Known> {
        Pattern::parse(written).unwrap().fit(text, &Known::new())
    }

    #[test]
    fn a_text_fits_whole_or_not_at_all() {
        for (written, text, fits) in [
            ("Karibu", "Karibu", true),
            ("Karibu", "Karibu Amina", false),
            ("Karibu*", "Karibu Amina", true),
            ("*Amina", "Karibu Amina", true),
            ("*1 Pay*", "Karibu\n1 Pay\n2 More", true),
            ("Karibu | 1 Pay", "Karibu\n1 Pay", true),
            ("Karibu | 1 Pay", "Karibu 1 Pay", false),
            ("Karibu", "Karibu \r\n", true),
            ("dial \\*384#", "dial *384#", true),
            ("dial \\*384#", "dial x384#", false),
            ("a*b*c", "a--b--b--c", true),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("{code}", "", false),
            ("{code}", "7K\n3M", false),
        ] {
            assert_eq!(
                fit(written, text).is_some(),
                fits,
                "{written:?} and {text:?}"
            );
        }
    }

    #[test]
    fn a_name_takes_the_shortest_value_that_fits() {
        let learned = fit(
            "*Code {code}. *KES {amount} left*",
            "Paid. Code 7K3M. Now KES 40 left. KES 9 left",
        )
        .unwrap();
        assert_eq!(
            (learned["code"].as_str(), learned["amount"].as_str()),
            ("7K3M", "40")
        );
        assert_eq!(fit("Code {code}.", "Code 7.K.").unwrap()["code"], "7.K");
    }

    #[test]
    fn a_known_value_must_come_again() {
        let known = Known::from([("code".to_owned(), "7K3M".to_owned())]);
        let pattern = Pattern::parse("Code {code} *").unwrap();
        assert_eq!(
            pattern.fit("Code 7K3M is genuine", &known),
            Some(Known::new())
        );
        assert_eq!(pattern.fit("Code 7K3X is genuine", &known), None);
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        assert_eq!(Pattern::parse("Code {code"), Err(PatternError::Unclosed));
        assert_eq!(
            Pattern::parse("Code {Code}"),
            Err(PatternError::BadName("Code".into()))
        );
        assert_eq!(
            Pattern::parse("{a} {a}"),
            Err(PatternError::Twice("a".into()))
        );
    }

    proptest! {
        #[test]
        fn never_panics_and_an_exact_text_fits_itself(written in ".{0,60}", text in "(?s).{0,60}") {
            if let Ok(pattern) = Pattern::parse(&written) {
                pattern.fit(&text, &Known::new());
            }
            prop_assert!(Pattern::exactly(&text).fit(&text, &Known::new()).is_some());
        }

        #[test]
        fn stars_around_a_part_always_find_it(before in "[a-z ]{0,20}", part in "[a-z]{1,9}", after in "[a-z ]{0,20}") {
            let text = format!("{before}{part}{after}");
            let found = fit(&format!("*{part}*"), &text).is_some();
            prop_assert!(found);
        }
    }
}
