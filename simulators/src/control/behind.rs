//! Behind the providers' curtain: time, books, wallets, and what the gateway did wrong.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::daraja::c2b;
use crate::held::Held;
use crate::phones::{Msisdn, Network, plain};
use crate::world::World;

use super::{Refused, Said, Whose};

pub(super) async fn clock(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    Json(json!({"now": world.now(), "skipped_seconds": world.clock.skipped().as_secs_f64()}))
}

#[derive(Deserialize)]
pub(super) struct Advance {
    advance_seconds: f64,
}

pub(super) async fn advance(
    Shared(world): Shared<Arc<World>>,
    Said(by): Said<Advance>,
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
pub(super) struct Gateway {
    url: String,
}

pub(super) async fn set_gateway(
    Shared(world): Shared<Arc<World>>,
    Said(gateway): Said<Gateway>,
) -> StatusCode {
    world.set_gateway(gateway.url);
    StatusCode::NO_CONTENT
}

pub(super) async fn ledger(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    Json(json!(world.state().book.entries))
}

pub(super) async fn pushes(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    Json(json!(world.state().book.pushes))
}

pub(super) async fn messages(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    Json(json!(world.state().messages.sent))
}

pub(super) async fn twilio(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    Json(json!(world.state().twilio.sent))
}

pub(super) async fn calls(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    Json(json!(world.state().calls.calls))
}

pub(super) async fn violations(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    Json(json!(world.state().violations))
}

#[derive(Deserialize)]
pub(super) struct PayBill {
    msisdn: String,
    amount: Shillings,
    account: String,
}

/// Shillings as JSON number or text, with at most two decimals; held as cents.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Shillings(i64);

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

pub(super) async fn pay_bill(
    Shared(world): Shared<Arc<World>>,
    Said(paid): Said<PayBill>,
) -> Result<Json<Value>, Refused> {
    let payer = Msisdn::parse(&paid.msisdn)
        .map_err(|error| Refused(StatusCode::BAD_REQUEST, error.to_string()))?;
    match c2b::pay(&world, &payer, paid.amount.0, &paid.account).await {
        Ok(receipt) => Ok(Json(json!({"receipt": receipt, "result_code": 0}))),
        Err(code) => Ok(Json(json!({"receipt": null, "result_code": code}))),
    }
}

pub(super) async fn wallet(Shared(world): Shared<Arc<World>>, Whose(msisdn): Whose) -> Json<Value> {
    let mut state = world.state();
    let wallet = &state.phone(&msisdn, &world.settings).wallet;
    Json(json!({
        "balance": plain(wallet.balance), "pin_locked": wallet.pin_locked, "wrong_pins": wallet.wrong_pins,
        "registered": wallet.registered, "sent_today": plain(wallet.sent_today),
    }))
}

#[derive(Deserialize)]
pub(super) struct WalletChange {
    balance: Option<Shillings>,
    pin_locked: Option<bool>,
    registered: Option<bool>,
}

pub(super) async fn set_wallet(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
    Said(change): Said<WalletChange>,
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
pub(super) struct PhoneChange {
    name: Option<String>,
    language: Option<String>,
    network: Option<Network>,
}

pub(super) async fn set_phone(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
    Said(change): Said<PhoneChange>,
) -> Json<Value> {
    {
        let mut state = world.state();
        let phone = state.phone(&msisdn, &world.settings);
        phone.name = change.name.unwrap_or_else(|| phone.name.clone());
        phone.language = change.language.unwrap_or_else(|| phone.language.clone());
        phone.network = change.network.unwrap_or(phone.network);
    }
    world.tell(&msisdn, "screen");
    Json(Held::new(world, msisdn).seen())
}

/// What a phone or a page may need to know of the settings. No secrets.
pub(super) async fn settings(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    let settings = &world.settings;
    Json(json!({
        "service_code": settings.service_code, "short_code": settings.short_code, "voice_number": settings.voice_number,
        "paybill": settings.paybill, "organisation": settings.organisation,
    }))
}
