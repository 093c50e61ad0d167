//! The SQL of `outbox` and `opt_out`.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::attempts;
use crate::fault::Fault;
use crate::messages::route::Tried;
use crate::messages::{Class, Message, MessageId, Tally};
use crate::primitives::{Language, Msisdn};

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
    /// The kinds the phone does not want.
    pub unwanted: Vec<String>,
    /// Messages of this lane that the phone was sent within a day.
    pub said_today: i64,
    /// An alert that the delivery clock has sent through a second provider already.
    pub is_repeated: bool,
    /// Why the last one came to nothing.
    pub why: Option<String>,
    /// What is known of them, oldest first.
    pub tried: Vec<Tried>,
}

/// Locks up to `limit` due messages of a lane, oldest first.
pub(in crate::messages) async fn lock_due(
    conn: &mut PgConnection,
    class: Class,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Due>, Fault> {
    let rows = sqlx::query!(
        r#"select id, msisdn, language, template, fills, text, segments, without_name, not_after, attempts, why,
                  repeated_at is not null as "is_repeated!",
                  exists (select from opt_out where opt_out.msisdn = outbox.msisdn) as "opted_out!",
                  array(select kind from message_preference p where p.msisdn = outbox.msisdn) as "unwanted!",
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
    .fetch_all(&mut *conn)
    .await?;
    let tried_before: Vec<Uuid> = rows
        .iter()
        .filter(|row| row.attempts > 0)
        .map(|row| row.id)
        .collect();
    let tries = match tried_before.as_slice() {
        [] => Vec::new(),
        ids => attempts::of(conn, ids).await?,
    };
    rows.into_iter()
        .map(|row| {
            let of_this = tries.iter().filter(|(id, _)| id.0 == row.id);
            let tried = of_this.map(|(_, tried)| *tried).collect();
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
                unwanted: row.unwanted,
                said_today: row.said_today,
                is_repeated: row.is_repeated,
                why: row.why,
                tried,
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

/// Ends the trying of a message that is due: `failed` or `expired`, or where its earlier tries left it.
pub(in crate::messages) async fn give_up(
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

/// Leaves a message that is due for later.
pub(in crate::messages) async fn postpone(
    conn: &mut PgConnection,
    id: MessageId,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update outbox set not_before = $2, changed_at = $3 where id = $1",
        id.0,
        until,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends messages whose end nobody has told us since `before`; a later report may still say otherwise.
pub(in crate::messages) async fn fail_untold(
    pool: &PgPool,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64, Fault> {
    let failed = sqlx::query!(
        "update outbox set state = 'failed', changed_at = $2, report_due = null,
                why = case state when 'sent' then 'accepted, and never reported on' else 'no answer and no report' end
         where id in (select id from outbox where state in ('unknown', 'sent') and changed_at < $1
                      order by changed_at limit 1000 for update skip locked)",
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
