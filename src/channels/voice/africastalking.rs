//! Africa's Talking's voice webhooks: what a call says next, and how it ended.
//!
//! They are not signed; the secret in the path stands for the sender, and the router has checked it. Whatever comes is
//! answered 200 with a document that can be spoken: another status ends the call with the network's own error.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRef, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use sqlx::PgPool;
use uuid::Uuid;

use super::document;
use crate::clock::Clock;
use crate::emergencies::{self, CallEnd, Desks, OnCall, RaiseError, Spoken};
use crate::fault::Fault;
use crate::messages::{Templates, Values};
use crate::primitives::{Language, Msisdn};
use crate::spool::{Channel, Report, Spool, What};
use crate::telemetry::metric;
use crate::work::{Actor, Work};

/// What the webhooks of calls need.
#[derive(Clone)]
pub struct CallsState {
    pub pool: PgPool,
    pub clock: Clock,
    pub templates: Arc<Templates>,
    pub desks: Desks,
    pub spool: Spool,
}

/// More than any request about a call.
const BODY_BYTES_MAX: usize = 64 * 1024;

pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    CallsState: FromRef<S>,
{
    Router::new()
        .route("/at/{key}/voice", post(conduct))
        .route("/at/{key}/voice/event", post(ended))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// A request about a call, as far as we need it.
struct Request {
    active: bool,
    inbound: bool,
    on: Option<OnCall>,
    /// The caller of an inbound call, if it can be called back.
    caller: Option<Msisdn>,
    key: Option<char>,
    end: CallEnd,
}

async fn conduct(State(state): State<CallsState>, body: Result<Bytes, BytesRejection>) -> Response {
    // A body that is too long is as good as none.
    let request = Request::read(&body.unwrap_or_default());
    let Some(on) = &request.on else {
        metric::voice_webhook("unreadable");
        return xml(document::reject());
    };
    if request.inbound {
        return xml(hotline(&state, on, request.caller.as_ref()).await);
    }
    if !request.active {
        end(&state, on, request.end).await;
        return xml(document::reject());
    }
    let spoken = async {
        let mut work = begin(&state).await?;
        let spoken = emergencies::heard(&mut work, on, request.key).await?;
        work.commit().await?;
        Ok::<_, Fault>(spoken)
    };
    let document = match spoken.await {
        Ok(Some(spoken)) => {
            metric::voice_webhook("conducted");
            said(&state, &spoken)
        }
        Ok(None) => {
            metric::voice_webhook("unknown_call");
            let over = line(&state, state.desks.language, "voice.over", &Values::new());
            document::say(&over)
        }
        Err(fault) => {
            metric::voice_webhook("failed");
            tracing::error!(%fault, "Could not conduct a call");
            // The alarm itself is in their messages, and `1` by SMS says the same as a key.
            let by_sms = line(&state, state.desks.language, "voice.no_key", &Values::new());
            document::say(&by_sms)
        }
    };
    xml(document)
}

async fn ended(State(state): State<CallsState>, body: Result<Bytes, BytesRejection>) -> StatusCode {
    let request = Request::read(&body.unwrap_or_default());
    match &request.on {
        // A missed call whose first request got lost is a call for help all the same.
        Some(on) if request.inbound => {
            hotline(&state, on, request.caller.as_ref()).await;
        }
        Some(on) if !request.active => end(&state, on, request.end).await,
        Some(_) => metric::voice_webhook("event"),
        None => metric::voice_webhook("unreadable"),
    }
    StatusCode::OK
}

/// Somebody rings us. Rejected, the alarm is out; where it could not be taken the call is answered after all, and says whom
/// to call instead.
async fn hotline(state: &CallsState, on: &OnCall, caller: Option<&Msisdn>) -> String {
    let other = state.desks.duty.iter().find(|phone| Some(*phone) != caller);
    let phone = other.map_or_else(|| "999".to_owned(), Msisdn::national);
    let digits: Vec<String> = phone.chars().map(String::from).collect();
    let values = Values::new().code("phone", digits.join(" "));
    let Some(caller) = caller else {
        metric::voice_webhook("hotline_without_number");
        tracing::error!("Somebody rang the hotline from a number that cannot be called back");
        return document::say(&line(
            state,
            state.desks.language,
            "voice.no_number",
            &values,
        ));
    };
    let raised = async {
        let mut work = begin(state).await?;
        let raised = emergencies::missed_call(&mut work, &on.session, caller, &state.desks).await?;
        work.commit().await?;
        Ok::<_, RaiseError>(raised)
    };
    match raised.await {
        Ok(raised) => {
            metric::voice_webhook(if raised.is_some() {
                "hotline"
            } else {
                "hotline_again"
            });
            document::reject()
        }
        Err(error) => {
            tracing::error!(%error, "Postgres could not take a missed call as an alarm");
            let report = Report {
                id: emergencies::report_of_call(&on.session).0,
                msisdn: caller.clone(),
                language: state.desks.language,
                at: state.clock.now(),
                channel: Channel::Call,
                silent: false,
                what: What::Alarm { words: None },
            };
            match state.spool.take_report(report).await {
                Ok(()) => {
                    metric::voice_webhook("hotline_spooled");
                    return document::reject();
                }
                Err(why) => {
                    metric::voice_webhook("hotline_failed");
                    tracing::error!(%why, "A missed call could not be kept; it is alerted all the same");
                }
            }
            document::say(&line(
                state,
                state.desks.language,
                "voice.not_recorded",
                &values,
            ))
        }
    }
}

async fn end(state: &CallsState, on: &OnCall, end: CallEnd) {
    metric::voice_webhook("ended");
    let ended = async {
        let mut work = begin(state).await?;
        emergencies::hung_up(&mut work, on, end).await?;
        work.commit().await
    };
    if let Err(fault) = ended.await {
        // The clock gives up a call of which it hears nothing.
        tracing::error!(%fault, "Could not write down how a call ended");
    }
}

async fn begin(state: &CallsState) -> Result<Work, Fault> {
    Work::begin(&state.pool, state.clock.now(), Actor::Caller).await
}

fn said(state: &CallsState, spoken: &Spoken) -> String {
    let lines = spoken.lines.iter();
    let text: Vec<String> = lines
        .map(|(template, values)| line(state, spoken.language, template, values))
        .collect();
    let text = text.join(" ");
    match spoken.asks {
        true => {
            let closing = line(state, spoken.language, "voice.no_key", &Values::new());
            document::ask(&text, &closing)
        }
        false => document::say(&text),
    }
}

fn line(state: &CallsState, language: Language, template: &str, values: &Values) -> String {
    match state.templates.render(template, language, values) {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(%error, "A line of a call cannot be said");
            String::new()
        }
    }
}

