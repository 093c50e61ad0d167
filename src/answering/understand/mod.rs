//! What somebody wants who wrote to us. Pure, forgiving, and without an opinion on what to answer.

mod alarm;
mod amount;
mod keywords;
mod words;

pub use alarm::Alarm;
pub use amount::{Amount, amount};

use crate::primitives::Language;
use keywords::{Found, Keyword};
use words::Word;

/// What a text means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    pub asked: Asked,
    /// The language it was asked in, where that shows.
    pub language: Option<Language>,
}

/// What a text asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Somebody is in trouble.
    Alarm(Alarm),
    Balance,
    /// To pay into the fund of one's stage.
    Pay(Amount),
    Status,
    /// How to join; the code of a stage where one was given, 3 to 5 digits.
    Join(Option<String>),
    /// Is this receipt genuine? What was typed for its check code, in upper case and in one piece; whether it can
    /// be a code is for the receipts to say.
    Receipt(String),
    /// `RECEIPT` without a code that could be one.
    ReceiptWithoutCode,
    Claim,
    Loan,
    /// Is this cover in force? What was typed for its number or code, in upper case and in one piece.
    Cover(String),
    /// Something about insurance that names no cover.
    Policy,
    Yes,
    No,
    Help,
    /// How the fund of one's stage stands.
    Fund,
    /// No promotions any more.
    Stop,
    /// Nothing is to be asked of M-PESA by itself any more. Promotions go on.
    StopAutomatic,
    /// Promotions again.
    Start,
    /// My alarm is to stop.
    Cancel,
    /// Nothing is to leave my wallet.
    Freeze,
    /// Money out of my wallet.
    Withdraw(Amount),
    /// It was not me who asked for a new PIN or number.
    NotMe,
    /// To stay a member.
    Renew,
    /// Something that the menu behind the code does.
    OnTheMenu,
    /// Nothing at all, or something nobody has a word for.
    Unknown,
}

/// Reads a text of any length and bytes that has come in as UTF-8.
pub fn understand(text: &str) -> Meaning {
    let words = words::words(text);
    if let Some(alarm) = alarm::alarm(text, &words) {
        return Meaning {
            asked: Asked::Alarm(alarm),
            language: keywords::language_of(&words),
        };
    }
    let in_one_piece = keywords::payment_in_one_piece(&words);
    if in_one_piece.is_none()
        && let Some(code) = bare_code(&words)
    {
        return Meaning {
            asked: Asked::Receipt(code),
            language: None,
        };
    }
    // `?` alone is a call for help as well.
    if words.is_empty() && text.contains('?') {
        return Meaning {
            asked: Asked::Help,
            language: None,
        };
    }
    let found = in_one_piece
        .or_else(|| keywords::not_me(&words))
        .or_else(|| keywords::keyword(&words))
        .or_else(|| keywords::mentioned(&words));
    match found {
        Some(found) => Meaning {
            asked: asked(text, &words, found),
            language: Some(found.language),
        },
        None => Meaning {
            asked: Asked::Unknown,
            language: keywords::language_of(&words),
        },
    }
}

/// What an answer to "where are you?" tells: the place, and perhaps more.
pub fn told_of_an_alarm(text: &str) -> Alarm {
    alarm::told(text, &words::words(text))
}

fn asked(text: &str, words: &[Word], found: Found) -> Asked {
    match found.keyword {
        Keyword::Balance => Asked::Balance,
        Keyword::Pay => Asked::Pay(amount_beside(text, words[found.at].from, found.to)),
        Keyword::Status => Asked::Status,
        Keyword::Join => Asked::Join(stage_code(words)),
        Keyword::Receipt => match code_in(&words[found.at + 1..]) {
            Some(code) => Asked::Receipt(code),
            None => Asked::ReceiptWithoutCode,
        },
        Keyword::Claim => Asked::Claim,
        Keyword::Loan => Asked::Loan,
        Keyword::Policy => match cover_in(&words[found.at + 1..]) {
            Some(named) => Asked::Cover(named),
            None => Asked::Policy,
        },
        Keyword::Yes => Asked::Yes,
        Keyword::No => Asked::No,
        Keyword::Help => Asked::Help,
        Keyword::Stop if names_automatic(&words[found.at + 1..]) => Asked::StopAutomatic,
        Keyword::Stop => Asked::Stop,
        Keyword::StopAuto => Asked::StopAutomatic,
        Keyword::Fund => Asked::Fund,
        Keyword::Cancel => Asked::Cancel,
        Keyword::Freeze => Asked::Freeze,
        Keyword::Withdraw => Asked::Withdraw(amount_beside(text, words[found.at].from, found.to)),
        Keyword::NotMe => Asked::NotMe,
        Keyword::Renew => Asked::Renew,
        Keyword::Start => Asked::Start,
        Keyword::OnTheMenu => Asked::OnTheMenu,
    }
}

