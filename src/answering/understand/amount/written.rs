//! Amounts in figures.

use rust_decimal::Decimal;

use crate::primitives::Money;

pub(super) enum Written {
    Figures(Money),
    /// It has digits, and what they mean is not clear.
    Unreadable,
    /// No digits.
    Word,
}

/// In front of the figures or behind them, the longest first.
const UNITS: [&str; 7] = ["KSHS", "KSH", "KES", "SHS", "BOB", "SH", "KS"];

/// Reads one piece of a text: `200`, `1,500`, `200/=`, `KES200`, `2k`, `1.5k`, `200.50`.
pub(super) fn read(piece: &str) -> Written {
    if !piece.chars().any(char::is_numeric) {
        return Written::Word;
    }
    match figures(piece) {
        Some(money) => Written::Figures(money),
        None => Written::Unreadable,
    }
}

fn figures(piece: &str) -> Option<Money> {
    let whole: String = piece.chars().take(32).collect::<String>().to_uppercase();
    // Brackets, quotes, emoji and the stops of a sentence; signs that change a number stay.
    let stops = |c: char| !c.is_alphanumeric() && !matches!(c, '-' | '+' | '$' | '%' | '/' | '=');
    let whole = whole.trim_matches(stops);
    let whole = UNITS
        .iter()
        .find_map(|unit| whole.strip_prefix(unit))
        .unwrap_or(whole)
        .trim_start_matches(['.', ':', '/']);
    let whole = ["/=", "/-", "=/", "=", "/"]
        .iter()
        .find_map(|tail| whole.strip_suffix(tail))
        .unwrap_or(whole);
    let whole = UNITS
        .iter()
        .find_map(|unit| whole.strip_suffix(unit))
        .unwrap_or(whole)
        .trim_end_matches(['/', '=', '-', '.', ',']);
    let (number, factor) = match whole.strip_suffix('K') {
        Some(thousands) => (thousands, Decimal::ONE_THOUSAND),
        None => (whole, Decimal::ONE),
    };
    let (shillings, cents) = match number.split_once('.') {
        Some((shillings, cents)) => (shillings, Some(cents)),
        None => (number, None),
    };
    // `1.500`: one and a half, or fifteen hundred?
    let cents_are_clear = cents.is_none_or(|cents| matches!(cents.len(), 1 | 2) && digits(cents));
    if !cents_are_clear {
        return None;
    }
    let plain = match cents {
        Some(cents) => format!("{}.{cents}", ungrouped(shillings)?),
        None => ungrouped(shillings)?,
    };
    let amount = Decimal::from_str_exact(&plain).ok()?;
    Money::try_from(amount.checked_mul(factor)?).ok()
}

/// Digits, perhaps with commas before each three: `1,500`. `1,50` and `15,00` are slips of a finger.
fn ungrouped(written: &str) -> Option<String> {
    let groups: Vec<&str> = written.split(',').collect();
    let (first, others) = groups.split_first()?;
    let grouped = !others.is_empty();
    let first_is_clear = digits(first)
        && if grouped {
            first.len() <= 3
        } else {
            first.len() <= 9
        };
    // A number that begins with 0 is a phone's, a date's or a typo.
    let begins_well = !first.starts_with('0') || *first == "0";
    let others_are_clear = others.iter().all(|group| group.len() == 3 && digits(group));
    (first_is_clear && begins_well && others_are_clear).then(|| groups.concat())
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}
