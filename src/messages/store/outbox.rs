//! The SQL of `outbox`, `send_attempt` and `opt_out`.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::fault::Fault;
use crate::messages::{Class, Message, MessageId, Tally};
use crate::primitives::{Language, Money, Msisdn};

pub(in crate::messages) async fn insert(
    conn: &mut PgConnection,
    id: MessageId,
    message: &Message,
    now: DateTime<Utc>,
) -> Result<MessageId, Fault> {
    let (not_before, not_after) = message.worth_saying(now);
    let inserted = sqlx::query_scalar!(
        "insert into outbox (id, msisdn, language, class, template, fills, key, about, created_at, not_before, not_after, changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $9)
         on conflict (key) do nothing returning id",
        id.0,
        message.to.digits(),
        message.language.as_str(),
        message.class.as_str(),
        message.template,
        serde_json::to_value(&message.values)?,
        message.key,
        message.about,
        now,
        not_before,
        not_after
    )
    .fetch_optional(&mut *conn)
    .await?;
    match inserted {
        Some(id) => Ok(MessageId(id)),
        None => {
            let first = sqlx::query_scalar!("select id from outbox where key = $1", message.key)
                .fetch_one(conn)
                .await?;
            Ok(MessageId(first))
        }
    }
}

/// Many messages in one statement; those whose key was used before are left out. Returns how many are new.
pub(in crate::messages) async fn insert_all(
    conn: &mut PgConnection,
    messages: &[Message],
    now: DateTime<Utc>,
) -> Result<u64, Fault> {
    let count = messages.len();
    let mut ids = Vec::with_capacity(count);
    let (mut msisdns, mut languages) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let (mut classes, mut templates) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let (mut fills, mut keys) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let (mut abouts, mut froms) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut untils = Vec::with_capacity(count);
    for message in messages {
        let (from, until) = message.worth_saying(now);
        ids.push(Uuid::now_v7());
        msisdns.push(message.to.digits().to_owned());
        languages.push(message.language.as_str().to_owned());
        classes.push(message.class.as_str().to_owned());
        templates.push(message.template.to_owned());
        fills.push(serde_json::to_value(&message.values)?);
        keys.push(message.key.clone());
        abouts.push(message.about);
        froms.push(from);
        untils.push(until);
    }
    let inserted = sqlx::query!(
        "insert into outbox (id, msisdn, language, class, template, fills, key, about, created_at, not_before, not_after, changed_at)
         select id, msisdn, language, class, template, fills, key, about, $11, not_before, not_after, $11
         from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[], $8::uuid[],
                     $9::timestamptz[], $10::timestamptz[])
              as new (id, msisdn, language, class, template, fills, key, about, not_before, not_after)
         on conflict (key) do nothing",
        &ids,
        &msisdns,
        &languages,
        &classes,
        &templates,
        &fills,
        &keys as &[Option<String>],
        &abouts as &[Option<Uuid>],
        &froms,
        &untils,
        now
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected())
}

/// Counts the messages about one thing by how they stand.
pub(in crate::messages) async fn tally(
    conn: &mut PgConnection,
    about: Uuid,
) -> Result<Tally, Fault> {
    let row = sqlx::query!(
        r#"select count(*) filter (where state in ('queued', 'sending')) as "waiting!",
                  count(*) filter (where state in ('sent', 'unknown')) as "on_their_way!",
                  count(*) filter (where state = 'delivered') as "delivered!",
                  count(*) filter (where state in ('failed', 'expired')) as "failed!",
                  max(changed_at) as last_moved_at
           from outbox where about = $1"#,
        about
    )
    .fetch_one(conn)
    .await?;
    let small = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    Ok(Tally {
        waiting: small(row.waiting),
        on_their_way: small(row.on_their_way),
        delivered: small(row.delivered),
        failed: small(row.failed),
        last_moved_at: row.last_moved_at,
    })
}

/// A message that is due, locked in the caller's transaction.
#[derive(Clone, Debug)]
pub(in crate::messages) struct Due {
    pub id: MessageId,
    pub to: Msisdn,
    pub language: Language,
    pub class: Class,
    pub template: String,
    /// As stored: whether it still reads is the sender's to judge, lest one row stop a lane.
    pub fills: Value,
    /// The text and its segments, once it has been made.
    pub text: Option<(String, i32)>,
    pub without_name: bool,
    pub not_after: DateTime<Utc>,
    pub opted_out: bool,
    /// Messages of this lane that the phone was sent within a day.
    pub said_today: i64,
}

