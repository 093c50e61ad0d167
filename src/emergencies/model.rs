//! What an emergency is.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmergencyId(pub Uuid);

/// `E-2026-00042`; people say and text the short form, `42`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CaseNumber {
    pub year: i32,
    pub serial: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmergencyKind {
    Accident,
    Medical,
    Death,
    Theft,
    Mechanical,
    Other,
}

impl EmergencyKind {
    pub const ALL: [EmergencyKind; 6] = [
        EmergencyKind::Accident,
        EmergencyKind::Medical,
        EmergencyKind::Death,
        EmergencyKind::Theft,
        EmergencyKind::Mechanical,
        EmergencyKind::Other,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            EmergencyKind::Accident => "accident",
            EmergencyKind::Medical => "medical",
            EmergencyKind::Death => "death",
            EmergencyKind::Theft => "theft",
            EmergencyKind::Mechanical => "mechanical",
            EmergencyKind::Other => "other",
        }
    }

    pub fn parse(name: &str) -> Option<EmergencyKind> {
        EmergencyKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }

    /// The phrase that says it in a message.
    pub(super) fn phrase(self) -> &'static str {
        match self {
            EmergencyKind::Accident => "emergency.accident",
            EmergencyKind::Medical => "emergency.medical",
            EmergencyKind::Death => "emergency.death",
            EmergencyKind::Theft => "emergency.theft",
            EmergencyKind::Mechanical => "emergency.mechanical",
            EmergencyKind::Other => "emergency.other",
        }
    }
}

impl fmt::Display for CaseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E-{}-{:05}", self.year, self.serial)
    }
}
