//! Being a person: dialling, typing, texting, answering prompts and calls.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::africastalking::ussd::Shown;
use crate::africastalking::voice::NotRung;
use crate::daraja::stk;
use crate::held::Held;
use crate::phones::{Direction, Phone};
use crate::world::World;

use super::{Refused, Said};

pub(super) async fn people(Shared(world): Shared<Arc<World>>) -> Json<Value> {
    let state = world.state();
    let person = |phone: &Phone| json!({"msisdn": phone.msisdn.digits(), "name": phone.name, "language": phone.language, "network": phone.network});
    Json(state.phones.values().map(person).collect())
}

pub(super) async fn phone(held: Held) -> Json<Value> {
    Json(held.seen())
}

#[derive(Deserialize)]
pub(super) struct Dial {
    code: String,
}

pub(super) async fn dial(held: Held, Said(dial): Said<Dial>) -> Json<Shown> {
    Json(held.dial(&dial.code).await)
}

#[derive(Deserialize)]
pub(super) struct Keys {
    #[serde(default)]
    keys: String,
}

pub(super) async fn type_keys(held: Held, Said(typed): Said<Keys>) -> Result<Json<Shown>, Refused> {
    Ok(Json(held.type_keys(&typed.keys).await?))
}

pub(super) async fn again(held: Held) -> Result<Json<Shown>, Refused> {
    Ok(Json(held.again().await?))
}

pub(super) async fn hang_up(held: Held) -> Json<Shown> {
    Json(held.hang_up())
}

#[derive(Deserialize)]
pub(super) struct Sms {
    to: String,
    text: String,
}

pub(super) async fn text(held: Held, Said(sms): Said<Sms>) -> Result<Json<Value>, Refused> {
    let id = held.text(&sms.to, &sms.text);
    let nobody = || {
        Refused(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("nobody owns the number {}", sms.to),
        )
    };
    Ok(Json(json!({"id": id.ok_or_else(nobody)?})))
}

#[derive(Deserialize)]
pub(super) struct OptOut {
    sender_id: String,
}

pub(super) async fn opt_out(held: Held, Said(out): Said<OptOut>) -> StatusCode {
    held.opt_out(&out.sender_id).await;
    StatusCode::NO_CONTENT
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

pub(super) async fn inbox(held: Held, Query(wait): Query<Wait>) -> Json<Value> {
    let texts = held.inbox(wait.after, wait.length()).await.into_iter();
    Json(texts.map(|text| json!({"id": text.id, "from": text.correspondent, "text": text.text, "at": text.at})).collect())
}

pub(super) async fn threads(held: Held) -> Json<Value> {
    let mut threads: Vec<(String, Vec<Value>)> = Vec::new();
    for text in held.texts() {
        let id = (text.direction == Direction::Received).then_some(text.id);
        let message =
            json!({"id": id, "direction": text.direction, "text": text.text, "at": text.at});
        match threads
            .iter_mut()
            .find(|(with, _)| *with == text.correspondent)
        {
            Some((_, messages)) => messages.push(message),
            None => threads.push((text.correspondent, vec![message])),
        }
    }
    Json(
        threads
            .into_iter()
            .map(|(with, messages)| json!({"with": with, "messages": messages}))
            .collect(),
    )
}

pub(super) async fn mark_read(held: Held) -> StatusCode {
    held.mark_read();
    StatusCode::NO_CONTENT
}

pub(super) async fn prompt(held: Held, Query(wait): Query<Wait>) -> Json<Value> {
    Json(json!(held.prompt(wait.length()).await))
}

#[derive(Deserialize)]
pub(super) struct Answer {
    answer: stk::Answer,
}

pub(super) async fn respond(held: Held, Said(given): Said<Answer>) -> Result<Json<Value>, Refused> {
    let none = || {
        Refused(
            StatusCode::CONFLICT,
            "there is no M-PESA prompt on this phone".into(),
        )
    };
    let code = held.answer(given.answer).await.ok_or_else(none)?;
    Ok(Json(json!({"result_code": code})))
}

pub(super) async fn call(held: Held, Query(wait): Query<Wait>) -> Json<Value> {
    Json(json!(held.call(wait.length()).await))
}

pub(super) async fn press(held: Held, Said(typed): Said<Keys>) -> Result<Json<Value>, Refused> {
    let none = || {
        Refused(
            StatusCode::CONFLICT,
            "there is no call on this phone".into(),
        )
    };
    let spoken = held.press(&typed.keys).await.ok_or_else(none)?;
    Ok(Json(
        json!({"spoken": spoken, "call": held.call(Duration::ZERO).await}),
    ))
}

#[derive(Deserialize)]
pub(super) struct Ring {
    to: Option<String>,
}

pub(super) async fn ring(held: Held, Said(dialled): Said<Ring>) -> Result<StatusCode, Refused> {
    let rung = match dialled.to {
        Some(number) => held.ring_number(&number),
        None => held.ring().then_some(()).ok_or(NotRung::Busy),
    };
    let status = |refused| match refused {
        NotRung::Nobody => StatusCode::UNPROCESSABLE_ENTITY,
        NotRung::Busy => StatusCode::CONFLICT,
    };
    match rung {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(refused) => Err(Refused(status(refused), refused.to_string())),
    }
}
