//! What somebody in trouble told us while Postgres was away. Pure.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::emergencies::EmergencyKind;
use crate::primitives::{Language, Msisdn};

/// Names made of an operator's session and step.
const HOPS: Uuid = Uuid::from_u128(0x6f7a_31d2_9c54_4b0e_8a17_5d20_c3e6_f901);

/// One thing told by one phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Made where the report came in, the same each time it comes in again. Of an alarm it is the case's id.
    pub id: Uuid,
    pub msisdn: Msisdn,
    pub language: Language,
    /// When it was told.
    pub at: DateTime<Utc>,
    pub channel: Channel,
    /// Nothing may show on the reporter's phone.
    #[serde(default)]
    pub silent: bool,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Somebody needs help; perhaps with their words of what and where.
    Alarm { words: Option<String> },
    /// What happened, told after the alarm.
    Kind(EmergencyKind),
    /// How many are hurt, told after the alarm.
    Injured(i32),
    /// Where it happened, told after the alarm.
    Place(String),
}

/// How a report came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Ussd,
    Sms,
    Call,
}

impl Report {
    /// The id of what a session does at this step, whoever does it and however often it is asked to.
    pub fn id_of_hop(session: &str, step: u16) -> Uuid {
        Uuid::new_v5(&HOPS, format!("{session}:{step}").as_bytes())
    }

    pub fn is_alarm(&self) -> bool {
        matches!(self.what, What::Alarm { .. })
    }
}

impl Channel {
    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Ussd => "ussd",
            Channel::Sms => "sms",
            Channel::Call => "call",
        }
    }

    /// The reporter has no screen of ours in front of them.
    pub fn wants_a_text(self) -> bool {
        match self {
            Channel::Ussd => false,
            Channel::Sms | Channel::Call => true,
        }
    }
}
