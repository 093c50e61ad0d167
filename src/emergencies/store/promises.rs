//! The table `emergency_promise`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;

/// How long a case waited, in seconds, as far as that has become known and was not counted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    pub case: Uuid,
    /// From the report to the first who said they come.
    pub answered_in_s: Option<i32>,
    /// From the report to the first who was there.
    pub arrived_in_s: Option<i32>,
}

/// What has become known of the cases raised since then and is not counted yet. Drills and joined reports are no cases.
pub async fn uncounted(conn: &mut PgConnection, since: DateTime<Utc>) -> Result<Vec<Kept>, Fault> {
    let kept = sqlx::query_as!(
        Kept,
        r#"select emergency.id as case,
                  case when acknowledged_at is not null and promise.answered_in_s is null
                       then greatest(extract(epoch from acknowledged_at - raised_at), 0)::integer end as answered_in_s,
                  case when responding_at is not null and promise.arrived_in_s is null
                       then greatest(extract(epoch from responding_at - raised_at), 0)::integer end as arrived_in_s
           from emergency left join emergency_promise as promise on promise.emergency_id = emergency.id
           where raised_at > $1 and joined_to is null
             and (acknowledged_at is not null and promise.answered_in_s is null or responding_at is not null and promise.arrived_in_s is null)
             and not exists (select from emergency_drill where emergency_drill.emergency_id = emergency.id)
           limit 500"#,
        since
    )
    .fetch_all(conn)
    .await?;
    Ok(kept)
}

pub async fn count(conn: &mut PgConnection, kept: &Kept) -> Result<(), Fault> {
    sqlx::query!(
        "insert into emergency_promise as counted (emergency_id, answered_in_s, arrived_in_s) values ($1, $2, $3)
         on conflict (emergency_id) do update set answered_in_s = coalesce(counted.answered_in_s, $2),
            arrived_in_s = coalesce(counted.arrived_in_s, $3)",
        kept.case,
        kept.answered_in_s,
        kept.arrived_in_s
    )
    .execute(conn)
    .await?;
    Ok(())
}
