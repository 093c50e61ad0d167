//! The second person: yes or no to what somebody else asked for.

use serde::Serialize;
use uuid::Uuid;

use super::asking::send_later;
use super::model::{Payout, PayoutId, PayoutState};
use super::settling::{self, Back};
use super::store;
use crate::events::Event;
use crate::fault::Fault;
use crate::primitives::StaffName;
use crate::work::Work;

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    #[error("there is no such payout")]
    NotFound,
    #[error("nobody waits for a decision about it: it is {}", .0.as_str())]
    NotAsked(PayoutState),
    #[error("whoever asks for money does not decide about it")]
    SamePerson,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A second person agrees: the money leaves.
pub async fn approve(work: &mut Work, id: PayoutId, by: &StaffName) -> Result<Payout, DecideError> {
    let mut payout = undecided(work, id, by).await?;
    let now = work.now;
    store::decide(work.conn(), id, by, now).await?;
    payout.decided_by = Some(by.to_string());
    payout.step(PayoutState::Ready)?;
    payout.ready_since = Some(now);
    payout.not_before = now;
    store::set_state(work.conn(), &payout, now).await?;
    store::note(work.conn(), id, Some(by), "approved", now).await?;
    send_later(work, &payout).await?;
    note_decision(work, id, by, true).await?;
    Ok(payout)
}

/// A second person says no: the money is back where it came from, and the member is told.
pub async fn refuse(
    work: &mut Work,
    id: PayoutId,
    by: &StaffName,
    reason: &str,
) -> Result<Payout, DecideError> {
    let payout = undecided(work, id, by).await?;
    let now = work.now;
    store::decide(work.conn(), id, by, now).await?;
    let what = format!("refused: {reason}");
    store::note(work.conn(), id, Some(by), &what, now).await?;
    note_decision(work, id, by, false).await?;
    Ok(settling::give_back(work, payout, Back::Refused).await?)
}

async fn undecided(work: &mut Work, id: PayoutId, by: &StaffName) -> Result<Payout, DecideError> {
    let payout = store::lock(work.conn(), id)
        .await?
        .ok_or(DecideError::NotFound)?;
    if payout.state != PayoutState::Asked {
        return Err(DecideError::NotAsked(payout.state));
    }
    if payout.asked_by.as_deref() == Some(by.as_str()) {
        return Err(DecideError::SamePerson);
    }
    Ok(payout)
}

async fn note_decision(
    work: &mut Work,
    payout: PayoutId,
    by: &StaffName,
    approved: bool,
) -> Result<(), Fault> {
    work.record(PayoutDecided {
        payout,
        by: by.to_string(),
        approved,
    })
    .await
}

#[derive(Serialize)]
struct PayoutDecided {
    payout: PayoutId,
    by: String,
    approved: bool,
}

impl Event for PayoutDecided {
    const NAME: &'static str = "payout.decided";
    fn subject(&self) -> Uuid {
        self.payout.0
    }
}
