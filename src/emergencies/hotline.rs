//! A missed call: who rings our number and is rejected has raised an alarm, and it has cost them nothing.

use uuid::Uuid;

use super::climbing::Desks;
use super::model::EmergencyId;
use super::raise::{Raise, RaiseError, Raised, raise};
use super::store::calls;
use super::telling::tell;
use crate::members;
use crate::messages::Values;
use crate::primitives::Msisdn;
use crate::work::Work;

/// Of the reports that come as calls.
const CALLS: Uuid = Uuid::from_u128(0x6b_7761_7374_6167_6500_686f_746c_696e);

/// The report that a call to the hotline is, however often its request comes and by whichever way it is passed on.
pub fn report_of_call(session: &str) -> EmergencyId {
    EmergencyId(Uuid::new_v5(&CALLS, session.as_bytes()))
}

/// Somebody rings the hotline. One call is one report, however often it is told of; several calls of a phone are one
/// emergency. None when this very call was heard before.
pub async fn missed_call(
    work: &mut Work,
    session: &str,
    from: &Msisdn,
    desks: &Desks,
) -> Result<Option<Raised>, RaiseError> {
    let known = members::caller_language(work.conn(), from).await?;
    let language = known.unwrap_or(desks.language);
    let now = work.now;
    if !calls::note_inbound(work.conn(), session, (from, language), now).await? {
        return Ok(None);
    }
    let report = Raise {
        id: report_of_call(session),
        msisdn: from.clone(),
        language,
        at: now,
        duty_desk: desks.duty.clone(),
        silent: false,
    };
    let raised = raise(work, report).await?;
    calls::set_case(work.conn(), session, raised.id).await?;
    if !raised.repeated {
        tell(
            work,
            from,
            language,
            "emergency.tell_us",
            Values::new(),
            raised.id,
            "tell_us",
        )
        .await?;
    }
    Ok(Some(raised))
}
