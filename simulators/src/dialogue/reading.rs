//! Reads a `.dialogue` file line by line; `docs/dialogues.md` says how one is written.

use std::collections::BTreeSet;
use std::time::Duration;

use super::pattern::{Pattern, PatternError, is_name};
use super::script::{
    Answer, Deed, Expectation, HowOften, Phone, Place, Script, SessionAfter, Step, Trouble,
};

/// Something the file gets wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct Mistake {
    pub file: String,
    pub line: usize,
    pub what: Wrong,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error(
        "no such deed: `{0}`; there are phone, dial, type, drop, again, forget, wait, prompt, pay, sms to, sms says, sms from, no sms, fault, desk"
    )]
    UnknownDeed(String),
    #[error("write: {0}")]
    Form(&'static str),
    #[error("no phone comes before this; begin with a line such as `phone amina 254711000001`")]
    NoPhone,
    #[error("no phone is called `{0}`")]
    UnknownPhone(String),
    #[error("a phone called `{0}` is there already")]
    PhoneTwice(String),
    #[error("`{0}` is no length of time; write 30s, 5m, 2h or 1d")]
    NotALength(String),
    #[error("nothing before this line says what {{{0}}} is")]
    Unsaid(String),
    #[error(
        "a line that starts with spaces goes on with the text of the line above, and there is none"
    )]
    NothingToContinue,
    #[error("this phone has not dialled yet")]
    NothingDialled,
    #[error("this deed brings no text that could be compared")]
    NothingToCompare,
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl Script {
    /// Reads a file whole; every mistake in it is told, not just the first.
    pub fn parse(file: &str, source: &str) -> Result<Script, Vec<Mistake>> {
        let mut reader = Reader::default();
        let mut mistakes = Vec::new();
        for line in joined(source) {
            let read = line
                .map_err(|line| (line, Wrong::NothingToContinue))
                .and_then(|line| {
                    let number = line.number;
                    reader.read(line).map_err(|wrong| (number, wrong))
                });
            if let Err((line, what)) = read {
                mistakes.push(Mistake {
                    file: file.to_owned(),
                    line,
                    what,
                });
            }
        }
        if mistakes.is_empty() {
            Ok(Script {
                file: file.to_owned(),
                phones: reader.phones,
                steps: reader.steps,
            })
        } else {
            Err(mistakes)
        }
    }
}

/// A line with the lines that go on with its text.
struct Line<'a> {
    number: usize,
    /// Up to the first two spaces.
    deed: &'a str,
    /// From there on, and from the lines that go on, one per line of the phone.
    text: Vec<&'a str>,
}

/// The lines that say something, or the number of one that goes on with nothing.
fn joined(source: &str) -> Vec<Result<Line<'_>, usize>> {
    let mut lines: Vec<Result<Line<'_>, usize>> = Vec::new();
    for (place, written) in source.trim_start_matches('\u{feff}').lines().enumerate() {
        let number = place + 1;
        let trimmed = written.trim();
        if trimmed.is_empty() || written.starts_with('#') {
            continue;
        }
        if written.starts_with("  ") || written.starts_with('\t') {
            match lines.last_mut() {
                Some(Ok(line)) => line.text.push(trimmed),
                _ => lines.push(Err(number)),
            }
            continue;
        }
        let gap = trimmed
            .find("  ")
            .or_else(|| trimmed.find('\t'))
            .unwrap_or(trimmed.len());
        let (deed, text) = trimmed.split_at(gap);
        let text = Some(text.trim()).filter(|text| !text.is_empty());
        lines.push(Ok(Line {
            number,
            deed,
            text: text.into_iter().collect(),
        }));
    }
    lines
}

/// What has been read so far.
#[derive(Default)]
struct Reader {
    phones: Vec<Phone>,
    steps: Vec<Step>,
    said: BTreeSet<String>,
    dialled: BTreeSet<usize>,
}

