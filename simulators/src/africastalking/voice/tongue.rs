//! The language of a call, as whoever listens hears it: a call carries no mark of it.

/// Words no alarm does without in one language, and that the other does not have.
const SWAHILI: &[&str] = &[
    "bonyeza",
    "kama",
    "kuna",
    "dharura",
    "msaada",
    "unakuja",
    "asante",
    "tafadhali",
    "na",
    "ya",
    "wa",
    "kwa",
    "simu",
    "hii",
    "ni",
    "sasa",
    "huwezi",
];
const ENGLISH: &[&str] = &[
    "press",
    "if",
    "the",
    "you",
    "emergency",
    "help",
    "thank",
    "please",
    "and",
    "of",
    "is",
    "are",
    "your",
    "to",
    "at",
    "this",
    "now",
];

/// `en` or `sw` of what was said, whichever has more of its words in it; none while nothing, or nothing clear, was said.
pub(super) fn of(spoken: &[String]) -> Option<&'static str> {
    let text = spoken.join(" ").to_lowercase();
    let said = |words: &[&str]| {
        text.split(|character: char| !character.is_alphanumeric())
            .filter(|word| words.contains(word))
            .count()
    };
    match said(SWAHILI).cmp(&said(ENGLISH)) {
        std::cmp::Ordering::Greater => Some("sw"),
        std::cmp::Ordering::Less => Some("en"),
        std::cmp::Ordering::Equal => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hears_the_language_of_an_alarm() {
        let heard = |text: &str| of(&[text.to_owned()]);
        assert_eq!(
            heard("KwaStage emergency 4 2. Accident at Kencom. Press 1 if you are going."),
            Some("en")
        );
        assert_eq!(
            heard("Dharura ya KwaStage 4 2. Ajali Kencom. Bonyeza 1 kama unakuja."),
            Some("sw")
        );
        assert_eq!(heard("[plays https://example.test/1.mp3]"), None);
        assert_eq!(of(&[]), None);
    }
}
