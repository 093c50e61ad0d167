//! What passes between the engine and the conversation around it.

use std::borrow::Cow;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::session::Session;
use crate::primitives::{Language, Secret};

/// What is known when somebody dials.
#[derive(Debug)]
pub struct Opening<'a> {
    pub language: Language,
    /// The day in Nairobi; ages and dates are reckoned from it.
    pub today: NaiveDate,
    /// Those of the vocabulary's conditions that hold.
    pub conditions: &'a [&'a str],
    pub globals: Vec<(Name, String)>,
    /// A session that was cut, to be offered again. Leave it out when digits were dialled behind the code: they say what is wanted.
    pub shelved: Option<Session>,
}

/// Where a session stands after a step, and what is wanted before it can be shown.
#[derive(Debug)]
#[must_use]
pub struct Moved {
    pub session: Session,
    pub wants: Wants,
    /// `None` when no input was taken: on opening, and for dialled digits, where it says that the rest is to be dropped.
    pub heard: Option<Heard>,
    /// The input was not understood.
    pub missed: bool,
}

#[derive(Debug)]
pub enum Wants {
    Nothing,
    /// Answer with [`supply`].
    Facts {
        fact: &'static str,
        needs: Vec<(&'static str, String)>,
    },
    /// Answer with [`resolve`].
    Deed(Asked),
}

/// A deed to be done.
pub struct Asked {
    pub intent: &'static str,
    /// The kept values the intent needs, in its order.
    pub answers: Vec<(&'static str, String)>,
    /// The PIN just typed.
    pub secret: Option<Secret>,
}

impl Asked {
    /// The answer with this name; empty where the documents kept none, which their check rules out.
    pub fn answer(&self, name: &str) -> &str {
        self.answers
            .iter()
            .find(|(known, _)| *known == name)
            .map_or("", |(_, value)| value.as_str())
    }
}

/// Names only: answers are people's data.
impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.answers.iter().map(|(name, _)| *name).collect();
        write!(f, "Asked({}, {names:?})", self.intent)
    }
}

/// What the journal may keep of an input: the screen it was typed on, and the input.
///
/// PINs, ids, phone numbers, dates of birth and whatever was not understood are masked character by character, but for
/// `*`: the masked input is as long as the input, so that a transcript can be cut by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub screen: String,
    pub masked: String,
}

/// A name of the vocabulary.
pub type Name = Cow<'static, str>;

/// The facts a screen wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supplied {
    pub values: Vec<(Name, String)>,
    pub rows: Vec<Row>,
    pub conditions: Vec<(Name, bool)>,
}

/// One row of a list: what is kept when it is picked, and its columns by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub value: String,
    pub columns: Vec<(Name, String)>,
}

impl Supplied {
    /// A variable of the fact.
    pub fn value(mut self, name: &'static str, value: impl ToString) -> Supplied {
        self.values.push((name.into(), value.to_string()));
        self
    }

    /// Whether a condition that the fact decides holds.
    pub fn condition(mut self, name: &'static str, holds: bool) -> Supplied {
        self.conditions.push((name.into(), holds));
        self
    }

    /// A row of a list: what picking it keeps, and its columns.
    pub fn row(
        mut self,
        value: impl ToString,
        columns: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Supplied {
        let columns = columns
            .into_iter()
            .map(|(name, column)| (name.into(), column))
            .collect();
        self.rows.push(Row {
            value: value.to_string(),
            columns,
        });
        self
    }
}

/// How a deed ended. It can be stored and given again, so that the same turn has the same end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub name: Name,
    /// Shown by texts or handed to later intents.
    pub values: Vec<(Name, String)>,
    pub conditions: Vec<(Name, bool)>,
    /// The language from here on, where the deed changed it.
    pub language: Option<Language>,
}

impl Outcome {
    /// An outcome of the intent, by its name in the vocabulary.
    pub fn new(name: &'static str) -> Outcome {
        Outcome {
            name: name.into(),
            values: Vec::new(),
            conditions: Vec::new(),
            language: None,
        }
    }

    /// A variable the outcome supplies.
    pub fn value(mut self, name: &'static str, value: impl ToString) -> Outcome {
        self.values.push((name.into(), value.to_string()));
        self
    }

    /// Whether a condition that the outcome decides holds.
    pub fn condition(mut self, name: &'static str, holds: bool) -> Outcome {
        self.conditions.push((name.into(), holds));
        self
    }

    /// The deed changed the language of the conversation.
    pub fn language(mut self, language: Language) -> Outcome {
        self.language = Some(language);
        self
    }
}
