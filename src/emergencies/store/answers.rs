//! What those who answer may see and change: open cases of a phone, people on a case, and how it stands.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::model::{CaseState, EmergencyId, EmergencyKind};
use crate::fault::Fault;
use crate::primitives::{Language, Msisdn};
use crate::stages::StageId;

/// An open case as somebody sees it who may answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCase {
    pub id: EmergencyId,
    /// The short number.
    pub serial: i64,
    pub kind: Option<EmergencyKind>,
    pub place: Option<String>,
    pub raised_at: DateTime<Utc>,
    pub needed: i32,
    /// So many are on it.
    pub people: i64,
    /// This phone was alerted to it and has not said that it cannot come.
    pub asked: bool,
    /// This phone is on it.
    pub on_it: bool,
}

/// Somebody who joins a case.
pub struct Joining<'a> {
    pub msisdn: &'a Msisdn,
    pub member: Option<Uuid>,
    pub first_name: &'a str,
    pub language: Language,
    pub minutes: Option<i32>,
}

/// The open cases this phone was alerted to, is on, or may answer because it serves one of these stages; oldest first.
pub async fn open_for(
    conn: &mut PgConnection,
    who: &Msisdn,
    stages: &[StageId],
) -> Result<Vec<OpenCase>, Fault> {
    let stages: Vec<i32> = stages.iter().map(|stage| stage.0).collect();
    let rows = sqlx::query!(
        r#"select e.id, e.serial, e.kind, e.place, e.raised_at, e.needed,
                  (select count(*) from responder where emergency_id = e.id and left_at is null) as "people!",
                  (a.msisdn is not null and a.declined_at is null) as "asked!", r.msisdn is not null as "on_it!"
           from emergency e
           left join emergency_alert a on a.emergency_id = e.id and a.msisdn = $1
           left join responder r on r.emergency_id = e.id and r.msisdn = $1 and r.left_at is null
           where e.state in ('reported', 'acknowledged', 'responding') and e.msisdn <> $1
             and (a.msisdn is not null or r.msisdn is not null or e.stage_id = any($2))
           order by e.raised_at, e.serial"#,
        who.digits(),
        &stages
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| OpenCase {
            id: EmergencyId(row.id),
            serial: row.serial,
            kind: row.kind.as_deref().and_then(EmergencyKind::parse),
            place: row.place,
            raised_at: row.raised_at,
            needed: row.needed,
            people: row.people,
            asked: row.asked,
            on_it: row.on_it,
        })
        .collect())
}

/// How many open cases this phone was alerted to. Every dial asks.
pub async fn asked_count(conn: &mut PgConnection, who: &Msisdn) -> Result<i64, Fault> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "count!" from emergency_alert a join emergency e on e.id = a.emergency_id
           where a.msisdn = $1 and e.state in ('reported', 'acknowledged', 'responding')"#,
        who.digits()
    )
    .fetch_one(conn)
    .await?)
}

/// The case this phone was last alerted to since then that has ended, by its short number.
pub async fn last_ended_for(
    conn: &mut PgConnection,
    who: &Msisdn,
    since: DateTime<Utc>,
) -> Result<Option<i64>, Fault> {
    Ok(sqlx::query_scalar!(
        "select e.serial from emergency_alert a join emergency e on e.id = a.emergency_id
         where a.msisdn = $1 and a.alerted_at >= $2 and e.state in ('resolved', 'closed', 'cancelled')
         order by a.alerted_at desc, e.serial desc limit 1",
        who.digits(),
        since
    )
    .fetch_optional(conn)
    .await?)
}

/// Puts somebody on the case, or notes their minutes anew. Who had left is back from now on.
pub async fn join(
    conn: &mut PgConnection,
    id: EmergencyId,
    who: &Joining<'_>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into responder (emergency_id, msisdn, member_id, first_name, language, accepted_at, minutes)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (emergency_id, msisdn) do update set
             minutes = coalesce(excluded.minutes, responder.minutes),
             accepted_at = case when responder.left_at is null then responder.accepted_at else excluded.accepted_at end,
             arrived_at = case when responder.left_at is null then responder.arrived_at end,
             left_at = null",
        id.0,
        who.msisdn.digits(),
        who.member,
        who.first_name,
        who.language.as_str(),
        now,
        who.minutes
    )
    .execute(&mut *conn)
    .await?;
    ask_again(conn, id, who.msisdn).await
}

/// They are there. The first time counts.
pub async fn arrive(
    conn: &mut PgConnection,
    id: EmergencyId,
    who: &Msisdn,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update responder set arrived_at = coalesce(arrived_at, $3) where emergency_id = $1 and msisdn = $2",
        id.0,
        who.digits(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// They cannot come, or no longer: off the case, and not asked again by themselves.
pub async fn decline(
    conn: &mut PgConnection,
    id: EmergencyId,
    who: &Msisdn,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update responder set left_at = $3 where emergency_id = $1 and msisdn = $2 and left_at is null",
        id.0,
        who.digits(),
        now
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "update emergency_alert set declined_at = $3 where emergency_id = $1 and msisdn = $2 and declined_at is null",
        id.0,
        who.digits(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Somebody else asks them: that they could not come before does not count.
pub async fn ask_again(
    conn: &mut PgConnection,
    id: EmergencyId,
    who: &Msisdn,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency_alert set declined_at = null where emergency_id = $1 and msisdn = $2",
        id.0,
        who.digits()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How the case stands from now on, with the times that go with it. An end says how it ended, and nothing is waited for.
pub async fn set_state(
    conn: &mut PgConnection,
    id: EmergencyId,
    state: CaseState,
    outcome: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency set state = $2,
             acknowledged_at = case when $2 in ('acknowledged', 'responding') then coalesce(acknowledged_at, $4) else acknowledged_at end,
             responding_at = case when $2 = 'responding' then coalesce(responding_at, $4) else responding_at end,
             resolved_at = case when $2 = 'resolved' then coalesce(resolved_at, $4) else resolved_at end,
             closed_at = case when $2 in ('closed', 'cancelled') then coalesce(closed_at, $4) else closed_at end,
             joined_to = case when $2 = 'joined' then joined_to end,
             look_at = case when $2 in ('resolved', 'closed', 'cancelled') then null else look_at end,
             outcome = coalesce($3, outcome)
         where id = $1",
        id.0,
        state.as_str(),
        outcome,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many people are wanted on the spot.
pub async fn set_needed(
    conn: &mut PgConnection,
    id: EmergencyId,
    needed: i32,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency set needed = $2 where id = $1",
        id.0,
        needed
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The clock looks at the case at this time, or earlier where it was going to.
pub async fn look_by(
    conn: &mut PgConnection,
    id: EmergencyId,
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency set look_at = least(coalesce(look_at, $2), $2) where id = $1",
        id.0,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Resolved cases of so long ago that nobody has come back to, by number. Whoever works on one right now is left alone.
pub async fn resolved_before(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
    most: i64,
) -> Result<Vec<EmergencyId>, Fault> {
    let ids = sqlx::query_scalar!(
        "select id from emergency where state = 'resolved' and resolved_at < $1
         order by resolved_at limit $2 for update skip locked",
        before,
        most
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(EmergencyId).collect())
}
