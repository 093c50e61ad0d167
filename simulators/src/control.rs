//! The control API: how pages, terminals and tests are people, order trouble, and look behind the providers' curtain.

mod page;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Path, Query, State as Shared};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::africastalking::{sms, ussd, voice};
use crate::daraja::{c2b, stk};
use crate::faults::{Fault, Order, until};
use crate::phones::{Direction, Msisdn, Network, Phone, plain};
use crate::world::{State, World};

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/phones", get(people))
        .route("/phones/{msisdn}", get(phone))
        .route("/phones/{msisdn}/dial", post(dial))
        .route("/phones/{msisdn}/type", post(type_keys))
        .route("/phones/{msisdn}/again", post(again))
        .route("/phones/{msisdn}/hang-up", post(hang_up))
        .route("/phones/{msisdn}/sms", post(text))
        .route("/phones/{msisdn}/inbox", get(inbox))
        .route("/phones/{msisdn}/threads", get(threads))
        .route("/phones/{msisdn}/read", post(mark_read))
        .route("/phones/{msisdn}/prompt", get(prompt).post(respond))
        .route("/phones/{msisdn}/call", get(call).post(press))
        .route("/phones/{msisdn}/ring", post(ring))
        .route("/faults", get(faults).post(order).delete(call_off))
        .route("/reset", post(reset))
        .route("/events", get(events))
        .route("/sim/clock", get(clock).post(advance))
        .route("/sim/gateway", post(set_gateway))
        .route("/sim/ledger", get(ledger))
        .route("/sim/pushes", get(pushes))
        .route("/sim/messages", get(messages))
        .route("/sim/calls", get(calls))
        .route("/sim/violations", get(violations))
        .route("/sim/c2b", post(pay_bill))
        .route("/sim/wallets/{msisdn}", get(wallet).put(set_wallet))
        .route("/sim/phones/{msisdn}", axum::routing::put(set_phone))
        .merge(page::routes())
}

/// The phone a path names.
struct Whose(Msisdn);

impl FromRequestParts<Arc<World>> for Whose {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, world: &Arc<World>) -> Result<Self, Refused> {
        let Path(named) = Path::<BTreeMap<String, String>>::from_request_parts(parts, world)
            .await
            .map_err(|_| Refused(StatusCode::BAD_REQUEST, "which phone?".into()))?;
        let typed = named.get("msisdn").map(String::as_str).unwrap_or_default();
        Msisdn::parse(typed)
            .map(Whose)
            .map_err(|error| Refused(StatusCode::BAD_REQUEST, error.to_string()))
    }
}

/// `{"error": …}` with a status.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

impl From<ussd::Unusable> for Refused {
    fn from(error: ussd::Unusable) -> Self {
        Refused(StatusCode::CONFLICT, error.to_string())
    }
}

/// How long to wait for something that is not there yet.
#[derive(Deserialize)]
struct Wait {
    #[serde(default)]
    after: u64,
    wait_ms: Option<u64>,
}

impl Wait {
    fn length(&self) -> Duration {
        Duration::from_millis(self.wait_ms.unwrap_or(0).min(60_000))
    }
}

async fn people(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    let state = world.state();
    let person = |phone: &Phone| json!({"msisdn": phone.msisdn.digits(), "name": phone.name, "language": phone.language, "network": phone.network});
    Json(state.phones.values().map(person).collect())
}

async fn phone(Shared(world): Shared<Arc<World>>, Whose(msisdn): Whose) -> Json<Value> {
    let call = voice::view(&world, &msisdn);
    let mut state = world.state();
    let phone = state.phone(&msisdn, &world.settings);
    Json(json!({
        "msisdn": phone.msisdn.digits(), "name": phone.name, "language": phone.language, "network": phone.network,
        "open": phone.in_session(), "screen": phone.screen, "unread": phone.unread(), "prompt": phone.prompt, "call": call,
        "balance": plain(phone.wallet.balance),
    }))
}

#[derive(Deserialize)]
struct Dial {
    code: String,
}

async fn dial(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
    Json(dial): Json<Dial>,
) -> Json<ussd::Shown> {
    Json(ussd::dial(&world, &msisdn, &dial.code).await)
}

