//! The SQL of inflows.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::payments::evidence::Receipt;
use crate::payments::model::{AttemptId, ObligationId};
use crate::primitives::Money;

/// Which of these receipts belong to something else than this attempt.
pub(in crate::payments) async fn receipts_elsewhere(
    conn: &mut PgConnection,
    receipts: &[String],
    attempt: AttemptId,
) -> Result<BTreeSet<Receipt>, Fault> {
    let rows = sqlx::query_scalar!(
        r#"select receipt as "receipt!" from inflow
           where provider = 'mpesa' and receipt = any($1) and attempt_id is distinct from $2 and (attempt_id is not null or state = 'direct')"#,
        receipts,
        attempt.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .iter()
        .filter_map(|receipt| Receipt::parse(receipt))
        .collect())
}

/// A row of money that came.
pub(in crate::payments) struct Inflow {
    pub id: Uuid,
    pub receipt: Option<Receipt>,
    pub attempt: Option<AttemptId>,
    pub amount: Money,
    /// It is the one that pays its obligation.
    pub is_credit: bool,
    /// It went to a member without having been asked for.
    pub is_direct: bool,
}

pub(in crate::payments) async fn inflows_of(
    conn: &mut PgConnection,
    attempt: AttemptId,
) -> Result<Vec<Inflow>, Fault> {
    let rows = sqlx::query!(r#"select id, receipt, attempt_id, amount_cents, state = 'allocated' as "is_credit!", state = 'direct' as "is_direct!"
               from inflow where attempt_id = $1"#, attempt.0)
        .fetch_all(conn)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| Inflow {
            id: row.id,
            receipt: row.receipt.as_deref().and_then(Receipt::parse),
            attempt: row.attempt_id.map(AttemptId),
            amount: Money::from_cents(row.amount_cents),
            is_credit: row.is_credit,
            is_direct: row.is_direct,
        })
        .collect())
}

pub(in crate::payments) async fn lock_inflow(
    conn: &mut PgConnection,
    receipt: &Receipt,
) -> Result<Option<Inflow>, Fault> {
    let row = sqlx::query!(
        r#"select id, receipt, attempt_id, amount_cents, state = 'allocated' as "is_credit!", state = 'direct' as "is_direct!"
           from inflow where provider = 'mpesa' and receipt = $1 for update"#,
        receipt.as_str()
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Inflow {
        id: row.id,
        receipt: row.receipt.as_deref().and_then(Receipt::parse),
        attempt: row.attempt_id.map(AttemptId),
        amount: Money::from_cents(row.amount_cents),
        is_credit: row.is_credit,
        is_direct: row.is_direct,
    }))
}

/// What an inflow is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::payments) enum Share {
    /// It pays the obligation; the database allows one for each.
    Allocated,
    /// The obligation was paid before.
    Extra,
    /// Nobody's yet.
    Suspense,
}

impl Share {
    fn name(self) -> &'static str {
        match self {
            Share::Allocated => "allocated",
            Share::Extra => "extra",
            Share::Suspense => "suspense",
        }
    }
}

pub(in crate::payments) struct NewInflow<'a> {
    pub receipt: Option<&'a Receipt>,
    pub amount: Money,
    pub of: Option<(ObligationId, AttemptId)>,
    pub payer_hint: Option<&'a str>,
    pub account: Option<&'a str>,
    pub share: Share,
    pub at: DateTime<Utc>,
}

