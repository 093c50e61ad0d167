//! Riders, from asking to join to the card.

use axum::Json;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use uuid::Uuid;

use super::stages::{self, Named, StageRef};
use crate::api::access::Access;
use crate::api::desk::Desk;
use crate::api::page::{Page, Paging};
use crate::api::reading::{Body, Fields, Path, Query};
use crate::api::refusals;
use crate::api::resource::Resource;
use crate::audit::Act;
use crate::http::Problem;
use crate::members::{
    self, ApprovalRefused, ApproveError, Fee, Member, MemberId, Reason, RefuseError, Search,
    StatusWord, Who,
};
use crate::staff::Permission;
use crate::thawing::{self, ThawError};
use crate::welcome;

const TEXT_LENGTH_MAX: usize = 80;

pub(super) fn resource() -> Resource {
    Resource::of("members", "Riders, from asking to join to the card.")
        .route(Access::Needs(Permission::ReadMembers), routes!(list))
        .route(Access::Needs(Permission::ReadMembers), routes!(show))
        .route(Access::Needs(Permission::DecideMembers), routes!(approve))
        .route(Access::Needs(Permission::DecideMembers), routes!(refuse))
        .route(Access::Fresh(Permission::ThawWallets), routes!(thaw))
        .route(Access::Needs(Permission::SeePhones), routes!(disclose))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// A phone, a member number, an id, or how the names begin.
    #[param(example = "Amina W", max_length = 80)]
    search: Option<String>,
    /// `pending`, `approved`, `active`, `suspended` or `refused`.
    #[param(example = "pending")]
    status: Option<String>,
    /// The stage's code.
    #[param(example = "101")]
    stage: Option<String>,
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

#[derive(Serialize, ToSchema)]
struct MemberView {
    id: Uuid,
    #[schema(example = "KTS-2026-0001")]
    number: Option<String>,
    #[schema(example = "Amina")]
    first_name: String,
    #[schema(example = "Wanjiru")]
    last_name: String,
    /// Masked; `POST /members/{id}/disclosures` says it whole.
    #[schema(example = "2547•••001")]
    phone: String,
    #[schema(example = "sw")]
    language: String,
    stage: Option<StageRef>,
    /// `pending`, `approved`, `active`, `suspended` or `refused`.
    #[schema(example = "active")]
    status: &'static str,
    /// Why refused or suspended.
    reason: Option<String>,
    joined_at: DateTime<Utc>,
    approved_at: Option<DateTime<Utc>>,
    fee_paid_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Approval {
    /// Even though the joining fee is not paid yet.
    #[serde(default)]
    without_fee: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Refusal {
    /// 1 to 120 characters, told to the rider by SMS.
    #[schema(
        example = "the national id does not match the name",
        min_length = 1,
        max_length = 120
    )]
    reason: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Purpose {
    /// 5 to 300 characters for the book.
    #[schema(
        example = "came to the office with the national id",
        min_length = 5,
        max_length = 300
    )]
    why: String,
}

#[derive(Serialize, ToSchema)]
struct Phone {
    #[schema(example = "+254711000001")]
    phone: String,
}

/// Search members
///
/// The newest first. Who works for one stage finds that stage's members.
#[utoipa::path(get, path = "/members", params(Wanted), responses((status = 200, body = Page<MemberView>)))]
async fn list(desk: Desk, Query(wanted): Query<Wanted>) -> Result<Json<Page<MemberView>>, Problem> {
    let paging = Paging::<(DateTime<Utc>, Uuid)>::read(wanted.cursor.as_deref(), wanted.limit)?;
    let mut fields = Fields::default();
    let status = match wanted.status.as_deref() {
        None => Some(None),
        Some(word) => fields.read(
            "status",
            StatusWord::parse(word)
                .map(Some)
                .ok_or("no status is called that"),
        ),
    };
    let text = match wanted
        .search
        .as_deref()
        .filter(|text| !text.trim().is_empty())
    {
        None => Some(None),
        Some(text) => fields.text("search", text, 1..=TEXT_LENGTH_MAX).map(Some),
    };
    let (Some(status), Some(text)) = (status, text) else {
        return Err(fields.refused());
    };
    let mut conn = desk.conn().await?;
    let stage = match &wanted.stage {
        Some(code) => Some(stages::by_code(&mut conn, "stage", code).await?.id),
        None => None,
    };
    let own = desk.officer.stage();
    if own.is_some() && stage.is_some() && own != stage {
        return Err(refusals::not_found("stage"));
    }
    let search = Search {
        text,
        status,
        stage: stage.or(own),
        after: paging.after,
    };
    let found = members::search(&mut conn, &search, paging.fetch()).await?;
    let named = stages::named(&mut conn, found.iter().map(|member| member.stage)).await?;
    Ok(Json(paging.page(
        found,
        |member| (member.joined_at, member.id.0),
        |member| MemberView::of(&member, &named),
    )))
}

