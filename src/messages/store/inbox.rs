//! The SQL of `inbox`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::messages::inbox::{Arrived, Inbound, UNKNOWN};
use crate::messages::loop_guard::{Heard, Silence};
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

/// What this phone wrote before this message and since then, the newest first. What was left unanswered because of the
/// guard counts as not understood: it was nothing else that kept us silent.
pub(in crate::messages) async fn heard_before(
    conn: &mut PgConnection,
    id: Uuid,
    from: &Msisdn,
    since: DateTime<Utc>,
) -> Result<Vec<Heard>, Fault> {
    let rows = sqlx::query!(
        r#"select received_at, text, answer, coalesce(handled_at, received_at) as "handled_at!"
           from inbox where msisdn = $1 and received_at > $2 and id <> $3 and handled_at is not null
           order by received_at desc, id desc limit 40"#,
        from.digits(),
        since,
        id
    )
    .fetch_all(conn)
    .await?;
    let heard = rows.into_iter().map(|row| Heard {
        at: row.received_at,
        text: row.text,
        understood: row.answer.as_deref().is_some_and(|answer| {
            ![
                UNKNOWN,
                Silence::PingPong.as_str(),
                Silence::SameAgain.as_str(),
            ]
            .contains(&answer)
        }),
        handled_at: row.handled_at,
    });
    Ok(heard.collect())
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
