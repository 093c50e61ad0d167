//! Ratiba, standing orders: accepted, and then approved or not, in letters of either case.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;

use crate::faults::Fault;
use crate::phones::Msisdn;
use crate::world::World;

use super::{Refused, SOURCE, answer, call_back, enter, takes_url};

/// `POST /standingorder/v1/createStandingOrderExternal`
pub(crate) async fn create(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = match enter(&world, &headers, &body, "ratiba").await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let read = || -> Result<(Msisdn, String), Refused> {
        for name in [
            "StandingOrderName",
            "StartDate",
            "EndDate",
            "TransactionType",
            "AccountReference",
            "Frequency",
        ] {
            asked.filled(name).ok_or_else(|| Refused::invalid(name))?;
        }
        asked
            .shillings("Amount")
            .ok_or_else(|| Refused::invalid("Amount"))?;
        if asked.text("BusinessShortCode").as_deref() != Some(world.settings.paybill.as_str()) {
            return Err(Refused::invalid("BusinessShortCode"));
        }
        let payer = asked
            .filled("PartyA")
            .and_then(|text| Msisdn::parse(&text).ok())
            .ok_or_else(|| Refused::invalid("PartyA"))?;
        let url = asked
            .filled("CallBackURL")
            .filter(|url| takes_url(url, world.settings.https_only));
        Ok((payer, url.ok_or_else(|| Refused::invalid("CallBackURL"))?))
    };
    let (payer, url) = match read() {
        Ok(read) => read,
        Err(refused) => return refused.answer(&world),
    };
    let reference = world.state().dice.uuid();
    let approving = (world.clone(), reference.clone());
    world.later(world.settings.timings.result_after, async move {
        let (world, reference) = approving;
        approve(&world, &payer, &url, &reference).await;
    });
    let says = "Request accepted for processing";
    let body = json!({
        "ResponseHeader": {"responseRefID": reference, "responseCode": "200", "responseDescription": says, "ResultDesc": says},
        "ResponseBody": {"responseDescription": says, "responseCode": "200"},
    });
    answer(StatusCode::OK, &body)
}

async fn approve(world: &World, payer: &Msisdn, url: &str, reference: &str) {
    let busy = {
        let mut state = world.state();
        let phone = state.phone(payer, &world.settings);
        phone.in_session() || phone.prompt.is_some()
    };
    let unreachable = world.strikes(Fault::Unreachable, Some(payer))
        || world.strikes(Fault::PhoneOff, Some(payer));
    let tail = &payer.digits()[9..];
    let body = if busy || unreachable {
        let code = if busy { "1001" } else { "1037" };
        json!({
            "ResponseHeader": {"responseRefID": reference, "requestRefID": reference, "responseCode": code, "responseDescription": "Error"},
            "ResponseBody": {"ResponseData": [
                {"Name": "TransactionID", "Value": "0000000000"}, {"Name": "responseCode", "Value": code},
                {"Name": "Status", "Value": "ERROR"}, {"Name": "Msisdn", "Value": format!("*********{tail}")},
            ]},
        })
    } else {
        let now = world.now();
        let receipt = world.state().receipt(now);
        let says = "The service request is processed successfully";
        json!({
            "responseHeader": {"responseRefID": reference, "requestRefID": reference, "responseCode": "0", "responseDescription": says},
            "responseBody": {"responseData": [
                {"name": "TransactionID", "value": receipt}, {"name": "responseCode", "value": "0"},
                {"name": "Status", "value": "OKAY"}, {"name": "Msisdn", "value": format!("254******{tail}")},
            ]},
        })
    };
    call_back(
        world,
        url,
        &world.settings.paybill,
        SOURCE,
        body.to_string(),
    )
    .await;
}
