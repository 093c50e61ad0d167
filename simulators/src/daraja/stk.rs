//! M-Pesa Express: a push is accepted, a prompt may show, a person may answer, a callback may come.

mod callback;
mod prompt;

pub(super) use prompt::book_inflow;
pub use prompt::respond;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Serialize;
use serde_json::json;

use crate::clock::{nairobi, nairobi_stamp};
use crate::faults::Fault;
use crate::phones::{Msisdn, plain};
use crate::settings::Settings;
use crate::world::{State, World};

use super::{Asked, Code, Refused, answer, enter, page, takes_url};

/// A prompt on a handset.
#[derive(Clone, Debug, Serialize)]
pub struct Prompt {
    pub merchant: String,
    /// Whole shillings, as text.
    pub amount: String,
    pub account: String,
    pub text: String,
    pub at: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// The rider has put the phone down; the prompt lives on until its time is over.
    pub ignored: bool,
    #[serde(skip)]
    checkout_id: String,
    /// Nothing that is pressed has an effect.
    #[serde(skip)]
    silent: bool,
}

/// A push that was accepted.
#[derive(Clone, Serialize)]
pub struct Push {
    pub checkout_id: String,
    pub merchant_id: String,
    pub shortcode: String,
    pub msisdn: String,
    pub amount: String,
    pub account: String,
    pub at: DateTime<Utc>,
    /// `null` while it is open.
    pub outcome: Option<Outcome>,
    /// Callbacks posted so far, whether anybody took them or not.
    pub callbacks: u32,
    #[serde(skip)]
    payer: Msisdn,
    #[serde(skip)]
    cents: i64,
    #[serde(skip)]
    callback_url: String,
}

/// What became of a push.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    pub result_code: Code,
    /// The callback's prose; the query has its own.
    pub result_desc: String,
    #[serde(skip)]
    pub(crate) query_desc: String,
    pub receipt: Option<String>,
    /// Cents that left the wallet; shown as shillings.
    #[serde(serialize_with = "super::book::as_shillings")]
    pub charged: i64,
    pub at: DateTime<Utc>,
}

impl Outcome {
    fn of(code: Code, says: &str, at: DateTime<Utc>) -> Self {
        Self {
            result_code: code,
            result_desc: says.into(),
            query_desc: says.into(),
            receipt: None,
            charged: 0,
            at,
        }
    }

    fn number(code: i64, says: &str, at: DateTime<Utc>) -> Self {
        Self::of(Code::Number(code), says, at)
    }

    /// One and the same 1037, in the words of the callback and of the query.
    fn unreachable(at: DateTime<Utc>) -> Self {
        let query_desc = "DS timeout user cannot be reached.".into();
        Self {
            query_desc,
            ..Self::number(1037, "No response from user.", at)
        }
    }

    fn cancelled(at: DateTime<Utc>) -> Self {
        let query_desc = "Request cancelled by user".into();
        Self {
            query_desc,
            ..Self::number(1032, "Request Cancelled by user.", at)
        }
    }
}

/// What a person does with a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    Approve,
    Cancel,
    WrongPin,
    Ignore,
}

const UNABLE_TO_LOCK: &str =
    "Unable to lock subscriber, a transaction is already in process for the current subscriber";

/// The most characters a prompt may have.
const PROMPT_MAX: usize = 182;

/// `POST /mpesa/stkpush/v1/processrequest`
pub(crate) async fn push(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = match enter(&world, &headers, &body, "stkpush").await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let order = match Order::read(&world.settings, &asked) {
        Ok(order) => order,
        Err(refused) => return refused.answer(&world),
    };
    let strikes = |what| world.strikes(what, Some(&order.payer));
    if strikes(Fault::InvalidCallbackUrl) {
        return Refused::invalid("CallBackURL").answer(&world);
    }
    if strikes(Fault::WrongCredentials) {
        return Refused::new(
            500,
            "500.001.1001",
            "[MerchantValidate] - Wrong credentials",
        )
        .answer(&world);
    }
    if !world
        .state()
        .phone(&order.payer, &world.settings)
        .wallet
        .registered
    {
        return Refused::invalid("PhoneNumber").answer(&world);
    }
    if strikes(Fault::SubscriberLocked) || is_locked(&world, &order.payer) {
        return Refused::new(500, "500.001.1001", UNABLE_TO_LOCK).answer(&world);
    }
    if strikes(Fault::Push502) {
        return page(502);
    }
    let rejected = strikes(Fault::PushRejected);
    let payer = order.payer.clone();
    let (merchant_id, checkout_id) = accept(&world, order, rejected);
    reply(&world, &payer, &merchant_id, &checkout_id, rejected).await
}

