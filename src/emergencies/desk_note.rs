//! What the desk writes into a case file.

use serde::Serialize;
use uuid::Uuid;

use super::file;
use super::model::EmergencyId;
use super::store::cases;
use crate::events::Event;
use crate::fault::Fault;
use crate::work::Work;

#[derive(Serialize)]
struct EmergencyNoted {
    emergency: EmergencyId,
}

impl Event for EmergencyNoted {
    const NAME: &'static str = "emergency.noted";
    fn subject(&self) -> Uuid {
        self.emergency.0
    }
}

/// Writes a note of the desk into the file of the case with this short number, whatever has become of it, under the name of
/// who wrote it. False when there is no such case.
pub async fn note_from_desk(
    work: &mut Work,
    serial: i64,
    author: &str,
    words: &str,
) -> Result<bool, Fault> {
    let Some(case) = cases::lock_by_serial(work.conn(), serial).await? else {
        return Ok(false);
    };
    let said = format!("{author}: {words}");
    file::note(work, case.id, "desk_note", None, Some(&said)).await?;
    work.record(EmergencyNoted { emergency: case.id }).await?;
    Ok(true)
}
