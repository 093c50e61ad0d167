//! The SQL of `stage_post`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::broadcasts::model::{BroadcastId, Post, PostId};
use crate::fault::Fault;
use crate::members::MemberId;
use crate::stages::StageId;

struct Row {
    id: Uuid,
    number: i32,
    stage_id: i32,
    member_id: Uuid,
    words: String,
    posted_at: DateTime<Utc>,
}

impl TryFrom<Row> for Post {
    type Error = Fault;
    fn try_from(row: Row) -> Result<Post, Fault> {
        Ok(Post {
            id: PostId(row.id),
            number: u32::try_from(row.number)
                .map_err(|_| Fault::broken(format!("stage_post {}: number", row.id)))?,
            stage: StageId(row.stage_id),
            member: MemberId(row.member_id),
            words: row.words,
            posted_at: row.posted_at,
        })
    }
}

/// Until the transaction ends nobody else numbers a post of this stage, or counts them.
pub(in crate::broadcasts) async fn lock_stage(
    conn: &mut PgConnection,
    stage: StageId,
) -> Result<(), Fault> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('stage_post', $1))",
        i64::from(stage.0)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The number of the post that came by this text.
pub(in crate::broadcasts) async fn number_of(
    conn: &mut PgConnection,
    key: &str,
) -> Result<Option<u32>, Fault> {
    let number = sqlx::query_scalar!("select number from stage_post where key = $1", key)
        .fetch_optional(conn)
        .await?;
    Ok(number.and_then(|number| u32::try_from(number).ok()))
}

pub(in crate::broadcasts) async fn count_since(
    conn: &mut PgConnection,
    member: MemberId,
    since: DateTime<Utc>,
) -> Result<u32, Fault> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from stage_post where member_id = $1 and posted_at >= $2"#,
        member.0,
        since
    )
    .fetch_one(conn)
    .await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Gives it the stage's next number, behind [`lock_stage`].
pub(in crate::broadcasts) async fn insert(
    conn: &mut PgConnection,
    id: PostId,
    key: &str,
    stage: StageId,
    member: MemberId,
    words: &str,
    now: DateTime<Utc>,
) -> Result<u32, Fault> {
    let number = sqlx::query_scalar!(
        "insert into stage_post (id, key, stage_id, number, member_id, words, posted_at)
         values ($1, $2, $3, (select coalesce(max(number), 0) + 1 from stage_post where stage_id = $3), $4, $5, $6) returning number",
        id.0,
        key,
        stage.0,
        member.0,
        words,
        now
    )
    .fetch_one(conn)
    .await?;
    u32::try_from(number).map_err(|_| Fault::broken(format!("stage_post {id}: number")))
}

/// A post of this stage by its number, and whether it still waits.
pub(in crate::broadcasts) async fn lock(
    conn: &mut PgConnection,
    stage: StageId,
    number: u32,
) -> Result<Option<(Post, bool)>, Fault> {
    let row = sqlx::query!(
        "select id, number, stage_id, member_id, words, posted_at, state from stage_post
         where stage_id = $1 and number = $2 for update",
        stage.0,
        i32::try_from(number).unwrap_or(i32::MAX)
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let is_waiting = row.state == "waiting";
    let post = Post::try_from(Row {
        id: row.id,
        number: row.number,
        stage_id: row.stage_id,
        member_id: row.member_id,
        words: row.words,
        posted_at: row.posted_at,
    })?;
    Ok(Some((post, is_waiting)))
}

/// Put up as this broadcast, or refused.
pub(in crate::broadcasts) async fn mark_decided(
    conn: &mut PgConnection,
    id: PostId,
    by: MemberId,
    broadcast: Option<BroadcastId>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update stage_post set state = case when $3::uuid is null then 'refused' else 'put_up' end,
                decided_by = $2, broadcast_id = $3, decided_at = $4
         where id = $1 and state = 'waiting'",
        id.0,
        by.0,
        broadcast.map(|broadcast| broadcast.0),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The oldest first.
pub(in crate::broadcasts) async fn waiting(
    conn: &mut PgConnection,
    stage: StageId,
) -> Result<Vec<Post>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        "select id, number, stage_id, member_id, words, posted_at from stage_post
         where stage_id = $1 and state = 'waiting' order by number limit 30",
        stage.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Post::try_from).collect()
}

/// Lets go of what was posted before `since` and still waits.
pub(in crate::broadcasts) async fn expire(
    conn: &mut PgConnection,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<Post>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        "update stage_post set state = 'expired', decided_at = $2 where state = 'waiting' and posted_at <= $1
         returning id, number, stage_id, member_id, words, posted_at",
        since,
        now
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Post::try_from).collect()
}
