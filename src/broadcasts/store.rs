//! The SQL of `broadcast` and `broadcast_recipient`; that of `stage_post` is in [`posts`].
//!
//! Recipients are counted and written in one statement each, so these read whose member is where and who has said STOP.

pub(super) mod posts;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{Audience, BroadcastId, Kind, Preview};
use crate::fault::Fault;
use crate::members::MemberId;
use crate::primitives::{Language, Money, Msisdn};
use crate::stages::StageId;

/// A broadcast as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broadcast {
    pub id: BroadcastId,
    pub key: String,
    /// None: the desk.
    pub author: Option<MemberId>,
    pub stage: Option<StageId>,
    pub audience: Audience,
    pub kind: Kind,
    pub words: String,
    pub recipients: u32,
    pub segments: u32,
    pub cost: Money,
    pub state: State,
    pub made_at: DateTime<Utc>,
    pub written_to: Option<Uuid>,
}

/// Where a broadcast is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Shown to its author, who has not said yes.
    Draft,
    /// A newer draft took its place.
    Dropped,
    /// Its recipients are being written.
    Sending,
    /// All of them are.
    Written,
    /// Its author has heard how it went.
    Told,
}

impl State {
    const ALL: [(State, &str); 5] = [
        (State::Draft, "draft"),
        (State::Dropped, "dropped"),
        (State::Sending, "sending"),
        (State::Written, "written"),
        (State::Told, "told"),
    ];

    fn parse(word: &str) -> Option<State> {
        let found = State::ALL.iter().find(|(_, name)| *name == word);
        found.map(|(state, _)| *state)
    }

    fn as_str(self) -> &'static str {
        let found = State::ALL.iter().find(|(state, _)| *state == self);
        found.map_or("", |(_, name)| *name)
    }
}

impl Broadcast {
    pub fn preview(&self) -> Preview {
        Preview {
            id: self.id,
            recipients: self.recipients,
            segments: self.segments,
            cost: self.cost,
            words: self.words.clone(),
        }
    }

    /// The stage all recipients belong to, and the SACCO, where it is one's.
    fn bounds(&self) -> (Option<i32>, Option<&str>) {
        match &self.audience {
            Audience::Stage(stage) => (Some(stage.0), None),
            Audience::Sacco(sacco) => (None, Some(sacco)),
            Audience::Everyone => (None, None),
        }
    }
}

/// Someone to be written to.
pub(super) struct Recipient {
    pub member: Uuid,
    pub msisdn: Msisdn,
    pub language: Language,
    /// Not written before.
    pub is_new: bool,
}

struct Row {
    id: Uuid,
    key: String,
    author: Option<Uuid>,
    stage_id: Option<i32>,
    audience: String,
    sacco: Option<String>,
    kind: String,
    words: String,
    recipients: i32,
    segments: i32,
    cost_cents: i64,
    state: String,
    made_at: DateTime<Utc>,
    written_to: Option<Uuid>,
}

impl TryFrom<Row> for Broadcast {
    type Error = Fault;
    fn try_from(row: Row) -> Result<Broadcast, Fault> {
        let broken = |what: &str| Fault::broken(format!("broadcast {}: {what}", row.id));
        let stage = row.stage_id.map(StageId);
        let audience = match (row.audience.as_str(), row.sacco, stage) {
            ("stage", _, Some(stage)) => Audience::Stage(stage),
            ("sacco", Some(sacco), _) => Audience::Sacco(sacco),
            ("everyone", _, _) => Audience::Everyone,
            _ => return Err(broken("audience")),
        };
        Ok(Broadcast {
            id: BroadcastId(row.id),
            author: row.author.map(MemberId),
            stage,
            audience,
            kind: Kind::parse(&row.kind).ok_or_else(|| broken("kind"))?,
            recipients: u32::try_from(row.recipients).map_err(|_| broken("recipients"))?,
            segments: u32::try_from(row.segments).map_err(|_| broken("segments"))?,
            cost: Money::from_cents(row.cost_cents),
            state: State::parse(&row.state).ok_or_else(|| broken("state"))?,
            key: row.key,
            words: row.words,
            made_at: row.made_at,
            written_to: row.written_to,
        })
    }
}

