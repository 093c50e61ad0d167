//! The tables `emergency_alert` and `responder`: who was told of a case, and who is on it.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::super::alerting::Recipient;
use super::super::model::{Alerted, EmergencyId, Responder, Rung};
use crate::fault::Fault;
use crate::primitives::{Language, Msisdn};

/// Notes that this phone is alerted now, for the first time or again.
pub async fn note(
    conn: &mut PgConnection,
    id: EmergencyId,
    to: &Recipient,
    rung: Rung,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into emergency_alert (emergency_id, msisdn, language, name, member_id, rung, alerted_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (emergency_id, msisdn) do update set alerted_at = excluded.alerted_at, times = emergency_alert.times + 1",
        id.0,
        to.msisdn.digits(),
        to.language.as_str(),
        to.name,
        to.member,
        rung.as_str(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The short numbers of the open cases this phone was alerted to.
pub async fn open_numbers_of(conn: &mut PgConnection, msisdn: &Msisdn) -> Result<Vec<i64>, Fault> {
    let serials = sqlx::query_scalar!(
        "select serial from emergency_alert join emergency on emergency.id = emergency_id
         where emergency_alert.msisdn = $1 and state in ('reported', 'acknowledged', 'responding')",
        msisdn.digits()
    )
    .fetch_all(conn)
    .await?;
    Ok(serials)
}

/// Notes that a phone alerted to another report of the event was so to this one; what is noted already stays.
pub async fn note_if_new(
    conn: &mut PgConnection,
    id: EmergencyId,
    one: &Alerted,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into emergency_alert (emergency_id, msisdn, language, name, member_id, rung, alerted_at)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (emergency_id, msisdn) do nothing",
        id.0,
        one.msisdn.digits(),
        one.language.as_str(),
        one.name,
        one.member,
        one.rung.as_str(),
        one.at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How often this phone was asked as a rider nearby since then.
pub async fn asked_nearby_since(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
    since: DateTime<Utc>,
) -> Result<i64, Fault> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "count!" from emergency_alert where msisdn = $1 and rung = 'nearby' and alerted_at > $2"#,
        msisdn.digits(),
        since
    )
    .fetch_one(conn)
    .await?)
}

/// Everybody who was alerted, in the order of the phones.
pub async fn of_case(conn: &mut PgConnection, id: EmergencyId) -> Result<Vec<Alerted>, Fault> {
    let rows = sqlx::query!(
        r#"select msisdn, language, name, member_id, rung, alerted_at, times, declined_at is not null as "declined!"
           from emergency_alert where emergency_id = $1 order by msisdn"#,
        id.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Alerted {
                msisdn: phone(id, &row.msisdn)?,
                language: language(id, &row.language)?,
                name: row.name,
                member: row.member_id,
                rung: Rung::parse(&row.rung).ok_or_else(|| broken(id, "rung"))?,
                at: row.alerted_at,
                times: row.times,
                declined: row.declined,
            })
        })
        .collect()
}

/// Everybody who is or was on the case, first come first.
pub async fn responders(conn: &mut PgConnection, id: EmergencyId) -> Result<Vec<Responder>, Fault> {
    let rows = sqlx::query!(
        "select msisdn, member_id, first_name, language, accepted_at, minutes, arrived_at, left_at
         from responder where emergency_id = $1 order by accepted_at, msisdn",
        id.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Responder {
                msisdn: phone(id, &row.msisdn)?,
                member: row.member_id,
                first_name: row.first_name,
                language: language(id, &row.language)?,
                accepted_at: row.accepted_at,
                minutes: row.minutes,
                arrived_at: row.arrived_at,
                left_at: row.left_at,
            })
        })
        .collect()
}

fn phone(id: EmergencyId, digits: &str) -> Result<Msisdn, Fault> {
    Msisdn::parse(digits).map_err(|_| broken(id, "phone"))
}

fn language(id: EmergencyId, code: &str) -> Result<Language, Fault> {
    Language::parse(code).map_err(|_| broken(id, "language"))
}

fn broken(id: EmergencyId, what: &str) -> Fault {
    Fault::broken(format!(
        "somebody told of emergency {} has no proper {what}",
        id.0
    ))
}
