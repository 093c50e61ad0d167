//! Texts: one version per language, cut into words and variables.

use super::super::screens::{Segment, Shape, Text, TextId, Version};
use super::super::vocabulary::Variable;
use super::Compiler;
use crate::documents::{Element, Place, did_you_mean};
use crate::primitives::Language;
use crate::primitives::gsm7;

/// What a text may name beside the variables of the session.
#[derive(Clone, Copy, Default)]
pub(super) struct Reach<'a> {
    /// The columns of the row it describes.
    pub columns: &'static [Variable],
    /// `{min}` and `{max}` of the type it hints at.
    pub limits: Option<&'a (String, String)>,
}

impl<'d> Compiler<'d> {
    /// The text of an element, beside other children it may have.
    pub(super) fn text(&mut self, element: &Element, beside: &[&str], reach: Reach<'_>) -> TextId {
        let mut versions: Vec<Option<Version>> = vec![None; self.languages.len()];
        for child in element
            .children
            .iter()
            .filter(|child| !beside.contains(&child.name.as_str()))
        {
            self.expect_attributes(child, &[]);
            for grandchild in &child.children {
                self.unknown_element(grandchild, &[]);
            }
            let slots: Vec<usize> = match self.language_named(&child.name) {
                Some(Spoken::One(index)) => vec![index],
                Some(Spoken::All) => (0..versions.len()).collect(),
                None => {
                    self.not_a_language(child, beside);
                    continue;
                }
            };
            let version = self.version(child, reach);
            for slot in slots {
                if versions[slot].is_some() {
                    self.wrong(
                        child.place,
                        format!("<{}> says this a second time", child.name),
                    );
                }
                versions[slot] = Some(version.clone());
            }
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
        for (index, _) in versions
            .iter()
            .enumerate()
            .filter(|(_, version)| version.is_none())
            .collect::<Vec<_>>()
        {
            let language = self.languages[index].0;
            self.wrong(
                element.place,
                format!("<{}> has no text in <{language}>", element.name),
            );
        }
        let missing = Version {
            segments: Vec::new(),
            plain: String::new(),
            place: element.place,
        };
        let versions = versions
            .into_iter()
            .map(|version| version.unwrap_or_else(|| missing.clone()))
            .collect();
        self.add(Text { versions })
    }

    pub(super) fn phrase_text(&mut self, name: &str, element: &Element) -> TextId {
        // A hint for a type may say its limits; where it is used they are filled in, see `hint`.
        let limits = ("{min}".to_owned(), "{max}".to_owned());
        let limits = name.starts_with("hint.").then_some(&limits);
        self.text(
            element,
            &[],
            Reach {
                limits,
                ..Reach::default()
            },
        )
    }

    /// The line above a question not understood: the element's own `hint`, or the phrase `hint.<what>`, with the type's limits.
    pub(super) fn hint(
        &mut self,
        element: &Element,
        what: &str,
        limits: Option<&(String, String)>,
    ) -> TextId {
        let reach = Reach {
            limits,
            ..Reach::default()
        };
        let phrase = format!("hint.{what}");
        let own = element.child("hint");
        match own.or_else(|| self.phrase_elements.get(phrase.as_str()).copied()) {
            Some(hint) => {
                self.expect_attributes(hint, if own.is_some() { &[] } else { &["name"] });
                self.text(hint, &[], reach)
            }
            // Told as a missing phrase already.
            None => self.add(Text {
                versions: Vec::new(),
            }),
        }
    }

    fn add(&mut self, text: Text) -> TextId {
        let id = TextId(u16::try_from(self.texts.len()).unwrap_or(u16::MAX));
        self.texts.push(text);
        id
    }

    fn language_named(&self, name: &str) -> Option<Spoken> {
        if name == "all" {
            return Some(Spoken::All);
        }
        let language = Language::parse(name).ok()?;
        self.languages
            .iter()
            .position(|(known, _)| *known == language)
            .map(Spoken::One)
    }

    fn not_a_language(&mut self, child: &Element, beside: &[&str]) {
        let codes: Vec<String> = self
            .languages
            .iter()
            .map(|(language, _)| language.to_string())
            .collect();
        if Language::parse(&child.name).is_ok() {
            let known = codes.join(", ");
            self.wrong(
                child.place,
                format!(
                    "the language \"{}\" is not declared in <common>; declared are {known}",
                    child.name
                ),
            );
        } else {
            let known: Vec<&str> = beside
                .iter()
                .copied()
                .chain(["all"])
                .chain(codes.iter().map(String::as_str))
                .collect();
            self.unknown_element(child, &known);
        }
    }

    fn version(&mut self, element: &Element, reach: Reach<'_>) -> Version {
        let lines = element
            .text
            .split('|')
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        let plain = lines.collect::<Vec<_>>().join("\n");
        if plain.is_empty() {
            self.wrong(element.place, format!("<{}> is empty", element.name));
        }
        let segments = self.segments(&plain, element.place, reach);
        for segment in &segments {
            if let Segment::Words(words) = segment
                && let Some(stranger) = gsm7::stranger_in(words)
            {
                let plainly = gsm7::fold(&stranger.to_string());
                let sentence = format!(
                    "\"{stranger}\" is not in the seven-bit alphabet of phones, write \"{plainly}\""
                );
                self.wrong(element.place, sentence);
            }
        }
        Version {
            segments,
            plain,
            place: element.place,
        }
    }

    /// Words and `{variables}`.
    pub(super) fn segments(&mut self, text: &str, place: Place, reach: Reach<'_>) -> Vec<Segment> {
        let mut segments = Vec::new();
        let mut words = String::new();
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            words.push_str(&rest[..open]);
            let after = &rest[open + 1..];
            let Some(close) = after
                .find(['{', '}'])
                .filter(|close| rest.as_bytes()[open] == b'{' && after.as_bytes()[*close] == b'}')
            else {
                self.wrong(place, "a brace stands alone; a variable is written {name}");
                return segments;
            };
            let name = &after[..close];
            match (name, reach.limits) {
                ("min", Some((min, _))) => words.push_str(min),
                ("max", Some((_, max))) => words.push_str(max),
                _ => {
                    if !words.is_empty() {
                        segments.push(Segment::Words(std::mem::take(&mut words)));
                    }
                    segments.extend(self.variable(name, place, reach.columns));
                }
            }
            rest = &after[close + 1..];
        }
        words.push_str(rest);
        if !words.is_empty() {
            segments.push(Segment::Words(words));
        }
        segments
    }

