//! Screens and their parts, element by element.

use super::super::screens::{Choice, Form, Pick, Say, Screen, TextId, Typed, When};
use super::super::typed::{TYPES, Type, WORDS_MAX};
use super::super::vocabulary::Variable;
use super::texts::Reach;
use super::{Compiler, Journeys};
use crate::documents::{Attribute, Document, Element};

const SCREENS: [&str; 6] = ["choose", "ask", "confirm", "list", "do", "end"];
const TYPED: [&str; 8] = [
    "name",
    "type",
    "min",
    "max",
    "min_years",
    "max_years",
    "goto",
    "intent",
];

impl<'d> Compiler<'d> {
    pub(super) fn journeys(&mut self, documents: &'d [Document]) -> Journeys {
        let mut made = Journeys {
            journeys: Vec::new(),
            screens: Vec::new(),
        };
        for document in documents {
            let root = &document.root;
            match root.name.as_str() {
                "journey" => {
                    self.expect(root, &["name"], &SCREENS);
                    let name = self
                        .required(root, "name")
                        .map(|name| name.value.clone())
                        .unwrap_or_default();
                    let journey = u16::try_from(made.journeys.len()).unwrap_or(u16::MAX);
                    made.journeys.push(name);
                    for element in &root.children {
                        let screen = self.screen(element, journey);
                        made.screens.push(screen);
                    }
                }
                "common" => {}
                _ => self.unknown_element(root, &["journey", "common"]),
            }
        }
        self.nothing_hidden_is_shown();
        made
    }

    fn screen(&mut self, element: &Element, journey: u16) -> Screen {
        let name = self.screen_name(element);
        let facts = self.facts(element);
        let says = if element.name == "do" {
            Vec::new()
        } else {
            self.says(element)
        };
        let form = match element.name.as_str() {
            "choose" => self.choose(element),
            "ask" => {
                let attributes: Vec<&str> =
                    TYPED.into_iter().chain(["id", "facts", "zero"]).collect();
                self.expect(element, &attributes, &["say", "hint", "on"]);
                Form::Ask(self.typed(element))
            }
            "confirm" => self.confirm(element),
            "list" => self.list(element, facts),
            "do" => {
                self.expect(element, &["id", "intent"], &["on"]);
                self.required(element, "intent");
                self.deed(element, false).map_or(Form::End(None), Form::Do)
            }
            // An unknown element was told already; it stands as an end.
            _ => {
                if element.name == "end" {
                    self.expect(element, &["id", "intent", "facts"], &["say"]);
                }
                Form::End(self.last_deed(element))
            }
        };
        Screen {
            name,
            journey,
            place: element.place,
            says,
            facts,
            form,
        }
    }

    fn screen_name(&mut self, element: &Element) -> String {
        let Some(id) = self.required(element, "id") else {
            return String::new();
        };
        let name = id.value.as_str();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty()
            || !name
                .split('.')
                .all(|word| !word.is_empty() && word.chars().all(plain))
        {
            self.wrong(
                id.place,
                format!(
                    "\"{name}\" is no screen id: lower-case words, joined by dots or underscores"
                ),
            );
        }
        if self.names.screen_places.get(name) != Some(&element.place) {
            self.wrong(id.place, format!("a screen \"{name}\" exists already"));
        }
        name.to_owned()
    }

    fn facts(&mut self, element: &Element) -> Option<u16> {
        let attribute = element.attribute("facts")?;
        let known = self.vocabulary.facts;
        match known.iter().position(|fact| fact.name == attribute.value) {
            Some(index) => u16::try_from(index).ok(),
            None => {
                self.no_such("fact", attribute, known.iter().map(|fact| fact.name));
                None
            }
        }
    }

    fn says(&mut self, element: &Element) -> Vec<Say> {
        let mut says = Vec::new();
        for say in element.children_named("say") {
            self.expect_attributes(say, &["when"]);
            says.push(Say {
                when: self.when(say),
                text: self.text(say, &[], Reach::default()),
            });
        }
        match says.last() {
            None => self.wrong(element.place, format!("<{}> needs a <say>", element.name)),
            Some(last) if last.when != When::default() => {
                self.wrong(
                    element.place,
                    format!("the last <say> of <{}> must have no \"when\"", element.name),
                );
            }
            Some(_) => {}
        }
        says
    }

    fn choose(&mut self, element: &Element) -> Form {
        self.expect(element, &["id", "facts"], &["say", "option", "typed"]);
        let options: Vec<Choice> = element
            .children_named("option")
            .map(|option| self.option(option))
            .collect();
        let mut taken: u128 = 1 << 98;
        for option in &options {
            let numeric = option
                .alias
                .as_deref()
                .and_then(super::super::keys::read_key);
            for key in option.key.into_iter().chain(numeric) {
                taken |= 1 << key;
            }
        }
        self.distinct_keys(element, &options);
        let mut typed = None;
        for child in element.children_named("typed") {
            self.expect(child, &TYPED, &["hint", "on"]);
            if typed.is_some() {
                self.wrong(
                    child.place,
                    "a second <typed>: an input can mean one thing only",
                );
            }
            typed = Some(self.typed(child));
        }
        if options.is_empty() && typed.is_none() {
            self.wrong(element.place, "dead end: this <choose> offers nothing");
        }
        Form::Choose {
            options,
            typed,
            taken,
        }
    }

