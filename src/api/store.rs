//! The table `idempotent_request`.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;

use crate::fault::Fault;

const AT_ONCE: i64 = 1000;

/// What a key is found to be.
pub(super) enum Claim {
    First,
    /// This very request was done before.
    Answered(Value),
    /// Another request was done under it.
    Other,
}

/// The unique key makes a twin wait until the first has committed or not.
pub(super) async fn claim(
    conn: &mut PgConnection,
    owner: &str,
    key: &str,
    request: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<Claim, Fault> {
    let claimed = sqlx::query!(
        "insert into idempotent_request (owner, key, request, at) values ($1, $2, $3, $4) on conflict do nothing",
        owner,
        key,
        request.as_slice(),
        now
    )
    .execute(&mut *conn)
    .await?;
    if claimed.rows_affected() == 1 {
        return Ok(Claim::First);
    }
    let row = sqlx::query!(
        "select request, answer from idempotent_request where owner = $1 and key = $2",
        owner,
        key
    )
    .fetch_one(conn)
    .await?;
    match row.answer {
        Some(answer) if row.request == request => Ok(Claim::Answered(answer)),
        _ => Ok(Claim::Other),
    }
}

pub(super) async fn answered(
    conn: &mut PgConnection,
    owner: &str,
    key: &str,
    answer: &Value,
) -> Result<(), Fault> {
    sqlx::query!(
        "update idempotent_request set status = 200, answer = $3 where owner = $1 and key = $2",
        owner,
        key,
        answer
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lets go of a batch of answers from before then; gives how many.
pub async fn forget_requests(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, Fault> {
    let gone = sqlx::query!(
        "delete from idempotent_request where (owner, key) in
             (select owner, key from idempotent_request where at < $1 order by at limit $2)",
        before,
        AT_ONCE
    )
    .execute(conn)
    .await?;
    Ok(gone.rows_affected())
}
