//! A name for each request, in its log lines and in its answer.

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use uuid::Uuid;

/// The request's own name; handlers find it in the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub Uuid);

/// Middleware: names the request, puts its log lines into a span of that name, and says the name in `x-request-id`.
///
/// The span holds the route's pattern, never the path: a path holds webhook keys and callback tokens. A name the caller
/// brings along is not taken over, since it could be anything.
pub async fn identify(mut request: Request, next: Next) -> Response {
    let id = RequestId(Uuid::now_v7());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str);
    let span =
        tracing::info_span!("request", request.id = %id.0, method = %request.method(), route);
    request.extensions_mut().insert(id);
    let mut response = next.run(request).instrument(span).await;
    if let Ok(name) = HeaderValue::from_str(&id.0.to_string()) {
        response.headers_mut().insert("x-request-id", name);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::{Extension, Router, middleware, routing::get};
    use tower::ServiceExt;

    #[tokio::test]
    async fn the_handler_and_the_answer_know_the_same_fresh_name() {
        let router = Router::new()
            .route(
                "/x",
                get(|Extension(RequestId(id)): Extension<RequestId>| async move { id.to_string() }),
            )
            .layer(middleware::from_fn(identify));
        let request = Request::get("/x")
            .header("x-request-id", "mine")
            .body(Body::empty())
            .unwrap();
        let answer = router.oneshot(request).await.unwrap();
        let named = answer.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        let body = to_bytes(answer.into_body(), 100).await.unwrap();
        assert_eq!(named.as_bytes(), &body[..]);
        assert!(Uuid::parse_str(&named).is_ok(), "{named}");
    }
}
