//! The SQL of `delivery_report`, and of what a report changes in the outbox.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::fault::Fault;
use crate::messages::MessageId;
use crate::messages::reports::{Report, Says};
use crate::primitives::Msisdn;

/// Keeps a report and the storing of the id it speaks of apart, until the transaction ends: each must see the other.
pub(in crate::messages) async fn lock(
    conn: &mut PgConnection,
    provider_message_id: &str,
) -> Result<(), Fault> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended($1, 7))",
        provider_message_id
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::messages) async fn message_of(
    conn: &mut PgConnection,
    provider: &str,
    provider_message_id: &str,
) -> Result<Option<MessageId>, Fault> {
    let id = sqlx::query_scalar!(
        "select id from outbox where provider = $1 and provider_message_id = $2",
        provider,
        provider_message_id
    )
    .fetch_optional(conn)
    .await?;
    Ok(id.map(MessageId))
}

/// False when the same status was reported before.
pub(in crate::messages) async fn insert(
    conn: &mut PgConnection,
    report: &Report,
    message: Option<MessageId>,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let inserted = sqlx::query!(
        "insert into delivery_report (received_at, provider, provider_message_id, msisdn, status, reason, says, fields, message_id)
         values ($1, $2, $3, $4, left($5, 60), left($6, 100), $7, $8, $9)
         on conflict (provider, provider_message_id, status) do nothing",
        now,
        report.provider,
        report.provider_message_id,
        report.msisdn.as_ref().map(Msisdn::digits),
        report.status,
        report.reason,
        report.says.as_str(),
        report.fields,
        message.map(|message| message.0)
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Joins the parked reports of this id to their message; returns what they say, and why.
pub(in crate::messages) async fn take_parked(
    conn: &mut PgConnection,
    provider: &str,
    provider_message_id: &str,
    message: MessageId,
) -> Result<Vec<(Says, Option<String>)>, Fault> {
    let parked = sqlx::query!(
        "update delivery_report set message_id = $3
         where provider = $1 and provider_message_id = $2 and message_id is null returning says, reason",
        provider,
        provider_message_id,
        message.0
    )
    .fetch_all(conn)
    .await?;
    Ok(parked
        .into_iter()
        .map(|report| (Says::parse(&report.says), report.reason))
        .collect())
}

/// An id that nobody knows, reported for a phone that has a message without an answer.
pub(in crate::messages) struct Orphan {
    pub provider: String,
    pub provider_message_id: String,
    pub msisdn: String,
    pub came_at: DateTime<Utc>,
}

/// The orphans that came within this time, oldest first.
pub(in crate::messages) async fn orphans(
    conn: &mut PgConnection,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Orphan>, Fault> {
    let orphans = sqlx::query_as!(
        Orphan,
        r#"select provider, provider_message_id, msisdn as "msisdn!", min(received_at) as "came_at!" from delivery_report
         where message_id is null and received_at between $1 and $2
           and exists (select from outbox where state = 'unknown' and outbox.msisdn = delivery_report.msisdn)
         group by provider, provider_message_id, msisdn order by 4 limit 100"#,
        since,
        until
    )
    .fetch_all(conn)
    .await?;
    Ok(orphans)
}

/// Gives the orphan's id to the oldest message to its phone that was tried before it came and had no answer.
pub(in crate::messages) async fn adopt(
    conn: &mut PgConnection,
    orphan: &Orphan,
    now: DateTime<Utc>,
) -> Result<Option<MessageId>, Fault> {
    let id = sqlx::query_scalar!(
        "update outbox set provider_message_id = $2, state = 'sent', changed_at = $4
         where id = (select id from outbox
            where state = 'unknown' and provider = $1 and msisdn = $3 and provider_message_id is null
              and exists (select from send_attempt where message_id = outbox.id and began_at <= $5)
            order by changed_at, id limit 1 for update skip locked)
         returning id",
        orphan.provider,
        orphan.provider_message_id,
        orphan.msisdn,
        now,
        orphan.came_at
    )
    .fetch_optional(conn)
    .await?;
    Ok(id.map(MessageId))
}

/// Moves a message that is in one of the states `from`; returns its phone if it was.
pub(in crate::messages) async fn move_message(
    conn: &mut PgConnection,
    id: MessageId,
    from: &[&str],
    to: &str,
    why: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<Msisdn>, Fault> {
    let from: Vec<String> = from.iter().map(ToString::to_string).collect();
    let moved = sqlx::query_scalar!(
        "update outbox set state = $3, changed_at = $4, why = $5 where id = $1 and state = any($2) returning msisdn",
        id.0,
        &from,
        to,
        now,
        why
    )
    .fetch_optional(conn)
    .await?;
    let phone = moved.map(|msisdn| Msisdn::parse(&msisdn)).transpose();
    phone.map_err(|_| Fault::broken(format!("outbox {id}: msisdn")))
}
