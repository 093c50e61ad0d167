//! From elements to templates: every text is filled with the widest values it declares, and counted.

use std::collections::BTreeMap;

use super::{Globals, Kind, Template, Templates, Texts, filled, is_of};
use crate::documents::{Document, Element, Findings, Mistake, Place, did_you_mean};
use crate::messages::Class;
use crate::primitives::gsm7::{sms_length, stranger_in};
use crate::primitives::{Language, Money};

/// Reads documents into templates, or tells every mistake in them.
pub(super) fn read(documents: &[Document], globals: Globals) -> Result<Templates, Vec<Mistake>> {
    let mut reading = Reading {
        templates: Templates {
            globals,
            messages: BTreeMap::new(),
            phrases: BTreeMap::new(),
        },
        findings: Findings::in_files(documents.iter().map(|document| document.file.as_str())),
    };
    let mut elements = Vec::new();
    for root in documents.iter().map(|document| &document.root) {
        match root.name.as_str() {
            "messages" => elements.extend(&root.children),
            other => reading
                .findings
                .wrong(root.place, format!("the root is {other}, not messages")),
        }
    }
    // Phrases first: a message's width depends on them.
    for wanted in ["phrase", "message"] {
        for element in elements.iter().filter(|element| element.name == wanted) {
            reading.element(element);
        }
    }
    for odd in elements {
        if !matches!(odd.name.as_str(), "phrase" | "message") {
            reading.does_not_belong(odd);
        }
    }
    reading.findings.or(reading.templates)
}

/// The templates so far, and what was wrong.
struct Reading<'d> {
    templates: Templates,
    findings: Findings<'d>,
}

impl Reading<'_> {
    fn element(&mut self, element: &Element) {
        let Some(name) = element.attribute("name").map(|name| name.value.as_str()) else {
            return self
                .findings
                .wrong(element.place, format!("this {} has no name", element.name));
        };
        let taken =
            self.templates.messages.contains_key(name) || self.templates.phrases.contains_key(name);
        if taken {
            self.findings
                .wrong(element.place, format!("the name {name} is taken"));
        }
        let allowed: &[&str] = if element.name == "message" {
            &["name", "class", "segments", "waits"]
        } else {
            &["name"]
        };
        self.only(element, allowed);
        let texts = self.texts(element);
        if element.name == "phrase" {
            self.templates.phrases.insert(name.to_owned(), texts);
        } else {
            self.message(element, name, texts);
        }
    }

    fn message(&mut self, element: &Element, name: &str, texts: Texts) {
        let class = element
            .attribute("class")
            .and_then(|class| Class::parse(&class.value))
            .unwrap_or_else(|| {
                self.findings.wrong(
                    element.place,
                    format!("{name} needs a class: emergency, money, service or promotion"),
                );
                Class::Service
            });
        let segments_max = element
            .attribute("segments")
            .map_or(Some(1), |count| count.value.parse().ok())
            .unwrap_or_else(|| {
                self.findings
                    .wrong(element.place, format!("segments of {name} is not a number"));
                1
            });
        let waits = match element.attribute("waits").map(|waits| waits.value.as_str()) {
            None => class == Class::Promotion,
            Some("yes") if matches!(class, Class::Service | Class::Promotion) => true,
            Some(_) => {
                let what = format!(
                    "{name} waits=\"yes\" or says nothing of it, and only a service message or a promotion can wait"
                );
                self.findings.wrong(element.place, what);
                false
            }
        };
        let mut values = BTreeMap::new();
        for value in element.children_named("value") {
            if let Some((value_name, kind)) = self.value(value)
                && values.insert(value_name.clone(), kind).is_some()
            {
                self.findings
                    .wrong(value.place, format!("{value_name} is declared twice"));
            }
        }
        for language in self.templates.globals.languages.clone() {
            let Some(text) = texts.get(&language) else {
                continue;
            };
            let at = element
                .child(language.as_str())
                .map_or(element.place, |child| child.place);
            self.check_text(at, text, &values, language, segments_max);
        }
        self.templates.messages.insert(
            name.to_owned(),
            Template {
                class,
                waits,
                values,
                texts,
            },
        );
    }

    fn check_text(
        &mut self,
        at: Place,
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
            Err(what) => self.findings.wrong(at, what),
            Ok(widest) if sms_length(&widest).parts > segments_max => {
                let long = sms_length(&widest).units;
                self.findings.wrong(
                    at,
                    format!("up to {long} characters: more than {segments_max} message(s)"),
                );
            }
            Ok(_) => {}
        }
        for name in values
            .keys()
            .filter(|name| !text.contains(&format!("{{{name}}}")))
        {
            self.findings
                .wrong(at, format!("{name} is declared and not said"));
        }
    }

    fn value(&mut self, element: &Element) -> Option<(String, Kind)> {
        self.only(element, &["name", "type", "max", "of"]);
        let said = |name| {
            element
                .attribute(name)
                .map(|attribute| attribute.value.as_str())
        };
        let max = said("max");
        let kind = match said("type") {
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
            Some("phrase") => said("of").map(|group| Kind::Phrase {
                group: group.to_owned(),
            }),
            _ => {
                let what = "a value needs a type: money, words, code, count, date or phrase";
                self.findings.wrong(element.place, what);
                return None;
            }
        };
        if let Some(Kind::Phrase { group }) = &kind
            && !self.templates.phrases.keys().any(|name| is_of(group, name))
        {
            self.findings
                .wrong(element.place, format!("there is no phrase {group}.*"));
        }
        match (said("name"), kind) {
            (Some(name), Some(kind)) => Some((name.to_owned(), kind)),
            _ => {
                self.findings.wrong(
                    element.place,
                    "a value needs a name, and a max or, for a phrase, an of",
                );
                None
            }
        }
    }

    /// One text for each language, in the alphabet that every phone has.
    fn texts(&mut self, element: &Element) -> Texts {
        let mut texts = Texts::new();
        for child in &element.children {
            match Language::parse(&child.name) {
                Ok(language) if self.templates.globals.languages.contains(&language) => {
                    let text = child.folded_text();
                    if let Some(odd) = stranger_in(&text) {
                        self.findings.wrong(
                            child.place,
                            format!("{odd:?} is not in the alphabet of text messages"),
                        );
                    }
                    if texts.insert(language, text).is_some() {
                        self.findings
                            .wrong(child.place, format!("a second text in {language}"));
                    }
                }
                _ if child.name == "value" && element.name == "message" => {}
                _ => self.does_not_belong(child),
            }
        }
        for language in self.templates.globals.languages.clone() {
            if texts.get(&language).is_none_or(String::is_empty) {
                self.findings
                    .wrong(element.place, format!("no text in {language}"));
            }
        }
        texts
    }

    fn only(&mut self, element: &Element, allowed: &[&str]) {
        for attribute in &element.attributes {
            if !allowed.contains(&attribute.name.as_str()) {
                let hint = did_you_mean(&attribute.name, allowed.iter().copied());
                let sentence =
                    format!("{} has no attribute {}{hint}", element.name, attribute.name);
                self.findings.wrong(attribute.place, sentence);
            }
        }
    }

    fn does_not_belong(&mut self, element: &Element) {
        self.findings.wrong(
            element.place,
            format!("a {} does not belong here", element.name),
        );
    }
}