    fn distinct_keys(&mut self, element: &Element, options: &[Choice]) {
        let mut seen: Vec<(String, &Choice)> = Vec::new();
        for (option, child) in options.iter().zip(element.children_named("option")) {
            let key = child.attribute("key").filter(|_| option.key.is_some());
            for attribute in key.into_iter().chain(child.attribute("alias")) {
                let written = attribute.value.to_ascii_lowercase();
                // Options that never show together may share a key.
                if let Some((_, other)) = seen
                    .iter()
                    .find(|(known, other)| *known == written && !other.when.excludes(option.when))
                {
                    self.wrong(
                        attribute.place,
                        format!(
                            "the key \"{written}\" belongs to the option \"{}\" already",
                            other.name
                        ),
                    );
                }
                seen.push((written, option));
            }
        }
        let mut names: Vec<&str> = Vec::new();
        for (option, child) in options.iter().zip(element.children_named("option")) {
            if !option.name.is_empty() && names.contains(&option.name.as_str()) {
                self.wrong(child.place, format!("a second option \"{}\"", option.name));
            }
            names.push(&option.name);
        }
    }

    fn option(&mut self, element: &Element) -> Choice {
        self.expect_attributes(
            element,
            &["name", "key", "alias", "shown", "when", "goto", "intent"],
        );
        let name = self
            .required(element, "name")
            .map(|name| name.value.clone())
            .unwrap_or_default();
        let key = element.attribute("key").and_then(|key| self.key(key));
        let alias = element.attribute("alias").and_then(|alias| {
            self.not_reserved(alias)?;
            Some(alias.value.clone())
        });
        let shown = element.attribute("shown").is_none_or(|shown| {
            if shown.value != "no" || key.is_none() {
                self.wrong(
                    shown.place,
                    "an option is shown unless it says shown=\"no\", and then it needs a key",
                );
            }
            false
        });
        let when = self.when(element);
        let label = self.text(element, &["set", "on"], Reach::default());
        let mut sets = Vec::new();
        for set in element.children_named("set") {
            self.expect(set, &["name", "value"], &[]);
            if let (Some(name), Some(value)) =
                (self.required(set, "name"), self.required(set, "value"))
            {
                let template = self.segments(&value.value, value.place, Reach::default());
                if let Some(id) = self.names.variable_ids.get(&name.value).copied() {
                    self.names.set(id, &template);
                    sets.push((id, template));
                }
            }
        }
        Choice {
            name,
            place: element.place,
            key,
            alias,
            shown,
            when,
            label,
            sets,
            then: self.then(element, false),
        }
    }

    fn key(&mut self, attribute: &Attribute) -> Option<u8> {
        self.not_reserved(attribute)?;
        let key = super::super::keys::read_key(&attribute.value);
        if key.is_none() {
            self.wrong(
                attribute.place,
                format!("\"{}\" is no key: a number from 1 to 97", attribute.value),
            );
        }
        key
    }

    fn not_reserved(&mut self, attribute: &Attribute) -> Option<()> {
        if matches!(attribute.value.as_str(), "0" | "00" | "98") {
            self.wrong(
                attribute.place,
                format!(
                    "the key \"{}\" is the engine's own: 0 back, 00 home, 98 more",
                    attribute.value
                ),
            );
            return None;
        }
        Some(())
    }

    fn typed(&mut self, element: &Element) -> Typed {
        let kind = self.kind(element);
        let hint = self.hint(element, kind.name(), kind.limits().as_ref());
        let name = if kind.is_secret() {
            None
        } else {
            self.required(element, "name")
        };
        let name = name.and_then(|name| self.names.variable_ids.get(&name.value).copied());
        if let Some(id) = name {
            self.names.learn(id, kind.kind());
        }
        if kind.is_secret() && element.attribute("intent").is_none() {
            self.wrong(
                element.place,
                "a PIN is never kept: it needs an \"intent\" to be handed to",
            );
        }
        Typed {
            name,
            hint,
            then: self.then(element, kind.is_secret()),
            kind,
        }
    }

