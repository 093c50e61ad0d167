//! Twilio as its customers meet it: Basic authentication, forms in, JSON out, errors by number, and callbacks that are
//! signed over the address they were asked for.

mod delivery;
pub mod messages;
pub mod signature;

pub(crate) use messages::TwilioBook;

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::world::World;

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route(
            "/2010-04-01/Accounts/{account}/Messages.json",
            post(messages::create).get(messages::list),
        )
        .route(
            "/2010-04-01/Accounts/{account}/Messages/{message}",
            get(messages::fetch),
        )
}

/// A refusal: an HTTP status, Twilio's number for it, and a sentence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused(StatusCode, u32, &'static str);

impl Refused {
    const CREDENTIALS: Refused = Refused(StatusCode::UNAUTHORIZED, 20003, "Authenticate");
    const NOT_FOUND: Refused = Refused(
        StatusCode::NOT_FOUND,
        20404,
        "The requested resource was not found",
    );
    const TOO_FAST: Refused = Refused(StatusCode::TOO_MANY_REQUESTS, 20429, "Too Many Requests");
    const BAD_TO: Refused = bad(21211, "Invalid 'To' Phone Number");
    const BAD_FROM: Refused = bad(21212, "Invalid 'From' Number");
    const COUNTRY: Refused = bad(
        21408,
        "Permission to send an SMS has not been enabled for the region indicated by the 'To' number",
    );
    const NO_BODY: Refused = bad(21602, "Message body is required");
    const NO_FROM: Refused = bad(21603, "A 'From' phone number is required");
    const NO_TO: Refused = bad(21604, "A 'To' phone number is required");
    const BAD_CALLBACK: Refused = bad(21609, "The 'StatusCallback' URL is not a valid URL");
    const OPTED_OUT: Refused = bad(21610, "Attempt to send to unsubscribed recipient");
    const TOO_LONG: Refused = bad(
        21617,
        "The concatenated message body exceeds the 1600 character limit",
    );
}

const fn bad(code: u32, message: &'static str) -> Refused {
    Refused(StatusCode::BAD_REQUEST, code, message)
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Refused(status, code, message) = self;
        let more_info = format!("https://www.twilio.com/docs/errors/{code}");
        let body = json!({
            "code": code, "message": message, "more_info": more_info, "status": status.as_u16(),
        });
        answered(status, &body)
    }
}

fn answered(status: StatusCode, body: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json;charset=utf-8")];
    (status, kind, body.to_string()).into_response()
}
