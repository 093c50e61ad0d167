//! What is owed, and each try at having it paid.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::codes::TextKey;
use super::evidence::{PhoneHint, PromptIds, Receipt};
use super::verdict::Verdict;
use crate::primitives::{Language, Money, Msisdn};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// Names an [`Obligation`].
    ObligationId
}
id! {
    /// Names an [`Attempt`].
    AttemptId
}

/// What a payment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Purpose {
    RegistrationFee {
        member: Uuid,
    },
    /// Into the welfare fund of a stage.
    Contribution {
        member: Uuid,
        stage: i32,
    },
    /// Into the member's own wallet.
    TopUp {
        member: Uuid,
    },
    /// A renewal, a fee or a fine.
    Invoice {
        member: Uuid,
        invoice: Uuid,
    },
    /// Towards the member's loan.
    LoanRepayment {
        member: Uuid,
    },
    /// Of an insurance policy.
    Premium {
        member: Uuid,
        policy: Uuid,
    },
}

impl Purpose {
    /// Who owes it.
    pub fn member(&self) -> Uuid {
        match self {
            Purpose::RegistrationFee { member }
            | Purpose::Contribution { member, .. }
            | Purpose::TopUp { member }
            | Purpose::Invoice { member, .. }
            | Purpose::LoanRepayment { member }
            | Purpose::Premium { member, .. } => *member,
        }
    }

    /// The stage whose fund it goes into, where it goes into one.
    pub fn stage(&self) -> Option<i32> {
        match self {
            Purpose::RegistrationFee { .. }
            | Purpose::TopUp { .. }
            | Purpose::Invoice { .. }
            | Purpose::LoanRepayment { .. }
            | Purpose::Premium { .. } => None,
            Purpose::Contribution { stage, .. } => Some(*stage),
        }
    }

    /// The invoice it pays, where it pays one.
    pub fn invoice(&self) -> Option<Uuid> {
        match self {
            Purpose::Invoice { invoice, .. } => Some(*invoice),
            _ => None,
        }
    }

    /// The policy it is a premium of, where it is one.
    pub fn policy(&self) -> Option<Uuid> {
        match self {
            Purpose::Premium { policy, .. } => Some(*policy),
            _ => None,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Purpose::RegistrationFee { .. } => "registration_fee",
            Purpose::Contribution { .. } => "contribution",
            Purpose::TopUp { .. } => "top_up",
            Purpose::Invoice { .. } => "invoice",
            Purpose::LoanRepayment { .. } => "loan_repayment",
            Purpose::Premium { .. } => "premium",
        }
    }

    /// What the prompt says it is for, 1 to 13 characters.
    pub fn prompt_description(&self) -> &'static str {
        match self {
            Purpose::RegistrationFee { .. } => "Registration",
            Purpose::Contribution { .. } => "Welfare",
            Purpose::TopUp { .. } => "Wallet",
            Purpose::Invoice { .. } => "KwaStage fee",
            Purpose::LoanRepayment { .. } => "Loan",
            Purpose::Premium { .. } => "Insurance",
        }
    }
}

/// Something a member agreed to pay. It is paid at most once, by whichever attempt succeeds first.
#[derive(Clone, Debug, PartialEq)]
pub struct Obligation {
    pub id: ObligationId,
    pub purpose: Purpose,
    pub amount: Money,
    pub payer: Msisdn,
    pub language: Language,
    pub state: ObligationState,
    pub created_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObligationState {
    Open,
    Paid,
    /// Every attempt ended without money. A late success still pays it.
    Unpaid,
    /// Nobody could tell, or another amount came: a person decides.
    Operator,
}

impl ObligationState {
    pub(super) fn name(self) -> &'static str {
        match self {
            ObligationState::Open => "open",
            ObligationState::Paid => "paid",
            ObligationState::Unpaid => "unpaid",
            ObligationState::Operator => "operator",
        }
    }
}

/// One push to the rider's phone, from before it is sent until nobody can add to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    pub id: AttemptId,
    pub obligation: ObligationId,
    /// Shown in the prompt, printed in the rider's M-PESA message, reported back by the paybill.
    pub account_reference: String,
    pub payer: Msisdn,
    pub amount: Money,
    pub created_at: DateTime<Utc>,
    pub not_before: DateTime<Utc>,
    /// When the push was about to leave; from then on nobody may push it again.
    pub submitted_at: Option<DateTime<Utc>>,
    pub state: AttemptState,
    /// When the rider was told that we are still checking.
    pub check_told_at: Option<DateTime<Utc>>,
}

