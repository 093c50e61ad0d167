//! Saying yes by a key in a call.

use super::file;
use super::model::Case;
use super::store::{acknowledged, alerts};
use crate::fault::Fault;
use crate::primitives::Msisdn;
use crate::work::Work;

/// Whoever was called is on the case from now on. Pressed twice, it is said once.
pub(super) async fn by_call(work: &mut Work, case: &Case, msisdn: &Msisdn) -> Result<(), Fault> {
    let now = work.now;
    let alerted = alerts::of_case(work.conn(), case.id).await?;
    let Some(person) = alerted
        .into_iter()
        .find(|alerted| alerted.msisdn == *msisdn)
    else {
        return Ok(());
    };
    if acknowledged::accept(work.conn(), case.id, &person, now).await? {
        file::note(work, case.id, "accepted", Some(msisdn), None).await?;
    }
    Ok(())
}
