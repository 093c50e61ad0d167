//! An alarm from the phone.

use super::Performer;
use crate::emergencies::{self, EmergencyId, EmergencyKind, Raise, RaiseError};
use crate::fault::Fault;
use crate::members;
use crate::menu::Outcome;
use crate::work::Work;

pub(super) async fn raise(
    hands: &Performer<'_>,
    work: &mut Work,
    id: EmergencyId,
) -> Result<Outcome, Fault> {
    let known = members::caller_language(work.conn(), &hands.turn.msisdn).await?;
    let raise = Raise {
        id,
        at: work.now,
        msisdn: hands.turn.msisdn.clone(),
        language: known.unwrap_or_else(|| hands.menus.default_language()),
        duty_desk: hands.app.config.emergencies.duty_phones.clone(),
    };
    match emergencies::raise(work, raise).await {
        Ok(raised) => Ok(Outcome::new("raised").value("case", raised.number.serial)),
        Err(RaiseError::Fault(fault)) => Err(fault),
        Err(RaiseError::NobodyToAlert) => Err(Fault::broken(
            "an emergency was raised and there is nobody to alert",
        )),
    }
}

pub(super) async fn tell_kind(
    hands: &Performer<'_>,
    work: &mut Work,
    kind: EmergencyKind,
) -> Result<Outcome, Fault> {
    let case = emergencies::tell_kind(work, &hands.turn.msisdn, kind).await?;
    told(case.is_some())
}

pub(super) async fn tell_place(
    hands: &Performer<'_>,
    work: &mut Work,
    place: &str,
) -> Result<Outcome, Fault> {
    let case = emergencies::tell_place(work, &hands.turn.msisdn, place).await?;
    told(case.is_some())
}

/// Without an open case its alarm may still wait in the spool of another process: then this waits there with it.
fn told(has_a_case: bool) -> Result<Outcome, Fault> {
    match has_a_case {
        true => Ok(Outcome::new("told")),
        false => Err(Fault::broken(
            "something was told of an emergency that has no open case",
        )),
    }
}
