//! What somebody wants who wrote to us. Pure, forgiving, and without an opinion on what to answer.

/// What a text asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Is this receipt genuine? The code as receipts print it: upper case, without spaces.
    Receipt(String),
    /// `RECEIPT` without a code that could be one.
    ReceiptWithoutCode,
    Help,
    /// No promotions any more.
    Stop,
    /// Promotions again.
    Start,
    /// A keyword whose service is reached by the phone's menu, such as `SALIO`; the canonical English word.
    Word(&'static str),
    /// Nothing at all, or something nobody has a word for.
    Unknown,
}

/// The keywords, English and Swahili, and the canonical word each stands for.
const KEYWORDS: [(&str, &str); 26] = [
    ("RECEIPT", "RECEIPT"),
    ("RISITI", "RECEIPT"),
    ("STAKABADHI", "RECEIPT"),
    ("HELP", "HELP"),
    ("MSAADA", "HELP"),
    ("STOP", "STOP"),
    ("ACHA", "STOP"),
    ("START", "START"),
    ("ANZA", "START"),
    ("BAL", "BAL"),
    ("BALANCE", "BAL"),
    ("SALIO", "BAL"),
    ("PAY", "PAY"),
    ("LIPA", "PAY"),
    ("SOS", "SOS"),
    ("DHARURA", "SOS"),
    ("CLAIM", "CLAIM"),
    ("DAI", "CLAIM"),
    ("LOAN", "LOAN"),
    ("MKOPO", "LOAN"),
    ("POLICY", "POLICY"),
    ("BIMA", "POLICY"),
    ("STATUS", "STATUS"),
    ("HALI", "STATUS"),
    ("JOIN", "JOIN"),
    ("JIUNGE", "JOIN"),
];

/// The alphabet of check codes: digits and letters without those that look like others.
const CODE_LETTERS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Reads a text of any length and bytes that has come in as UTF-8.
pub fn understand(text: &str) -> Asked {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(12)
        .map(|word| word.chars().take(24).collect::<String>().to_uppercase())
        .collect();
    let Some(first) = words.first() else {
        return Asked::Unknown;
    };
    match keyword(first) {
        Some("RECEIPT") => match code_in(&words[1..]) {
            Some(code) => Asked::Receipt(code),
            None => Asked::ReceiptWithoutCode,
        },
        Some("HELP") => Asked::Help,
        Some("STOP") => Asked::Stop,
        Some("START") => Asked::Start,
        Some(word) => Asked::Word(word),
        None => bare_code(&words).map_or(Asked::Unknown, Asked::Receipt),
    }
}

fn keyword(word: &str) -> Option<&'static str> {
    let exact = KEYWORDS.iter().find(|(keyword, _)| *keyword == word);
    // One slip of the thumb is forgiven in words long enough not to be taken for another word.
    let near = || {
        KEYWORDS
            .iter()
            .find(|(keyword, _)| keyword.len() >= 5 && one_slip_apart(keyword, word))
    };
    exact.or_else(near).map(|(_, canonical)| *canonical)
}

/// A code stands alone, behind a word such as `CODE`, or in two halves: four to eight letters and digits.
fn code_in(words: &[String]) -> Option<String> {
    let words = match words.first().map(String::as_str) {
        Some("CODE" | "KODI" | "NO" | "NAMBA") => &words[1..],
        _ => words,
    };
    if words.is_empty() || words.len() > 2 {
        return None;
    }
    let code: String = words.concat().chars().map(as_printed).collect();
    let is_code =
        (4..=8).contains(&code.chars().count()) && code.chars().all(|c| CODE_LETTERS.contains(c));
    is_code.then_some(code)
}

/// Without the word RECEIPT, what could as well be a greeting is not taken for a code.
fn bare_code(words: &[String]) -> Option<String> {
    let typed = words.concat();
    let has_digit = typed.contains(|c: char| c.is_ascii_digit());
    let has_vowel = typed.contains(['A', 'E', 'I', 'O', 'U']);
    let alone = words.len() == 1
        || words
            .first()
            .is_some_and(|word| matches!(word.as_str(), "CODE" | "KODI"));
    // Two words without a digit are two words.
    if has_digit || (alone && !has_vowel) {
        code_in(words)
    } else {
        None
    }
}

