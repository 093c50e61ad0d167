//! The SQL of `delivery_report`, and of what a report changes at a try and its message.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::messages::MessageId;
use crate::messages::reports::{DELIVERABLE, Report, Says};
use crate::primitives::{Carrier, Msisdn};

/// What is kept of a provider's word, in characters.
const STATUS_CHARACTERS: usize = 60;

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

/// The try an id belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::messages) struct Tried {
    pub message: MessageId,
    pub number: i32,
}

/// As [`lock`], for the ids of all these reports, in the one order in which everybody locks several.
pub(in crate::messages) async fn lock_all(
    conn: &mut PgConnection,
    reports: &[Report],
) -> Result<(), Fault> {
    sqlx::query!(
        "select pg_advisory_xact_lock(key) from
            (select distinct hashtextextended(id, 7) as key from unnest($1::text[]) as id order by 1) as keys",
        &ids(reports)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The try that each report speaks of, as far as its id is known.
pub(in crate::messages) async fn tries_of(
    conn: &mut PgConnection,
    reports: &[Report],
) -> Result<Vec<Option<Tried>>, Fault> {
    let rows = sqlx::query!(
        r#"select place as "place!", message_id, number
           from unnest($1::text[], $2::text[]) with ordinality as asked (provider, id, place)
           join send_attempt on send_attempt.provider = asked.provider and provider_message_id = asked.id"#,
        &carriers(reports),
        &ids(reports)
    )
    .fetch_all(conn)
    .await?;
    let mut tries = vec![None; reports.len()];
    for row in rows {
        tries[row.place as usize - 1] = Some(Tried {
            message: MessageId(row.message_id),
            number: row.number,
        });
    }
    Ok(tries)
}

/// Keeps the reports, in their order. Says of each whether it is news; the same status of an id is reported once.
pub(in crate::messages) async fn insert_all(
    conn: &mut PgConnection,
    reports: &[Report],
    tries: &[Option<Tried>],
    now: DateTime<Utc>,
) -> Result<Vec<bool>, Fault> {
    let msisdns: Vec<Option<&str>> = reports
        .iter()
        .map(|report| report.msisdn.as_ref().map(Msisdn::digits))
        .collect();
    let statuses: Vec<String> = reports
        .iter()
        .map(|report| report.status.chars().take(STATUS_CHARACTERS).collect())
        .collect();
    let reasons: Vec<Option<&str>> = reports
        .iter()
        .map(|report| report.reason.as_deref())
        .collect();
    let says: Vec<&str> = reports.iter().map(|report| report.says.as_str()).collect();
    let fields: Vec<serde_json::Value> =
        reports.iter().map(|report| report.fields.clone()).collect();
    let messages: Vec<Option<Uuid>> = tries
        .iter()
        .map(|tried| tried.map(|tried| tried.message.0))
        .collect();
    let rows = sqlx::query!(
        "insert into delivery_report (received_at, provider, provider_message_id, msisdn, status, reason, says, fields, message_id)
         select $9, provider, id, msisdn, status, left(reason, 100), says, fields, message_id
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::uuid[]) with ordinality
              as new (provider, id, msisdn, status, reason, says, fields, message_id, place)
         order by place
         on conflict (provider, provider_message_id, status) do nothing
         returning provider, provider_message_id, status",
        &carriers(reports),
        &ids(reports),
        &msisdns as &[Option<&str>],
        &statuses,
        &reasons as &[Option<&str>],
        &says as &[&str],
        &fields,
        &messages as &[Option<Uuid>],
        now
    )
    .fetch_all(conn)
    .await?;
    let mut inserted: HashSet<(String, String, String)> = rows
        .into_iter()
        .map(|row| (row.provider, row.provider_message_id, row.status))
        .collect();
    Ok(reports
        .iter()
        .zip(statuses)
        .map(|(report, status)| {
            let provider = report.provider.as_str().to_owned();
            inserted.remove(&(provider, report.provider_message_id.clone(), status))
        })
        .collect())
}

/// Notes that these tries brought their messages to the phone; each message stands here once. Returns those that moved.
pub(in crate::messages) async fn deliver_all(
    conn: &mut PgConnection,
    tries: &[Tried],
    now: DateTime<Utc>,
) -> Result<HashSet<MessageId>, Fault> {
    if tries.is_empty() {
        return Ok(HashSet::new());
    }
    let (messages, numbers): (Vec<Uuid>, Vec<i32>) = tries
        .iter()
        .map(|tried| (tried.message.0, tried.number))
        .unzip();
    let deliverable = DELIVERABLE.map(ToOwned::to_owned);
    let moved = sqlx::query_scalar!(
        "with new as (select * from unnest($1::uuid[], $2::integer[]) as new (id, number)),
         noted as (
            update send_attempt set reported = 'delivered' from new
            where message_id = new.id and send_attempt.number = new.number and reported is distinct from 'delivered')
         update outbox set state = 'delivered', changed_at = $3, why = null, leased_until = null, report_due = null
         from new where outbox.id = new.id and state = any($4) returning outbox.id",
        &messages,
        &numbers,
        now,
        &deliverable
    )
    .fetch_all(conn)
    .await?;
    Ok(moved.into_iter().map(MessageId).collect())
}

fn carriers(reports: &[Report]) -> Vec<String> {
    reports
        .iter()
        .map(|report| report.provider.as_str().to_owned())
        .collect()
}

fn ids(reports: &[Report]) -> Vec<String> {
    reports
        .iter()
        .map(|report| report.provider_message_id.clone())
        .collect()
}

/// Joins the parked reports of this id to their message; returns what they say, and why, in the order they came.
pub(in crate::messages) async fn take_parked(
    conn: &mut PgConnection,
    provider: Carrier,
    provider_message_id: &str,
    message: MessageId,
) -> Result<Vec<(Says, Option<String>)>, Fault> {
    let mut parked = sqlx::query!(
        "update delivery_report set message_id = $3
         where provider = $1 and provider_message_id = $2 and message_id is null returning id, says, reason",
        provider.as_str(),
        provider_message_id,
        message.0
    )
    .fetch_all(conn)
    .await?;
    parked.sort_by_key(|report| report.id);
    Ok(parked
        .into_iter()
        .map(|report| (Says::parse(&report.says), report.reason))
        .collect())
}

/// An id that nobody knows, reported for a phone that has a try without an answer.
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
           and exists (select from send_attempt join outbox on outbox.id = send_attempt.message_id
                       where send_attempt.provider = delivery_report.provider and outbox.msisdn = delivery_report.msisdn
                         and send_attempt.provider_message_id is null and outcome in ('unknown', 'lost')
                         and handed_at is not null and began_at > $1 and began_at <= received_at)
         group by provider, provider_message_id, msisdn order by 4 limit 100"#,
        since,
        until
    )
    .fetch_all(conn)
    .await?;
    Ok(orphans)
}

