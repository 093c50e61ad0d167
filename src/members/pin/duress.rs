//! The PIN under duress: the member's own with its last digit one higher, 9 being followed by 0.

use crate::primitives::Secret;

/// The member's own PIN, if this is the one under duress. Of what is no PIN it gives something that is none either.
pub(crate) fn own_behind(typed: &Secret) -> Secret {
    let typed = typed.expose();
    let mut digits = typed.chars();
    match digits.next_back().and_then(|last| last.to_digit(10)) {
        Some(last) => {
            let own = (last + 9) % 10;
            Secret::new(format!("{}{own}", digits.as_str()))
        }
        None => Secret::new(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_digit_is_one_higher() {
        for (typed, own) in [
            ("4827", "4826"),
            ("4820", "4829"),
            ("4821", "4820"),
            ("", ""),
            ("482x", ""),
        ] {
            assert_eq!(own_behind(&Secret::new(typed)).expose(), own, "{typed}");
        }
    }
}