/// `lipa 200`, and `200 lipa` as well.
fn amount_beside(text: &str, from: usize, to: usize) -> Amount {
    let before = text.get(..from).unwrap_or_default();
    let behind = text.get(to..).unwrap_or_default();
    amount(&format!("{before} {behind}"))
}

/// `STOP AUTO`, `SIMAMISHA malipo ya AUTO`: behind the word that stops stands what is meant.
fn names_automatic(behind: &[Word]) -> bool {
    let named = "AUTO AUTOMATIC AUTOMATICALLY AUTOPAY OTOMATIKI OTOMATIC AUTOMATIKI";
    behind.iter().take(5).any(|word| word.is(named))
}

fn stage_code(words: &[Word]) -> Option<String> {
    let codes = words.iter().filter(|word| word.is_number());
    let mut codes = codes.filter(|word| (3..=5).contains(&word.upper.len()));
    let code = codes.next()?;
    codes.next().is_none().then(|| code.upper.clone())
}

/// Behind RECEIPT: the code, perhaps behind a word such as `CODE`, perhaps in two halves.
fn code_in(words: &[Word]) -> Option<String> {
    let words = without_code_word(words);
    let code = in_one_piece(words);
    (matches!(words.len(), 1 | 2) && may_be_code(&code)).then_some(code)
}

/// Behind COVER: a policy's number or its code, in as many pieces as it was written in. A sum of money is neither.
fn cover_in(words: &[Word]) -> Option<String> {
    let words = without_code_word(words);
    let named = in_one_piece(words);
    let is_named = (8..=20).contains(&named.len())
        && named.contains(is_digit)
        && !named.chars().all(is_digit)
        && named.chars().all(|c| c.is_ascii_alphanumeric());
    ((1..=4).contains(&words.len()) && is_named).then_some(named)
}

/// Without RECEIPT only what cannot well be anything else is a code: digits among letters, in one piece or in
/// two halves of two. A word is a greeting, bare digits are an amount or, typed in the wrong place, a PIN.
fn bare_code(words: &[Word]) -> Option<String> {
    let words = without_code_word(words);
    let code = match words {
        [whole] => whole.upper.clone(),
        [half, other]
            if half.upper.len() == 2 && other.upper.len() == 2 && half.upper.contains(is_digit) =>
        {
            in_one_piece(words)
        }
        _ => return None,
    };
    let is_mixed = code.contains(is_digit) && !code.chars().all(is_digit);
    let is_money = ["KSH", "KES", "SH"]
        .iter()
        .any(|unit| code.starts_with(unit))
        || ["KSH", "KES", "BOB", "SH"]
            .iter()
            .any(|unit| code.ends_with(unit));
    (is_mixed && !is_money && may_be_code(&code)).then_some(code)
}

fn in_one_piece(words: &[Word]) -> String {
    words.iter().map(|word| word.upper.as_str()).collect()
}

fn without_code_word(words: &[Word]) -> &[Word] {
    match words.first().map(|word| word.upper.as_str()) {
        Some("CODE" | "KODI" | "NO" | "NAMBA") => &words[1..],
        _ => words,
    }
}

/// As long as check codes are, with at least one digit.
fn may_be_code(typed: &str) -> bool {
    (4..=12).contains(&typed.len())
        && typed.contains(is_digit)
        && typed.chars().all(|c| c.is_ascii_alphanumeric())
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

#[cfg(test)]
mod tests;
