//! A resource as one file gives it: its routes, who may take each, and their documentation.

use std::collections::BTreeMap;

use axum::routing::MethodRouter;
use utoipa::openapi::path::{HttpMethod, Operation, PathItem};
use utoipa::openapi::{RefOr, Schema};
use utoipa_axum::router::UtoipaMethodRouter;

use super::access::Access;
use super::resources;
use crate::app::App;

/// What one file of `resources/` offers.
pub(super) struct Resource {
    pub name: &'static str,
    pub about: &'static str,
    pub entries: Vec<Entry>,
}

/// One handler with its route.
pub(super) struct Entry {
    /// Below `/api/v1`.
    pub path: String,
    pub method: &'static str,
    pub access: Access,
    pub operation: Operation,
    pub schemas: BTreeMap<String, RefOr<Schema>>,
    pub router: MethodRouter<App>,
}

/// One line of the table of routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub method: &'static str,
    /// Below `/api/v1`, such as `/members/{id}`.
    pub path: String,
    pub access: Access,
}

impl Resource {
    pub fn of(name: &'static str, about: &'static str) -> Resource {
        Resource {
            name,
            about,
            entries: Vec::new(),
        }
    }

    /// Adds one handler: `.route(Access::Needs(…), routes!(list))`.
    pub fn route(
        mut self,
        access: Access,
        (schemas, paths, router): UtoipaMethodRouter<App>,
    ) -> Resource {
        for (path, item) in paths.paths {
            for (method, operation) in operations(item) {
                self.entries.push(Entry {
                    path: path.clone(),
                    method,
                    access,
                    operation,
                    schemas: schemas.iter().cloned().collect(),
                    router: router.clone(),
                });
            }
        }
        self
    }
}

/// Every handler of every resource.
pub(super) fn entries() -> impl Iterator<Item = Entry> {
    resources::all()
        .into_iter()
        .flat_map(|resource| resource.entries)
}

/// Every route there is, as the router has it.
pub fn table() -> Vec<Route> {
    let rows = entries().map(|entry| Route {
        method: entry.method,
        path: entry.path,
        access: entry.access,
    });
    rows.collect()
}

fn operations(item: PathItem) -> Vec<(&'static str, Operation)> {
    [
        ("GET", item.get),
        ("POST", item.post),
        ("PUT", item.put),
        ("PATCH", item.patch),
        ("DELETE", item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation?)))
    .collect()
}

/// The method as the document has it.
pub(super) fn http_method(method: &str) -> HttpMethod {
    match method {
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}
