//! Every name the documents and the vocabulary give out, gathered before anything is compiled.

use std::collections::HashMap;

use super::super::screens::{Known, ScreenId, Segment, Shape, VariableId};
use super::super::vocabulary::{Kind, Vocabulary};
use crate::documents::{Document, Element, Place};

/// Screens and variables by name.
pub(super) struct Names {
    pub screens: HashMap<String, ScreenId>,
    /// Where each screen's element stands; a second one of that name stands elsewhere.
    pub screen_places: HashMap<String, Place>,
    pub variables: Vec<Known>,
    pub variable_ids: HashMap<String, VariableId>,
}

impl Names {
    pub fn collect(documents: &[Document], vocabulary: &'static Vocabulary) -> Names {
        let (screens, screen_places) = number_screens(documents);
        let mut names = Names {
            screens,
            screen_places,
            variables: Vec::new(),
            variable_ids: HashMap::new(),
        };
        for variable in vocabulary.globals {
            let id = names.variable(variable.name);
            names.learn(id, variable.kind);
            names.variables[usize::from(id.0)].global = true;
        }
        let facts = vocabulary.facts.iter().flat_map(|fact| fact.supplies);
        let outcomes = vocabulary
            .intents
            .iter()
            .flat_map(|intent| intent.outcomes)
            .flat_map(|outcome| outcome.supplies);
        for variable in facts.chain(outcomes) {
            let id = names.variable(variable.name);
            names.learn(id, variable.kind);
        }
        for document in documents {
            names.gather(&document.root);
        }
        names
    }

    /// Names that elements keep values under.
    fn gather(&mut self, element: &Element) {
        if matches!(element.name.as_str(), "ask" | "typed" | "list" | "set")
            && element
                .attribute("type")
                .is_none_or(|kind| kind.value != "pin")
            && let Some(name) = element.attribute("name")
        {
            self.variable(&name.value);
        }
        for child in &element.children {
            self.gather(child);
        }
    }

    fn variable(&mut self, name: &str) -> VariableId {
        if let Some(id) = self.variable_ids.get(name) {
            return *id;
        }
        let id = VariableId(u16::try_from(self.variables.len()).unwrap_or(u16::MAX));
        self.variables.push(Known {
            name: name.to_owned(),
            global: false,
            shape: Shape::Plain,
            kinds: Vec::new(),
            templates: Vec::new(),
        });
        self.variable_ids.insert(name.to_owned(), id);
        id
    }

    /// One more kind of value this variable can have.
    pub fn learn(&mut self, id: VariableId, kind: Kind) {
        let known = &mut self.variables[usize::from(id.0)];
        if known.shape == Shape::Plain {
            known.shape = Shape::from(kind);
        }
        if !known.kinds.contains(&kind) {
            known.kinds.push(kind);
        }
    }

    /// One more template this variable can be set from. A bare variable lends its shape.
    pub fn set(&mut self, id: VariableId, template: &[Segment]) {
        let lent = match template {
            [Segment::Value(from)] => self.variables[usize::from(from.0)].shape,
            _ => Shape::Plain,
        };
        let known = &mut self.variables[usize::from(id.0)];
        if known.shape == Shape::Plain {
            known.shape = lent;
        }
        known.templates.push(template.to_vec());
    }

    /// True when no text may show it: it is for intents, or nothing says how long it can be.
    pub fn is_hidden(&self, id: VariableId) -> bool {
        let known = &self.variables[usize::from(id.0)];
        known.kinds.contains(&Kind::Hidden) || known.kinds.is_empty() && known.templates.is_empty()
    }
}

/// Screens in the order their elements stand in the documents; the first of a name has it.
fn number_screens(documents: &[Document]) -> (HashMap<String, ScreenId>, HashMap<String, Place>) {
    let (mut ids, mut places) = (HashMap::new(), HashMap::new());
    let journeys = documents
        .iter()
        .filter(|document| document.root.name == "journey");
    for (number, element) in journeys
        .flat_map(|document| &document.root.children)
        .enumerate()
    {
        if let (Some(id), Ok(number)) = (element.attribute("id"), u16::try_from(number)) {
            ids.entry(id.value.clone()).or_insert(ScreenId(number));
            places.entry(id.value.clone()).or_insert(element.place);
        }
    }
    (ids, places)
}
