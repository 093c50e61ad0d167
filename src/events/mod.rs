//! The history: one append-only row for everything that has happened, written in the deed's own transaction.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::work::Actor;

/// Something that has happened to one thing of the business. Carries no PIN, no national id, no full phone number.
pub trait Event: Serialize {
    /// Stable name such as `member.joined`.
    const NAME: &'static str;
    /// The thing it happened to.
    fn subject(&self) -> Uuid;
}

pub(crate) async fn append<E: Event>(
    conn: &mut PgConnection,
    at: DateTime<Utc>,
    actor: &Actor,
    event: &E,
) -> Result<(), Fault> {
    let body = serde_json::to_value(event)?;
    let actor = serde_json::to_value(actor)?;
    sqlx::query!(
        "insert into event (at, name, subject, actor, body) values ($1, $2, $3, $4, $5)",
        at,
        E::NAME,
        event.subject(),
        actor,
        body
    )
    .execute(conn)
    .await?;
    Ok(())
}
