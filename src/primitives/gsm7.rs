//! The seven-bit alphabet of GSM 03.38 (3GPP TS 23.038): what a character costs, how a name is folded into it,
//! and how many SMS parts a text takes.

/// Characters of the basic table beyond ASCII, one septet each.
const BASIC_BEYOND_ASCII: &str = "£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà";

/// The price of each ASCII character in septets; 0 where the alphabet lacks it (back-tick, tab, most controls).
const ASCII: [u8; 128] = {
    let mut price = [0; 128];
    let mut code = 0x20;
    while code < 0x7f {
        price[code] = 1;
        code += 1;
    }
    price[b'`' as usize] = 0;
    price[b'\n' as usize] = 1;
    price[b'\r' as usize] = 1;
    // The extension table: an escape and a code, two septets. The euro sign is its only member beyond ASCII.
    let extension = [0x0c, b'^', b'{', b'}', b'\\', b'[', b'~', b']', b'|'];
    let mut at = 0;
    while at < extension.len() {
        price[extension[at] as usize] = 2;
        at += 1;
    }
    price
};

/// Septets of one character: 1 in the basic table, 2 in the extension, `None` outside both.
pub fn septets_of_char(c: char) -> Option<usize> {
    if c.is_ascii() {
        return match ASCII[c as usize] {
            0 => None,
            price => Some(usize::from(price)),
        };
    }
    match c {
        '€' => Some(2),
        _ if BASIC_BEYOND_ASCII.contains(c) => Some(1),
        _ => None,
    }
}

/// Septets of a whole text; `None` when one character is outside the alphabet.
pub fn septets(text: &str) -> Option<usize> {
    text.chars().map(septets_of_char).sum()
}

/// Septets of a text already folded; a stranger would count as one.
pub(crate) fn septets_of_folded(text: &str) -> usize {
    if text.is_ascii() {
        return text
            .bytes()
            .map(|byte| usize::from(ASCII[usize::from(byte)].max(1)))
            .sum();
    }
    text.chars().map(|c| septets_of_char(c).unwrap_or(1)).sum()
}

/// The first character outside the alphabet.
pub fn stranger_in(text: &str) -> Option<char> {
    text.chars().find(|c| septets_of_char(*c).is_none())
}

/// As much of the text as this many septets hold; a stranger counts as one.
pub fn cut(text: &str, septets_max: usize) -> &str {
    let mut septets = 0;
    let end = text.char_indices().find(|(_, c)| {
        septets += septets_of_char(*c).unwrap_or(1);
        septets > septets_max
    });
    end.map_or(text, |(end, _)| &text[..end])
}

/// The text in the seven-bit alphabet: marks stripped from Latin letters, typographic signs made plain,
/// pictures left out, anything else a question mark. A text that fits already comes back as it was.
///
/// No letter is left out or becomes another one: a name stays the name its owner would write without marks.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

pub(crate) fn fold_into(text: &str, folded: &mut String) {
    for c in text.chars() {
        match septets_of_char(c) {
            Some(_) => folded.push(c),
            None => folded.push_str(plain(c)),
        }
    }
}

