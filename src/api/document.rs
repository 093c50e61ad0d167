//! The description of the API (OpenAPI 3.1), made from the same list as the router, and the page that shows it.

use std::sync::LazyLock;

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use utoipa::ToSchema;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, Content, InfoBuilder, OpenApi, OpenApiBuilder, Paths, Ref, ResponseBuilder, Server,
};

use super::access::Access;
use super::resource::http_method;
use super::resources;
use crate::app::App;
use crate::http::{FieldProblem, Problem};

const BEARER: &str = "bearer";
const PROBLEM: &str = "Problem";

static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_json().unwrap_or_default());

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/openapi.json", get(description))
        .route("/api/v1/openapi.json", get(description))
        .route("/docs", get(page))
        .route("/docs/", get(async || Redirect::permanent("/docs")))
        .route("/docs/page.js", get(script))
        .route("/docs/page.css", get(style))
}

async fn description() -> Response {
    served("application/json", DOCUMENT.as_str())
}

async fn page() -> Response {
    served("text/html; charset=utf-8", include_str!("docs/page.html"))
}

async fn script() -> Response {
    served(
        "text/javascript; charset=utf-8",
        include_str!("docs/page.js"),
    )
}

async fn style() -> Response {
    served("text/css; charset=utf-8", include_str!("docs/page.css"))
}

/// The page runs its own script, asks this server and nobody else.
fn served(kind: &'static str, body: &'static str) -> Response {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                          img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, body).into_response()
}

/// Everything, from the table of routes.
pub(super) fn document() -> OpenApi {
    let mut paths = Paths::new();
    let mut components = Components::new();
    let mut tags = Vec::new();
    for resource in resources::all() {
        let tag = TagBuilder::new().name(resource.name);
        tags.push(tag.description(Some(resource.about)).build());
        for entry in resource.entries {
            components.schemas.extend(entry.schemas);
            let operation = finished(entry.operation, resource.name, entry.access);
            let item = PathItem::new(http_method(entry.method), operation);
            match paths.paths.get_mut(&entry.path) {
                Some(there) => there.merge_operations(item),
                None => {
                    paths.paths.insert(entry.path, item);
                }
            }
        }
    }
    let mut schemas = Vec::new();
    Problem::schemas(&mut schemas);
    schemas.push((
        PROBLEM.to_owned(),
        <Problem as utoipa::PartialSchema>::schema(),
    ));
    schemas.push((
        "FieldProblem".to_owned(),
        <FieldProblem as utoipa::PartialSchema>::schema(),
    ));
    components.schemas.extend(schemas);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "The access token of a session (`POST /sessions`), or the key of another system.",
        ));
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer.build()));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("KwaStage, the desk")
                .version("1")
                .description(Some(include_str!("docs/about.md"))),
        )
        .servers(Some([Server::new("/api/v1")]))
        .tags(Some(tags))
        .paths(paths)
        .components(Some(components))
        .build()
}

/// What is the same for every operation: its tag, who may, and how it is refused.
fn finished(mut operation: Operation, tag: &'static str, access: Access) -> Operation {
    operation.tags = Some(vec![tag.to_owned()]);
    let needs = match access {
        Access::Open => "nobody needs to be signed in",
        Access::SignedIn => "any person who is signed in",
        Access::Needs(permission) => permission.as_str(),
        Access::Fresh(permission) => permission.as_str(),
    };
    let extensions = ExtensionsBuilder::new()
        .add("x-permission", needs)
        .add("x-fresh-second-factor", matches!(access, Access::Fresh(_)));
    operation.extensions = Some(extensions.build());
    operation.security = Some(match access {
        Access::Open => Vec::new(),
        _ => vec![SecurityRequirement::new::<_, [&str; 0], &str>(BEARER, [])],
    });
    let responses = &mut operation.responses.responses;
    for status in ["4XX", "5XX"] {
        let refused = ResponseBuilder::new()
            .description("Refused: a problem as RFC 9457 has it, with a stable `code`.")
            .content(
                "application/problem+json",
                Content::new(Some(Ref::from_schema_name(PROBLEM))),
            );
        responses.insert(status.to_owned(), refused.build().into());
    }
    operation
}
