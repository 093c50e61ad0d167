//! Keys for other systems.

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::api::access::Access;
use crate::api::desk::Desk;
use crate::api::page::Page;
use crate::api::reading::{Body, Path};
use crate::api::refusals;
use crate::api::resource::Resource;
use crate::audit::Act;
use crate::http::Problem;
use crate::staff::{self, ApiKey, KeyError, Permission};

pub(super) fn resource() -> Resource {
    Resource::of(
        "api keys",
        "Keys with which other systems come. They see every stage, may what their scopes say, and never move money.",
    )
    .route(Access::Needs(Permission::ManageKeys), routes!(list))
    .route(Access::Fresh(Permission::ManageKeys), routes!(issue))
    .route(Access::Fresh(Permission::ManageKeys), routes!(revoke))
}

#[derive(Serialize, ToSchema)]
struct KeyView {
    id: Uuid,
    #[schema(example = "reporting")]
    name: String,
    scopes: Vec<Permission>,
    made_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    used_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    /// 3 to 60 characters.
    #[schema(example = "reporting", min_length = 3, max_length = 60)]
    name: String,
    #[schema(min_items = 1)]
    scopes: Vec<Permission>,
    #[schema(minimum = 1, maximum = 366, example = 90)]
    days: u16,
}

#[derive(Serialize, ToSchema)]
struct IssuedKey {
    #[serde(flatten)]
    key: KeyView,
    /// Said now and never again; for `Authorization: Bearer`.
    #[schema(example = "kwk_Zk1q0h2yH1b4WbqVJ8t1mQ2nq0v3xkq9s8g7f6d5c4A")]
    secret: String,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> KeyView {
        KeyView {
            id: key.id,
            name: key.name,
            scopes: key.scopes,
            made_at: key.made_at,
            expires_at: key.expires_at,
            used_at: key.used_at,
        }
    }
}

/// List keys that hold
#[utoipa::path(get, path = "/api-keys", responses((status = 200, body = Page<KeyView>)))]
async fn list(desk: Desk) -> Result<Json<Page<KeyView>>, Problem> {
    let mut conn = desk.conn().await?;
    let keys = staff::api_keys(&mut conn, desk.now()).await?;
    Ok(Json(Page {
        data: keys.into_iter().map(KeyView::from).collect(),
        next: None,
    }))
}

/// Make a key
#[utoipa::path(post, path = "/api-keys", request_body = NewKey, responses((status = 201, body = IssuedKey)))]
async fn issue(
    desk: Desk,
    Body(asked): Body<NewKey>,
) -> Result<(StatusCode, Json<IssuedKey>), Problem> {
    let (account, _) = desk.person()?;
    let mut deed = desk.begin().await?;
    let lasts = TimeDelta::days(asked.days.into());
    let made = staff::issue_key(&mut deed.work, account, &asked.name, asked.scopes, lasts).await?;
    let view = IssuedKey {
        key: made.key.into(),
        secret: made.secret.expose().to_owned(),
    };
    let act = Act::on("api_key.issue", "api_key", view.key.id);
    deed.commit(act.after(&view.key)?).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Take a key away
#[utoipa::path(delete, path = "/api-keys/{id}", params(("id" = Uuid, Path)), responses((status = 204)))]
async fn revoke(desk: Desk, Path(id): Path<Uuid>) -> Result<StatusCode, Problem> {
    let mut deed = desk.begin().await?;
    let key = staff::revoke_key(&mut deed.work, id).await?;
    let key = key.ok_or_else(|| refusals::not_found("key"))?;
    let act = Act::on("api_key.revoke", "api_key", id);
    deed.commit(act.before(&KeyView::from(key))?).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Problem {
        let field = match &error {
            KeyError::BadName => "name",
            KeyError::NoScopes | KeyError::NotForKeys(_) => "scopes",
            KeyError::BadLife => "days",
            KeyError::Fault(_) => "",
        };
        match error {
            KeyError::Fault(fault) => fault.into(),
            refused => refusals::invalid().with_field(field, refused.to_string()),
        }
    }
}
