//! How often somebody has asked about covers.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::fault::Fault;

/// Counts one question and says how many this phone or address has asked in this clock hour.
pub(in crate::insurance) async fn count_question(
    conn: &mut PgConnection,
    asker: &str,
    now: DateTime<Utc>,
) -> Result<i32, Fault> {
    let asked = sqlx::query_scalar!(
        "insert into cover_question as q (asker, hour, asked) values ($1, date_trunc('hour', $2::timestamptz), 1)
         on conflict (asker) do update
             set asked = case when q.hour = excluded.hour then least(q.asked + 1, 1000) else 1 end, hour = excluded.hour
         returning asked",
        asker,
        now
    )
    .fetch_one(conn)
    .await?;
    Ok(asked)
}
