//! The table `credential_change`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::fault::Fault;
use crate::members::credentials::Credential;
use crate::members::model::MemberId;

pub(in crate::members) async fn insert_credential_change(
    conn: &mut PgConnection,
    member: MemberId,
    what: Credential,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let what = match what {
        Credential::Pin => "pin",
        Credential::Phone => "phone",
        Credential::Sim => "sim",
    };
    sqlx::query!(
        "insert into credential_change (member_id, what, at) values ($1, $2, $3)",
        member.0,
        what,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::members) async fn latest_credential_change(
    conn: &mut PgConnection,
    member: MemberId,
) -> Result<Option<DateTime<Utc>>, Fault> {
    Ok(sqlx::query_scalar!(
        "select max(at) from credential_change where member_id = $1",
        member.0
    )
    .fetch_one(conn)
    .await?)
}
