//! The table `emergency_call`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::clock;
use super::super::model::EmergencyId;
use crate::fault::Fault;
use crate::primitives::{Language, Msisdn};

/// One call as its row stands.
#[derive(Clone, Debug)]
pub struct CallRow {
    pub msisdn: Msisdn,
    pub language: Language,
    pub planned_at: DateTime<Utc>,
    pub placed: bool,
    pub ended: bool,
    pub asked: i32,
}

/// Plans a call; false when this phone has one in this wave already.
pub async fn plan(
    conn: &mut PgConnection,
    id: Uuid,
    case: EmergencyId,
    to: (&Msisdn, Language),
    wave: i32,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let planned = sqlx::query!(
        "insert into emergency_call (id, emergency_id, direction, msisdn, language, wave, planned_at)
         values ($1, $2, 'outbound', $3, $4, $5, $6) on conflict do nothing",
        id,
        case.0,
        to.0.digits(),
        to.1.as_str(),
        wave,
        now
    )
    .execute(conn)
    .await?;
    Ok(planned.rows_affected() == 1)
}

/// Writes down that somebody rang the hotline; false when this very call is known.
pub async fn note_inbound(
    conn: &mut PgConnection,
    session: &str,
    from: (&Msisdn, Language),
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let noted = sqlx::query!(
        "insert into emergency_call (id, direction, msisdn, language, planned_at, session_id, ended_at, outcome)
         values ($1, 'inbound', $2, $3, $4, $5, $4, 'raised') on conflict (session_id) do nothing",
        Uuid::now_v7(),
        from.0.digits(),
        from.1.as_str(),
        now,
        session
    )
    .execute(conn)
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// The case that a call to the hotline became.
pub async fn set_case(
    conn: &mut PgConnection,
    session: &str,
    case: EmergencyId,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency_call set emergency_id = $2 where session_id = $1",
        session,
        case.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The calls of a case, as its clock sees them.
pub async fn of_case(
    conn: &mut PgConnection,
    case: EmergencyId,
) -> Result<Vec<clock::Call>, Fault> {
    let rows = sqlx::query!(
        r#"select msisdn, wave as "wave!", planned_at, ended_at is not null as "ended!"
           from emergency_call where emergency_id = $1 and direction = 'outbound' order by wave, msisdn"#,
        case.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(clock::Call {
                msisdn: phone(case.0, &row.msisdn)?,
                wave: row.wave,
                planned_at: row.planned_at,
                ended: row.ended,
            })
        })
        .collect()
}

/// Which case and call a session is about: by the session's id, else by our own reference, else the latest call to that
/// phone whose session is not known yet, because the provider may ring before its answer to us has been written down.
pub async fn find(
    conn: &mut PgConnection,
    session: &str,
    reference: Option<Uuid>,
    to: Option<&Msisdn>,
    since: DateTime<Utc>,
) -> Result<Option<(EmergencyId, Uuid)>, Fault> {
    let row = sqlx::query!(
        r#"select id, emergency_id as "emergency_id!" from emergency_call
           where direction = 'outbound' and (session_id = $1 or session_id is null and (id = $2
              or msisdn = $3 and placed_at > $4 and ended_at is null))
           order by (session_id = $1) is true desc, (id = $2) is true desc, placed_at desc limit 1"#,
        session,
        reference,
        to.map(Msisdn::digits),
        since
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (EmergencyId(row.emergency_id), row.id)))
}

pub async fn case_of(conn: &mut PgConnection, id: Uuid) -> Result<Option<EmergencyId>, Fault> {
    let case = sqlx::query_scalar!(
        r#"select emergency_id as "emergency_id!" from emergency_call where id = $1 and direction = 'outbound'"#,
        id
    )
    .fetch_optional(conn)
    .await?;
    Ok(case.map(EmergencyId))
}

pub async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<Option<CallRow>, Fault> {
    let row = sqlx::query!(
        r#"select msisdn, language, planned_at, placed_at is not null as "placed!", ended_at is not null as "ended!", asked
           from emergency_call where id = $1 and direction = 'outbound' for update"#,
        id
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok(CallRow {
            msisdn: phone(id, &row.msisdn)?,
            language: Language::parse(&row.language)
                .map_err(|_| Fault::broken(format!("call {id} has no proper language")))?,
            planned_at: row.planned_at,
            placed: row.placed,
            ended: row.ended,
            asked: row.asked,
        })
    })
    .transpose()
}

/// Whether another call of ours to this phone may still be on: it would be found busy.
pub async fn is_in_another(
    conn: &mut PgConnection,
    id: Uuid,
    msisdn: &Msisdn,
    since: DateTime<Utc>,
) -> Result<bool, Fault> {
    let another = sqlx::query_scalar!(
        r#"select exists (select from emergency_call where msisdn = $2 and planned_at > $3 and ended_at is null
              and id <> $1 and placed_at is not null and direction = 'outbound') as "another!""#,
        id,
        msisdn.digits(),
        since
    )
    .fetch_one(conn)
    .await?;
    Ok(another)
}

/// Ends the calls of a case of which nothing was heard since then.
pub async fn give_up(
    conn: &mut PgConnection,
    case: EmergencyId,
    planned_before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency_call set ended_at = $3, outcome = 'lost'
         where emergency_id = $1 and direction = 'outbound' and planned_at <= $2 and ended_at is null",
        case.0,
        planned_before,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The provider is about to be asked; with no time, it certainly was not reached.
pub async fn set_placed(
    conn: &mut PgConnection,
    id: Uuid,
    at: Option<DateTime<Utc>>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency_call set placed_at = $2 where id = $1",
        id,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What the provider calls it. The first id that is told stays.
pub async fn set_session(conn: &mut PgConnection, id: Uuid, session: &str) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency_call set session_id = $2 where id = $1 and session_id is null
           and not exists (select from emergency_call as other where other.session_id = $2)",
        id,
        session
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// They picked up, and a key is asked for.
pub async fn note_asked(
    conn: &mut PgConnection,
    id: Uuid,
    key: &str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency_call set answered_at = coalesce(answered_at, $3), asked = asked + 1, keys = left(keys || $2, 20)
         where id = $1",
        id,
        key,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends the call, if it has not ended.
pub async fn end(
    conn: &mut PgConnection,
    id: Uuid,
    outcome: &str,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let ended = sqlx::query!(
        "update emergency_call set ended_at = $3, outcome = $2 where id = $1 and ended_at is null",
        id,
        outcome,
        now
    )
    .execute(conn)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// With the last call of a wave over, the clock looks at the case at once.
pub async fn wake_clock(
    conn: &mut PgConnection,
    case: EmergencyId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency set look_at = $2 where id = $1 and look_at > $2
           and not exists (select from emergency_call where emergency_id = $1 and direction = 'outbound' and ended_at is null)",
        case.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that who was called said they cannot come.
pub async fn decline(
    conn: &mut PgConnection,
    case: EmergencyId,
    msisdn: &Msisdn,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency_alert set declined_at = coalesce(declined_at, $3) where emergency_id = $1 and msisdn = $2",
        case.0,
        msisdn.digits(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn phone(of: Uuid, digits: &str) -> Result<Msisdn, Fault> {
    Msisdn::parse(digits).map_err(|_| Fault::broken(format!("call about {of} has no proper phone")))
}