/// False when the receipt is already known.
pub(in crate::payments) async fn insert_inflow(
    conn: &mut PgConnection,
    new: NewInflow<'_>,
) -> Result<bool, Fault> {
    let inserted = sqlx::query!(
        "insert into inflow (id, provider, receipt, amount_cents, obligation_id, attempt_id, payer_hint, account, state, received_at)
         values ($1, 'mpesa', $2, $3, $4, $5, $6, $7, $8, $9) on conflict (provider, receipt) do nothing",
        Uuid::now_v7(),
        new.receipt.map(Receipt::as_str),
        new.amount.cents(),
        new.of.map(|(obligation, _)| obligation.0),
        new.of.map(|(_, attempt)| attempt.0),
        new.payer_hint,
        new.account,
        new.share.name(),
        new.at
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Money from suspense finds its attempt.
pub(in crate::payments) async fn claim_inflow(
    conn: &mut PgConnection,
    inflow: Uuid,
    obligation: ObligationId,
    attempt: AttemptId,
    share: Share,
) -> Result<(), Fault> {
    sqlx::query!(
        "update inflow set obligation_id = $2, attempt_id = $3, state = $4 where id = $1",
        inflow,
        obligation.0,
        attempt.0,
        share.name()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The receipt of a payment that was known without one. False when the receipt belongs to another payment.
pub(in crate::payments) async fn name_inflow(
    conn: &mut PgConnection,
    inflow: Uuid,
    receipt: &Receipt,
) -> Result<bool, Fault> {
    let named = sqlx::query!(
        "update inflow set receipt = $2 where id = $1
         and not exists (select 1 from inflow other where other.provider = 'mpesa' and other.receipt = $2)",
        inflow,
        receipt.as_str()
    )
    .execute(conn)
    .await?;
    Ok(named.rows_affected() == 1)
}

/// Money in suspense becomes this member's; the amount, or none when no payment with this receipt waits there.
pub(in crate::payments) async fn give_to_member(
    conn: &mut PgConnection,
    receipt: &Receipt,
    member: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Money>, Fault> {
    let cents = sqlx::query_scalar!(
        "update inflow set state = 'direct', member_id = $2, allocated_at = $3
         where provider = 'mpesa' and receipt = $1 and state = 'suspense' returning amount_cents",
        receipt.as_str(),
        member,
        now
    )
    .fetch_optional(conn)
    .await?;
    Ok(cents.map(Money::from_cents))
}

/// Money in suspense is to go back to its payer; the amount and what was shown of their number, or none when no payment with
/// this receipt waits there.
pub(in crate::payments) async fn take_for_refund(
    conn: &mut PgConnection,
    receipt: &Receipt,
) -> Result<Option<(Money, Option<String>)>, Fault> {
    let taken = sqlx::query!(
        "update inflow set state = 'refund'
         where provider = 'mpesa' and receipt = $1 and state = 'suspense' and attempt_id is null
         returning amount_cents, payer_hint",
        receipt.as_str()
    )
    .fetch_optional(conn)
    .await?;
    Ok(taken.map(|row| (Money::from_cents(row.amount_cents), row.payer_hint)))
}

/// False when the payment was not on its way back.
pub(in crate::payments) async fn put_back(
    conn: &mut PgConnection,
    receipt: &Receipt,
) -> Result<bool, Fault> {
    let back = sqlx::query!(
        "update inflow set state = 'suspense' where provider = 'mpesa' and receipt = $1 and state = 'refund'",
        receipt.as_str()
    )
    .execute(conn)
    .await?;
    Ok(back.rows_affected() == 1)
}

/// A payment that came, as whoever compares it with other books sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Came {
    pub id: Uuid,
    /// None while only an answer to our question told of it.
    pub receipt: Option<Receipt>,
    pub obligation: Option<ObligationId>,
    pub amount: Money,
    pub at: DateTime<Utc>,
    /// The provider's own records told of it, and nobody before them.
    pub from_records: bool,
}

/// What came from `from` on and before `to`, and whatever has one of these receipts.
pub async fn came(
    conn: &mut PgConnection,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    receipts: &[String],
) -> Result<Vec<Came>, Fault> {
    let rows = sqlx::query!(
        r#"select i.id, i.receipt, i.obligation_id, i.amount_cents, i.received_at,
                  exists (select from evidence e where e.source = 'records' and e.provider_id = i.receipt
                                                   and e.received_at = i.received_at) as "from_records!"
           from inflow i
           where i.provider = 'mpesa' and (i.received_at >= $1 and i.received_at < $2 or i.receipt = any($3))
           order by i.received_at, i.id"#,
        from,
        to,
        receipts
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Came {
            id: row.id,
            receipt: row.receipt.as_deref().and_then(Receipt::parse),
            obligation: row.obligation_id.map(ObligationId),
            amount: Money::from_cents(row.amount_cents),
            at: row.received_at,
            from_records: row.from_records,
        })
        .collect())
}

/// Money that waits for its owner, as staff see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspended {
    pub receipt: String,
    pub amount: Money,
    /// What the payer typed, normalised.
    pub account: Option<String>,
    /// The payer's number as far as it was shown.
    pub payer_hint: Option<String>,
    pub received_at: DateTime<Utc>,
    /// Since then it is owed back to its payer.
    pub refund_flagged_at: Option<DateTime<Utc>>,
}

/// What waits in suspense under this receipt, held; none when nothing does.
pub async fn waiting_in_suspense(
    conn: &mut PgConnection,
    receipt: &Receipt,
) -> Result<Option<Money>, Fault> {
    let cents = sqlx::query_scalar!(
        "select amount_cents from inflow where provider = 'mpesa' and receipt = $1 and state = 'suspense' for update",
        receipt.as_str()
    )
    .fetch_optional(conn)
    .await?;
    Ok(cents.map(Money::from_cents))
}

/// Marks what has waited since before then as owed back to its payer; the receipts of what is new.
pub(in crate::payments) async fn flag_unclaimed(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<String>, Fault> {
    Ok(sqlx::query_scalar!(
        r#"update inflow set refund_flagged_at = $2 where id in (
               select id from inflow where state = 'suspense' and receipt is not null and received_at < $1 and refund_flagged_at is null
               order by received_at limit 500 for update skip locked)
           returning receipt as "receipt!""#,
        before,
        now
    )
    .fetch_all(conn)
    .await?)
}

/// Everything in suspense, the longest first; at most a thousand.
pub async fn in_suspense(conn: &mut PgConnection) -> Result<Vec<Suspended>, Fault> {
    let rows = sqlx::query!(
        r#"select receipt as "receipt!", amount_cents, account, payer_hint, received_at, refund_flagged_at
           from inflow where state = 'suspense' and receipt is not null order by received_at limit 1000"#
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Suspended {
            receipt: row.receipt,
            amount: Money::from_cents(row.amount_cents),
            account: row.account,
            payer_hint: row.payer_hint,
            received_at: row.received_at,
            refund_flagged_at: row.refund_flagged_at,
        })
        .collect())
}
