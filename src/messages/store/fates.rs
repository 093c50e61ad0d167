//! What became of the messages about one thing.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::primitives::Msisdn;

/// How one message stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// `queued`, `sending`, `unknown`, `sent`, `delivered`, `failed` or `expired`.
    pub state: String,
    /// Who has or had it.
    pub provider: Option<String>,
    pub changed_at: DateTime<Utc>,
    /// Why it is not further.
    pub why: Option<String>,
}

/// The emergency messages about this thing to this phone, oldest first.
pub async fn fates(conn: &mut PgConnection, about: Uuid, to: &Msisdn) -> Result<Vec<Fate>, Fault> {
    let fates = sqlx::query_as!(
        Fate,
        "select state, provider, changed_at, why from outbox where about = $1 and class = 'emergency' and msisdn = $2 order by created_at, id",
        about,
        to.digits()
    )
    .fetch_all(conn)
    .await?;
    Ok(fates)
}