/// Show a member
#[utoipa::path(get, path = "/members/{id}", params(("id" = Uuid, Path)), responses((status = 200, body = MemberView)))]
async fn show(desk: Desk, Path(id): Path<Uuid>) -> Result<Json<MemberView>, Problem> {
    let mut conn = desk.conn().await?;
    let member = seen(&desk, &mut conn, id).await?;
    Ok(Json(view(&mut conn, &member).await?))
}

/// Approve who asked to join
///
/// They are told by SMS, and numbered a moment later.
#[utoipa::path(post, path = "/members/{id}/approval", params(("id" = Uuid, Path)), request_body = Approval, responses((status = 200, body = MemberView)))]
async fn approve(
    desk: Desk,
    Path(id): Path<Uuid>,
    Body(asked): Body<Approval>,
) -> Result<Json<MemberView>, Problem> {
    let fee = match asked.without_fee {
        true => Fee::MayFollow,
        false => Fee::MustBePaid,
    };
    let fee_due = desk.app.config.fees.registration;
    let mut deed = desk.begin().await?;
    let member = seen(&desk, deed.work.conn(), id).await?;
    let before = view(deed.work.conn(), &member).await?;
    welcome::approve(&mut deed.work, &Who::Id(member.id), fee, fee_due).await?;
    let after = seen(&desk, deed.work.conn(), id).await?;
    let after = view(deed.work.conn(), &after).await?;
    let act = Act::on("member.approve", "member", id).at(Some(member.stage));
    deed.commit(act.before(&before)?.after(&after)?).await?;
    Ok(Json(after))
}

/// Refuse who asked to join
///
/// They are told why by SMS.
#[utoipa::path(post, path = "/members/{id}/refusal", params(("id" = Uuid, Path)), request_body = Refusal, responses((status = 200, body = MemberView)))]
async fn refuse(
    desk: Desk,
    Path(id): Path<Uuid>,
    Body(asked): Body<Refusal>,
) -> Result<Json<MemberView>, Problem> {
    let mut fields = Fields::default();
    let reason = Reason::parse(&asked.reason).map_err(|_| "1 to 120 characters on one line");
    let Some(reason) = fields.read("reason", reason) else {
        return Err(fields.refused());
    };
    let mut deed = desk.begin().await?;
    let member = seen(&desk, deed.work.conn(), id).await?;
    let before = view(deed.work.conn(), &member).await?;
    welcome::refuse(&mut deed.work, &Who::Id(member.id), reason).await?;
    let after = seen(&desk, deed.work.conn(), id).await?;
    let after = view(deed.work.conn(), &after).await?;
    let act = Act::on("member.refuse", "member", id).at(Some(member.stage));
    deed.commit(act.before(&before)?.after(&after)?).await?;
    Ok(Json(after))
}