impl Reader {
    fn read(&mut self, line: Line<'_>) -> Result<(), Wrong> {
        if let Some(rest) = after_word(line.deed, "phone") {
            return self.read_phone(rest);
        }
        let (phone, named, deed) = self.whose(line.deed)?;
        let (deed, expects) = self.read_deed(deed, &line.text)?;
        self.check_typed(&deed)?;
        match deed {
            Deed::Dial { .. } => _ = self.dialled.insert(phone),
            Deed::Type { .. } | Deed::Again | Deed::Drop if !self.dialled.contains(&phone) => {
                return Err(Wrong::NothingDialled);
            }
            _ => {}
        }
        if let Some(expectation) = &expects {
            self.said
                .extend(expectation.says.names().map(str::to_owned));
        }
        self.steps.push(Step {
            place: Place::Line(line.number),
            written: written(&line),
            phone,
            named,
            deed,
            expects,
        });
        Ok(())
    }

    fn read_phone(&mut self, rest: &str) -> Result<(), Wrong> {
        let form = Wrong::Form("phone amina 254711000001");
        let (name, msisdn) = rest.split_once(' ').ok_or(form.clone())?;
        let msisdn = msisdn.trim().trim_start_matches('+');
        if !is_name(name) || msisdn.is_empty() || !msisdn.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(form);
        }
        if self.phones.iter().any(|phone| phone.name == name) {
            return Err(Wrong::PhoneTwice(name.to_owned()));
        }
        self.phones.push(Phone {
            name: name.to_owned(),
            msisdn: msisdn.to_owned(),
        });
        Ok(())
    }

    /// Whose step it is: `@juma`'s, or the first phone's.
    fn whose<'a>(&self, deed: &'a str) -> Result<(usize, bool, &'a str), Wrong> {
        if self.phones.is_empty() {
            return Err(Wrong::NoPhone);
        }
        let Some(named) = deed.strip_prefix('@') else {
            return Ok((0, false, deed));
        };
        let (name, deed) = named
            .split_once(' ')
            .ok_or(Wrong::Form("@juma dial *384*123#"))?;
        let place = self
            .phones
            .iter()
            .position(|phone| phone.name == name)
            .ok_or_else(|| Wrong::UnknownPhone(name.to_owned()))?;
        Ok((place, true, deed.trim_start()))
    }

    fn read_deed(
        &self,
        written: &str,
        text: &[&str],
    ) -> Result<(Deed, Option<Expectation>), Wrong> {
        let (word, rest) = written.split_once(' ').unwrap_or((written, ""));
        let rest = rest.trim();
        let deed = match word {
            "dial" if rest.is_empty() => return Err(Wrong::Form("dial *384*123#")),
            "dial" => Deed::Dial {
                code: rest.to_owned(),
            },
            "type" => Deed::Type {
                keys: rest.to_owned(),
            },
            "drop" | "again" | "forget" if !rest.is_empty() => {
                return Err(Wrong::Form(
                    "drop, again or forget alone, and two spaces before a text",
                ));
            }
            "drop" => Deed::Drop,
            "again" => Deed::Again,
            "forget" => Deed::Forget,
            "wait" => Deed::Wait {
                length: length(rest)?,
            },
            "prompt" => {
                let answer = Answer::ALL.into_iter().find(|answer| answer.word() == rest);
                Deed::Prompt {
                    answer: answer
                        .ok_or(Wrong::Form("prompt approve, cancel, wrong-pin or ignore"))?,
                }
            }
            "pay" => {
                let (shillings, account) = rest
                    .split_once(" for ")
                    .and_then(|(shillings, account)| Some((shillings.parse().ok()?, account)))
                    .ok_or(Wrong::Form("pay 200 for 0711000001"))?;
                Deed::Pay {
                    shillings,
                    account: account.trim().to_owned(),
                }
            }
            "no" if rest == "sms" => Deed::NoSms,
            "no" if rest == "call" => Deed::NoCall,
            "hang" if rest == "up" => Deed::HangUp,
            "ring" if rest.is_empty() => return Err(Wrong::Form("ring +254711082000")),
            "ring" => Deed::Ring {
                number: rest.to_owned(),
            },
            "press" if rest.is_empty() => return Err(Wrong::Form("press 1")),
            "press" => Deed::Press {
                keys: rest.to_owned(),
            },
            "call" => return call(rest, text),
            "fault" => Deed::Fault(trouble(rest)?),
            "desk" if rest.is_empty() => return Err(Wrong::Form("desk approve 254711000009")),
            "desk" => Deed::Desk {
                words: rest.to_owned(),
            },
            "sms" => return sms(rest, text),
            _ => return Err(Wrong::UnknownDeed(written.to_owned())),
        };
        let expects = expectation(text)?;
        match deed {
            Deed::Dial { .. } | Deed::Type { .. } | Deed::Again => Ok((deed, expects)),
            Deed::Prompt { .. } | Deed::Press { .. } => Ok((
                deed,
                expects.map(|expectation| Expectation {
                    session: SessionAfter::Either,
                    ..expectation
                }),
            )),
            _ if expects.is_some() => Err(Wrong::NothingToCompare),
            _ => Ok((deed, None)),
        }
    }

    /// A rider can only type a `{name}` that some text before has given a value.
    fn check_typed(&self, deed: &Deed) -> Result<(), Wrong> {
        let typed = match deed {
            Deed::Dial { code } => code,
            Deed::Type { keys } => keys,
            Deed::Sms { text, .. } => text,
            _ => return Ok(()),
        };
        let names = typed
            .split('{')
            .skip(1)
            .filter_map(|part| part.split_once('}'))
            .map(|(name, _)| name)
            .filter(|name| is_name(name));
        for name in names {
            if !self.said.contains(name) {
                return Err(Wrong::Unsaid(name.to_owned()));
            }
        }
        Ok(())
    }
}

