//! A policy and the stages it goes through. Pure.
//!
//! ```text
//! pending --first premium--> active --nobody pays--> lapsed --premium in time--> active
//!    |                         |                       |  \
//!    | a new application       | cancelled             |   \ a new application
//!    v                         v                       v    v
//! replaced                 cancelled               cancelled  replaced
//! ```

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::cover::{Rules, Term};
use super::number::{PolicyNumber, ProofCode};
use crate::members::Name;
use crate::primitives::{Money, Msisdn};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyId(pub Uuid);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub id: PolicyId,
    pub member: Uuid,
    /// By its name in the documents.
    pub product: String,
    pub insurer: String,
    pub term: Term,
    /// Of one term, as it was quoted.
    pub price: Money,
    /// Ours of each price.
    pub commission: Money,
    pub beneficiary: Beneficiary,
    pub applied_at: DateTime<Utc>,
    pub stage: Stage,
}

/// Who is paid when the holder has died.
#[derive(Clone, PartialEq, Eq)]
pub struct Beneficiary {
    pub name: Name,
    pub msisdn: Msisdn,
}

/// Where a policy stands. A variant holds what is true by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Taken; it waits for its first premium.
    Pending,
    Active {
        issued: Issued,
    },
    /// Nobody has paid for long enough.
    Lapsed {
        issued: Issued,
        at: DateTime<Utc>,
    },
    Cancelled {
        issued: Issued,
        at: DateTime<Utc>,
    },
    /// The member has taken the product anew.
    Replaced {
        issued: Option<Issued>,
        at: DateTime<Utc>,
    },
}

/// What a policy has from its first premium on, for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    pub number: PolicyNumber,
    pub code: ProofCode,
    pub at: DateTime<Utc>,
}

/// Why a policy takes no premium: the money is the member's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPayable {
    #[error("the policy is over")]
    Over,
    #[error("the policy lapsed too long ago: it takes a new one")]
    TooLate,
}

