//! From elements to templates: every text is filled with the widest values it declares, and counted.

use std::collections::BTreeMap;

use super::document::{Document, Element, Mistake};
use super::{Globals, Kind, Template, Templates, Texts, filled, is_of};
use crate::messages::Class;
use crate::messages::gsm::{segments, septets};
use crate::primitives::{Language, Money};

/// Reads documents into templates, or tells every mistake in them.
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
        for language in self.templates.globals.languages.clone() {
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
            && !self.templates.phrases.keys().any(|name| is_of(group, name))
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
                Ok(language) if self.templates.globals.languages.contains(&language) => {
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
        for language in self.templates.globals.languages.clone() {
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
