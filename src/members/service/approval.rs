//! Staff say yes or no to a rider who asked to join.

use serde::Serialize;
use uuid::Uuid;

use crate::events::Event;
use crate::fault::Fault;
use crate::members::model::{ApprovalRefused, Fee, MemberId, StatusWord, Who};
use crate::members::store;
use crate::members::words::{Name, Reason};
use crate::primitives::{Language, Msisdn};
use crate::work::Work;

/// What the welcome needs. The member number follows with [`super::numbering::number_pending`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    pub id: MemberId,
    pub msisdn: Msisdn,
    pub language: Language,
    pub first_name: Name,
    /// `Active`, or `Approved` when the fee may follow.
    pub status: StatusWord,
}

#[derive(Debug, thiserror::Error)]
pub enum ApproveError {
    #[error("there is no such member")]
    NotFound,
    #[error(transparent)]
    Refused(#[from] ApprovalRefused),
    #[error(transparent)]
    Fault(#[from] Fault),
}

#[derive(Serialize)]
struct MemberApproved {
    member: MemberId,
    status: StatusWord,
}

impl Event for MemberApproved {
    const NAME: &'static str = "member.approved";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

/// Pending becomes active, or approved when the fee may follow. Who approved stands in the work's actor.
pub async fn approve(work: &mut Work, who: &Who, fee: Fee) -> Result<Approved, ApproveError> {
    let member = store::lock(work.conn(), who)
        .await?
        .ok_or(ApproveError::NotFound)?;
    let member = member.approve(fee, work.now)?;
    let now = work.now;
    store::save_status(work.conn(), &member, now).await?;
    let status = member.status.word();
    work.record(MemberApproved {
        member: member.id,
        status,
    })
    .await?;
    Ok(Approved {
        id: member.id,
        msisdn: member.msisdn,
        language: member.language,
        first_name: member.first_name,
        status,
    })
}

/// What the sad message needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub id: MemberId,
    pub msisdn: Msisdn,
    pub language: Language,
    pub first_name: Name,
    pub reason: Reason,
    /// True when the registration fee had been paid: it is owed back.
    pub fee_was_paid: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum RefuseError {
    #[error("there is no such member")]
    NotFound,
    #[error("only a pending member can be refused; this one is {0}")]
    NotPending(StatusWord),
    #[error(transparent)]
    Fault(#[from] Fault),
}

#[derive(Serialize)]
struct MemberRefused {
    member: MemberId,
}

impl Event for MemberRefused {
    const NAME: &'static str = "member.refused";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

/// Pending becomes refused. The reason is for the rider's eyes: it stays in the member's row and out of the history.
pub async fn refuse(work: &mut Work, who: &Who, reason: Reason) -> Result<Refused, RefuseError> {
    let member = store::lock(work.conn(), who)
        .await?
        .ok_or(RefuseError::NotFound)?;
    let member = member
        .refuse(reason.clone())
        .map_err(RefuseError::NotPending)?;
    let now = work.now;
    store::save_status(work.conn(), &member, now).await?;
    work.record(MemberRefused { member: member.id }).await?;
    let fee_was_paid = member.fee_paid_at.is_some();
    Ok(Refused {
        id: member.id,
        msisdn: member.msisdn,
        language: member.language,
        first_name: member.first_name,
        reason,
        fee_was_paid,
    })
}
