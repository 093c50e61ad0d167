//! Wishes for a new PIN, and what people said to them.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::msisdn;
use crate::fault::Fault;
use crate::members::MemberId;
use crate::recovery::reset::{ResetId, ResetStanding, Waiting};
use crate::stages::StageId;

/// Ends what nobody answered, or nobody used, in time.
pub(in crate::recovery) async fn expire(
    conn: &mut PgConnection,
    member: MemberId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update pin_reset set state = 'expired', ended_at = $2
         where member_id = $1 and state in ('open', 'granted') and expires_at <= $2",
        member.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::recovery) async fn asked_since(
    conn: &mut PgConnection,
    member: MemberId,
    since: DateTime<Utc>,
) -> Result<i64, Fault> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "asked!" from pin_reset where member_id = $1 and asked_at > $2"#,
        member.0,
        since
    )
    .fetch_one(conn)
    .await?)
}

/// False when this member has one already.
pub(in crate::recovery) async fn insert(
    conn: &mut PgConnection,
    id: ResetId,
    key: &str,
    member: MemberId,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<bool, Fault> {
    let inserted = sqlx::query!(
        "insert into pin_reset (id, key, member_id, asked_at, expires_at) values ($1, $2, $3, $4, $5) on conflict do nothing",
        id.0,
        key,
        member.0,
        now,
        expires_at
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The member it is about, while answers still count; one at a time.
pub(in crate::recovery) async fn lock_open(
    conn: &mut PgConnection,
    id: ResetId,
    now: DateTime<Utc>,
) -> Result<Option<MemberId>, Fault> {
    let member = sqlx::query_scalar!(
        "select member_id from pin_reset where id = $1 and state = 'open' and expires_at > $2 for update",
        id.0,
        now
    )
    .fetch_optional(conn)
    .await?;
    Ok(member.map(MemberId))
}

pub(in crate::recovery) async fn open_of(
    conn: &mut PgConnection,
    member: MemberId,
) -> Result<Option<ResetId>, Fault> {
    let id = sqlx::query_scalar!(
        "select id from pin_reset where member_id = $1 and state = 'open'",
        member.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(id.map(ResetId))
}

/// False when this person has answered before.
pub(in crate::recovery) async fn insert_voice(
    conn: &mut PgConnection,
    id: ResetId,
    who: &str,
    says_yes: bool,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let inserted = sqlx::query!(
        "insert into pin_reset_voice (reset_id, who, says_yes, at) values ($1, $2, $3, $4) on conflict do nothing",
        id.0,
        who,
        says_yes,
        now
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub(in crate::recovery) async fn voices(
    conn: &mut PgConnection,
    id: ResetId,
) -> Result<Vec<(String, bool)>, Fault> {
    let rows = sqlx::query!(
        "select who, says_yes from pin_reset_voice where reset_id = $1",
        id.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.who, row.says_yes))
        .collect())
}

pub(in crate::recovery) async fn grant(
    conn: &mut PgConnection,
    id: ResetId,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update pin_reset set state = 'granted', granted_at = $2, expires_at = $3 where id = $1",
        id.0,
        now,
        expires_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// `state` is one of those that end it.
pub(in crate::recovery) async fn end(
    conn: &mut PgConnection,
    id: ResetId,
    state: &'static str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update pin_reset set state = $2, ended_at = $3 where id = $1",
        id.0,
        state,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// True when there was one to stop.
pub(in crate::recovery) async fn stop(
    conn: &mut PgConnection,
    member: MemberId,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let stopped = sqlx::query!(
        "update pin_reset set state = 'stopped', ended_at = $2
         where member_id = $1 and state in ('open', 'granted') and expires_at > $2",
        member.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(stopped.rows_affected() > 0)
}

pub(in crate::recovery) async fn standing(
    conn: &mut PgConnection,
    member: MemberId,
    now: DateTime<Utc>,
) -> Result<Option<ResetStanding>, Fault> {
    let state = sqlx::query_scalar!(
        "select state from pin_reset where member_id = $1 and state in ('open', 'granted') and expires_at > $2",
        member.0,
        now
    )
    .fetch_optional(conn)
    .await?;
    Ok(state.map(|state| match state.as_str() {
        "granted" => ResetStanding::Granted,
        _ => ResetStanding::Open,
    }))
}

pub(in crate::recovery) async fn lock_granted(
    conn: &mut PgConnection,
    member: MemberId,
    now: DateTime<Utc>,
) -> Result<Option<ResetId>, Fault> {
    let id = sqlx::query_scalar!(
        "select id from pin_reset where member_id = $1 and state = 'granted' and expires_at > $2 for update",
        member.0,
        now
    )
    .fetch_optional(conn)
    .await?;
    Ok(id.map(ResetId))
}

pub(in crate::recovery) async fn waiting_for(
    conn: &mut PgConnection,
    official: MemberId,
    who: &str,
    stage: StageId,
    now: DateTime<Utc>,
) -> Result<Vec<Waiting>, Fault> {
    let rows = sqlx::query!(
        "select r.id, r.asked_at, m.first_name, m.last_name, m.msisdn
         from pin_reset r join member m on m.id = r.member_id
         where m.stage_id = $1 and m.id <> $2 and r.state = 'open' and r.expires_at > $3
           and not exists (select from pin_reset_voice v where v.reset_id = r.id and v.who = $4)
         order by r.asked_at limit 20",
        stage.0,
        official.0,
        now,
        who
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Waiting {
                reset: ResetId(row.id),
                first_name: row.first_name,
                last_name: row.last_name,
                msisdn: msisdn(&row.msisdn, "member")?,
                asked_at: row.asked_at,
            })
        })
        .collect()
}
