//! The tables `emergency` and `emergency_alert`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{CaseNumber, EmergencyId, EmergencyKind};
use crate::fault::Fault;
use crate::primitives::{Language, Msisdn};

/// An open case, as the deeds need it.
pub(super) struct Open {
    pub id: EmergencyId,
    pub number: CaseNumber,
    /// When somebody was last alerted to it.
    pub alerted_at: DateTime<Utc>,
}

/// Writes the case down; `None` when this phone has an open one.
pub(super) async fn insert(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
    member: Option<Uuid>,
    stage: Option<i32>,
    year: i32,
    now: DateTime<Utc>,
) -> Result<Option<Open>, Fault> {
    let id = EmergencyId(Uuid::now_v7());
    let serial = sqlx::query_scalar!(
        "insert into emergency (id, year, msisdn, member_id, stage_id, raised_at) values ($1, $2, $3, $4, $5, $6)
         on conflict (msisdn) where state = 'reported' do nothing returning serial",
        id.0,
        year,
        msisdn.digits(),
        member,
        stage,
        now
    )
    .fetch_optional(conn)
    .await?;
    Ok(serial.map(|serial| Open {
        id,
        number: CaseNumber { year, serial },
        alerted_at: now,
    }))
}

/// The open case of this phone, locked.
pub(super) async fn lock_open(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
) -> Result<Option<Open>, Fault> {
    let row = sqlx::query!(
        r#"select id, year, serial,
                  coalesce((select max(alerted_at) from emergency_alert where emergency_id = id), raised_at) as "alerted_at!"
           from emergency where msisdn = $1 and state = 'reported' for update"#,
        msisdn.digits()
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Open {
        id: EmergencyId(row.id),
        number: CaseNumber {
            year: row.year,
            serial: row.serial,
        },
        alerted_at: row.alerted_at,
    }))
}

/// Closes what this phone raised before then: raised again, it is another emergency.
pub(super) async fn close_stale(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
    raised_before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency set state = 'closed', closed_at = $3
         where msisdn = $1 and state = 'reported' and raised_at < $2",
        msisdn.digits(),
        raised_before,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Closes the open case with this short number; `None` when there is none.
pub(super) async fn close(
    conn: &mut PgConnection,
    serial: i64,
    now: DateTime<Utc>,
) -> Result<Option<EmergencyId>, Fault> {
    let closed = sqlx::query_scalar!(
        "update emergency set state = 'closed', closed_at = $2 where serial = $1 and state = 'reported' returning id",
        serial,
        now
    )
    .fetch_optional(conn)
    .await?;
    Ok(closed.map(EmergencyId))
}

pub(super) async fn set_kind(
    conn: &mut PgConnection,
    id: EmergencyId,
    kind: EmergencyKind,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency set kind = $2 where id = $1",
        id.0,
        kind.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn set_place(
    conn: &mut PgConnection,
    id: EmergencyId,
    place: &str,
) -> Result<(), Fault> {
    sqlx::query!("update emergency set place = $2 where id = $1", id.0, place)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn note_alert(
    conn: &mut PgConnection,
    id: EmergencyId,
    to: &Msisdn,
    language: Language,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into emergency_alert (emergency_id, msisdn, language, alerted_at) values ($1, $2, $3, $4)
         on conflict (emergency_id, msisdn) do update set alerted_at = excluded.alerted_at",
        id.0,
        to.digits(),
        language.as_str(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Everybody who was alerted, so that they hear what is learnt later.
pub(super) async fn alerted(
    conn: &mut PgConnection,
    id: EmergencyId,
) -> Result<Vec<(Msisdn, Language)>, Fault> {
    let rows = sqlx::query!(
        "select msisdn, language from emergency_alert where emergency_id = $1 order by msisdn",
        id.0
    )
    .fetch_all(conn)
    .await?;
    let broken = || Fault::broken(format!("emergency {} has an alert to nobody", id.0));
    rows.into_iter()
        .map(|row| {
            let to = Msisdn::parse(&row.msisdn).map_err(|_| broken())?;
            Ok((to, Language::parse(&row.language).map_err(|_| broken())?))
        })
        .collect()
}
