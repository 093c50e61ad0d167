//! Money out waits a day after a change of PIN, phone or SIM: a thief changes these first. Two people of the staff can lift it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::rules::Rules;
use super::store;
use crate::events::Event;
use crate::fault::Fault;
use crate::members::{self, MemberId};
use crate::primitives::StaffName;
use crate::work::Work;

/// Until when no money of this member leaves; none when it may.
pub async fn cools_until(
    conn: &mut PgConnection,
    rules: &Rules,
    member: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Fault> {
    let changed_at = members::latest_credential_change(conn, MemberId(member)).await?;
    let Some(changed_at) = changed_at else {
        return Ok(None);
    };
    let until = changed_at + rules.cooling_off;
    if until <= now || store::is_lifted(conn, member, changed_at).await? {
        return Ok(None);
    }
    Ok(Some(until))
}

/// What a person's word has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifted {
    /// One more person has to speak with the member.
    First,
    Both,
}

/// Why nothing was lifted.
#[derive(Debug, thiserror::Error)]
pub enum LiftError {
    #[error("nothing of this member's is cooling off")]
    NotCooling,
    #[error("two different people lift it, and you were the first")]
    SamePerson,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Somebody of the staff has spoken with the member and knows them. The second such word lets money leave again.
pub async fn lift_cooling(
    work: &mut Work,
    rules: &Rules,
    member: Uuid,
    by: &StaffName,
) -> Result<Lifted, LiftError> {
    let now = work.now;
    if cools_until(work.conn(), rules, member, now)
        .await?
        .is_none()
    {
        return Err(LiftError::NotCooling);
    }
    let changed_at = members::latest_credential_change(work.conn(), MemberId(member))
        .await?
        .ok_or(LiftError::NotCooling)?;
    let (first, is_fresh) = store::first_lift(work.conn(), member, changed_at, by, now).await?;
    let lifted = match (is_fresh, first == by.as_str()) {
        (true, _) => Lifted::First,
        (false, true) => return Err(LiftError::SamePerson),
        (false, false) => {
            store::second_lift(work.conn(), member, changed_at, by, now).await?;
            Lifted::Both
        }
    };
    work.record(CoolingLifted {
        member,
        by: by.to_string(),
        both: lifted == Lifted::Both,
    })
    .await?;
    Ok(lifted)
}

#[derive(Serialize)]
struct CoolingLifted {
    member: Uuid,
    by: String,
    both: bool,
}

impl Event for CoolingLifted {
    const NAME: &'static str = "payouts.cooling_lifted";
    fn subject(&self) -> Uuid {
        self.member
    }
}
