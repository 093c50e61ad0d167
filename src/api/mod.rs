//! The desk's JSON API: `/api/v1`, its description at `/openapi.json`, and a page to try it at `/docs`.
//!
//! No rule lives here. A handler reads its request, calls the deed that the phone or the command line calls, and shows what
//! came of it. Each resource is one file below `resources/`: its routes with who may take them, its types, its handlers and
//! their documentation together. The table of all routes ([`table`]) is made from the same list as the router and the
//! document, so that a route without a permission or without documentation cannot exist.

mod access;
mod arriving;
mod deed;
mod desk;
mod document;
mod limits;
mod once;
mod page;
mod reading;
mod refusals;
mod resource;
mod resources;
mod store;

pub use access::Access;
pub use resource::{Route, table};
pub use store::forget_requests;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};

use crate::app::App;
use crate::http;
use arriving::Gate;

/// Everything under `/api/v1`, `/openapi.json` and `/docs`.
pub fn routes(app: &App) -> Router<App> {
    let gate = Gate::new(app.clone());
    let mut api = Router::new();
    for entry in resource::entries() {
        let admitted = entry
            .router
            .layer(from_fn_with_state(entry.access, access::admit));
        api = api.route(&entry.path, admitted);
    }
    let api = api
        .fallback(refusals::no_such_route)
        .method_not_allowed_fallback(refusals::no_such_method)
        // A client that hangs up does not stop a deed half way.
        .layer(from_fn(http::to_the_end))
        .layer(from_fn_with_state(Arc::new(gate), arriving::arrive))
        .layer(from_fn(refusals::with_safe_headers));
    let document = Router::new()
        .merge(document::routes())
        .layer(from_fn(refusals::with_safe_headers));
    Router::new().nest("/api/v1", api).merge(document)
}
