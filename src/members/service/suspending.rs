//! Staff take a member's rights for a while, and give them back.

use serde::Serialize;
use uuid::Uuid;

use crate::events::Event;
use crate::fault::Fault;
use crate::members::model::{Member, MemberId, StatusWord, Who};
use crate::members::store;
use crate::members::words::Reason;
use crate::work::Work;

#[derive(Debug, thiserror::Error)]
pub enum SuspendError {
    #[error("there is no such member")]
    NotFound,
    #[error("this cannot be done to a member who is {0}")]
    NotPossible(StatusWord),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The reason is for the member's eyes: it stays in the row and out of the history.
#[derive(Serialize)]
struct MemberSuspended {
    member: MemberId,
}

impl Event for MemberSuspended {
    const NAME: &'static str = "member.suspended";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

#[derive(Serialize)]
struct MemberReinstated {
    member: MemberId,
    status: StatusWord,
}

impl Event for MemberReinstated {
    const NAME: &'static str = "member.reinstated";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

/// Nothing but alarms is open to the member from now on. Gives back the member for whoever tells them.
pub async fn suspend(work: &mut Work, who: &Who, reason: Reason) -> Result<Member, SuspendError> {
    let member = store::lock(work.conn(), who)
        .await?
        .ok_or(SuspendError::NotFound)?;
    let member = member.suspend(reason).map_err(SuspendError::NotPossible)?;
    let now = work.now;
    store::save_status(work.conn(), &member, now).await?;
    work.record(MemberSuspended { member: member.id }).await?;
    Ok(member)
}

/// Everything is as it was before the suspension.
pub async fn reinstate(work: &mut Work, who: &Who) -> Result<Member, SuspendError> {
    let member = store::lock(work.conn(), who)
        .await?
        .ok_or(SuspendError::NotFound)?;
    let member = member.reinstate().map_err(SuspendError::NotPossible)?;
    let now = work.now;
    store::save_status(work.conn(), &member, now).await?;
    let status = member.status.word();
    work.record(MemberReinstated {
        member: member.id,
        status,
    })
    .await?;
    Ok(member)
}
