//! The one row of the rail.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::fault::Fault;
use crate::payouts::brake::Brake;
use crate::primitives::Money;

pub(in crate::payouts) async fn brake(conn: &mut PgConnection) -> Result<Brake, Fault> {
    let row = sqlx::query!(
        "select stopped_at, stopped_why, paused_until, paused_why, float_cents, float_at from payout_brake where rail = 'mpesa'"
    )
    .fetch_one(conn)
    .await?;
    Ok(Brake {
        stopped: row.stopped_at.zip(row.stopped_why),
        paused: row.paused_until.zip(row.paused_why),
        float: row.float_at.zip(row.float_cents.map(Money::from_cents)),
    })
}

/// Nothing leaves until a person lifts it. False when it was stopped already; the first reason stays.
pub(in crate::payouts) async fn stop(
    conn: &mut PgConnection,
    why: &str,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let why: String = why.chars().take(400).collect();
    let stopped = sqlx::query!(
        "update payout_brake set stopped_at = $1, stopped_why = $2 where rail = 'mpesa' and stopped_at is null",
        now,
        why
    )
    .execute(conn)
    .await?;
    Ok(stopped.rows_affected() == 1)
}

/// False when nothing was stopped.
pub(in crate::payouts) async fn lift_stop(conn: &mut PgConnection) -> Result<bool, Fault> {
    let lifted = sqlx::query!(
        "update payout_brake set stopped_at = null, stopped_why = null, paused_until = null, paused_why = null
         where rail = 'mpesa' and (stopped_at is not null or paused_until is not null)"
    )
    .execute(conn)
    .await?;
    Ok(lifted.rows_affected() == 1)
}

/// Nothing leaves until then; a longer pause is not shortened.
pub(in crate::payouts) async fn pause(
    conn: &mut PgConnection,
    until: DateTime<Utc>,
    why: &str,
) -> Result<(), Fault> {
    sqlx::query!(
        "update payout_brake set paused_until = $1, paused_why = $2
         where rail = 'mpesa' and (paused_until is null or paused_until < $1)",
        until,
        why
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What M-PESA said our account holds; an older word does not replace a newer one.
pub(in crate::payouts) async fn note_float(
    conn: &mut PgConnection,
    float: Money,
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update payout_brake set float_cents = $1, float_at = $2
         where rail = 'mpesa' and (float_at is null or float_at < $2)",
        float.cents(),
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}
