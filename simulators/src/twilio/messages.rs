//! The messages resource: create, fetch, list.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use crate::faults::Fault;
use crate::phones::{Msisdn, screen};
use crate::settings::Settings;
use crate::world::{State, World};

use super::delivery::carry;
use super::{Refused, answered};

const BODY_CHARACTERS_MAX: usize = 1600;
const PAGE: usize = 50;

/// What was sent through the account.
#[derive(Default)]
pub struct TwilioBook {
    pub(crate) sent: Vec<Sent>,
}

/// A message resource.
#[derive(Clone, Serialize)]
pub struct Sent {
    pub sid: String,
    pub to: String,
    pub from: String,
    pub body: String,
    pub segments: usize,
    pub status: &'static str,
    pub error_code: Option<u32>,
    pub at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub callback: Option<String>,
    /// Statuses posted so far.
    pub reports: Vec<String>,
    /// Whether the phone has it.
    pub arrived: bool,
}

impl TwilioBook {
    pub(crate) fn find(&mut self, sid: &str) -> Option<&mut Sent> {
        self.sent.iter_mut().rev().find(|sent| sent.sid == sid)
    }
}

impl Sent {
    fn resource(&self, account: &str) -> Value {
        let date = |at: DateTime<Utc>| at.format("%a, %d %b %Y %H:%M:%S +0000").to_string();
        let uri = format!("/2010-04-01/Accounts/{account}/Messages/{}.json", self.sid);
        json!({
            "account_sid": account, "api_version": "2010-04-01", "body": self.body,
            "date_created": date(self.at), "date_updated": date(self.updated_at),
            "date_sent": (self.status != "queued").then(|| date(self.updated_at)),
            "direction": "outbound-api", "error_code": self.error_code, "error_message": null,
            "from": self.from, "messaging_service_sid": null, "num_media": "0",
            "num_segments": self.segments.to_string(), "price": null, "price_unit": "USD",
            "sid": self.sid, "status": self.status, "subresource_uris": {"media": format!("{}/Media.json", uri.trim_end_matches(".json"))},
            "to": self.to, "uri": uri,
        })
    }
}

/// `POST /2010-04-01/Accounts/{AccountSid}/Messages.json`
pub(crate) async fn create(
    Shared(world): Shared<Arc<World>>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fields: BTreeMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let whose = fields.get("To").and_then(|to| Msisdn::parse(to).ok());
    let strikes = |what| world.strikes(what, whose.as_ref());
    if strikes(Fault::TwilioDown) {
        return bad_gateway();
    }
    if !is_ours(&world.settings, &account, &headers) || strikes(Fault::TwilioBadKey) {
        return Refused::CREDENTIALS.into_response();
    }
    if strikes(Fault::TwilioBusy) {
        return Refused::TOO_FAST.into_response();
    }
    if strikes(Fault::TwilioSlow) {
        world.clock.sleep(world.settings.timings.stray_after).await;
    }
    let (lost, silent) = (
        strikes(Fault::TwilioLostAnswer),
        strikes(Fault::TwilioSilent),
    );
    let created = match accept(&world, &fields) {
        Ok(sent) => sent,
        Err(refused) => return refused.into_response(),
    };
    if let Some(whose) = whose {
        let early = world.strikes(Fault::TwilioReportBeforeAnswer, Some(&whose));
        if early {
            super::delivery::report(&world, &created.sid, "sent", None).await;
        }
        carry(&world, &created.sid, &whose);
    }
    if silent {
        world.clock.sleep(Duration::from_secs(120)).await;
    }
    if lost || silent {
        return bad_gateway();
    }
    answered(StatusCode::CREATED, &created.resource(&account))
}

