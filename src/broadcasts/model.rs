//! What a broadcast is, and what may be said in one. Pure.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::members::{MemberId, Name};
use crate::messages::{Class, QuietHours};
use crate::primitives::{Language, Money, Msisdn, gsm7};
use crate::stages::{Stage, StageId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BroadcastId(pub Uuid);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PostId(pub Uuid);

impl fmt::Display for BroadcastId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for PostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who a broadcast is for: active members only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    Stage(StageId),
    /// By its name, whatever the case.
    Sacco(String),
    Everyone,
}

impl Audience {
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Audience::Stage(_) => "stage",
            Audience::Sacco(_) => "sacco",
            Audience::Everyone => "everyone",
        }
    }
}

/// What is being said, and so the lane it travels in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An official to the people of their own stage, or the desk: a meeting, a funeral, a road closed.
    Notice,
    /// Wider than a stage, or an offer: counted with promotions.
    News,
    /// A member's words, put up by an official.
    Post,
}

impl Kind {
    pub fn class(self) -> Class {
        match self {
            Kind::Notice => Class::Service,
            Kind::News | Kind::Post => Class::Promotion,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Kind::Notice => "notice",
            Kind::News => "news",
            Kind::Post => "post",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Kind> {
        [Kind::Notice, Kind::News, Kind::Post]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }

    /// The template it is said in; the desk signs as KwaStage.
    pub(super) fn template(self, by_the_desk: bool) -> &'static str {
        match (self, by_the_desk) {
            (Kind::Notice, false) => "broadcast.notice",
            (Kind::News, false) => "broadcast.news",
            (Kind::Notice, true) => "broadcast.desk_notice",
            (Kind::News, true) => "broadcast.desk_news",
            (Kind::Post, _) => "broadcast.post",
        }
    }
}

/// What an installation allows, and what a segment costs.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Broadcasts of one official within a day of Nairobi.
    pub per_day: u32,
    /// Posts of one member within a day of Nairobi.
    pub posts_per_day: u32,
    pub segment_price: Money,
    pub quiet: QuietHours,
}

/// A draft that nobody has said yes to is forgotten after this.
pub(super) const DRAFT_KEPT: TimeDelta = TimeDelta::hours(24);
/// A post that no official has looked at is let go after this.
pub(super) const POST_KEPT: TimeDelta = TimeDelta::hours(24);
/// After this the sender is told how a broadcast went, whatever the operators have not reported yet.
pub(super) const TOLD_AFTER_MAX: TimeDelta = TimeDelta::hours(1);

/// The words of a broadcast or a post, in the alphabet of text messages, on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording(String);

/// Why somebody's words cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordingRefused {
    #[error("nothing is said")]
    TooShort,
    /// So many characters are allowed, and so many came.
    #[error("{came} characters, {max} are allowed")]
    TooLong { max: usize, came: usize },
}

impl Wording {
    /// Septets an official's words may have: with the signature they fit two messages.
    pub const SEPTETS_MAX: usize = 220;
    /// Septets a member's post may have.
    pub const POST_SEPTETS_MAX: usize = 140;
    /// Fewer characters say nothing to anybody.
    const CHARS_MIN: usize = 5;

    /// Reads what an official typed.
    pub fn parse(typed: &str) -> Result<Wording, WordingRefused> {
        Wording::within(typed, Wording::SEPTETS_MAX)
    }

    /// Reads what a member wants to post.
    pub fn parse_post(typed: &str) -> Result<Wording, WordingRefused> {
        Wording::within(typed, Wording::POST_SEPTETS_MAX)
    }

    fn within(typed: &str, max: usize) -> Result<Wording, WordingRefused> {
        let folded = gsm7::fold(typed);
        let words = folded.split_whitespace().collect::<Vec<_>>().join(" ");
        if words.chars().filter(|c| c.is_alphanumeric()).count() < Wording::CHARS_MIN {
            return Err(WordingRefused::TooShort);
        }
        let came = gsm7::septets_of_folded(&words);
        if came > max {
            return Err(WordingRefused::TooLong { max, came });
        }
        Ok(Wording(words))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An official, with what their broadcasts need of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Official {
    pub id: MemberId,
    pub first_name: Name,
    pub msisdn: Msisdn,
    pub language: Language,
    /// The stage they speak for.
    pub stage: Stage,
    pub sacco: Option<String>,
}

/// What the sender sees before the yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    pub id: BroadcastId,
    /// People it goes to: active, not the author, and without a STOP.
    pub recipients: u32,
    /// Messages that one person gets.
    pub segments: u32,
    /// Of all of it.
    pub cost: Money,
    pub words: String,
}

/// A member's words that wait for an official.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    pub id: PostId,
    /// What officials call it.
    pub number: u32,
    pub stage: StageId,
    pub member: MemberId,
    pub words: String,
    pub posted_at: DateTime<Utc>,
}

/// What an official says to a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    PutUp,
    Refuse,
}

/// What it costs to send so many segments to so many people.
pub(super) fn cost(recipients: u32, segments: u32, segment_price: Money) -> Money {
    let messages = i64::from(recipients) * i64::from(segments);
    Money::from_cents(segment_price.cents().saturating_mul(messages))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_made_plain_and_measured() {
        let said = |typed: &str| Wording::parse(typed).map(|words| words.0);
        for (typed, words) in [
            (
                "  Meeting  today\n4 pm ",
                Ok("Meeting today 4 pm".to_owned()),
            ),
            (
                "Mkutano leo \u{1F64F}\u{1F3FD} \u{201C}saa kumi\u{201D} \u{2014} njooni\u{2026}",
                Ok("Mkutano leo \"saa kumi\" - njooni...".to_owned()),
            ),
            ("Wanjikũ na Ng’ang’a", Ok("Wanjiku na Ng'ang'a".to_owned())),
            ("", Err(WordingRefused::TooShort)),
            ("ok", Err(WordingRefused::TooShort)),
            (
                "\u{1F64F}\u{1F64F}\u{1F64F}\u{1F64F}\u{1F64F}",
                Err(WordingRefused::TooShort),
            ),
        ] {
            assert_eq!(said(typed), words, "{typed:?}");
        }
        assert!(Wording::parse(&"a".repeat(220)).is_ok());
        let long = WordingRefused::TooLong {
            max: 220,
            came: 221,
        };
        assert_eq!(Wording::parse(&"a".repeat(221)), Err(long));
        // A bracket takes two septets.
        let brackets = WordingRefused::TooLong {
            max: 140,
            came: 142,
        };
        assert_eq!(
            Wording::parse_post(&"[".repeat(71)),
            Err(WordingRefused::TooShort)
        );
        assert_eq!(
            Wording::parse_post(&format!("{}{}", "a".repeat(138), "[[")),
            Err(brackets)
        );
    }

    #[test]
    fn a_cost_is_exact_to_the_cent() {
        let price = Money::from_cents(80);
        assert_eq!(cost(42, 2, price), Money::from_cents(6720));
        assert_eq!(cost(0, 2, price), Money::ZERO);
    }

    proptest! {
        #[test]
        fn whatever_is_typed_costs_no_wide_characters(typed in ".{0,300}") {
            if let Ok(words) = Wording::parse(&typed) {
                prop_assert_eq!(gsm7::stranger_in(words.as_str()), None);
                prop_assert!(gsm7::septets(words.as_str()).unwrap() <= Wording::SEPTETS_MAX);
                prop_assert_eq!(Wording::parse(words.as_str()), Ok(words.clone()));
            }
        }
    }
}
