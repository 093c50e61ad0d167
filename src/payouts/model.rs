//! What a payout is, each try at it, and which state may follow which.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::verdict::Verdict;
use crate::fault::Fault;
use crate::ledger::JournalId;
use crate::payments::Receipt;
use crate::primitives::{Language, Money, Msisdn};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PayoutId(pub Uuid);

impl fmt::Display for PayoutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptId(pub Uuid);

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What money leaves for, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Out of the member's own wallet.
    Withdrawal { member: Uuid },
    /// Out of a stage's fund, to a member in trouble.
    Support {
        member: Uuid,
        stage: i32,
        emergency: Uuid,
    },
    /// Out of suspense, to whoever paid it; the receipt is that of their payment.
    Refund { refunded: Receipt },
}

impl Purpose {
    pub fn name(&self) -> &'static str {
        match self {
            Purpose::Withdrawal { .. } => "withdrawal",
            Purpose::Support { .. } => "support",
            Purpose::Refund { .. } => "refund",
        }
    }

    pub fn member(&self) -> Option<Uuid> {
        match self {
            Purpose::Withdrawal { member } | Purpose::Support { member, .. } => Some(*member),
            Purpose::Refund { .. } => None,
        }
    }
}

/// Money that is to reach a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payout {
    pub id: PayoutId,
    pub purpose: Purpose,
    pub recipient: Msisdn,
    pub language: Language,
    /// What M-PESA is to pay.
    pub amount: Money,
    /// What the member pays us for it, on top.
    pub fee: Money,
    pub state: PayoutState,
    /// None: the member, behind their PIN.
    pub asked_by: Option<String>,
    pub asked_at: DateTime<Utc>,
    pub reason: Option<String>,
    pub needs_approval: bool,
    pub decided_by: Option<String>,
    pub ready_since: Option<DateTime<Utc>>,
    pub not_before: DateTime<Utc>,
    pub slow_told_at: Option<DateTime<Utc>>,
    pub receipt: Option<Receipt>,
    pub ended_by: Option<String>,
    pub hold: JournalId,
}

impl Payout {
    /// What was held for it.
    pub fn held(&self) -> Money {
        self.amount + self.fee
    }

    /// Goes on to the next state. A step that does not exist is a fault of ours, and its work is not committed.
    pub(super) fn step(&mut self, next: PayoutState) -> Result<(), Fault> {
        if !self.state.may_become(next) {
            let (from, to) = (self.state.as_str(), next.as_str());
            return Err(Fault::broken(format!(
                "payout {} cannot go from {from} to {to}",
                self.id
            )));
        }
        self.state = next;
        Ok(())
    }
}

/// How a payout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PayoutState {
    /// A second person has to say yes.
    Asked,
    /// To be handed to M-PESA as soon as it may.
    Ready,
    /// M-PESA has it, or may have it.
    Sending,
    /// Nobody could tell what became of it: a person finds out.
    Person,
    Paid,
    /// The money is back where it came from.
    Returned,
}

impl PayoutState {
    pub const ALL: [PayoutState; 6] = [
        PayoutState::Asked,
        PayoutState::Ready,
        PayoutState::Sending,
        PayoutState::Person,
        PayoutState::Paid,
        PayoutState::Returned,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            PayoutState::Asked => "asked",
            PayoutState::Ready => "ready",
            PayoutState::Sending => "sending",
            PayoutState::Person => "person",
            PayoutState::Paid => "paid",
            PayoutState::Returned => "returned",
        }
    }

    pub fn parse(word: &str) -> Option<PayoutState> {
        PayoutState::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
    }

    /// The money is neither there nor back.
    pub fn is_open(self) -> bool {
        !matches!(self, PayoutState::Paid | PayoutState::Returned)
    }

    /// Whether this state may be followed by that one. Paid is for ever; what was returned is never paid out of the hold.
    pub fn may_become(self, next: PayoutState) -> bool {
        use PayoutState::{Asked, Paid, Person, Ready, Returned, Sending};
        matches!(
            (self, next),
            (Asked, Ready | Returned)
                | (Ready, Sending | Returned | Paid)
                | (Sending, Ready | Person | Paid | Returned)
                | (Person, Paid | Returned | Ready)
        )
    }
}

/// One id that M-PESA was, or will be, asked under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub id: AttemptId,
    pub payout: PayoutId,
    /// Our OriginatorConversationID, at most 128 characters of `[A-Za-z0-9_-]` (Daraja, B2C v3).
    pub originator: String,
    pub state: AttemptState,
    /// How often it was handed over.
    pub handed: u32,
    pub handed_at: Option<DateTime<Utc>>,
    /// The receipt, result code or word that ended it.
    pub ended_by: Option<String>,
    pub receipt: Option<Receipt>,
}

/// How an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttemptState {
    /// Not handed over, or provably not taken.
    Created,
    /// Handed over; no answer has been written down.
    Submitting,
    /// M-PESA has taken it, which is no payment.
    Accepted,
    Unknown,
    Paid,
    /// M-PESA has said that it did not pay and will not.
    Failed,
    Person,
}

