//! From trees of elements to screens: every name resolved, every mistake collected on the way.

mod deeds;
mod names;
mod screens;
mod texts;

use std::collections::BTreeMap;

use self::names::Names;
use super::screens::{Digest, EngineWords, Limits, Menus, Screen, Text, TextId};
use super::typed::TYPES;
use super::vocabulary::Vocabulary;
use crate::documents::{Attribute, Document, Element, Findings, Mistake, Place, did_you_mean};
use crate::primitives::Language;

/// Compiles all documents together.
pub(super) fn compile(
    documents: &[Document],
    digest: Digest,
    vocabulary: &'static Vocabulary,
    limits: Limits,
) -> Result<Menus, Vec<Mistake>> {
    let mut compiler = Compiler::of(documents, vocabulary);
    let common = compiler.common(documents);
    let screens = compiler.journeys(documents);
    compiler.finish(common, screens, digest, limits)
}

/// The work in hand: what is known of all documents, and what came out so far.
struct Compiler<'d> {
    vocabulary: &'static Vocabulary,
    languages: Vec<(Language, String)>,
    names: Names,
    /// Phrases by name; those the engine says stand for themselves before they are compiled.
    phrase_elements: BTreeMap<&'d str, &'d Element>,
    texts: Vec<Text>,
    findings: Findings<'d>,
}

/// What `common.xml` says, beside the languages.
struct Common {
    misses: u8,
    phrases: BTreeMap<String, TextId>,
    words: Option<EngineWords>,
}

/// Consecutive misses after which we give up, unless `common.xml` says otherwise.
const MISSES: u8 = 3;