/// Where an attempt stands. A variant holds what is true by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptState {
    /// Written down; nothing has left the house.
    Created,
    /// The push is leaving or has left; its answer is not known.
    Submitting,
    /// The provider will show a prompt.
    Prompted { ids: PromptIds },
    /// Money may have moved or may still move.
    Unknown { ids: Option<PromptIds> },
    /// Paid. Certain once two independent sources say so; until then not withdrawable.
    Paid {
        ids: Option<PromptIds>,
        certain: bool,
    },
    /// Ended without money, by this result code.
    Failed {
        ids: Option<PromptIds>,
        code: String,
    },
    /// Ended before any prompt, for this reason.
    Refused { why: String },
    /// Not needed any more: another attempt paid the obligation first.
    Withdrawn,
    /// For a person to decide.
    Operator { ids: Option<PromptIds> },
}

impl AttemptState {
    pub(super) fn name(&self) -> &'static str {
        match self {
            AttemptState::Created => "created",
            AttemptState::Submitting => "submitting",
            AttemptState::Prompted { .. } => "prompted",
            AttemptState::Unknown { .. } => "unknown",
            AttemptState::Paid { .. } => "paid",
            AttemptState::Failed { .. } => "failed",
            AttemptState::Refused { .. } => "refused",
            AttemptState::Withdrawn => "withdrawn",
            AttemptState::Operator { .. } => "operator",
        }
    }

    /// The names under which the provider knows the prompt, as far as we know them.
    pub fn ids(&self) -> Option<&PromptIds> {
        match self {
            AttemptState::Prompted { ids } => Some(ids),
            AttemptState::Unknown { ids }
            | AttemptState::Paid { ids, .. }
            | AttemptState::Failed { ids, .. }
            | AttemptState::Operator { ids } => ids.as_ref(),
            AttemptState::Created
            | AttemptState::Submitting
            | AttemptState::Refused { .. }
            | AttemptState::Withdrawn => None,
        }
    }

    /// True while the obligation must not be pushed again.
    pub fn is_open(&self) -> bool {
        matches!(
            self,
            AttemptState::Created
                | AttemptState::Submitting
                | AttemptState::Prompted { .. }
                | AttemptState::Unknown { .. }
        )
    }
}

/// The attempt has left [`AttemptState::Created`]; pushing it again could charge twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the attempt was pushed or ended before")]
pub struct AlreadyPushed;

impl Attempt {
    /// The last moment before the push leaves.
    pub fn submit(self, now: DateTime<Utc>) -> Result<Attempt, AlreadyPushed> {
        match self.state {
            AttemptState::Created => Ok(Attempt {
                state: AttemptState::Submitting,
                submitted_at: Some(now),
                ..self
            }),
            _ => Err(AlreadyPushed),
        }
    }

    /// Another attempt has paid first; only one that never left can be taken back.
    pub fn withdraw(self) -> Attempt {
        match self.state {
            AttemptState::Created => Attempt {
                state: AttemptState::Withdrawn,
                ..self
            },
            _ => self,
        }
    }

    /// Goes where the evidence leads. What was paid stays paid, and what has ended does not open again:
    /// doubt about an ended attempt is a person's to settle.
    pub fn follow(self, verdict: &Verdict, ids: Option<PromptIds>) -> Attempt {
        let ids = ids.or_else(|| self.state.ids().cloned());
        let state = match (&self.state, verdict) {
            (AttemptState::Paid { certain, .. }, verdict) => AttemptState::Paid {
                ids,
                certain: *certain || matches!(verdict, Verdict::Paid { certain: true, .. }),
            },
            (_, Verdict::Paid { certain, .. }) => AttemptState::Paid {
                ids,
                certain: *certain,
            },
            (_, Verdict::Mismatched { .. } | Verdict::Unresolved) => AttemptState::Operator { ids },
            (AttemptState::Operator { .. } | AttemptState::Withdrawn, _) => self.state,
            (_, Verdict::NotPaid { code, .. }) => AttemptState::Failed {
                ids,
                code: code.as_str().to_owned(),
            },
            (AttemptState::Failed { .. }, _) => self.state,
            (_, Verdict::Refused { why }) => AttemptState::Refused {
                why: why.name().to_owned(),
            },
            (AttemptState::Refused { .. }, _) => self.state,
            (_, Verdict::Unknown { .. }) => AttemptState::Unknown { ids },
            // A doubt that has been noted is not un-noted by another reading of the same facts.
            (AttemptState::Unknown { .. }, _) => AttemptState::Unknown { ids },
            (_, Verdict::Prompted { ids }) => AttemptState::Prompted { ids: ids.clone() },
            (_, Verdict::Waiting) => self.state,
        };
        Attempt { state, ..self }
    }
}

