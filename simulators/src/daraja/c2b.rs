//! Payments that riders start themselves, and the validation and confirmation that every payment to us brings.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use crate::clock::{nairobi, nairobi_stamp};
use crate::faults::Fault;
use crate::phones::{Msisdn, plain};
use crate::world::World;

use super::book::{Entry, Kind};
use super::{Code, Refused, SOURCE, answer, call_back, enter, stk, takes_url};

/// The URLs registered for a shortcode.
#[derive(Clone)]
pub(crate) struct Registered {
    confirmation: String,
    validation: String,
    /// The verdict when validation does not answer.
    default_accept: bool,
    /// v1 hashes the payer's number, v2 masks it.
    hashed: bool,
}

/// `POST /mpesa/c2b/v1/registerurl`
pub(crate) async fn register_v1(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    register(&world, &headers, &body, true).await
}

/// `POST /mpesa/c2b/v2/registerurl`
pub(crate) async fn register_v2(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    register(&world, &headers, &body, false).await
}

async fn register(world: &Arc<World>, headers: &HeaderMap, body: &Bytes, hashed: bool) -> Response {
    let asked = match enter(world, headers, body, "registerurl").await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let url = |name: &str| {
        asked
            .filled(name)
            .filter(|url| takes_url(url, world.settings.https_only))
    };
    let read = || -> Result<(String, Registered), Refused> {
        let ours = |code: &String| *code == world.settings.paybill;
        let shortcode = asked
            .filled("ShortCode")
            .filter(ours)
            .ok_or_else(|| Refused::invalid("ShortCode"))?;
        let default_accept = match asked.text("ResponseType").as_deref() {
            Some("Completed") => true,
            Some("Cancelled") => false,
            _ => return Err(Refused::invalid("ResponseType")),
        };
        let confirmation =
            url("ConfirmationURL").ok_or_else(|| Refused::invalid("ConfirmationURL"))?;
        let validation = url("ValidationURL").ok_or_else(|| Refused::invalid("ValidationURL"))?;
        Ok((
            shortcode,
            Registered {
                confirmation,
                validation,
                default_accept,
                hashed,
            },
        ))
    };
    let (shortcode, registered) = match read() {
        Ok(read) => read,
        Err(refused) => return refused.answer(world),
    };
    let mut state = world.state();
    if world.settings.register_once && state.book.registered.contains_key(&shortcode) {
        drop(state);
        return Refused::new(500, "500.003.1001", "Urls are already registered.").answer(world);
    }
    state.book.registered.insert(shortcode, registered);
    let id = format!("{}-{}-1", state.dice.digits(4), state.dice.digits(8));
    answer(
        StatusCode::OK,
        &json!({"OriginatorCoversationID": id, "ResponseCode": "0", "ResponseDescription": "Success"}),
    )
}

/// `POST /mpesa/c2b/v2/simulate`
pub(crate) async fn simulate(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = match enter(&world, &headers, &body, "simulate").await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let read = || -> Result<(Msisdn, i64, String), Refused> {
        if asked.filled("ShortCode").as_deref() != Some(world.settings.paybill.as_str()) {
            return Err(Refused::invalid("ShortCode"));
        }
        let amount = asked
            .shillings("Amount")
            .ok_or_else(|| Refused::invalid("Amount"))?;
        let payer = asked
            .filled("Msisdn")
            .and_then(|text| Msisdn::parse(&text).ok())
            .ok_or_else(|| Refused::invalid("Msisdn"))?;
        Ok((
            payer,
            amount,
            asked.text("BillRefNumber").unwrap_or_default(),
        ))
    };
    let (payer, amount, account) = match read() {
        Ok(read) => read,
        Err(refused) => return refused.answer(&world),
    };
    let id = {
        let mut state = world.state();
        format!("{}-{}-1", state.dice.digits(4), state.dice.digits(8))
    };
    let paying = world.clone();
    world.later(Duration::ZERO, async move {
        _ = pay(&paying, &payer, amount, &account).await
    });
    let says = "Accept the service request successfully.";
    answer(
        StatusCode::OK,
        &json!({"OriginatorCoversationID": id, "ResponseCode": "0", "ResponseDescription": says}),
    )
}

