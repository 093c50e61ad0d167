//! Amounts in words, English, Swahili and the Sheng of the stage.
//!
//! ```text
//! English   [n] thousand [n hundred] [and n]      fifteen hundred
//! Swahili   elfu n [na] mia n [na n]              elfu moja na mia tano
//! Sheng     soo mbili, ngiri, finje
//! ```

use super::Token;
use crate::primitives::Money;

/// A word of a number, and the order its language puts it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numeral {
    /// 1 to 9.
    Unit(i64),
    /// 10 to 19 in one word.
    Teen(i64),
    /// 20, 30 to 90; Swahili `kumi`, which takes a unit behind it.
    Ten(i64),
    /// `mia mbili`: how many stands behind it.
    Hundreds,
    /// `elfu mbili`.
    Thousands,
    /// `two hundred`: how many stands before it.
    Hundred,
    /// `two thousand`.
    Thousand,
    /// A note with a name of its own: `finje`.
    Note(i64),
    /// `a`, in `a hundred`.
    A,
}

use Numeral::{A, Hundred, Hundreds, Note, Teen, Ten, Thousand, Thousands, Unit};

const NUMERALS: [(&str, Numeral); 72] = [
    ("MOJA", Unit(1)),
    ("MBILI", Unit(2)),
    ("TATU", Unit(3)),
    ("NNE", Unit(4)),
    ("TANO", Unit(5)),
    ("SITA", Unit(6)),
    ("SABA", Unit(7)),
    ("NANE", Unit(8)),
    ("TISA", Unit(9)),
    ("KUMI", Ten(10)),
    ("ISHIRINI", Ten(20)),
    ("THELATHINI", Ten(30)),
    ("THALATHINI", Ten(30)),
    ("AROBAINI", Ten(40)),
    ("AROBAINE", Ten(40)),
    ("HAMSINI", Ten(50)),
    ("SITINI", Ten(60)),
    ("SABINI", Ten(70)),
    ("THEMANINI", Ten(80)),
    ("TISINI", Ten(90)),
    ("MIA", Hundreds),
    ("MIYA", Hundreds),
    ("ELFU", Thousands),
    ("ALFU", Thousands),
    ("SOO", Hundreds),
    ("NGIRI", Thousands),
    ("THAO", Thousands),
    ("THAU", Thousands),
    ("FINJE", Note(50)),
    ("CHWANI", Note(50)),
    ("MBAO", Note(20)),
    ("ASHU", Note(10)),
    ("RWABE", Note(200)),
    ("JIRONGO", Note(500)),
    ("ONE", Unit(1)),
    ("TWO", Unit(2)),
    ("THREE", Unit(3)),
    ("FOUR", Unit(4)),
    ("FIVE", Unit(5)),
    ("SIX", Unit(6)),
    ("SEVEN", Unit(7)),
    ("EIGHT", Unit(8)),
    ("NINE", Unit(9)),
    ("TEN", Teen(10)),
    ("ELEVEN", Teen(11)),
    ("TWELVE", Teen(12)),
    ("THIRTEEN", Teen(13)),
    ("FOURTEEN", Teen(14)),
    ("FIFTEEN", Teen(15)),
    ("SIXTEEN", Teen(16)),
    ("SEVENTEEN", Teen(17)),
    ("EIGHTEEN", Teen(18)),
    ("NINETEEN", Teen(19)),
    ("TWENTY", Ten(20)),
    ("THIRTY", Ten(30)),
    ("FORTY", Ten(40)),
    ("FOURTY", Ten(40)),
    ("FIFTY", Ten(50)),
    ("SIXTY", Ten(60)),
    ("SEVENTY", Ten(70)),
    ("EIGHTY", Ten(80)),
    ("NINETY", Ten(90)),
    ("HUNDRED", Hundred),
    ("HUNDREDS", Hundred),
    ("THOUSAND", Thousand),
    ("THOUSANDS", Thousand),
    ("A", A),
    ("AN", A),
    ("MIAMBILI", Note(200)),
    ("MIATANO", Note(500)),
    ("ELFUMOJA", Note(1000)),
    ("ELFUMBILI", Note(2000)),
];

pub(super) fn numeral(word: &str) -> Option<Numeral> {
    let found = NUMERALS.iter().find(|(known, _)| *known == word);
    found.map(|(_, numeral)| *numeral)
}

/// Every word of a number.
pub(super) fn numbers() -> impl Iterator<Item = &'static str> {
    NUMERALS.iter().map(|(word, _)| *word)
}

/// The number that the tokens begin with, and what stands behind it. `None` when it can be read in several ways. The first
/// token is part of a number.
pub(super) fn read(tokens: &[Token]) -> Option<(Money, &[Token])> {
    let (run, rest) = tokens.split_at(run_length(tokens));
    if let [Token::Figures(money)] = run {
        return Some((*money, rest));
    }
    let cents = match (english(run), swahili(run)) {
        (Some(one), Some(other)) if one != other => return None,
        (Some(cents), _) | (None, Some(cents)) => cents,
        (None, None) => return None,
    };
    Some((Money::from_cents(cents), rest))
}

/// Whether a hundred or a thousand comes next, which what stands before it counts.
pub(super) fn is_counted(behind: &[Token]) -> bool {
    matches!(behind.first(), Some(Token::Spoken(Hundred | Thousand)))
}

