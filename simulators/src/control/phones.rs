//! Being a person: dialling, typing, texting, answering prompts and calls.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::africastalking::{sms, ussd, voice};
use crate::daraja::stk;
use crate::phones::{Direction, Phone, plain};
use crate::world::{State, World};

use super::{Refused, Whose};

pub(super) async fn people(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    let state = world.state();
    let person = |phone: &Phone| json!({"msisdn": phone.msisdn.digits(), "name": phone.name, "language": phone.language, "network": phone.network});
    Json(state.phones.values().map(person).collect())
}

pub(super) async fn phone(Shared(world): Shared<Arc<World>>, Whose(msisdn): Whose) -> Json<Value> {
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
pub(super) struct Dial {
    code: String,
}

pub(super) async fn dial(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
    Json(dial): Json<Dial>,
) -> Json<ussd::Shown> {
    Json(ussd::dial(&world, &msisdn, &dial.code).await)
}

#[derive(Deserialize)]
pub(super) struct Keys {
    #[serde(default)]
    keys: String,
}

pub(super) async fn type_keys(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
    Json(typed): Json<Keys>,
) -> Result<Json<ussd::Shown>, Refused> {
    Ok(Json(ussd::type_keys(&world, &msisdn, &typed.keys).await?))
}

pub(super) async fn again(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
) -> Result<Json<ussd::Shown>, Refused> {
    Ok(Json(ussd::again(&world, &msisdn).await?))
}

pub(super) async fn hang_up(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
) -> Json<ussd::Shown> {
    voice::hang_up(&world, &msisdn);
    ussd::hang_up(&world, &msisdn);
    Json(ussd::shown(&world, &msisdn))
}

#[derive(Deserialize)]
pub(super) struct Sms {
    to: String,
    text: String,
}

pub(super) async fn text(
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

/// How long to wait for something that is not there yet.
#[derive(Deserialize)]
pub(super) struct Wait {
    #[serde(default)]
    after: u64,
    wait_ms: Option<u64>,
}

impl Wait {
    fn length(&self) -> Duration {
        Duration::from_millis(self.wait_ms.unwrap_or(0).min(60_000))
    }
}

pub(super) async fn inbox(
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

pub(super) async fn threads(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
) -> Json<Value> {
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

pub(super) async fn mark_read(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
) -> StatusCode {
    world.state().phone(&msisdn, &world.settings).mark_read();
    world.tell(&msisdn, "sms");
    StatusCode::NO_CONTENT
}

pub(super) async fn prompt(
    Shared(world): Shared<Arc<World>>,
    Whose(msisdn): Whose,
    Query(wait): Query<Wait>,
) -> Json<Value> {
    let showing = |state: &mut State| state.phone(&msisdn, &world.settings).prompt.clone();
    Json(json!(world.wait_for(wait.length(), showing).await))
}

#[derive(Deserialize)]
pub(super) struct Answer {
    answer: stk::Answer,
}

pub(super) async fn respond(
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

pub(super) async fn call(
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

pub(super) async fn press(
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

pub(super) async fn ring(
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