#[derive(Deserialize)]
struct Keys {
    #[serde(default)]
    keys: String,
}

async fn type_keys(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
    Json(typed): Json<Keys>,
) -> Result<Json<ussd::Shown>, Refused> {
    Ok(Json(ussd::type_keys(&world, &msisdn, &typed.keys).await?))
}

async fn again(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
) -> Result<Json<ussd::Shown>, Refused> {
    Ok(Json(ussd::again(&world, &msisdn).await?))
}

async fn hang_up(Shared(world): Shared<Arc<World>>, Whose(msisdn): Whose) -> Json<ussd::Shown> {
    voice::hang_up(&world, &msisdn);
    ussd::hang_up(&world, &msisdn);
    Json(ussd::shown(&world, &msisdn))
}

#[derive(Deserialize)]
struct Sms {
    to: String,
    text: String,
}

async fn text(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
    Json(sms): Json<Sms>,
) -> Result<Json<Value>, Refused> {
    match sms::text(&world, &msisdn, &sms.to, &sms.text) {
        Some(id) => Ok(Json(json!({"id": id}))),
        None => Err(Refused(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("nobody owns the number {}", sms.to),
        )),
    }
}

async fn inbox(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
    Query(wait): Query<Wait>,
) -> Json<Value> {
    let received = |state: &mut State| -> Vec<Value> {
        let texts = state
            .phone(&msisdn, &world.settings)
            .received_after(wait.after);
        texts.map(|text| json!({"id": text.id, "from": text.correspondent, "text": text.text, "at": text.at})).collect()
    };
    let found = world
        .wait_for(wait.length(), |state| {
            Some(received(state)).filter(|texts| !texts.is_empty())
        })
        .await;
    Json(found.unwrap_or_default().into())
}

async fn threads(Shared(world): Shared<Arc<World>>, Whose(msisdn): Whose) -> Json<Value> {
    let mut state = world.state();
    let texts = &state.phone(&msisdn, &world.settings).texts;
    let mut threads: Vec<(&str, Vec<Value>)> = Vec::new();
    for text in texts {
        let id = (text.direction == Direction::Received).then_some(text.id);
        let message =
            json!({"id": id, "direction": text.direction, "text": text.text, "at": text.at});
        match threads
            .iter_mut()
            .find(|(with, _)| *with == text.correspondent)
        {
            Some((_, messages)) => messages.push(message),
            None => threads.push((&text.correspondent, vec![message])),
        }
    }
    Json(
        threads
            .into_iter()
            .map(|(with, messages)| json!({"with": with, "messages": messages}))
            .collect(),
    )
}

async fn mark_read(Shared(world): Shared<Arc<World>>, Whose(msisdn): Whose) -> StatusCode {
    world.state().phone(&msisdn, &world.settings).mark_read();
    world.tell(&msisdn, "sms");
    StatusCode::NO_CONTENT
}

async fn prompt(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
    Query(wait): Query<Wait>,
) -> Json<Value> {
    let showing = |state: &mut State| state.phone(&msisdn, &world.settings).prompt.clone();
    Json(json!(world.wait_for(wait.length(), showing).await))
}

#[derive(Deserialize)]
struct Answer {
    answer: stk::Answer,
}

async fn respond(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
    Json(given): Json<Answer>,
) -> Result<Json<Value>, Refused> {
    let code = stk::respond(&world, &msisdn, given.answer).await;
    let code = code.ok_or_else(|| {
        Refused(
            StatusCode::CONFLICT,
            "there is no M-PESA prompt on this phone".into(),
        )
    })?;
    Ok(Json(json!({"result_code": code})))
}

async fn call(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
    Query(wait): Query<Wait>,
) -> Json<Value> {
    let there = |state: &mut State| {
        state
            .phone(&msisdn, &world.settings)
            .call
            .is_some()
            .then_some(())
    };
    world.wait_for(wait.length(), there).await;
    Json(json!(voice::view(&world, &msisdn)))
}

