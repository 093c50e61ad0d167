//! A policy is cancelled, and what was paid for its unused days comes back to the wallet.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{product_of, refused};
use crate::events::Event;
use crate::fault::Fault;
use crate::insurance::policy::{NotNow, Policy, PolicyId};
use crate::insurance::product::Shelf;
use crate::insurance::refund::{Refund, refund};
use crate::insurance::{store, telling};
use crate::ledger::{self, Key, postings::insurance as postings};
use crate::wallet::{self, What};
use crate::work::Work;

/// A policy that is over, and what came back.
#[derive(Clone, Debug)]
pub struct Cancelled {
    pub policy: Policy,
    pub refund: Refund,
}

#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    #[error("there is no such policy")]
    NoSuchPolicy,
    #[error(transparent)]
    NotNow(#[from] NotNow),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What would come back of a policy at this moment.
pub async fn refund_if_cancelled(
    conn: &mut PgConnection,
    shelf: &Shelf,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Refund, Fault> {
    let percent = product_of(shelf, policy)?.refund_percent;
    let unused = store::premiums::unused(conn, policy.id, now).await?;
    Ok(refund(&unused, percent, now))
}

/// Ends a policy for good. `member` is its holder, where the holder asks.
pub async fn cancel(
    work: &mut Work,
    shelf: &Shelf,
    policy: PolicyId,
    member: Option<Uuid>,
) -> Result<Cancelled, CancelError> {
    let now = work.now;
    let locked = store::policies::lock(work.conn(), policy).await?;
    let policy = locked
        .filter(|policy| member.is_none_or(|member| member == policy.member))
        .ok_or(CancelError::NoSuchPolicy)?;
    let back = refund_if_cancelled(work.conn(), shelf, &policy, now).await?;
    let policy = policy.cancel(now)?;
    store::policies::save(work.conn(), &policy, None).await?;
    if back.amount.is_positive() {
        give_back(work, &policy, back).await?;
    }
    work.record(PolicyCancelled {
        policy: policy.id,
        refund_cents: back.amount.cents(),
    })
    .await?;
    telling::tell_of_cancelling(work, shelf, &policy, back.amount).await?;
    Ok(Cancelled {
        policy,
        refund: back,
    })
}

async fn give_back(work: &mut Work, policy: &Policy, back: Refund) -> Result<(), Fault> {
    let (now, id, insurer) = (work.now, policy.id.0, policy.insurer.as_str());
    let unpostable = |why| Fault::broken(format!("a refund that cannot be posted: {why}"));
    if back.commission.is_positive() {
        let returned = postings::commission_returned(id, insurer, back.commission);
        ledger::post(
            work,
            returned.map_err(unpostable)?,
            Key::of("commission_returned", id),
        )
        .await
        .map_err(refused)?;
    }
    let posting = postings::premium_refunded(id, policy.member, insurer, back.amount);
    let posted = ledger::post(
        work,
        posting.map_err(unpostable)?,
        Key::of("premium_refund", id),
    )
    .await
    .map_err(refused)?;
    store::premiums::insert_refund(work.conn(), policy.id, back, posted.journal, now).await?;
    let what = What::PremiumRefund;
    wallet::note(work, policy.member, what, back.amount, posted.journal).await
}

#[derive(Serialize)]
struct PolicyCancelled {
    policy: PolicyId,
    refund_cents: i64,
}

impl Event for PolicyCancelled {
    const NAME: &'static str = "insurance.cancelled";
    fn subject(&self) -> Uuid {
        self.policy.0
    }
}
