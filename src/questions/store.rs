//! The table `open_question`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;

use super::model::Question;
use crate::fault::Fault;
use crate::primitives::Msisdn;

pub(super) async fn save(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
    question: &Question,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into open_question (msisdn, question, asked_at, expires_at) values ($1, $2, $3, $4)
         on conflict (msisdn) do update set question = $2, asked_at = $3, expires_at = $4",
        msisdn.digits(),
        Json(question) as _,
        now,
        expires_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn lock(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
    now: DateTime<Utc>,
) -> Result<Option<Question>, Fault> {
    let kept = sqlx::query_scalar!(
        "select question from open_question where msisdn = $1 and expires_at > $2 for update",
        msisdn.digits(),
        now
    )
    .fetch_optional(conn)
    .await?;
    Ok(kept.and_then(read))
}

pub(super) async fn take(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
    now: DateTime<Utc>,
) -> Result<Option<Question>, Fault> {
    let kept = sqlx::query_scalar!(
        "delete from open_question where msisdn = $1 and expires_at > $2 returning question",
        msisdn.digits(),
        now
    )
    .fetch_optional(conn)
    .await?;
    Ok(kept.and_then(read))
}

pub(super) async fn delete_expired(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<u64, Fault> {
    let gone = sqlx::query!(
        "delete from open_question where msisdn in
             (select msisdn from open_question where expires_at < $1 limit 2000 for update skip locked)",
        before
    )
    .execute(conn)
    .await?;
    Ok(gone.rows_affected())
}

/// A question of another release is one that was never asked: its answer gets the help text, and is not lost on us.
fn read(kept: serde_json::Value) -> Option<Question> {
    serde_json::from_value(kept)
        .inspect_err(|error| tracing::warn!(%error, "An open question could not be read"))
        .ok()
}
