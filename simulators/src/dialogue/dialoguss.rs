//! Reads the YAML of `dialoguss`, a public tester of USSD applications, as scripts for the wire.
//!
//! One file holds several sessions. A session's first step has no input: it is the dial. Texts are compared whole and
//! exactly, and nothing is said about whether the session goes on.

use serde::Deserialize;

use super::pattern::Pattern;
use super::script::{Deed, Expectation, Phone, Place, Script, SessionAfter, Step};

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialogues {
    /// The webhook the file names, if it does.
    pub url: Option<String>,
    pub scripts: Vec<Script>,
}

#[derive(Debug, thiserror::Error)]
pub enum NotDialoguss {
    #[error("{0}: {1}")]
    Yaml(String, serde_yaml_ng::Error),
    #[error("{file}: {session} has no {what}")]
    Missing {
        file: String,
        session: String,
        what: &'static str,
    },
    #[error("{file}: step {step} of {session} types nothing; only the first step of a session may")]
    NoInput {
        file: String,
        session: String,
        step: usize,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    url: Option<String>,
    dial: Option<Text>,
    phone_number: Option<Text>,
    #[serde(default)]
    sessions: Vec<Session>,
    /// A file of one session may do without the list.
    description: Option<Text>,
    steps: Option<Vec<Exchange>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    id: Option<Text>,
    dial: Option<Text>,
    phone_number: Option<Text>,
    description: Option<Text>,
    #[serde(default)]
    steps: Vec<Exchange>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Exchange {
    /// Called `text` in files of its first years.
    #[serde(alias = "text")]
    user_input: Option<Text>,
    expect: Option<String>,
}

/// YAML reads numbers and codes without quotes as numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Words(String),
    Number(u64),
}

impl Text {
    fn text(&self) -> String {
        match self {
            Text::Words(words) => words.clone(),
            Text::Number(number) => number.to_string(),
        }
    }
}

/// Reads a file whole. The name is for telling where something went wrong.
pub fn parse(name: &str, source: &str) -> Result<Dialogues, NotDialoguss> {
    let mut file: File = serde_yaml_ng::from_str(source)
        .map_err(|error| NotDialoguss::Yaml(name.to_owned(), error))?;
    if let Some(steps) = file.steps.take() {
        let only = Session {
            id: None,
            dial: None,
            phone_number: None,
            description: file.description.take(),
            steps,
        };
        file.sessions.push(only);
    }
    let scripts = file
        .sessions
        .iter()
        .enumerate()
        .map(|(place, session)| script(name, &file, session, place + 1));
    Ok(Dialogues {
        url: file.url.clone(),
        scripts: scripts.collect::<Result<_, _>>()?,
    })
}

fn script(
    file: &str,
    whole: &File,
    session: &Session,
    number: usize,
) -> Result<Script, NotDialoguss> {
    let called = session
        .description
        .as_ref()
        .or(session.id.as_ref())
        .map_or_else(|| number.to_string(), Text::text);
    let missing = |what| NotDialoguss::Missing {
        file: file.to_owned(),
        session: format!("session {called}"),
        what,
    };
    let msisdn = session
        .phone_number
        .as_ref()
        .or(whole.phone_number.as_ref())
        .ok_or_else(|| missing("phoneNumber"))?
        .text();
    let code = session
        .dial
        .as_ref()
        .or(whole.dial.as_ref())
        .ok_or_else(|| missing("dial"))?
        .text();
    if session.steps.is_empty() {
        return Err(missing("steps"));
    }
    let step = |(place, exchange): (usize, &Exchange)| {
        let (written, deed) = match &exchange.user_input {
            None if place == 0 => (format!("dial {code}"), Deed::Dial { code: code.clone() }),
            None => {
                return Err(NotDialoguss::NoInput {
                    file: file.to_owned(),
                    session: format!("session {called}"),
                    step: place + 1,
                });
            }
            Some(input) => (
                format!("type {}", input.text()),
                Deed::Type { keys: input.text() },
            ),
        };
        let expects = exchange.expect.as_ref().map(|text| Expectation {
            session: SessionAfter::Either,
            says: Pattern::exactly(text),
        });
        Ok(Step {
            place: Place::Session {
                name: called.clone(),
                step: place + 1,
            },
            written,
            phone: 0,
            named: false,
            deed,
            expects,
        })
    };
    let phones = vec![Phone {
        name: "phone".to_owned(),
        msisdn: msisdn.trim_start_matches('+').to_owned(),
    }];
    let steps = session
        .steps
        .iter()
        .enumerate()
        .map(step)
        .collect::<Result<_, _>>()?;
    Ok(Script {
        file: file.to_owned(),
        phones,
        steps,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r##"
url: http://localhost:7654
dial: "*384*123#"
phoneNumber: 254711000001
sessions:
  - id: 17
    description: "Amina sees her fund"
    steps:
      - expect: "Karibu Amina"
      - userInput: 1
        expect: |
          Kencom
          KES 200
  - id: older
    phoneNumber: "+254711000002"
    steps:
      - expect: "Karibu"
      - text: "0"
        expect: "Kwaheri"
"##;

    #[test]
    fn sessions_become_scripts() {
        let read = parse("app.yml", FILE).unwrap();
        assert_eq!(read.url.as_deref(), Some("http://localhost:7654"));
        let [amina, juma] = &read.scripts[..] else {
            panic!("two sessions")
        };
        assert_eq!(amina.phones[0].msisdn, "254711000001");
        assert_eq!(juma.phones[0].msisdn, "254711000002");
        assert_eq!(
            amina.steps[0].deed,
            Deed::Dial {
                code: "*384*123#".into()
            }
        );
        assert_eq!(amina.steps[1].deed, Deed::Type { keys: "1".into() });
        assert_eq!(
            amina.steps[1].expects.as_ref().unwrap().to_string(),
            "Kencom | KES 200"
        );
        assert_eq!(
            amina.steps[1].place.to_string(),
            "session Amina sees her fund, step 2"
        );
        assert_eq!(juma.steps[1].deed, Deed::Type { keys: "0".into() });
    }

    #[test]
    fn a_single_session_needs_no_list() {
        let read = parse(
            "app.yml",
            "phoneNumber: 254711000001\ndial: '*1#'\ndescription: Hello\nsteps:\n  - expect: Hi\n",
        )
        .unwrap();
        assert_eq!(read.scripts.len(), 1);
        assert_eq!(read.url, None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let said = |source| parse("app.yml", source).unwrap_err().to_string();
        assert!(
            said("dial: '*1#'\nsteps: [{expect: Hi}]").contains("session 1 has no phoneNumber")
        );
        assert!(said("phoneNumber: 1\nsteps: [{expect: Hi}]").contains("no dial"));
        assert!(
            said("phoneNumber: 1\ndial: '*1#'\nsteps: [{expect: Hi}, {expect: Ho}]")
                .contains("step 2")
        );
        assert!(said("sessions: 4").contains("app.yml"));
    }
}
