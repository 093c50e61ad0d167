//! The table `case_entry`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::super::look::Entry;
use super::super::model::EmergencyId;
use crate::fault::Fault;
use crate::primitives::Msisdn;

pub async fn append(
    conn: &mut PgConnection,
    id: EmergencyId,
    what: &str,
    who: Option<&Msisdn>,
    said: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into case_entry (emergency_id, at, what, msisdn, said) values ($1, $2, $3, $4, $5)",
        id.0,
        now,
        what,
        who.map(Msisdn::digits),
        said
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Everything in the file of a case, in order.
pub async fn of_case(conn: &mut PgConnection, id: EmergencyId) -> Result<Vec<Entry>, Fault> {
    let rows = sqlx::query!(
        "select at, what, msisdn, said from case_entry where emergency_id = $1 order by id",
        id.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Entry {
            at: row.at,
            what: row.what,
            who: row.msisdn.and_then(|digits| Msisdn::parse(&digits).ok()),
            said: row.said,
        })
        .collect())
}

/// Whether such a line stands in the file.
pub async fn has(conn: &mut PgConnection, id: EmergencyId, what: &str) -> Result<bool, Fault> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select 1 from case_entry where emergency_id = $1 and what = $2) as "has!""#,
        id.0,
        what
    )
    .fetch_one(conn)
    .await?)
}
