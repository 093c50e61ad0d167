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

/// How far somebody has followed the history: behind everything of this transaction up to this row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub transaction: i64,
    pub row: i64,
}

/// Something that has happened, as it stands in the history.
#[derive(Clone, Debug, PartialEq)]
pub struct Happened {
    pub position: Position,
    pub at: DateTime<Utc>,
    pub name: String,
    pub subject: Uuid,
    pub body: serde_json::Value,
}

/// Where the history stands now: what becomes true from here on is behind it.
pub async fn position(conn: &mut PgConnection) -> Result<Position, Fault> {
    let transaction = sqlx::query_scalar!(
        r#"select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as "transaction!""#
    )
    .fetch_one(conn)
    .await?;
    Ok(Position {
        transaction,
        row: 0,
    })
}

/// What has happened to emergencies and payments behind this position. Only what no open transaction can come before is
/// told, so that whoever goes on from the last one misses nothing.
pub async fn behind(
    conn: &mut PgConnection,
    position: Position,
    limit: i64,
) -> Result<Vec<Happened>, Fault> {
    let rows = sqlx::query!(
        r#"select id, xid::text::bigint as "xid!", at, name, subject, body from event
           where name ~ '^(emergency|payment)[.]' and (xid, id) > ($1::text::xid8, $2)
             and xid < pg_snapshot_xmin(pg_current_snapshot())
           order by xid, id limit $3"#,
        position.transaction.to_string(),
        position.row,
        limit
    )
    .fetch_all(conn)
    .await?;
    let rows = rows.into_iter().map(|row| Happened {
        position: Position {
            transaction: row.xid,
            row: row.id,
        },
        at: row.at,
        name: row.name,
        subject: row.subject,
        body: row.body,
    });
    Ok(rows.collect())
}
