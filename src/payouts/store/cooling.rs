//! The table `cooling_lift`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::primitives::StaffName;

/// Whether two people have lifted what this change put in the way.
pub(in crate::payouts) async fn is_lifted(
    conn: &mut PgConnection,
    member: Uuid,
    changed_at: DateTime<Utc>,
) -> Result<bool, Fault> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from cooling_lift where member_id = $1 and changed_at >= $2 and second_by is not null) as "lifted!""#,
        member,
        changed_at
    )
    .fetch_one(conn)
    .await?)
}

/// Who spoke with the member first, if anybody did; held until the end of the work.
pub(in crate::payouts) async fn first_lift(
    conn: &mut PgConnection,
    member: Uuid,
    changed_at: DateTime<Utc>,
    by: &StaffName,
    now: DateTime<Utc>,
) -> Result<(String, bool), Fault> {
    let row = sqlx::query!(
        r#"insert into cooling_lift (member_id, changed_at, first_by, first_at) values ($1, $2, $3, $4)
           on conflict (member_id, changed_at) do update set member_id = excluded.member_id
           returning first_by, (xmax = 0) as "fresh!""#,
        member,
        changed_at,
        by.as_str(),
        now
    )
    .fetch_one(conn)
    .await?;
    Ok((row.first_by, row.fresh))
}

pub(in crate::payouts) async fn second_lift(
    conn: &mut PgConnection,
    member: Uuid,
    changed_at: DateTime<Utc>,
    by: &StaffName,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update cooling_lift set second_by = $3, second_at = $4
         where member_id = $1 and changed_at = $2 and second_by is null",
        member,
        changed_at,
        by.as_str(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}