/// `sms to 22384: BAL`, `sms says *Code {code}*` or `sms from MPESA says *Confirmed*`. Spaces mean nothing in a message, so the whole line is its text.
fn sms(rest: &str, text: &[&str]) -> Result<(Deed, Option<Expectation>), Wrong> {
    let rest = rest.trim();
    let (from, rest) = match after_word(rest, "from").and_then(|rest| rest.split_once(' ')) {
        Some((sender, rest)) => (Some(sender.to_owned()), rest.trim()),
        None => (None, rest),
    };
    if let Some(says) = after_word(rest, "says") {
        let lines: Vec<&str> = Some(says)
            .filter(|says| !says.is_empty())
            .into_iter()
            .chain(text.iter().copied())
            .collect();
        if lines.is_empty() {
            return Err(Wrong::Form("sms says *Code {code}*"));
        }
        let says = Pattern::parse(&lines.join(" | "))?;
        return Ok((
            Deed::SmsSays { from },
            Some(Expectation {
                session: SessionAfter::Either,
                says,
            }),
        ));
    }
    let form = Wrong::Form("sms to 22384: BAL");
    let (to, first) = after_word(rest, "to")
        .and_then(|rest| rest.split_once(':'))
        .ok_or(form.clone())?;
    let to = to.trim();
    if to.is_empty() || to.contains(' ') {
        return Err(form);
    }
    let first = Some(first.trim()).filter(|first| !first.is_empty());
    let text = first
        .into_iter()
        .chain(text.iter().copied())
        .collect::<Vec<_>>()
        .join("\n");
    Ok((
        Deed::Sms {
            to: to.to_owned(),
            text,
        },
        None,
    ))
}

/// `call says *press 1*`. The whole line is what is heard.
fn call(rest: &str, text: &[&str]) -> Result<(Deed, Option<Expectation>), Wrong> {
    let form = Wrong::Form("call says *press 1*");
    let says = after_word(rest, "says").ok_or(form.clone())?;
    let lines: Vec<&str> = Some(says)
        .filter(|says| !says.is_empty())
        .into_iter()
        .chain(text.iter().copied())
        .collect();
    if lines.is_empty() {
        return Err(form);
    }
    let says = Pattern::parse(&lines.join(" | "))?;
    Ok((
        Deed::CallSays,
        Some(Expectation {
            session: SessionAfter::Either,
            says,
        }),
    ))
}