/// Locks up to `limit` due messages of a lane, oldest first.
pub(in crate::messages) async fn lock_due(
    conn: &mut PgConnection,
    class: Class,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Due>, Fault> {
    let rows = sqlx::query!(
        r#"select id, msisdn, language, template, fills, text, segments, without_name, not_after,
                  exists (select from opt_out where opt_out.msisdn = outbox.msisdn) as "opted_out!",
                  (select count(*) from outbox as said
                   where said.msisdn = outbox.msisdn and said.class = $1 and said.created_at > $4
                     and said.state in ('sending', 'unknown', 'sent', 'delivered')) as "said_today!"
         from outbox where state = 'queued' and class = $1 and not_before <= $2
         order by not_before, id limit $3 for update of outbox skip locked"#,
        class.as_str(),
        now,
        limit,
        now - TimeDelta::days(1)
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let broken = |what: &str| Fault::broken(format!("outbox {}: {what}", row.id));
            Ok(Due {
                id: MessageId(row.id),
                to: Msisdn::parse(&row.msisdn).map_err(|_| broken("msisdn"))?,
                language: Language::parse(&row.language).map_err(|_| broken("language"))?,
                class,
                template: row.template,
                fills: row.fills,
                text: row.text.zip(row.segments),
                without_name: row.without_name,
                not_after: row.not_after,
                opted_out: row.opted_out,
                said_today: row.said_today,
            })
        })
        .collect()
}

/// Puts off up to `limit` due messages of a lane, all of them or those of these templates; returns how many.
pub(in crate::messages) async fn put_off(
    conn: &mut PgConnection,
    class: Class,
    templates: Option<&[String]>,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<u64, Fault> {
    let put_off = sqlx::query!(
        "update outbox set not_before = $4 where id in (
            select id from outbox where state = 'queued' and class = $1 and not_before <= $3
              and ($2::text[] is null or template = any($2))
            order by not_before, id limit $5 for update skip locked)",
        class.as_str(),
        templates,
        now,
        until,
        limit
    )
    .execute(conn)
    .await?;
    Ok(put_off.rows_affected())
}

/// One try, written down before anything leaves us.
#[derive(Clone, Debug)]
pub(in crate::messages) struct Try {
    pub id: MessageId,
    pub fence: i64,
    /// This one included.
    pub attempts: i32,
    pub class: Class,
    pub to: Msisdn,
    pub text: String,
    pub segments: usize,
    pub without_name: bool,
    pub not_after: DateTime<Utc>,
}

pub(in crate::messages) async fn begin_try(
    conn: &mut PgConnection,
    due: Due,
    (text, segments): (String, i32),
    provider: &str,
    now: DateTime<Utc>,
    leased_until: DateTime<Utc>,
) -> Result<Try, Fault> {
    let row = sqlx::query!(
        "update outbox set state = 'sending', text = $2, segments = $3, provider = $4, leased_until = $5,
                attempts = attempts + 1, fence = fence + 1, changed_at = $6
         where id = $1 returning fence, attempts",
        due.id.0,
        text,
        segments,
        provider,
        leased_until,
        now
    )
    .fetch_one(&mut *conn)
    .await?;
    sqlx::query!(
        "insert into send_attempt (message_id, number, provider, began_at) values ($1, $2, $3, $4)",
        due.id.0,
        row.attempts,
        provider,
        now
    )
    .execute(conn)
    .await?;
    Ok(Try {
        id: due.id,
        fence: row.fence,
        attempts: row.attempts,
        class: due.class,
        to: due.to,
        text,
        segments: usize::try_from(segments).unwrap_or(1),
        without_name: due.without_name,
        not_after: due.not_after,
    })
}