/// A rider pays our paybill from the M-PESA menu. Returns the receipt, or the code it was refused with.
pub async fn pay(
    world: &Arc<World>,
    payer: &Msisdn,
    amount: i64,
    account: &str,
) -> Result<String, Code> {
    let now = world.now();
    let today = nairobi(now).date_naive();
    let receipt = {
        let mut state = world.state();
        let wallet = &mut state.phone(payer, &world.settings).wallet;
        if !wallet.registered {
            return Err(Code::Number(2040));
        }
        wallet
            .may_pay(amount, today)
            .map_err(|refusal| Code::Number(refusal.code))?;
        state.receipt(now)
    };
    let entry = Entry {
        kind: Kind::C2b,
        receipt: receipt.clone(),
        msisdn: payer.to_string(),
        amount,
        account: account.chars().take(20).collect(),
        checkout_id: None,
        originator_id: None,
        at: now,
        reversed: false,
    };
    validate(world, &entry).await?;
    {
        let mut state = world.state();
        let wallet = &mut state.phone(payer, &world.settings).wallet;
        wallet
            .may_pay(amount, today)
            .map_err(|refusal| Code::Number(refusal.code))?;
        wallet.pay(amount, today);
        let left = wallet.balance;
        stk::book_inflow(world, &mut state, entry, left);
    }
    world.tell(payer, "balance");
    world.tell(payer, "sms");
    confirm_later(world, &receipt, world.settings.timings.confirmation_after);
    Ok(receipt)
}

/// Asks our validation URL about a payment, if one is registered. A refusal is its code; silence falls back on what was
/// registered.
pub(crate) async fn validate(world: &Arc<World>, entry: &Entry) -> Result<(), Code> {
    let registered = world
        .state()
        .book
        .registered
        .get(&world.settings.paybill)
        .cloned();
    let Some(registered) = registered.filter(|_| world.settings.external_validation) else {
        return Ok(());
    };
    let whose = Msisdn::parse(&entry.msisdn).ok();
    if world.strikes(Fault::ValidationSkipped, whose.as_ref()) {
        return Ok(());
    }
    let body = notice(world, entry, &registered, "").to_string();
    let asking = call_back(
        world,
        &registered.validation,
        &world.settings.paybill,
        SOURCE,
        body,
    );
    let said = tokio::time::timeout(world.settings.timings.validation_limit, asking)
        .await
        .ok()
        .flatten();
    let verdict = said
        .filter(|(status, _)| *status == 200)
        .and_then(|(_, body)| {
            let answer: Value = serde_json::from_str(&body).ok()?;
            match &answer["ResultCode"] {
                Value::String(code) => Some(code.clone()),
                Value::Number(code) => Some(code.to_string()),
                _ => None,
            }
        });
    match verdict {
        Some(code) if code.bytes().all(|byte| byte == b'0') => Ok(()),
        Some(code) => Err(Code::Word(code)),
        None if registered.default_accept => Ok(()),
        None => Err(Code::Word("C2B00016".into())),
    }
}

/// Sends the confirmation of a payment, once, if a URL is registered.
pub(crate) fn confirm_later(world: &Arc<World>, receipt: &str, delay: Duration) {
    let (entry, registered, balance) = {
        let mut state = world.state();
        let Some(entry) = state.book.entry(receipt).map(|entry| entry.clone()) else {
            return;
        };
        let Some(registered) = state.book.registered.get(&world.settings.paybill).cloned() else {
            return;
        };
        (entry, registered, state.book.paybill)
    };
    let whose = Msisdn::parse(&entry.msisdn).ok();
    let strikes = |what| world.strikes(what, whose.as_ref());
    if strikes(Fault::C2bLost) {
        return;
    }
    let times = if strikes(Fault::C2bDuplicate) { 2 } else { 1 };
    let delay = if strikes(Fault::C2bLate) {
        delay + world.settings.timings.late
    } else {
        delay
    };
    let confirming = world.clone();
    world.later(delay, async move {
        let body = notice(&confirming, &entry, &registered, &plain(balance)).to_string();
        for _ in 0..times {
            call_back(
                &confirming,
                &registered.confirmation,
                &confirming.settings.paybill,
                SOURCE,
                body.clone(),
            )
            .await;
        }
    });
}

/// The body that validation and confirmation share.
fn notice(world: &World, entry: &Entry, registered: &Registered, balance: &str) -> Value {
    let payer = Msisdn::parse(&entry.msisdn).ok();
    let name = payer.as_ref().map(|payer| {
        world
            .state()
            .phone(payer, &world.settings)
            .name
            .to_uppercase()
    });
    let number = match payer {
        Some(payer) if registered.hashed => payer.hashed(),
        Some(payer) => payer.masked(),
        None => String::new(),
    };
    json!({
        "TransactionType": "Pay Bill", "TransID": entry.receipt, "TransTime": nairobi_stamp(entry.at),
        "TransAmount": plain(entry.amount), "BusinessShortCode": world.settings.paybill, "BillRefNumber": entry.account,
        "InvoiceNumber": "", "OrgAccountBalance": balance, "ThirdPartyTransID": "", "MSISDN": number,
        "FirstName": name.unwrap_or_default(), "MiddleName": "", "LastName": "",
    })
}
