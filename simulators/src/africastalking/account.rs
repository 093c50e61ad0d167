//! The account: balance, tokens, and premium subscriptions as far as SDKs ask for them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::phones::plain;
use crate::world::World;

use super::form::{self, Received, Refused, authorise};

/// `GET /version1/user`
pub(crate) async fn user(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let fields = Received::query(query.as_deref());
    if let Err(refused) = authorise(&world.settings, &headers, &fields) {
        return refused.into_response();
    }
    let balance = world.state().messages.balance();
    form::json(
        StatusCode::OK,
        &json!({"UserData": {"balance": format!("KES {}00", plain(balance))}}),
    )
}

/// `POST /auth-token/generate`
pub(crate) async fn token(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refused) = authorise(&world.settings, &headers, &Received::read(&body)) {
        return refused.into_response();
    }
    let token = format!("ATAuth_{}", world.state().dice.hex(64));
    form::json(
        StatusCode::OK,
        &json!({"token": token, "lifetimeInSeconds": 3600, "description": "Success"}),
    )
}

/// `GET /version1/subscription`: nobody has subscribed to anything.
pub(crate) async fn subscriptions(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    match authorise(
        &world.settings,
        &headers,
        &Received::query(query.as_deref()),
    ) {
        Ok(()) => form::json(StatusCode::OK, &json!({"responses": []})),
        Err(refused) => refused.into_response(),
    }
}

/// `POST /version1/subscription/create`
pub(crate) async fn subscribe(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    changed(&world, &headers, &body, StatusCode::CREATED)
}

/// `POST /version1/subscription/delete`
pub(crate) async fn unsubscribe(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    changed(&world, &headers, &body, StatusCode::OK)
}

/// `POST /version1/subscription/safaricom`: the subscriber confirms on a page of the operator's.
pub(crate) async fn subscribe_safaricom(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fields = Received::read(&body);
    let checked = || -> Result<(), Refused> {
        authorise(&world.settings, &headers, &fields)?;
        for name in ["shortCode", "keyword", "redirectUrl"] {
            fields.require(name)?;
        }
        Ok(())
    };
    match checked() {
        Ok(()) => form::json(
            StatusCode::CREATED,
            &json!({"status": "Success", "description": "Waiting for user input"}),
        ),
        Err(refused) => refused.into_response(),
    }
}

fn changed(world: &World, headers: &HeaderMap, body: &Bytes, status: StatusCode) -> Response {
    let fields = Received::read(body);
    let checked = || -> Result<(), Refused> {
        authorise(&world.settings, headers, &fields)?;
        for name in ["shortCode", "keyword", "phoneNumber"] {
            fields.require(name)?;
        }
        Ok(())
    };
    match checked() {
        Ok(()) => form::json(
            status,
            &json!({"status": "Success", "description": "Waiting for user input"}),
        ),
        Err(refused) => refused.into_response(),
    }
}
