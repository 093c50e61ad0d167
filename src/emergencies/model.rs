//! What an emergency is, how it stands, and how urgent it is. Pure.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::primitives::{Language, Msisdn};
use crate::stages::StageId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmergencyId(pub Uuid);

impl EmergencyId {
    /// Of a report that has just been made. Whoever passes a report on keeps its id, so that it becomes one case.
    pub fn fresh() -> EmergencyId {
        EmergencyId(Uuid::now_v7())
    }
}

/// `E-2026-00042`; people say and text the short form, `42`. It has two digits at least: one digit is an answer.
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

/// How a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// The alarm is out and nobody has said that they come.
    Reported,
    /// Somebody comes.
    Acknowledged,
    /// Somebody is there.
    Responding,
    /// Who was there says that it is done.
    Resolved,
    Closed,
    /// Withdrawn by the reporter, or a false alarm.
    Cancelled,
    /// Tells of the same event as another case, and waits with it.
    Joined,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    Low,
    Medium,
    High,
    Critical,
}

/// How far an alarm has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    Stage,
    Zone,
    Region,
    DutyDesk,
    /// Riders of the stage who offered to help.
    Nearby,
}

/// A case, whole, as it stands in its row.
#[derive(Clone, Debug)]
pub struct Case {
    pub id: EmergencyId,
    pub number: CaseNumber,
    pub msisdn: Msisdn,
    pub member: Option<Uuid>,
    pub stage: Option<StageId>,
    pub kind: Option<EmergencyKind>,
    pub place: Option<String>,
    pub priority: Priority,
    pub injured: Option<i32>,
    pub silent: bool,
    /// People wanted on the spot.
    pub needed: i32,
    pub state: CaseState,
    pub raised_at: DateTime<Utc>,
    pub acknowledged_at: Option<DateTime<Utc>>,
    pub responding_at: Option<DateTime<Utc>>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub joined_to: Option<EmergencyId>,
    /// When somebody was last alerted to it.
    pub alerted_at: DateTime<Utc>,
}

/// A phone that was alerted to a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alerted {
    pub msisdn: Msisdn,
    pub language: Language,
    /// The first name; none for a phone of the duty desk.
    pub name: Option<String>,
    pub member: Option<Uuid>,
    pub rung: Rung,
    pub at: DateTime<Utc>,
    /// How often.
    pub times: i32,
    pub declined: bool,
}

/// Somebody who is on a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responder {
    pub msisdn: Msisdn,
    pub member: Option<Uuid>,
    pub first_name: String,
    pub language: Language,
    pub accepted_at: DateTime<Utc>,
    /// Minutes to the place, as they said.
    pub minutes: Option<i32>,
    pub arrived_at: Option<DateTime<Utc>>,
    pub left_at: Option<DateTime<Utc>>,
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
    pub fn phrase(self) -> &'static str {
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

impl CaseState {
    pub const ALL: [CaseState; 7] = [
        CaseState::Reported,
        CaseState::Acknowledged,
        CaseState::Responding,
        CaseState::Resolved,
        CaseState::Closed,
        CaseState::Cancelled,
        CaseState::Joined,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            CaseState::Reported => "reported",
            CaseState::Acknowledged => "acknowledged",
            CaseState::Responding => "responding",
            CaseState::Resolved => "resolved",
            CaseState::Closed => "closed",
            CaseState::Cancelled => "cancelled",
            CaseState::Joined => "joined",
        }
    }

    pub fn parse(name: &str) -> Option<CaseState> {
        CaseState::ALL
            .into_iter()
            .find(|state| state.as_str() == name)
    }

    /// Somebody still waits for help.
    pub fn is_open(self) -> bool {
        matches!(
            self,
            CaseState::Reported | CaseState::Acknowledged | CaseState::Responding
        )
    }
}

impl Priority {
    pub const ALL: [Priority; 4] = [
        Priority::Low,
        Priority::Medium,
        Priority::High,
        Priority::Critical,
    ];

    /// How urgent a case is: by what happened, how many are hurt, and how many people reported it. What is not
    /// known yet is taken to be serious.
    pub fn of(kind: Option<EmergencyKind>, injured: Option<i32>, reports: i64) -> Priority {
        let by_kind = match kind {
            Some(EmergencyKind::Accident | EmergencyKind::Medical) => Priority::Critical,
            None | Some(EmergencyKind::Theft | EmergencyKind::Other) => Priority::High,
            Some(EmergencyKind::Death) => Priority::Medium,
            Some(EmergencyKind::Mechanical) => Priority::Low,
        };
        let by_people = match (injured.unwrap_or(0), reports) {
            (1.., _) => Priority::Critical,
            (_, 3..) => Priority::Critical,
            (_, 2) => Priority::High,
            _ => Priority::Low,
        };
        by_kind.max(by_people)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Priority::Low => "low",
            Priority::Medium => "medium",
            Priority::High => "high",
            Priority::Critical => "critical",
        }
    }

    pub fn parse(name: &str) -> Option<Priority> {
        Priority::ALL
            .into_iter()
            .find(|priority| priority.as_str() == name)
    }
}

impl Rung {
    pub const ALL: [Rung; 5] = [
        Rung::Stage,
        Rung::Zone,
        Rung::Region,
        Rung::DutyDesk,
        Rung::Nearby,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Rung::Stage => "stage",
            Rung::Zone => "zone",
            Rung::Region => "region",
            Rung::DutyDesk => "duty_desk",
            Rung::Nearby => "nearby",
        }
    }

    pub fn parse(name: &str) -> Option<Rung> {
        Rung::ALL.into_iter().find(|rung| rung.as_str() == name)
    }
}

impl fmt::Display for CaseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E-{}-{:05}", self.year, self.serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urgency_goes_by_the_worst_that_is_known() {
        for (kind, injured, reports, wanted) in [
            (None, None, 1, Priority::High),
            (Some(EmergencyKind::Accident), None, 1, Priority::Critical),
            (Some(EmergencyKind::Medical), Some(0), 1, Priority::Critical),
            (Some(EmergencyKind::Theft), None, 1, Priority::High),
            (Some(EmergencyKind::Theft), Some(1), 1, Priority::Critical),
            (Some(EmergencyKind::Death), None, 1, Priority::Medium),
            (Some(EmergencyKind::Death), None, 2, Priority::High),
            (Some(EmergencyKind::Mechanical), None, 1, Priority::Low),
            (Some(EmergencyKind::Mechanical), None, 3, Priority::Critical),
        ] {
            assert_eq!(
                Priority::of(kind, injured, reports),
                wanted,
                "{kind:?} {injured:?} {reports}"
            );
        }
    }
}
