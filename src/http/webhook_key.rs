//! The secret in a webhook's path. The providers sign nothing, so this is how we know them.

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::telemetry::{SECURITY, metric};

/// The keys that open a webhook. Several hold at once while one is being changed.
#[derive(Clone)]
pub struct WebhookKeys {
    digests: std::sync::Arc<[[u8; 32]]>,
}

impl WebhookKeys {
    pub fn new(keys: &[SecretString]) -> WebhookKeys {
        WebhookKeys {
            digests: keys.iter().map(|key| digest(key.expose_secret())).collect(),
        }
    }

    /// Whether the offered key is one of ours, in a time that says neither how much of it was right nor which it was.
    pub fn admit(&self, offered: &str) -> bool {
        let offered = digest(offered);
        self.digests
            .iter()
            .fold(Choice::from(0), |any, key| any | key.ct_eq(&offered))
            .into()
    }
}

/// Middleware for every route with a `{key}` in its path: without the right one there is nothing here.
///
/// ```text
/// router.route_layer(axum::middleware::from_fn_with_state(keys, require_webhook_key))
/// ```
pub async fn require_webhook_key(
    State(keys): State<WebhookKeys>,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    // A path that is not even text gets the same nothing.
    let path = path.ok();
    let offered = path
        .iter()
        .flatten()
        .find(|(name, _)| *name == "key")
        .map(|(_, key)| key);
    if offered.is_some_and(|key| keys.admit(key)) {
        return next.run(request).await;
    }
    metric::refused_webhook("key");
    tracing::warn!(target: SECURITY, "Refused a webhook with a wrong key");
    StatusCode::NOT_FOUND.into_response()
}

// Digests have one length, so that the comparison cannot tell a key's.
fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::{Router, middleware, routing::post};
    use tower::ServiceExt;

    async fn knock(path: &str) -> (StatusCode, Vec<u8>) {
        let keys = WebhookKeys::new(&["old".to_owned().into(), "new".to_owned().into()]);
        let router = Router::new()
            .route("/at/{key}/ussd", post(|| async { "CON welcome" }))
            .route_layer(middleware::from_fn_with_state(keys, require_webhook_key));
        let answer = router
            .oneshot(Request::post(path).body(Body::from("x")).unwrap())
            .await
            .unwrap();
        (
            answer.status(),
            to_bytes(answer.into_body(), 1000).await.unwrap().to_vec(),
        )
    }

    #[tokio::test]
    async fn either_key_opens_and_any_other_finds_nothing() {
        for path in ["/at/old/ussd", "/at/new/ussd", "/at/n%65w/ussd"] {
            assert_eq!(
                knock(path).await,
                (StatusCode::OK, b"CON welcome".to_vec()),
                "{path}"
            );
        }
        for path in [
            "/at/ne/ussd",
            "/at/newer/ussd",
            "/at/NEW/ussd",
            "/at/%ff/ussd",
            "/at/%00/ussd",
            "/at/demo/ussd",
        ] {
            assert_eq!(
                knock(path).await,
                (StatusCode::NOT_FOUND, Vec::new()),
                "{path}"
            );
        }
    }
}
