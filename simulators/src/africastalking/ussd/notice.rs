//! The notice that a session is over: once, twice, late, early or never.

use std::sync::Arc;

use crate::africastalking::form::{self, Fields};
use crate::faults::Fault;
use crate::phones::Msisdn;
use crate::world::{State, World};

use super::Session;

/// How a session came to its end.
pub(super) enum Ending {
    Success,
    Incomplete,
    Failed(String),
}

/// Posts the end notice of a session that is over, with whatever trouble was ordered for it.
pub(super) fn finish(
    world: &Arc<World>,
    state: &mut State,
    msisdn: &Msisdn,
    session: Session,
    ending: Ending,
) {
    let now = world.now();
    let times = match session.notice_sent || state.strikes(Fault::NoEndNotice, Some(msisdn), now) {
        true => 0,
        false if state.strikes(Fault::DoubleEndNotice, Some(msisdn), now) => 2,
        false => 1,
    };
    let timings = &world.settings.timings;
    let late = state.strikes(Fault::LateEndNotice, Some(msisdn), now);
    let delay = if late {
        timings.notice_after + timings.stray_after
    } else {
        timings.notice_after
    };
    let body = form::escaped(&notice(state, world, msisdn, &session, ending));
    let posting = world.clone();
    world.later(delay, async move {
        for _ in 0..times {
            post_notice(&posting, body.clone()).await;
        }
    });
}

fn notice(
    state: &mut State,
    world: &World,
    msisdn: &Msisdn,
    session: &Session,
    ending: Ending,
) -> Fields {
    let now = world.now();
    let network = state.phone(msisdn, &world.settings).network;
    let cost = if state.dice.chance(0.5) {
        "0.5"
    } else {
        "KES 0.50"
    };
    let (status, reason) = match ending {
        Ending::Success => ("Success", None),
        Ending::Incomplete => ("Incomplete", None),
        Ending::Failed(reason) => ("Failed", Some(reason)),
    };
    let mut fields: Fields = vec![
        ("date", now.format("%Y-%m-%d %H:%M:%S").to_string()),
        ("sessionId", session.id.clone()),
        ("serviceCode", session.service_code.clone()),
        ("networkCode", network.code().into()),
        ("phoneNumber", msisdn.international()),
        ("status", status.into()),
        ("cost", cost.into()),
        (
            "durationInMillis",
            (now - session.started).num_milliseconds().to_string(),
        ),
        ("hopsCount", session.hops.to_string()),
    ];
    if !session.labels.is_empty() {
        fields.push(("hopsMetadata", session.labels.join("|")));
    }
    fields.push(("input", session.inputs.join("*")));
    fields.push(("lastAppResponse", session.last_answer.clone()));
    fields.extend(reason.map(|reason| ("errorMessage", reason)));
    fields
}

/// The notice of a session whose last answer is still on its way.
pub(super) async fn send_early_notice(world: &Arc<World>, msisdn: &Msisdn, id: &str) {
    let body = {
        let mut state = world.state();
        let phone = state.phone(msisdn, &world.settings);
        let Some(mut session) = phone.session.take_if(|session| session.id == id) else {
            return;
        };
        session.notice_sent = true;
        let body = form::escaped(&notice(
            &mut state,
            world,
            msisdn,
            &session,
            Ending::Success,
        ));
        state.phone(msisdn, &world.settings).session = Some(session);
        body
    };
    post_notice(world, body).await;
}

async fn post_notice(world: &World, body: String) {
    let request = world
        .http()
        .post(world.webhook("ussd/end"))
        .timeout(world.settings.timings.answer_limit)
        .header("Content-Type", form::FORM);
    match request.body(body).send().await {
        Ok(answer) if answer.status().as_u16() == 200 => {}
        Ok(answer) => tracing::warn!(
            status = answer.status().as_u16(),
            "The end notice was not answered with 200"
        ),
        Err(error) => tracing::debug!(%error, "The end notice reached nobody"),
    }
}
