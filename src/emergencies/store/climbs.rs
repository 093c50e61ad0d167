//! The tables `emergency_climb`, `arrival_question` and `stage_escalation`, and whose look is due.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::clock::{Climb, Coming, Plan};
use super::super::model::EmergencyId;
use crate::fault::Fault;
use crate::primitives::{Language, Msisdn};
use crate::stages::StageId;

/// Locks the case whose look is most overdue, passing over those that another worker holds and those named.
pub async fn claim(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
    but_for: &[Uuid],
) -> Result<Option<EmergencyId>, Fault> {
    let id = sqlx::query_scalar!(
        "select id from emergency
         where look_at <= $1 and id <> all($2)
           and not exists (select from emergency_drill where emergency_drill.emergency_id = emergency.id)
         order by look_at limit 1 for update skip locked",
        now,
        but_for
    )
    .fetch_optional(conn)
    .await?;
    Ok(id.map(EmergencyId))
}

/// The clock is to look at the case then; never, if there is no time.
pub async fn look_at(
    conn: &mut PgConnection,
    id: EmergencyId,
    at: Option<DateTime<Utc>>,
) -> Result<(), Fault> {
    sqlx::query!("update emergency set look_at = $2 where id = $1", id.0, at)
        .execute(conn)
        .await?;
    Ok(())
}

/// The case was raised again after the house had given up on it: the climb begins anew.
pub async fn begin_again(
    conn: &mut PgConnection,
    id: EmergencyId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency_climb set waiting_since = $2, round = 0, waves = 0, shouted_at = null
         where emergency_id = $1 and shouted_at is not null",
        id.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How far the alarm has gone; nowhere yet for a case that the clock has not looked at.
pub async fn read(conn: &mut PgConnection, id: EmergencyId) -> Result<Climb, Fault> {
    let row = sqlx::query_as!(
        Climb,
        "select waiting_since, missing, round, waves, wave, shouted_at from emergency_climb where emergency_id = $1",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.unwrap_or_default())
}

pub async fn save(conn: &mut PgConnection, id: EmergencyId, climb: &Climb) -> Result<(), Fault> {
    sqlx::query!(
        "insert into emergency_climb (emergency_id, waiting_since, missing, round, waves, wave, shouted_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (emergency_id) do update set waiting_since = excluded.waiting_since, missing = excluded.missing,
            round = excluded.round, waves = excluded.waves, wave = excluded.wave, shouted_at = excluded.shouted_at",
        id.0,
        climb.waiting_since,
        climb.missing,
        climb.round,
        climb.waves,
        climb.wave,
        climb.shouted_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Who is on the case and has not left, with how often they were asked whether they are there.
pub async fn coming(conn: &mut PgConnection, id: EmergencyId) -> Result<Vec<Coming>, Fault> {
    let rows = sqlx::query!(
        r#"select responder.msisdn, language, responder.accepted_at, minutes, arrived_at is not null as "arrived!",
                  coalesce(arrival_question.times, 0) as "asked!"
           from responder left join arrival_question
             on (arrival_question.emergency_id, arrival_question.msisdn, arrival_question.accepted_at)
              = (responder.emergency_id, responder.msisdn, responder.accepted_at)
           where responder.emergency_id = $1 and left_at is null order by responder.accepted_at, responder.msisdn"#,
        id.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let broken = |what: &str| {
                Fault::broken(format!(
                    "a responder of emergency {} has no proper {what}",
                    id.0
                ))
            };
            Ok(Coming {
                msisdn: Msisdn::parse(&row.msisdn).map_err(|_| broken("phone"))?,
                language: Language::parse(&row.language).map_err(|_| broken("language"))?,
                accepted_at: row.accepted_at,
                minutes: row.minutes,
                arrived: row.arrived,
                asked: row.asked,
            })
        })
        .collect()
}

/// Notes that this responder is asked now whether they are there.
pub async fn note_question(
    conn: &mut PgConnection,
    id: EmergencyId,
    person: &Coming,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into arrival_question (emergency_id, msisdn, accepted_at, times, asked_at) values ($1, $2, $3, 1, $4)
         on conflict (emergency_id, msisdn) do update set asked_at = $4, accepted_at = $3,
            times = case when arrival_question.accepted_at = $3 then arrival_question.times + 1 else 1 end",
        id.0,
        person.msisdn.digits(),
        person.accepted_at,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The plan of this stage: its own periods over those of all.
pub async fn plan_of(
    conn: &mut PgConnection,
    stage: Option<StageId>,
    of_all: &Plan,
) -> Result<Plan, Fault> {
    let own = sqlx::query!(
        "select wider_after_s, calls_after_s, desk_after_s, again_every_s from stage_escalation where stage_id = $1",
        stage.map(|stage| stage.0)
    )
    .fetch_optional(conn)
    .await?;
    let Some(own) = own else {
        return Ok(*of_all);
    };
    let seconds = |own: Option<i32>, of_all| own.map_or(of_all, |s| TimeDelta::seconds(s.into()));
    Ok(Plan {
        wider_after: seconds(own.wider_after_s, of_all.wider_after),
        calls_after: seconds(own.calls_after_s, of_all.calls_after),
        desk_after: seconds(own.desk_after_s, of_all.desk_after),
        again_every: seconds(own.again_every_s, of_all.again_every),
        ..*of_all
    })
}

/// Sets periods of a stage of its own; those not given are again as for all.
pub async fn set_plan(
    conn: &mut PgConnection,
    stage: StageId,
    seconds: [Option<i32>; 4],
) -> Result<(), Fault> {
    let [wider, calls, desk, again] = seconds;
    sqlx::query!(
        "insert into stage_escalation (stage_id, wider_after_s, calls_after_s, desk_after_s, again_every_s) values ($1, $2, $3, $4, $5)
         on conflict (stage_id) do update set wider_after_s = $2, calls_after_s = $3, desk_after_s = $4, again_every_s = $5",
        stage.0,
        wider,
        calls,
        desk,
        again
    )
    .execute(conn)
    .await?;
    Ok(())
}