/// Ends a message that was never handed over: `failed` or `expired`.
pub(in crate::messages) async fn drop_unsent(
    conn: &mut PgConnection,
    id: MessageId,
    state: &str,
    why: &str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update outbox set state = $2, why = left($3, 500), changed_at = $4 where id = $1",
        id.0,
        state,
        why,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::messages) async fn end_attempt(
    conn: &mut PgConnection,
    this: &Try,
    outcome: &str,
    detail: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update send_attempt set ended_at = $3, outcome = $4, detail = left($5, 500)
         where message_id = $1 and number = $2 and ended_at is null",
        this.id.0,
        this.attempts,
        now,
        outcome,
        detail
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Each of the following is refused, with `false`, when the lease was lost meanwhile.
pub(in crate::messages) async fn mark_sent(
    conn: &mut PgConnection,
    this: &Try,
    provider_id: &str,
    cost: Option<Money>,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let sent = sqlx::query!(
        "update outbox set state = 'sent', leased_until = null, provider_message_id = $3, cost_cents = $4, why = null, changed_at = $5
         where id = $1 and fence = $2 and state = 'sending'",
        this.id.0,
        this.fence,
        provider_id,
        cost.map(Money::cents),
        now
    )
    .execute(conn)
    .await?;
    Ok(sent.rows_affected() == 1)
}

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

/// `unknown`, `failed` or `expired`.
pub(in crate::messages) async fn mark_ended(
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

/// Takes back messages whose sender died between handing over and writing down. They are said again (a dead
/// sender mostly died before), but promotions, and anything that was tried too often, are not.
pub(in crate::messages) async fn reclaim(pool: &PgPool, now: DateTime<Utc>) -> Result<u64, Fault> {
    let reclaimed = sqlx::query!(
        "with lost as (
            select id, attempts, class <> 'promotion' and attempts < 5 as again from outbox
            where state = 'sending' and leased_until <= $1 for update skip locked),
         noted as (
            update send_attempt set ended_at = $1, outcome = 'lost' from lost
            where message_id = lost.id and number = lost.attempts and ended_at is null)
         update outbox set state = case when lost.again then 'queued' else 'unknown' end,
                leased_until = null, not_before = least(not_before, $1), why = 'the sender was lost', changed_at = $1
         from lost where outbox.id = lost.id",
        now
    )
    .execute(pool)
    .await?;
    Ok(reclaimed.rows_affected())
}

/// Ends messages whose outcome nobody has told us since `before`; a later report may still say otherwise.
pub(in crate::messages) async fn fail_unknown(
    pool: &PgPool,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64, Fault> {
    let failed = sqlx::query!(
        "update outbox set state = 'failed', why = 'no answer and no report', changed_at = $2
         where state = 'unknown' and changed_at < $1",
        before,
        now
    )
    .execute(pool)
    .await?;
    Ok(failed.rows_affected())
}

/// Noted with time and source when it changes anything.
pub(in crate::messages) async fn opt_out(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
    now: DateTime<Utc>,
    source: &str,
) -> Result<(), Fault> {
    sqlx::query!(
        "with changed as (
            insert into opt_out (msisdn, since, source) values ($1, $2, left($3, 60)) on conflict (msisdn) do nothing returning msisdn)
         insert into opt_change (msisdn, wants, at, source) select msisdn, false, $2, left($3, 60) from changed",
        msisdn.digits(),
        now,
        source
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Noted with time and source when it changes anything.
pub(in crate::messages) async fn opt_in(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
    now: DateTime<Utc>,
    source: &str,
) -> Result<(), Fault> {
    sqlx::query!(
        "with changed as (delete from opt_out where msisdn = $1 returning msisdn)
         insert into opt_change (msisdn, wants, at, source) select msisdn, true, $2, left($3, 60) from changed",
        msisdn.digits(),
        now,
        source
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::messages) async fn is_opted_out(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
) -> Result<bool, Fault> {
    let opted_out = sqlx::query_scalar!(
        r#"select exists (select from opt_out where msisdn = $1) as "opted_out!""#,
        msisdn.digits()
    )
    .fetch_one(conn)
    .await?;
    Ok(opted_out)
}

/// How one lane stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LaneStats {
    pub class: Class,
    pub queued: i64,
    pub due: i64,
    /// Queued once more: the provider was away or refused them for now.
    pub again: i64,
    pub sending: i64,
    /// Handed over without an answer and without a report yet.
    pub unknown: i64,
    /// Seconds since the oldest due message fell due; 0 when none is.
    pub oldest_due_seconds: i64,
}

impl LaneStats {
    fn empty(class: Class) -> LaneStats {
        LaneStats {
            class,
            queued: 0,
            due: 0,
            again: 0,
            sending: 0,
            unknown: 0,
            oldest_due_seconds: 0,
        }
    }

    /// Messages that should be gone are not: the provider is away, or nobody sends.
    pub fn is_held_up(&self) -> bool {
        self.again > 0 || self.oldest_due_seconds > HELD_UP_SECONDS
    }
}

const HELD_UP_SECONDS: i64 = 60;

/// One entry for each lane, most urgent first.
pub async fn lane_stats(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<LaneStats>, Fault> {
    let rows = sqlx::query!(
        r#"select class,
                  count(*) filter (where state = 'queued') as "queued!",
                  count(*) filter (where state = 'queued' and not_before <= $1) as "due!",
                  count(*) filter (where state = 'queued' and attempts > 0) as "again!",
                  count(*) filter (where state = 'sending') as "sending!",
                  count(*) filter (where state = 'unknown') as "unknown!",
                  min(not_before) filter (where state = 'queued' and not_before <= $1) as oldest_due
         from outbox where state in ('queued', 'sending', 'unknown') group by class"#,
        now
    )
    .fetch_all(conn)
    .await?;
    let stats = Class::ALL.into_iter().map(|class| {
        let row = rows.iter().find(|row| row.class == class.as_str());
        row.map_or(LaneStats::empty(class), |row| LaneStats {
            class,
            queued: row.queued,
            due: row.due,
            again: row.again,
            sending: row.sending,
            unknown: row.unknown,
            oldest_due_seconds: row.oldest_due.map_or(0, |due| (now - due).num_seconds()),
        })
    });
    Ok(stats.collect())
}
