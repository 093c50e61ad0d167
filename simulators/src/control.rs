//! The control API: how pages, terminals and tests are people, order trouble, and look behind the providers' curtain.

pub(crate) mod alarms;
mod behind;
mod page;
mod phones;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request, State as Shared};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::africastalking::ussd;
use crate::faults::{Fault, Order, until};
use crate::held::Held;
use crate::phones::Msisdn;
use crate::world::World;

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/phones", get(phones::people))
        .route("/phones/{msisdn}", get(phones::phone))
        .route("/phones/{msisdn}/dial", post(phones::dial))
        .route("/phones/{msisdn}/type", post(phones::type_keys))
        .route("/phones/{msisdn}/again", post(phones::again))
        .route("/phones/{msisdn}/hang-up", post(phones::hang_up))
        .route("/phones/{msisdn}/sms", post(phones::text))
        .route("/phones/{msisdn}/opt-out", post(phones::opt_out))
        .route("/phones/{msisdn}/inbox", get(phones::inbox))
        .route("/phones/{msisdn}/threads", get(phones::threads))
        .route("/phones/{msisdn}/read", post(phones::mark_read))
        .route(
            "/phones/{msisdn}/prompt",
            get(phones::prompt).post(phones::respond),
        )
        .route(
            "/phones/{msisdn}/call",
            get(phones::call).post(phones::press),
        )
        .route("/phones/{msisdn}/ring", post(phones::ring))
        .route("/alarms", get(alarms::list))
        .route("/faults", get(faults).post(order).delete(call_off))
        .route("/reset", post(reset))
        .route("/events", get(events))
        .route("/sim/settings", get(behind::settings))
        .route("/sim/clock", get(behind::clock).post(behind::advance))
        .route("/sim/gateway", post(behind::set_gateway))
        .route("/sim/ledger", get(behind::ledger))
        .route("/sim/pushes", get(behind::pushes))
        .route("/sim/messages", get(behind::messages))
        .route("/sim/twilio", get(behind::twilio))
        .route("/sim/calls", get(behind::calls))
        .route("/sim/violations", get(behind::violations))
        .route("/sim/c2b", post(behind::pay_bill))
        .route(
            "/sim/wallets/{msisdn}",
            get(behind::wallet).put(behind::set_wallet),
        )
        .route("/sim/phones/{msisdn}", put(behind::set_phone))
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

/// A refusal of the control API: `{"error": …}` with a status.
pub struct Refused(StatusCode, String);

/// The phone a path names, held for one request.
impl FromRequestParts<Arc<World>> for Held {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, world: &Arc<World>) -> Result<Self, Refused> {
        let Whose(msisdn) = Whose::from_request_parts(parts, world).await?;
        Ok(Held::new(world.clone(), msisdn))
    }
}

/// A JSON body, however it is labelled; an empty one is an empty object.
struct Said<T>(T);

impl<T: DeserializeOwned> FromRequest<Arc<World>> for Said<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, world: &Arc<World>) -> Result<Self, Refused> {
        let bad = |error: String| Refused(StatusCode::BAD_REQUEST, error);
        let body = Bytes::from_request(request, world)
            .await
            .map_err(|error| bad(error.to_string()))?;
        let text: &[u8] = if body.trim_ascii().is_empty() {
            b"{}"
        } else {
            &body
        };
        serde_json::from_slice(text)
            .map(Said)
            .map_err(|error| bad(error.to_string()))
    }
}

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
    Said(ordered): Said<Ordered>,
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
