//! What stands in the book. Pure.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::fault::Fault;
use crate::stages::StageId;

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    Person {
        id: Uuid,
        name: String,
    },
    /// The key of another system.
    Key {
        id: Uuid,
        name: String,
    },
    /// Somebody at the command line of the house.
    Terminal {
        name: String,
    },
}

/// Who did it and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    pub actor: Actor,
    pub address: Option<String>,
    /// The request's name in the logs.
    pub request: Option<Uuid>,
}

/// What was done to what.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// A stable word such as `member.approve`.
    pub action: &'static str,
    /// The kind of thing and its id, such as `member:0198…`.
    pub subject: String,
    pub stage: Option<StageId>,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub why: Option<String>,
}

/// A line of the book.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub id: i64,
    pub at: DateTime<Utc>,
    pub actor: Actor,
    pub address: Option<String>,
    pub request: Option<Uuid>,
    pub action: String,
    pub subject: String,
    pub stage: Option<StageId>,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub why: Option<String>,
}

/// Which lines are wanted; what is none is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub subject: Option<String>,
    pub actor: Option<Uuid>,
    pub action: Option<String>,
    /// Only lines before this one.
    pub before: Option<i64>,
}

impl Actor {
    pub fn kind(&self) -> &'static str {
        match self {
            Actor::Person { .. } => "person",
            Actor::Key { .. } => "key",
            Actor::Terminal { .. } => "terminal",
        }
    }

    pub fn id(&self) -> Option<Uuid> {
        match self {
            Actor::Person { id, .. } | Actor::Key { id, .. } => Some(*id),
            Actor::Terminal { .. } => None,
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Actor::Person { name, .. } | Actor::Key { name, .. } | Actor::Terminal { name } => name,
        }
    }
}

impl Trail {
    /// Of whoever sits at this terminal.
    pub fn terminal(name: impl Into<String>) -> Trail {
        Trail {
            actor: Actor::Terminal { name: name.into() },
            address: None,
            request: None,
        }
    }
}

impl Act {
    /// Something done to one thing of a kind.
    pub fn on(action: &'static str, kind: &str, id: impl std::fmt::Display) -> Act {
        Act {
            action,
            subject: format!("{kind}:{id}"),
            stage: None,
            before: None,
            after: None,
            why: None,
        }
    }

    pub fn at(self, stage: Option<StageId>) -> Act {
        Act { stage, ..self }
    }

    /// How the thing stood. Like [`Act::after`] it holds no PIN, no password, no national id and no whole phone number.
    pub fn before(self, before: &impl Serialize) -> Result<Act, Fault> {
        Ok(Act {
            before: Some(serde_json::to_value(before)?),
            ..self
        })
    }

    /// How the thing stands now.
    pub fn after(self, after: &impl Serialize) -> Result<Act, Fault> {
        Ok(Act {
            after: Some(serde_json::to_value(after)?),
            ..self
        })
    }

    pub fn why(self, why: impl Into<String>) -> Act {
        Act {
            why: Some(why.into()),
            ..self
        }
    }
}
