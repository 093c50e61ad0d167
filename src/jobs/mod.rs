//! What must still happen: rows enqueued in the causing transaction, claimed by workers with a lease, retried, never lost.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;

use crate::fault::Fault;

/// A piece of later work: a name and the ids it is about, never a copy of the data.
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// Stable name such as `payments.push`; the worker finds the deed by it.
    const NAME: &'static str;
    /// Two jobs of one name with the same key are one job, for ever.
    fn key(&self) -> Option<String> {
        None
    }
}

pub(crate) async fn insert<J: Job>(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
    job: &J,
    due: DateTime<Utc>,
) -> Result<(), Fault> {
    let body = serde_json::to_value(job)?;
    sqlx::query!(
        "insert into job (name, key, body, run_at, created_at) values ($1, $2, $3, $4, $5) on conflict (name, key) do nothing",
        J::NAME,
        job.key(),
        body,
        due,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}