fn expectation(text: &[&str]) -> Result<Option<Expectation>, Wrong> {
    let Some((first, more)) = text.split_first() else {
        return Ok(None);
    };
    let (session, first) = match after_word(first, "END") {
        Some(rest) => (SessionAfter::Ended, rest),
        None => (SessionAfter::Open, *first),
    };
    let lines: Vec<&str> = Some(first)
        .filter(|first| !first.is_empty())
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    let says = if lines.is_empty() {
        Pattern::anything()
    } else {
        Pattern::parse(&lines.join(" | "))?
    };
    Ok(Some(Expectation { session, says }))
}

/// What follows a word at the start of a text, or nothing when another word stands there.
fn after_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(word)?;
    (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim())
}

fn length(written: &str) -> Result<Duration, Wrong> {
    let wrong = || Wrong::NotALength(written.to_owned());
    let unit = written.chars().last().ok_or_else(wrong)?;
    let seconds_each: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let count: u32 = written[..written.len() - 1].parse().map_err(|_| wrong())?;
    Ok(Duration::from_secs(u64::from(count) * seconds_each))
}

fn trouble(rest: &str) -> Result<Trouble, Wrong> {
    let form = Wrong::Form("fault lost-answer, then once, always or 1/3, then 60s");
    let mut words = rest.split_whitespace();
    let what = words.next().ok_or(form.clone())?.to_owned();
    let mut trouble = Trouble {
        what,
        how_often: HowOften::Always,
        how_long: Duration::from_secs(60),
    };
    for word in words {
        match how_often(word) {
            Some(how_often) => trouble.how_often = how_often,
            None => trouble.how_long = length(word).map_err(|_| form.clone())?,
        }
    }
    Ok(trouble)
}

fn how_often(word: &str) -> Option<HowOften> {
    match word {
        "always" => Some(HowOften::Always),
        "once" => Some(HowOften::Once),
        _ => word
            .strip_prefix("1/")?
            .parse()
            .ok()
            .filter(|times| *times > 0)
            .map(HowOften::OneIn),
    }
}

