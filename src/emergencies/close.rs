//! Closing a case at the desk.

use serde::Serialize;
use uuid::Uuid;

use super::file;
use super::model::{CaseState, EmergencyId};
use super::store::cases;
use super::telling::tell_reporter;
use crate::events::Event;
use crate::fault::Fault;
use crate::messages::Values;
use crate::work::Work;

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
    let now = work.now;
    let Some(case) = cases::lock_by_serial(work.conn(), serial).await? else {
        return Ok(false);
    };
    if matches!(case.state, CaseState::Closed | CaseState::Cancelled) {
        return Ok(false);
    }
    if case.state.is_open() || case.state == CaseState::Joined {
        let values = Values::new().code("case", case.number.serial.to_string());
        tell_reporter(work, &case, "emergency.put_away", values, "put_away").await?;
    }
    let emergency = case.id;
    cases::close(work.conn(), emergency, now).await?;
    file::note(work, emergency, "closed", None, None).await?;
    work.record(EmergencyClosed { emergency }).await?;
    Ok(true)
}
