//! What officials and members text about broadcasts: `TELL ...`, `POST ...`, `POST 7`, `NO 7`. Pure.

use super::model::Verdict;

/// What a text asks of this room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// `TELL meeting today`, `TANGAZA mkutano leo`: an official's draft.
    Tell(String),
    /// `POST lost helmet`, `WEKA kofia imepotea`: a member's words for their stage.
    Post(String),
    /// `POST 7`, `NO 7`: an official's answer to a post, by its number. From anybody else it is something else.
    Decide(u32, Verdict),
}

/// Reads a text that begins with one of this room's words; `None` for all others.
pub fn read(text: &str) -> Option<Asked> {
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let end = text.find(|c: char| !c.is_alphanumeric());
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || ":,.-".contains(c));
    match word.to_uppercase().as_str() {
        "TELL" | "TANGAZA" => Some(Asked::Tell(rest.trim_end().to_owned())),
        "POST" | "WEKA" => Some(match number(rest) {
            Some(number) => Asked::Decide(number, Verdict::PutUp),
            None => Asked::Post(rest.trim_end().to_owned()),
        }),
        "NO" | "HAPANA" => number(rest).map(|number| Asked::Decide(number, Verdict::Refuse)),
        _ => None,
    }
}

/// A bare number, perhaps with a sign in front or a full stop behind.
fn number(rest: &str) -> Option<u32> {
    let digits = rest.trim_matches(|c: char| c.is_whitespace() || "#.!".contains(c));
    let is_number = (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_text() {
        let tell = |words: &str| Some(Asked::Tell(words.into()));
        let post = |words: &str| Some(Asked::Post(words.into()));
        let put_up = |number| Some(Asked::Decide(number, Verdict::PutUp));
        let refuse = |number| Some(Asked::Decide(number, Verdict::Refuse));
        for (text, asked) in [
            (
                "TELL Meeting today at 4, Kencom.",
                tell("Meeting today at 4, Kencom."),
            ),
            ("tangaza: mkutano leo", tell("mkutano leo")),
            (" \"Tell\" meeting", tell("\" meeting")),
            ("TELL", tell("")),
            ("POST lost: a red helmet", post("lost: a red helmet")),
            ("Weka - kofia imepotea", post("kofia imepotea")),
            ("POST 7 riders needed", post("7 riders needed")),
            ("POST 7", put_up(7)),
            ("weka #7.", put_up(7)),
            ("NO 7", refuse(7)),
            ("hapana 12!", refuse(12)),
            ("NO", None),
            ("no thanks", None),
            ("NO 1234567", None),
            ("POSTA 7", None),
            ("hello", None),
            ("", None),
            ("\u{1F4E3} TANGAZA mkutano", tell("mkutano")),
        ] {
            assert_eq!(read(text), asked, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".*") {
            let _ = read(&text);
        }
    }
}
