//! Changes of a member's row that are rare: another number, another kind of member, a request made anew.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::fault::Fault;
use crate::members::model::MemberId;
use crate::members::service::joining::Join;
use crate::primitives::Msisdn;

/// Puts a new request in the place of one that was refused before then; false when there is no such row of this rider's.
pub(in crate::members) async fn ask_again(
    conn: &mut PgConnection,
    asked: &Join,
    sealed: &[u8],
    index: &[u8; 32],
    now: DateTime<Utc>,
    refused_before: DateTime<Utc>,
) -> Result<bool, Fault> {
    let updated = sqlx::query!(
        "update member set joining_key = $2, language = $4, first_name = $5, last_name = $6, national_id_sealed = $7,
                national_id_index = $8, birth_date = $9, stage_id = $10, status = 'pending', reason = null, refused_at = null,
                joined_at = $11, fee_paid_at = null, fee_payment = null
         where id = $1 and msisdn = $3 and status = 'refused' and refused_at <= $12",
        asked.id.0,
        asked.key,
        asked.msisdn.digits(),
        asked.language.as_str(),
        asked.first_name.as_str(),
        asked.last_name.as_str(),
        sealed,
        index.as_slice(),
        asked.birth_date,
        asked.stage.0,
        now,
        refused_before
    )
    .execute(conn)
    .await?;
    Ok(updated.rows_affected() == 1)
}

pub(in crate::members) async fn has_index(
    conn: &mut PgConnection,
    member: MemberId,
    index: &[u8; 32],
) -> Result<bool, Fault> {
    let has = sqlx::query_scalar!(
        r#"select exists (select 1 from member where id = $1 and national_id_index = $2) as "has!""#,
        member.0,
        index.as_slice()
    )
    .fetch_one(conn)
    .await?;
    Ok(has)
}

pub(in crate::members) async fn save_msisdn(
    conn: &mut PgConnection,
    member: MemberId,
    msisdn: &Msisdn,
) -> Result<(), Fault> {
    sqlx::query!(
        "update member set msisdn = $2 where id = $1",
        member.0,
        msisdn.digits()
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::members) async fn save_category(
    conn: &mut PgConnection,
    member: MemberId,
    category: &str,
) -> Result<(), Fault> {
    sqlx::query!(
        "update member set category = $2 where id = $1",
        member.0,
        category
    )
    .execute(conn)
    .await?;
    Ok(())
}
