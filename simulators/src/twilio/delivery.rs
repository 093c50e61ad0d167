//! An accepted message on its way to the handset, and the callbacks about it.

use std::sync::Arc;
use std::time::Duration;

use crate::faults::Fault;
use crate::phones::Msisdn;
use crate::world::World;

use super::signature::sign;

/// How often a message for a phone that is off is tried again, and for how long.
const ABSENT_RETRY: Duration = Duration::from_secs(60);
const ABSENT_TRIES_MAX: u32 = 60;

/// Takes an accepted message to its phone, and reports about it.
pub(super) fn carry(world: &Arc<World>, sid: &str, whose: &Msisdn) {
    let failures = [
        (Fault::TwilioUnreachable, 30003),
        (Fault::TwilioUnknownHandset, 30005),
        (Fault::TwilioFiltered, 30007),
        (Fault::TwilioUnknownError, 30008),
    ];
    let strikes = |what| world.strikes(what, Some(whose));
    let silent = strikes(Fault::TwilioReportMissing);
    let backwards = strikes(Fault::TwilioReportOutOfOrder);
    let failure = failures
        .into_iter()
        .find(|(what, _)| strikes(*what))
        .map(|(_, code)| code);
    let held = if strikes(Fault::TwilioReportLate) {
        world.settings.timings.late
    } else {
        Duration::ZERO
    };
    let gap = world.settings.timings.report_after;
    if !silent && !backwards {
        report_later(world, held + gap, sid, "sent", None);
    }
    let (carrying, sid, whose) = (world.clone(), sid.to_owned(), whose.clone());
    world.later(world.settings.timings.deliver_after, async move {
        if let Some(code) = failure {
            if !silent {
                report_later(&carrying, held + gap * 2, &sid, "undelivered", Some(code));
            }
            return;
        }
        let mut tries = 0;
        while carrying.strikes(Fault::PhoneOff, Some(&whose)) {
            tries += 1;
            if tries > ABSENT_TRIES_MAX {
                if !silent {
                    report(&carrying, &sid, "undelivered", Some(30003)).await;
                }
                return;
            }
            carrying.clock.sleep(ABSENT_RETRY).await;
        }
        arrive(&carrying, &sid, &whose);
        if silent {
            return;
        }
        report_later(&carrying, held + gap * 2, &sid, "delivered", None);
        if backwards {
            report_later(&carrying, held + gap * 3, &sid, "sent", None);
        }
    });
}

fn arrive(world: &World, sid: &str, whose: &Msisdn) {
    let now = world.now();
    let mut state = world.state();
    let Some(sent) = state.twilio.find(sid) else {
        return;
    };
    sent.arrived = true;
    let (from, body) = (sent.from.clone(), sent.body.clone());
    state
        .phone(whose, &world.settings)
        .receive(&from, &body, now);
    drop(state);
    world.tell(whose, "sms");
}

fn report_later(
    world: &Arc<World>,
    delay: Duration,
    sid: &str,
    status: &'static str,
    error_code: Option<u32>,
) {
    let (reporting, sid) = (world.clone(), sid.to_owned());
    world.later(delay, async move {
        report(&reporting, &sid, status, error_code).await
    });
}

/// Posts one status callback, signed, to the address the message was sent with.
pub(super) async fn report(
    world: &World,
    sid: &str,
    status: &'static str,
    error_code: Option<u32>,
) {
    let now = world.now();
    let (sent, doubled, forged) = {
        let mut state = world.state();
        let whose = state
            .twilio
            .find(sid)
            .and_then(|sent| Msisdn::parse(&sent.to).ok());
        let doubled = state.strikes(Fault::TwilioReportDoubled, whose.as_ref(), now);
        let forged = state.strikes(Fault::TwilioReportForged, whose.as_ref(), now);
        let Some(sent) = state.twilio.find(sid) else {
            return;
        };
        sent.reports.push(status.to_owned());
        // A resource does not go back, however its callbacks travel.
        if !matches!(sent.status, "delivered" | "undelivered") {
            sent.status = status;
            sent.error_code = error_code;
            sent.updated_at = now;
        }
        (sent.clone(), doubled, forged)
    };
    let Some(callback) = &sent.callback else {
        return;
    };
    let account = &world.settings.twilio_account_sid;
    let fields = |status: &str| {
        let mut fields = vec![
            ("AccountSid", account.clone()),
            ("ApiVersion", "2010-04-01".to_owned()),
            ("From", sent.from.clone()),
            ("MessageSid", sent.sid.clone()),
            ("MessageStatus", status.to_owned()),
            ("SmsSid", sent.sid.clone()),
            ("SmsStatus", status.to_owned()),
            ("To", sent.to.clone()),
        ];
        fields.extend(error_code.map(|code| ("ErrorCode", code.to_string())));
        fields
    };
    if forged {
        post(world, callback, "somebody else's token", &fields("failed")).await;
    }
    for _ in 0..if doubled { 2 } else { 1 } {
        let token = &world.settings.twilio_auth_token;
        post(world, callback, token, &fields(status)).await;
    }
}

async fn post(world: &World, url: &str, token: &str, fields: &[(&str, String)]) {
    let request = world
        .http()
        .post(url)
        .timeout(world.settings.timings.answer_limit)
        .header("X-Twilio-Signature", sign(token, url, fields))
        .form(fields);
    _ = request.send().await;
}
