//! What a member is and how the status may change.

use std::fmt;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::number::MemberNumber;
use super::words::{Name, Reason, Relation};
use crate::primitives::{Language, Msisdn};
use crate::stages::StageId;

/// Made when a joining rider chooses a PIN, before there is a member: the PIN's verifier is bound to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemberId(pub Uuid);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub id: MemberId,
    pub msisdn: Msisdn,
    pub language: Language,
    pub first_name: Name,
    pub last_name: Name,
    pub birth_date: Option<NaiveDate>,
    pub stage: StageId,
    pub joined_at: DateTime<Utc>,
    pub fee_paid_at: Option<DateTime<Utc>>,
    pub status: Status,
    pub number: Option<MemberNumber>,
}

/// Where a membership stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Asked to join; nobody has looked at it yet.
    Pending,
    /// Staff said yes before the registration fee was paid.
    Approved { at: DateTime<Utc> },
    /// Approved and the fee paid.
    Active { approved_at: DateTime<Utc> },
    /// Kept from money for the time being.
    Suspended {
        approved_at: DateTime<Utc>,
        reason: Reason,
    },
    /// Staff said no.
    Refused { reason: Reason },
}

/// So long after a refusal a rider may ask to join again.
pub const ASKS_AGAIN_AFTER: TimeDelta = TimeDelta::days(30);

/// Whether an approval waits for the registration fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fee {
    MustBePaid,
    MayFollow,
}

/// Why a member cannot be approved now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalRefused {
    #[error("the registration fee has not been paid yet")]
    FeeNotPaid,
    #[error("only a pending member can be approved; this one is {0}")]
    NotPending(StatusWord),
}

/// The bare word for a status, as tables, lists and events write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusWord {
    Pending,
    Approved,
    Active,
    Suspended,
    Refused,
}

impl Member {
    /// Staff say yes. With the registration fee paid the membership is active at once; without it only staff who
    /// say so approve, and the member becomes active when the fee comes in.
    pub fn approve(self, fee: Fee, now: DateTime<Utc>) -> Result<Member, ApprovalRefused> {
        match (self.status, self.fee_paid_at, fee) {
            (Status::Pending, Some(_), _) => Ok(Member {
                status: Status::Active { approved_at: now },
                ..self
            }),
            (Status::Pending, None, Fee::MayFollow) => Ok(Member {
                status: Status::Approved { at: now },
                ..self
            }),
            (Status::Pending, None, Fee::MustBePaid) => Err(ApprovalRefused::FeeNotPaid),
            (other, _, _) => Err(ApprovalRefused::NotPending(other.word())),
        }
    }

    /// Staff say no, and say why.
    pub fn refuse(self, reason: Reason) -> Result<Member, StatusWord> {
        match self.status {
            Status::Pending => Ok(Member {
                status: Status::Refused { reason },
                ..self
            }),
            other => Err(other.word()),
        }
    }

    /// Staff take a member's rights for a while, and say why.
    pub fn suspend(self, reason: Reason) -> Result<Member, StatusWord> {
        match self.status {
            Status::Approved { at: approved_at } | Status::Active { approved_at } => Ok(Member {
                status: Status::Suspended {
                    approved_at,
                    reason,
                },
                ..self
            }),
            other => Err(other.word()),
        }
    }

    /// Staff give them back. Whoever never paid the registration fee is where they were before.
    pub fn reinstate(self) -> Result<Member, StatusWord> {
        match self.status {
            Status::Suspended { approved_at, .. } => Ok(Member {
                status: match self.fee_paid_at {
                    Some(_) => Status::Active { approved_at },
                    None => Status::Approved { at: approved_at },
                },
                ..self
            }),
            other => Err(other.word()),
        }
    }

    /// The registration fee has come in. Whoever was already approved becomes active; the others only have it noted.
    pub fn pay_fee(self, now: DateTime<Utc>) -> Member {
        let status = match self.status {
            Status::Approved { at } => Status::Active { approved_at: at },
            other => other,
        };
        Member {
            fee_paid_at: self.fee_paid_at.or(Some(now)),
            status,
            ..self
        }
    }
}

impl Status {
    /// The status alone, without what is true in it.
    pub fn word(&self) -> StatusWord {
        match self {
            Status::Pending => StatusWord::Pending,
            Status::Approved { .. } => StatusWord::Approved,
            Status::Active { .. } => StatusWord::Active,
            Status::Suspended { .. } => StatusWord::Suspended,
            Status::Refused { .. } => StatusWord::Refused,
        }
    }

    /// When an official approved; nothing before, and nothing when refused.
    pub fn approved_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Status::Approved { at } => Some(*at),
            Status::Active { approved_at } | Status::Suspended { approved_at, .. } => {
                Some(*approved_at)
            }
            Status::Pending | Status::Refused { .. } => None,
        }
    }

    /// The official's own sentence for a refusal or suspension.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Status::Suspended { reason, .. } | Status::Refused { reason } => Some(reason),
            Status::Pending | Status::Approved { .. } | Status::Active { .. } => None,
        }
    }
}

impl StatusWord {
    pub fn as_str(self) -> &'static str {
        match self {
            StatusWord::Pending => "pending",
            StatusWord::Approved => "approved",
            StatusWord::Active => "active",
            StatusWord::Suspended => "suspended",
            StatusWord::Refused => "refused",
        }
    }

    pub fn parse(word: &str) -> Option<StatusWord> {
        [
            StatusWord::Pending,
            StatusWord::Approved,
            StatusWord::Active,
            StatusWord::Suspended,
            StatusWord::Refused,
        ]
        .into_iter()
        .find(|status| status.as_str() == word)
    }
}

