//! The SQL of attempts and of the secret paths that M-PESA answers on.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::payments::Receipt;
use crate::payouts::model::{Alarm, Attempt, AttemptId, AttemptState, PayoutId};
use crate::payouts::sending::CallbackKind;

struct AttemptRow {
    id: Uuid,
    payout_id: Uuid,
    originator_id: String,
    state: String,
    handed: i32,
    handed_at: Option<DateTime<Utc>>,
    ended_by: Option<String>,
    receipt: Option<String>,
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = Fault;
    fn try_from(row: AttemptRow) -> Result<Attempt, Fault> {
        let state = AttemptState::parse(&row.state)
            .ok_or_else(|| Fault::broken(format!("payout attempt {}: its state", row.id)))?;
        Ok(Attempt {
            id: AttemptId(row.id),
            payout: PayoutId(row.payout_id),
            originator: row.originator_id,
            state,
            handed: row.handed.unsigned_abs(),
            handed_at: row.handed_at,
            ended_by: row.ended_by,
            receipt: row.receipt.as_deref().and_then(Receipt::parse),
        })
    }
}

pub(in crate::payouts) async fn insert_attempt(
    conn: &mut PgConnection,
    attempt: &Attempt,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into payout_attempt (id, payout_id, originator_id, state, created_at, changed_at)
         values ($1, $2, $3, $4, $5, $5)",
        attempt.id.0,
        attempt.payout.0,
        attempt.originator,
        attempt.state.as_str(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::payouts) async fn attempt(
    conn: &mut PgConnection,
    id: AttemptId,
) -> Result<Option<Attempt>, Fault> {
    let row = sqlx::query_as!(
        AttemptRow,
        "select id, payout_id, originator_id, state, handed, handed_at, ended_by, receipt from payout_attempt where id = $1",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(Attempt::try_from).transpose()
}

/// The tries of a payout, oldest first.
pub(in crate::payouts) async fn attempts_of(
    conn: &mut PgConnection,
    payout: PayoutId,
) -> Result<Vec<Attempt>, Fault> {
    let rows = sqlx::query_as!(
        AttemptRow,
        "select id, payout_id, originator_id, state, handed, handed_at, ended_by, receipt
         from payout_attempt where payout_id = $1 order by created_at, id",
        payout.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Attempt::try_from).collect()
}

/// Marked as handed over: whoever finds it so does not hand it over again.
pub(in crate::payouts) async fn mark_handed(
    conn: &mut PgConnection,
    id: AttemptId,
    attend_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update payout_attempt set state = 'submitting', handed = handed + 1, handed_at = $2, changed_at = $2, attend_at = $3
         where id = $1",
        id.0,
        now,
        attend_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::payouts) async fn save_attempt(
    conn: &mut PgConnection,
    attempt: &Attempt,
    attend_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update payout_attempt set state = $2, ended_by = $3, receipt = $4, attend_at = $5, changed_at = $6 where id = $1",
        attempt.id.0,
        attempt.state.as_str(),
        attempt.ended_by,
        attempt.receipt.as_ref().map(Receipt::as_str),
        attend_at,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether another attempt has this receipt already.
pub(in crate::payouts) async fn is_receipt_taken(
    conn: &mut PgConnection,
    id: AttemptId,
    receipt: &Receipt,
) -> Result<bool, Fault> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from payout_attempt where receipt = $2 and id <> $1) as "taken!""#,
        id.0,
        receipt.as_str()
    )
    .fetch_one(conn)
    .await?)
}

/// Those alarms that were not raised for the attempt before; they count as raised from now on.
pub(in crate::payouts) async fn raise_once(
    conn: &mut PgConnection,
    id: AttemptId,
    alarms: impl Iterator<Item = Alarm>,
) -> Result<Vec<Alarm>, Fault> {
    let mut fresh = Vec::new();
    for alarm in alarms {
        let raised = sqlx::query!(
            "update payout_attempt set alarms = array_append(alarms, $2) where id = $1 and not ($2 = any (alarms))",
            id.0,
            alarm.as_str()
        )
        .execute(&mut *conn)
        .await?;
        if raised.rows_affected() == 1 {
            fresh.push(alarm);
        }
    }
    Ok(fresh)
}

/// A secret path for M-PESA's answers about this attempt.
pub(in crate::payouts) async fn insert_callback(
    conn: &mut PgConnection,
    attempt: AttemptId,
    kind: CallbackKind,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into payout_callback (token_hash, attempt_id, what, made_at) values ($1, $2, $3, $4)",
        token_hash,
        attempt.0,
        kind.as_str(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::payouts) async fn callback_by_token(
    conn: &mut PgConnection,
    token_hash: &[u8],
) -> Result<Option<(AttemptId, CallbackKind)>, Fault> {
    let row = sqlx::query!(
        "select attempt_id, what from payout_callback where token_hash = $1",
        token_hash
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let kind = CallbackKind::parse(&row.what)
            .ok_or_else(|| Fault::broken(format!("a callback is for {}", row.what)))?;
        Ok((AttemptId(row.attempt_id), kind))
    })
    .transpose()
}

/// When M-PESA was last asked about this attempt.
pub(in crate::payouts) async fn last_asked_at(
    conn: &mut PgConnection,
    attempt: AttemptId,
) -> Result<Option<DateTime<Utc>>, Fault> {
    Ok(sqlx::query_scalar!(
        "select max(made_at) from payout_callback where attempt_id = $1 and what = 'question'",
        attempt.0
    )
    .fetch_one(conn)
    .await?)
}
