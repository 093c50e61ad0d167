//! The compiled documents: a typed graph of screens, immutable, everything named by a small number.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::typed::Type;
use super::vocabulary::{IntentSpec, Kind, Vocabulary};
use super::{check, compile};
use crate::documents::{self, Findings, Mistake, Place};
use crate::primitives::Language;

/// The version of a set of menus: the first eight bytes of a SHA-256 over documents, vocabulary and limits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest([u8; 8]);

impl Digest {
    pub fn bytes(self) -> [u8; 8] {
        self.0
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// What the networks allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Septets of one screen, the four of `CON ` included.
    pub screen_septets: usize,
    /// Seconds of a whole session.
    pub session_seconds: u32,
}

impl Default for Limits {
    /// Safaricom's: 160 characters and 180 seconds.
    fn default() -> Limits {
        Limits {
            screen_septets: 160,
            session_seconds: 180,
        }
    }
}

/// `CON ` and `END `.
const PREFIX_SEPTETS: usize = 4;

impl Limits {
    /// Septets left for the text of a page.
    pub(super) fn room(&self) -> usize {
        self.screen_septets.saturating_sub(PREFIX_SEPTETS)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct ScreenId(pub u16);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct TextId(pub u16);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct VariableId(pub u16);

/// A checked set of menus. Read once, shared behind an `Arc`, never changed.
#[derive(Debug)]
pub struct Menus {
    pub(super) digest: Digest,
    pub(super) vocabulary: &'static Vocabulary,
    pub(super) limits: Limits,
    /// Consecutive misunderstood inputs after which we give up.
    pub(super) misses: u8,
    pub(super) languages: Vec<(Language, String)>,
    pub(super) journeys: Vec<String>,
    pub(super) screens: Vec<Screen>,
    pub(super) texts: Vec<Text>,
    pub(super) variables: Vec<Known>,
    pub(super) variable_names: HashMap<String, VariableId>,
    pub(super) phrases: BTreeMap<String, TextId>,
    pub(super) words: EngineWords,
    pub(super) home: ScreenId,
    pub(super) resume: Option<ScreenId>,
    pub(super) gave_up: ScreenId,
    /// Conditions that facts or outcomes decide; the others are given when a call opens.
    pub(super) decided: u128,
}

/// What the engine itself says.
#[derive(Debug)]
pub(super) struct EngineWords {
    pub more: TextId,
    pub back: TextId,
    pub home: TextId,
    pub yes: TextId,
    pub no: TextId,
    pub not_a_choice: TextId,
}

#[derive(Debug)]
pub(super) struct Screen {
    pub name: String,
    pub journey: u16,
    pub place: Place,
    pub says: Vec<Say>,
    /// Index into the vocabulary's facts.
    pub facts: Option<u16>,
    pub form: Form,
}

#[derive(Debug)]
pub(super) struct Say {
    pub when: When,
    pub text: TextId,
}

/// Conditions that must hold and conditions that must not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct When {
    pub all: u128,
    pub none: u128,
}

impl When {
    pub fn holds(&self, conditions: u128) -> bool {
        conditions & self.all == self.all && conditions & self.none == 0
    }

    /// True when both never hold together.
    pub fn excludes(&self, other: When) -> bool {
        self.all & other.none != 0 || self.none & other.all != 0
    }
}

#[derive(Debug)]
pub(super) enum Form {
    Choose {
        options: Vec<Choice>,
        typed: Option<Typed>,
        taken: u128,
    },
    Ask(Typed),
    Confirm {
        secret: bool,
        hint: TextId,
        deed: Deed,
    },
    List {
        item: TextId,
        empty: TextId,
        empty_goto: Option<Goto>,
        pick: Option<Pick>,
    },
    Do(Deed),
    End(Option<Deed>),
}

#[derive(Debug)]
pub(super) struct Choice {
    pub name: String,
    pub place: Place,
    pub key: Option<u8>,
    pub alias: Option<String>,
    /// False for a key that only those know who were told of it.
    pub shown: bool,
    pub when: When,
    pub label: TextId,
    pub sets: Vec<(VariableId, Vec<Segment>)>,
    pub then: Then,
}

#[derive(Debug)]
pub(super) struct Typed {
    /// `None` for a PIN, which is never kept.
    pub name: Option<VariableId>,
    pub kind: Type,
    /// The line above the question when the answer was not understood.
    pub hint: TextId,
    pub then: Then,
}

#[derive(Debug)]
pub(super) struct Pick {
    pub name: VariableId,
    pub goto: Goto,
}

#[derive(Debug)]
pub(super) enum Then {
    Go(Goto),
    Do(Deed),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goto {
    Screen(ScreenId),
    Back,
    Again,
    Shelved,
}

#[derive(Debug)]
pub(super) struct Deed {
    /// Index into the vocabulary's intents.
    pub intent: u16,
    pub place: Place,
    /// One for each of the intent's outcomes, in its order; empty for an `end`.
    pub routes: Vec<Route>,
}

/// Where an outcome leads. Without `goto` the same screen is shown again; a line stands above what is shown.
#[derive(Debug, Default)]
pub(super) struct Route {
    pub line: Option<TextId>,
    pub goto: Option<Goto>,
}

/// One text in every language, in the order of [`Menus::languages`].
#[derive(Debug)]
pub(super) struct Text {
    pub versions: Vec<Version>,
}

#[derive(Clone, Debug)]
pub(super) struct Version {
    pub segments: Vec<Segment>,
    pub plain: String,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// In the seven-bit alphabet.
    Words(String),
    Value(VariableId),
    /// A column of the row being shown.
    Column(u8, Shape),
}

/// A variable of these documents, and where its values come from.
#[derive(Debug)]
pub(super) struct Known {
    pub name: String,
    pub global: bool,
    pub shape: Shape,
    pub kinds: Vec<Kind>,
    /// What `set` elements put into it.
    pub templates: Vec<Vec<Segment>>,
}

/// How a kept value is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Shape {
    #[default]
    Plain,
    Money,
    Phone,
    Date,
}

impl From<Kind> for Shape {
    fn from(kind: Kind) -> Shape {
        match kind {
            Kind::Money(_) => Shape::Money,
            Kind::Phone => Shape::Phone,
            Kind::Date => Shape::Date,
            Kind::Count(_) | Kind::Words(_) | Kind::Code(_) | Kind::Hidden => Shape::Plain,
        }
    }
}

impl Menus {
    /// Reads every `*.xml` of a folder, compiles and checks them.
    ///
    /// # Errors
    /// Every mistake found, in the order of files and lines.
    pub fn load(
        dir: impl AsRef<Path>,
        vocabulary: &'static Vocabulary,
        limits: Limits,
    ) -> Result<Menus, Vec<Mistake>> {
        let documents = documents::read_folder(dir.as_ref())?;
        Menus::of(&documents, vocabulary, limits)
    }

