//! An alarm from the phone.

use super::{PIN_ROUTE, Performer};
use crate::conversation::deeds::{self, Claim};
use crate::emergencies::{self, EmergencyId, EmergencyKind, Raise, RaiseError, Stop};
use crate::fault::Fault;
use crate::members;
use crate::menu::Outcome;
use crate::primitives::Secret;
use crate::work::{Actor, Work};

pub(super) async fn raise(
    hands: &Performer<'_>,
    work: &mut Work,
    id: EmergencyId,
    silent: bool,
) -> Result<Outcome, Fault> {
    let known = members::caller_language(work.conn(), &hands.turn.msisdn).await?;
    let raise = Raise {
        id,
        at: work.now,
        msisdn: hands.turn.msisdn.clone(),
        language: known.unwrap_or_else(|| hands.menus.default_language()),
        duty_desk: hands.app.config.emergencies.duty_phones.clone(),
        silent,
    };
    match emergencies::raise(work, raise).await {
        Ok(raised) => Ok(Outcome::new("raised")
            .value("case", raised.number.serial)
            .condition("alarm_out", true)),
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

pub(super) async fn tell_injured(
    hands: &Performer<'_>,
    work: &mut Work,
    injured: i32,
) -> Result<Outcome, Fault> {
    let case = emergencies::tell_injured(work, &hands.turn.msisdn, injured).await?;
    told(case.is_some())
}

/// The outcome is what happened, because what to do now goes by it.
pub(super) async fn tell_place(
    hands: &Performer<'_>,
    work: &mut Work,
    place: &str,
) -> Result<Outcome, Fault> {
    let told = emergencies::tell_place(work, &hands.turn.msisdn, place).await?;
    Ok(match told {
        Some(told) => match (told.joined, told.kind) {
            (Some(main), _) => Outcome::new("known").value("main", main.serial),
            (None, Some(kind)) => Outcome::new(kind.as_str()),
            (None, None) => Outcome::new("told"),
        },
        None => return Err(no_open_case()),
    })
}

/// A PIN was typed to stop the alarm: the member's own, or the one that says that somebody makes them. Both take as
/// long, show the same screen and leave the same behind on the phone.
pub(super) async fn stop(
    hands: &Performer<'_>,
    pin: Secret,
    name: &'static str,
    step: u16,
) -> Result<Outcome, Fault> {
    let (app, member) = (hands.app, hands.member()?.id);
    let now = app.clock.now();
    let (answer, under_duress) =
        members::check_stopping_pin(&app.pool, &app.pins, member, PIN_ROUTE, pin, now).await?;
    if let Some(refusal) = hands.refused(answer, member, now).await? {
        return hands.note(name, step, refusal).await;
    }
    let why = if under_duress {
        Stop::UnderDuress
    } else {
        Stop::Safe
    };
    let mut work = Work::begin(&app.pool, now, Actor::Member { id: member.0 }).await?;
    let turn = hands.turn;
    if let Claim::Done(outcome) =
        deeds::claim(&mut work, &turn.session, step, &turn.msisdn, name).await?
    {
        return Ok(outcome);
    }
    let outcome = match emergencies::stop(&mut work, &turn.msisdn, why).await? {
        Some(_stopped) => Outcome::new("stopped"),
        None => Outcome::new("nothing_open"),
    };
    deeds::keep(&mut work, &turn.session, step, &outcome).await?;
    work.commit().await?;
    Ok(outcome)
}

/// Nobody can prove it who has no PIN: the people called are asked to make sure.
pub(super) async fn say_safe(hands: &Performer<'_>, work: &mut Work) -> Result<Outcome, Fault> {
    emergencies::say_safe(work, &hands.turn.msisdn).await?;
    Ok(Outcome::new("told"))
}

fn told(has_a_case: bool) -> Result<Outcome, Fault> {
    match has_a_case {
        true => Ok(Outcome::new("told")),
        false => Err(no_open_case()),
    }
}

/// Without an open case its alarm may still wait in the spool of another process: then what is told of it waits there too.
fn no_open_case() -> Fault {
    Fault::broken("something was told of an emergency that has no open case")
}
