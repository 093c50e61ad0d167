//! The SQL of `inbox`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::messages::inbox::{Arrived, Inbound};
use crate::primitives::Msisdn;

/// None when it is there already.
pub(in crate::messages) async fn insert(
    conn: &mut PgConnection,
    arrived: &Arrived,
    now: DateTime<Utc>,
) -> Result<Option<Uuid>, Fault> {
    let inserted = sqlx::query_scalar!(
        "insert into inbox (id, provider, provider_id, received_at, sent_at, msisdn, recipient, text, fields)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (provider, provider_id) do nothing returning id",
        arrived.id(),
        arrived.provider,
        arrived.provider_id,
        now,
        arrived.sent_at,
        arrived.from.as_ref().map(Msisdn::digits),
        arrived.to,
        arrived.text,
        arrived.fields
    )
    .fetch_optional(conn)
    .await?;
    Ok(inserted)
}

pub(in crate::messages) async fn lock(
    conn: &mut PgConnection,
    id: Uuid,
) -> Result<Option<Inbound>, Fault> {
    let row = sqlx::query!(
        r#"select id, msisdn, text, received_at, handled_at is not null as "handled!" from inbox where id = $1 for update"#,
        id
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let from = row.msisdn.map(|msisdn| Msisdn::parse(&msisdn)).transpose();
    Ok(Some(Inbound {
        id: row.id,
        from: from.map_err(|_| Fault::broken(format!("inbox {}: msisdn", row.id)))?,
        text: row.text,
        received_at: row.received_at,
        handled: row.handled,
    }))
}

pub(in crate::messages) async fn answers_since(
    conn: &mut PgConnection,
    from: &Msisdn,
    since: DateTime<Utc>,
) -> Result<i64, Fault> {
    let answers = sqlx::query_scalar!(
        r#"select count(*) as "answers!" from inbox where answered and msisdn = $1 and handled_at > $2"#,
        from.digits(),
        since
    )
    .fetch_one(conn)
    .await?;
    Ok(answers)
}

pub(in crate::messages) async fn mark_handled(
    conn: &mut PgConnection,
    id: Uuid,
    understood: &str,
    answered: bool,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update inbox set handled_at = $2, answer = left($3, 60), answered = $4 where id = $1 and handled_at is null",
        id,
        now,
        understood,
        answered
    )
    .execute(conn)
    .await?;
    Ok(())
}
