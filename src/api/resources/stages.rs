//! Stages, who serves them, and their funds.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use uuid::Uuid;

use crate::api::access::Access;
use crate::api::desk::Desk;
use crate::api::page::{Page, Paging};
use crate::api::reading::{Body, Fields, Path, Query};
use crate::api::refusals;
use crate::api::resource::Resource;
use crate::audit::Act;
use crate::fault::Fault;
use crate::http::Problem;
use crate::members::{self, Member, MemberId};
use crate::primitives::Money;
use crate::staff::Permission;
use crate::stages::{self, Opening, Stage, StageCode, StageId};
use crate::welfare::{self, Direction, Period, Plan};

/// What a plan may ask for each week, in shillings, and when it may begin: as the table of plans has it.
const WEEKLY: RangeInclusive<u32> = 10..=150_000;
const YEARS: RangeInclusive<i32> = 2020..=2199;

pub(super) fn resource() -> Resource {
    Resource::of("stages", "Stages, who serves them, and their funds.")
        .route(Access::Needs(Permission::ReadStages), routes!(list))
        .route(Access::Needs(Permission::ReadStages), routes!(show))
        .route(Access::Fresh(Permission::ManageStages), routes!(open))
        .route(Access::Needs(Permission::ReadStages), routes!(officers))
        .route(Access::Fresh(Permission::ManageStages), routes!(appoint))
        .route(Access::Fresh(Permission::ManageStages), routes!(dismiss))
        .route(Access::Needs(Permission::ReadFunds), routes!(fund))
}

/// A stage as other things name it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct StageRef {
    #[schema(example = "101")]
    code: String,
    #[schema(example = "Kencom")]
    name: String,
}

pub(super) type Named = HashMap<StageId, StageRef>;

/// These stages, in one query.
pub(super) async fn named(
    conn: &mut PgConnection,
    ids: impl IntoIterator<Item = StageId>,
) -> Result<Named, Fault> {
    let mut ids: Vec<StageId> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(Named::new());
    }
    let stages = stages::of_ids(conn, &ids).await?;
    Ok(stages
        .into_iter()
        .map(|stage| (stage.id, stage.into()))
        .collect())
}