/// Open a frozen wallet again
///
/// Its owner has come with the national id, and is told by SMS.
#[utoipa::path(post, path = "/members/{id}/thaw", params(("id" = Uuid, Path)), request_body = Purpose, responses((status = 200, body = MemberView)))]
async fn thaw(
    desk: Desk,
    Path(id): Path<Uuid>,
    Body(asked): Body<Purpose>,
) -> Result<Json<MemberView>, Problem> {
    let why = why(&asked)?;
    let mut deed = desk.begin().await?;
    let member = seen(&desk, deed.work.conn(), id).await?;
    thawing::thaw(&mut deed.work, &Who::Id(member.id)).await?;
    let view = view(deed.work.conn(), &member).await?;
    let act = Act::on("member.thaw", "member", id).at(Some(member.stage));
    deed.commit(act.why(why)).await?;
    Ok(Json(view))
}

/// Say a phone number whole
///
/// For who has to call. Who asked and why stands in the book.
#[utoipa::path(post, path = "/members/{id}/disclosures", params(("id" = Uuid, Path)), request_body = Purpose, responses((status = 200, body = Phone)))]
async fn disclose(
    desk: Desk,
    Path(id): Path<Uuid>,
    Body(asked): Body<Purpose>,
) -> Result<Json<Phone>, Problem> {
    let why = why(&asked)?;
    let mut deed = desk.begin().await?;
    let member = seen(&desk, deed.work.conn(), id).await?;
    let act = Act::on("member.disclose", "member", id).at(Some(member.stage));
    deed.commit(act.why(why)).await?;
    Ok(Json(Phone {
        phone: member.msisdn.e164(),
    }))
}

fn why(asked: &Purpose) -> Result<String, Problem> {
    let mut fields = Fields::default();
    let why = fields.text("why", &asked.why, 5..=300);
    why.ok_or_else(|| fields.refused())
}

/// The member of an id, where they are theirs to see.
async fn seen(desk: &Desk, conn: &mut PgConnection, id: Uuid) -> Result<Member, Problem> {
    let member = members::load(conn, MemberId(id)).await?;
    let member = member.ok_or_else(|| refusals::not_found("member"))?;
    desk.sees(Some(member.stage), "member")?;
    Ok(member)
}

async fn view(conn: &mut PgConnection, member: &Member) -> Result<MemberView, Problem> {
    let named = stages::named(conn, [member.stage]).await?;
    Ok(MemberView::of(member, &named))
}

impl MemberView {
    fn of(member: &Member, named: &Named) -> MemberView {
        MemberView {
            id: member.id.0,
            number: member.number.as_ref().map(ToString::to_string),
            first_name: member.first_name.as_str().to_owned(),
            last_name: member.last_name.as_str().to_owned(),
            phone: member.msisdn.to_string(),
            language: member.language.as_str().to_owned(),
            stage: named.get(&member.stage).cloned(),
            status: member.status.word().as_str(),
            reason: member.status.reason().map(ToString::to_string),
            joined_at: member.joined_at,
            approved_at: member.status.approved_at(),
            fee_paid_at: member.fee_paid_at,
        }
    }
}

impl From<ApproveError> for Problem {
    fn from(error: ApproveError) -> Problem {
        match error {
            ApproveError::NotFound => refusals::not_found("member"),
            ApproveError::Refused(ApprovalRefused::FeeNotPaid) => {
                refusals::conflict("fee_not_paid", "The joining fee has not been paid yet.")
            }
            ApproveError::Refused(ApprovalRefused::NotPending(status)) => not_pending(status),
            ApproveError::Fault(fault) => fault.into(),
        }
    }
}

impl From<RefuseError> for Problem {
    fn from(error: RefuseError) -> Problem {
        match error {
            RefuseError::NotFound => refusals::not_found("member"),
            RefuseError::NotPending(status) => not_pending(status),
            RefuseError::Fault(fault) => fault.into(),
        }
    }
}

impl From<ThawError> for Problem {
    fn from(error: ThawError) -> Problem {
        match error {
            ThawError::NoMember => refusals::not_found("member"),
            ThawError::NotFrozen(_) => {
                refusals::conflict("not_frozen", "This wallet is not frozen.")
            }
            ThawError::Fault(fault) => fault.into(),
        }
    }
}

fn not_pending(status: StatusWord) -> Problem {
    refusals::conflict(
        "not_pending",
        "Only who asked to join can be decided about.",
    )
    .with_detail(format!("This one is {status}."))
}
