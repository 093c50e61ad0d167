//! Which key means which option or row.

use super::screens::{Choice, Goto, Pick, VariableId};
use super::session::Session;

/// The option with this key or alias, among those now visible.
pub(super) fn option_meant(
    options: &[Choice],
    taken: u128,
    conditions: u128,
    tidy: &str,
) -> Option<usize> {
    let number = read_key(tidy);
    let visible = keys(options, taken, conditions);
    let by_key = number.and_then(|number| visible.clone().find(|(key, _)| *key == number));
    let by_alias = || {
        visible.clone().find(|(_, index)| {
            options[*index]
                .alias
                .as_deref()
                .is_some_and(|alias| alias.eq_ignore_ascii_case(tidy))
        })
    };
    by_key.or_else(by_alias).map(|(_, index)| index)
}

/// The visible options and their keys: fixed ones as written, the others numbered from 1 over the keys not taken.
pub(super) fn keys(
    options: &[Choice],
    taken: u128,
    conditions: u128,
) -> impl Iterator<Item = (u8, usize)> + Clone + '_ {
    let visible = options
        .iter()
        .enumerate()
        .filter(move |(_, option)| option.when.holds(conditions));
    visible.scan(0, move |last: &mut u8, (index, option)| {
        if let Some(key) = option.key {
            return Some((key, index));
        }
        *last += 1;
        while *last < 127 && taken & 1 << *last != 0 {
            *last += 1;
        }
        Some((*last, index))
    })
}

/// One or two digits, not beginning with 0.
pub(super) fn read_key(tidy: &str) -> Option<u8> {
    let plain = (1..=2).contains(&tidy.len())
        && !tidy.starts_with('0')
        && tidy.bytes().all(|b| b.is_ascii_digit());
    if plain { tidy.parse().ok() } else { None }
}

pub(super) fn row_meant(
    session: &Session,
    pick: Option<&Pick>,
    tidy: &str,
) -> Option<(VariableId, String, Goto)> {
    let pick = pick?;
    let index = usize::from(read_key(tidy)?).checked_sub(1)?;
    let row = session.rows.get(index)?;
    Some((pick.name, row.value.clone(), pick.goto))
}