    /// Compiles and checks documents given as (file name, text).
    ///
    /// # Errors
    /// As [`Menus::load`].
    pub fn of(
        documents: &[(String, String)],
        vocabulary: &'static Vocabulary,
        limits: Limits,
    ) -> Result<Menus, Vec<Mistake>> {
        let trees = documents::parse_all(documents)?;
        let menus = compile::compile(
            &trees,
            digest_of(documents, vocabulary, limits),
            vocabulary,
            limits,
        )?;
        let findings = Findings::in_files(documents.iter().map(|(file, _)| file.as_str()));
        check::prove(&menus, findings)?;
        Ok(menus)
    }

    /// The version of these menus; a session belongs to one.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The languages and what they call themselves; the first is the default.
    pub fn languages(&self) -> impl Iterator<Item = (Language, &str)> {
        self.languages
            .iter()
            .map(|(language, name)| (*language, name.as_str()))
    }

    /// A phrase as written, in the default language where the wanted one is unknown; empty where there is no such phrase.
    pub fn phrase(&self, name: &str, language: Language) -> &str {
        let text = self.phrases.get(name).map(|id| self.text(*id));
        text.and_then(|text| text.versions.get(self.language_index(language)))
            .map_or("", |version| version.plain.as_str())
    }

    /// The names of all screens, in the order of the documents.
    pub fn screens(&self) -> impl Iterator<Item = &str> {
        self.screens.iter().map(|screen| screen.name.as_str())
    }

    /// The language of a caller nobody knows yet.
    pub fn default_language(&self) -> Language {
        self.languages
            .first()
            .map_or(Language::ENGLISH, |(language, _)| *language)
    }

    pub(super) fn numbered(&self) -> impl Iterator<Item = (ScreenId, &Screen)> {
        (0..).map(ScreenId).zip(&self.screens)
    }

    pub(super) fn language_index(&self, language: Language) -> usize {
        self.languages
            .iter()
            .position(|(known, _)| *known == language)
            .unwrap_or(0)
    }

    /// A screen by its number; home for a number these menus never gave.
    pub(super) fn screen(&self, id: ScreenId) -> &Screen {
        let screen = self.screens.get(usize::from(id.0));
        screen.unwrap_or_else(|| &self.screens[usize::from(self.home.0)])
    }

    pub(super) fn text(&self, id: TextId) -> &Text {
        &self.texts[usize::from(id.0).min(self.texts.len() - 1)]
    }

    pub(super) fn segments(&self, id: TextId, language: usize) -> &[Segment] {
        self.text(id)
            .versions
            .get(language)
            .map_or(&[], |version| version.segments.as_slice())
    }

    pub(super) fn variable(&self, id: VariableId) -> Option<&Known> {
        self.variables.get(usize::from(id.0))
    }

    pub(super) fn variable_named(&self, name: &str) -> Option<VariableId> {
        self.variable_names.get(name).copied()
    }

    pub(super) fn intent(&self, deed: &Deed) -> &'static IntentSpec {
        &self.vocabulary.intents[usize::from(deed.intent)]
    }
}

impl Deed {
    /// The route of the outcome with this name.
    pub fn route(&self, intent: &IntentSpec, outcome: &str) -> Option<&Route> {
        let index = intent
            .outcomes
            .iter()
            .position(|spec| spec.name == outcome)?;
        self.routes.get(index)
    }
}

/// The vocabulary is part of the version: a session keeps numbers that both give out together.
fn digest_of(documents: &[(String, String)], vocabulary: &Vocabulary, limits: Limits) -> Digest {
    let mut hasher = Sha256::new();
    for (file, text) in documents {
        let name = file.rsplit('/').next().unwrap_or(file);
        for part in [name, text] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    hasher.update(format!("{vocabulary:?}{limits:?}"));
    let hash = hasher.finalize();
    let mut digest = [0; 8];
    digest.copy_from_slice(&hash[..8]);
    Digest(digest)
}
