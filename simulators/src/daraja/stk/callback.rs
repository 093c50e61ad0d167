//! The callback of a push: sent once, in one of the shapes that have been seen, or spoilt as ordered.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Number, Value, json};

use crate::daraja::{Code, SOURCE, STRANGE_SOURCE, call_back};
use crate::faults::Fault;
use crate::phones::plain;
use crate::world::World;

use super::{Outcome, Push, stamp_number};

/// Sends the callbacks of one outcome, each after its delay.
pub(super) fn announce(world: &Arc<World>, push: Push, outcome: Outcome, delay: Duration) {
    let strikes = |what| world.strikes(what, Some(&push.payer));
    if strikes(Fault::CallbackLost) {
        return;
    }
    let late = world.settings.timings.late;
    let delay = if strikes(Fault::CallbackLate) {
        delay + late
    } else {
        delay
    };
    let source = if strikes(Fault::CallbackStrangeSource) {
        STRANGE_SOURCE
    } else {
        SOURCE
    };
    let paid = outcome.receipt.is_some();
    let unreachable = Outcome::unreachable(outcome.at);
    let body = spoilt(world, &push, body(world, &push, &outcome));

    let mut posts = vec![(delay, body.clone())];
    if paid && strikes(Fault::CallbackReordered) {
        posts = vec![
            (delay, self::plain_body(&push, &unreachable)),
            (delay + late, body.clone()),
        ];
    } else if paid && strikes(Fault::CallbackContradicted) {
        posts.push((
            delay + world.settings.timings.stray_after,
            plain_body(&push, &unreachable),
        ));
    }
    if strikes(Fault::CallbackForged) {
        posts.insert(0, (delay / 2, forged(world, &push)));
    }
    if strikes(Fault::CallbackDuplicate) {
        posts.push((delay, body.clone()));
        posts.push((delay + world.settings.timings.callback_after, body));
    }
    for (delay, body) in posts {
        let (sending, push) = (world.clone(), push.clone());
        world.later(delay, async move {
            call_back(&sending, &push.callback_url, &push.shortcode, source, body).await;
            if let Some(push) = sending.state().book.push(&push.checkout_id) {
                push.callbacks += 1;
            }
            sending.tell(&push.payer, "callback");
        });
    }
}

fn body(world: &World, push: &Push, outcome: &Outcome) -> String {
    let strikes = |what| world.strikes(what, Some(&push.payer));
    let Some(receipt) = &outcome.receipt else {
        return plain_body(push, outcome);
    };
    if strikes(Fault::CallbackBare) {
        return plain_body(push, outcome);
    }
    let amount = json!({"Name": "Amount", "Value": decimal(outcome.charged)});
    let date = json!({"Name": "TransactionDate", "Value": stamp_number(outcome.at)});
    let phone: i64 = push.msisdn.parse().unwrap_or_default();
    if strikes(Fault::CallbackTextual) {
        let whole = outcome.charged / 100;
        let items = json!([
            {"Name": "PhoneNumber", "Value": push.msisdn}, date,
            {"Name": "MpesaReceiptNumber", "Value": receipt}, {"Name": "Amount", "Value": whole},
        ]);
        let code = Code::Word(outcome.result_code.text());
        return envelope(push, &code, &outcome.result_desc, Some(items));
    }
    let items = if strikes(Fault::CallbackNoReceipt) {
        json!([amount, date, {"Name": "PhoneNumber", "Value": push.payer.masked()}])
    } else {
        json!([
            amount, {"Name": "MpesaReceiptNumber", "Value": receipt}, {"Name": "Balance"}, date,
            {"Name": "PhoneNumber", "Value": phone},
        ])
    };
    envelope(
        push,
        &outcome.result_code,
        &outcome.result_desc,
        Some(items),
    )
}

fn plain_body(push: &Push, outcome: &Outcome) -> String {
    envelope(push, &outcome.result_code, &outcome.result_desc, None)
}

fn envelope(push: &Push, code: &Code, says: &str, items: Option<Value>) -> String {
    let mut callback = json!({
        "MerchantRequestID": push.merchant_id, "CheckoutRequestID": push.checkout_id,
        "ResultCode": code.json(), "ResultDesc": says,
    });
    if let Some(items) = items {
        callback["CallbackMetadata"] = json!({"Item": items});
    }
    json!({"Body": {"stkCallback": callback}}).to_string()
}

/// A decimal with its two places, as captures show it.
fn decimal(cents: i64) -> Value {
    plain(cents)
        .parse::<Number>()
        .map_or(json!(cents / 100), Value::Number)
}

fn spoilt(world: &World, push: &Push, body: String) -> String {
    let strikes = |what| world.strikes(what, Some(&push.payer));
    if strikes(Fault::CallbackTruncated) {
        return body[..body.len() / 2].to_owned();
    }
    if strikes(Fault::CallbackWrongEnvelope) {
        let result = json!({
            "ResultType": 0, "ResultCode": 0, "ResultDesc": "ok",
            "OriginatorConversationID": "x", "ConversationID": "AG_x", "TransactionID": "UK5Q",
        });
        return json!({"Result": result}).to_string();
    }
    body
}

/// A stranger's callback for the right URL: it claims a payment that nobody made.
fn forged(world: &World, push: &Push) -> String {
    let now = world.now();
    let receipt = world.state().receipt(now);
    let foreign = Push {
        merchant_id: "ffff-0000-0000-000000000000000000".into(),
        checkout_id: format!(
            "ws_CO_{}1799999999",
            crate::clock::nairobi(now).format("%d%m%Y%H%M%S")
        ),
        ..push.clone()
    };
    let items = json!([
        {"Name": "Amount", "Value": decimal(push.cents)}, {"Name": "MpesaReceiptNumber", "Value": receipt},
        {"Name": "TransactionDate", "Value": stamp_number(now)}, {"Name": "PhoneNumber", "Value": 254_799_999_999_i64},
    ]);
    envelope(
        &foreign,
        &Code::Number(0),
        "The service request is processed successfully.",
        Some(items),
    )
}
