//! The seven-bit alphabet of text messages (3GPP TS 23.038) and how many parts a text takes (TS 23.040).

/// One septet each.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// An escape and a septet each.
const EXTENDED: &str = "\u{c}^{}\\[~]|€";

fn width(c: char) -> Option<usize> {
    if BASIC.contains(c) {
        Some(1)
    } else if EXTENDED.contains(c) {
        Some(2)
    } else {
        None
    }
}

/// How many septets the text takes, or the first character that the alphabet does not have.
pub fn septets(text: &str) -> Result<usize, char> {
    text.chars()
        .try_fold(0, |sum, c| Ok(sum + width(c).ok_or(c)?))
}

/// How many messages the text is sent and paid as.
pub fn segments(text: &str) -> usize {
    match septets(text) {
        Ok(..=160) => 1,
        Ok(_) => parts(text.chars().filter_map(width), 153),
        Err(_) if text.encode_utf16().count() <= 70 => 1,
        Err(_) => parts(text.chars().map(char::len_utf16), 67),
    }
}

/// Fills parts one after the other: a pair is never split over two, so division would be wrong.
fn parts(widths: impl Iterator<Item = usize>, room: usize) -> usize {
    let (mut parts, mut filled) = (1, 0);
    for width in widths {
        if filled + width > room {
            parts += 1;
            filled = 0;
        }
        filled += width;
    }
    parts
}

/// What every phone can show of a name: marks are taken off, typographic signs written plainly, the rest left out.
pub fn folded(words: &str) -> String {
    let mut plain = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            ' '..='~' if !EXTENDED.contains(c) => plain.push(c),
            '’' | '‘' | '`' | '´' => plain.push('\''),
            '“' | '”' => plain.push('"'),
            '–' | '—' => plain.push('-'),
            '…' => plain.push_str("..."),
            'à'..='å' => plain.push('a'),
            'À'..='Å' => plain.push('A'),
            'è'..='ë' => plain.push('e'),
            'È'..='Ë' => plain.push('E'),
            'ì'..='ï' => plain.push('i'),
            'Ì'..='Ï' => plain.push('I'),
            'ò'..='ö' | 'ø' => plain.push('o'),
            'Ò'..='Ö' | 'Ø' => plain.push('O'),
            'ù'..='ü' => plain.push('u'),
            'Ù'..='Ü' => plain.push('U'),
            'ñ' => plain.push('n'),
            'Ñ' => plain.push('N'),
            'ç' => plain.push('c'),
            'Ç' => plain.push('C'),
            'ĩ' => plain.push('i'),
            'Ĩ' => plain.push('I'),
            'ũ' => plain.push('u'),
            'Ũ' => plain.push('U'),
            c if c.is_whitespace() => plain.push(' '),
            _ => {}
        }
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_by_filling() {
        let a = |n: usize| "A".repeat(n);
        let b = |n: usize| "B".repeat(n);
        for (text, wanted) in [
            (a(160), 1),
            (a(161), 2),
            (a(306), 2),
            (a(307), 3),
            (format!("{}{{{}}}", a(152), b(152)), 3),
            (format!("{}{{{}", a(152), b(151)), 2),
            (format!("{}{{{}", a(152), b(152)), 3),
            ("é".repeat(160), 1),
            ("ê".repeat(70), 1),
            ("ê".repeat(71), 2),
            ("ê".repeat(134), 2),
            ("ê".repeat(135), 3),
            ("\u{1F198}".repeat(35), 1),
            ("\u{1F198}".repeat(36), 2),
            ("\u{1F198}".repeat(66), 2),
            ("\u{1F198}".repeat(67), 3),
        ] {
            assert_eq!(segments(&text), wanted, "{text}");
        }
    }

    #[test]
    fn septets_count_escapes_twice_and_name_what_does_not_fit() {
        assert_eq!(septets("KES 1,250.00 [wallet]"), Ok(23));
        assert_eq!(septets("€5"), Ok(3));
        assert_eq!(septets("Café"), Ok(4));
        assert_eq!(septets("ça va"), Err('ç'));
        assert_eq!(BASIC.chars().count(), 127);
    }

    #[test]
    fn names_are_folded_to_what_every_phone_shows() {
        assert_eq!(folded("Wanjirũ  Ng’ang’a"), "Wanjiru Ng'ang'a");
        assert_eq!(folded("José {x}\t李"), "Jose x");
    }
}
