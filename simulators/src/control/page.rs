//! The page with the phones on it, built into the program.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::world::World;

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// File name, type, content.
const FILES: &[(&str, &str, &str)] = &[
    ("index.html", HTML, include_str!("../../page/index.html")),
    ("phone.css", STYLE, include_str!("../../page/phone.css")),
    ("page.js", SCRIPT, include_str!("../../page/page.js")),
    ("handset.js", SCRIPT, include_str!("../../page/handset.js")),
    ("views.js", SCRIPT, include_str!("../../page/views.js")),
    ("dialogs.js", SCRIPT, include_str!("../../page/dialogs.js")),
    ("call.js", SCRIPT, include_str!("../../page/call.js")),
    ("field.js", SCRIPT, include_str!("../../page/field.js")),
    ("words.js", SCRIPT, include_str!("../../page/words.js")),
    ("sounds.js", SCRIPT, include_str!("../../page/sounds.js")),
    ("draw.js", SCRIPT, include_str!("../../page/draw.js")),
    ("control.js", SCRIPT, include_str!("../../page/control.js")),
    ("trouble.js", SCRIPT, include_str!("../../page/trouble.js")),
    ("alarms.js", SCRIPT, include_str!("../../page/alarms.js")),
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
