//! Messages that riders send, delivered again each minute until somebody says 200.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::SecondsFormat;
use serde_json::json;

use crate::africastalking::form::{self, Fields, Received, authorise};
use crate::faults::Fault;
use crate::phones::Msisdn;
use crate::world::World;

use super::{Inbound, post};

/// How long an inbound message is tried.
const INBOUND_LIFE_HOURS: i64 = 12;

/// A rider texts a number of ours. Returns the id of the message, or nothing when the number is nobody's.
pub fn text(world: &Arc<World>, from: &Msisdn, to: &str, text: &str) -> Option<String> {
    let now = world.now();
    let mut state = world.state();
    state.phone(from, &world.settings).send(to, text, now);
    let ours = to == world.settings.short_code || to == world.settings.voice_number;
    let inbound = ours.then(|| Inbound {
        id: state.dice.uuid(),
        link: state.dice.digits(20),
        from: from.clone(),
        to: to.to_owned(),
        text: text.to_owned(),
        at: now,
    });
    state.messages.inbound.extend(inbound.clone());
    drop(state);
    world.tell(from, "sms");
    let inbound = inbound?;
    let id = inbound.id.clone();
    let delivering = world.clone();
    world.later(Duration::ZERO, async move {
        deliver_inbound(&delivering, inbound).await
    });
    Some(id)
}

/// A subscriber blocks a sender id, and our opt-out webhook hears of it.
pub async fn opt_out(world: &World, from: &Msisdn, sender_id: &str) {
    world
        .state()
        .messages
        .blocked
        .insert((from.clone(), sender_id.to_uppercase()));
    let fields: Fields = vec![
        ("senderId", sender_id.to_owned()),
        ("phoneNumber", from.international()),
    ];
    _ = post(world, "sms/opt-out", &fields).await;
}

/// Posts a message until it is answered with 200, for at most twelve hours.
async fn deliver_inbound(world: &World, inbound: Inbound) {
    let doubled = world.strikes(Fault::InboundDoubled, Some(&inbound.from));
    let fields = inbound_fields(world, &inbound);
    while (world.now() - inbound.at).num_hours() < INBOUND_LIFE_HOURS {
        let next_try = world.clock.after(world.settings.timings.inbound_repeat);
        if post(world, "sms", &fields).await == Some(200) {
            if doubled {
                _ = post(world, "sms", &fields).await;
            }
            return;
        }
        world.clock.sleep_until(next_try).await;
    }
}

fn inbound_fields(world: &World, inbound: &Inbound) -> Fields {
    let odd = world.strikes(Fault::InboundOddDate, Some(&inbound.from));
    let network = world.state().phone(&inbound.from, &world.settings).network;
    let date = if odd {
        inbound.at.format("%Y-%m-%d %H:%M:%S").to_string()
    } else {
        inbound.at.to_rfc3339_opts(SecondsFormat::Secs, true)
    };
    let mut fields: Fields = vec![
        ("linkId", inbound.link.clone()),
        ("text", inbound.text.clone()),
        ("to", inbound.to.clone()),
        ("id", inbound.id.clone()),
        ("date", date),
        ("from", inbound.from.international()),
    ];
    if !odd {
        fields.push(("networkCode", network.code().into()));
        fields.push(("cost", "KES 1.00".into()));
    }
    fields
}

/// `GET /version1/messaging`: what riders have sent, by number.
pub(crate) async fn fetch(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let fields = Received::query(query.as_deref());
    if let Err(refused) = authorise(&world.settings, &headers, &fields) {
        return refused.into_response();
    }
    let after: u64 = fields
        .get("lastReceivedId")
        .and_then(|id| id.parse().ok())
        .unwrap_or(0);
    let state = world.state();
    let rows: Vec<_> = (1..)
        .zip(&state.messages.inbound)
        .filter(|(id, _)| *id > after)
        .map(|(id, inbound): (u64, &Inbound)| {
            json!({
                "linkId": inbound.link, "text": inbound.text, "to": inbound.to, "id": id,
                "date": inbound.at.to_rfc3339_opts(SecondsFormat::Millis, true), "from": inbound.from.international(),
            })
        })
        .collect();
    form::json(
        StatusCode::OK,
        &json!({"SMSMessageData": {"Messages": rows}}),
    )
}
