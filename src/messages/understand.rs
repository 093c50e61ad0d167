//! What somebody wants who wrote to us. Pure, forgiving, and without an opinion on what to answer.

/// What a text asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Is this receipt genuine? What was typed for its check code, in upper case and in one piece; whether it can
    /// be a code is for the receipts to say.
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
const KEYWORDS: [(&str, &str); 28] = [
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
    ("CANCEL", "CANCEL"),
    ("GHAIRI", "CANCEL"),
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

/// Behind RECEIPT: the code, perhaps behind a word such as `CODE`, perhaps in two halves.
fn code_in(words: &[String]) -> Option<String> {
    let words = without_code_word(words);
    let code = words.concat();
    (matches!(words.len(), 1 | 2) && may_be_code(&code)).then_some(code)
}

/// Without RECEIPT only what cannot well be anything else is a code: digits among letters, in one piece or in
/// two halves of two. A word is a greeting, bare digits are an amount or, typed in the wrong place, a PIN.
fn bare_code(words: &[String]) -> Option<String> {
    let code = match without_code_word(words) {
        [whole] => whole.clone(),
        [half, other] if half.len() == 2 && other.len() == 2 && half.contains(is_digit) => {
            format!("{half}{other}")
        }
        _ => return None,
    };
    let is_mixed = code.contains(is_digit) && !code.chars().all(is_digit);
    (is_mixed && may_be_code(&code)).then_some(code)
}

fn without_code_word(words: &[String]) -> &[String] {
    match words.first().map(String::as_str) {
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
            ("receipt 2345", receipt("2345")),
            ("receipt kcdb", Asked::ReceiptWithoutCode),
            ("7k3m", receipt("7K3M")),
            ("7K3M.", receipt("7K3M")),
            ("Code 7K3M", receipt("7K3M")),
            ("kodi 7K3M", receipt("7K3M")),
            ("7k 3m", receipt("7K3M")),
            ("7KOl", receipt("7KOL")),
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
            ("4826", Asked::Unknown),
            ("2 bags", Asked::Unknown),
            ("KCDB", Asked::Unknown),
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
                prop_assert!(may_be_code(&code), "{code}");
            }
        }
    }
}
