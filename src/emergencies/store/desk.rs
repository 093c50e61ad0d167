//! What the desk asks about cases beside the cases themselves.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::stages::StageId;

/// How many cases somebody waits in: nobody has said that they come, and all of them.
pub async fn open_counts(conn: &mut PgConnection) -> Result<(i64, i64), Fault> {
    let row = sqlx::query!(
        r#"select count(*) filter (where state = 'reported') as "unanswered!", count(*) as "open!"
           from emergency where state in ('reported', 'acknowledged', 'responding')"#
    )
    .fetch_one(conn)
    .await?;
    Ok((row.unanswered, row.open))
}

/// The stage of the reporter of a case.
pub async fn stage_of(conn: &mut PgConnection, id: Uuid) -> Result<Option<StageId>, Fault> {
    let stage = sqlx::query_scalar!("select stage_id from emergency where id = $1", id)
        .fetch_optional(conn)
        .await?;
    Ok(stage.flatten().map(StageId))
}
