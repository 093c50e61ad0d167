//! STK query: answers about a push, when it has any.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;

use crate::faults::Fault;
use crate::phones::Msisdn;
use crate::world::World;

use super::stk::{check_password, shortcode};
use super::{Refused, answer, enter, page};

/// `POST /mpesa/stkpushquery/v1/query`
pub(crate) async fn query(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = match enter(&world, &headers, &body, "stkpushquery").await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let checked = shortcode(&world.settings, &asked)
        .and_then(|shortcode| check_password(&world.settings, &asked, &shortcode));
    if let Err(refused) = checked {
        return refused.answer(&world);
    }
    let Some(id) = asked
        .filled("CheckoutRequestID")
        .filter(|id| id.starts_with("ws_CO_"))
    else {
        return Refused::invalid("CheckoutRequestID").answer(&world);
    };
    let push = world.state().book.push(&id).map(|push| push.clone());
    let Some(push) = push else {
        return Refused::new(500, "500.001.1001", "The transaction does not Exist").answer(&world);
    };
    let whose = Msisdn::parse(&push.msisdn).ok();
    let strikes = |what| world.strikes(what, whose.as_ref());
    let being_processed = "The transaction is being processed";
    if strikes(Fault::QueryHtml) {
        return page(502);
    }
    if strikes(Fault::QueryUnknownId) {
        return Refused::invalid("CheckoutRequestID").answer(&world);
    }
    if strikes(Fault::Query500) {
        return Refused::new(500, "500.001.1001", being_processed).answer(&world);
    }
    if strikes(Fault::Query200Error) {
        return Refused::new(200, "500.001.1001", being_processed).answer(&world);
    }
    let (noise, vague) = {
        let mut state = world.state();
        (
            state.dice.chance(world.settings.query_noise),
            state.dice.chance(0.5),
        )
    };
    let pending = strikes(Fault::QueryPending);
    let outcome = push.outcome.filter(|_| !pending);
    if noise || outcome.is_none() && vague {
        return Refused::new(
            500,
            "500.001.1001",
            if vague { "" } else { being_processed },
        )
        .answer(&world);
    }
    let (code, says) = match outcome {
        None => (
            "4999".to_owned(),
            "The transaction is still under processing".to_owned(),
        ),
        Some(outcome) if outcome.receipt.is_some() && strikes(Fault::QueryLies) => {
            ("1032".into(), "Request cancelled by user".into())
        }
        Some(outcome) => (outcome.result_code.text(), outcome.query_desc),
    };
    answer(
        StatusCode::OK,
        &json!({
            "ResponseCode": "0", "ResponseDescription": "The service request has been accepted successfully",
            "MerchantRequestID": push.merchant_id, "CheckoutRequestID": push.checkout_id,
            "ResultCode": code, "ResultDesc": says,
        }),
    )
}
