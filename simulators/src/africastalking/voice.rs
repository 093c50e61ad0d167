//! Calls: placed by the gateway, picked up by people, conducted by the gateway's action documents.

mod action;
mod conduct;
mod tongue;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::faults::Fault;
use crate::phones::Msisdn;
use crate::world::World;

use super::form::{self, Received, authorise};
use conduct::Conduct;

/// A minute of a call, in cents.
const MINUTE_CENTS: i64 = 600;

/// A call on a handset.
pub struct Call {
    pub(crate) id: String,
    pub(crate) phase: Phase,
    /// Its owner has hung up; the network has not cleared it yet.
    gone: bool,
    touches: mpsc::UnboundedSender<Touch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Our number is being rung, and nobody has answered.
    Calling,
    Ringing,
    /// Something is being said, or the gateway is being asked what to say.
    Talking,
    /// Keys are expected.
    Listening,
}

/// What a person does with a call.
pub enum Touch {
    Answer,
    Keys(String),
    HangUp,
}

/// Every call there was.
#[derive(Default)]
pub struct CallBook {
    pub(crate) calls: Vec<Record>,
}

/// One call, as the provider remembers it.
#[derive(Clone, Serialize)]
pub struct Record {
    pub id: String,
    pub msisdn: String,
    pub direction: &'static str,
    pub client_request_id: Option<String>,
    pub at: DateTime<Utc>,
    pub spoken: Vec<String>,
    pub digits: Vec<String>,
    /// Empty while it is on.
    pub hangup_cause: String,
    pub seconds: i64,
}

/// A call as the control API shows it.
#[derive(Clone, Debug, Serialize)]
pub struct CallView {
    pub id: String,
    /// The other side: our number, whoever rang.
    pub from: String,
    pub state: Phase,
    /// What has been said so far.
    pub spoken: String,
    /// The language it is said in, `en` or `sw`; none while nothing is said.
    pub language: Option<&'static str>,
    pub at: DateTime<Utc>,
}

/// A call that is over, as the phone's list of calls has it.
#[derive(Clone, Debug, Serialize)]
pub struct EndedCall {
    pub id: String,
    pub from: String,
    /// Whether it came in; otherwise the owner rang.
    pub incoming: bool,
    /// It rang and nobody picked it up.
    pub missed: bool,
    /// Africa's Talking's hangup cause, such as `NORMAL_CLEARING`.
    pub cause: String,
    pub seconds: i64,
    pub spoken: String,
    pub language: Option<&'static str>,
    pub at: DateTime<Utc>,
}

/// Why a number cannot be rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRung {
    #[error("nobody owns that number")]
    Nobody,
    #[error("the phone is in another call")]
    Busy,
}

/// `POST /call`
pub(crate) async fn place(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fields = Received::read(&body);
    if let Err(refused) = authorise(&world.settings, &headers, &fields) {
        return refused.into_response();
    }
    let numbers = match fields.require("to") {
        Ok(numbers) => numbers,
        Err(refused) => return refused.into_response(),
    };
    let first = numbers
        .split(',')
        .find_map(|number| Msisdn::parse(number).ok());
    if world.strikes(Fault::CallDown, first.as_ref()) {
        return form::bad_gateway();
    }
    let from = fields.get("from").filter(|from| !from.is_empty());
    if from.is_some_and(|from| from != world.settings.voice_number) {
        let message = format!("Invalid callerId: {}", from.unwrap_or_default());
        return form::json(
            StatusCode::OK,
            &json!({"entries": [], "errorMessage": message}),
        );
    }
    let client_request_id = fields.get("clientRequestId").map(str::to_owned);
    let entries: Vec<Value> = numbers
        .split(',')
        .map(|number| queue(&world, number.trim(), client_request_id.clone()))
        .collect();
    form::json(
        StatusCode::OK,
        &json!({"entries": entries, "errorMessage": "None"}),
    )
}

fn queue(world: &Arc<World>, number: &str, client_request_id: Option<String>) -> Value {
    let not_dialled =
        |status: &str| json!({"phoneNumber": number, "status": status, "sessionId": "None"});
    let Some(msisdn) = Msisdn::parse(number)
        .ok()
        .filter(|_| number.starts_with('+'))
    else {
        return not_dialled("InvalidPhoneNumber");
    };
    if world.strikes(Fault::CallNotDialled, Some(&msisdn)) {
        return not_dialled("InvalidPhoneNumber");
    }
    if world.strikes(Fault::CallNoCredit, Some(&msisdn)) {
        return not_dialled("InsufficientCredit");
    }
    let id = open(world, &msisdn, "Outbound", client_request_id);
    if !world.strikes(Fault::CallNoCallback, Some(&msisdn)) {
        let calling = Conduct {
            world: world.clone(),
            msisdn,
            id: id.clone(),
            direction: "Outbound",
        };
        world.later(world.settings.timings.ring_after, async move {
            calling.ring().await
        });
    }
    json!({"phoneNumber": number, "status": "Queued", "sessionId": id})
}

fn open(
    world: &World,
    msisdn: &Msisdn,
    direction: &'static str,
    client_request_id: Option<String>,
) -> String {
    let at = world.now();
    let mut state = world.state();
    let id = format!("ATVId_{}", state.dice.hex(32));
    let (spoken, digits, hangup_cause) = (Vec::new(), Vec::new(), String::new());
    let msisdn = msisdn.to_string();
    state.calls.calls.push(Record {
        id: id.clone(),
        msisdn,
        direction,
        client_request_id,
        at,
        spoken,
        digits,
        hangup_cause,
        seconds: 0,
    });
    id
}

