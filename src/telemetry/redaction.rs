//! The last guard before a line leaves: whole Kenyan phone numbers lose their middle.

use std::borrow::Cow;

/// The line with every `2547XXXXXXXX`, `2541XXXXXXXX`, `07XXXXXXXX` and `01XXXXXXXX` masked as `2547*****678`.
///
/// Only runs of exactly that many digits, so that identifiers and amounts stay as they are.
pub(super) fn masked(line: &[u8]) -> Cow<'_, [u8]> {
    let mut shown = Cow::Borrowed(line);
    let mut start = 0;
    while let Some(offset) = line[start..].iter().position(u8::is_ascii_digit) {
        let from = start + offset;
        let length = line[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let to = from + length;
        // A digit run inside a word is part of an identifier: uuids and tokens are hexadecimal.
        let inside_word = from > 0 && line[from - 1].is_ascii_alphabetic()
            || line.get(to).is_some_and(u8::is_ascii_alphabetic);
        if !inside_word && is_msisdn(&line[from..to]) {
            shown.to_mut()[from + length - 8..to - 3].fill(b'*');
        }
        start = to;
    }
    shown
}

/// `254` or `0` followed by a mobile number's nine digits.
pub(super) fn is_msisdn(digits: &[u8]) -> bool {
    let national = match digits.len() {
        12 => digits.strip_prefix(b"254"),
        10 => digits.strip_prefix(b"0"),
        _ => None,
    };
    national.is_some_and(|national| matches!(national.first(), Some(b'7' | b'1')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        String::from_utf8(masked(line.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn whole_numbers_lose_their_middle_and_nothing_else_changes() {
        assert_eq!(
            shown("from 254712345678 to +254112345678."),
            "from 2547*****678 to +2541*****678."
        );
        assert_eq!(shown("0712345678"), "07*****678");
        assert_eq!(
            shown("\"msisdn\":\"254712345678\"}"),
            "\"msisdn\":\"2547*****678\"}"
        );
        for untouched in [
            "KES 150000 in 1712345678 ms",
            "018f2c41-254712345678-9",
            "a254712345678",
            "254712345678f",
            "25471234567",
            "2547123456789",
            "254812345678",
            "2547•••678",
            "",
        ] {
            // A hyphen does not make a word: the second is masked although it could be part of an identifier.
            let expected = untouched.replace("-254712345678-", "-2547*****678-");
            assert_eq!(shown(untouched), expected);
        }
    }
}