/// What stands for a character the alphabet lacks. Our own small table: the letters of names met in East Africa
/// and Western Europe, and the signs that editors put in by themselves.
fn plain(c: char) -> &'static str {
    match c {
        '’' | '‘' | '‚' | '‛' | '`' | '´' | 'ʼ' | 'ʻ' | 'ꞌ' | '′' | '＇' => "'",
        '“' | '”' | '„' | '‟' | '«' | '»' | '″' => "\"",
        '–' | '—' | '‐' | '‑' | '‒' | '−' => "-",
        '…' => "...",
        '•' | '·' => "-",
        '→' => ">",
        '✓' | '✔' => "ok",
        '\t' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => " ",
        // Combining marks, zero-width signs and direction marks carry nothing once the letter is plain.
        // Pictures say nothing that the words beside them do not; what joins and colours them goes with them.
        '\u{1f000}'..='\u{1faff}'
        | '\u{2600}'..='\u{27bf}'
        | '\u{2b00}'..='\u{2bff}'
        | '\u{2190}'..='\u{21ff}'
        | '\u{2300}'..='\u{23ff}'
        | '\u{20d0}'..='\u{20f0}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0020}'..='\u{e007f}' => "",
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}' => {
            ""
        }
        'À' | 'Á' | 'Â' | 'Ã' | 'Ā' | 'Ă' | 'Ą' => "A",
        'á' | 'â' | 'ã' | 'ā' | 'ă' | 'ą' => "a",
        'Ć' | 'Č' | 'Ĉ' => "C",
        'ç' | 'ć' | 'č' | 'ĉ' => "c",
        'Ď' | 'Ð' | 'Đ' => "D",
        'ď' | 'ð' | 'đ' => "d",
        'È' | 'Ê' | 'Ë' | 'Ē' | 'Ĕ' | 'Ė' | 'Ę' | 'Ě' | 'Ẽ' => "E",
        'ê' | 'ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' | 'ẽ' => "e",
        'Ğ' | 'Ĝ' => "G",
        'ğ' | 'ĝ' => "g",
        'Ì' | 'Í' | 'Î' | 'Ï' | 'Ĩ' | 'Ī' | 'İ' => "I",
        'í' | 'î' | 'ï' | 'ĩ' | 'ī' | 'ı' => "i",
        'Ł' | 'Ĺ' => "L",
        'ł' | 'ĺ' => "l",
        'Ń' | 'Ň' | 'Ŋ' => "N",
        'ń' | 'ň' | 'ŋ' => "n",
        'Ò' | 'Ó' | 'Ô' | 'Õ' | 'Ō' | 'Ő' => "O",
        'ó' | 'ô' | 'õ' | 'ō' | 'ő' => "o",
        'Þ' => "Th",
        'þ' => "th",
        'Œ' => "OE",
        'œ' => "oe",
        'Ř' => "R",
        'ř' => "r",
        'Ś' | 'Š' | 'Ş' | 'Ș' => "S",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'Ť' | 'Ţ' | 'Ț' => "T",
        'ť' | 'ţ' | 'ț' => "t",
        'Ù' | 'Ú' | 'Û' | 'Ũ' | 'Ū' | 'Ů' | 'Ű' => "U",
        'ú' | 'û' | 'ũ' | 'ū' | 'ů' | 'ű' => "u",
        'Ý' | 'Ÿ' => "Y",
        'ý' | 'ÿ' => "y",
        'Ź' | 'Ż' | 'Ž' => "Z",
        'ź' | 'ż' | 'ž' => "z",
        _ => "?",
    }
}

/// How a text travels as SMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    SevenBit,
    Ucs2,
}

/// What a text costs as SMS: its coding, its length in septets or UTF-16 units, and the number of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmsLength {
    pub coding: Coding,
    pub units: usize,
    pub parts: usize,
}

