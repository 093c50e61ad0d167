//! Whoever is signed in, about themselves.

use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use super::sessions::locked;
use super::stages::StageRef;
use crate::api::access::Access;
use crate::api::desk::Desk;
use crate::api::reading::Body;
use crate::api::refusals;
use crate::api::resource::Resource;
use crate::audit::Act;
use crate::http::Problem;
use crate::primitives::Secret;
use crate::staff::{self, PasswordError, Permission, Role, Standing};
use crate::stages;

pub(super) fn resource() -> Resource {
    Resource::of("me", "Whoever is signed in, about themselves.")
        .route(Access::SignedIn, routes!(show))
        .route(Access::SignedIn, routes!(change_password))
}

#[derive(Serialize, ToSchema)]
struct Me {
    id: Uuid,
    #[schema(example = "wanjiku")]
    name: String,
    role: Option<Role>,
    /// The one stage they work for; null for who sees all.
    stage: Option<StageRef>,
    permissions: Vec<Permission>,
    /// Whether money and settings would let them through now.
    second_factor_fresh: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    #[schema(format = Password)]
    present: String,
    /// 12 characters or more that are not guessed early, and none of the last five.
    #[schema(format = Password, example = "nane-kumi-pikipiki-taa", min_length = 12, max_length = 128)]
    new: String,
}

/// Who you are and what you may
#[utoipa::path(get, path = "/me", responses((status = 200, body = Me)))]
async fn show(desk: Desk) -> Result<Json<Me>, Problem> {
    let role = match &desk.officer.standing {
        Standing::Person { role, .. } => Some(*role),
        Standing::Key { .. } => None,
    };
    let stage = match desk.officer.stage() {
        Some(stage) => stages::find(&mut *desk.conn().await?, stage).await?,
        None => None,
    };
    Ok(Json(Me {
        id: desk.officer.id,
        role,
        stage: stage.map(StageRef::from),
        permissions: Permission::ALL
            .into_iter()
            .filter(|permission| desk.officer.may(*permission))
            .collect(),
        second_factor_fresh: desk.officer.has_fresh_factor(desk.now()),
        name: desk.officer.name,
    }))
}

/// Change your password
///
/// Every other session of yours is ended.
#[utoipa::path(put, path = "/me/password", request_body = NewPassword, responses((status = 204)))]
async fn change_password(
    desk: Desk,
    Body(typed): Body<NewPassword>,
) -> Result<StatusCode, Problem> {
    let who = desk.person()?;
    let mut deed = desk.begin().await?;
    let (present, new) = (Secret::new(typed.present), Secret::new(typed.new));
    let (keys, passwords) = (&desk.app.staff_keys, &desk.app.staff_passwords);
    let address = &desk.door.device.address;
    let changed =
        staff::change_password(&mut deed.work, keys, passwords, who, address, &present, new).await;
    match changed {
        Ok(()) => {
            deed.commit(Act::on("staff.password", "staff", who.0))
                .await?;
            Ok(StatusCode::NO_CONTENT)
        }
        Err(PasswordError::Wrong) => {
            deed.keep_refusal().await?;
            Err(refusals::invalid().with_field("present", "not the present password"))
        }
        Err(PasswordError::Locked(until)) => Err(locked(until, desk.now())),
        Err(PasswordError::Weak(weak)) => {
            Err(refusals::invalid().with_field("new", weak.to_string()))
        }
        Err(PasswordError::Busy(busy)) => Err(busy.into()),
        Err(PasswordError::Fault(fault)) => Err(fault.into()),
    }
}