impl AttemptState {
    pub const ALL: [AttemptState; 7] = [
        AttemptState::Created,
        AttemptState::Submitting,
        AttemptState::Accepted,
        AttemptState::Unknown,
        AttemptState::Paid,
        AttemptState::Failed,
        AttemptState::Person,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            AttemptState::Created => "created",
            AttemptState::Submitting => "submitting",
            AttemptState::Accepted => "accepted",
            AttemptState::Unknown => "unknown",
            AttemptState::Paid => "paid",
            AttemptState::Failed => "failed",
            AttemptState::Person => "person",
        }
    }

    pub fn parse(word: &str) -> Option<AttemptState> {
        AttemptState::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// Why M-PESA did not pay, for good, under this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotPaid {
    /// Our account for payouts holds too little: the payout waits for it.
    FloatEmpty,
    /// The operator's credential or our contract is refused: everything stops, the payout waits.
    OurFault,
    /// The number is not on M-PESA.
    NoSuchRecipient,
    /// It would be more than the recipient's M-PESA may hold or take in a day.
    RecipientFull,
    /// Less or more than M-PESA moves in one go.
    Amount,
    /// Transaction status says declined, cancelled or expired.
    Declined,
    /// A person has found out that it was not paid.
    ByPerson,
}

impl NotPaid {
    /// Whether another id may be used later without anybody asking; otherwise the money goes back.
    pub fn waits(self) -> bool {
        matches!(self, NotPaid::FloatEmpty | NotPaid::OurFault)
    }
}

/// What somebody has to look at. Said once for an attempt, and loudly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alarm {
    /// A result came from an address that M-PESA does not publish.
    Forged,
    /// It carries an id that we did not use here: money may have left that we know nothing of.
    ForeignId,
    Unreadable,
    /// M-PESA says that it paid another number.
    OtherRecipient,
    /// M-PESA says that it paid another amount.
    OtherAmount,
    /// Paid, and not paid: both were said of one id.
    Contradiction,
    /// It was paid after the money had been given back, or a second time.
    PaidAgain,
    /// Our question about it was refused: a mistake of ours.
    QuestionRefused,
    /// A day has passed and nobody can tell what became of it.
    Unresolved,
}

impl Alarm {
    pub fn as_str(self) -> &'static str {
        match self {
            Alarm::Forged => "forged",
            Alarm::ForeignId => "foreign_id",
            Alarm::Unreadable => "unreadable",
            Alarm::OtherRecipient => "other_recipient",
            Alarm::OtherAmount => "other_amount",
            Alarm::Contradiction => "contradiction",
            Alarm::PaidAgain => "paid_again",
            Alarm::QuestionRefused => "question_refused",
            Alarm::Unresolved => "unresolved",
        }
    }
}

impl Attempt {
    /// The attempt as the verdict has it. A verdict is drawn from all the evidence there is, so it replaces what was thought
    /// before; only a payment stands whatever is said after it.
    pub fn follow(self, verdict: &Verdict) -> Attempt {
        if self.state == AttemptState::Paid {
            let receipt = match verdict {
                Verdict::Paid { receipt } => self.receipt.clone().or(receipt.clone()),
                _ => self.receipt.clone(),
            };
            return Attempt { receipt, ..self };
        }
        match verdict {
            Verdict::NotTaken { .. } | Verdict::Untouched => Attempt {
                state: AttemptState::Created,
                ..self
            },
            Verdict::Submitting => Attempt {
                state: AttemptState::Submitting,
                ..self
            },
            Verdict::Accepted => Attempt {
                state: AttemptState::Accepted,
                ..self
            },
            Verdict::Unknown { .. } => Attempt {
                state: AttemptState::Unknown,
                ..self
            },
            Verdict::Paid { receipt } => Attempt {
                state: AttemptState::Paid,
                receipt: receipt.clone(),
                ended_by: Some("paid".to_owned()),
                ..self
            },
            Verdict::NotPaid { by, .. } => Attempt {
                state: AttemptState::Failed,
                ended_by: Some(by.chars().take(60).collect()),
                ..self
            },
            Verdict::Person { .. } => Attempt {
                state: AttemptState::Person,
                ..self
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_state_may_follow_which() {
        use PayoutState::{Asked, Paid, Person, Ready, Returned, Sending};
        let allowed = [
            (Asked, Ready),
            (Asked, Returned),
            (Ready, Sending),
            (Ready, Returned),
            // A result that was late tells that an id counted as failed was paid after all.
            (Ready, Paid),
            (Sending, Ready),
            (Sending, Person),
            (Sending, Paid),
            (Sending, Returned),
            (Person, Paid),
            (Person, Returned),
            (Person, Ready),
        ];
        for from in PayoutState::ALL {
            for to in PayoutState::ALL {
                assert_eq!(
                    from.may_become(to),
                    allowed.contains(&(from, to)),
                    "{from:?} to {to:?}"
                );
            }
        }
    }
}
