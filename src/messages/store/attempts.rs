//! The SQL of `send_attempt`, and of the steps in which a try and its message change together.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::reports;
use crate::fault::Fault;
use crate::messages::route::{COPIES_MAX, Fate, Tried};
use crate::messages::{Class, MessageId};
use crate::primitives::{Carrier, Money, Msisdn};

/// One try, written down before anything leaves us.
#[derive(Clone, Debug)]
pub(in crate::messages) struct Try {
    pub id: MessageId,
    pub fence: i64,
    /// Counted from 1.
    pub number: i32,
    pub carrier: Carrier,
    pub began_at: DateTime<Utc>,
    pub class: Class,
    pub to: Msisdn,
    pub text: String,
    pub without_name: bool,
    pub not_after: DateTime<Utc>,
    /// An alert that the delivery clock has sent through a second provider already.
    pub is_repeated: bool,
    pub before: Vec<Tried>,
}

impl Try {
    /// As reports name it.
    pub fn named(&self) -> reports::Tried {
        reports::Tried {
            message: self.id,
            number: self.number,
        }
    }
}

/// From here on the try may have left us. False when it is not ours any more, and must not leave.
pub(in crate::messages) async fn hand(
    pool: &PgPool,
    this: &Try,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let handed = sqlx::query!(
        "update send_attempt set handed_at = $4 from outbox
         where message_id = $1 and number = $2 and outbox.id = $1 and fence = $3 and state = 'sending'",
        this.id.0,
        this.number,
        this.fence,
        now
    )
    .execute(pool)
    .await?;
    Ok(handed.rows_affected() == 1)
}

/// What is known of the earlier tries of these messages, oldest first.
pub(in crate::messages) async fn of(
    conn: &mut PgConnection,
    messages: &[Uuid],
) -> Result<Vec<(MessageId, Tried)>, Fault> {
    let rows = sqlx::query!(
        r#"select message_id, provider, outcome, reported, handed_at is not null as "handed!"
         from send_attempt where message_id = any($1) order by message_id, number"#,
        messages
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let carrier = Carrier::parse(&row.provider).ok_or_else(|| {
                Fault::broken(format!("send_attempt of {}: provider", row.message_id))
            })?;
            let fate = match (row.outcome.as_deref(), row.reported.as_deref()) {
                (Some("refused"), _) => Fate::NotSent,
                _ if !row.handed => Fate::NotSent,
                (_, Some("failed")) => Fate::Undelivered,
                (Some("accepted"), _) | (_, Some(_)) => Fate::Accepted,
                _ => Fate::InDoubt,
            };
            Ok((MessageId(row.message_id), Tried { carrier, fate }))
        })
        .collect()
}

/// Writes down how a try ended. One that was in doubt meanwhile is not any more; one that has ended otherwise stays.
pub(in crate::messages) async fn end(
    conn: &mut PgConnection,
    this: &Try,
    outcome: &str,
    provider_id: Option<&str>,
    detail: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update send_attempt set ended_at = coalesce(ended_at, $3), outcome = $4,
                provider_message_id = coalesce(provider_message_id, $5), detail = left($6, 500)
         where message_id = $1 and number = $2 and (outcome is null or outcome in ('unknown', 'lost'))",
        this.id.0,
        this.number,
        now,
        outcome,
        provider_id,
        detail
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// True when the provider has given this id to another try of ours before.
pub(in crate::messages) async fn is_anothers(
    conn: &mut PgConnection,
    this: &Try,
    provider_id: &str,
) -> Result<bool, Fault> {
    let is_anothers = sqlx::query_scalar!(
        r#"select exists (select from send_attempt where provider = $1 and provider_message_id = $2
                          and not (message_id = $3 and number = $4)) as "is_anothers!""#,
        this.carrier.as_str(),
        provider_id,
        this.id.0,
        this.number
    )
    .fetch_one(conn)
    .await?;
    Ok(is_anothers)
}

