//! The page with the phones on it, built into the program.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::world::World;

/// File name, type, content.
const FILES: &[(&str, &str, &str)] = &[
    (
        "index.html",
        "text/html; charset=utf-8",
        include_str!("../../page/index.html"),
    ),
    (
        "phone.js",
        "text/javascript; charset=utf-8",
        include_str!("../../page/phone.js"),
    ),
    (
        "phone.css",
        "text/css; charset=utf-8",
        include_str!("../../page/phone.css"),
    ),
];

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/", get(|| async { file("index.html") }))
        .route("/page/{name}", get(named))
}

async fn named(Path(name): Path<String>) -> Response {
    file(&name)
}

fn file(name: &str) -> Response {
    match FILES.iter().find(|(known, _, _)| *known == name) {
        Some((_, kind, content)) => ([(header::CONTENT_TYPE, *kind)], *content).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