/// How many tokens belong to one number, so far as that can be seen without understanding it.
fn run_length(tokens: &[Token]) -> usize {
    let how_many_stands_before = |at: usize| is_counted(&tokens[at + 1..]);
    let mut length = 0;
    while let Some(token) = tokens.get(length) {
        let belongs = match token {
            Token::Spoken(A) => how_many_stands_before(length),
            Token::Spoken(_) => true,
            Token::And => {
                length > 0
                    && matches!(tokens.get(length + 1), Some(Token::Spoken(next)) if *next != A)
            }
            Token::Figures(_) => {
                let behind =
                    length > 0 && matches!(tokens[length - 1], Token::Spoken(Hundreds | Thousands));
                behind || how_many_stands_before(length)
            }
            Token::Doubtful | Token::NearlySpoken | Token::Habit | Token::Other => false,
        };
        if !belongs {
            break;
        }
        length += 1;
    }
    length.max(1)
}

/// In cents, like everything below.
fn english(run: &[Token]) -> Option<i64> {
    let (thousands, rest) = english_hundreds(run)?;
    let [Token::Spoken(Thousand), rest @ ..] = rest else {
        return rest.is_empty().then_some(thousands);
    };
    let thousands = thousands.checked_mul(1_000)?;
    match without_and(rest) {
        [] => Some(thousands),
        rest => {
            let (more, rest) = english_hundreds(rest)?;
            (rest.is_empty() && more < shillings(1_000)?).then_some(thousands + more)
        }
    }
}

/// `two hundred and fifty`, `fifteen`, `a`, and figures where a word follows that they count.
fn english_hundreds(run: &[Token]) -> Option<(i64, &[Token])> {
    let (count, rest) = match run {
        [Token::Spoken(A), rest @ ..] => (shillings(1)?, rest),
        [Token::Figures(money), rest @ ..] => (money.cents(), rest),
        _ => below_hundred(run)?,
    };
    let [Token::Spoken(Hundred), rest @ ..] = rest else {
        return Some((count, rest));
    };
    let hundreds = count.checked_mul(100)?;
    match without_and(rest) {
        tail @ [Token::Spoken(Unit(_) | Teen(_) | Ten(_)), ..] => {
            let (more, rest) = below_hundred(tail)?;
            Some((hundreds + more, rest))
        }
        _ => Some((hundreds, rest)),
    }
}

fn below_hundred(run: &[Token]) -> Option<(i64, &[Token])> {
    match run {
        // `kumi` takes its unit behind a `na`.
        [
            Token::Spoken(Ten(tens @ 20..)),
            Token::Spoken(Unit(units)),
            rest @ ..,
        ] => Some((shillings(tens + units)?, rest)),
        [
            Token::Spoken(Unit(count) | Teen(count) | Ten(count)),
            rest @ ..,
        ] => Some((shillings(*count)?, rest)),
        _ => None,
    }
}

fn swahili(run: &[Token]) -> Option<i64> {
    let (thousands, rest) = match run {
        [Token::Spoken(Thousands), rest @ ..] => {
            let (count, rest) = match rest {
                // `elfu mia tano`: half a million, or fifteen hundred? `elfu kumi na tano`: 15,000, or 10,005?
                [Token::Spoken(Hundreds), ..]
                | [
                    Token::Spoken(Ten(_)),
                    Token::And,
                    Token::Spoken(Unit(_)),
                    ..,
                ] => return None,
                [Token::Spoken(Unit(count) | Ten(count)), rest @ ..] => (shillings(*count)?, rest),
                [Token::Figures(money), rest @ ..] => (money.cents(), rest),
                rest => (shillings(1)?, rest),
            };
            (count.checked_mul(1_000)?, rest)
        }
        _ => (0, run),
    };
    let (hundreds, rest) = match without_and(rest) {
        [Token::Spoken(Hundreds), rest @ ..] => {
            let (count, rest) = match rest {
                [Token::Spoken(Ten(_)), ..] => return None,
                [Token::Spoken(Unit(count)), rest @ ..] => (shillings(*count)?, rest),
                [Token::Figures(money), rest @ ..] if money.cents() < shillings(10)? => {
                    (money.cents(), rest)
                }
                rest => (shillings(1)?, rest),
            };
            (count.checked_mul(100)?, rest)
        }
        _ => (0, rest),
    };
    let before = thousands.checked_add(hundreds)?;
    let tail = match rest {
        [] => 0,
        [
            Token::Spoken(Ten(tens)),
            Token::And,
            Token::Spoken(Unit(units)),
        ]
        | [
            Token::And,
            Token::Spoken(Ten(tens)),
            Token::And,
            Token::Spoken(Unit(units)),
        ] => shillings(tens + units)?,
        [Token::Spoken(Ten(tens))] | [Token::And, Token::Spoken(Ten(tens))] => shillings(*tens)?,
        [Token::And, Token::Spoken(Unit(units))] => shillings(*units)?,
        [Token::Spoken(Unit(units))] if before == 0 => shillings(*units)?,
        [Token::Spoken(Note(worth))] if before == 0 => shillings(*worth)?,
        _ => return None,
    };
    before.checked_add(tail)
}

fn without_and(run: &[Token]) -> &[Token] {
    match run {
        [Token::And, rest @ ..] => rest,
        rest => rest,
    }
}

fn shillings(count: i64) -> Option<i64> {
    count.checked_mul(100)
}