    fn variable(
        &mut self,
        name: &str,
        place: Place,
        columns: &'static [Variable],
    ) -> Option<Segment> {
        if let Some(index) = columns.iter().position(|column| column.name == name) {
            let shape = Shape::from(columns[index].kind);
            return Some(Segment::Column(u8::try_from(index).ok()?, shape));
        }
        if let Some(id) = self.names.variable_ids.get(name).copied() {
            return Some(Segment::Value(id));
        }
        let known = self
            .names
            .variable_ids
            .keys()
            .map(String::as_str)
            .chain(columns.iter().map(|column| column.name));
        let hint = did_you_mean(name, known);
        self.wrong(place, format!("there is no variable \"{name}\"{hint}"));
        None
    }

    /// Refuses texts that would show what is kept for intents only.
    pub(super) fn nothing_hidden_is_shown(&mut self) {
        let mut shown = Vec::new();
        for version in self.texts.iter().flat_map(|text| &text.versions) {
            for segment in &version.segments {
                if let Segment::Value(id) = segment
                    && self.names.is_hidden(*id)
                {
                    shown.push((
                        version.place,
                        self.names.variables[usize::from(id.0)].name.clone(),
                    ));
                }
            }
        }
        for (place, name) in shown {
            self.wrong(
                place,
                format!("the variable \"{name}\" is kept for intents and never shown"),
            );
        }
    }
}

enum Spoken {
    One(usize),
    All,
}