/// Undoes the look-alikes that no code contains.
fn as_printed(typed: char) -> char {
    match typed {
        'O' => '0',
        'I' | 'L' => '1',
        'U' => 'V',
        other => other,
    }
}

/// One letter wrong, missing, too many, or two neighbours swapped.
fn one_slip_apart(wanted: &str, typed: &str) -> bool {
    let (wanted, typed): (Vec<char>, Vec<char>) =
        (wanted.chars().collect(), typed.chars().collect());
    let same_start = wanted
        .iter()
        .zip(&typed)
        .take_while(|(a, b)| a == b)
        .count();
    let (w, t) = (&wanted[same_start..], &typed[same_start..]);
    match (w, t) {
        ([_, w @ ..], [_, t @ ..]) if w == t => true,
        ([_, w @ ..], t) if w == t => true,
        (w, [_, t @ ..]) if w == t => true,
        ([a, b, w @ ..], [c, d, t @ ..]) => a == d && b == c && w == t,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_write() {
        let receipt = |code: &str| Asked::Receipt(code.to_owned());
        for (text, wanted) in [
            ("RECEIPT 7K3M", receipt("7K3M")),
            ("risiti 7k3m", receipt("7K3M")),
            ("  Reciept: 7K 3M. ", receipt("7K3M")),
            ("RECIPT code 7k3m", receipt("7K3M")),
            ("Risit 7K3M", receipt("7K3M")),
            ("receipt kcdb", receipt("KCDB")),
            ("7k3m", receipt("7K3M")),
            ("7K3M.", receipt("7K3M")),
            ("Code 7K3M", receipt("7K3M")),
            ("kodi 7K3M", receipt("7K3M")),
            ("7k 3m", receipt("7K3M")),
            ("KCDB", receipt("KCDB")),
            ("7KO1", receipt("7K01")),
            ("7kol", receipt("7K01")),
            ("7K3M9XQ", receipt("7K3M9XQ")),
            ("receipt", Asked::ReceiptWithoutCode),
            ("risiti yangu iko wapi", Asked::ReceiptWithoutCode),
            ("HELP", Asked::Help),
            ("msaada tafadhali", Asked::Help),
            ("Msada", Asked::Help),
            ("\u{1F198} HELP", Asked::Help),
            ("STOP", Asked::Stop),
            ("stop!", Asked::Stop),
            ("START", Asked::Start),
            ("Salio", Asked::Word("BAL")),
            ("BAL", Asked::Word("BAL")),
            ("LIPA 2k", Asked::Word("PAY")),
            ("  dhaRura \n", Asked::Word("SOS")),
            ("SOS accident Kenyatta market", Asked::Word("SOS")),
            ("", Asked::Unknown),
            ("...", Asked::Unknown),
            ("asante", Asked::Unknown),
            ("sawa", Asked::Unknown),
            ("sote", Asked::Unknown),
            ("Win airtime now", Asked::Unknown),
            ("OK 42", Asked::Unknown),
            ("0712345678", Asked::Unknown),
            ("mama mboga", Asked::Unknown),
        ] {
            assert_eq!(understand(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn one_slip_is_one_slip() {
        for (wanted, typed, apart) in [
            ("RISITI", "RISITI", false),
            ("RISITI", "RISTI", true),
            ("RISITI", "RISIITI", true),
            ("RECEIPT", "RECIEPT", true),
            ("RISITI", "RIZITI", true),
            ("RISITI", "RZITI", false),
            ("RISITI", "", false),
        ] {
            assert_eq!(one_slip_apart(wanted, typed), apart, "{wanted} {typed}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_understood_as_something_and_codes_are_codes(text in ".*") {
            if let Asked::Receipt(code) = understand(&text) {
                prop_assert!((4..=8).contains(&code.len()) && code.chars().all(|c| CODE_LETTERS.contains(c)));
            }
        }
    }
}
