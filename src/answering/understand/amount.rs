//! Amounts as people write them: `200/=`, `ksh200`, `1.5k`, `mia mbili`, `two hundred`.
//!
//! What can be read in two ways is not read at all: whoever asks for money asks again. `1.500` may be one and a half or
//! fifteen hundred, `elfu kumi na tano` fifteen thousand or ten thousand and five.

mod spoken;
mod written;

use super::words::one_slip_apart;
use crate::primitives::Money;
use spoken::Numeral;
use written::Written;

/// What a text says about an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Nothing in it looks like one.
    Missing,
    /// One amount, perhaps said twice; positive.
    Clear(Money),
    /// Several, or one that can be read in more than one way.
    Unclear,
}

/// Words on their own that make any amount beside them doubtful: parts, millions, other money.
const DOUBTFUL: &str = "NUSU ROBO HALF QUARTER LAKI LAK MILIONI MILLION MILION M USD DOLLAR DOLLARS DOLA EURO EUROS POUND POUNDS \
    UGX TZS TSH CENTS";

/// What people say behind an amount.
const HABITS: &str = "TAFADHALI TU PEKEE SASA KWA YA BANA BOSS LEO ASANTE SHILINGI SHILLINGS BOB PLEASE PLZ PLS TO FOR KES KSH \
    ONLY HIVI";

/// Words near to a number's in writing and not in meaning.
const NO_NUMBERS: &str = "SANA SASA NANI FOR MINE NICE LINE FINE FIRE NONE THERE THEN";

/// Reads the amount out of a text, whatever else it says.
pub fn amount(text: &str) -> Amount {
    let mut found: Option<Money> = None;
    let tokens: Vec<Token> = tokens(text);
    let mut rest = tokens.as_slice();
    while let Some((first, behind)) = rest.split_first() {
        let (money, left) = match first {
            // Half a number is worse than none: `mia mbli` is not a hundred. Away from numbers it is a word like any other.
            Token::NearlySpoken if matches!(behind.first(), Some(Token::Spoken(_))) => {
                return Amount::Unclear;
            }
            Token::Other | Token::Habit | Token::And | Token::NearlySpoken => {
                rest = behind;
                continue;
            }
            // An article, unless it counts a hundred or a thousand.
            Token::Spoken(Numeral::A) if !spoken::is_counted(behind) => {
                rest = behind;
                continue;
            }
            Token::Doubtful => return Amount::Unclear,
            Token::Figures(_) | Token::Spoken(_) => match spoken::read(rest) {
                Some(read) => read,
                None => return Amount::Unclear,
            },
        };
        if is_cut_short(&rest[..rest.len() - left.len()], left)
            || found.is_some_and(|other| other != money)
        {
            return Amount::Unclear;
        }
        found = Some(money);
        rest = left;
    }
    match found {
        Some(money) if money.is_positive() => Amount::Clear(money),
        Some(_) => Amount::Unclear,
        None => Amount::Missing,
    }
}

/// Whether the number may go on with a word we do not know: `mia mbl` is not a hundred.
fn is_cut_short(number: &[Token], behind: &[Token]) -> bool {
    match (number.last(), behind.first()) {
        (Some(Token::Spoken(Numeral::Hundreds | Numeral::Thousands)), Some(next)) => {
            !matches!(next, Token::Habit | Token::And)
        }
        (Some(Token::Spoken(_)), Some(Token::NearlySpoken)) => true,
        _ => false,
    }
}

/// One piece of a text between spaces.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    /// An amount in figures.
    Figures(Money),
    /// A word of a number: `mia`, `twenty`.
    Spoken(Numeral),
    /// `na`, `and`: joins the parts of a number.
    And,
    /// Looks like part of an amount, and is none that is clear.
    Doubtful,
    /// One slip away from a word of a number: `mbli`.
    NearlySpoken,
    /// Part of no number, for certain.
    Habit,
    Other,
}

fn tokens(text: &str) -> Vec<Token> {
    let pieces: Vec<&str> = text
        .split(char::is_whitespace)
        .flat_map(|piece| split_words(piece))
        .filter(|piece| !piece.is_empty())
        .collect();
    let mut tokens = Vec::with_capacity(pieces.len());
    let mut at = 0;
    while at < pieces.len() {
        let next = pieces.get(at + 1).map(|piece| bare(piece));
        // `mara moja`: at once.
        if bare(pieces[at]) == "MARA" {
            at += 2;
            continue;
        }
        let token = token(pieces[at]);
        // `2 k`.
        let thousands = next.as_deref() == Some("K");
        match token {
            Token::Figures(money) if thousands => {
                let grown =
                    Money::try_from(money.as_decimal() * rust_decimal::Decimal::ONE_THOUSAND);
                tokens.push(grown.map_or(Token::Doubtful, Token::Figures));
                at += 2;
            }
            token => {
                tokens.push(token);
                at += 1;
            }
        }
    }
    tokens
}

fn is_one_of(word: &str, words: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

/// `two-hundred` and `mia,mbili` are two words; `1,500` and `200/-` stay whole.
fn split_words(piece: &str) -> Vec<&str> {
    if piece.chars().any(char::is_numeric) {
        vec![piece]
    } else {
        piece.split(|c: char| !c.is_alphabetic()).collect()
    }
}

fn bare(piece: &str) -> String {
    piece
        .trim_matches(|c: char| !c.is_alphanumeric())
        .chars()
        .take(24)
        .collect::<String>()
        .to_uppercase()
}

fn token(piece: &str) -> Token {
    match written::read(piece) {
        Written::Figures(money) => return Token::Figures(money),
        Written::Unreadable => return Token::Doubtful,
        Written::Word => {}
    }
    let word = bare(piece);
    if is_one_of(&word, DOUBTFUL) {
        return Token::Doubtful;
    }
    if matches!(word.as_str(), "NA" | "AND" | "N") {
        return Token::And;
    }
    if let Some(numeral) = spoken::numeral(&word) {
        return Token::Spoken(numeral);
    }
    if is_one_of(&word, HABITS) {
        return Token::Habit;
    }
    let is_near = word.chars().count() >= 4
        && spoken::numbers().any(|number| number.len() >= 4 && one_slip_apart(number, &word));
    if is_near && !is_one_of(&word, NO_NUMBERS) {
        Token::NearlySpoken
    } else {
        Token::Other
    }
}

#[cfg(test)]
mod tests;
