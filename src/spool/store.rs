//! The table `spooled_report`: which reports of a spool have become part of the records.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::report::Report;
use crate::fault::Fault;

/// Notes that the report is being drained; false when it was before. Another process that drains it waits here.
pub(super) async fn claim(
    conn: &mut PgConnection,
    report: &Report,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let claimed = sqlx::query!(
        "insert into spooled_report (id, channel, told_at, drained_at) values ($1, $2, $3, $4) on conflict do nothing",
        report.id,
        report.channel.as_str(),
        report.at,
        now
    )
    .execute(conn)
    .await?;
    Ok(claimed.rows_affected() == 1)
}
