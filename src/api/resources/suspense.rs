//! Money that waits for its owner.

use axum::Json;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use uuid::Uuid;

use crate::api::access::Access;
use crate::api::desk::Desk;
use crate::api::once::{Once, OnceKey};
use crate::api::page::{Page, Paging};
use crate::api::reading::{Body, Path, Query};
use crate::api::refusals;
use crate::api::resource::Resource;
use crate::audit::Act;
use crate::contributing::Destination;
use crate::fault::Fault;
use crate::http::Problem;
use crate::members::{MemberId, Who};
use crate::payments::{self, Receipt, Suspended};
use crate::primitives::Money;
use crate::settlement::{self, AllocateError};
use crate::staff::Permission;

pub(super) fn resource() -> Resource {
    Resource::of(
        "suspense",
        "Money that came to the paybill and waits for its owner.",
    )
    .route(Access::Needs(Permission::ReadSuspense), routes!(list))
    .route(
        Access::Fresh(Permission::AllocateSuspense),
        routes!(allocate),
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
struct SuspendedView {
    /// M-PESA's receipt.
    #[schema(example = "UK5B7K2M9P")]
    receipt: String,
    #[schema(value_type = String, example = "200.00")]
    amount: Money,
    /// What the payer typed.
    #[schema(example = "KS1042")]
    account: Option<String>,
    /// The payer's number as far as M-PESA shows it.
    #[schema(example = "2547 ***** 678")]
    payer: Option<String>,
    received_at: DateTime<Utc>,
    /// Since then it is owed back to its payer.
    refund_flagged_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Allocation {
    member: Uuid,
    into: Into,
}

/// Where the money goes. A pending member's goes to the joining fee, if it is just that.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Into {
    /// The fund of the member's stage.
    Fund,
    Wallet,
}

#[derive(Serialize, ToSchema)]
struct Allocated {
    #[schema(example = "UK5B7K2M9P")]
    receipt: String,
    member: Uuid,
    #[schema(value_type = String, example = "200.00")]
    amount: Money,
    into: Into,
}

/// List what waits
///
/// The longest first.
#[utoipa::path(get, path = "/suspense", params(Wanted), responses((status = 200, body = Page<SuspendedView>)))]
async fn list(
    desk: Desk,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<SuspendedView>>, Problem> {
    let paging = Paging::<(DateTime<Utc>, String)>::read(wanted.cursor.as_deref(), wanted.limit)?;
    let mut conn = desk.conn().await?;
    let after = paging.after.clone();
    let waiting = payments::suspense_after(&mut conn, after, paging.fetch()).await?;
    let place = |money: &Suspended| (money.received_at, money.receipt.clone());
    Ok(Json(paging.page(waiting, place, SuspendedView::from)))
}

/// Give money to a member
///
/// They get the receipt by SMS.
#[utoipa::path(post, path = "/suspense/{receipt}/allocation",
    params(("receipt" = String, Path, example = "UK5B7K2M9P"), ("idempotency-key" = String, Header, example = "3f1c2a7e-allocate")),
    request_body = Allocation, responses((status = 200, body = Allocated)))]
async fn allocate(
    desk: Desk,
    Path(receipt): Path<String>,
    key: OnceKey,
    Body(asked): Body<Allocation>,
) -> Result<Json<Value>, Problem> {
    let waiting = || refusals::not_found("payment in suspense");
    let receipt = Receipt::parse(&receipt).ok_or_else(waiting)?;
    let mut deed = desk.begin().await?;
    let route = format!("suspense.allocate {receipt}");
    let once = match Once::claim(&desk, &mut deed, key, &route, &asked).await? {
        Ok(once) => once,
        Err(answer) => return Ok(Json(answer)),
    };
    let into = match asked.into {
        Into::Fund => Destination::Fund,
        Into::Wallet => Destination::Wallet,
    };
    let who = Who::Id(MemberId(asked.member));
    let (member, amount) =
        settlement::allocate_by_hand(&desk.app, &mut deed.work, &receipt, &who, into).await?;
    let answer = Allocated {
        receipt: receipt.to_string(),
        member: member.id.0,
        amount,
        into: asked.into,
    };
    once.answered(&mut deed, &answer).await?;
    let act = Act::on("suspense.allocate", "receipt", &receipt).at(Some(member.stage));
    deed.commit(act.after(&answer)?).await?;
    Ok(Json(serde_json::to_value(answer).map_err(Fault::from)?))
}

impl From<Suspended> for SuspendedView {
    fn from(money: Suspended) -> SuspendedView {
        SuspendedView {
            receipt: money.receipt,
            amount: money.amount,
            account: money.account,
            payer: money.payer_hint,
            received_at: money.received_at,
            refund_flagged_at: money.refund_flagged_at,
        }
    }
}

impl From<AllocateError> for Problem {
    fn from(error: AllocateError) -> Problem {
        match error {
            AllocateError::NotInSuspense => refusals::not_found("payment in suspense"),
            AllocateError::NoMember => {
                refusals::invalid().with_field("member", "no member has that id")
            }
            AllocateError::NotForThem(_) => refusals::conflict(
                "not_for_them",
                "They are no active member, and the amount is not an open joining fee.",
            ),
            AllocateError::Fault(fault) => fault.into(),
        }
    }
}
