//! Refusals that are the same wherever they happen, and the headers of every answer.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::http::Problem;

pub(super) fn not_signed_in() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "not_signed_in",
        "Sign in first: POST /api/v1/sessions.",
    )
    .with_header(header::WWW_AUTHENTICATE, "Bearer")
}

pub(super) fn token_does_not_hold() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "token_does_not_hold",
        "This token is not one of ours, has ended, or was taken back.",
    )
    .with_header(header::WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#)
}

pub(super) fn too_many(again_in: Duration) -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_requests",
        "That was one request too many for this hour.",
    )
    .with_header(
        header::RETRY_AFTER,
        again_in.as_secs().saturating_add(1).to_string(),
    )
}

/// Also for what exists and is not theirs to know of.
pub(super) fn not_found(what: &'static str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "There is no such thing, or it is not yours to see.",
    )
    .with_detail(format!("No such {what}."))
}

pub(super) async fn no_such_route(uri: Uri) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no_such_route",
        "Nothing stands under this address. /openapi.json lists everything.",
    )
    .with_detail(format!(
        "{} is unknown.",
        uri.path().chars().take(200).collect::<String>()
    ))
}

pub(super) async fn no_such_method(method: Method) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "no_such_method",
        "This address does not know that method.",
    )
    .with_detail(format!("{method} is not done here."))
}

/// A request whose fields will not do.
pub(super) fn invalid() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid",
        "Something in the request will not do; `errors` says what.",
    )
}

/// What stands in the way of what was asked: the thing is not in a state for it.
pub(super) fn conflict(code: &'static str, title: &'static str) -> Problem {
    Problem::new(StatusCode::CONFLICT, code, title)
}

/// Middleware: headers that keep browsers from doing what they should not with our answers.
pub(super) async fn with_safe_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=31536000; includeSubDomains",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ] {
        // Where the answer has one of its own, such as the page to try things, that stands.
        let headers = response.headers_mut();
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}