/// A subscriber in another dialogue is refused at once, or not: the coin decides (S5).
fn is_locked(world: &World, payer: &Msisdn) -> bool {
    let mut state = world.state();
    let phone = state.phone(payer, &world.settings);
    let busy = phone.in_session() || phone.prompt.is_some();
    busy && state.dice.chance(world.settings.lock_refusal)
}

/// A push whose fields are all in order.
struct Order {
    shortcode: String,
    payer: Msisdn,
    cents: i64,
    account: String,
    callback_url: String,
}

impl Order {
    /// Checks the fields in the order in which Daraja does (S3).
    fn read(settings: &Settings, asked: &Asked) -> Result<Self, Refused> {
        let shortcode = shortcode(settings, asked)?;
        check_password(settings, asked, &shortcode)?;
        let kind = asked
            .filled("TransactionType")
            .ok_or_else(|| Refused::invalid("TransactionType"))?;
        if !["CustomerPayBillOnline", "CustomerBuyGoodsOnline"].contains(&kind.as_str()) {
            return Err(Refused::invalid("TransactionType"));
        }
        let cents = asked
            .shillings("Amount")
            .ok_or_else(|| Refused::invalid("Amount"))?;
        subscriber(asked, "PartyA")?;
        let payer = subscriber(asked, "PhoneNumber")?;
        let callback_url = asked
            .filled("CallBackURL")
            .filter(|url| takes_url(url, settings.https_only));
        let callback_url = callback_url.ok_or_else(|| Refused::invalid("CallBackURL"))?;
        let account = asked
            .filled("AccountReference")
            .ok_or_else(|| Refused::invalid("AccountReference"))?;
        if account.chars().count() > 12
            || !account
                .chars()
                .all(|character| character.is_ascii_alphanumeric())
        {
            return Err(Refused::invalid("AccountReference"));
        }
        if asked
            .text("TransactionDesc")
            .is_some_and(|text| text.chars().count() > 13)
        {
            return Err(Refused::invalid("TransactionDesc"));
        }
        Ok(Self {
            shortcode,
            payer,
            cents,
            account,
            callback_url,
        })
    }
}

/// The shortcode of a push or a query, if it is ours.
pub(super) fn shortcode(settings: &Settings, asked: &Asked) -> Result<String, Refused> {
    let shortcode = asked
        .filled("BusinessShortCode")
        .ok_or_else(|| Refused::invalid("BusinessShortCode"))?;
    if !(5..=7).contains(&shortcode.len()) || !shortcode.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refused::invalid("BusinessShortCode"));
    }
    if shortcode != settings.paybill {
        return Err(Refused::new(
            500,
            "500.001.1001",
            "[MerchantValidate] - Merchant does not exist",
        ));
    }
    Ok(shortcode)
}

pub(super) fn check_password(
    settings: &Settings,
    asked: &Asked,
    shortcode: &str,
) -> Result<(), Refused> {
    let stamp = asked
        .filled("Timestamp")
        .filter(|stamp| NaiveDateTime::parse_from_str(stamp, "%Y%m%d%H%M%S").is_ok());
    let stamp = stamp.ok_or_else(|| Refused::invalid("Timestamp"))?;
    let password = asked
        .filled("Password")
        .ok_or_else(|| Refused::invalid("Password"))?;
    if password != STANDARD.encode(format!("{shortcode}{}{stamp}", settings.passkey)) {
        return Err(Refused::new(
            500,
            "500.001.1001",
            "[MerchantValidate] - Wrong credentials",
        ));
    }
    Ok(())
}