impl<'d> Compiler<'d> {
    fn of(documents: &'d [Document], vocabulary: &'static Vocabulary) -> Compiler<'d> {
        Compiler {
            vocabulary,
            languages: Vec::new(),
            names: Names::collect(documents, vocabulary),
            phrase_elements: BTreeMap::new(),
            texts: Vec::new(),
            findings: Findings::in_files(documents.iter().map(|document| document.file.as_str())),
        }
    }

    fn common(&mut self, documents: &'d [Document]) -> Common {
        let mut misses = MISSES;
        let commons: Vec<&Element> = documents
            .iter()
            .map(|document| &document.root)
            .filter(|root| root.name == "common")
            .collect();
        for root in &commons {
            self.expect(root, &[], &["languages", "limits", "phrase"]);
            for language in root
                .children_named("languages")
                .flat_map(|languages| &languages.children)
            {
                self.language(language);
            }
        }
        if self.languages.is_empty() {
            let place = commons.first().map(|root| root.place).unwrap_or(START);
            self.wrong(place, "no language is declared: <common> needs <languages><language code=\"en\" name=\"English\"/></languages>");
            self.languages
                .push((Language::ENGLISH, "English".to_owned()));
        }
        for root in &commons {
            for limits in root.children_named("limits") {
                self.expect(limits, &["misses"], &[]);
                misses = self
                    .number(limits, "misses", u64::from(MISSES), 1..=20)
                    .try_into()
                    .unwrap_or(MISSES);
            }
            for phrase in root.children_named("phrase") {
                self.expect_attributes(phrase, &["name"]);
                if let Some(name) = self.required(phrase, "name")
                    && self.phrase_elements.insert(&name.value, phrase).is_some()
                {
                    self.wrong(
                        name.place,
                        format!("the phrase \"{}\" is written twice", name.value),
                    );
                }
            }
        }
        let elements = std::mem::take(&mut self.phrase_elements);
        let phrases = elements
            .iter()
            .map(|(name, element)| ((*name).to_owned(), self.phrase_text(name, element)))
            .collect();
        self.phrase_elements = elements;
        let place = commons.first().map(|root| root.place).unwrap_or(START);
        let words = self.engine_words(&phrases, place);
        Common {
            misses,
            phrases,
            words,
        }
    }

    fn language(&mut self, element: &'d Element) {
        if element.name != "language" {
            return self.unknown_element(element, &["language"]);
        }
        self.expect(element, &["code", "name"], &[]);
        let (Some(code), Some(name)) = (
            self.required(element, "code"),
            self.required(element, "name"),
        ) else {
            return;
        };
        match Language::parse(&code.value) {
            Ok(language) if self.languages.iter().any(|(known, _)| *known == language) => {
                self.wrong(
                    code.place,
                    format!("the language \"{language}\" is declared twice"),
                );
            }
            Ok(language) => self.languages.push((language, name.value.clone())),
            Err(why) => self.wrong(
                code.place,
                format!("\"{}\" is no language: {why}", code.value),
            ),
        }
    }

    fn engine_words(
        &mut self,
        phrases: &BTreeMap<String, TextId>,
        place: Place,
    ) -> Option<EngineWords> {
        let hints = TYPES.iter().map(|name| format!("hint.{name}"));
        let needed = ["more", "back", "home", "yes", "no", "hint.choice"]
            .map(str::to_owned)
            .into_iter()
            .chain(hints);
        for name in needed.filter(|name| !phrases.contains_key(name)) {
            self.wrong(
                place,
                format!("the phrase \"{name}\" is missing: the engine says it"),
            );
        }
        let word = |name: &str| phrases.get(name).copied();
        Some(EngineWords {
            more: word("more")?,
            back: word("back")?,
            home: word("home")?,
            yes: word("yes")?,
            no: word("no")?,
            not_a_choice: word("hint.choice")?,
        })
    }

    fn finish(
        mut self,
        common: Common,
        screens: Journeys,
        digest: Digest,
        limits: Limits,
    ) -> Result<Menus, Vec<Mistake>> {
        if self.vocabulary.conditions.len() > 128 {
            self.wrong(START, "the vocabulary has more than 128 conditions");
        }
        let mut fixed = |name: &str, why: &str| {
            let id = self.names.screens.get(name).copied();
            if id.is_none() {
                self.wrong(START, format!("there is no screen \"{name}\": {why}"));
            }
            id
        };
        let home = fixed("home", "a plain dial shows it");
        let gave_up = fixed(
            "gave_up",
            "it is shown after too many inputs that were not understood",
        );
        if let (true, Some(words), Some(home), Some(gave_up)) =
            (self.findings.is_empty(), common.words, home, gave_up)
        {
            let resume = self.names.screens.get("resume").copied();
            return Ok(Menus {
                digest,
                vocabulary: self.vocabulary,
                limits,
                misses: common.misses,
                languages: self.languages,
                journeys: screens.journeys,
                screens: screens.screens,
                texts: self.texts,
                variables: self.names.variables,
                variable_names: self.names.variable_ids,
                phrases: common.phrases,
                words,
                home,
                resume,
                gave_up,
                decided: decided(self.vocabulary),
            });
        }
        Err(self.findings.into_mistakes())
    }

    fn wrong(&mut self, place: Place, sentence: impl Into<String>) {
        self.findings.wrong(place, sentence);
    }

    /// Refuses attributes and children outside these, and text between the children.
    fn expect(&mut self, element: &Element, attributes: &[&str], children: &[&str]) {
        self.expect_attributes(element, attributes);
        for child in element
            .children
            .iter()
            .filter(|child| !children.contains(&child.name.as_str()))
        {
            self.unknown_element(child, children);
        }
        if !element.text.trim().is_empty() {
            self.wrong(
                element.place,
                format!(
                    "<{}> has text of its own; texts stand in <en>, <sw> and the like",
                    element.name
                ),
            );
        }
    }

    fn expect_attributes(&mut self, element: &Element, known: &[&str]) {
        for attribute in element
            .attributes
            .iter()
            .filter(|attribute| !known.contains(&attribute.name.as_str()))
        {
            let hint = did_you_mean(&attribute.name, known.iter().copied());
            self.wrong(
                attribute.place,
                format!(
                    "<{}> has no attribute \"{}\"{hint}",
                    element.name, attribute.name
                ),
            );
        }
    }

    fn unknown_element(&mut self, element: &Element, known: &[&str]) {
        let hint = did_you_mean(&element.name, known.iter().copied());
        self.wrong(
            element.place,
            format!("<{}> is not known here{hint}", element.name),
        );
    }

    fn required<'e>(&mut self, element: &'e Element, name: &str) -> Option<&'e Attribute> {
        let found = element.attribute(name);
        if found.is_none() {
            self.wrong(
                element.place,
                format!("<{}> needs the attribute \"{name}\"", element.name),
            );
        }
        found
    }

    /// A whole number, or what stands for it where it is absent or wrong.
    fn number(
        &mut self,
        element: &Element,
        name: &str,
        absent: u64,
        allowed: std::ops::RangeInclusive<u64>,
    ) -> u64 {
        let Some(attribute) = element.attribute(name) else {
            return absent;
        };
        match attribute.value.parse() {
            Ok(number) if allowed.contains(&number) => number,
            _ => {
                let (low, high) = allowed.into_inner();
                self.wrong(
                    attribute.place,
                    format!(
                        "\"{}\" is not a whole number from {low} to {high}",
                        attribute.value
                    ),
                );
                absent
            }
        }
    }
}

/// Where a mistake stands that is about the documents as a whole.
const START: Place = Place {
    file: 0,
    line: 1,
    column: 1,
};

/// The screens of all journeys.
struct Journeys {
    journeys: Vec<String>,
    screens: Vec<Screen>,
}

fn decided(vocabulary: &Vocabulary) -> u128 {
    let by_facts = vocabulary.facts.iter().flat_map(|fact| fact.decides);
    let by_outcomes = vocabulary
        .intents
        .iter()
        .flat_map(|intent| intent.outcomes)
        .flat_map(|outcome| outcome.decides);
    by_facts
        .chain(by_outcomes)
        .filter_map(|name| vocabulary.condition(name))
        .fold(0, |decided, index| decided | 1 << index)
}