async fn press(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
    Json(typed): Json<Keys>,
) -> Result<Json<Value>, Refused> {
    let spoken = voice::press(&world, &msisdn, &typed.keys).await;
    let spoken = spoken.ok_or_else(|| {
        Refused(
            StatusCode::CONFLICT,
            "there is no call on this phone".into(),
        )
    })?;
    Ok(Json(
        json!({"spoken": spoken, "call": voice::view(&world, &msisdn)}),
    ))
}

async fn ring(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
) -> Result<StatusCode, Refused> {
    match voice::ring_us(&world, &msisdn) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Refused(
            StatusCode::CONFLICT,
            "the phone is in another call".into(),
        )),
    }
}

async fn faults(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    let now = world.now();
    let known: Vec<Value> = Fault::ALL
        .iter()
        .map(|fault| json!({"what": fault.name(), "says": fault.says()}))
        .collect();
    Json(json!({"known": known, "active": world.state().faults.views(now)}))
}

#[derive(Deserialize)]
struct Ordered {
    what: String,
    how_often: Option<f64>,
    how_long: Option<f64>,
    times: Option<u32>,
    msisdn: Option<String>,
}

async fn order(
    Shared(world): Shared<Arc<World>>,
    Json(ordered): Json<Ordered>,
) -> Result<Json<Value>, Refused> {
    let bad = |text: String| Refused(StatusCode::BAD_REQUEST, text);
    let what = Fault::named(&ordered.what).ok_or_else(|| {
        bad(format!(
            "there is no fault {:?}; GET /faults lists them",
            ordered.what
        ))
    })?;
    let how_often = ordered.how_often.unwrap_or(1.0);
    if !(0.0..=1.0).contains(&how_often) {
        return Err(bad("how_often is a chance from 0 to 1".into()));
    }
    let only = ordered
        .msisdn
        .map(|typed| Msisdn::parse(&typed))
        .transpose()
        .map_err(|error| bad(error.to_string()))?;
    let until = until(world.now(), ordered.how_long.unwrap_or(60.0));
    world.state().faults.order(Order {
        what,
        how_often,
        until,
        times: ordered.times,
        only,
    });
    world.tell_all("faults");
    Ok(faults(Shared(world)).await)
}

#[derive(Deserialize)]
struct CalledOff {
    what: Option<String>,
}

async fn call_off(
    Shared(world): Shared<Arc<World>>,
    Query(asked): Query<CalledOff>,
) -> Result<StatusCode, Refused> {
    let named = |name: String| {
        Fault::named(&name).ok_or_else(|| {
            Refused(
                StatusCode::BAD_REQUEST,
                format!("there is no fault {name:?}"),
            )
        })
    };
    let what = asked.what.map(named).transpose()?;
    world.state().faults.call_off(what);
    world.tell_all("faults");
    Ok(StatusCode::NO_CONTENT)
}

async fn reset(Shared(world): Shared<Arc<World>>) -> StatusCode {
    world.reset();
    StatusCode::NO_CONTENT
}