/// The provider has the message. Refused, with `false`, when the lease was lost meanwhile.
pub(in crate::messages) async fn mark_sent(
    conn: &mut PgConnection,
    this: &Try,
    cost: Option<Money>,
    report_due: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let sent = sqlx::query!(
        "update outbox set state = 'sent', leased_until = null, cost_cents = coalesce(cost_cents + $3, $3, cost_cents),
                report_due = $4, why = null, changed_at = $5
         where id = $1 and fence = $2 and state = 'sending'",
        this.id.0,
        this.fence,
        cost.map(Money::cents),
        report_due,
        now
    )
    .execute(conn)
    .await?;
    Ok(sent.rows_affected() == 1)
}

/// As [`mark_sent`], for a message that is to be tried again.
pub(in crate::messages) async fn mark_queued(
    conn: &mut PgConnection,
    this: &Try,
    not_before: DateTime<Utc>,
    without_name: bool,
    why: &str,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let queued = sqlx::query!(
        "update outbox set state = 'queued', leased_until = null, not_before = $3, without_name = $4, why = left($5, 500), changed_at = $6
         where id = $1 and fence = $2 and state = 'sending'",
        this.id.0,
        this.fence,
        not_before,
        without_name,
        why,
        now
    )
    .execute(conn)
    .await?;
    Ok(queued.rows_affected() == 1)
}

/// As [`mark_sent`], for a message that is not tried again: `unknown`, `sent`, `failed` or `expired`.
pub(in crate::messages) async fn mark_at_rest(
    conn: &mut PgConnection,
    this: &Try,
    state: &str,
    why: &str,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let ended = sqlx::query!(
        "update outbox set state = $3, leased_until = null, why = left($4, 500), changed_at = $5
         where id = $1 and fence = $2 and state = 'sending'",
        this.id.0,
        this.fence,
        state,
        why,
        now
    )
    .execute(conn)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Takes back messages whose sender died. A try that had not been handed over yet is made again; one that had may have
/// been sent, so only an alert is said again, and that not for ever.
pub(in crate::messages) async fn reclaim(pool: &PgPool, now: DateTime<Utc>) -> Result<u64, Fault> {
    let reclaimed = sqlx::query!(
        "with lost as (
            select outbox.id, attempts,
                   exists (select from send_attempt where message_id = outbox.id and number = attempts and handed_at is null)
                   or class = 'emergency' and
                      (select count(*) from send_attempt where message_id = outbox.id and handed_at is not null
                       and outcome is distinct from 'refused' and reported is distinct from 'failed') < $2 as again
            from outbox where state = 'sending' and leased_until <= $1 for update skip locked),
         noted as (
            update send_attempt set ended_at = $1, outcome = 'lost' from lost
            where message_id = lost.id and number = lost.attempts and ended_at is null)
         update outbox set state = case when lost.again then 'queued' else 'unknown' end,
                leased_until = null, not_before = least(not_before, $1), why = 'the sender was lost', changed_at = $1
         from lost where outbox.id = lost.id",
        now,
        COPIES_MAX as i64
    )
    .execute(pool)
    .await?;
    Ok(reclaimed.rows_affected())
}

/// An alert whose delivery clock has run out.
pub(in crate::messages) struct Overdue {
    pub carrier: Option<Carrier>,
    /// The provider has not reported anything at all, and so may not work.
    pub is_silent: bool,
}

/// Gives alerts that nobody reported on in time to the next provider: once for each.
pub(in crate::messages) async fn repeat_overdue(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<Overdue>, Fault> {
    let overdue = sqlx::query!(
        r#"with overdue as (
            select id from outbox where state = 'sent' and report_due <= $1
            order by report_due limit 100 for update skip locked)
         update outbox set state = case when not_after >= $1 then 'queued' else 'sent' end, not_before = $1,
                report_due = null, repeated_at = $1, why = 'no delivery report in time', changed_at = $1
         from overdue where outbox.id = overdue.id
         returning provider,
                exists (select from send_attempt where message_id = outbox.id and number = attempts
                        and reported is null) as "is_silent!""#,
        now
    )
    .fetch_all(conn)
    .await?;
    Ok(overdue
        .into_iter()
        .map(|row| Overdue {
            carrier: row.provider.as_deref().and_then(Carrier::parse),
            is_silent: row.is_silent,
        })
        .collect())
}
