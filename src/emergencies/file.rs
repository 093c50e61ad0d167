//! The case file: what happened, in order, and whose doing it was. It is only ever added to.

use super::model::EmergencyId;
use super::store::file;
use crate::fault::Fault;
use crate::primitives::Msisdn;
use crate::work::Work;

/// The longest thing somebody said that is kept, in characters.
const SAID_LENGTH_MAX: usize = 300;

/// Writes a line into the case file: `what` in a word such as `accepted`, `who` unless it was the house, and their words.
pub async fn note(
    work: &mut Work,
    id: EmergencyId,
    what: &'static str,
    who: Option<&Msisdn>,
    said: Option<&str>,
) -> Result<(), Fault> {
    let now = work.now;
    let said: Option<String> = said
        .map(|said| said.trim().chars().take(SAID_LENGTH_MAX).collect())
        .filter(|said: &String| !said.is_empty());
    file::append(work.conn(), id, what, who, said.as_deref(), now).await
}

/// Whether a line of this word stands in the case file.
pub(super) async fn has(
    work: &mut Work,
    id: EmergencyId,
    what: &'static str,
) -> Result<bool, Fault> {
    file::has(work.conn(), id, what).await
}