/// Whom staff mean: by phone, by member number, or by id (a pending member has no number yet).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    Id(MemberId),
    Phone(Msisdn),
    Number(MemberNumber),
}

impl Who {
    /// Reads `0711 000 001`, `KTS-2026-0001` or an id.
    pub fn parse(typed: &str) -> Option<Who> {
        let typed = typed.trim();
        let phone = || Msisdn::parse(typed).ok().map(Who::Phone);
        let number = || MemberNumber::parse(typed).ok().map(Who::Number);
        let id = || Uuid::parse_str(typed).ok().map(|id| Who::Id(MemberId(id)));
        phone().or_else(number).or_else(id)
    }
}

/// Whom to call when something has happened to the member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kin {
    pub name: Name,
    pub relation: Relation,
    pub msisdn: Msisdn,
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn member(status: Status, fee_paid_at: Option<DateTime<Utc>>) -> Member {
        Member {
            id: MemberId(Uuid::from_u128(1)),
            msisdn: Msisdn::parse("0711000001").unwrap(),
            language: Language::ENGLISH,
            first_name: Name::parse("Amina").unwrap(),
            last_name: Name::parse("Wanjiku").unwrap(),
            birth_date: None,
            stage: StageId(1),
            joined_at: at("2026-03-01T08:00:00Z"),
            fee_paid_at,
            status,
            number: None,
        }
    }

    fn reason() -> Reason {
        Reason::parse("The photo of the card is missing").unwrap()
    }

    #[test]
    fn who_may_be_approved() {
        let (paid, now) = (Some(at("2026-03-01T09:00:00Z")), at("2026-03-02T08:00:00Z"));
        let approve = |status, paid, fee| {
            member(status, paid)
                .approve(fee, now)
                .map(|member| member.status)
        };
        assert_eq!(
            approve(Status::Pending, paid, Fee::MustBePaid),
            Ok(Status::Active { approved_at: now })
        );
        assert_eq!(
            approve(Status::Pending, paid, Fee::MayFollow),
            Ok(Status::Active { approved_at: now })
        );
        assert_eq!(
            approve(Status::Pending, None, Fee::MustBePaid),
            Err(ApprovalRefused::FeeNotPaid)
        );
        assert_eq!(
            approve(Status::Pending, None, Fee::MayFollow),
            Ok(Status::Approved { at: now })
        );
        for status in [
            Status::Approved { at: now },
            Status::Active { approved_at: now },
            Status::Suspended {
                approved_at: now,
                reason: reason(),
            },
            Status::Refused { reason: reason() },
        ] {
            let word = status.word();
            assert_eq!(
                approve(status.clone(), paid, Fee::MayFollow),
                Err(ApprovalRefused::NotPending(word))
            );
            assert_eq!(member(status, paid).refuse(reason()).map(drop), Err(word));
        }
        assert_eq!(
            member(Status::Pending, None)
                .refuse(reason())
                .unwrap()
                .status,
            Status::Refused { reason: reason() }
        );
    }

    #[test]
    fn who_may_be_suspended_and_what_they_come_back_to() {
        let (paid, at) = (Some(at("2026-03-01T09:00:00Z")), at("2026-03-02T08:00:00Z"));
        for (status, paid) in [
            (Status::Active { approved_at: at }, paid),
            (Status::Approved { at }, None),
        ] {
            let suspended = member(status.clone(), paid).suspend(reason()).unwrap();
            assert_eq!(suspended.status.word(), StatusWord::Suspended);
            assert_eq!(suspended.reinstate().unwrap().status, status);
        }
        for status in [Status::Pending, Status::Refused { reason: reason() }] {
            let word = status.word();
            assert_eq!(
                member(status.clone(), paid).suspend(reason()).map(drop),
                Err(word)
            );
            assert_eq!(member(status, paid).reinstate().map(drop), Err(word));
        }
    }

    #[test]
    fn what_a_fee_changes() {
        let (approved, paid) = (at("2026-03-02T08:00:00Z"), at("2026-03-03T08:00:00Z"));
        for (before, after) in [
            (Status::Pending, Status::Pending),
            (
                Status::Approved { at: approved },
                Status::Active {
                    approved_at: approved,
                },
            ),
            (
                Status::Refused { reason: reason() },
                Status::Refused { reason: reason() },
            ),
        ] {
            let member = member(before, None).pay_fee(paid);
            assert_eq!((member.status, member.fee_paid_at), (after, Some(paid)));
        }
        let earlier = Some(at("2026-03-01T09:00:00Z"));
        assert_eq!(
            member(Status::Pending, earlier).pay_fee(paid).fee_paid_at,
            earlier
        );
    }

    #[test]
    fn whom_staff_mean() {
        assert_eq!(
            Who::parse(" 0711 000 001 "),
            Some(Who::Phone(Msisdn::parse("254711000001").unwrap()))
        );
        assert_eq!(
            Who::parse("kts-2026-0001"),
            Some(Who::Number(MemberNumber::new(2026, 1).unwrap()))
        );
        let id = Uuid::from_u128(7);
        assert_eq!(Who::parse(&id.to_string()), Some(Who::Id(MemberId(id))));
        assert_eq!(Who::parse("Amina"), None);
    }

    #[test]
    fn a_status_survives_being_written_and_read() {
        for status in [
            StatusWord::Pending,
            StatusWord::Approved,
            StatusWord::Active,
            StatusWord::Suspended,
            StatusWord::Refused,
        ] {
            assert_eq!(StatusWord::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert_eq!(StatusWord::parse("lapsed"), None);
    }

    proptest! {
        #[test]
        fn whoever_staff_type_never_panics(typed in "\\PC{0,40}") {
            let _ = Who::parse(&typed);
        }
    }
}
