//! An accepted message on its way to the handset, and the reports about it.

use std::sync::Arc;
use std::time::Duration;

use crate::africastalking::form::Fields;
use crate::faults::Fault;
use crate::phones::Msisdn;
use crate::world::World;

use super::post;

/// How often a message for a phone that is off is tried again.
const ABSENT_RETRY: Duration = Duration::from_secs(60);

/// Takes an accepted message to its phone, and reports about it.
pub(super) fn carry(world: &Arc<World>, id: &str, whose: &Msisdn) {
    let now = world.now();
    let mut state = world.state();
    let mut strikes = |what| state.strikes(what, Some(whose), now);
    let silent = strikes(Fault::ReportMissing);
    let lost = strikes(Fault::SmsNeverArrives);
    let backwards = strikes(Fault::ReportOutOfOrder);
    let strange = strikes(Fault::ReportUnknownStatus);
    let held = if strikes(Fault::ReportLate) {
        world.settings.timings.late
    } else {
        Duration::ZERO
    };
    drop(state);

    let timings = &world.settings.timings;
    let mut underway = if backwards {
        vec![]
    } else {
        vec!["Sent", "Buffered"]
    };
    if strange {
        underway.push("Teleported");
    }
    for (place, status) in (1..).zip(underway.into_iter().filter(|_| !silent)) {
        report_later(
            world,
            id,
            whose,
            held + timings.report_after * place,
            status,
            None,
        );
    }
    let (carrying, id, whose) = (world.clone(), id.to_owned(), whose.clone());
    world.later(timings.deliver_after, async move {
        let gap = carrying.settings.timings.report_after;
        if lost {
            if !silent {
                report_later(
                    &carrying,
                    &id,
                    &whose,
                    held + gap * 3,
                    "Failed",
                    Some("DeliveryFailure"),
                );
            }
            return;
        }
        let mut told_absent = false;
        while carrying.strikes(Fault::PhoneOff, Some(&whose)) {
            let next_try = carrying.clock.after(ABSENT_RETRY);
            if !told_absent && !silent {
                report(&carrying, &id, &whose, "AbsentSubscriber", None).await;
            }
            told_absent = true;
            carrying.clock.sleep_until(next_try).await;
        }
        arrive(&carrying, &id, &whose);
        let finals = if backwards {
            vec!["Success", "Buffered", "Sent"]
        } else {
            vec!["Success"]
        };
        for (place, status) in (3..).zip(finals.into_iter().filter(|_| !silent)) {
            report_later(&carrying, &id, &whose, held + gap * place, status, None);
        }
    });
}

fn arrive(world: &World, id: &str, whose: &Msisdn) {
    let now = world.now();
    let mut state = world.state();
    let Some(outbound) = state
        .messages
        .sent
        .iter_mut()
        .rev()
        .find(|outbound| outbound.id == id)
    else {
        return;
    };
    outbound.arrived = true;
    let (from, text) = (outbound.from.clone(), outbound.text.clone());
    state
        .phone(whose, &world.settings)
        .receive(&from, &text, now);
    drop(state);
    world.tell(whose, "sms");
}

fn report_later(
    world: &Arc<World>,
    id: &str,
    whose: &Msisdn,
    delay: Duration,
    status: &'static str,
    reason: Option<&'static str>,
) {
    let (reporting, id, whose) = (world.clone(), id.to_owned(), whose.clone());
    world.later(delay, async move {
        report(&reporting, &id, &whose, status, reason).await
    });
}

pub(super) async fn report(
    world: &World,
    id: &str,
    whose: &Msisdn,
    status: &str,
    reason: Option<&str>,
) {
    let (network, times) = {
        let now = world.now();
        let mut state = world.state();
        let doubled = state.strikes(Fault::ReportDoubled, Some(whose), now);
        if let Some(outbound) = state
            .messages
            .sent
            .iter_mut()
            .rev()
            .find(|outbound| outbound.id == id)
        {
            outbound.reports.push(status.to_owned());
        }
        (
            state.phone(whose, &world.settings).network,
            if doubled { 2 } else { 1 },
        )
    };
    let mut fields: Fields = vec![
        ("id", id.to_owned()),
        ("status", status.to_owned()),
        ("phoneNumber", whose.international()),
        ("networkCode", network.code().into()),
        ("retryCount", "0".into()),
    ];
    fields.extend(reason.map(|reason| ("failureReason", reason.to_owned())));
    for _ in 0..times {
        _ = post(world, "sms/report", &fields).await;
    }
}
