//! The texts we send: written in `messages/*.xml`, both languages side by side, checked when they are loaded.

mod reading;

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{Datelike, NaiveDate};

use super::{Class, Value, Values};
use crate::documents::{self, Mistake};
use crate::primitives::{Language, Money, gsm7};

/// What holds for every text: the languages, and what it may name without being given it.
#[derive(Clone, Debug)]
pub struct Globals {
    /// The languages each text must have; the first stands in for any other.
    pub languages: Vec<Language>,
    /// `{ussd}`: the code to dial, such as `*384*123#`.
    pub ussd: String,
    /// `{sms}`: the number to text to, such as `22384`.
    pub sms: String,
}

/// All templates, checked and immutable.
#[derive(Clone, Debug)]
pub struct Templates {
    globals: Globals,
    messages: BTreeMap<String, Template>,
    phrases: BTreeMap<String, Texts>,
}

type Texts = BTreeMap<Language, String>;

#[derive(Clone, Debug)]
struct Template {
    class: Class,
    /// It may be put off over the quiet hours. A promotion always may.
    waits: bool,
    values: BTreeMap<String, Kind>,
    texts: Texts,
}

/// What a value is, and how long it can be at most.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Money {
        max: Money,
    },
    Words {
        max: usize,
    },
    Code {
        max: usize,
    },
    Count {
        max: u32,
    },
    Date,
    /// One of the phrases whose name begins with this and a dot.
    Phrase {
        group: String,
    },
}

/// Why a text could not be made: the caller and the template disagree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRendered {
    #[error("there is no message {0}")]
    NoTemplate(String),
    #[error("the message {template} lacks the value {name}")]
    Missing { template: String, name: String },
    #[error("the message {template} got another kind of thing for {name}")]
    Unfit { template: String, name: String },
}

impl Templates {
    /// Reads every `*.xml` in the folder, or tells every mistake in them.
    pub fn load(folder: &Path, globals: Globals) -> Result<Templates, Vec<Mistake>> {
        Templates::of(&documents::read_folder(folder)?, globals)
    }

    /// Reads templates from documents given as (file name, text).
    fn of(documents: &[(String, String)], globals: Globals) -> Result<Templates, Vec<Mistake>> {
        reading::read(&documents::parse_all(documents)?, globals)
    }

    /// The lane the template is written for.
    pub fn class(&self, template: &str) -> Option<Class> {
        Some(self.messages.get(template)?.class)
    }

    /// The messages of a lane that may be put off over the quiet hours.
    pub(super) fn that_wait(&self, class: Class) -> Vec<String> {
        let of_class = self.messages.iter();
        of_class
            .filter(|(_, template)| template.class == class && template.waits)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// The names of all messages, for tests and checks.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.messages.keys().map(String::as_str)
    }

    /// Makes the text, in the first language if nobody has written this one.
    pub fn render(
        &self,
        template: &str,
        language: Language,
        values: &Values,
    ) -> Result<String, NotRendered> {
        let found = self
            .messages
            .get(template)
            .ok_or_else(|| NotRendered::NoTemplate(template.to_owned()))?;
        let text = self.said_in(&found.texts, language);
        filled(text, |name| {
            if let Some(global) = self.global(name) {
                return Ok(global.to_owned());
            }
            let missing = || NotRendered::Missing {
                template: template.to_owned(),
                name: name.to_owned(),
            };
            let kind = found.values.get(name).ok_or_else(missing)?;
            let value = values.get(name).ok_or_else(missing)?;
            self.said(kind, value, language)
                .ok_or_else(|| NotRendered::Unfit {
                    template: template.to_owned(),
                    name: name.to_owned(),
                })
        })
    }

    /// How many segments the message takes, in the language in which it takes most.
    pub fn segments(&self, template: &str, values: &Values) -> Result<usize, NotRendered> {
        let mut most = 1;
        for language in &self.globals.languages {
            let text = self.render(template, *language, values)?;
            most = most.max(gsm7::sms_length(&text).parts);
        }
        Ok(most)
    }

    fn global(&self, name: &str) -> Option<&str> {
        match name {
            "ussd" => Some(&self.globals.ussd),
            "sms" => Some(&self.globals.sms),
            _ => None,
        }
    }

    fn said(&self, kind: &Kind, value: &Value, language: Language) -> Option<String> {
        match (kind, value) {
            // More than was declared costs a segment more; saying nothing would cost the rider's trust.
            (Kind::Money { .. }, Value::Money(amount)) => Some(amount.to_string()),
            (Kind::Count { .. }, Value::Count(count)) => Some(count.to_string()),
            (Kind::Code { .. }, Value::Code(code)) => Some(one_line(code)),
            (Kind::Date, Value::Date(day)) => Some(day_said(*day, language)),
            (Kind::Words { max }, Value::Words(words)) => {
                let line = one_line(words);
                Some(gsm7::cut(&line, *max).trim_end().to_owned())
            }
            (Kind::Phrase { group }, Value::Phrase(name)) => {
                let texts = self.phrases.get(name).filter(|_| is_of(group, name))?;
                Some(self.said_in(texts, language).to_owned())
            }
            _ => None,
        }
    }

    fn said_in<'t>(&self, texts: &'t Texts, language: Language) -> &'t str {
        let first = || texts.get(self.globals.languages.first()?);
        texts
            .get(&language)
            .or_else(first)
            .map_or("", String::as_str)
    }

    /// The widest that a value of this kind can become.
    fn widest(&self, kind: &Kind, language: Language) -> String {
        match kind {
            // With cents, which the greatest amount itself may lack.
            Kind::Money { max } => format!(
                "{}.99",
                max.to_string().split('.').next().unwrap_or_default()
            ),
            Kind::Words { max } | Kind::Code { max } => "W".repeat(*max),
            Kind::Count { max } => max.to_string(),
            Kind::Date => "30 Nov 2026".to_owned(),
            Kind::Phrase { group } => {
                let of_group = self.phrases.iter().filter(|(name, _)| is_of(group, name));
                let texts = of_group.map(|(_, texts)| self.said_in(texts, language));
                texts
                    .max_by_key(|text| text.len())
                    .unwrap_or_default()
                    .to_owned()
            }
        }
    }
}

/// `what.contribution` is of the group `what`.
fn is_of(group: &str, phrase: &str) -> bool {
    phrase
        .strip_prefix(group)
        .is_some_and(|rest| rest.starts_with('.'))
}

/// What came from outside, on one line and in the alphabet of text messages.
fn one_line(words: &str) -> String {
    let folded = gsm7::fold(words);
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `30 Nov 2026`; the short names of the months are of one length in both languages.
fn day_said(day: NaiveDate, language: Language) -> String {
    let months = if language == Language::SWAHILI {
        [
            "Jan", "Feb", "Mac", "Apr", "Mei", "Jun", "Jul", "Ago", "Sep", "Okt", "Nov", "Des",
        ]
    } else {
        [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
    };
    let month = months
        .get(day.month0() as usize)
        .copied()
        .unwrap_or_default();
    format!("{} {month} {}", day.day(), day.year())
}

/// Replaces each `{name}`.
fn filled<E>(text: &str, mut value: impl FnMut(&str) -> Result<String, E>) -> Result<String, E> {
    let mut filled = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let Some((name, after)) = behind.split_once('}') else {
            break;
        };
        filled.push_str(before);
        filled.push_str(&value(name)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests;
