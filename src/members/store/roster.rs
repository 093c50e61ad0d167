//! The duty of `stage_role`, and the tables `duty_swap` and `duty_gap`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::fault::Fault;
use crate::members::model::MemberId;
use crate::members::officers::Role;
use crate::members::roster::{StageRole, Swap};
use crate::primitives::Msisdn;
use crate::stages::StageId;

/// A coordinator of a stage, with the row held.
pub(in crate::members) struct Coordinator {
    pub member: MemberId,
    pub on_duty: bool,
    pub last_warned_at: Option<DateTime<Utc>>,
}

pub(in crate::members) async fn roles_of(
    conn: &mut PgConnection,
    phone: &Msisdn,
) -> Result<Vec<StageRole>, Fault> {
    let rows = sqlx::query!(
        "select stage_role.member_id, stage_role.stage_id, stage_role.role, stage_role.on_duty, stage.name
         from member join stage_role on stage_role.member_id = member.id join stage on stage.id = stage_role.stage_id
         where member.msisdn = $1 order by stage.name, stage_role.role",
        phone.digits()
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let role = Role::parse(&row.role).ok_or_else(|| {
                Fault::broken(format!("member {} has no proper role", row.member_id))
            })?;
            Ok(StageRole {
                member: MemberId(row.member_id),
                stage: StageId(row.stage_id),
                stage_name: row.name,
                role,
                on_duty: row.on_duty,
            })
        })
        .collect()
}

pub(in crate::members) async fn lock_coordinators(
    conn: &mut PgConnection,
    stage: StageId,
) -> Result<Vec<Coordinator>, Fault> {
    let rows = sqlx::query!(
        "select member_id, on_duty, last_warned_at from stage_role
         where stage_id = $1 and role = 'coordinator' order by member_id for update",
        stage.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Coordinator {
            member: MemberId(row.member_id),
            on_duty: row.on_duty,
            last_warned_at: row.last_warned_at,
        })
        .collect())
}

/// False when that is how it was. Whoever goes on duty has not been warned.
pub(in crate::members) async fn set_duty(
    conn: &mut PgConnection,
    member: MemberId,
    stage: StageId,
    on_duty: bool,
) -> Result<bool, Fault> {
    let changed = sqlx::query!(
        "update stage_role set on_duty = $3, last_warned_at = null
         where member_id = $1 and stage_id = $2 and role = 'coordinator' and on_duty <> $3",
        member.0,
        stage.0,
        on_duty
    )
    .execute(conn)
    .await?;
    Ok(changed.rows_affected() == 1)
}

pub(in crate::members) async fn warn_last(
    conn: &mut PgConnection,
    member: MemberId,
    stage: StageId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update stage_role set last_warned_at = $3 where member_id = $1 and stage_id = $2 and role = 'coordinator'",
        member.0,
        stage.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whom this member asked at this stage before is no longer asked.
pub(in crate::members) async fn ask_swap(
    conn: &mut PgConnection,
    swap: &Swap,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update duty_swap set ended_at = $3, outcome = 'expired' where stage_id = $1 and from_member = $2 and ended_at is null",
        swap.stage.0,
        swap.from.0,
        now
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "insert into duty_swap (id, stage_id, from_member, to_member, asked_at) values ($1, $2, $3, $4, $5)",
        swap.id,
        swap.stage.0,
        swap.from.0,
        swap.to.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::members) async fn swap_asked_of(
    conn: &mut PgConnection,
    phone: &Msisdn,
    asked_after: DateTime<Utc>,
) -> Result<Option<Swap>, Fault> {
    let row = sqlx::query!(
        "select duty_swap.id, duty_swap.stage_id, stage.name, duty_swap.from_member, duty_swap.to_member
         from member join duty_swap on duty_swap.to_member = member.id join stage on stage.id = duty_swap.stage_id
         where member.msisdn = $1 and duty_swap.ended_at is null and duty_swap.asked_at > $2
         order by duty_swap.asked_at desc, duty_swap.id desc limit 1",
        phone.digits(),
        asked_after
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Swap {
        id: row.id,
        stage: StageId(row.stage_id),
        stage_name: row.name,
        from: MemberId(row.from_member),
        to: MemberId(row.to_member),
    }))
}

/// False when it had ended before.
pub(in crate::members) async fn end_swap(
    conn: &mut PgConnection,
    id: uuid::Uuid,
    outcome: &str,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let ended = sqlx::query!(
        "update duty_swap set ended_at = $3, outcome = $2 where id = $1 and ended_at is null",
        id,
        outcome,
        now
    )
    .execute(conn)
    .await?;
    Ok(ended.rows_affected() == 1)
}

pub(in crate::members) async fn expire_swaps(
    conn: &mut PgConnection,
    asked_before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update duty_swap set ended_at = $2, outcome = 'expired' where ended_at is null and asked_at < $1",
        asked_before,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::members) async fn end_gaps(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update duty_gap set ended_at = $1 where ended_at is null and exists (
             select from stage_role where stage_role.stage_id = duty_gap.stage_id and role = 'coordinator' and on_duty)",
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The stages somebody serves, where nobody is on duty and that was not noted yet.
pub(in crate::members) async fn begin_gaps(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<StageId>, Fault> {
    let stages = sqlx::query_scalar!(
        "insert into duty_gap (stage_id, since)
         select stage_id, $1 from stage_role group by stage_id
         having not bool_or(role = 'coordinator' and on_duty)
         on conflict do nothing returning stage_id",
        now
    )
    .fetch_all(conn)
    .await?;
    Ok(stages.into_iter().map(StageId).collect())
}
