//! Calls: placed by the gateway, picked up by people, conducted by the gateway's action documents.

mod action;

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
use crate::phones::{Msisdn, plain};
use crate::world::World;

use super::form::{self, Fields, Received, authorise};
use action::{Action, Digits};

/// A minute of a call, in cents.
const MINUTE_CENTS: i64 = 600;

/// A call on a handset.
pub struct Call {
    pub(crate) id: String,
    pub(crate) phase: Phase,
    touches: mpsc::UnboundedSender<Touch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
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
    pub from: String,
    pub state: Phase,
    /// What has been said so far.
    pub spoken: String,
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
    if world.strikes(Fault::CallDown, None) {
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

/// A rider rings our number. Returns false when the phone is already in a call.
pub fn ring_us(world: &Arc<World>, msisdn: &Msisdn) -> bool {
    if world.state().phone(msisdn, &world.settings).call.is_some() {
        return false;
    }
    let id = open(world, msisdn, "Inbound", None);
    let calling = Conduct {
        world: world.clone(),
        msisdn: msisdn.clone(),
        id,
        direction: "Inbound",
    };
    let touches = calling.occupy(Phase::Talking);
    world.later(Duration::ZERO, async move {
        calling.talk(touches, "Ringing").await
    });
    true
}

/// The call on a handset, if there is one.
pub fn view(world: &World, msisdn: &Msisdn) -> Option<CallView> {
    let mut state = world.state();
    let call = state.phone(msisdn, &world.settings).call.as_ref()?;
    let (id, phase) = (call.id.clone(), call.phase);
    let spoken = state
        .calls
        .calls
        .iter()
        .find(|record| record.id == id)
        .map(|record| record.spoken.join("\n"))
        .unwrap_or_default();
    Some(CallView {
        from: world.settings.voice_number.clone(),
        state: phase,
        spoken,
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
    if let Some(call) = &world.state().phone(msisdn, &world.settings).call {
        _ = call.touches.send(Touch::HangUp);
    }
}

/// One call from ringing to its last request.
struct Conduct {
    world: Arc<World>,
    msisdn: Msisdn,
    id: String,
    direction: &'static str,
}

impl Conduct {
    async fn ring(self) {
        let strikes = |what| self.world.strikes(what, Some(&self.msisdn));
        let occupied = self
            .world
            .state()
            .phone(&self.msisdn, &self.world.settings)
            .call
            .is_some();
        if occupied || strikes(Fault::CallBusy) {
            return self.unanswered("USER_BUSY").await;
        }
        if strikes(Fault::CallAbsent) || strikes(Fault::PhoneOff) {
            return self.unanswered("SUBSCRIBER_ABSENT").await;
        }
        if strikes(Fault::CallRejected) {
            return self.unanswered("CALL_REJECTED").await;
        }
        let mailbox = strikes(Fault::CallMailbox);
        let mut touches = self.occupy(Phase::Ringing);
        if mailbox {
            return self.mailbox(touches).await;
        }
        let touch = tokio::select! {
            touch = touches.recv() => touch,
            () = self.world.clock.sleep(self.world.settings.timings.ring_for) => None,
        };
        match touch {
            Some(Touch::Answer) => self.talk(touches, "Answered").await,
            Some(_) => self.unanswered("CALL_REJECTED").await,
            None => self.unanswered("NO_ANSWER").await,
        }
    }

    /// A machine picks up, listens to whatever is said, and goes after twenty seconds.
    async fn mailbox(self, touches: mpsc::UnboundedReceiver<Touch>) {
        let (hanging_up, msisdn) = (self.world.clone(), self.msisdn.clone());
        self.world.later(Duration::from_secs(20), async move {
            hang_up(&hanging_up, &msisdn)
        });
        self.phase(Phase::Talking);
        self.talk(touches, "Answered").await;
    }

    fn occupy(&self, phase: Phase) -> mpsc::UnboundedReceiver<Touch> {
        let (sender, touches) = mpsc::unbounded_channel();
        let call = Call {
            id: self.id.clone(),
            phase,
            touches: sender,
        };
        self.world
            .state()
            .phone(&self.msisdn, &self.world.settings)
            .call = Some(call);
        self.world.tell(&self.msisdn, "call");
        touches
    }

    fn phase(&self, phase: Phase) {
        let mut state = self.world.state();
        if let Some(call) = state
            .phone(&self.msisdn, &self.world.settings)
            .call
            .as_mut()
            .filter(|call| call.id == self.id)
        {
            call.phase = phase;
        }
        drop(state);
        self.world.tell(&self.msisdn, "call");
    }

    fn speak(&self, words: String) {
        self.record(|record| record.spoken.push(words));
        self.world.tell(&self.msisdn, "call");
    }

    fn record(&self, change: impl FnOnce(&mut Record)) {
        if let Some(record) = self
            .world
            .state()
            .calls
            .calls
            .iter_mut()
            .find(|record| record.id == self.id)
        {
            change(record);
        }
    }

    /// Asks the gateway what to do, does it, and asks again, until a document runs out.
    async fn talk(self, mut touches: mpsc::UnboundedReceiver<Touch>, first_state: &'static str) {
        let started = self.world.now();
        let mut url = self.world.webhook("voice");
        let mut said = Said {
            state: first_state,
            digits: None,
            recording: None,
        };
        let cause = loop {
            let document = match self.ask(&url, started, &said).await {
                Ok(document) => document,
                Err(detail) => {
                    self.world.violation("voice-document", &self.msisdn, detail);
                    break "NORMAL_TEMPORARY_FAILURE";
                }
            };
            match self.follow(document, &mut touches).await {
                Next::Digits { digits, callback } => {
                    url = callback.unwrap_or(url);
                    said = Said {
                        state: "Active",
                        digits: Some(digits),
                        recording: None,
                    };
                }
                Next::Recorded { callback } => {
                    url = callback.unwrap_or(url);
                    let recording =
                        Some(format!("https://recordings.example.test/{}.mp3", self.id));
                    said = Said {
                        state: "Active",
                        digits: None,
                        recording,
                    };
                }
                Next::Redirect(target) => {
                    url = target;
                    said = Said {
                        state: "Active",
                        digits: None,
                        recording: None,
                    };
                }
                Next::Over(cause) => break cause,
            }
        };
        let seconds = (self.world.now() - started).num_seconds().max(1);
        let cents = (seconds * MINUTE_CENTS + 59) / 60;
        let rejected = self.direction == "Inbound" && cause == "CALL_REJECTED";
        let (state, status, cents) = if rejected {
            ("NotAnswered", "Aborted", 0)
        } else {
            ("Completed", "Success", cents)
        };
        self.close(Closing {
            state,
            status,
            cause,
            seconds,
            cents,
            started: Some(started),
        })
        .await;
    }

    async fn follow(
        &self,
        document: Vec<Action>,
        touches: &mut mpsc::UnboundedReceiver<Touch>,
    ) -> Next {
        for action in document {
            match action {
                Action::Say(words) => self.speak(words),
                Action::Play(url) => self.speak(format!("[plays {url}]")),
                Action::GetDigits(ask) => {
                    if let Some(words) = &ask.prompt {
                        self.speak(words.clone());
                    }
                    match self.collect(&ask, touches).await {
                        Heard::Digits(digits) => {
                            self.record(|record| record.digits.push(digits.clone()));
                            return Next::Digits {
                                digits,
                                callback: ask.callback_url,
                            };
                        }
                        Heard::Silence => {}
                        Heard::Gone => return Next::Over("NORMAL_CLEARING"),
                    }
                }
                Action::Record {
                    prompt,
                    callback_url,
                } => {
                    if let Some(words) = prompt {
                        self.speak(words);
                    }
                    return Next::Recorded {
                        callback: callback_url,
                    };
                }
                Action::Redirect(url) => return Next::Redirect(url),
                Action::Reject => return Next::Over("CALL_REJECTED"),
                Action::Terminal(what) => {
                    self.speak(format!("[{what}]"));
                    return Next::Over("NORMAL_CLEARING");
                }
            }
        }
        Next::Over("NORMAL_CLEARING")
    }

    /// Waits for keys. Silence makes no request.
    async fn collect(&self, ask: &Digits, touches: &mut mpsc::UnboundedReceiver<Touch>) -> Heard {
        self.phase(Phase::Listening);
        let mut digits = String::new();
        loop {
            let touch = tokio::select! {
                touch = touches.recv() => touch,
                () = self.world.clock.sleep(ask.timeout) => break,
            };
            let keys = match touch {
                Some(Touch::Keys(keys)) => keys,
                Some(Touch::Answer) => continue,
                Some(Touch::HangUp) | None => return Heard::Gone,
            };
            for key in keys.chars() {
                let finished = ask.finish_on_key == Some(key);
                if !finished {
                    digits.push(key);
                }
                if finished || ask.count.is_some_and(|count| digits.len() >= count) {
                    self.phase(Phase::Talking);
                    return if digits.is_empty() {
                        Heard::Silence
                    } else {
                        Heard::Digits(digits)
                    };
                }
            }
            self.phase(Phase::Listening);
        }
        self.phase(Phase::Talking);
        if digits.is_empty() {
            Heard::Silence
        } else {
            Heard::Digits(digits)
        }
    }

    async fn ask(
        &self,
        url: &str,
        started: DateTime<Utc>,
        said: &Said,
    ) -> Result<Vec<Action>, String> {
        let mut fields = self.fields(said.state, "1", Some(started));
        fields.extend(said.digits.clone().map(|digits| ("dtmfDigits", digits)));
        fields.extend(said.recording.clone().map(|url| ("recordingUrl", url)));
        let request = self
            .world
            .http()
            .post(url)
            .timeout(self.world.settings.timings.answer_limit)
            .header("Content-Type", form::FORM);
        let answer = request
            .body(form::escaped(&fields))
            .send()
            .await
            .map_err(|_| "no answer to a voice callback".to_owned())?;
        let status = answer.status().as_u16();
        let body = answer
            .text()
            .await
            .map_err(|_| "a voice answer broke off".to_owned())?;
        if status != 200 {
            return Err(format!(
                "a voice callback was answered with status {status}"
            ));
        }
        action::document(&body)
    }

    fn fields(&self, state: &str, active: &str, started: Option<DateTime<Utc>>) -> Fields {
        let network = self
            .world
            .state()
            .phone(&self.msisdn, &self.world.settings)
            .network;
        let start = started.map_or("None".to_owned(), |at| {
            at.format("%Y-%m-%d+%H:%M:%S").to_string()
        });
        vec![
            ("callSessionState", state.into()),
            ("sessionId", self.id.clone()),
            ("callerCountryCode", "254".into()),
            ("callerCarrierName", network.carrier().into()),
            ("isActive", active.into()),
            ("callStartTime", start),
            ("direction", self.direction.into()),
            (
                "destinationNumber",
                self.world.settings.voice_number.clone(),
            ),
            ("callerNumber", self.msisdn.international()),
        ]
    }

    async fn unanswered(self, cause: &'static str) {
        self.close(Closing {
            state: "NotAnswered",
            status: "NotAnswered",
            cause,
            seconds: 0,
            cents: 0,
            started: None,
        })
        .await;
    }

    /// The last request, to the number's callback and to its events URL.
    async fn close(&self, closing: Closing) {
        self.record(|record| {
            record.hangup_cause = closing.cause.to_owned();
            record.seconds = closing.seconds;
        });
        let client_request_id = {
            let mut state = self.world.state();
            state
                .phone(&self.msisdn, &self.world.settings)
                .call
                .take_if(|call| call.id == self.id);
            let record = state.calls.calls.iter().find(|record| record.id == self.id);
            record.and_then(|record| record.client_request_id.clone())
        };
        self.world.tell(&self.msisdn, "call");
        let mut fields = self.fields(closing.state, "0", closing.started);
        fields.push(("durationInSeconds", closing.seconds.to_string()));
        fields.push(("currencyCode", "KES".into()));
        fields.push((
            "amount",
            if closing.cents == 0 {
                "0".into()
            } else {
                plain(closing.cents)
            },
        ));
        fields.push(("hangupCause", closing.cause.into()));
        fields.push(("status", closing.status.into()));
        self.notify("voice", &fields).await;
        fields.extend(client_request_id.map(|id| ("clientRequestId", id)));
        self.notify("voice/event", &fields).await;
    }

    async fn notify(&self, tail: &str, fields: &Fields) {
        let request = self
            .world
            .http()
            .post(self.world.webhook(tail))
            .timeout(self.world.settings.timings.answer_limit);
        if let Err(error) = request
            .header("Content-Type", form::FORM)
            .body(form::escaped(fields))
            .send()
            .await
        {
            tracing::debug!(%error, "A voice notification reached nobody");
        }
    }
}

struct Said {
    state: &'static str,
    digits: Option<String>,
    recording: Option<String>,
}

enum Next {
    Digits {
        digits: String,
        callback: Option<String>,
    },
    Recorded {
        callback: Option<String>,
    },
    Redirect(String),
    Over(&'static str),
}

enum Heard {
    Digits(String),
    Silence,
    Gone,
}

struct Closing {
    state: &'static str,
    status: &'static str,
    cause: &'static str,
    seconds: i64,
    cents: i64,
    started: Option<DateTime<Utc>>,
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
