//! The table `stage_role`.

use sqlx::PgConnection;

use super::{language, msisdn, name};
use crate::fault::Fault;
use crate::members::model::MemberId;
use crate::members::officers::{Officer, Role, StageOfficial};
use crate::primitives::Msisdn;
use crate::stages::StageId;

/// True when this is news: a new role, or one that was off duty.
pub(in crate::members) async fn save_role(
    conn: &mut PgConnection,
    member: MemberId,
    stage: StageId,
    role: Role,
) -> Result<bool, Fault> {
    let saved = sqlx::query!(
        "insert into stage_role (member_id, stage_id, role) values ($1, $2, $3)
         on conflict (member_id, stage_id, role) do update set on_duty = true where not stage_role.on_duty",
        member.0,
        stage.0,
        role.as_str()
    )
    .execute(conn)
    .await?;
    Ok(saved.rows_affected() == 1)
}

/// On duty, or whether on duty or off.
pub(in crate::members) async fn officers(
    conn: &mut PgConnection,
    stage: StageId,
    role: Role,
    only_on_duty: bool,
) -> Result<Vec<Officer>, Fault> {
    let rows = sqlx::query!(
        "select member.id, member.first_name, member.msisdn, member.language
         from stage_role join member on member.id = stage_role.member_id
         where stage_role.stage_id = $1 and stage_role.role = $2 and (stage_role.on_duty or not $3)
         order by member.first_name, member.id",
        stage.0,
        role.as_str(),
        only_on_duty
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let id = MemberId(row.id);
            Ok(Officer {
                id,
                first_name: name(&row.first_name, id)?,
                msisdn: msisdn(&row.msisdn, id)?,
                language: language(&row.language, id)?,
            })
        })
        .collect()
}

/// Those on duty in this role at any of the stages, each with a stage they serve.
pub(in crate::members) async fn officers_on_duty_at(
    conn: &mut PgConnection,
    stages: &[StageId],
    role: Role,
) -> Result<Vec<(StageId, Officer)>, Fault> {
    let stages: Vec<i32> = stages.iter().map(|stage| stage.0).collect();
    let rows = sqlx::query!(
        "select stage_role.stage_id, member.id, member.first_name, member.msisdn, member.language
         from stage_role join member on member.id = stage_role.member_id
         where stage_role.stage_id = any($1) and stage_role.role = $2 and stage_role.on_duty
         order by member.first_name, member.id",
        &stages,
        role.as_str()
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let id = MemberId(row.id);
            let officer = Officer {
                id,
                first_name: name(&row.first_name, id)?,
                msisdn: msisdn(&row.msisdn, id)?,
                language: language(&row.language, id)?,
            };
            Ok((StageId(row.stage_id), officer))
        })
        .collect()
}

/// False when there was none.
pub(in crate::members) async fn remove_role(
    conn: &mut PgConnection,
    member: MemberId,
    stage: StageId,
    role: Role,
) -> Result<bool, Fault> {
    let removed = sqlx::query!(
        "delete from stage_role where member_id = $1 and stage_id = $2 and role = $3",
        member.0,
        stage.0,
        role.as_str()
    )
    .execute(conn)
    .await?;
    Ok(removed.rows_affected() == 1)
}

pub(in crate::members) async fn official(
    conn: &mut PgConnection,
    phone: &Msisdn,
) -> Result<Option<StageOfficial>, Fault> {
    let row = sqlx::query!(
        "select member.id, member.first_name, member.msisdn, member.language, member.sacco, stage_role.stage_id
         from stage_role join member on member.id = stage_role.member_id
         where member.msisdn = $1 and member.status = 'active' and stage_role.role = 'official' and stage_role.on_duty
         order by stage_role.stage_id <> member.stage_id, stage_role.stage_id limit 1",
        phone.digits()
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let id = MemberId(row.id);
    Ok(Some(StageOfficial {
        officer: Officer {
            id,
            first_name: name(&row.first_name, id)?,
            msisdn: msisdn(&row.msisdn, id)?,
            language: language(&row.language, id)?,
        },
        stage: StageId(row.stage_id),
        sacco: row.sacco.filter(|sacco| !sacco.trim().is_empty()),
    }))
}
