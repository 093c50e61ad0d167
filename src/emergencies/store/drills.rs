//! The table `emergency_drill`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::super::drill::Link;
use super::super::model::EmergencyId;
use crate::fault::Fault;

/// A drill as its row stands.
#[derive(Clone, Debug)]
pub struct DrillRow {
    pub began_at: DateTime<Utc>,
    pub ended: bool,
    pub broken_link: Option<String>,
    pub said: Option<String>,
}

pub async fn insert(
    conn: &mut PgConnection,
    id: EmergencyId,
    by_hand: bool,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into emergency_drill (emergency_id, began_at, by_hand) values ($1, $2, $3)",
        id.0,
        now,
        by_hand
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The night's drills wait for each other: true when one has begun since.
pub async fn any_since(conn: &mut PgConnection, since: DateTime<Utc>) -> Result<bool, Fault> {
    let any = sqlx::query_scalar!(
        r#"select exists (select from emergency_drill where began_at > $1) as "any!""#,
        since
    )
    .fetch_one(conn)
    .await?;
    Ok(any)
}

/// Drills without an end, oldest first.
pub async fn open(conn: &mut PgConnection) -> Result<Vec<EmergencyId>, Fault> {
    let ids = sqlx::query_scalar!(
        "select emergency_id from emergency_drill where ended_at is null order by began_at limit 20"
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(EmergencyId).collect())
}

pub async fn lock(conn: &mut PgConnection, id: EmergencyId) -> Result<Option<DrillRow>, Fault> {
    let row = sqlx::query_as!(
        DrillRow,
        r#"select began_at, ended_at is not null as "ended!", broken_link, said
           from emergency_drill where emergency_id = $1 for update"#,
        id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row)
}

pub async fn end(
    conn: &mut PgConnection,
    id: EmergencyId,
    broken: Option<Link>,
    said: &str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency_drill set ended_at = $2, broken_link = $3, said = left($4, 300) where emergency_id = $1",
        id.0,
        now,
        broken.map(Link::as_str),
        said
    )
    .execute(conn)
    .await?;
    Ok(())
}
