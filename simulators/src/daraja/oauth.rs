//! Tokens: one hour, and a new one kills the old.

use std::sync::Arc;

use axum::extract::{RawQuery, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::faults::Fault;
use crate::world::World;

use super::{Refused, answer, page};

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `GET /oauth/v1/generate`
pub(crate) async fn generate(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let strikes = |what| world.strikes(what, None);
    if strikes(Fault::OauthDown) || strikes(Fault::DarajaDown) {
        return page(503);
    }
    if strikes(Fault::OauthHtml) || strikes(Fault::DarajaHtml) {
        return page(200);
    }
    if strikes(Fault::OauthEmpty) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let query = query.unwrap_or_default();
    if !form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "grant_type" && value == "client_credentials")
    {
        return Refused::new(400, "400.008.02", "Invalid grant type passed").answer(&world);
    }
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Basic "));
    let pair = format!(
        "{}:{}",
        world.settings.consumer_key, world.settings.consumer_secret
    );
    let known = given
        .and_then(|given| STANDARD.decode(given.trim()).ok())
        .is_some_and(|given| given == pair.as_bytes());
    if !known || strikes(Fault::OauthRefused) {
        return Refused::new(400, "400.008.01", "Invalid Authentication passed").answer(&world);
    }
    let as_number = strikes(Fault::OauthNumber);
    let now = world.now();
    let mut state = world.state();
    let token = state.dice.letters(ALPHABET, 28);
    state
        .book
        .issue_token(token.clone(), now, world.settings.token_invalidates);
    let life = if as_number {
        json!(3599)
    } else {
        json!("3599")
    };
    answer(
        StatusCode::OK,
        &json!({"access_token": token, "expires_in": life}),
    )
}
