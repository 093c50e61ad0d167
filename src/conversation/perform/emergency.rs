//! An alarm from the phone.

use super::Performer;
use crate::emergencies::{self, EmergencyId, EmergencyKind, Raise, RaiseError};
use crate::fault::Fault;
use crate::members;
use crate::menu::Outcome;
use crate::work::Work;

pub(super) async fn raise(hands: &Performer<'_>, work: &mut Work) -> Result<Outcome, Fault> {
    let known = members::caller_language(work.conn(), &hands.turn.msisdn).await?;
    let raise = Raise {
        id: EmergencyId::fresh(),
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

/// The database cannot take it: whom to call instead, at once.
pub(super) fn not_recorded(hands: &Performer<'_>) -> Outcome {
    let duty_desk = hands.app.config.emergencies.duty_phones.first();
    Outcome::new("not_recorded").value(
        "duty_phone",
        duty_desk.map_or_else(|| "999".to_owned(), |phone| phone.national()),
    )
}

pub(super) async fn tell_kind(
    hands: &Performer<'_>,
    work: &mut Work,
    kind: EmergencyKind,
) -> Result<Outcome, Fault> {
    emergencies::tell_kind(work, &hands.turn.msisdn, kind).await?;
    Ok(Outcome::new("told"))
}

pub(super) async fn tell_place(
    hands: &Performer<'_>,
    work: &mut Work,
    place: &str,
) -> Result<Outcome, Fault> {
    emergencies::tell_place(work, &hands.turn.msisdn, place).await?;
    Ok(Outcome::new("told"))
}
