//! A member's number has changed in the midst of a case.

use super::store::moving;
use crate::fault::Fault;
use crate::primitives::Msisdn;
use crate::work::Work;

/// Open cases that this phone raised, was alerted to or is on follow the member to the new number. What was said so far stays as
/// it was said. An alarm that the new number has raised itself stays its own.
pub async fn move_phone(work: &mut Work, old: &Msisdn, new: &Msisdn) -> Result<(), Fault> {
    moving::move_phone(work.conn(), old, new).await
}
