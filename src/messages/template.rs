//! The texts we send: written in `messages/*.xml`, both languages side by side, checked when they are loaded.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{Datelike, NaiveDate};

use super::gsm::{folded, segments, septets};
use super::template_file::{Document, Element};
use super::{Class, Value, Values};
use crate::primitives::{Language, Money};

pub use super::template_file::Mistake;

/// What every text may name without being given it: `{ussd}` and `{sms}`.
#[derive(Clone, Debug)]
pub struct Globals {
    /// The code to dial, such as `*384*123#`.
    pub ussd: String,
    /// The number to text to, such as `22384`.
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
    /// The languages every message and phrase must have; the first stands in for any other.
    pub const LANGUAGES: [Language; 2] = [Language::ENGLISH, Language::SWAHILI];

    /// Reads every `*.xml` in the folder, or tells every mistake in them.
    pub fn load(folder: &Path, globals: Globals) -> Result<Templates, Vec<Mistake>> {
        let unreadable = |path: &Path, error: std::io::Error| {
            let file = path.display().to_string();
            vec![Mistake {
                file,
                line: 1,
                column: 1,
                what: error.to_string(),
            }]
        };
        let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))?;
        let mut paths: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "xml"));
        paths.sort();
        let mut sources = Vec::new();
        for path in paths {
            let source =
                std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
            sources.push((path.display().to_string(), source));
        }
        let sources: Vec<_> = sources
            .iter()
            .map(|(file, source)| Document { file, source })
            .collect();
        Templates::read(&sources, globals)
    }

    pub(super) fn read(
        documents: &[Document<'_>],
        globals: Globals,
    ) -> Result<Templates, Vec<Mistake>> {
        let mut reading = Reading {
            templates: Templates {
                globals,
                messages: BTreeMap::new(),
                phrases: BTreeMap::new(),
            },
            mistakes: Vec::new(),
        };
        let mut roots = Vec::new();
        for document in documents {
            match document.read() {
                Ok(root) if root.name == "messages" => roots.push((*document, root)),
                Ok(root) => reading.mistakes.push(
                    document.mistake(root.at, format!("the root is {}, not messages", root.name)),
                ),
                Err(mistake) => reading.mistakes.push(mistake),
            }
        }
        for wanted in ["phrase", "message"] {
            for (document, root) in &roots {
                for element in root
                    .children
                    .iter()
                    .filter(|element| element.name == wanted)
                {
                    reading.element(*document, element);
                }
            }
        }
        for (document, root) in &roots {
            for odd in root
                .children
                .iter()
                .filter(|element| !matches!(element.name.as_str(), "phrase" | "message"))
            {
                reading
                    .mistakes
                    .push(document.mistake(odd.at, format!("a {} does not belong here", odd.name)));
            }
        }
        if reading.mistakes.is_empty() {
            Ok(reading.templates)
        } else {
            Err(reading.mistakes)
        }
    }

    /// The lane the template is written for.
    pub fn class(&self, template: &str) -> Option<Class> {
        Some(self.messages.get(template)?.class)
    }

    /// The names of all messages, for tests and checks.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.messages.keys().map(String::as_str)
    }

    /// Makes the text. A language nobody has written stands as English.
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
        let text = said_in(&found.texts, language);
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
            (Kind::Code { .. }, Value::Code(code)) => Some(folded(code)),
            (Kind::Date, Value::Date(day)) => Some(day_said(*day, language)),
            (Kind::Words { max }, Value::Words(words)) => {
                let cut: String = folded(words).chars().take(*max).collect();
                Some(cut.trim_end().to_owned())
            }
            (Kind::Phrase { group }, Value::Phrase(name)) => {
                let of_group = name.strip_prefix(group.as_str())?.starts_with('.');
                let texts = self.phrases.get(name).filter(|_| of_group)?;
                Some(said_in(texts, language).to_owned())
            }
            _ => None,
        }
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
                let of_group = self.phrases.iter().filter(|(name, _)| {
                    name.strip_prefix(group.as_str())
                        .is_some_and(|rest| rest.starts_with('.'))
                });
                let texts = of_group.map(|(_, texts)| said_in(texts, language));
                texts
                    .max_by_key(|text| text.len())
                    .unwrap_or_default()
                    .to_owned()
            }
        }
    }
}