/// The policy does not stand where this could happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this cannot happen to a policy that is {0}")]
pub struct NotNow(pub &'static str);

impl Policy {
    /// Whether a premium may come in at this moment. `until` is the end of the cover there is.
    pub fn takes_premium(
        &self,
        until: Option<DateTime<Utc>>,
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<(), NotPayable> {
        match self.stage {
            Stage::Pending => Ok(()),
            Stage::Active { .. } | Stage::Lapsed { .. } => match until {
                Some(end) if now > end + rules.return_within => Err(NotPayable::TooLate),
                _ => Ok(()),
            },
            Stage::Cancelled { .. } | Stage::Replaced { .. } => Err(NotPayable::Over),
        }
    }

    /// A premium has come in. `new` is what the policy gets with its first one.
    pub fn paid(self, new: impl FnOnce() -> Issued) -> Result<Policy, NotNow> {
        let stage = match self.stage {
            Stage::Pending => Stage::Active { issued: new() },
            Stage::Active { issued } | Stage::Lapsed { issued, .. } => Stage::Active { issued },
            over @ (Stage::Cancelled { .. } | Stage::Replaced { .. }) => {
                return Err(NotNow(over.word()));
            }
        };
        Ok(Policy { stage, ..self })
    }

    /// Nobody has paid for long enough.
    pub fn lapse(self, at: DateTime<Utc>) -> Result<Policy, NotNow> {
        match self.stage {
            Stage::Active { issued } => Ok(Policy {
                stage: Stage::Lapsed { issued, at },
                ..self
            }),
            other => Err(NotNow(other.word())),
        }
    }

    /// Its holder, or staff, want it no more.
    pub fn cancel(self, at: DateTime<Utc>) -> Result<Policy, NotNow> {
        match self.stage {
            Stage::Active { issued } | Stage::Lapsed { issued, .. } => Ok(Policy {
                stage: Stage::Cancelled { issued, at },
                ..self
            }),
            other => Err(NotNow(other.word())),
        }
    }

    /// The member has taken the product anew.
    pub fn replace(self, at: DateTime<Utc>) -> Result<Policy, NotNow> {
        let issued = match self.stage {
            Stage::Pending => None,
            Stage::Lapsed { issued, .. } => Some(issued),
            other => return Err(NotNow(other.word())),
        };
        Ok(Policy {
            stage: Stage::Replaced { issued, at },
            ..self
        })
    }
}

impl Stage {
    pub fn word(&self) -> &'static str {
        match self {
            Stage::Pending => "pending",
            Stage::Active { .. } => "active",
            Stage::Lapsed { .. } => "lapsed",
            Stage::Cancelled { .. } => "cancelled",
            Stage::Replaced { .. } => "replaced",
        }
    }

    pub fn issued(&self) -> Option<&Issued> {
        match self {
            Stage::Pending => None,
            Stage::Active { issued }
            | Stage::Lapsed { issued, .. }
            | Stage::Cancelled { issued, .. } => Some(issued),
            Stage::Replaced { issued, .. } => issued.as_ref(),
        }
    }

    /// Whether cover that was paid for counts.
    pub fn is_in_force(&self) -> bool {
        matches!(self, Stage::Active { .. })
    }
}

/// Nobody's name or phone.
impl fmt::Debug for Beneficiary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Beneficiary(…)")
    }
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    const RULES: Rules = Rules {
        grace: TimeDelta::hours(6),
        remind_before: TimeDelta::hours(12),
        lapse_after: TimeDelta::days(3),
        return_within: TimeDelta::days(30),
    };

    fn at(days: i64) -> DateTime<Utc> {
        "2026-11-20T03:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::days(days)
    }

    fn issued() -> Issued {
        Issued {
            number: PolicyNumber::parse("KSP-2026-00012").unwrap(),
            code: ProofCode::parse("7K3M9XPA").unwrap(),
            at: at(0),
        }
    }

    fn policy() -> Policy {
        Policy {
            id: PolicyId(Uuid::from_u128(1)),
            member: Uuid::from_u128(2),
            product: "boda_day".into(),
            insurer: "umoja".into(),
            term: Term::Day,
            price: Money::from_shillings(30),
            commission: Money::from_shillings(3),
            beneficiary: Beneficiary {
                name: Name::parse("Halima").unwrap(),
                msisdn: Msisdn::parse("0722000101").unwrap(),
            },
            applied_at: at(0),
            stage: Stage::Pending,
        }
    }

    #[test]
    fn which_stage_takes_a_premium() {
        let active = policy().paid(issued).unwrap();
        let lapsed = active.clone().lapse(at(4)).unwrap();
        let takes = |policy: &Policy, now| policy.takes_premium(Some(at(1)), &RULES, at(now));
        assert_eq!(policy().takes_premium(None, &RULES, at(400)), Ok(()));
        assert_eq!(takes(&active, 0), Ok(()));
        assert_eq!(takes(&active, 31), Ok(()));
        assert_eq!(takes(&lapsed, 31), Ok(()));
        assert_eq!(takes(&lapsed, 32), Err(NotPayable::TooLate));
        let cancelled = lapsed.clone().cancel(at(5)).unwrap();
        assert_eq!(takes(&cancelled, 5), Err(NotPayable::Over));
        let replaced = lapsed.replace(at(5)).unwrap();
        assert_eq!(takes(&replaced, 5), Err(NotPayable::Over));
    }

    #[test]
    fn what_is_over_stays_over() {
        let cancelled = policy().paid(issued).unwrap().cancel(at(1)).unwrap();
        let replaced = policy().replace(at(1)).unwrap();
        for over in [cancelled, replaced] {
            let word = over.stage.word();
            assert_eq!(over.clone().paid(issued), Err(NotNow(word)));
            assert_eq!(over.clone().lapse(at(2)), Err(NotNow(word)));
            assert_eq!(over.clone().cancel(at(2)), Err(NotNow(word)));
            assert_eq!(over.replace(at(2)), Err(NotNow(word)));
        }
        assert_eq!(policy().cancel(at(1)), Err(NotNow("pending")));
        assert_eq!(policy().lapse(at(1)), Err(NotNow("pending")));
    }

    proptest! {
        #[test]
        fn a_number_is_given_once_and_a_premium_brings_back_what_has_lapsed(history in proptest::collection::vec(0u8..4, 0..40)) {
            let mut standing = policy();
            let mut number = None;
            for (day, deed) in history.into_iter().enumerate() {
                let now = at(i64::try_from(day).unwrap());
                let before = standing.clone();
                let tried = match deed {
                    0 => standing.clone().paid(|| Issued { at: now, ..issued() }),
                    1 => standing.clone().lapse(now),
                    2 => standing.clone().cancel(now),
                    _ => standing.clone().replace(now),
                };
                if let Ok(after) = tried {
                    if deed == 0 {
                        prop_assert!(after.stage.is_in_force());
                    }
                    standing = after;
                } else {
                    prop_assert_eq!(&standing, &before);
                }
                if let Some(given) = standing.stage.issued() {
                    prop_assert_eq!(number.get_or_insert(given.clone()), given);
                } else {
                    prop_assert!(number.is_none());
                }
            }
        }
    }
}