/// Twelve digits that a network has given out.
fn subscriber(asked: &Asked, field: &str) -> Result<Msisdn, Refused> {
    let text = asked
        .filled(field)
        .filter(|text| text.len() == 12)
        .ok_or_else(|| Refused::invalid("PhoneNumber"))?;
    Msisdn::parse(&text).map_err(|_| Refused::invalid("PhoneNumber"))
}

fn accept(world: &Arc<World>, order: Order, rejected: bool) -> (String, String) {
    let now = world.now();
    let mut state = world.state();
    let merchant_id = merchant_id(&mut state);
    let checkout_id = checkout_id(&mut state, &order.payer, now);
    if !rejected {
        state.book.pushes.push(Push {
            checkout_id: checkout_id.clone(),
            merchant_id: merchant_id.clone(),
            shortcode: order.shortcode,
            msisdn: order.payer.to_string(),
            amount: plain(order.cents),
            account: order.account,
            at: now,
            outcome: None,
            callbacks: 0,
            payer: order.payer,
            cents: order.cents,
            callback_url: order.callback_url,
        });
        let (prompting, id) = (world.clone(), checkout_id.clone());
        drop(state);
        world.later(world.settings.timings.prompt_after, async move {
            prompt::show(&prompting, &id)
        });
    }
    (merchant_id, checkout_id)
}

fn merchant_id(state: &mut State) -> String {
    if state.dice.chance(0.5) {
        format!("{}-{}-1", state.dice.digits(5), state.dice.digits(8))
    } else {
        format!(
            "{}-{}-{}-{}",
            state.dice.hex(4),
            state.dice.hex(4),
            state.dice.hex(4),
            state.dice.hex(16)
        )
    }
}

/// Date, time, a stray digit or three, and the subscriber's number.
fn checkout_id(state: &mut State, payer: &Msisdn, now: DateTime<Utc>) -> String {
    let moment = nairobi(now).format("%d%m%Y%H%M%S");
    let number = &payer.digits()[3..];
    loop {
        let stray = if state.dice.chance(0.5) { 1 } else { 3 };
        let id = format!("ws_CO_{moment}{}{number}", state.dice.digits(stray));
        if state.book.push(&id).is_none() {
            return id;
        }
    }
}

/// Answers an accepted push, well or badly.
async fn reply(
    world: &World,
    payer: &Msisdn,
    merchant_id: &str,
    checkout_id: &str,
    rejected: bool,
) -> Response {
    let strikes = |what| world.strikes(what, Some(payer));
    if strikes(Fault::PushTimeout) {
        world.clock.sleep(Duration::from_secs(120)).await;
        return StatusCode::GATEWAY_TIMEOUT.into_response();
    }
    if strikes(Fault::PushLostAnswer) {
        return StatusCode::GATEWAY_TIMEOUT.into_response();
    }
    if strikes(Fault::Push502Prompted) {
        return page(502);
    }
    if strikes(Fault::PushUnclear) {
        return Refused::new(500, "500.001.1001", "").answer(world);
    }
    if strikes(Fault::CallbackBeforeAnswer) {
        let told = |state: &mut State| {
            state
                .book
                .push(checkout_id)
                .filter(|push| push.callbacks > 0)
                .map(|_| ())
        };
        world.wait_for(Duration::from_secs(90), told).await;
    }
    let accepted = "Success. Request accepted for processing";
    if strikes(Fault::PushWithoutIds) {
        return answer(
            StatusCode::OK,
            &json!({"ResponseCode": "0", "ResponseDescription": accepted}),
        );
    }
    let (code, says) = if rejected {
        ("1", "Rejected")
    } else {
        ("0", accepted)
    };
    answer(
        StatusCode::OK,
        &json!({
            "MerchantRequestID": merchant_id, "CheckoutRequestID": checkout_id,
            "ResponseCode": code, "ResponseDescription": says, "CustomerMessage": says,
        }),
    )
}

/// The stamp of a moment as a JSON number of fourteen digits.
fn stamp_number(at: DateTime<Utc>) -> i64 {
    nairobi_stamp(at).parse().unwrap_or_default()
}
