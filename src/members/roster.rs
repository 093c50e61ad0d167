//! Who is on duty at a stage: going on and off, asking another to take over, and the times when nobody is there.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::MemberId;
use super::officers::Role;
use super::store;
use crate::events::Event;
use crate::fault::Fault;
use crate::primitives::Msisdn;
use crate::stages::StageId;
use crate::work::Work;

/// The last one at a stage who says OFF again within this time goes off.
const WARNING_HOLDS: TimeDelta = TimeDelta::minutes(30);
/// Who was asked to take over answers within this time, or was never asked.
const SWAP_HOLDS: TimeDelta = TimeDelta::hours(12);

/// What a phone's member does for a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageRole {
    pub member: MemberId,
    pub stage: StageId,
    pub stage_name: String,
    pub role: Role,
    pub on_duty: bool,
}

/// What came of going off duty at one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WentOff {
    /// So many coordinators are still on duty there.
    Off { left: usize },
    /// They are the last one there, and still on duty: once more, and they go.
    IsLast,
    /// They were not on duty.
    WasOff,
}

/// Somebody is asked to take over a duty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    pub id: Uuid,
    pub stage: StageId,
    pub stage_name: String,
    pub from: MemberId,
    pub to: MemberId,
}

/// Why nobody is asked to take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSwap {
    /// The phone is no coordinator's of a stage where the asker is one.
    NotACoordinator,
    /// The asker is off duty there, or on duty nowhere.
    NotOnDuty,
}

#[derive(Serialize)]
struct DutyChanged {
    member: MemberId,
    stage: StageId,
    on_duty: bool,
}

impl Event for DutyChanged {
    const NAME: &'static str = "member.duty_changed";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

#[derive(Serialize)]
struct StageUnattended {
    stage: StageId,
}

impl Event for StageUnattended {
    const NAME: &'static str = "stage.unattended";
    /// A stage has no long id of its own.
    fn subject(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.stage.0.unsigned_abs()))
    }
}

/// What the member of this phone does, by stage. Empty for everybody else.
pub async fn roles_of(conn: &mut PgConnection, phone: &Msisdn) -> Result<Vec<StageRole>, Fault> {
    store::roster::roles_of(conn, phone).await
}

/// Puts a coordinator on duty. False when they were.
pub async fn go_on_duty(work: &mut Work, member: MemberId, stage: StageId) -> Result<bool, Fault> {
    set_duty(work, member, stage, true).await
}

/// Takes a coordinator off duty, unless they are the last one at the stage and hear of it for the first time.
pub async fn go_off_duty(
    work: &mut Work,
    member: MemberId,
    stage: StageId,
    even_if_last: bool,
) -> Result<WentOff, Fault> {
    let now = work.now;
    // All rows of the stage are held: of two who go off at once, one is the last.
    let coordinators = store::roster::lock_coordinators(work.conn(), stage).await?;
    let Some(own) = coordinators
        .iter()
        .find(|one| one.member == member && one.on_duty)
    else {
        return Ok(WentOff::WasOff);
    };
    let left = coordinators.iter().filter(|one| one.on_duty).count() - 1;
    let knows = even_if_last
        || own
            .last_warned_at
            .is_some_and(|warned| now - warned < WARNING_HOLDS);
    if left == 0 && !knows {
        store::roster::warn_last(work.conn(), member, stage, now).await?;
        return Ok(WentOff::IsLast);
    }
    set_duty(work, member, stage, false).await?;
    Ok(WentOff::Off { left })
}

/// Asks another coordinator of a stage to take over from this member. Asked anew, the last one asked counts.
pub async fn ask_swap(
    work: &mut Work,
    from: &Msisdn,
    to: &Msisdn,
) -> Result<Result<Swap, NoSwap>, Fault> {
    let now = work.now;
    let theirs = roles_of(work.conn(), to).await?;
    let mine = roles_of(work.conn(), from).await?;
    let both: Vec<(&StageRole, &StageRole)> = coordinating(&mine)
        .filter_map(|own| {
            let other = coordinating(&theirs).find(|other| other.stage == own.stage)?;
            (own.member != other.member).then_some((own, other))
        })
        .collect();
    if both.is_empty() {
        return Ok(Err(NoSwap::NotACoordinator));
    }
    let Some((own, other)) = both.into_iter().find(|(own, _)| own.on_duty) else {
        return Ok(Err(NoSwap::NotOnDuty));
    };
    let swap = Swap {
        id: Uuid::now_v7(),
        stage: own.stage,
        stage_name: own.stage_name.clone(),
        from: own.member,
        to: other.member,
    };
    store::roster::ask_swap(work.conn(), &swap, now).await?;
    Ok(Ok(swap))
}

/// What this phone's member was last asked to take over and has not answered.
pub async fn swap_asked_of(
    conn: &mut PgConnection,
    phone: &Msisdn,
    now: DateTime<Utc>,
) -> Result<Option<Swap>, Fault> {
    store::roster::swap_asked_of(conn, phone, now - SWAP_HOLDS).await
}

/// Ends the asking. With a yes the duty changes hands. False when it had ended before.
pub async fn answer_swap(work: &mut Work, swap: &Swap, agreed: bool) -> Result<bool, Fault> {
    let now = work.now;
    let outcome = if agreed { "agreed" } else { "refused" };
    if !store::roster::end_swap(work.conn(), swap.id, outcome, now).await? {
        return Ok(false);
    }
    if agreed {
        set_duty(work, swap.to, swap.stage, true).await?;
        set_duty(work, swap.from, swap.stage, false).await?;
    }
    Ok(true)
}

/// Notes where nobody is on duty any more, and where somebody is again. Gives the stages where a time without anybody has
/// just begun; only stages that somebody serves are looked at.
pub async fn note_gaps(work: &mut Work) -> Result<Vec<StageId>, Fault> {
    let now = work.now;
    store::roster::end_gaps(work.conn(), now).await?;
    store::roster::expire_swaps(work.conn(), now - SWAP_HOLDS, now).await?;
    let begun = store::roster::begin_gaps(work.conn(), now).await?;
    for stage in &begun {
        work.record(StageUnattended { stage: *stage }).await?;
    }
    Ok(begun)
}

async fn set_duty(
    work: &mut Work,
    member: MemberId,
    stage: StageId,
    on_duty: bool,
) -> Result<bool, Fault> {
    let changed = store::roster::set_duty(work.conn(), member, stage, on_duty).await?;
    if changed {
        work.record(DutyChanged {
            member,
            stage,
            on_duty,
        })
        .await?;
    }
    Ok(changed)
}

fn coordinating(roles: &[StageRole]) -> impl Iterator<Item = &StageRole> {
    roles.iter().filter(|role| role.role == Role::Coordinator)
}
