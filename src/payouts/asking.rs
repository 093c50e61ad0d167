//! Asking for money to leave: its hold, its row and its job in one transaction. Nobody is called here.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::cooling;
use super::funding;
use super::model::{AttemptId, Payout, PayoutId, PayoutState, Purpose};
use super::rules::Rules;
use super::store;
use crate::events::Event;
use crate::fault::Fault;
use crate::jobs::Job;
use crate::ledger::{JournalId, Key, PostError, postings};
use crate::payments::{self, Receipt};
use crate::primitives::{Language, Money, Msisdn, StaffName};
use crate::wallet::{self, Limits, Sent, Spend, SpendError};
use crate::welfare::{self, FundError, SupportHeld};
use crate::work::Work;

/// Hands a payout to M-PESA.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SendPayout {
    pub payout: PayoutId,
    /// Several of these may exist for one payout; whichever comes first sends, the others find it done.
    pub not_before: DateTime<Utc>,
}

impl Job for SendPayout {
    const NAME: &'static str = "payouts.send";
    fn key(&self) -> Option<String> {
        Some(format!(
            "{}@{}",
            self.payout,
            self.not_before.timestamp_millis()
        ))
    }
}

/// Looks at an attempt again: time has passed, or M-PESA has to be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AttendAttempt {
    pub attempt: AttemptId,
    pub at: DateTime<Utc>,
}

impl Job for AttendAttempt {
    const NAME: &'static str = "payouts.attend";
    fn key(&self) -> Option<String> {
        Some(format!("{}@{}", self.attempt, self.at.timestamp_millis()))
    }
}

/// Reads a stored body and applies it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReadEvidence {
    pub evidence: i64,
}

impl Job for ReadEvidence {
    const NAME: &'static str = "payouts.read";
}

/// A member takes money out of the own wallet.
#[derive(Clone, Debug)]
pub struct Withdrawal {
    /// Of the turn that asked: the same key again is the same withdrawal.
    pub key: String,
    pub member: Uuid,
    pub recipient: Msisdn,
    pub language: Language,
    pub amount: Money,
    pub limits: Limits,
}

/// What stands after a withdrawal was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub payout: PayoutId,
    pub fee: Money,
    pub after: Sent,
    pub needs_approval: bool,
    /// Nothing leaves at the moment: it will, and the member hears of it then.
    pub waits: bool,
}

