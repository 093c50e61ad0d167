//! The clocks of the alarms, as the phones tell of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;

use crate::phones::alarms::{Alarm, Told, alarms};
use crate::phones::{Direction, Msisdn};
use crate::world::{State, World};

pub(super) async fn list(Shared(world): Shared<Arc<World>>) -> Json<Vec<Alarm>> {
    Json(seen(&world.state()))
}

/// Every alarm, the newest first.
pub(crate) fn seen(state: &State) -> Vec<Alarm> {
    let read = state.phones.values().flat_map(|phone| {
        let received = phone
            .texts
            .iter()
            .filter(|text| text.direction == Direction::Received);
        received.map(|text| Told {
            msisdn: phone.msisdn.clone(),
            name: phone.name.clone(),
            at: text.at,
            text: text.text.clone(),
            by_call: false,
        })
    });
    // A phone that was busy or off never rang.
    let rang = state.calls.calls.iter().filter(|call| {
        call.direction == "Outbound"
            && !["USER_BUSY", "SUBSCRIBER_ABSENT"].contains(&call.hangup_cause.as_str())
    });
    let rang = rang.filter_map(|call| {
        let msisdn = Msisdn::parse(&call.msisdn).ok()?;
        let name = state.phones.get(&msisdn).map(|phone| phone.name.clone());
        Some(Told {
            name: name.unwrap_or_default(),
            msisdn,
            at: call.at,
            text: call.spoken.join("\n"),
            by_call: true,
        })
    });
    alarms(read.chain(rang).collect())
}
