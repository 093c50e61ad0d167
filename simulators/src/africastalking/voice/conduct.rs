//! One call from ringing to its last request, led by the gateway's documents.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use crate::africastalking::form::{self, Fields};
use crate::faults::Fault;
use crate::phones::{Msisdn, plain};
use crate::world::World;

use super::action::{self, Action, Digits};
use super::{Call, MINUTE_CENTS, Phase, Record, Touch, hang_up};

/// One call from ringing to its last request.
pub(super) struct Conduct {
    pub(super) world: Arc<World>,
    pub(super) msisdn: Msisdn,
    pub(super) id: String,
    pub(super) direction: &'static str,
}

impl Conduct {
    pub(super) async fn ring(self) {
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

    pub(super) fn occupy(&self, phase: Phase) -> mpsc::UnboundedReceiver<Touch> {
        let (sender, touches) = mpsc::unbounded_channel();
        let call = Call {
            id: self.id.clone(),
            phase,
            gone: false,
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

    fn left(&self) -> bool {
        let mut state = self.world.state();
        let phone = state.phone(&self.msisdn, &self.world.settings);
        phone
            .call
            .as_ref()
            .is_some_and(|call| call.id == self.id && call.gone)
    }

    fn speak(&self, words: String) {
        self.record(|record| record.spoken.push(words));
        self.phase(Phase::Talking);
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
    pub(super) async fn talk(
        self,
        mut touches: mpsc::UnboundedReceiver<Touch>,
        first_state: &'static str,
    ) {
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
            // Whoever hung up while the gateway was being asked hears nothing any more.
            if self.left() {
                break if said.state == "Ringing" {
                    "ORIGINATOR_CANCEL"
                } else {
                    "NORMAL_CLEARING"
                };
            }
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
        let never_answered = ["CALL_REJECTED", "ORIGINATOR_CANCEL"].contains(&cause);
        let (state, status, cents) = if self.direction == "Inbound" && never_answered {
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