/// Server-sent events: one line of JSON whenever a phone changes.
async fn events(
    Shared(world): Shared<Arc<World>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (news, closing) = (world.news(), world.closing());
    let told = stream::unfold((news, closing), |(mut news, mut closing)| async move {
        loop {
            let heard = tokio::select! {
                heard = news.recv() => heard,
                _ = closing.wait_for(|closed| *closed) => return None,
            };
            match heard {
                Ok(heard) => {
                    let event = Event::default().json_data(&heard).unwrap_or_default();
                    return Some((Ok(event), (news, closing)));
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    });
    Sse::new(told).keep_alive(KeepAlive::default())
}

async fn clock(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    Json(json!({"now": world.now(), "skipped_seconds": world.clock.skipped().as_secs_f64()}))
}

#[derive(Deserialize)]
struct Advance {
    advance_seconds: f64,
}

async fn advance(
    Shared(world): Shared<Arc<World>>,
    Json(by): Json<Advance>,
) -> Result<Json<Value>, Refused> {
    let length = Duration::try_from_secs_f64(by.advance_seconds)
        .ok()
        .filter(|length| length.as_secs() < 400 * 86_400);
    let length = length.ok_or_else(|| {
        Refused(
            StatusCode::BAD_REQUEST,
            "advance_seconds is a number from 0 to 400 days".into(),
        )
    })?;
    world.clock.advance(length);
    Ok(clock(Shared(world)).await)
}

#[derive(Deserialize)]
struct Gateway {
    url: String,
}

async fn set_gateway(
    Shared(world): Shared<Arc<World>>,
    Json(gateway): Json<Gateway>,
) -> StatusCode {
    world.set_gateway(gateway.url);
    StatusCode::NO_CONTENT
}

async fn ledger(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    Json(json!(world.state().book.entries))
}

async fn pushes(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    Json(json!(world.state().book.pushes))
}

async fn messages(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    Json(json!(world.state().messages.sent))
}

async fn calls(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    Json(json!(world.state().calls.calls))
}

async fn violations(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    Json(json!(world.state().violations))
}

#[derive(Deserialize)]
struct PayBill {
    msisdn: String,
    amount: Shillings,
    account: String,
}

/// Shillings as JSON number or text, with at most two decimals; held as cents.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "Value")]
struct Shillings(i64);

impl TryFrom<Value> for Shillings {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text = match &value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let cents = format!("{fraction:0<2}");
        let read = || -> Option<i64> {
            let whole: i64 = whole.parse().ok().filter(|whole| *whole >= 0)?;
            let cents: i64 = cents.parse().ok().filter(|_| cents.len() == 2)?;
            whole.checked_mul(100)?.checked_add(cents)
        };
        read()
            .map(Shillings)
            .ok_or_else(|| format!("{text} is not an amount in shillings"))
    }
}

async fn pay_bill(
    Shared(world): Shared<Arc<World>>,
    Json(paid): Json<PayBill>,
) -> Result<Json<Value>, Refused> {
    let payer = Msisdn::parse(&paid.msisdn)
        .map_err(|error| Refused(StatusCode::BAD_REQUEST, error.to_string()))?;
    match c2b::pay(&world, &payer, paid.amount.0, &paid.account).await {
        Ok(receipt) => Ok(Json(json!({"receipt": receipt, "result_code": 0}))),
        Err(code) => Ok(Json(json!({"receipt": null, "result_code": code}))),
    }
}

async fn wallet(Shared(world): Shared<Arc<World>>, Whose(msisdn): Whose) -> Json<Value> {
    let mut state = world.state();
    let wallet = &state.phone(&msisdn, &world.settings).wallet;
    Json(json!({
        "balance": plain(wallet.balance), "pin_locked": wallet.pin_locked, "wrong_pins": wallet.wrong_pins,
        "registered": wallet.registered, "sent_today": plain(wallet.sent_today),
    }))
}

#[derive(Deserialize)]
struct WalletChange {
    balance: Option<Shillings>,
    pin_locked: Option<bool>,
    registered: Option<bool>,
}

async fn set_wallet(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
    Json(change): Json<WalletChange>,
) -> Json<Value> {
    {
        let mut state = world.state();
        let wallet = &mut state.phone(&msisdn, &world.settings).wallet;
        wallet.balance = change.balance.map_or(wallet.balance, |balance| balance.0);
        wallet.registered = change.registered.unwrap_or(wallet.registered);
        match change.pin_locked {
            Some(true) => wallet.pin_locked = true,
            Some(false) => wallet.unlock(),
            None => {}
        }
    }
    world.tell(&msisdn, "balance");
    wallet(Shared(world), Whose(msisdn)).await
}

#[derive(Deserialize)]
struct PhoneChange {
    name: Option<String>,
    language: Option<String>,
    network: Option<Network>,
}

async fn set_phone(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
    Json(change): Json<PhoneChange>,
) -> Json<Value> {
    {
        let mut state = world.state();
        let phone = state.phone(&msisdn, &world.settings);
        phone.name = change.name.unwrap_or_else(|| phone.name.clone());
        phone.language = change.language.unwrap_or_else(|| phone.language.clone());
        phone.network = change.network.unwrap_or(phone.network);
    }
    world.tell(&msisdn, "screen");
    phone(Shared(world), Whose(msisdn)).await
}
