//! A message, its lane, and what a provider answers to it. Pure.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Values;
use crate::primitives::{Language, Money, Msisdn};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub Uuid);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is to be said, to whom. The words are the template's.
#[derive(Clone, Debug)]
pub struct Message {
    pub to: Msisdn,
    pub language: Language,
    pub class: Class,
    /// The name of a `<message>`, such as `payment.low_balance`.
    pub template: &'static str,
    pub values: Values,
    /// Two messages with one key are one message, for ever.
    pub key: Option<String>,
    /// The thing of the business it is about.
    pub about: Option<Uuid>,
    /// Not sent before; now if absent.
    pub not_before: Option<DateTime<Utc>>,
    /// Dropped, visibly, instead of being sent later than this; the class decides if absent.
    pub not_after: Option<DateTime<Utc>>,
}

impl Message {
    /// A message to be sent now, about nothing in particular.
    pub fn new(
        to: Msisdn,
        language: Language,
        class: Class,
        template: &'static str,
        values: Values,
    ) -> Message {
        Message {
            to,
            language,
            class,
            template,
            values,
            key: None,
            about: None,
            not_before: None,
            not_after: None,
        }
    }
}

impl Message {
    /// From when and until when it may be said.
    pub(super) fn worth_saying(&self, now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        let from = self.not_before.unwrap_or(now);
        (from, self.not_after.unwrap_or(from + self.class.keeps()))
    }
}

/// How the messages about one thing stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Not handed over yet.
    pub waiting: u32,
    /// Handed over; no report yet says that they arrived or will not.
    pub on_their_way: u32,
    pub delivered: u32,
    /// Refused, not delivered, or dropped unsent.
    pub failed: u32,
    /// When the latest of them changed.
    pub last_moved_at: Option<DateTime<Utc>>,
}

impl Tally {
    pub fn messages(&self) -> u32 {
        self.waiting + self.on_their_way + self.delivered + self.failed
    }
}

/// The lane a message travels in. Lanes do not wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    Emergency,
    Money,
    Service,
    Promotion,
}

impl Class {
    /// Most urgent first.
    pub const ALL: [Class; 4] = [
        Class::Emergency,
        Class::Money,
        Class::Service,
        Class::Promotion,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Class::Emergency => "emergency",
            Class::Money => "money",
            Class::Service => "service",
            Class::Promotion => "promotion",
        }
    }

    pub fn parse(name: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.as_str() == name)
    }

    /// How long a message is worth sending when its cause does not say.
    pub(super) fn keeps(self) -> TimeDelta {
        match self {
            Class::Emergency => TimeDelta::hours(6),
            Class::Money => TimeDelta::days(3),
            Class::Service => TimeDelta::days(2),
            Class::Promotion => TimeDelta::hours(12),
        }
    }

    /// How many messages of the lane one phone is sent within a day. What was paid and what is urgent is always said.
    pub(super) fn a_day_max(self) -> Option<i64> {
        match self {
            Class::Emergency | Class::Money => None,
            Class::Service => Some(40),
            Class::Promotion => Some(3),
        }
    }
}

/// What came of handing a message to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handover {
    /// The provider has it. Accepted is not delivered. The cost is known when it is told in shillings.
    Accepted { id: String, cost: Option<Money> },
    /// Certainly not sent.
    Refused(Refusal),
    /// It may have been sent: the answer was lost, late or unreadable.
    Unknown { why: String },
}

/// Why a provider certainly did not send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Held back as suspicious.
    HeldBack,
    /// Our sender name is not known to the operator.
    SenderName,
    /// Not a number that can get messages.
    Number,
    /// The person has blocked us at the operator.
    Blocked,
    /// No way to that network at present.
    NoRoute,
    /// Our account is empty.
    NoCredit,
    /// Our key is not accepted.
    Key,
    /// Too fast.
    Throttled,
    /// The provider was not reached at all: nothing left us.
    Unreachable,
    /// Our request was wrong.
    Request(String),
    /// Refused for a reason we do not know.
    Other(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::HeldBack => f.write_str("held back as a risk"),
            Refusal::SenderName => f.write_str("the sender name is not accepted"),
            Refusal::Number => f.write_str("the number cannot get messages"),
            Refusal::Blocked => f.write_str("blocked by the receiver"),
            Refusal::NoRoute => f.write_str("no route to the network"),
            Refusal::NoCredit => f.write_str("our account is empty"),
            Refusal::Key => f.write_str("our key is not accepted"),
            Refusal::Throttled => f.write_str("too many at once"),
            Refusal::Unreachable => f.write_str("the provider was not reached"),
            Refusal::Request(why) => write!(f, "our request was wrong: {why}"),
            Refusal::Other(why) => write!(f, "refused: {why}"),
        }
    }
}

/// What can be done about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The person cannot be reached by text messages, or does not want to be.
    Nothing,
    /// Not through this provider, whenever; perhaps through another.
    Elsewhere,
    /// Through another at once, through this one when somebody has mended it.
    Later,
    /// Through another at once, through this one in a moment.
    Soon,
}

impl Handover {
    /// Whether the provider works, going by this answer. A refusal that is about the one message is an answer like any other.
    pub(super) fn tells_that_it_works(&self) -> bool {
        match self {
            Handover::Accepted { .. } => true,
            Handover::Unknown { .. } => false,
            Handover::Refused(refusal) => !matches!(
                refusal,
                Refusal::NoCredit | Refusal::Key | Refusal::Throttled | Refusal::Unreachable
            ),
        }
    }
}

impl Refusal {
    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Refusal::Number | Refusal::Blocked => Remedy::Nothing,
            Refusal::SenderName | Refusal::Request(_) => Remedy::Elsewhere,
            Refusal::HeldBack
            | Refusal::NoRoute
            | Refusal::NoCredit
            | Refusal::Key
            | Refusal::Other(_) => Remedy::Later,
            Refusal::Throttled | Refusal::Unreachable => Remedy::Soon,
        }
    }

    /// True when somebody has to look at our account or settings.
    pub fn is_ours(&self) -> bool {
        matches!(
            self,
            Refusal::HeldBack
                | Refusal::SenderName
                | Refusal::NoCredit
                | Refusal::Key
                | Refusal::Request(_)
        )
    }
}
