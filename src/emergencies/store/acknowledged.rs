//! The table `responder`, as a key in a call fills it.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::super::model::{Alerted, EmergencyId};
use crate::fault::Fault;

pub async fn accept(
    conn: &mut PgConnection,
    case: EmergencyId,
    person: &Alerted,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let joined = sqlx::query!(
        "insert into responder (emergency_id, msisdn, member_id, first_name, language, accepted_at)
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
        case.0,
        person.msisdn.digits(),
        person.member,
        person.name.as_deref().unwrap_or("KwaStage"),
        person.language.as_str(),
        now
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "update emergency set state = 'acknowledged', acknowledged_at = $2 where id = $1 and state = 'reported'",
        case.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(joined.rows_affected() == 1)
}
