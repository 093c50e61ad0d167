//! Issuing, paying and cancelling.

use chrono::NaiveDate;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{Invoice, InvoiceId, InvoiceState, Issue, PaidFrom};
use super::store;
use crate::events::Event;
use crate::fault::Fault;
use crate::ledger::JournalId;
use crate::members::MemberId;
use crate::work::Work;

#[derive(Serialize)]
struct InvoiceIssued {
    invoice: InvoiceId,
    member: MemberId,
    what: &'static str,
    cents: i64,
}

impl Event for InvoiceIssued {
    const NAME: &'static str = "invoice.issued";
    fn subject(&self) -> Uuid {
        self.invoice.0
    }
}

#[derive(Serialize)]
struct InvoicePaid {
    invoice: InvoiceId,
    member: MemberId,
    payment: Uuid,
    from: &'static str,
}

impl Event for InvoicePaid {
    const NAME: &'static str = "invoice.paid";
    fn subject(&self) -> Uuid {
        self.invoice.0
    }
}

#[derive(Serialize)]
struct InvoiceCancelled {
    invoice: InvoiceId,
    member: MemberId,
}

impl Event for InvoiceCancelled {
    const NAME: &'static str = "invoice.cancelled";
    fn subject(&self) -> Uuid {
        self.invoice.0
    }
}

/// Why an invoice cannot be cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    #[error("there is no such invoice")]
    NotFound,
    #[error("only an open invoice can be cancelled")]
    NotOpen,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Writes an invoice; true with one that was not there before.
pub async fn issue(work: &mut Work, issue: Issue) -> Result<(Invoice, bool), Fault> {
    let (id, now) = (InvoiceId(Uuid::now_v7()), work.now);
    let fresh = store::insert(work.conn(), id, &issue, now).await?;
    let invoice = store::by_key(work.conn(), &issue.key)
        .await?
        .ok_or_else(|| Fault::broken("an invoice collides with another open one"))?;
    if fresh {
        work.record(InvoiceIssued {
            invoice: invoice.id,
            member: invoice.member,
            what: invoice.what.as_str(),
            cents: invoice.amount.cents(),
        })
        .await?;
    }
    Ok((invoice, fresh))
}

pub async fn find(conn: &mut PgConnection, id: InvoiceId) -> Result<Option<Invoice>, Fault> {
    store::find(conn, id).await
}

/// As [`find`], and nobody else pays or cancels it before this work is over.
pub async fn lock(work: &mut Work, id: InvoiceId) -> Result<Option<Invoice>, Fault> {
    store::lock(work.conn(), id).await
}

/// What this member has to pay, the earliest due first.
pub async fn open_of(conn: &mut PgConnection, member: MemberId) -> Result<Vec<Invoice>, Fault> {
    store::open_of(conn, member).await
}

/// This payment has paid the invoice, which the caller holds and has found open.
pub async fn paid(
    work: &mut Work,
    invoice: &Invoice,
    payment: Uuid,
    from: PaidFrom,
    journal: JournalId,
) -> Result<(), Fault> {
    let now = work.now;
    store::insert_payment(work.conn(), invoice, payment, from, journal, now).await?;
    store::close(work.conn(), invoice.id, "paid", None, now).await?;
    work.record(InvoicePaid {
        invoice: invoice.id,
        member: invoice.member,
        payment,
        from: from.as_str(),
    })
    .await
}

/// Nothing is to be paid any more. Money that is on its way for it goes to the member's wallet.
pub async fn cancel(work: &mut Work, id: InvoiceId, reason: &str) -> Result<Invoice, CancelError> {
    let invoice = lock(work, id).await?.ok_or(CancelError::NotFound)?;
    if invoice.state != InvoiceState::Open {
        return Err(CancelError::NotOpen);
    }
    let now = work.now;
    store::close(work.conn(), id, "cancelled", Some(reason), now).await?;
    work.record(InvoiceCancelled {
        invoice: id,
        member: invoice.member,
    })
    .await?;
    Ok(invoice)
}

/// The open renewal invoice of this member, if `is_right` says that it still is; any other is cancelled. For whoever holds the
/// member's membership.
pub async fn replace(
    work: &mut Work,
    member: MemberId,
    is_right: impl Fn(&Invoice) -> bool,
) -> Result<Option<Invoice>, Fault> {
    let Some(open) = store::lock_open_renewal(work.conn(), member).await? else {
        return Ok(None);
    };
    if is_right(&open) {
        return Ok(Some(open));
    }
    match cancel(work, open.id, "another amount or another year").await {
        Ok(_) | Err(CancelError::NotFound | CancelError::NotOpen) => Ok(None),
        Err(CancelError::Fault(fault)) => Err(fault),
    }
}

/// Marks what was due before today and not paid, fees and fines alone, at most so many; each is given once, for whoever tells
/// the member in the same work.
pub async fn fall_overdue(
    work: &mut Work,
    today: NaiveDate,
    at_most: i64,
) -> Result<Vec<Invoice>, Fault> {
    let now = work.now;
    store::mark_overdue(work.conn(), today, now, at_most).await
}
