//! Payouts as staff look at them.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::PayoutRow;
use super::attempts::attempts_of;
use crate::fault::Fault;
use crate::payouts::model::{Attempt, Payout, PayoutId};

/// A payout in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    pub payout: Payout,
    /// How its latest attempt stands.
    pub attempt: Option<String>,
}

/// What somebody did, or should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub at: DateTime<Utc>,
    pub by: Option<String>,
    pub what: String,
}

/// Everything about one payout.
#[derive(Clone, Debug)]
pub struct Filed {
    pub payout: Payout,
    pub attempts: Vec<Attempt>,
    pub notes: Vec<Note>,
    /// What was heard: when, from where, how often, and whether the address was M-PESA's.
    pub heard: Vec<(DateTime<Utc>, String, i32, bool)>,
}

/// Payouts whose money is neither there nor back, oldest first; at most a thousand.
pub async fn open_payouts(conn: &mut PgConnection) -> Result<Vec<Listed>, Fault> {
    let rows = sqlx::query_as!(
        PayoutRow,
        "select id, purpose, member_id, stage_id, emergency_id, refunded, recipient, language, amount_cents, fee_cents, state, asked_by,
                asked_at, reason, needs_approval, decided_by, ready_since, not_before, slow_told_at, receipt, ended_by, hold_journal
         from payout where state not in ('paid', 'returned') order by asked_at limit 1000"
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut listed = Vec::new();
    for row in rows {
        let payout = Payout::try_from(row)?;
        let attempts = attempts_of(conn, payout.id).await?;
        let attempt = attempts.last().map(|one| one.state.as_str().to_owned());
        listed.push(Listed { payout, attempt });
    }
    Ok(listed)
}

/// How many payouts are open.
pub async fn open_count(conn: &mut PgConnection) -> Result<i64, Fault> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "open!" from payout where state not in ('paid', 'returned')"#
    )
    .fetch_one(conn)
    .await?)
}

/// The payout whose id ends so (six characters or more), with its history. None when there is none, or more than one.
pub async fn file_of(conn: &mut PgConnection, ending: &str) -> Result<Option<Filed>, Fault> {
    let ending = ending.trim().to_lowercase().replace('-', "");
    let is_ending =
        (6..=32).contains(&ending.len()) && ending.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_ending {
        return Ok(None);
    }
    let found: Vec<Uuid> = sqlx::query_scalar!(
        "select id from payout where replace(id::text, '-', '') like '%' || $1::text limit 2",
        ending
    )
    .fetch_all(&mut *conn)
    .await?;
    let [id] = found[..] else {
        return Ok(None);
    };
    let row = sqlx::query_as!(
        PayoutRow,
        "select id, purpose, member_id, stage_id, emergency_id, refunded, recipient, language, amount_cents, fee_cents, state, asked_by,
                asked_at, reason, needs_approval, decided_by, ready_since, not_before, slow_told_at, receipt, ended_by, hold_journal
         from payout where id = $1",
        id
    )
    .fetch_one(&mut *conn)
    .await?;
    let notes = sqlx::query_as!(
        Note,
        r#"select at, by_name as "by", what from payout_note where payout_id = $1 order by id"#,
        id
    )
    .fetch_all(&mut *conn)
    .await?;
    let heard = sqlx::query!(
        "select e.received_at, e.source, e.copies, e.trusted from payout_evidence e
         join payout_attempt a on a.id = e.attempt_id where a.payout_id = $1 order by e.id",
        id
    )
    .fetch_all(&mut *conn)
    .await?;
    Ok(Some(Filed {
        payout: Payout::try_from(row)?,
        attempts: attempts_of(conn, PayoutId(id)).await?,
        notes,
        heard: heard
            .into_iter()
            .map(|row| (row.received_at, row.source, row.copies, row.trusted))
            .collect(),
    }))
}
