//! Of the table `emergency`: what concerns several reports, and the phones they came from.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::model::{EmergencyId, EmergencyKind, Priority};
use super::super::same_event::Report;
use crate::fault::Fault;
use crate::primitives::Msisdn;
use crate::stages::StageId;

/// A phone that reported a case, itself or by a report joined to it.
pub struct Reporter {
    pub msisdn: Msisdn,
    /// Nothing may show on it.
    pub silent: bool,
}

/// An open case that a report may be about.
pub struct Candidate {
    pub id: EmergencyId,
    pub report: Report,
}

/// Everybody who reported the case, its own reporter first.
pub async fn reporters_of(
    conn: &mut PgConnection,
    id: EmergencyId,
) -> Result<Vec<Reporter>, Fault> {
    let rows = sqlx::query!(
        "select id, msisdn, silent from emergency where id = $1 or joined_to = $1 order by id <> $1, serial",
        id.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Reporter {
                msisdn: phone(&row.msisdn, row.id)?,
                silent: row.silent,
            })
        })
        .collect()
}

/// Whether help is on its way to this phone, as far as the phone knows.
pub async fn has_open(conn: &mut PgConnection, reporter: &Msisdn) -> Result<bool, Fault> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select 1 from emergency where msisdn = $1 and duress_at is null
             and state in ('reported', 'acknowledged', 'responding', 'joined')) as "open!""#,
        reporter.digits()
    )
    .fetch_one(conn)
    .await?)
}

/// The open reports that wait with this case, the oldest first.
pub async fn waiting_with(
    conn: &mut PgConnection,
    main: EmergencyId,
) -> Result<Vec<EmergencyId>, Fault> {
    let rows = sqlx::query_scalar!(
        "select id from emergency where joined_to = $1 and state = 'joined' order by serial",
        main.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(EmergencyId).collect())
}

/// Which case this phone's open report waits with, without a lock: whoever locks both begins with that one.
pub async fn main_of(
    conn: &mut PgConnection,
    reporter: &Msisdn,
) -> Result<Option<EmergencyId>, Fault> {
    let main = sqlx::query_scalar!(
        r#"select joined_to as "main!" from emergency where msisdn = $1 and state = 'joined' and duress_at is null"#,
        reporter.digits()
    )
    .fetch_optional(conn)
    .await?;
    Ok(main.map(EmergencyId))
}

/// As [`main_of`], of the report with this short number.
pub async fn main_of_serial(
    conn: &mut PgConnection,
    serial: i64,
) -> Result<Option<EmergencyId>, Fault> {
    let main = sqlx::query_scalar!(
        r#"select joined_to as "main!" from emergency where serial = $1 and state = 'joined'"#,
        serial
    )
    .fetch_optional(conn)
    .await?;
    Ok(main.map(EmergencyId))
}

/// Open cases raised in this time and before this one, of phones on which an alarm may show, the oldest first.
pub async fn candidates(
    conn: &mut PgConnection,
    id: EmergencyId,
    since: DateTime<Utc>,
) -> Result<Vec<Candidate>, Fault> {
    let rows = sqlx::query!(
        "select other.id, other.stage_id, other.kind, other.place, other.raised_at
         from emergency as other join emergency as this on this.id = $1
         where other.state in ('reported', 'acknowledged', 'responding') and other.raised_at >= $2
           and other.serial < this.serial and other.msisdn <> this.msisdn
           and not other.silent and other.place is not null and other.kind is not null
         order by other.serial limit 200",
        id.0,
        since
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Candidate {
            id: EmergencyId(row.id),
            report: Report {
                stage: row.stage_id.map(StageId),
                kind: row.kind.as_deref().and_then(EmergencyKind::parse),
                place: row.place.unwrap_or_default(),
                raised_at: row.raised_at,
            },
        })
        .collect())
}

/// Locks the case if nobody else holds it; false when somebody does, who may be ending it.
pub async fn lock_if_free(conn: &mut PgConnection, id: EmergencyId) -> Result<bool, Fault> {
    let locked = sqlx::query_scalar!(
        "select id from emergency where id = $1 for update skip locked",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(locked.is_some())
}

pub async fn join(
    conn: &mut PgConnection,
    id: EmergencyId,
    main: EmergencyId,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency set state = 'joined', joined_to = $2, look_at = null where id = $1",
        id.0,
        main.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes a joined report a case of its own, at which the clock looks at once.
pub async fn split(
    conn: &mut PgConnection,
    id: EmergencyId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency set state = 'reported', joined_to = null, look_at = $2 where id = $1 and state = 'joined'",
        id.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Reports that waited with one case wait with another from now on.
pub async fn move_over(
    conn: &mut PgConnection,
    from: EmergencyId,
    to: EmergencyId,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency set joined_to = $2 where joined_to = $1 and state = 'joined' and id <> $2",
        from.0,
        to.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Counts a change of what was told, and keeps how urgent the case is now. Gives the count.
pub async fn changed(
    conn: &mut PgConnection,
    id: EmergencyId,
    priority: Priority,
) -> Result<i32, Fault> {
    Ok(sqlx::query_scalar!(
        "update emergency set priority = $2, changes = changes + 1 where id = $1 returning changes",
        id.0,
        priority.as_str()
    )
    .fetch_one(conn)
    .await?)
}

/// How often what was told has changed.
pub async fn changes(conn: &mut PgConnection, id: EmergencyId) -> Result<i32, Fault> {
    Ok(
        sqlx::query_scalar!("select changes from emergency where id = $1", id.0)
            .fetch_one(conn)
            .await?,
    )
}

pub async fn set_injured(
    conn: &mut PgConnection,
    id: EmergencyId,
    injured: i32,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency set injured = $2 where id = $1",
        id.0,
        injured
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn set_silent(
    conn: &mut PgConnection,
    id: EmergencyId,
    silent: bool,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency set silent = $2 where id = $1",
        id.0,
        silent
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Withdrawn by its reporter.
pub async fn cancel(
    conn: &mut PgConnection,
    id: EmergencyId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency set state = 'cancelled', closed_at = $2, look_at = null where id = $1",
        id.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Its reporter was made to stop it: it goes on out of their phone's sight, and the clock looks at it at once.
pub async fn under_duress(
    conn: &mut PgConnection,
    id: EmergencyId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency set duress_at = $2, silent = true, priority = 'critical', changes = changes + 1, look_at = $2 where id = $1",
        id.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many alarms of this phone somebody found to be false since then.
pub async fn false_alarms(
    conn: &mut PgConnection,
    reporter: &Msisdn,
    since: DateTime<Utc>,
) -> Result<i64, Fault> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "count!" from emergency
           where msisdn = $1 and raised_at >= $2 and state = 'cancelled'
             and exists (select 1 from case_entry where emergency_id = emergency.id and what = 'false_alarm')"#,
        reporter.digits(),
        since
    )
    .fetch_one(conn)
    .await?)
}

fn phone(digits: &str, id: Uuid) -> Result<Msisdn, Fault> {
    Msisdn::parse(digits)
        .map_err(|_| Fault::broken(format!("a report of emergency {id} has no proper phone")))
}