/// Why nothing was taken.
#[derive(Debug, thiserror::Error)]
pub enum WithdrawalError {
    #[error("M-PESA does not pay out that amount")]
    NotPayable,
    #[error("a PIN, phone or SIM changed: no money leaves before {until}")]
    CoolingOff { until: DateTime<Utc> },
    #[error(transparent)]
    Wallet(#[from] SpendError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Takes the money and its fee out of the wallet, and writes down that it is to be paid.
pub async fn withdraw(
    work: &mut Work,
    rules: &Rules,
    asked: Withdrawal,
) -> Result<Asked, WithdrawalError> {
    if !Rules::is_payable(asked.amount) {
        return Err(WithdrawalError::NotPayable);
    }
    let now = work.now;
    if let Some(until) = cooling::cools_until(work.conn(), rules, asked.member, now).await? {
        return Err(WithdrawalError::CoolingOff { until });
    }
    let id = PayoutId(Uuid::new_v5(&asked.member, asked.key.as_bytes()));
    let fee = rules.withdrawal_fee;
    let spend = Spend {
        id: id.0,
        member: asked.member,
        amount: asked.amount + fee,
        limits: asked.limits,
    };
    let (after, hold) = wallet::withdraw(work, spend).await?;
    let purpose = Purpose::Withdrawal {
        member: asked.member,
    };
    let payout = new_payout(
        work,
        rules,
        NewPayout {
            id,
            purpose,
            recipient: asked.recipient,
            language: asked.language,
            amount: asked.amount,
            fee,
            asked_by: None,
            reason: None,
            hold,
        },
    );
    let needs_approval = payout.needs_approval;
    begin(work, payout, &asked.key).await?;
    let waits = store::brake(work.conn()).await?.holds(now).is_some();
    Ok(Asked {
        payout: id,
        fee,
        after,
        needs_approval,
        waits,
    })
}

/// Staff ask for money for somebody in trouble.
#[derive(Clone, Debug)]
pub struct SupportAsked {
    pub emergency: Uuid,
    pub member: Uuid,
    /// The stage whose fund gives it.
    pub stage: i32,
    pub recipient: Msisdn,
    pub language: Language,
    pub amount: Money,
    pub by: StaffName,
    pub reason: Option<String>,
}

/// Why no support was asked for.
#[derive(Debug, thiserror::Error)]
pub enum SupportError {
    #[error("support is KES 10 to 150,000, without cents")]
    NotPayable,
    /// The transaction is spent.
    #[error("the fund of the stage holds less than that")]
    FundLacks,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Takes the money out of the stage's fund, and writes down that it is to be paid to the member in trouble.
pub async fn support(
    work: &mut Work,
    rules: &Rules,
    asked: SupportAsked,
) -> Result<PayoutId, SupportError> {
    if !Rules::is_payable(asked.amount) {
        return Err(SupportError::NotPayable);
    }
    let id = PayoutId(Uuid::now_v7());
    let held = SupportHeld {
        member: asked.member,
        stage: asked.stage,
        amount: asked.amount,
        payout: id.0,
    };
    let hold = match welfare::support_held(work, held).await {
        Ok(welfare::Outcome::Booked(journal) | welfare::Outcome::AlreadyDone(journal)) => journal,
        Err(FundError::Refused(PostError::Overdrawn)) => return Err(SupportError::FundLacks),
        Err(FundError::Fault(fault)) => return Err(fault.into()),
        Err(refused) => return Err(Fault::broken(format!("support {id}: {refused}")).into()),
    };
    let payout = new_payout(
        work,
        rules,
        NewPayout {
            id,
            purpose: Purpose::Support {
                member: asked.member,
                stage: asked.stage,
                emergency: asked.emergency,
            },
            recipient: asked.recipient,
            language: asked.language,
            amount: asked.amount,
            fee: Money::ZERO,
            asked_by: Some(asked.by),
            reason: asked.reason,
            hold,
        },
    );
    begin(work, payout, &id.to_string()).await?;
    Ok(id)
}

/// Staff ask for money in suspense to go back to whoever paid it.
#[derive(Clone, Debug)]
pub struct RefundAsked {
    /// M-PESA's receipt of the payment.
    pub refunded: Receipt,
    /// The payer's number, which M-PESA shows us only in part.
    pub recipient: Msisdn,
    pub language: Language,
    pub by: StaffName,
    pub reason: Option<String>,
}

/// Why no refund was asked for.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    #[error("no payment with this receipt waits in suspense")]
    NotInSuspense,
    #[error("what M-PESA has shown of the payer's number is not of this phone")]
    OtherPayer,
    #[error("M-PESA pays out whole shillings from KES 10 to 150,000; this was KES {0}")]
    NotPayable(Money),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Takes the money out of suspense, and writes down that it is to go back. A refusal leaves it there, unless the work is
/// committed in spite of it.
pub async fn refund(
    work: &mut Work,
    rules: &Rules,
    asked: RefundAsked,
) -> Result<(PayoutId, Money), RefundError> {
    let taken = payments::take_for_refund(work, &asked.refunded)
        .await?
        .ok_or(RefundError::NotInSuspense)?;
    let amount = taken.amount;
    if !taken.may_be_of(&asked.recipient) {
        return Err(RefundError::OtherPayer);
    }
    if !Rules::is_payable(amount) {
        return Err(RefundError::NotPayable(amount));
    }
    let id = PayoutId(Uuid::now_v7());
    let posting = postings::payouts::refund_held(id.0, amount);
    let hold = funding::post(work, posting, Key::of("payout_held", id)).await?;
    let payout = new_payout(
        work,
        rules,
        NewPayout {
            id,
            purpose: Purpose::Refund {
                refunded: asked.refunded,
            },
            recipient: asked.recipient,
            language: asked.language,
            amount,
            fee: Money::ZERO,
            asked_by: Some(asked.by),
            reason: asked.reason,
            hold,
        },
    );
    begin(work, payout, &id.to_string()).await?;
    Ok((id, amount))
}

struct NewPayout {
    id: PayoutId,
    purpose: Purpose,
    recipient: Msisdn,
    language: Language,
    amount: Money,
    fee: Money,
    asked_by: Option<StaffName>,
    reason: Option<String>,
    hold: JournalId,
}

fn new_payout(work: &Work, rules: &Rules, new: NewPayout) -> Payout {
    let needs_approval = rules.needs_approval(&new.purpose, new.amount);
    let reason = new
        .reason
        .map(|reason| reason.trim().chars().take(200).collect::<String>());
    Payout {
        id: new.id,
        purpose: new.purpose,
        recipient: new.recipient,
        language: new.language,
        amount: new.amount,
        fee: new.fee,
        state: match needs_approval {
            true => PayoutState::Asked,
            false => PayoutState::Ready,
        },
        asked_by: new.asked_by.map(|by| by.to_string()),
        asked_at: work.now,
        reason: reason.filter(|reason| !reason.is_empty()),
        needs_approval,
        decided_by: None,
        ready_since: (!needs_approval).then_some(work.now),
        not_before: work.now + SETTLE_DOWN,
        slow_told_at: None,
        receipt: None,
        ended_by: None,
        hold: new.hold,
    }
}

/// M-PESA's message comes after our last screen, not over it.
const SETTLE_DOWN: TimeDelta = TimeDelta::seconds(2);

async fn begin(work: &mut Work, payout: Payout, key: &str) -> Result<(), Fault> {
    store::insert(work.conn(), &payout, key).await?;
    if payout.state == PayoutState::Ready {
        send_later(work, &payout).await?;
    }
    work.record(PayoutAsked {
        payout: payout.id,
        purpose: payout.purpose.name(),
        cents: payout.amount.cents(),
        by: payout.asked_by,
        needs_approval: payout.needs_approval,
    })
    .await
}

/// Writes down that a payout is to be sent as soon as it may.
pub(super) async fn send_later(work: &mut Work, payout: &Payout) -> Result<(), Fault> {
    work.enqueue_at(
        SendPayout {
            payout: payout.id,
            not_before: payout.not_before,
        },
        payout.not_before,
    )
    .await
}

/// Writes down again whatever should have happened by now and has not. Safe to run at any time: it looks at the state.
pub(super) async fn sweep(work: &mut Work) -> Result<usize, Fault> {
    let now = work.now;
    let overdue = store::overdue(work.conn(), now - SWEEP_GRACE).await?;
    let found = overdue.to_send.len() + overdue.to_attend.len() + overdue.to_read.len();
    // What has arrived is read before anybody concludes from its absence.
    for evidence in overdue.to_read {
        work.enqueue(ReadEvidence { evidence }).await?;
    }
    for attempt in overdue.to_attend {
        work.enqueue(AttendAttempt { attempt, at: now }).await?;
    }
    if store::brake(work.conn()).await?.holds(now).is_none() {
        for payout in overdue.to_send {
            work.enqueue(SendPayout {
                payout,
                not_before: now,
            })
            .await?;
        }
    }
    Ok(found)
}

/// Longer than any job waits of its own accord, so that the sweep repairs and does not race.
const SWEEP_GRACE: TimeDelta = TimeDelta::seconds(90);

#[derive(Serialize)]
struct PayoutAsked {
    payout: PayoutId,
    purpose: &'static str,
    cents: i64,
    by: Option<String>,
    needs_approval: bool,
}

impl Event for PayoutAsked {
    const NAME: &'static str = "payout.asked";
    fn subject(&self) -> Uuid {
        self.payout.0
    }
}
