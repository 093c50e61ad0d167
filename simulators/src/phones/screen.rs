//! What fits on a screen and in a message: septets, units, parts, and the pages an operator cuts.

/// The 7-bit alphabet of 3GPP TS 23.038 without its escape.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// Characters that take an escape and so two septets.
const EXTENDED: &str = "\u{c}^{}\\[~]|€";

/// Septets of a character, if the alphabet has it.
fn septets_of(character: char) -> Option<usize> {
    if BASIC.contains(character) {
        Some(1)
    } else if EXTENDED.contains(character) {
        Some(2)
    } else {
        None
    }
}

/// Septets of a text, or nothing when a character forces UCS-2.
pub fn septets(text: &str) -> Option<usize> {
    text.chars().map(septets_of).sum()
}

/// UTF-16 units of a text.
pub fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// How many parts a message is sent in; an escape pair or a surrogate pair is never split over two.
pub fn parts(text: &str) -> usize {
    match septets(text) {
        Some(length) if length <= 160 => 1,
        Some(_) => filled(text, 153, |character| septets_of(character).unwrap_or(1)),
        None if units(text) <= 70 => 1,
        None => filled(text, 67, char::len_utf16),
    }
}

fn filled(text: &str, limit: usize, size: impl Fn(char) -> usize) -> usize {
    let mut parts = 1;
    let mut used = 0;
    for character in text.chars() {
        let size = size(character);
        if used + size > limit {
            parts += 1;
            used = 0;
        }
        used += size;
    }
    parts
}

/// How a network cuts a text that is too long for one screen: pages that end in `98:More` and offer `00:Back`.
pub fn pages(text: &str, septets_max: usize, units_max: usize) -> Vec<String> {
    let fits = |text: &str| match septets(text) {
        Some(length) => length <= septets_max,
        None => units(text) <= units_max,
    };
    if fits(text) {
        return vec![text.to_owned()];
    }
    let mut pages = Vec::new();
    let mut page = String::new();
    for character in text.chars() {
        let mut longer = page.clone();
        longer.push(character);
        if fits(&format!("{longer}\n00:Back\n98:More")) {
            page = longer;
        } else {
            pages.push(std::mem::replace(&mut page, character.to_string()));
        }
    }
    pages.push(page);
    let last = pages.len() - 1;
    let footed = |(place, page): (usize, String)| {
        let back = if place > 0 { "\n00:Back" } else { "" };
        let more = if place < last { "\n98:More" } else { "" };
        format!("{page}{back}{more}")
    };
    pages.into_iter().enumerate().map(footed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_parts_by_filling() {
        let a = |count: usize| "A".repeat(count);
        let cases = [
            (a(160), 1),
            (a(161), 2),
            (a(306), 2),
            (a(307), 3),
            (format!("{}{{{}}}", a(152), "B".repeat(152)), 3),
            (format!("{}{{{}", a(152), "B".repeat(151)), 2),
            (format!("{}{{{}", a(152), "B".repeat(152)), 3),
            ("é".repeat(160), 1),
            ("ê".repeat(70), 1),
            ("ê".repeat(71), 2),
            ("ê".repeat(134), 2),
            ("ê".repeat(135), 3),
            ("\u{1F198}".repeat(35), 1),
            ("\u{1F198}".repeat(36), 2),
            ("\u{1F198}".repeat(66), 2),
            ("\u{1F198}".repeat(67), 3),
        ];
        for (text, expected) in cases {
            assert_eq!(parts(&text), expected, "{text}");
        }
        assert_eq!(septets("KES 1,250.00 [wallet]"), Some(23));
        assert_eq!(septets("€5"), Some(3));
        assert_eq!(septets("ça va"), None);
        assert_eq!(BASIC.chars().count(), 127);
    }

    #[test]
    fn cuts_pages_that_fit() {
        let text = (1..=60)
            .map(|number| format!("{number}. Stage\n"))
            .collect::<String>();
        let pages = pages(&text, 156, 66);
        assert!(pages.len() > 2);
        assert!(
            pages
                .iter()
                .all(|page| septets(page).is_some_and(|length| length <= 156))
        );
        assert!(pages[0].ends_with("98:More") && !pages[0].contains("00:Back"));
        assert!(pages.last().is_some_and(|page| page.ends_with("00:Back")));
    }
}
