//! The result envelope of payouts, status, balance and reversal, and how results get lost, doubled and late.

use std::sync::Arc;

use serde_json::{Number, Value, json};

use crate::faults::Fault;
use crate::phones::{Msisdn, plain};
use crate::world::World;

use super::b2c::result_urls;
use super::{Asked, Code, Refused, SOURCE, call_back};

/// Where a result goes.
#[derive(Clone)]
pub(super) struct Return {
    result: String,
    timeout: String,
    shortcode: String,
    occasion: Option<String>,
}

impl Return {
    pub(super) fn read(world: &World, asked: &Asked) -> Result<Self, Refused> {
        let (result, timeout) = result_urls(world, asked)?;
        let shortcode = asked
            .text("PartyA")
            .or(asked.text("ReceiverParty"))
            .unwrap_or_default();
        Ok(Self {
            result,
            timeout,
            shortcode,
            occasion: asked.text("Occassion").or(asked.text("Occasion")),
        })
    }
}

/// What a result says.
#[derive(Clone)]
pub(super) struct Outcome {
    code: Code,
    says: String,
    pub(super) receipt: Option<String>,
    /// Codes are written as text.
    textual: bool,
    parameters: Vec<(String, Option<Value>)>,
}

impl Outcome {
    pub(super) fn done(receipt: String, parameters: Vec<(&str, Value)>) -> Self {
        Self {
            receipt: Some(receipt),
            ..Self::told(
                parameters
                    .into_iter()
                    .map(|(key, value)| (key, Some(value)))
                    .collect(),
            )
        }
    }

    pub(super) fn told(parameters: Vec<(&str, Option<Value>)>) -> Self {
        let parameters = parameters
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        let says = "The service request is processed successfully.".into();
        Self {
            code: Code::Number(0),
            says,
            receipt: None,
            textual: false,
            parameters,
        }
    }

    pub(super) fn failed(code: i64, says: &str) -> Self {
        Self {
            code: Code::Number(code),
            says: says.into(),
            receipt: None,
            textual: false,
            parameters: Vec::new(),
        }
    }

    /// The same, with its codes written as text.
    pub(super) fn in_text(self) -> Self {
        Self {
            textual: true,
            ..self
        }
    }

    pub(super) fn word(code: &str, says: &str) -> Self {
        Self {
            code: Code::Word(code.into()),
            ..Self::failed(0, says)
        }
    }
}

/// A decimal with its two places.
pub(super) fn decimal(cents: i64) -> Value {
    plain(cents)
        .parse::<Number>()
        .map_or(json!(cents / 100), Value::Number)
}

/// Sends a result, after a queue timeout notice, twice, late or never, as ordered.
pub(super) async fn post_result(
    world: &Arc<World>,
    whose: Option<Msisdn>,
    to: &Return,
    conversation_id: &str,
    originator_id: &str,
    outcome: Outcome,
) {
    let strikes = |what| world.strikes(what, whose.as_ref());
    if strikes(Fault::CallbackLost) {
        return;
    }
    let timed_out = strikes(Fault::QueueTimeout);
    let late = timed_out || strikes(Fault::CallbackLate);
    let times = if strikes(Fault::CallbackDuplicate) {
        2
    } else {
        1
    };
    let odd = strikes(Fault::ResultOddShape);
    let body = envelope(world, to, conversation_id, originator_id, &outcome, odd).to_string();
    if late {
        let (sending, to) = (world.clone(), to.clone());
        let delay = world.settings.timings.late;
        world.later(
            delay,
            async move { deliver(&sending, &to, body, times).await },
        );
    } else {
        deliver(world, to, body, times).await;
    }
    if timed_out {
        let thin = json!({"Result": {
            "OriginatorConversationID": originator_id, "ConversationID": conversation_id,
            "ResultType": 1, "ResultCode": 1, "ResultDesc": "The service request timed out.",
        }});
        call_back(world, &to.timeout, &to.shortcode, SOURCE, thin.to_string()).await;
    }
}

async fn deliver(world: &World, to: &Return, body: String, times: usize) {
    for _ in 0..times {
        call_back(world, &to.result, &to.shortcode, SOURCE, body.clone()).await;
    }
}

fn envelope(
    world: &World,
    to: &Return,
    conversation_id: &str,
    originator_id: &str,
    outcome: &Outcome,
    odd: bool,
) -> Value {
    let dummy = || {
        let mut state = world.state();
        let now = world.now();
        format!("{}0000000", &state.receipt(now)[..3])
    };
    let number_or_text = |code: &Code| {
        if outcome.textual {
            json!(code.text())
        } else {
            code.json()
        }
    };
    let mut result = json!({
        "ResultType": number_or_text(&Code::Number(0)), "ResultCode": number_or_text(&outcome.code), "ResultDesc": outcome.says,
        "OriginatorConversationID": originator_id, "ConversationID": conversation_id,
        "TransactionID": outcome.receipt.clone().unwrap_or_else(dummy),
    });
    let written = |(key, value): &(String, Option<Value>)| match value {
        Some(value) => json!({"Key": key, "Value": value}),
        None => json!({"Key": key}),
    };
    let parameters: Vec<Value> = outcome.parameters.iter().map(written).collect();
    if !parameters.is_empty() {
        let receipt = parameters
            .iter()
            .find(|parameter| parameter["Key"] == "TransactionReceipt")
            .cloned();
        let shape = if odd {
            receipt.unwrap_or_else(|| parameters[0].clone())
        } else {
            json!(parameters)
        };
        result["ResultParameters"] = json!({"ResultParameter": shape});
    }
    let timeout = json!({"Key": "QueueTimeoutURL", "Value": to.timeout});
    let occasion = match &to.occasion {
        Some(occasion) if !occasion.is_empty() => json!({"Key": "Occasion", "Value": occasion}),
        _ => json!({"Key": "Occasion"}),
    };
    result["ReferenceData"] =
        json!({"ReferenceItem": if odd { json!([timeout, occasion]) } else { timeout }});
    json!({"Result": result})
}
