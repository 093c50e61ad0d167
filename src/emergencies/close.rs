//! Closing a case: at the desk, or by time.

use chrono::TimeDelta;
use serde::Serialize;
use uuid::Uuid;

use super::file;
use super::model::{CaseState, EmergencyId};
use super::moves::{Move, moved};
use super::store::{answers, cases};
use super::telling::tell_reporter;
use crate::events::Event;
use crate::fault::Fault;
use crate::messages::Values;
use crate::work::Work;

/// A resolved case can be looked at for a day, then it is closed by itself.
const RESOLVED_STAYS: TimeDelta = TimeDelta::hours(24);
const AT_ONCE: i64 = 200;

#[derive(Serialize)]
struct EmergencyClosed {
    emergency: EmergencyId,
}

impl Event for EmergencyClosed {
    const NAME: &'static str = "emergency.closed";
    fn subject(&self) -> Uuid {
        self.emergency.0
    }
}

/// Closes the case with this short number. False when none is open under it.
pub async fn close(work: &mut Work, serial: i64) -> Result<bool, Fault> {
    let Some(case) = cases::lock_by_serial(work.conn(), serial).await? else {
        return Ok(false);
    };
    if case.state.is_open() || case.state == CaseState::Joined {
        let values = Values::new().code("case", case.number.serial.to_string());
        tell_reporter(work, &case, "emergency.put_away", values, "put_away").await?;
    }
    put_away(work, case.id, case.state).await
}

/// Closes what was resolved long enough ago that nobody comes back to it. Gives how many; repeating it is harmless.
pub async fn close_resolved(work: &mut Work) -> Result<usize, Fault> {
    let before = work.now - RESOLVED_STAYS;
    let ids = answers::resolved_before(work.conn(), before, AT_ONCE).await?;
    for id in &ids {
        put_away(work, *id, CaseState::Resolved).await?;
    }
    Ok(ids.len())
}

/// False when it was put away before.
async fn put_away(work: &mut Work, emergency: EmergencyId, from: CaseState) -> Result<bool, Fault> {
    let now = work.now;
    let Ok(state) = moved(from, Move::Close) else {
        return Ok(false);
    };
    answers::set_state(work.conn(), emergency, state, None, now).await?;
    file::note(work, emergency, "closed", None, None).await?;
    work.record(EmergencyClosed { emergency }).await?;
    Ok(true)
}
