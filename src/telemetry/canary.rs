//! Looks for what must not be there: secrets planted in a test run, in whatever that run has left behind.
//!
//! Plant [`PIN`] and known ids and numbers in every journey; afterwards hand logs, dumps and answers to [`Canaries::leaks_in`].

use super::redaction::is_msisdn;

/// The PIN that test journeys use where nothing else is asked for.
pub const PIN: &str = "7391";

/// What was planted.
#[derive(Clone, Debug, Default)]
pub struct Canaries {
    pub pins: Vec<String>,
    pub national_ids: Vec<String>,
    /// Other secrets, such as provider passkeys and webhook keys; found anywhere, also inside words.
    pub secrets: Vec<String>,
}

/// One find: what kind of thing, and the line it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    pub what: &'static str,
    pub line_number: usize,
    pub line: String,
}

impl Canaries {
    /// Every line of the text that holds a planted PIN, a planted id, a planted secret or any whole Kenyan number.
    pub fn leaks_in(&self, text: &str) -> Vec<Leak> {
        let mut leaks = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let mut found = |what| {
                leaks.push(Leak {
                    what,
                    line_number: index + 1,
                    line: line.to_owned(),
                })
            };
            if self.pins.iter().any(|pin| stands_alone(line, pin)) {
                found("pin");
            }
            if self.national_ids.iter().any(|id| stands_alone(line, id)) {
                found("national id");
            }
            if self
                .secrets
                .iter()
                .any(|secret| line.contains(secret.as_str()))
            {
                found("secret");
            }
            if digit_runs(line).any(|(digits, alone)| alone && is_msisdn(digits.as_bytes())) {
                found("phone number");
            }
        }
        leaks
    }
}

/// True when the digits stand in the line as a number of their own, not inside a longer number, a fraction or an identifier.
fn stands_alone(line: &str, digits: &str) -> bool {
    digit_runs(line).any(|(run, alone)| alone && run == digits)
}

/// The runs of ASCII digits, each with whether it is a number of its own.
fn digit_runs(line: &str) -> impl Iterator<Item = (&str, bool)> {
    let bytes = line.as_bytes();
    let mut next = 0;
    std::iter::from_fn(move || {
        let from = next + bytes[next..].iter().position(u8::is_ascii_digit)?;
        let to = from
            + bytes[from..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
        next = to;
        let joins = |byte: u8| byte.is_ascii_alphabetic() || byte == b'-';
        // `0.7391` is a duration, not a PIN; a full stop behind the digits ends a sentence.
        let alone_before = from == 0 || !joins(bytes[from - 1]) && bytes[from - 1] != b'.';
        let alone_behind = bytes.get(to).is_none_or(|byte| !joins(*byte));
        Some((&line[from..to], alone_before && alone_behind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planted() -> Canaries {
        Canaries {
            pins: vec![PIN.into()],
            national_ids: vec!["23456789".into()],
            secrets: vec!["sikrit".into()],
        }
    }

    #[test]
    fn finds_what_was_planted() {
        for (what, line) in [
            ("pin", "text=1*200*7391"),
            ("pin", "{\"input\":\"7391\"}"),
            ("pin", "the PIN was 7391."),
            ("national id", "id 23456789 taken"),
            ("phone number", "to +254712345678"),
            ("phone number", "0712345678"),
            ("secret", "/at/xsikrit/ussd"),
        ] {
            let text = format!("nothing here\n{line}\n");
            let leaks = planted().leaks_in(&text);
            assert_eq!(
                leaks,
                [Leak {
                    what,
                    line_number: 2,
                    line: line.into()
                }],
                "{line}"
            );
        }
    }

    #[test]
    fn leaves_alone_what_only_looks_alike() {
        let innocent =
            "took 0.7391 s\n17391 hops\n018f-7391-a0\n2547•••678\n2547*****678\nabc7391\nKES 73910";
        assert_eq!(planted().leaks_in(innocent), []);
    }
}