/// A rider rings a number, written in any form. Only ours has somebody behind it.
pub fn ring(world: &Arc<World>, msisdn: &Msisdn, number: &str) -> Result<(), NotRung> {
    let dialled: String = number.split_whitespace().collect();
    let ours = Msisdn::parse(&world.settings.voice_number).ok();
    if ours.is_none() || ours != Msisdn::parse(&dialled).ok() {
        return Err(NotRung::Nobody);
    }
    if world.state().phone(msisdn, &world.settings).call.is_some() {
        return Err(NotRung::Busy);
    }
    let id = open(world, msisdn, "Inbound", None);
    let calling = Conduct {
        world: world.clone(),
        msisdn: msisdn.clone(),
        id,
        direction: "Inbound",
    };
    let touches = calling.occupy(Phase::Calling);
    world.later(Duration::ZERO, async move {
        calling.talk(touches, "Ringing").await
    });
    Ok(())
}

/// The call on a handset, if there is one.
pub fn view(world: &World, msisdn: &Msisdn) -> Option<CallView> {
    let mut state = world.state();
    let call = state.phone(msisdn, &world.settings).call.as_ref()?;
    let (id, phase) = (call.id.clone(), call.phase);
    if call.gone {
        return None;
    }
    let record = state.calls.calls.iter().rfind(|record| record.id == id)?;
    Some(CallView {
        from: world.settings.voice_number.clone(),
        state: phase,
        spoken: record.spoken.join("\n"),
        language: tongue::of(&record.spoken),
        at: record.at,
        id,
    })
}

/// The last call that is over, among those the phone itself knows of: it hears nothing of one that found it busy or off.
pub fn last(world: &World, msisdn: &Msisdn) -> Option<EndedCall> {
    let number = msisdn.to_string();
    let state = world.state();
    let unheard = ["", "USER_BUSY", "SUBSCRIBER_ABSENT"];
    let ended = state.calls.calls.iter().rfind(|record| {
        record.msisdn == number && !unheard.contains(&record.hangup_cause.as_str())
    })?;
    Some(EndedCall {
        id: ended.id.clone(),
        from: world.settings.voice_number.clone(),
        incoming: ended.direction == "Outbound",
        missed: ended.hangup_cause == "NO_ANSWER",
        cause: ended.hangup_cause.clone(),
        seconds: ended.seconds,
        spoken: ended.spoken.join("\n"),
        language: tongue::of(&ended.spoken),
        at: ended.at,
    })
}

/// Picks up if it rings, presses the keys, and listens until the other side waits for keys or is done. Returns what was
/// said meanwhile, or nothing when there is no call.
pub async fn press(world: &Arc<World>, msisdn: &Msisdn, keys: &str) -> Option<String> {
    let (id, touches, ringing) = {
        let mut state = world.state();
        let call = state.phone(msisdn, &world.settings).call.as_mut()?;
        let ringing = call.phase == Phase::Ringing;
        if ringing {
            call.phase = Phase::Talking;
        }
        (call.id.clone(), call.touches.clone(), ringing)
    };
    if ringing {
        _ = touches.send(Touch::Answer);
    }
    listen(world, msisdn, &id).await;
    if !keys.is_empty() {
        if let Some(call) = world
            .state()
            .phone(msisdn, &world.settings)
            .call
            .as_mut()
            .filter(|call| call.id == id)
        {
            call.phase = Phase::Talking;
        }
        _ = touches.send(Touch::Keys(keys.to_owned()));
        listen(world, msisdn, &id).await;
    }
    let state = world.state();
    state
        .calls
        .calls
        .iter()
        .find(|record| record.id == id)
        .map(|record| record.spoken.join("\n"))
}

async fn listen(world: &World, msisdn: &Msisdn, id: &str) {
    let patience = world.settings.timings.answer_limit + Duration::from_secs(1);
    world
        .wait_for(patience, |state| {
            let call = state
                .phone(msisdn, &world.settings)
                .call
                .as_ref()
                .filter(|call| call.id == id);
            call.is_none_or(|call| call.phase == Phase::Listening)
                .then_some(())
        })
        .await;
}

/// Rejects a ringing call or hangs up a running one.
pub fn hang_up(world: &World, msisdn: &Msisdn) {
    if let Some(call) = &mut world.state().phone(msisdn, &world.settings).call {
        call.gone = true;
        _ = call.touches.send(Touch::HangUp);
    }
}

/// `POST /queueStatus`
pub(crate) async fn queue_status(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fields = Received::read(&body);
    match authorise(&world.settings, &headers, &fields)
        .and_then(|()| fields.require("phoneNumbers"))
    {
        Ok(numbers) => {
            let entry =
                |number: &str| json!({"phoneNumber": number, "queueName": "", "numCalls": 0});
            let entries: Vec<Value> = numbers.split(',').map(entry).collect();
            form::json(
                StatusCode::OK,
                &json!({"entries": entries, "errorMessage": "None", "status": "Success"}),
            )
        }
        Err(refused) => refused.into_response(),
    }
}

/// `POST /mediaUpload`
pub(crate) async fn media_upload(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fields = Received::read(&body);
    match authorise(&world.settings, &headers, &fields).and_then(|()| fields.require("url")) {
        Ok(_) => form::json(
            StatusCode::CREATED,
            &json!({"errorMessage": "None", "status": "Success"}),
        ),
        Err(refused) => refused.into_response(),
    }
}

/// `POST /callTransfer`: only calls with two legs can be transferred, and we have none.
pub(crate) async fn transfer(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fields = Received::read(&body);
    match authorise(&world.settings, &headers, &fields).and_then(|()| fields.require("sessionId")) {
        Ok(_) => {
            let outcome =
                json!({"status": "Aborted", "errorMessage": "The call has no second leg"});
            form::json(StatusCode::OK, &json!({"callTransferResponse": outcome}))
        }
        Err(refused) => refused.into_response(),
    }
}