/// The stage of a code that stands in a field of a request.
pub(super) async fn by_code(
    conn: &mut PgConnection,
    field: &'static str,
    code: &str,
) -> Result<Stage, Problem> {
    let unknown = || refusals::invalid().with_field(field, "no stage has that code");
    let code = StageCode::parse(code).map_err(|_| unknown())?;
    stages::find_by_code(conn, &code).await?.ok_or_else(unknown)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Wanted {
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

#[derive(Serialize, ToSchema)]
struct StageView {
    #[schema(example = "101")]
    code: String,
    #[schema(example = "Kencom")]
    name: String,
    #[schema(example = "CBD")]
    zone: String,
    #[schema(example = "Nairobi")]
    region: String,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewStage {
    /// Three to five digits.
    #[schema(example = "204", pattern = "^[0-9]{3,5}$")]
    code: String,
    #[schema(example = "Globe Cinema", min_length = 2, max_length = 20)]
    name: String,
    /// Written down with the stage where it is new, as the region is.
    #[schema(example = "CBD", min_length = 2, max_length = 24)]
    zone: String,
    #[schema(example = "Nairobi", min_length = 2, max_length = 24)]
    region: String,
    contribution: Option<NewPlan>,
}

/// What a rider of the stage pays into its fund.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPlan {
    /// Each week, in whole shillings.
    #[schema(minimum = 10, maximum = 150_000, example = 100)]
    weekly: u32,
    /// The first day that is due.
    #[schema(example = "2026-12-07")]
    from: NaiveDate,
}

#[derive(Serialize, ToSchema)]
struct OfficerView {
    member: Uuid,
    #[schema(example = "Wambui")]
    first_name: String,
    /// Masked.
    #[schema(example = "2547•••003")]
    phone: String,
    /// `official` or `coordinator`.
    #[schema(example = "coordinator")]
    role: &'static str,
    on_duty: bool,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Appointment {
    member: Uuid,
    role: StageRole,
}

/// A role that a member has at a stage.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StageRole {
    Official,
    Coordinator,
}

#[derive(Serialize, ToSchema)]
struct FundView {
    stage: StageRef,
    #[schema(value_type = String, example = "48250.00")]
    balance: Money,
    /// Since the first of this month in Nairobi.
    #[schema(value_type = String, example = "12400.00")]
    month_in: Money,
    #[schema(value_type = String, example = "5000.00")]
    month_out: Money,
    /// The last five, newest first.
    last: Vec<MovementView>,
}

#[derive(Serialize, ToSchema)]
struct MovementView {
    at: DateTime<Utc>,
    /// `in` or `out`.
    #[schema(example = "in")]
    direction: &'static str,
    #[schema(value_type = String, example = "200.00")]
    amount: Money,
    /// Who paid, or whom it was for; masked.
    #[schema(example = "Ami***")]
    person: String,
}

/// List stages
///
/// Who works for one stage gets that one.
#[utoipa::path(get, path = "/stages", params(Wanted), responses((status = 200, body = Page<StageView>)))]
async fn list(desk: Desk, Query(wanted): Query<Wanted>) -> Result<Json<Page<StageView>>, Problem> {
    let paging = Paging::<String>::read(wanted.cursor.as_deref(), wanted.limit)?;
    let mut conn = desk.conn().await?;
    let after = paging.after.as_deref().unwrap_or_default();
    let stages = stages::list(&mut conn, after, desk.officer.stage(), paging.fetch()).await?;
    let place = |stage: &Stage| stage.code.as_str().to_owned();
    Ok(Json(paging.page(stages, place, StageView::from)))
}

/// Show a stage
#[utoipa::path(get, path = "/stages/{code}", params(("code" = String, Path, example = "101")), responses((status = 200, body = StageView)))]
async fn show(desk: Desk, Path(code): Path<String>) -> Result<Json<StageView>, Problem> {
    let mut conn = desk.conn().await?;
    Ok(Json(seen(&desk, &mut conn, &code).await?.into()))
}

/// Open a stage
///
/// Opening the same stage again without a contribution is an ordinary thing and changes nothing.
#[utoipa::path(post, path = "/stages", request_body = NewStage, responses((status = 201, body = StageView)))]
async fn open(
    desk: Desk,
    Body(asked): Body<NewStage>,
) -> Result<(StatusCode, Json<StageView>), Problem> {
    let mut fields = Fields::default();
    let code = fields.read("code", StageCode::parse(&asked.code));
    let name = fields.text("name", &asked.name, 2..=20);
    let zone = fields.text("zone", &asked.zone, 2..=24);
    let region = fields.text("region", &asked.region, 2..=24);
    let plan = match &asked.contribution {
        None => Some(None),
        Some(plan) if WEEKLY.contains(&plan.weekly) && YEARS.contains(&plan.from.year()) => {
            Some(Some(Plan {
                period: Period::Week,
                amount: Money::from_shillings(plan.weekly.into()),
                starts_on: plan.from,
            }))
        }
        Some(plan) if WEEKLY.contains(&plan.weekly) => {
            fields.read("contribution.from", Err("2020 to 2199"))
        }
        Some(_) => fields.read("contribution.weekly", Err("10 to 150000 shillings")),
    };
    let (Some(code), Some(name), Some(zone), Some(region), Some(plan)) =
        (code, name, zone, region, plan)
    else {
        return Err(fields.refused());
    };
    let opening = Opening {
        code,
        name,
        zone,
        region,
    };
    let mut deed = desk.begin().await?;
    if stages::is_name_taken(deed.work.conn(), &opening).await? {
        return Err(refusals::conflict(
            "name_taken",
            "Another stage of this zone has this name.",
        ));
    }
    let known = stages::find_by_code(deed.work.conn(), &opening.code).await?;
    let stage = stages::open(&mut deed.work, &opening).await?;
    if (&stage.name, &stage.zone, &stage.region) != (&opening.name, &opening.zone, &opening.region)
    {
        return Err(refusals::conflict(
            "code_taken",
            "Another stage has this code.",
        ));
    }
    if known.is_some() && plan.is_some() {
        return Err(refusals::conflict(
            "already_open",
            "This stage is open already; what its riders pay is not changed by opening it again.",
        ));
    }
    if let Some(plan) = &plan {
        welfare::adopt_plan(&mut deed.work, stage.id.0, "rider", plan).await?;
    }
    let act = Act::on("stage.open", "stage", &stage.code).at(Some(stage.id));
    deed.commit(act.after(&asked)?).await?;
    Ok((StatusCode::CREATED, Json(stage.into())))
}

/// List who serves a stage
#[utoipa::path(get, path = "/stages/{code}/officers", params(("code" = String, Path, example = "101")), responses((status = 200, body = Page<OfficerView>)))]
async fn officers(
    desk: Desk,
    Path(code): Path<String>,
) -> Result<Json<Page<OfficerView>>, Problem> {
    let mut conn = desk.conn().await?;
    let stage = seen(&desk, &mut conn, &code).await?;
    let mut data = Vec::new();
    for role in [members::Role::Official, members::Role::Coordinator] {
        let on_duty = members::officers_on_duty(&mut conn, stage.id, role).await?;
        for one in members::officers(&mut conn, stage.id, role).await? {
            data.push(OfficerView {
                member: one.id.0,
                first_name: one.first_name.as_str().to_owned(),
                phone: one.msisdn.to_string(),
                role: role.as_str(),
                on_duty: on_duty.iter().any(|there| there.id == one.id),
            });
        }
    }
    Ok(Json(Page { data, next: None }))
}

/// Appoint somebody
///
/// Gives a member a role at the stage, on duty at once.
#[utoipa::path(post, path = "/stages/{code}/officers", params(("code" = String, Path, example = "101")), request_body = Appointment, responses((status = 204)))]
async fn appoint(
    desk: Desk,
    Path(code): Path<String>,
    Body(asked): Body<Appointment>,
) -> Result<StatusCode, Problem> {
    let mut deed = desk.begin().await?;
    let stage = seen(&desk, deed.work.conn(), &code).await?;
    let member = member(deed.work.conn(), asked.member).await?;
    members::appoint(&mut deed.work, member.id, stage.id, asked.role.into()).await?;
    let act = Act::on("stage.appoint", "member", member.id).at(Some(stage.id));
    deed.commit(act.after(&asked)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Dismiss somebody
#[utoipa::path(delete, path = "/stages/{code}/officers/{role}/{member}",
    params(("code" = String, Path, example = "101"), ("role" = String, Path, example = "coordinator"), ("member" = Uuid, Path)),
    responses((status = 204)))]
async fn dismiss(
    desk: Desk,
    Path((code, role, member)): Path<(String, String, Uuid)>,
) -> Result<StatusCode, Problem> {
    let not_there = || refusals::not_found("officer");
    let role = members::Role::parse(&role).ok_or_else(not_there)?;
    let mut deed = desk.begin().await?;
    let stage = seen(&desk, deed.work.conn(), &code).await?;
    if !members::dismiss(&mut deed.work, MemberId(member), stage.id, role).await? {
        return Err(not_there());
    }
    let act = Act::on("stage.dismiss", "member", member).at(Some(stage.id));
    deed.commit(act.before(&role)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Show the fund of a stage
#[utoipa::path(get, path = "/stages/{code}/fund", params(("code" = String, Path, example = "101")), responses((status = 200, body = FundView)))]
async fn fund(desk: Desk, Path(code): Path<String>) -> Result<Json<FundView>, Problem> {
    let mut conn = desk.conn().await?;
    let stage = seen(&desk, &mut conn, &code).await?;
    let statement = welfare::fund_statement(&mut conn, stage.id.0, desk.now()).await?;
    let last = statement.last.into_iter().map(|movement| MovementView {
        at: movement.at,
        direction: match movement.direction {
            Direction::In => "in",
            Direction::Out => "out",
        },
        amount: movement.amount,
        person: movement.person.to_string(),
    });
    Ok(Json(FundView {
        stage: stage.into(),
        balance: statement.balance,
        month_in: statement.month_in,
        month_out: statement.month_out,
        last: last.collect(),
    }))
}

/// The stage under an address, where it is theirs to see.
async fn seen(desk: &Desk, conn: &mut PgConnection, code: &str) -> Result<Stage, Problem> {
    let not_there = || refusals::not_found("stage");
    let code = StageCode::parse(code).map_err(|_| not_there())?;
    let stage = stages::find_by_code(conn, &code).await?;
    let stage = stage.ok_or_else(not_there)?;
    desk.sees(Some(stage.id), "stage")?;
    Ok(stage)
}

async fn member(conn: &mut PgConnection, id: Uuid) -> Result<Member, Problem> {
    let member = members::load(conn, MemberId(id)).await?;
    member.ok_or_else(|| refusals::invalid().with_field("member", "no member has that id"))
}

impl From<Stage> for StageRef {
    fn from(stage: Stage) -> StageRef {
        StageRef {
            code: stage.code.as_str().to_owned(),
            name: stage.name,
        }
    }
}

impl From<Stage> for StageView {
    fn from(stage: Stage) -> StageView {
        StageView {
            code: stage.code.as_str().to_owned(),
            name: stage.name,
            zone: stage.zone,
            region: stage.region,
        }
    }
}

impl From<StageRole> for members::Role {
    fn from(role: StageRole) -> members::Role {
        match role {
            StageRole::Official => members::Role::Official,
            StageRole::Coordinator => members::Role::Coordinator,
        }
    }
}