fn written(line: &Line<'_>) -> String {
    // A message's text belongs to its deed, not to what the deed must bring.
    let own = if line.deed.ends_with(':') {
        line.text.first().map(|text| format!(" {text}"))
    } else {
        None
    };
    format!("{}{}", line.deed, own.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STORY: &str = "\
# A rider pays 200 into the welfare fund.
phone amina 254711000001
phone juma +254711000002

dial *384*123#        Karibu Amina*1 Pay*
type 1
  Kencom welfare.
  1 This week: KES {amount}
type 4826             END Asante | Wait for M-PESA.
drop
again                 END *
forget
wait 2m
prompt wrong-pin      *KES {amount}*
sms to 22384: VERIFY {amount}
sms says *Code {code}*
  Keep it.
no sms
sms from MPESA says *Confirmed*
fault lost-answer once 30s
@juma fault slow-network 1/3
@juma dial *384*123*2*200#  END
";

    fn parsed(source: &str) -> Script {
        Script::parse("a.dialogue", source).unwrap()
    }

    fn wrong(source: &str) -> Vec<(usize, Wrong)> {
        Script::parse("a.dialogue", source)
            .unwrap_err()
            .into_iter()
            .map(|mistake| (mistake.line, mistake.what))
            .collect()
    }

    #[test]
    fn a_whole_story_is_read() {
        let script = parsed(STORY);
        assert_eq!(
            script.phones[1],
            Phone {
                name: "juma".into(),
                msisdn: "254711000002".into()
            }
        );
        let deeds: Vec<&Deed> = script.steps.iter().map(|step| &step.deed).collect();
        assert_eq!(
            deeds[0],
            &Deed::Dial {
                code: "*384*123#".into()
            }
        );
        assert_eq!(
            deeds[2],
            &Deed::Type {
                keys: "4826".into()
            }
        );
        assert_eq!(
            deeds[6],
            &Deed::Wait {
                length: Duration::from_secs(120)
            }
        );
        assert_eq!(
            deeds[7],
            &Deed::Prompt {
                answer: Answer::WrongPin
            }
        );
        assert_eq!(
            deeds[8],
            &Deed::Sms {
                to: "22384".into(),
                text: "VERIFY {amount}".into()
            }
        );
        let once = Trouble {
            what: "lost-answer".into(),
            how_often: HowOften::Once,
            how_long: Duration::from_secs(30),
        };
        assert_eq!(
            deeds[11],
            &Deed::SmsSays {
                from: Some("MPESA".into())
            }
        );
        assert_eq!(deeds[12], &Deed::Fault(once));
        let expected: Vec<String> = script
            .steps
            .iter()
            .map(|step| {
                step.expects
                    .as_ref()
                    .map(Expectation::to_string)
                    .unwrap_or_default()
            })
            .collect();
        assert_eq!(expected[0], "Karibu Amina*1 Pay*");
        assert_eq!(expected[1], "Kencom welfare. | 1 This week: KES {amount}");
        assert_eq!(expected[2], "END Asante | Wait for M-PESA.");
        assert_eq!(expected[9], "*Code {code}* | Keep it.");
        assert_eq!(expected[14], "END *");
        assert_eq!(
            (
                script.steps[14].phone,
                script.steps[14].named,
                script.steps[0].phone
            ),
            (1, true, 0)
        );
        assert_eq!(script.steps[14].place, Place::Line(22));
    }

    #[test]
    fn an_empty_reply_is_a_reply() {
        let script = parsed("phone a 254711000001\ndial *1#\ntype  Again*\ntype");
        assert_eq!(
            script.steps[1].deed,
            Deed::Type {
                keys: String::new()
            }
        );
        assert!(script.steps[1].expects.is_some() && script.steps[2].expects.is_none());
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let phone = "phone amina 254711000001\n";
        let after = |line: &str| wrong(&format!("{phone}dial *1#\n{line}\n"));
        assert_eq!(wrong("dial *1#"), [(1, Wrong::NoPhone)]);
        assert_eq!(
            wrong(&format!("{phone}type 1")),
            [(2, Wrong::NothingDialled)]
        );
        assert_eq!(
            wrong(&format!("{phone}{phone}")),
            [(2, Wrong::PhoneTwice("amina".into()))]
        );
        assert_eq!(wrong("  Karibu"), [(1, Wrong::NothingToContinue)]);
        assert_eq!(
            after("dail *1#"),
            [(3, Wrong::UnknownDeed("dail *1#".into()))]
        );
        assert_eq!(
            after("@juma dial *1#"),
            [(3, Wrong::UnknownPhone("juma".into()))]
        );
        assert_eq!(after("wait soon"), [(3, Wrong::NotALength("soon".into()))]);
        assert_eq!(after("wait 5µ"), [(3, Wrong::NotALength("5µ".into()))]);
        assert_eq!(after("type {code}"), [(3, Wrong::Unsaid("code".into()))]);
        assert_eq!(after("forget  Karibu"), [(3, Wrong::NothingToCompare)]);
        assert_eq!(
            after("type 1  {Bad}"),
            [(3, Wrong::Pattern(PatternError::BadName("Bad".into())))]
        );
        for line in [
            "prompt maybe",
            "sms",
            "sms to 22384",
            "sms says",
            "dial",
            "drop now",
            "fault",
            "fault x often",
            "phone X 1",
        ] {
            assert!(
                matches!(after(line)[..], [(3, Wrong::Form(_))]),
                "{line}: {:?}",
                after(line)
            );
        }
        assert_eq!(
            wrong("dial *1#\nphone a 1\nwaaait").len(),
            2,
            "all mistakes at once"
        );
    }

    proptest! {
        #[test]
        fn never_panics(source in "(?s).{0,200}") {
            let _ = Script::parse("x", &source);
        }

        #[test]
        fn never_panics_on_what_is_almost_a_dialogue(lines in prop::collection::vec(
            "(@?[a-z]{0,5} ?)(phone|dial|type|sms|sms to|sms says|wait|fault|prompt|no sms|again|  )[ *#{}|:0-9a-zµ\\\\]{0,20}", 0..12,
        )) {
            let _ = Script::parse("x", &format!("phone a 254711000001\n{}", lines.join("\n")));
        }
    }
}
