//! The tables `invoice` and `invoice_payment`.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{Invoice, InvoiceId, InvoiceState, Issue, PaidFrom, What};
use crate::fault::Fault;
use crate::ledger::JournalId;
use crate::members::MemberId;
use crate::primitives::Money;

struct InvoiceRow {
    id: Uuid,
    number: i64,
    member_id: Uuid,
    what: String,
    cents: i64,
    reason: Option<String>,
    after_day: Option<NaiveDate>,
    issued_at: DateTime<Utc>,
    due_on: NaiveDate,
    state: String,
}

impl TryFrom<InvoiceRow> for Invoice {
    type Error = Fault;

    fn try_from(row: InvoiceRow) -> Result<Invoice, Fault> {
        let broken = || Fault::broken(format!("invoice {} makes no sense", row.id));
        let what = match (row.what.as_str(), row.after_day, row.reason) {
            ("renewal", Some(after_day), None) => What::Renewal { after_day },
            ("fee", None, Some(reason)) => What::Fee { reason },
            ("fine", None, Some(reason)) => What::Fine { reason },
            _ => return Err(broken()),
        };
        Ok(Invoice {
            id: InvoiceId(row.id),
            number: row.number,
            member: MemberId(row.member_id),
            what,
            amount: Money::from_cents(row.cents),
            issued_at: row.issued_at,
            due_on: row.due_on,
            state: InvoiceState::parse(&row.state).ok_or_else(broken)?,
        })
    }
}

/// False when the key is used, or a renewal of this member is open.
pub(super) async fn insert(
    conn: &mut PgConnection,
    id: InvoiceId,
    issue: &Issue,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let inserted = sqlx::query!(
        "insert into invoice (id, key, member_id, what, cents, reason, after_day, issued_by, issued_at, due_on)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing",
        id.0,
        issue.key,
        issue.member.0,
        issue.what.as_str(),
        issue.amount.cents(),
        issue.what.reason(),
        issue.what.after_day(),
        issue.by,
        now,
        issue.due_on
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub(super) async fn by_key(conn: &mut PgConnection, key: &str) -> Result<Option<Invoice>, Fault> {
    sqlx::query_as!(
        InvoiceRow,
        "select id, number, member_id, what, cents, reason, after_day, issued_at, due_on, state from invoice where key = $1",
        key
    )
    .fetch_optional(conn)
    .await?
    .map(Invoice::try_from)
    .transpose()
}

pub(super) async fn find(conn: &mut PgConnection, id: InvoiceId) -> Result<Option<Invoice>, Fault> {
    sqlx::query_as!(
        InvoiceRow,
        "select id, number, member_id, what, cents, reason, after_day, issued_at, due_on, state from invoice where id = $1",
        id.0
    )
    .fetch_optional(conn)
    .await?
    .map(Invoice::try_from)
    .transpose()
}

pub(super) async fn lock(conn: &mut PgConnection, id: InvoiceId) -> Result<Option<Invoice>, Fault> {
    sqlx::query_as!(
        InvoiceRow,
        "select id, number, member_id, what, cents, reason, after_day, issued_at, due_on, state from invoice where id = $1
         for update",
        id.0
    )
    .fetch_optional(conn)
    .await?
    .map(Invoice::try_from)
    .transpose()
}

pub(super) async fn lock_open_renewal(
    conn: &mut PgConnection,
    member: MemberId,
) -> Result<Option<Invoice>, Fault> {
    sqlx::query_as!(
        InvoiceRow,
        "select id, number, member_id, what, cents, reason, after_day, issued_at, due_on, state from invoice
         where member_id = $1 and what = 'renewal' and state = 'open' for update",
        member.0
    )
    .fetch_optional(conn)
    .await?
    .map(Invoice::try_from)
    .transpose()
}

pub(super) async fn open_of(
    conn: &mut PgConnection,
    member: MemberId,
) -> Result<Vec<Invoice>, Fault> {
    sqlx::query_as!(
        InvoiceRow,
        "select id, number, member_id, what, cents, reason, after_day, issued_at, due_on, state from invoice
         where member_id = $1 and state = 'open' order by due_on, number limit 30",
        member.0
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(Invoice::try_from)
    .collect()
}

pub(super) async fn insert_payment(
    conn: &mut PgConnection,
    invoice: &Invoice,
    payment: Uuid,
    from: PaidFrom,
    journal: JournalId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into invoice_payment (invoice_id, cents, payment_id, paid_from, journal_id, at) values ($1, $2, $3, $4, $5, $6)",
        invoice.id.0,
        invoice.amount.cents(),
        payment,
        from.as_str(),
        journal.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// `state` is one of those that end it.
pub(super) async fn close(
    conn: &mut PgConnection,
    id: InvoiceId,
    state: &'static str,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update invoice set state = $2, cancel_reason = $3, closed_at = $4 where id = $1",
        id.0,
        state,
        reason,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn mark_overdue(
    conn: &mut PgConnection,
    today: NaiveDate,
    now: DateTime<Utc>,
    at_most: i64,
) -> Result<Vec<Invoice>, Fault> {
    sqlx::query_as!(
        InvoiceRow,
        "update invoice set overdue_at = $2
         where id in (select id from invoice where state = 'open' and overdue_at is null and due_on < $1 and what <> 'renewal'
                      order by due_on limit $3 for update skip locked)
         returning id, number, member_id, what, cents, reason, after_day, issued_at, due_on, state",
        today,
        now,
        at_most
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(Invoice::try_from)
    .collect()
}
