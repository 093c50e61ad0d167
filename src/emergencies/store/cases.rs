//! The table `emergency`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::model::{Case, CaseNumber, CaseState, EmergencyId, EmergencyKind, Priority};
use crate::fault::Fault;
use crate::primitives::Msisdn;
use crate::stages::StageId;

/// A report about to become a case.
pub struct NewCase<'a> {
    pub id: EmergencyId,
    pub year: i32,
    pub msisdn: &'a Msisdn,
    pub member: Option<Uuid>,
    pub stage: Option<StageId>,
    pub priority: Priority,
    pub silent: bool,
    pub raised_at: DateTime<Utc>,
}

/// Writes the case down; false when this phone has an open one, or when this very report is a case already.
pub async fn insert(conn: &mut PgConnection, new: &NewCase<'_>) -> Result<bool, Fault> {
    let inserted = sqlx::query!(
        "insert into emergency (id, year, msisdn, member_id, stage_id, priority, silent, raised_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
        new.id.0,
        new.year,
        new.msisdn.digits(),
        new.member,
        new.stage.map(|stage| stage.0),
        new.priority.as_str(),
        new.silent,
        new.raised_at
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The case of this report, whatever has become of it.
pub async fn lock(conn: &mut PgConnection, id: EmergencyId) -> Result<Option<Case>, Fault> {
    read(
        sqlx::query_as!(
            CaseRow,
            r#"select id, year, serial, msisdn, member_id, stage_id, kind, place, priority, injured, silent, needed, state,
                      raised_at, acknowledged_at, responding_at, resolved_at, joined_to,
                      coalesce((select max(alerted_at) from emergency_alert where emergency_id = id), raised_at) as "alerted_at!"
               from emergency where id = $1 for update"#,
            id.0
        )
        .fetch_optional(conn)
        .await?,
    )
}

/// The case with this short number, whatever has become of it.
pub async fn lock_by_serial(conn: &mut PgConnection, serial: i64) -> Result<Option<Case>, Fault> {
    read(
        sqlx::query_as!(
            CaseRow,
            r#"select id, year, serial, msisdn, member_id, stage_id, kind, place, priority, injured, silent, needed, state,
                      raised_at, acknowledged_at, responding_at, resolved_at, joined_to,
                      coalesce((select max(alerted_at) from emergency_alert where emergency_id = id), raised_at) as "alerted_at!"
               from emergency where serial = $1 for update"#,
            serial
        )
        .fetch_optional(conn)
        .await?,
    )
}

/// The one open case of this phone, as its reporter; a report that joined another case is one, and an alarm that the
/// phone believes to be stopped is not.
pub async fn lock_open_of(
    conn: &mut PgConnection,
    reporter: &Msisdn,
) -> Result<Option<Case>, Fault> {
    read(
        sqlx::query_as!(
            CaseRow,
            r#"select id, year, serial, msisdn, member_id, stage_id, kind, place, priority, injured, silent, needed, state,
                      raised_at, acknowledged_at, responding_at, resolved_at, joined_to,
                      coalesce((select max(alerted_at) from emergency_alert where emergency_id = id), raised_at) as "alerted_at!"
               from emergency where msisdn = $1 and state in ('reported', 'acknowledged', 'responding', 'joined') and duress_at is null for update"#,
            reporter.digits()
        )
        .fetch_optional(conn)
        .await?,
    )
}

/// The case with this short number, whatever has become of it, only to be looked at.
pub async fn by_serial(conn: &mut PgConnection, serial: i64) -> Result<Option<Case>, Fault> {
    read(
        sqlx::query_as!(
            CaseRow,
            r#"select id, year, serial, msisdn, member_id, stage_id, kind, place, priority, injured, silent, needed, state,
                      raised_at, acknowledged_at, responding_at, resolved_at, joined_to,
                      coalesce((select max(alerted_at) from emergency_alert where emergency_id = id), raised_at) as "alerted_at!"
               from emergency where serial = $1"#,
            serial
        )
        .fetch_optional(conn)
        .await?,
    )
}

/// Every case that somebody waits in, and those resolved or closed since then; oldest first.
pub async fn open_or_ended_after(
    conn: &mut PgConnection,
    ended_after: DateTime<Utc>,
) -> Result<Vec<Case>, Fault> {
    sqlx::query_as!(
        CaseRow,
        r#"select id, year, serial, msisdn, member_id, stage_id, kind, place, priority, injured, silent, needed, state,
                      raised_at, acknowledged_at, responding_at, resolved_at, joined_to,
                      coalesce((select max(alerted_at) from emergency_alert where emergency_id = id), raised_at) as "alerted_at!"
               from emergency
               where state in ('reported', 'acknowledged', 'responding', 'joined') or resolved_at >= $1 or closed_at >= $1
               order by raised_at, serial"#,
        ended_after
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(Case::try_from)
    .collect()
}

/// Ends the case; whoever waited for it is no longer waited for.
pub async fn close(
    conn: &mut PgConnection,
    id: EmergencyId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency set state = 'closed', closed_at = $2, look_at = null where id = $1",
        id.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What happened, and how urgent that makes it.
pub async fn set_kind(
    conn: &mut PgConnection,
    id: EmergencyId,
    kind: EmergencyKind,
    priority: Priority,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency set kind = $2, priority = $3 where id = $1",
        id.0,
        kind.as_str(),
        priority.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn set_place(conn: &mut PgConnection, id: EmergencyId, place: &str) -> Result<(), Fault> {
    sqlx::query!("update emergency set place = $2 where id = $1", id.0, place)
        .execute(conn)
        .await?;
    Ok(())
}

fn read(row: Option<CaseRow>) -> Result<Option<Case>, Fault> {
    row.map(Case::try_from).transpose()
}

struct CaseRow {
    id: Uuid,
    year: i32,
    serial: i64,
    msisdn: String,
    member_id: Option<Uuid>,
    stage_id: Option<i32>,
    kind: Option<String>,
    place: Option<String>,
    priority: String,
    injured: Option<i32>,
    silent: bool,
    needed: i32,
    state: String,
    raised_at: DateTime<Utc>,
    acknowledged_at: Option<DateTime<Utc>>,
    responding_at: Option<DateTime<Utc>>,
    resolved_at: Option<DateTime<Utc>>,
    joined_to: Option<Uuid>,
    alerted_at: DateTime<Utc>,
}

impl TryFrom<CaseRow> for Case {
    type Error = Fault;

    fn try_from(row: CaseRow) -> Result<Case, Fault> {
        let broken =
            |what: &str| Fault::broken(format!("emergency {} has no proper {what}", row.id));
        Ok(Case {
            msisdn: Msisdn::parse(&row.msisdn).map_err(|_| broken("phone"))?,
            kind: match &row.kind {
                Some(kind) => Some(EmergencyKind::parse(kind).ok_or_else(|| broken("kind"))?),
                None => None,
            },
            priority: Priority::parse(&row.priority).ok_or_else(|| broken("priority"))?,
            state: CaseState::parse(&row.state).ok_or_else(|| broken("state"))?,
            id: EmergencyId(row.id),
            number: CaseNumber {
                year: row.year,
                serial: row.serial,
            },
            member: row.member_id,
            stage: row.stage_id.map(StageId),
            place: row.place,
            injured: row.injured,
            silent: row.silent,
            needed: row.needed,
            raised_at: row.raised_at,
            acknowledged_at: row.acknowledged_at,
            responding_at: row.responding_at,
            resolved_at: row.resolved_at,
            joined_to: row.joined_to.map(EmergencyId),
            alerted_at: row.alerted_at,
        })
    }
}
