//! The table `helper`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{language, msisdn, name};
use crate::fault::Fault;
use crate::members::helpers::{Helper, Helping};
use crate::members::model::MemberId;
use crate::stages::StageId;

/// True when this is news.
pub(in crate::members) async fn save_helping(
    conn: &mut PgConnection,
    member: MemberId,
    helping: Helping,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let saved = match helping {
        Helping::Never => {
            sqlx::query!("delete from helper where member_id = $1", member.0)
                .execute(conn)
                .await?
        }
        Helping::ByDay | Helping::Always => {
            sqlx::query!(
                "insert into helper (member_id, nights, since) values ($1, $2, $3)
                 on conflict (member_id) do update set nights = excluded.nights, since = excluded.since
                 where helper.nights <> excluded.nights",
                member.0,
                helping == Helping::Always,
                now
            )
            .execute(conn)
            .await?
        }
    };
    Ok(saved.rows_affected() == 1)
}

pub(in crate::members) async fn helping(
    conn: &mut PgConnection,
    member: MemberId,
) -> Result<Helping, Fault> {
    let nights = sqlx::query_scalar!("select nights from helper where member_id = $1", member.0)
        .fetch_optional(conn)
        .await?;
    Ok(match nights {
        None => Helping::Never,
        Some(false) => Helping::ByDay,
        Some(true) => Helping::Always,
    })
}

pub(in crate::members) async fn helpers_of(
    conn: &mut PgConnection,
    stage: StageId,
) -> Result<Vec<Helper>, Fault> {
    let rows = sqlx::query!(
        "select member.id, member.first_name, member.msisdn, member.language, helper.nights
         from helper join member on member.id = helper.member_id
         where member.stage_id = $1 and member.status = 'active'
         order by helper.since desc, member.id",
        stage.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let id = MemberId(row.id);
            Ok(Helper {
                id,
                first_name: name(&row.first_name, id)?,
                msisdn: msisdn(&row.msisdn, id)?,
                language: language(&row.language, id)?,
                nights: row.nights,
            })
        })
        .collect()
}
