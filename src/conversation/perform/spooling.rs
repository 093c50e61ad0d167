//! An alarm, and what is told after it, while Postgres cannot take it.

use super::super::intent::{Deed, What as Asked};
use super::Performer;
use crate::app::App;
use crate::emergencies::EmergencyId;
use crate::fault::Fault;
use crate::menu::Outcome;
use crate::spool::{Channel, Report, What};

/// Postgres may use this part of the hop's budget for an alarm. With what looking the caller up may take, something is left
/// for the disk: the screen has to be the alarm's own, whatever is away.
const PART_OF_THE_BUDGET: u32 = 6;

/// The id of what this hop reports: the same for its twins, in Postgres and in the spool.
pub(super) fn id(hands: &Performer<'_>, step: u16) -> EmergencyId {
    EmergencyId(Report::id_of_hop(hands.turn.session.as_str(), step))
}

/// What the deed tells in an emergency, if it does.
pub(super) fn report(hands: &Performer<'_>, asked: &Asked, step: u16) -> Option<Report> {
    let Asked::Deed(deed) = asked else {
        return None;
    };
    let (what, silent) = match deed {
        Deed::RaiseEmergency { silent } => (What::Alarm { words: None }, *silent),
        Deed::TellEmergencyKind(kind) => (What::Kind(*kind), false),
        Deed::TellEmergencyInjured(injured) => (What::Injured(*injured), false),
        Deed::TellEmergencyPlace(place) => (What::Place(place.clone()), false),
        _ => return None,
    };
    let known = hands.caller.language();
    Some(Report {
        id: id(hands, step).0,
        msisdn: hands.turn.msisdn.clone(),
        language: known.unwrap_or_else(|| hands.menus.default_language()),
        at: hands.app.clock.now(),
        channel: Channel::Ussd,
        silent,
        what,
    })
}

/// What is told of an alarm that is in the spool goes there too: its case is not in Postgres yet.
pub(super) fn belongs_into_spool(app: &App, report: &Report) -> bool {
    !report.is_alarm() && app.spool.holds_alarm_of(&report.msisdn)
}

/// Does it in Postgres, or gives up in time.
pub(super) async fn in_time(
    app: &App,
    performing: impl Future<Output = Result<Outcome, Fault>>,
) -> Result<Outcome, Fault> {
    let patience = app.config.ussd.hop_budget / PART_OF_THE_BUDGET;
    match tokio::time::timeout(patience, performing).await {
        Ok(performed) => performed,
        // It may have been done all the same: the report's id makes the two one.
        Err(_elapsed) => Err(Fault::broken("Postgres does not answer in time")),
    }
}

/// Puts it on the disk. Somebody who needs help is never only told that we are sorry.
pub(super) async fn take(app: &App, report: Report) -> Outcome {
    let is_alarm = report.is_alarm();
    let kept = app.spool.take_report(report).await;
    if let Err(why) = &kept {
        tracing::error!(%why, "An emergency could not be kept; it is alerted all the same");
    }
    match (is_alarm, kept) {
        (false, _) => Outcome::new("told"),
        (true, Ok(())) => Outcome::new("spooled").value("duty_phone", app.spool.number_to_call()),
        (true, Err(_)) => {
            Outcome::new("not_recorded").value("duty_phone", app.spool.number_to_call())
        }
    }
}
