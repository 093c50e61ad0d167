//! Accounts of the desk's own people.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use uuid::Uuid;

use super::stages::{self, StageRef};
use crate::api::access::Access;
use crate::api::desk::Desk;
use crate::api::page::{Page, Paging};
use crate::api::reading::{Body, Fields, IfMatch, Path, Query, etag, stale};
use crate::api::refusals;
use crate::api::resource::Resource;
use crate::audit::Act;
use crate::http::Problem;
use crate::staff::{
    self, Account, AccountId, AccountName, Change, ChangeError, Invitation, InviteError,
    Permission, Role, Standing,
};

pub(super) fn resource() -> Resource {
    Resource::of(
        "staff accounts",
        "The desk's own people: who they are and what they may.",
    )
    .route(Access::Needs(Permission::ManageStaff), routes!(list))
    .route(Access::Needs(Permission::ManageStaff), routes!(show))
    .route(Access::Fresh(Permission::ManageStaff), routes!(invite))
    .route(Access::Fresh(Permission::ManageStaff), routes!(change))
    .route(
        Access::Fresh(Permission::ManageStaff),
        routes!(invite_again),
    )
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Wanted {
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

#[derive(Serialize, ToSchema)]
struct AccountView {
    id: Uuid,
    #[schema(example = "wanjiku")]
    name: String,
    role: Role,
    stage: Option<StageRef>,
    /// `invited`, `active` or `disabled`.
    #[schema(example = "active")]
    state: &'static str,
    created_at: DateTime<Utc>,
    version: i64,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    /// 3 to 32 of `a-z 0-9 . _ -`, a letter first.
    #[schema(example = "wanjiku", pattern = "^[a-z][a-z0-9._-]{2,31}$")]
    name: String,
    role: Role,
    /// The stage's code, for officials and coordinators and only for them.
    #[schema(example = "101")]
    stage: Option<String>,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AccountChange {
    role: Option<Role>,
    /// The stage's code, with a role that is for one stage.
    #[schema(example = "101")]
    stage: Option<String>,
    enabled: Option<bool>,
}

#[derive(Serialize, ToSchema)]
struct InvitationView {
    account: AccountView,
    /// Said now and never again: whoever holds it enrols with `POST /enrolments`.
    #[schema(example = "k3v9w2mfc7hq8xz4t6ybndrjp5")]
    invitation: String,
    until: DateTime<Utc>,
}

/// List accounts
#[utoipa::path(get, path = "/staff-accounts", params(Wanted), responses((status = 200, body = Page<AccountView>)))]
async fn list(
    desk: Desk,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<AccountView>>, Problem> {
    let paging = Paging::<String>::read(wanted.cursor.as_deref(), wanted.limit)?;
    let mut conn = desk.conn().await?;
    let after = paging.after.as_deref().unwrap_or_default();
    let accounts = staff::accounts(&mut conn, after, paging.fetch()).await?;
    let stages = stages::named(&mut conn, accounts.iter().filter_map(|one| one.stage)).await?;
    Ok(Json(paging.page(
        accounts,
        |account| account.name.clone(),
        |account| AccountView::of(account, &stages),
    )))
}

/// Show an account
#[utoipa::path(get, path = "/staff-accounts/{id}", params(("id" = Uuid, Path)), responses((status = 200, body = AccountView)))]
async fn show(desk: Desk, Path(id): Path<Uuid>) -> Result<Response, Problem> {
    let mut conn = desk.conn().await?;
    let account = staff::account(&mut conn, AccountId(id)).await?;
    let account = account.ok_or_else(|| refusals::not_found("account"))?;
    let stages = stages::named(&mut conn, account.stage).await?;
    let version = account.version;
    Ok((etag(version), Json(AccountView::of(account, &stages))).into_response())
}

/// Invite somebody
#[utoipa::path(post, path = "/staff-accounts", request_body = NewAccount, responses((status = 201, body = InvitationView)))]
async fn invite(
    desk: Desk,
    Body(asked): Body<NewAccount>,
) -> Result<(StatusCode, Json<InvitationView>), Problem> {
    let mut fields = Fields::default();
    let name = fields.read("name", AccountName::parse(&asked.name));
    let Some(name) = name else {
        return Err(fields.refused());
    };
    appoints(&desk, asked.role)?;
    let mut deed = desk.begin().await?;
    let stage = match &asked.stage {
        Some(code) => Some(stages::by_code(deed.work.conn(), "stage", code).await?.id),
        None => None,
    };
    let invitation = staff::invite(&mut deed.work, &name, asked.role, stage).await?;
    let view = told(&mut deed.work, invitation).await?;
    let act = Act::on("staff.invite", "staff", view.account.id).at(stage);
    deed.commit(act.after(&view.account)?).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Change an account
///
/// Its role with the stage, or whether it is enabled. It takes effect at once, also for who is signed in. Nobody changes their
/// own account, and only the super admin makes admins.
#[utoipa::path(patch, path = "/staff-accounts/{id}", params(("id" = Uuid, Path), ("if-match" = String, Header, example = "\"3\"")),
    request_body = AccountChange, responses((status = 200, body = AccountView)))]
async fn change(
    desk: Desk,
    Path(id): Path<Uuid>,
    IfMatch(version): IfMatch,
    Body(asked): Body<AccountChange>,
) -> Result<Response, Problem> {
    if asked.role.is_none() && asked.stage.is_some() {
        return Err(refusals::invalid().with_field("role", "a stage goes with a role"));
    }
    let Standing::Person { role: own, .. } = desk.officer.standing else {
        return Err(refusals::not_signed_in());
    };
    let mut deed = desk.begin().await?;
    let stage = match &asked.stage {
        Some(code) => Some(stages::by_code(deed.work.conn(), "stage", code).await?.id),
        None => None,
    };
    let wanted = Change {
        post: asked.role.map(|role| (role, stage)),
        enabled: asked.enabled,
    };
    let by = Some((AccountId(desk.officer.id), own));
    let changed = staff::change(&mut deed.work, by, AccountId(id), Some(version), wanted).await;
    let (before, after) = changed?;
    let both = [before.stage, after.stage].into_iter().flatten();
    let stages = stages::named(deed.work.conn(), both).await?;
    let at = after.stage;
    let (before, after) = (
        AccountView::of(before, &stages),
        AccountView::of(after, &stages),
    );
    let act = Act::on("staff.change", "staff", id).at(at);
    deed.commit(act.before(&before)?.after(&after)?).await?;
    Ok((etag(after.version), Json(after)).into_response())
}

/// Invite somebody again
///
/// For who has lost the password or the authenticator. Everything they have open is ended.
#[utoipa::path(post, path = "/staff-accounts/{id}/invitations", params(("id" = Uuid, Path)), responses((status = 201, body = InvitationView)))]
async fn invite_again(
    desk: Desk,
    Path(id): Path<Uuid>,
) -> Result<(StatusCode, Json<InvitationView>), Problem> {
    if desk.officer.id == id {
        return Err(ChangeError::Oneself.into());
    }
    let mut deed = desk.begin().await?;
    let account = staff::account(deed.work.conn(), AccountId(id)).await?;
    let account = account.ok_or_else(|| refusals::not_found("account"))?;
    appoints(&desk, account.role)?;
    let invitation = staff::invite_again(&mut deed.work, AccountId(id)).await?;
    let view = told(&mut deed.work, invitation).await?;
    let act = Act::on("staff.invite_again", "staff", id).at(account.stage);
    deed.commit(act.after(&view.account)?).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

fn appoints(desk: &Desk, role: Role) -> Result<(), Problem> {
    match desk.officer.standing {
        Standing::Person { role: own, .. } if own.may_appoint(role) => Ok(()),
        _ => Err(not_yours()),
    }
}

fn not_yours() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "not_yours_to_give",
        "This role is not yours to give or take.",
    )
}

async fn told(
    work: &mut crate::work::Work,
    invitation: Invitation,
) -> Result<InvitationView, Problem> {
    let stages = stages::named(work.conn(), invitation.account.stage).await?;
    Ok(InvitationView {
        account: AccountView::of(invitation.account, &stages),
        invitation: invitation.word.expose().to_owned(),
        until: invitation.until,
    })
}

impl AccountView {
    fn of(account: Account, stages: &stages::Named) -> AccountView {
        AccountView {
            id: account.id.0,
            name: account.name,
            role: account.role,
            stage: account.stage.and_then(|stage| stages.get(&stage).cloned()),
            state: account.state.as_str(),
            created_at: account.created_at,
            version: account.version,
        }
    }
}

impl From<InviteError> for Problem {
    fn from(error: InviteError) -> Problem {
        match error {
            InviteError::NameTaken => {
                refusals::conflict("name_taken", "This account name is taken.")
            }
            InviteError::StageDoesNotFit => {
                refusals::invalid().with_field("stage", InviteError::StageDoesNotFit.to_string())
            }
            InviteError::NotFound => refusals::not_found("account"),
            InviteError::Fault(fault) => fault.into(),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Problem {
        match error {
            ChangeError::NotFound => refusals::not_found("account"),
            ChangeError::Oneself => {
                refusals::conflict("own_account", "Nobody changes their own account.")
            }
            ChangeError::NotYours => not_yours(),
            ChangeError::StageDoesNotFit => {
                refusals::invalid().with_field("stage", ChangeError::StageDoesNotFit.to_string())
            }
            ChangeError::Stale => stale(),
            ChangeError::NotEnrolled => {
                refusals::conflict("not_enrolled", "The account has not been enrolled yet.")
            }
            ChangeError::Fault(fault) => fault.into(),
        }
    }
}