fn said_in(texts: &Texts, language: Language) -> &str {
    texts
        .get(&language)
        .or_else(|| texts.get(&Language::ENGLISH))
        .map_or("", String::as_str)
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

/// The templates so far, and what was wrong.
struct Reading {
    templates: Templates,
    mistakes: Vec<Mistake>,
}

impl Reading {
    fn element(&mut self, document: Document<'_>, element: &Element) {
        let Some(name) = element.attribute("name") else {
            return self
                .mistakes
                .push(document.mistake(element.at, format!("this {} has no name", element.name)));
        };
        let taken =
            self.templates.messages.contains_key(name) || self.templates.phrases.contains_key(name);
        if taken {
            self.mistakes
                .push(document.mistake(element.at, format!("the name {name} is taken")));
        }
        let allowed: &[&str] = if element.name == "message" {
            &["name", "class", "segments"]
        } else {
            &["name"]
        };
        self.only(document, element, allowed);
        let texts = self.texts(document, element);
        if element.name == "phrase" {
            self.templates.phrases.insert(name.to_owned(), texts);
        } else {
            self.message(document, element, name, texts);
        }
    }

    fn message(&mut self, document: Document<'_>, element: &Element, name: &str, texts: Texts) {
        let class = element
            .attribute("class")
            .and_then(Class::parse)
            .unwrap_or_else(|| {
                self.mistakes.push(document.mistake(
                    element.at,
                    format!("{name} needs a class: emergency, money, service or promotion"),
                ));
                Class::Service
            });
        let segments_max = element
            .attribute("segments")
            .map_or(Some(1), |count| count.parse().ok())
            .unwrap_or_else(|| {
                self.mistakes.push(
                    document.mistake(element.at, format!("segments of {name} is not a number")),
                );
                1
            });
        let mut values = BTreeMap::new();
        for value in element
            .children
            .iter()
            .filter(|child| child.name == "value")
        {
            if let Some((value_name, kind)) = self.value(document, value)
                && values.insert(value_name.clone(), kind).is_some()
            {
                self.mistakes
                    .push(document.mistake(value.at, format!("{value_name} is declared twice")));
            }
        }
        for language in Templates::LANGUAGES {
            let Some(text) = texts.get(&language) else {
                continue;
            };
            let at = element
                .children
                .iter()
                .find(|child| child.name == language.as_str())
                .map_or(element.at, |child| child.at);
            self.check_text(document, at, text, &values, language, segments_max);
        }
        self.templates.messages.insert(
            name.to_owned(),
            Template {
                class,
                values,
                texts,
            },
        );
    }

    fn check_text(
        &mut self,
        document: Document<'_>,
        at: usize,
        text: &str,
        values: &BTreeMap<String, Kind>,
        language: Language,
        segments_max: usize,
    ) {
        let widest = filled(text, |name| {
            match (self.templates.global(name), values.get(name)) {
                (Some(global), _) => Ok(global.to_owned()),
                (None, Some(kind)) => Ok(self.templates.widest(kind, language)),
                (None, None) => Err(format!("{{{name}}} is not declared")),
            }
        });
        match widest {
            Err(what) => self.mistakes.push(document.mistake(at, what)),
            Ok(widest) if segments(&widest) > segments_max => {
                let long = septets(&widest).unwrap_or(usize::MAX);
                self.mistakes.push(document.mistake(
                    at,
                    format!("up to {long} characters: more than {segments_max} message(s)"),
                ));
            }
            Ok(_) => {}
        }
        for name in values
            .keys()
            .filter(|name| !text.contains(&format!("{{{name}}}")))
        {
            self.mistakes
                .push(document.mistake(at, format!("{name} is declared and not said")));
        }
    }

    fn value(&mut self, document: Document<'_>, element: &Element) -> Option<(String, Kind)> {
        self.only(document, element, &["name", "type", "max", "of"]);
        let max = element.attribute("max");
        let kind = match element.attribute("type") {
            Some("money") => max.and_then(|max| max.parse().ok()).map(|max| Kind::Money {
                max: Money::from_shillings(max),
            }),
            Some("words") => max
                .and_then(|max| max.parse().ok())
                .map(|max| Kind::Words { max }),
            Some("code") => max
                .and_then(|max| max.parse().ok())
                .map(|max| Kind::Code { max }),
            Some("count") => max
                .and_then(|max| max.parse().ok())
                .map(|max| Kind::Count { max }),
            Some("date") => Some(Kind::Date),
            Some("phrase") => element.attribute("of").map(|group| Kind::Phrase {
                group: group.to_owned(),
            }),
            _ => {
                let what = "a value needs a type: money, words, code, count, date or phrase";
                self.mistakes.push(document.mistake(element.at, what));
                return None;
            }
        };
        if let Some(Kind::Phrase { group }) = &kind
            && self
                .templates
                .widest(
                    &Kind::Phrase {
                        group: group.clone(),
                    },
                    Language::ENGLISH,
                )
                .is_empty()
        {
            self.mistakes
                .push(document.mistake(element.at, format!("there is no phrase {group}.*")));
        }
        match (element.attribute("name"), kind) {
            (Some(name), Some(kind)) => Some((name.to_owned(), kind)),
            _ => {
                self.mistakes.push(document.mistake(
                    element.at,
                    "a value needs a name, and a max or, for a phrase, an of",
                ));
                None
            }
        }
    }

    /// One text for each language, in the alphabet that every phone has.
    fn texts(&mut self, document: Document<'_>, element: &Element) -> Texts {
        let mut texts = Texts::new();
        for child in &element.children {
            match Language::parse(&child.name) {
                Ok(language) if Templates::LANGUAGES.contains(&language) => {
                    if let Err(odd) = septets(&child.text.replace(['{', '}'], "")) {
                        self.mistakes.push(document.mistake(
                            child.at,
                            format!("{odd:?} is not in the alphabet of text messages"),
                        ));
                    }
                    if texts.insert(language, child.text.clone()).is_some() {
                        self.mistakes.push(
                            document.mistake(child.at, format!("a second text in {language}")),
                        );
                    }
                }
                _ if child.name == "value" && element.name == "message" => {}
                _ => self.mistakes.push(
                    document.mistake(child.at, format!("a {} does not belong here", child.name)),
                ),
            }
        }
        for language in Templates::LANGUAGES {
            if texts.get(&language).is_none_or(String::is_empty) {
                self.mistakes
                    .push(document.mistake(element.at, format!("no text in {language}")));
            }
        }
        texts
    }

    fn only(&mut self, document: Document<'_>, element: &Element, allowed: &[&str]) {
        for (attribute, _) in element
            .attributes
            .iter()
            .filter(|(name, _)| !allowed.contains(&name.as_str()))
        {
            self.mistakes.push(document.mistake(
                element.at,
                format!("{} has no attribute {attribute}", element.name),
            ));
        }
    }
}

#[cfg(test)]
mod tests;