/// Something about a payment that the rest of the house, or the rider, must hear. Whoever settles it turns it
/// into postings, receipts and messages in the same transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// The obligation is paid; said exactly once for each.
    Paid {
        obligation: ObligationId,
        purpose: Purpose,
        amount: Money,
        /// None while only the provider's answer to our question told of it; [`News::Confirmed`] brings it.
        receipt: Option<Receipt>,
        /// One source only so far: counts, but must not be withdrawable.
        provisional: bool,
        /// The rider was told something else before.
        late: bool,
        /// This receipt lay in suspense until now: the money moves from there.
        from_suspense: bool,
    },
    /// A second independent source agrees, or the receipt of a payment became known. No new money.
    Confirmed {
        obligation: ObligationId,
        purpose: Purpose,
        amount: Money,
        receipt: Option<Receipt>,
    },
    /// The obligation ended unpaid.
    NotPaid {
        obligation: ObligationId,
        purpose: Purpose,
        amount: Money,
        sms: TextKey,
    },
    /// The rider waits and we do not know yet.
    StillChecking {
        obligation: ObligationId,
        purpose: Purpose,
        amount: Money,
    },
    /// The line was busy; the prompt comes again by itself.
    Busy {
        obligation: ObligationId,
        purpose: Purpose,
        amount: Money,
    },
    /// Money for an obligation that was already paid. It is the member's, not the fund's.
    PaidTwice {
        obligation: ObligationId,
        purpose: Purpose,
        amount: Money,
        receipt: Option<Receipt>,
        from_suspense: bool,
    },
    /// Another amount than the one asked for: what came goes to suspense.
    Mismatch {
        obligation: ObligationId,
        purpose: Purpose,
        asked: Money,
        paid: Money,
        receipt: Option<Receipt>,
        from_suspense: bool,
    },
    /// The day is over and nobody knows. A person takes over.
    Unresolved {
        obligation: ObligationId,
        purpose: Purpose,
        amount: Money,
    },
    /// A paybill payment for an account nobody here knows: it goes to suspense.
    Unallocated {
        receipt: Receipt,
        amount: Money,
        /// As typed, normalised.
        account: String,
        /// Of the payer, as far as it is shown.
        phone: Option<PhoneHint>,
    },
    /// For the people who run this, not for the rider.
    Alarm {
        attempt: Option<AttemptId>,
        alarm: Alarm,
    },
}

impl News {
    /// For counting: one of a few dozen words.
    pub fn name(&self) -> String {
        match self {
            News::Paid { late: false, .. } => "paid".to_owned(),
            News::Paid { late: true, .. } => "paid_late".to_owned(),
            News::Confirmed { .. } => "confirmed".to_owned(),
            News::NotPaid { sms, .. } => format!("unpaid_{}", sms.as_str().to_lowercase()),
            News::StillChecking { .. } => "checking".to_owned(),
            News::Busy { .. } => "busy".to_owned(),
            News::PaidTwice { .. } => "paid_twice".to_owned(),
            News::Mismatch { .. } => "mismatch".to_owned(),
            News::Unresolved { .. } => "unresolved".to_owned(),
            News::Unallocated { .. } => "unallocated".to_owned(),
            News::Alarm { alarm, .. } => format!("alarm_{}", alarm.as_str()),
        }
    }

    /// The text the rider gets, if this is for the rider. What [`News::Unallocated`] asks has no number to go to.
    pub fn text(&self) -> Option<TextKey> {
        match self {
            News::Paid { late: true, .. } => Some(TextKey::Late),
            News::Paid { .. } => Some(TextKey::Paid),
            News::NotPaid { sms, .. } => Some(*sms),
            News::StillChecking { .. } => Some(TextKey::Checking),
            News::Busy { .. } => Some(TextKey::Busy),
            News::PaidTwice { .. } => Some(TextKey::Twice),
            News::Mismatch { .. } => Some(TextKey::Mismatch),
            News::Unresolved { .. } => Some(TextKey::Unresolved),
            News::Confirmed { .. } | News::Unallocated { .. } | News::Alarm { .. } => None,
        }
    }
}

/// What an operator should look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// Two sources contradict each other about one prompt.
    Conflict,
    /// A result on the secret path that is not about this prompt, or not from the provider's addresses.
    Forged,
    /// A body on the secret path that nobody can read.
    Unreadable,
    /// A result code that is not in our table.
    UnknownCode,
    /// The receipt already belongs to another payment.
    ReceiptTwice,
    /// Another amount than asked for.
    WrongAmount,
    /// The provider refuses our configuration; pushes are stopped for a while.
    Misconfigured,
    /// The provider's quota is used up.
    Quota,
    /// A day has passed without an outcome.
    Unresolved,
    /// A paybill confirmation for a shortcode that is not ours.
    ForeignShortcode,
}

impl Alarm {
    pub fn as_str(self) -> &'static str {
        match self {
            Alarm::Conflict => "conflict",
            Alarm::Forged => "forged",
            Alarm::Unreadable => "unreadable",
            Alarm::UnknownCode => "unknown_code",
            Alarm::ReceiptTwice => "receipt_twice",
            Alarm::WrongAmount => "wrong_amount",
            Alarm::Misconfigured => "misconfigured",
            Alarm::Quota => "quota",
            Alarm::Unresolved => "unresolved",
            Alarm::ForeignShortcode => "foreign_shortcode",
        }
    }
}
