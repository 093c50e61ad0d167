//! Who serves a stage: its officials, and the coordinators who answer when something happens.

use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::MemberId;
use super::store;
use super::words::Name;
use crate::events::Event;
use crate::fault::Fault;
use crate::primitives::{Language, Msisdn};
use crate::stages::StageId;
use crate::work::Work;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Official,
    Coordinator,
}

/// A member who serves a stage, and how to reach them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Officer {
    pub id: MemberId,
    pub first_name: Name,
    pub msisdn: Msisdn,
    pub language: Language,
}

/// Whom a phone speaks for, when it is an official's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageOfficial {
    pub officer: Officer,
    pub stage: StageId,
    pub sacco: Option<String>,
}

#[derive(Serialize)]
struct MemberAppointed {
    member: MemberId,
    stage: StageId,
    role: Role,
}

impl Event for MemberAppointed {
    const NAME: &'static str = "member.appointed";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

#[derive(Serialize)]
struct MemberDismissed {
    member: MemberId,
    stage: StageId,
    role: Role,
}

impl Event for MemberDismissed {
    const NAME: &'static str = "member.dismissed";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

/// Gives a member a role at a stage, on duty from now on. Who has it already is only put on duty again.
pub async fn appoint(
    work: &mut Work,
    member: MemberId,
    stage: StageId,
    role: Role,
) -> Result<(), Fault> {
    if store::save_role(work.conn(), member, stage, role).await? {
        work.record(MemberAppointed {
            member,
            stage,
            role,
        })
        .await?;
    }
    Ok(())
}

/// Who serves this stage in this role now, by name.
pub async fn officers_on_duty(
    conn: &mut PgConnection,
    stage: StageId,
    role: Role,
) -> Result<Vec<Officer>, Fault> {
    store::officers(conn, stage, role, true).await
}

/// Who serves this stage in this role, on duty or off, by name.
pub async fn officers(
    conn: &mut PgConnection,
    stage: StageId,
    role: Role,
) -> Result<Vec<Officer>, Fault> {
    store::officers(conn, stage, role, false).await
}

/// Takes a role at a stage from a member. False when they did not have it.
pub async fn dismiss(
    work: &mut Work,
    member: MemberId,
    stage: StageId,
    role: Role,
) -> Result<bool, Fault> {
    let dismissed = store::remove_role(work.conn(), member, stage, role).await?;
    if dismissed {
        work.record(MemberDismissed {
            member,
            stage,
            role,
        })
        .await?;
    }
    Ok(dismissed)
}

/// Who serves any of these stages in this role now, by name, each with the stage; who serves two is told twice.
pub async fn officers_on_duty_at(
    conn: &mut PgConnection,
    stages: &[StageId],
    role: Role,
) -> Result<Vec<(StageId, Officer)>, Fault> {
    store::officers_on_duty_at(conn, stages, role).await
}

/// The official on duty whose phone this is: an active member, of their own stage first where they serve several.
pub async fn official(
    conn: &mut PgConnection,
    phone: &Msisdn,
) -> Result<Option<StageOfficial>, Fault> {
    store::official(conn, phone).await
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Official => "official",
            Role::Coordinator => "coordinator",
        }
    }

    pub fn parse(name: &str) -> Option<Role> {
        [Role::Official, Role::Coordinator]
            .into_iter()
            .find(|role| role.as_str() == name)
    }
}