fn xml(document: String) -> Response {
    ([(CONTENT_TYPE, "application/xml; charset=utf-8")], document).into_response()
}

impl Request {
    /// Reads the form, any bytes. What is doubtful is not there.
    fn read(body: &[u8]) -> Request {
        let fields: Vec<(String, String)> = form_urlencoded::parse(body)
            .map(|(name, value)| (name.into_owned(), value.replace('\0', "")))
            .collect();
        let one = |name: &str| {
            let mut found = fields.iter().filter(|(field, _)| field == name);
            let first = found.next().map(|(_, value)| value.trim())?;
            let same = found.all(|(_, other)| other.trim() == first);
            Some(first).filter(|value| same && !value.is_empty())
        };
        let session = one("sessionId").filter(|id| id.chars().count() <= 128);
        let inbound = one("direction").is_some_and(|way| way.eq_ignore_ascii_case("inbound"));
        let person = one("callerNumber").and_then(|number| Msisdn::parse(number).ok());
        let on = session.map(|session| OnCall {
            session: session.to_owned(),
            reference: one("clientRequestId").and_then(|id| Uuid::parse_str(id).ok()),
            called: person.clone().filter(|_| !inbound),
        });
        // Whether the key that ends the input is among the digits differs between reports.
        let digits = one("dtmfDigits").map(|digits| digits.trim_end_matches('#'));
        Request {
            active: one("isActive") == Some("1"),
            inbound,
            on,
            caller: person.filter(|_| inbound),
            key: digits.and_then(|digits| digits.chars().next()),
            end: call_end(one("hangupCause"), one("status")),
        }
    }
}

/// Africa's Talking's hang-up causes.
fn call_end(cause: Option<&str>, status: Option<&str>) -> CallEnd {
    match cause.unwrap_or_default() {
        "NORMAL_CLEARING" => CallEnd::Over,
        "USER_BUSY" => CallEnd::Busy,
        "NO_ANSWER" | "NO_USER_RESPONSE" => CallEnd::Unanswered,
        "SUBSCRIBER_ABSENT" => CallEnd::Unreachable,
        "CALL_REJECTED" | "ORIGINATOR_CANCEL" | "LOSE_RACE" => CallEnd::Rejected,
        "UNALLOCATED_NUMBER" | "USER_NOT_REGISTERED" => CallEnd::BadNumber,
        "" if status == Some("NotAnswered") => CallEnd::Unanswered,
        "" if status == Some("Success") => CallEnd::Over,
        _ => CallEnd::Lost,
    }
}