fn accept(world: &World, fields: &BTreeMap<String, String>) -> Result<Sent, Refused> {
    let field = |name: &str| {
        let value = fields.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    };
    let to = field("To").ok_or(Refused::NO_TO)?;
    let from = field("From")
        .or(field("MessagingServiceSid"))
        .ok_or(Refused::NO_FROM)?;
    let body = field("Body").ok_or(Refused::NO_BODY)?;
    if body.chars().count() > BODY_CHARACTERS_MAX {
        return Err(Refused::TOO_LONG);
    }
    let digits = to.strip_prefix('+').ok_or(Refused::BAD_TO)?;
    let is_number =
        (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(Refused::BAD_TO);
    }
    if !digits.starts_with("254") {
        return Err(Refused::COUNTRY);
    }
    let whose = Msisdn::parse(to).map_err(|_| Refused::BAD_TO)?;
    if !world
        .settings
        .twilio_senders
        .iter()
        .any(|known| known == from)
    {
        return Err(Refused::BAD_FROM);
    }
    let callback = field("StatusCallback").map(str::to_owned);
    let is_address = |url: &String| {
        reqwest::Url::parse(url)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    };
    if !callback.as_ref().is_none_or(is_address) {
        return Err(Refused::BAD_CALLBACK);
    }
    let now = world.now();
    let mut state = world.state();
    if is_opted_out(&mut state, &whose, from, now) {
        return Err(Refused::OPTED_OUT);
    }
    if state.strikes(Fault::TwilioCountry, Some(&whose), now) {
        return Err(Refused::COUNTRY);
    }
    let sent = Sent {
        sid: format!("SM{}", state.dice.hex(32)),
        to: whose.international(),
        from: from.to_owned(),
        body: body.to_owned(),
        segments: screen::parts(body),
        status: "queued",
        error_code: None,
        at: now,
        updated_at: now,
        callback,
        reports: Vec::new(),
        arrived: false,
    };
    state.twilio.sent.push(sent.clone());
    Ok(sent)
}

fn is_opted_out(state: &mut State, whose: &Msisdn, from: &str, now: DateTime<Utc>) -> bool {
    state.messages.has_blocked(whose, from)
        || state.strikes(Fault::TwilioOptedOut, Some(whose), now)
}

/// `GET …/Messages/{MessageSid}.json`
pub(crate) async fn fetch(
    Shared(world): Shared<Arc<World>>,
    Path((account, message)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if !is_ours(&world.settings, &account, &headers) {
        return Refused::CREDENTIALS.into_response();
    }
    let sid = message.strip_suffix(".json").unwrap_or(&message);
    match world.state().twilio.find(sid) {
        Some(sent) => answered(StatusCode::OK, &sent.resource(&account)),
        None => Refused::NOT_FOUND.into_response(),
    }
}

/// `GET …/Messages.json?To=&From=&DateSent=`, newest first, one page of it.
pub(crate) async fn list(
    Shared(world): Shared<Arc<World>>,
    Path(account): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    if !is_ours(&world.settings, &account, &headers) {
        return Refused::CREDENTIALS.into_response();
    }
    let query = query.unwrap_or_default();
    let asked: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let matches = |name: &str, value: &str| asked.get(name).is_none_or(|wanted| wanted == value);
    let state = world.state();
    let messages: Vec<Value> = state
        .twilio
        .sent
        .iter()
        .rev()
        .filter(|sent| {
            matches("To", &sent.to)
                && matches("From", &sent.from)
                && matches("DateSent", &sent.at.format("%Y-%m-%d").to_string())
        })
        .take(PAGE)
        .map(|sent| sent.resource(&account))
        .collect();
    let page = json!({"messages": messages, "page": 0, "page_size": PAGE, "next_page_uri": null});
    answered(StatusCode::OK, &page)
}

/// Basic authentication with the account and its token, for the account of the path.
fn is_ours(settings: &Settings, account: &str, headers: &HeaderMap) -> bool {
    let known = format!(
        "{}:{}",
        settings.twilio_account_sid, settings.twilio_auth_token
    );
    let offered = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
        .and_then(|encoded| STANDARD.decode(encoded).ok());
    account == settings.twilio_account_sid && offered.as_deref() == Some(known.as_bytes())
}

fn bad_gateway() -> Response {
    (
        StatusCode::BAD_GATEWAY,
        [(header::CONTENT_TYPE, "text/html")],
        "<html>bad gateway</html>",
    )
        .into_response()
}
