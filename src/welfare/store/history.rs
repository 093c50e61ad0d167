//! What a member has contributed so far, in sum.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::primitives::Money;
use crate::welfare::model::History;

pub(in crate::welfare) async fn history(
    conn: &mut PgConnection,
    member: Uuid,
) -> Result<History, Fault> {
    let row = sqlx::query!(
        r#"select min(at) as first_at, coalesce(sum(cents), 0)::bigint as "cents!" from contribution where member_id = $1"#,
        member
    )
    .fetch_one(conn)
    .await?;
    Ok(History {
        first_at: row.first_at,
        contributed: Money::from_cents(row.cents),
    })
}