/// As a draft, or confirmed at this time.
pub(super) async fn insert(
    conn: &mut PgConnection,
    broadcast: &Broadcast,
    confirmed_at: Option<DateTime<Utc>>,
) -> Result<(), Fault> {
    let sacco = match &broadcast.audience {
        Audience::Sacco(sacco) => Some(sacco),
        _ => None,
    };
    sqlx::query!(
        "insert into broadcast (id, key, author, stage_id, audience, sacco, kind, words, recipients, segments, cost_cents, state, made_at, confirmed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        broadcast.id.0,
        broadcast.key,
        broadcast.author.map(|author| author.0),
        broadcast.stage.map(|stage| stage.0),
        broadcast.audience.as_str(),
        sacco,
        broadcast.kind.as_str(),
        broadcast.words,
        i32::try_from(broadcast.recipients).unwrap_or(i32::MAX),
        i32::try_from(broadcast.segments).unwrap_or(i32::MAX),
        broadcast.cost.cents(),
        broadcast.state.as_str(),
        broadcast.made_at,
        confirmed_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn lock(
    conn: &mut PgConnection,
    id: BroadcastId,
) -> Result<Option<Broadcast>, Fault> {
    sqlx::query_as!(
        Row,
        "select id, key, author, stage_id, audience, sacco, kind, words, recipients, segments, cost_cents, state, made_at, written_to
         from broadcast where id = $1 for update",
        id.0
    )
    .fetch_optional(conn)
    .await?
    .map(Broadcast::try_from)
    .transpose()
}

pub(super) async fn find_by_key(
    conn: &mut PgConnection,
    key: &str,
) -> Result<Option<Broadcast>, Fault> {
    sqlx::query_as!(
        Row,
        "select id, key, author, stage_id, audience, sacco, kind, words, recipients, segments, cost_cents, state, made_at, written_to
         from broadcast where key = $1",
        key
    )
    .fetch_optional(conn)
    .await?
    .map(Broadcast::try_from)
    .transpose()
}

/// The draft of this author, unless it is older.
pub(super) async fn draft_of(
    conn: &mut PgConnection,
    author: MemberId,
    since: DateTime<Utc>,
) -> Result<Option<Broadcast>, Fault> {
    sqlx::query_as!(
        Row,
        "select id, key, author, stage_id, audience, sacco, kind, words, recipients, segments, cost_cents, state, made_at, written_to
         from broadcast where author = $1 and state = 'draft' and made_at > $2",
        author.0,
        since
    )
    .fetch_optional(conn)
    .await?
    .map(Broadcast::try_from)
    .transpose()
}

pub(super) async fn drop_draft_of(conn: &mut PgConnection, author: MemberId) -> Result<(), Fault> {
    sqlx::query!(
        "update broadcast set state = 'dropped' where author = $1 and state = 'draft'",
        author.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn mark_sending(
    conn: &mut PgConnection,
    id: BroadcastId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update broadcast set state = 'sending', confirmed_at = $2 where id = $1 and state = 'draft'",
        id.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Broadcasts an official has sent themselves since then.
pub(super) async fn confirmed_since(
    conn: &mut PgConnection,
    author: MemberId,
    since: DateTime<Utc>,
) -> Result<u32, Fault> {
    let sent = sqlx::query_scalar!(
        r#"select count(*) as "sent!" from broadcast where author = $1 and confirmed_at >= $2 and kind <> 'post'"#,
        author.0,
        since
    )
    .fetch_one(conn)
    .await?;
    Ok(u32::try_from(sent).unwrap_or(u32::MAX))
}

pub(super) async fn confirmed_by(
    conn: &mut PgConnection,
    author: MemberId,
    limit: i64,
) -> Result<Vec<(BroadcastId, DateTime<Utc>)>, Fault> {
    let rows = sqlx::query!(
        r#"select id, confirmed_at as "confirmed_at!" from broadcast
           where author = $1 and confirmed_at is not null and kind <> 'post' order by confirmed_at desc limit $2"#,
        author.0,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (BroadcastId(row.id), row.confirmed_at))
        .collect())
}

pub(super) async fn count_recipients(
    conn: &mut PgConnection,
    broadcast: &Broadcast,
) -> Result<u32, Fault> {
    let (stage, sacco) = broadcast.bounds();
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from member
           where status = 'active' and ($1::integer is null or stage_id = $1) and ($2::text is null or lower(sacco) = lower($2))
             and id is distinct from $3
             and not exists (select from opt_out where opt_out.msisdn = member.msisdn)
             and not exists (select from message_preference p where p.msisdn = member.msisdn and p.kind = 'notices')"#,
        stage,
        sacco,
        broadcast.author.map(|author| author.0)
    )
    .fetch_one(conn)
    .await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Writes the next recipients down, in the order of their ids.
pub(super) async fn write_recipients(
    conn: &mut PgConnection,
    broadcast: &Broadcast,
    limit: i64,
) -> Result<Vec<Recipient>, Fault> {
    let (stage, sacco) = broadcast.bounds();
    let rows = sqlx::query!(
        r#"with next as (
              select id, msisdn, language from member
              where status = 'active' and ($2::integer is null or stage_id = $2) and ($3::text is null or lower(sacco) = lower($3))
                and id is distinct from $4 and id > $5
                and not exists (select from opt_out where opt_out.msisdn = member.msisdn)
             and not exists (select from message_preference p where p.msisdn = member.msisdn and p.kind = 'notices')
              order by id limit $6),
           written as (
              insert into broadcast_recipient (broadcast_id, member_id) select $1, id from next
              on conflict do nothing returning member_id)
           select next.id, next.msisdn, next.language, written.member_id is not null as "is_new!"
           from next left join written on written.member_id = next.id order by next.id"#,
        broadcast.id.0,
        stage,
        sacco,
        broadcast.author.map(|author| author.0),
        broadcast.written_to.unwrap_or_default(),
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let broken = |what: &str| Fault::broken(format!("member {}: {what}", row.id));
            Ok(Recipient {
                member: row.id,
                msisdn: Msisdn::parse(&row.msisdn).map_err(|_| broken("msisdn"))?,
                language: Language::parse(&row.language).map_err(|_| broken("language"))?,
                is_new: row.is_new,
            })
        })
        .collect()
}

/// How far the writing has come; with a time, that it has come to its end.
pub(super) async fn note_written(
    conn: &mut PgConnection,
    id: BroadcastId,
    written_to: Option<Uuid>,
    ended_at: Option<DateTime<Utc>>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update broadcast set written_to = coalesce($2, written_to), written_at = $3,
                state = case when $3::timestamptz is null then 'sending' else 'written' end
         where id = $1 and state = 'sending'",
        id.0,
        written_to,
        ended_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Those whose senders have not heard yet how they went.
pub(super) async fn lock_written(conn: &mut PgConnection) -> Result<Vec<Broadcast>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        "select id, key, author, stage_id, audience, sacco, kind, words, recipients, segments, cost_cents, state, made_at, written_to
         from broadcast where state = 'written' order by written_at limit 100 for update skip locked"
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Broadcast::try_from).collect()
}

pub(super) async fn mark_told(
    conn: &mut PgConnection,
    id: BroadcastId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update broadcast set state = 'told', told_at = $2 where id = $1 and state = 'written'",
        id.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}