    fn kind(&mut self, element: &Element) -> Type {
        let named = self.required(element, "type");
        let name = named.map_or("words", |attribute| attribute.value.as_str());
        let limits: &[&str] = match name {
            "money" | "words" => &["min", "max"],
            "digits" => &["min", "max", "zero"],
            "date" => &["min_years", "max_years"],
            _ => &[],
        };
        for attribute in &element.attributes {
            let is_limit =
                ["min", "max", "min_years", "max_years", "zero"].contains(&attribute.name.as_str());
            if is_limit && !limits.contains(&attribute.name.as_str()) {
                self.wrong(
                    attribute.place,
                    format!("the type \"{name}\" has no limit \"{}\"", attribute.name),
                );
            }
        }
        let kind = match name {
            "money" => Type::Money {
                min: self.number(element, "min", 1, 1..=1_000_000_000),
                max: self.number(element, "max", 999_999, 1..=1_000_000_000),
            },
            "phone" => Type::Phone,
            "national_id" => Type::NationalId,
            "date" => Type::Date {
                min_years: self.number(element, "min_years", 0, 0..=150) as i32,
                max_years: self.number(element, "max_years", 150, 0..=150) as i32,
            },
            "words" => Type::Words {
                min: self.number(element, "min", 1, 1..=WORDS_MAX as u64) as usize,
                max: self.number(element, "max", WORDS_MAX as u64 / 2, 1..=WORDS_MAX as u64)
                    as usize,
            },
            "digits" => Type::Digits {
                min: self.number(element, "min", 1, 1..=40) as usize,
                max: self.number(element, "max", 20, 1..=40) as usize,
                zero: self.takes_zero(element),
            },
            "pin" => Type::Pin,
            _ => {
                if let Some(attribute) = named {
                    self.no_such("type", attribute, TYPES);
                }
                Type::Words {
                    min: 1,
                    max: WORDS_MAX,
                }
            }
        };
        let upside_down = match kind {
            Type::Money { min, max } => min > max,
            Type::Date {
                min_years,
                max_years,
            } => min_years > max_years,
            Type::Words { min, max } | Type::Digits { min, max, .. } => min > max,
            Type::Phone | Type::NationalId | Type::Pin => false,
        };
        if upside_down {
            self.wrong(
                element.place,
                "the least allowed is more than the most allowed",
            );
        }
        kind
    }

    fn takes_zero(&mut self, element: &Element) -> bool {
        let Some(attribute) = element.attribute("zero") else {
            return false;
        };
        if attribute.value != "answer" {
            self.wrong(attribute.place, "all that \"zero\" can be is \"answer\"");
        }
        true
    }

    fn confirm(&mut self, element: &Element) -> Form {
        self.expect(
            element,
            &["id", "intent", "secret", "facts"],
            &["say", "hint", "on"],
        );
        let secret = match element.attribute("secret") {
            None => false,
            Some(attribute) => {
                if attribute.value != "pin" {
                    self.wrong(attribute.place, "the only secret is \"pin\"");
                }
                true
            }
        };
        let hint = self.hint(element, if secret { "pin" } else { "choice" }, None);
        self.required(element, "intent");
        match self.deed(element, secret) {
            Some(deed) => Form::Confirm { secret, hint, deed },
            None => Form::End(None),
        }
    }

    fn list(&mut self, element: &Element, facts: Option<u16>) -> Form {
        self.expect(
            element,
            &["id", "facts", "name", "goto"],
            &["say", "item", "empty"],
        );
        let columns = self.columns(element, facts);
        let one = |compiler: &mut Self, name: &'static str| {
            let mut children = element.children_named(name);
            let child = children.next();
            if child.is_none() {
                compiler.wrong(element.place, format!("<list> needs <{name}>"));
            }
            if let Some(second) = children.next() {
                compiler.wrong(second.place, format!("a second <{name}>"));
            }
            child
        };
        let item = match one(self, "item") {
            Some(item) => {
                self.expect_attributes(item, &[]);
                self.text(
                    item,
                    &[],
                    Reach {
                        columns,
                        ..Reach::default()
                    },
                )
            }
            None => TextId(0),
        };
        let (empty, empty_goto) = match one(self, "empty") {
            Some(empty) => {
                self.expect_attributes(empty, &["goto"]);
                (
                    self.text(empty, &[], Reach::default()),
                    empty.attribute("goto").and_then(|goto| self.goto(goto)),
                )
            }
            None => (TextId(0), None),
        };
        let pick = match (element.attribute("name"), element.attribute("goto")) {
            (Some(name), Some(goto)) => {
                let id = self.names.variable_ids.get(&name.value).copied();
                self.goto(goto)
                    .zip(id)
                    .map(|(goto, name)| Pick { name, goto })
            }
            (None, None) => None,
            (Some(alone), None) | (None, Some(alone)) => {
                self.wrong(alone.place, "\"name\" and \"goto\" of a <list> go together: a row is picked and leads somewhere");
                None
            }
        };
        Form::List {
            item,
            empty,
            empty_goto,
            pick,
        }
    }

    fn columns(&mut self, element: &Element, facts: Option<u16>) -> &'static [Variable] {
        let Some(attribute) = self.required(element, "facts") else {
            return &[];
        };
        let Some(fact) = facts.and_then(|index| self.vocabulary.facts.get(usize::from(index)))
        else {
            return &[];
        };
        match fact.rows {
            Some(columns) => columns,
            None => {
                self.wrong(
                    attribute.place,
                    format!("the fact \"{}\" has no rows to list", fact.name),
                );
                &[]
            }
        }
    }
}
