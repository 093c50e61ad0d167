//! Payments as the desk lists and follows them.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::inflows::Suspended;
use crate::fault::Fault;
use crate::primitives::{Money, Msisdn};
use crate::stages::StageId;

/// A payment that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub id: Uuid,
    /// `contribution` and so on.
    pub purpose: String,
    pub member: Uuid,
    pub stage: Option<StageId>,
    pub amount: Money,
    /// `open`, `paid`, `unpaid` or `operator`.
    pub state: String,
    pub payer: Msisdn,
    pub created_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
}

/// Which payments are wanted; what is none is not asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub state: Option<String>,
    pub member: Option<Uuid>,
    /// Into the fund of this stage.
    pub stage: Option<StageId>,
    /// Only who was asked for before this one.
    pub after: Option<(DateTime<Utc>, Uuid)>,
}

/// One try at a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    pub reference: String,
    pub state: String,
    pub created_at: DateTime<Utc>,
    pub submitted_at: Option<DateTime<Utc>>,
    pub ended_by: Option<String>,
    /// Two independent sources say that it was paid.
    pub certain: bool,
    /// M-PESA's own numbers of what came.
    pub receipts: Vec<String>,
}

/// Payments, the newest first.
pub async fn listed(
    conn: &mut PgConnection,
    wanted: &Wanted,
    limit: i64,
) -> Result<Vec<Listed>, Fault> {
    let (at, after) = wanted.after.unzip();
    sqlx::query_as!(
        ListedRow,
        "select id, purpose, member_id, stage_id, amount_cents, state, payer, created_at, closed_at from obligation
         where ($1::text is null or state = $1) and ($2::uuid is null or member_id = $2) and ($3::integer is null or stage_id = $3)
           and ($4::timestamptz is null or (created_at, id) < ($4, $5))
         order by created_at desc, id desc limit $6",
        wanted.state,
        wanted.member,
        wanted.stage.map(|stage| stage.0),
        at,
        after,
        limit
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(Listed::try_from)
    .collect()
}

/// One payment with every try at it, oldest first.
pub async fn followed(
    conn: &mut PgConnection,
    id: Uuid,
) -> Result<Option<(Listed, Vec<Tried>)>, Fault> {
    let row = sqlx::query_as!(
        ListedRow,
        "select id, purpose, member_id, stage_id, amount_cents, state, payer, created_at, closed_at from obligation where id = $1",
        id
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(payment) = row.map(Listed::try_from).transpose()? else {
        return Ok(None);
    };
    let tries = sqlx::query!(
        r#"select account_reference, state, created_at, submitted_at, ended_by, certain,
                  array(select receipt from inflow where attempt_id = attempt.id and receipt is not null) as "receipts!: Vec<String>"
           from attempt where obligation_id = $1 order by created_at, id"#,
        id
    )
    .fetch_all(conn)
    .await?;
    let tries = tries.into_iter().map(|row| Tried {
        reference: row.account_reference,
        state: row.state,
        created_at: row.created_at,
        submitted_at: row.submitted_at,
        ended_by: row.ended_by,
        certain: row.certain,
        receipts: row.receipts,
    });
    Ok(Some((payment, tries.collect())))
}

/// Money in suspense behind this one, the longest first.
pub async fn suspense_after(
    conn: &mut PgConnection,
    after: Option<(DateTime<Utc>, String)>,
    limit: i64,
) -> Result<Vec<Suspended>, Fault> {
    let (at, receipt) = after.unzip();
    let rows = sqlx::query!(
        r#"select receipt as "receipt!", amount_cents, account, payer_hint, received_at, refund_flagged_at from inflow
           where state = 'suspense' and receipt is not null and ($1::timestamptz is null or (received_at, receipt) > ($1, $2))
           order by received_at, receipt limit $3"#,
        at,
        receipt,
        limit
    )
    .fetch_all(conn)
    .await?;
    let rows = rows.into_iter().map(|row| Suspended {
        receipt: row.receipt,
        amount: Money::from_cents(row.amount_cents),
        account: row.account,
        payer_hint: row.payer_hint,
        received_at: row.received_at,
        refund_flagged_at: row.refund_flagged_at,
    });
    Ok(rows.collect())
}

/// How many payments were paid since then, and how much that was.
pub async fn paid_since(
    conn: &mut PgConnection,
    since: DateTime<Utc>,
) -> Result<(i64, Money), Fault> {
    let row = sqlx::query!(
        r#"select count(*) as "count!", coalesce(sum(amount_cents), 0)::bigint as "cents!"
           from obligation where state = 'paid' and closed_at >= $1"#,
        since
    )
    .fetch_one(conn)
    .await?;
    Ok((row.count, Money::from_cents(row.cents)))
}

/// How much waits in suspense, in how many payments.
pub async fn suspense_total(conn: &mut PgConnection) -> Result<(i64, Money), Fault> {
    let row = sqlx::query!(
        r#"select count(*) as "count!", coalesce(sum(amount_cents), 0)::bigint as "cents!" from inflow where state = 'suspense'"#
    )
    .fetch_one(conn)
    .await?;
    Ok((row.count, Money::from_cents(row.cents)))
}

/// The stage whose fund a payment or a try at one is for.
pub async fn stage_of(conn: &mut PgConnection, id: Uuid) -> Result<Option<StageId>, Fault> {
    let stage = sqlx::query_scalar!(
        "select stage_id from obligation where id = $1 or id = (select obligation_id from attempt where attempt.id = $1)",
        id
    )
    .fetch_optional(conn)
    .await?;
    Ok(stage.flatten().map(StageId))
}

struct ListedRow {
    id: Uuid,
    purpose: String,
    member_id: Uuid,
    stage_id: Option<i32>,
    amount_cents: i64,
    state: String,
    payer: String,
    created_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
}

impl TryFrom<ListedRow> for Listed {
    type Error = Fault;

    fn try_from(row: ListedRow) -> Result<Listed, Fault> {
        let payer = Msisdn::parse(&row.payer)
            .map_err(|_| Fault::broken(format!("obligation {} has no proper payer", row.id)))?;
        Ok(Listed {
            id: row.id,
            purpose: row.purpose,
            member: row.member_id,
            stage: row.stage_id.map(StageId),
            amount: Money::from_cents(row.amount_cents),
            state: row.state,
            payer,
            created_at: row.created_at,
            closed_at: row.closed_at,
        })
    }
}
