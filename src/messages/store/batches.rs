//! The SQL of many tries at once: the ordinary way of an ordinary message, in a handful of statements for all of them.
//!
//! Each does what its namesake in [`attempts`](super::attempts) and [`reports`](super::reports) does for one.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::attempts::Try;
use super::outbox::Due;
use crate::fault::Fault;
use crate::messages::MessageId;
use crate::primitives::{Carrier, Money};

/// A try about to begin.
pub(in crate::messages) struct Beginning {
    pub due: Due,
    pub text: String,
    pub segments: i32,
    pub carrier: Carrier,
    /// It may have left us from now on; otherwise [`hand`](super::attempts::hand) says so later.
    pub at_once: bool,
}

/// Begins these tries, in their order.
pub(in crate::messages) async fn begin(
    conn: &mut PgConnection,
    beginnings: Vec<Beginning>,
    now: DateTime<Utc>,
    leased_until: DateTime<Utc>,
) -> Result<Vec<Try>, Fault> {
    if beginnings.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = beginnings.iter().map(|begun| begun.due.id.0).collect();
    let texts: Vec<String> = beginnings.iter().map(|begun| begun.text.clone()).collect();
    let segments: Vec<i32> = beginnings.iter().map(|begun| begun.segments).collect();
    let carriers: Vec<String> = beginnings
        .iter()
        .map(|begun| begun.carrier.as_str().to_owned())
        .collect();
    let at_once: Vec<bool> = beginnings.iter().map(|begun| begun.at_once).collect();
    let rows = sqlx::query!(
        r#"with new as (
              select * from unnest($1::uuid[], $2::text[], $3::integer[], $4::text[], $5::boolean[])
                  as new (id, text, segments, provider, at_once)),
           begun as (
              update outbox set state = 'sending', text = new.text, segments = new.segments, provider = new.provider,
                     leased_until = $6, attempts = attempts + 1, fence = fence + 1, changed_at = $7
              from new where outbox.id = new.id returning outbox.id, fence, attempts, new.provider, at_once),
           noted as (
              insert into send_attempt (message_id, number, provider, began_at, handed_at)
              select id, attempts, provider, $7, case when at_once then $7::timestamptz end from begun)
           select id as "id!", fence as "fence!", attempts as "attempts!" from begun"#,
        &ids,
        &texts,
        &segments,
        &carriers,
        &at_once,
        leased_until,
        now
    )
    .fetch_all(conn)
    .await?;
    let mut begun: BTreeMap<Uuid, (i64, i32)> = rows
        .into_iter()
        .map(|row| (row.id, (row.fence, row.attempts)))
        .collect();
    beginnings
        .into_iter()
        .map(|beginning| {
            let due = beginning.due;
            let (fence, number) = begun
                .remove(&due.id.0)
                .ok_or_else(|| Fault::broken(format!("outbox {}: gone while locked", due.id)))?;
            Ok(Try {
                id: due.id,
                fence,
                number,
                carrier: beginning.carrier,
                began_at: now,
                class: due.class,
                to: due.to,
                text: beginning.text,
                without_name: due.without_name,
                not_after: due.not_after,
                is_repeated: due.is_repeated,
                before: due.tried,
            })
        })
        .collect()
}

/// A try that its provider has accepted.
pub(in crate::messages) struct Accepted<'t> {
    pub this: &'t Try,
    pub provider_id: &'t str,
    pub cost: Option<Money>,
}

/// Keeps reports on these ids away until the transaction ends, in one order for everybody who locks several.
pub(in crate::messages) async fn lock_reports(
    conn: &mut PgConnection,
    accepted: &[Accepted<'_>],
) -> Result<(), Fault> {
    let ids: Vec<String> = provider_ids(accepted);
    sqlx::query!(
        "select pg_advisory_xact_lock(key) from
            (select distinct hashtextextended(id, 7) as key from unnest($1::text[]) as id order by 1) as keys",
        &ids
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// True when one of these ids is another try's already.
pub(in crate::messages) async fn any_is_anothers(
    conn: &mut PgConnection,
    accepted: &[Accepted<'_>],
) -> Result<bool, Fault> {
    let (messages, numbers) = names(accepted);
    let any = sqlx::query_scalar!(
        r#"select exists (
              select from unnest($1::text[], $2::text[], $3::uuid[], $4::integer[]) as new (provider, provider_id, id, number)
              join send_attempt on send_attempt.provider = new.provider and provider_message_id = new.provider_id
              where not (message_id = new.id and send_attempt.number = new.number)) as "any!""#,
        &carriers(accepted),
        &provider_ids(accepted),
        &messages,
        &numbers
    )
    .fetch_one(conn)
    .await?;
    Ok(any)
}

/// Writes down that the tries were accepted, and marks as sent those messages whose lease still holds: these are returned.
pub(in crate::messages) async fn mark_sent(
    conn: &mut PgConnection,
    accepted: &[Accepted<'_>],
    now: DateTime<Utc>,
) -> Result<Vec<MessageId>, Fault> {
    let (messages, numbers) = names(accepted);
    let fences: Vec<i64> = accepted.iter().map(|one| one.this.fence).collect();
    let costs: Vec<Option<i64>> = accepted
        .iter()
        .map(|one| one.cost.map(Money::cents))
        .collect();
    let sent = sqlx::query_scalar!(
        r#"with new as (
              select * from unnest($1::uuid[], $2::integer[], $3::bigint[], $4::text[], $5::bigint[])
                  as new (id, number, fence, provider_id, cost)),
           ended as (
              update send_attempt set ended_at = coalesce(ended_at, $6), outcome = 'accepted',
                     provider_message_id = coalesce(provider_message_id, new.provider_id), detail = null
              from new where message_id = new.id and send_attempt.number = new.number
                and (outcome is null or outcome in ('unknown', 'lost')))
           update outbox set state = 'sent', leased_until = null, cost_cents = coalesce(cost_cents + new.cost, new.cost, cost_cents),
                  report_due = null, why = null, changed_at = $6
           from new where outbox.id = new.id and outbox.fence = new.fence and state = 'sending' returning outbox.id"#,
        &messages,
        &numbers,
        &fences,
        &provider_ids(accepted),
        &costs as &[Option<i64>],
        now
    )
    .fetch_all(conn)
    .await?;
    Ok(sent.into_iter().map(MessageId).collect())
}

/// Those of these ids that a report has spoken of before they were stored.
pub(in crate::messages) async fn reported_before(
    conn: &mut PgConnection,
    accepted: &[Accepted<'_>],
) -> Result<Vec<String>, Fault> {
    let reported = sqlx::query_scalar!(
        "select distinct provider_message_id from delivery_report
         where message_id is null and provider_message_id = any($2) and provider = any($1)",
        &carriers(accepted),
        &provider_ids(accepted)
    )
    .fetch_all(conn)
    .await?;
    Ok(reported)
}

fn provider_ids(accepted: &[Accepted<'_>]) -> Vec<String> {
    accepted
        .iter()
        .map(|one| one.provider_id.to_owned())
        .collect()
}

fn carriers(accepted: &[Accepted<'_>]) -> Vec<String> {
    accepted
        .iter()
        .map(|one| one.this.carrier.as_str().to_owned())
        .collect()
}

fn names(accepted: &[Accepted<'_>]) -> (Vec<Uuid>, Vec<i32>) {
    accepted
        .iter()
        .map(|one| (one.this.id.0, one.this.number))
        .unzip()
}
