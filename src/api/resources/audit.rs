//! The book of what staff did.

use axum::Json;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use uuid::Uuid;

use super::stages::{self, Named, StageRef};
use crate::api::access::Access;
use crate::api::desk::Desk;
use crate::api::page::{Page, Paging};
use crate::api::reading::Query;
use crate::api::resource::Resource;
use crate::audit::{self, Entry, Filter};
use crate::http::Problem;
use crate::staff::Permission;

pub(super) fn resource() -> Resource {
    Resource::of(
        "audit",
        "The book of what staff did. It is only ever added to.",
    )
    .route(Access::Needs(Permission::ReadAudit), routes!(list))
    .route(Access::Needs(Permission::ReadAudit), routes!(head))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The kind of thing and its id.
    #[param(example = "member:019a9f5c-1b2c-7000-8000-000000000001")]
    subject: Option<String>,
    /// The id of an account or a key.
    actor: Option<Uuid>,
    #[param(example = "member.approve")]
    action: Option<String>,
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

#[derive(Serialize, ToSchema)]
struct EntryView {
    id: i64,
    at: DateTime<Utc>,
    actor: ActorView,
    #[schema(example = "196.201.212.69")]
    address: Option<String>,
    /// The request's name in the logs.
    request: Option<Uuid>,
    #[schema(example = "member.approve")]
    action: String,
    #[schema(example = "member:019a9f5c-1b2c-7000-8000-000000000001")]
    subject: String,
    stage: Option<StageRef>,
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
    why: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct ActorView {
    /// `person`, `key` or `terminal`.
    #[schema(example = "person")]
    kind: &'static str,
    id: Option<Uuid>,
    #[schema(example = "wanjiku")]
    name: String,
}

/// The end of the chain. Noted somewhere else, it shows later whether the book was rewritten.
#[derive(Serialize, ToSchema)]
struct Head {
    #[schema(example = "42:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    head: Option<String>,
}

/// Read the book
///
/// The newest first.
#[utoipa::path(get, path = "/audit-entries", params(Wanted), responses((status = 200, body = Page<EntryView>)))]
async fn list(desk: Desk, Query(wanted): Query<Wanted>) -> Result<Json<Page<EntryView>>, Problem> {
    let paging = Paging::<i64>::read(wanted.cursor.as_deref(), wanted.limit)?;
    let filter = Filter {
        subject: wanted.subject,
        actor: wanted.actor,
        action: wanted.action,
        before: paging.after,
    };
    let mut conn = desk.conn().await?;
    let entries = audit::entries(&mut conn, &filter, paging.fetch()).await?;
    let named = stages::named(&mut conn, entries.iter().filter_map(|one| one.stage)).await?;
    Ok(Json(paging.page(
        entries,
        |entry| entry.id,
        |entry| EntryView::of(entry, &named),
    )))
}

/// Show the end of the chain
#[utoipa::path(get, path = "/audit-head", responses((status = 200, body = Head)))]
async fn head(desk: Desk) -> Result<Json<Head>, Problem> {
    let mut conn = desk.conn().await?;
    let head = audit::head(&mut conn).await?;
    Ok(Json(Head {
        head: head.map(|head| head.to_string()),
    }))
}

impl EntryView {
    fn of(entry: Entry, named: &Named) -> EntryView {
        EntryView {
            id: entry.id,
            at: entry.at,
            actor: ActorView {
                kind: entry.actor.kind(),
                id: entry.actor.id(),
                name: entry.actor.name().to_owned(),
            },
            address: entry.address,
            request: entry.request,
            action: entry.action,
            subject: entry.subject,
            stage: entry.stage.and_then(|stage| named.get(&stage).cloned()),
            before: entry.before,
            after: entry.after,
            why: entry.why,
        }
    }
}
