//! What was said about one thing of the business, read from the outbox.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::primitives::Msisdn;

/// A message and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub at: DateTime<Utc>,
    pub to: Msisdn,
    pub template: String,
    /// Once it was made, which is when it was first handed over.
    pub text: Option<String>,
    /// `queued`, `sent`, `delivered` and so on.
    pub state: String,
    pub changed_at: DateTime<Utc>,
    pub provider: Option<String>,
}

/// Every message about this, oldest first.
pub async fn about(conn: &mut PgConnection, what: Uuid) -> Result<Vec<Said>, Fault> {
    let rows = sqlx::query!(
        "select created_at, msisdn, template, text, state, changed_at, provider from outbox
         where about = $1 order by created_at, id",
        what
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Said {
                at: row.created_at,
                to: Msisdn::parse(&row.msisdn)
                    .map_err(|_| Fault::broken(format!("a message about {what} has no phone")))?,
                template: row.template,
                text: row.text,
                state: row.state,
                changed_at: row.changed_at,
                provider: row.provider,
            })
        })
        .collect()
}