/// Measures a text as SMS: 160 septets in one part and 153 in each of several, or 70 and 67 UTF-16 units.
///
/// The parts are found by filling: an escape pair or a surrogate pair is never split, so that a part may close early.
pub fn sms_length(text: &str) -> SmsLength {
    let (coding, single, part) = if stranger_in(text).is_none() {
        (Coding::SevenBit, 160, 153)
    } else {
        (Coding::Ucs2, 70, 67)
    };
    let price = |c: char| match coding {
        Coding::SevenBit => septets_of_char(c).unwrap_or(1),
        Coding::Ucs2 => c.len_utf16(),
    };
    let units = text.chars().map(price).sum();
    if units <= single {
        return SmsLength {
            coding,
            units,
            parts: 1,
        };
    }
    let (mut parts, mut filled) = (1, 0);
    for c in text.chars() {
        if filled + price(c) > part {
            parts += 1;
            filled = 0;
        }
        filled += price(c);
    }
    SmsLength {
        coding,
        units,
        parts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_alphabet_has_its_127_characters_and_its_10_pairs() {
        let every = (0..=0xffff).filter_map(char::from_u32);
        let prices: Vec<usize> = every.filter_map(septets_of_char).collect();
        assert_eq!(prices.iter().filter(|&&price| price == 1).count(), 127);
        assert_eq!(prices.iter().filter(|&&price| price == 2).count(), 10);
        for stranger in [
            '`', '\t', 'ç', 'ê', 'î', 'ô', 'û', 'á', 'í', 'ó', 'ú', '\u{a0}', '’', '…', '\u{2126}',
            '\u{1b}',
        ] {
            assert_eq!(septets_of_char(stranger), None, "{stranger:?}");
        }
        assert_eq!(septets("KES 1,250.00 [wallet]"), Some(23));
        assert_eq!(septets("€5"), Some(3));
        assert_eq!(septets("ça va"), None);
        assert_eq!(stranger_in("Café ça va ê"), Some('ç'));
    }

    #[test]
    fn a_cut_text_fits_and_a_pair_is_not_split() {
        for (text, septets, held) in [
            ("Kencom", 6, "Kencom"),
            ("Kencom", 5, "Kenco"),
            ("Kenco{m", 6, "Kenco"),
            ("Kenco{m", 7, "Kenco{"),
            ("é€é", 3, "é€"),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text, septets), held, "{text}");
        }
    }

    #[test]
    fn names_are_folded() {
        for (name, folded) in [
            ("Wanjikũ", "Wanjiku"),
            ("Ng’ang’a", "Ng'ang'a"),
            ("Café é", "Café é"),
            ("Françoise – Zoë…", "Francoise - Zoe..."),
            ("Muthoni\u{301}", "Muthoni"),
            ("李", "?"),
            (
                "Asante sana \u{1F64F}\u{1F3FD}\u{200D}\u{2764}\u{FE0F}",
                "Asante sana ",
            ),
            ("Saa 4\u{20E3} \u{1F1F0}\u{1F1EA}", "Saa 4 "),
            (
                "KES\u{a0}200 \u{2714} \u{2192} wallet",
                "KES 200 ok > wallet",
            ),
        ] {
            assert_eq!(fold(name), folded);
            assert_eq!(stranger_in(&fold(name)), None);
        }
    }

    #[test]
    fn parts_are_found_by_filling() {
        let a = |n| "A".repeat(n);
        let b = |n| "B".repeat(n);
        let e = |n| "ê".repeat(n);
        let sos = |n| "\u{1F198}".repeat(n);
        for (text, coding, units, parts) in [
            (a(160), Coding::SevenBit, 160, 1),
            (a(161), Coding::SevenBit, 161, 2),
            (a(306), Coding::SevenBit, 306, 2),
            (a(307), Coding::SevenBit, 307, 3),
            (a(152) + "{" + &b(152) + "}", Coding::SevenBit, 308, 3),
            (a(152) + "{" + &b(151), Coding::SevenBit, 305, 2),
            (a(152) + "{" + &b(152), Coding::SevenBit, 306, 3),
            ("é".repeat(160), Coding::SevenBit, 160, 1),
            ("Café".to_owned(), Coding::SevenBit, 4, 1),
            ("ça va".to_owned(), Coding::Ucs2, 5, 1),
            (e(70), Coding::Ucs2, 70, 1),
            (e(71), Coding::Ucs2, 71, 2),
            (e(134), Coding::Ucs2, 134, 2),
            (e(135), Coding::Ucs2, 135, 3),
            (sos(35), Coding::Ucs2, 70, 1),
            (sos(36), Coding::Ucs2, 72, 2),
            (sos(66), Coding::Ucs2, 132, 2),
            (sos(67), Coding::Ucs2, 134, 3),
        ] {
            assert_eq!(
                sms_length(&text),
                SmsLength {
                    coding,
                    units,
                    parts
                },
                "{text}"
            );
        }
    }

    /// Parts as a phone would receive them: characters laid one after the other, a pair never apart.
    fn laid_out(text: &str) -> (Coding, Vec<usize>) {
        let plain = text.chars().all(|c| septets_of_char(c).is_some());
        let (coding, single, part) = match plain {
            true => (Coding::SevenBit, 160, 153),
            false => (Coding::Ucs2, 70, 67),
        };
        let price = |c: char| match plain {
            true => septets_of_char(c).unwrap(),
            false => c.encode_utf16(&mut [0; 2]).len(),
        };
        let prices: Vec<usize> = text.chars().map(price).collect();
        if prices.iter().sum::<usize>() <= single {
            return (coding, vec![prices.iter().sum()]);
        }
        let mut parts = vec![0];
        for price in prices {
            if parts.last().unwrap() + price > part {
                parts.push(0);
            }
            *parts.last_mut().unwrap() += price;
        }
        (coding, parts)
    }

    /// Around the edges of parts: mostly plain letters, with pairs strewn in.
    fn around_the_edges() -> impl Strategy<Value = String> {
        let character = prop_oneof![
            20 => Just('a'),
            2 => Just('{'),
            1 => Just('€'),
            1 => Just('é'),
        ];
        let wide =
            prop_oneof![20 => Just('a'), 2 => Just('\u{1F198}'), 1 => Just('ê'), 1 => Just('{')];
        prop_oneof![
            prop::collection::vec(character, 140..480),
            prop::collection::vec(wide, 50..220),
            prop::collection::vec(any::<char>(), 0..200),
        ]
        .prop_map(|characters| characters.into_iter().collect())
    }

    proptest! {
        #[test]
        fn every_text_is_measured_as_it_would_be_laid_out(text in around_the_edges()) {
            let (coding, parts) = laid_out(&text);
            let length = sms_length(&text);
            prop_assert_eq!(length.coding, coding);
            prop_assert_eq!(length.parts, parts.len());
            prop_assert_eq!(length.units, parts.iter().sum::<usize>());
            let (single, part) = match coding {
                Coding::SevenBit => (160, 153),
                Coding::Ucs2 => (70, 67),
            };
            prop_assert_eq!(length.parts == 1, length.units <= single);
            // A part closes one unit early at most, and never for nothing.
            prop_assert!(length.parts >= length.units.div_ceil(part).min(length.parts));
            if parts.len() > 1 {
                prop_assert!(parts[..parts.len() - 1].iter().all(|&filled| filled == part || filled == part - 1));
            }
        }

        #[test]
        fn folding_is_within_the_alphabet_done_once_and_touches_nothing_that_fits(text in any::<String>()) {
            let folded = fold(&text);
            prop_assert_eq!(stranger_in(&folded), None);
            prop_assert_eq!(fold(&folded), folded.clone());
            if stranger_in(&text).is_none() {
                prop_assert_eq!(&folded, &text);
            }
            prop_assert_eq!(sms_length(&folded).coding, Coding::SevenBit);
        }

        /// Names keep their letters: as many as before, and no question mark among them.
        #[test]
        fn a_name_keeps_its_letters(name in "[A-Za-zÀ-ÖØ-öø-ÿĀāĂăĆćČčĒēĔĕĘęĚěĞğĨĩĪīŁłŃńŇňŊŋŌōŘřŚśŞşŠšŤťŨũŪūŮůŹźŻżŽž'’ -]{1,30}") {
            let folded = fold(&name);
            let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).count();
            prop_assert!(letters(&folded) >= letters(&name), "{name} {folded}");
            prop_assert!(!folded.contains('?'), "{name} {folded}");
        }
    }
}
