//! Coming in for the first time, or anew after something was lost.

use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::access::Access;
use crate::api::desk::Door;
use crate::api::reading::Body;
use crate::api::refusals;
use crate::api::resource::Resource;
use crate::audit::{self, Act, Actor};
use crate::http::Problem;
use crate::primitives::Secret;
use crate::staff::{self, EnrolError};

pub(super) fn resource() -> Resource {
    Resource::of(
        "enrolments",
        "Whoever was invited sets up an authenticator, then chooses a password.",
    )
    .route(Access::Open, routes!(begin))
    .route(Access::Open, routes!(finish))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Invited {
    /// The word of the invitation.
    #[schema(example = "k3v9w2mfc7hq8xz4t6ybndrjp5")]
    invitation: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Enrolling {
    #[schema(example = "k3v9w2mfc7hq8xz4t6ybndrjp5")]
    invitation: String,
    /// 12 characters or more that are not guessed early.
    #[schema(example = "tumbili mwekundu anacheza", format = Password, min_length = 12, max_length = 128)]
    password: String,
    /// The six digits the authenticator shows now.
    #[schema(example = "287082", pattern = "^[0-9]{6}$")]
    code: String,
}

/// What an authenticator app needs. Shown now and never again.
#[derive(Serialize, ToSchema)]
struct AuthenticatorView {
    #[schema(example = "wanjiku")]
    name: String,
    /// To be typed in, where the picture cannot be scanned.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: String,
    #[schema(
        example = "otpauth://totp/KwaStage:wanjiku?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=KwaStage"
    )]
    uri: String,
    /// The same as an SVG picture to be scanned.
    picture: String,
}

#[derive(Serialize, ToSchema)]
struct Enrolled {
    #[schema(example = "wanjiku")]
    name: String,
}

/// Set up the authenticator
#[utoipa::path(post, path = "/enrolments", request_body = Invited, responses((status = 200, body = AuthenticatorView)))]
async fn begin(door: Door, Body(typed): Body<Invited>) -> Result<Json<AuthenticatorView>, Problem> {
    let mut work = door.begin().await?;
    let word = Secret::new(typed.invitation.trim());
    let begun = staff::begin_enrolment(&mut work, &door.app.staff_keys, &word).await?;
    let name = begun.account.name;
    let view = AuthenticatorView {
        secret: begun.authenticator.base32().expose().to_owned(),
        uri: begun.authenticator.uri(&name)?.expose().to_owned(),
        picture: begun.authenticator.picture(&name)?.expose().to_owned(),
        name,
    };
    work.commit().await?;
    Ok(Json(view))
}

/// Choose a password and come in
///
/// The digits prove that the authenticator works. The invitation is used up.
#[utoipa::path(post, path = "/enrolments/confirmations", request_body = Enrolling, responses((status = 201, body = Enrolled)))]
async fn finish(
    door: Door,
    Body(typed): Body<Enrolling>,
) -> Result<(StatusCode, Json<Enrolled>), Problem> {
    let mut work = door.begin().await?;
    let (keys, desk) = (&door.app.staff_keys, &door.app.staff_passwords);
    let word = Secret::new(typed.invitation.trim());
    let (password, code) = (Secret::new(typed.password), Secret::new(typed.code));
    let account = staff::enrol(&mut work, keys, desk, &word, password, &code).await?;
    let actor = Actor::Person {
        id: account.id.0,
        name: account.name.clone(),
    };
    let act = Act::on("staff.enrol", "staff", account.id).at(account.stage);
    audit::write(&mut work, &door.trail(actor), act).await?;
    work.commit().await?;
    Ok((StatusCode::CREATED, Json(Enrolled { name: account.name })))
}

impl From<EnrolError> for Problem {
    fn from(error: EnrolError) -> Problem {
        match error {
            EnrolError::NotInvited => {
                refusals::invalid().with_field("invitation", "it does not hold")
            }
            EnrolError::Weak(weak) => refusals::invalid().with_field("password", weak.to_string()),
            EnrolError::WrongCode => {
                refusals::invalid().with_field("code", "not what the authenticator shows now")
            }
            EnrolError::Busy(busy) => busy.into(),
            EnrolError::Fault(fault) => fault.into(),
        }
    }
}