/// Gives the orphan's id to the oldest try to its phone that was made before it came, within a day, and had no answer.
/// The provider has the message, so it is no longer unknown.
pub(in crate::messages) async fn adopt(
    conn: &mut PgConnection,
    orphan: &Orphan,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Tried>, Fault> {
    let row = sqlx::query!(
        "update send_attempt set provider_message_id = $2
         where (message_id, number) = (select message_id, number
            from send_attempt join outbox on outbox.id = message_id
            where send_attempt.provider = $1 and outbox.msisdn = $3 and send_attempt.provider_message_id is null
              and outcome in ('unknown', 'lost') and handed_at is not null and began_at > $4 and began_at <= $5
            order by began_at, message_id limit 1 for update of send_attempt skip locked)
         returning message_id, number",
        orphan.provider,
        orphan.provider_message_id,
        orphan.msisdn,
        since,
        orphan.came_at
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let tried = Tried {
        message: MessageId(row.message_id),
        number: row.number,
    };
    move_message(conn, tried.message, &["unknown"], "sent", None, now).await?;
    Ok(Some(tried))
}

/// Notes at a try what was reported of it. What was delivered stays so, and what failed is not underway any more.
pub(in crate::messages) async fn note(
    conn: &mut PgConnection,
    tried: Tried,
    reported: &str,
) -> Result<(), Fault> {
    sqlx::query!(
        "update send_attempt set reported = $3
         where message_id = $1 and number = $2
           and coalesce(array_position(array['underway', 'failed', 'delivered'], reported), 0)
             < array_position(array['underway', 'failed', 'delivered'], $3)",
        tried.message.0,
        tried.number,
        reported
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// True when another try of the message may have brought it to the phone.
pub(in crate::messages) async fn may_arrive_otherwise(
    conn: &mut PgConnection,
    tried: Tried,
) -> Result<bool, Fault> {
    let may = sqlx::query_scalar!(
        r#"select exists (select from send_attempt where message_id = $1 and number <> $2 and handed_at is not null
            and outcome is distinct from 'refused' and reported is distinct from 'failed') as "may!""#,
        tried.message.0,
        tried.number
    )
    .fetch_one(conn)
    .await?;
    Ok(may)
}

/// Gives a message that certainly did not arrive through this try to the sender once more, and wakes it; false when it
/// is not waiting for a report, or it is too late.
pub(in crate::messages) async fn send_on(
    conn: &mut PgConnection,
    id: MessageId,
    only_emergencies: bool,
    why: &str,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let class = sqlx::query_scalar!(
        "update outbox set state = 'queued', not_before = $3, report_due = null, why = left($4, 500), changed_at = $3
         where id = $1 and state in ('unknown', 'sent') and not_after >= $3 and (class = 'emergency' or not $2)
         returning class",
        id.0,
        only_emergencies,
        now,
        why
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(class) = class else { return Ok(false) };
    sqlx::query!("select pg_notify('outbox', $1)", class)
        .execute(conn)
        .await?;
    Ok(true)
}

/// The phone of a message wants no promotion any more: it has blocked us at its operator.
pub(in crate::messages) async fn opt_out_of(
    conn: &mut PgConnection,
    id: MessageId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into opt_out (msisdn, since, source) select msisdn, $2, 'blocked at the operator' from outbox where id = $1
         on conflict (msisdn) do nothing",
        id.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Moves a message that is in one of the states `from`; false when it is not.
pub(in crate::messages) async fn move_message(
    conn: &mut PgConnection,
    id: MessageId,
    from: &[&str],
    to: &str,
    why: Option<&str>,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let from: Vec<String> = from.iter().map(ToString::to_string).collect();
    let moved = sqlx::query!(
        "update outbox set state = $3, changed_at = $4, why = $5, leased_until = null,
                report_due = case when $3 = 'sent' then report_due end
         where id = $1 and state = any($2)",
        id.0,
        &from,
        to,
        now,
        why
    )
    .execute(conn)
    .await?;
    Ok(moved.rows_affected() == 1)
}
