//! Payments that were asked for by M-PESA.

use axum::Json;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use uuid::Uuid;

use super::stages::{self, Named, StageRef};
use crate::api::access::Access;
use crate::api::desk::Desk;
use crate::api::page::{Page, Paging};
use crate::api::reading::{Path, Query};
use crate::api::refusals;
use crate::api::resource::Resource;
use crate::http::Problem;
use crate::payments::{self, Listed, Tried};
use crate::primitives::Money;
use crate::staff::Permission;

const STATES: [&str; 4] = ["open", "paid", "unpaid", "operator"];

pub(super) fn resource() -> Resource {
    Resource::of(
        "payments",
        "Payments that were asked for by M-PESA, and what became of them.",
    )
    .route(Access::Needs(Permission::ReadPayments), routes!(list))
    .route(Access::Needs(Permission::ReadPayments), routes!(show))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// `open`, `paid`, `unpaid`, or `operator`: a person decides.
    #[param(example = "operator")]
    state: Option<String>,
    member: Option<Uuid>,
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

#[derive(Serialize, ToSchema)]
struct PaymentView {
    id: Uuid,
    /// `registration_fee`, `contribution` or `top_up`.
    #[schema(example = "contribution")]
    purpose: String,
    member: Uuid,
    /// Where it goes into a fund.
    stage: Option<StageRef>,
    /// Shillings.
    #[schema(value_type = String, example = "200.00")]
    amount: Money,
    #[schema(example = "paid")]
    state: String,
    /// Masked.
    #[schema(example = "2547•••001")]
    payer: String,
    created_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, ToSchema)]
struct PaymentFile {
    payment: PaymentView,
    /// Every push to the payer's phone, oldest first.
    attempts: Vec<AttemptView>,
}

#[derive(Serialize, ToSchema)]
struct AttemptView {
    /// What the prompt and the payer's M-PESA message show.
    #[schema(example = "KSA10001")]
    reference: String,
    #[schema(example = "paid")]
    state: String,
    created_at: DateTime<Utc>,
    submitted_at: Option<DateTime<Utc>>,
    /// Result code or name of the refusal that ended it.
    ended_by: Option<String>,
    /// Two independent sources say that it was paid.
    certain: bool,
    #[schema(example = json!(["UK5B7K2M9P"]))]
    receipts: Vec<String>,
}

/// List payments
///
/// The newest first. Who works for one stage sees what goes into its fund.
#[utoipa::path(get, path = "/payments", params(Wanted), responses((status = 200, body = Page<PaymentView>)))]
async fn list(
    desk: Desk,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<PaymentView>>, Problem> {
    let paging = Paging::<(DateTime<Utc>, Uuid)>::read(wanted.cursor.as_deref(), wanted.limit)?;
    if wanted
        .state
        .as_deref()
        .is_some_and(|state| !STATES.contains(&state))
    {
        return Err(refusals::invalid().with_field("state", "no state is called that"));
    }
    let asked = payments::Wanted {
        state: wanted.state,
        member: wanted.member,
        stage: desk.officer.stage(),
        after: paging.after,
    };
    let mut conn = desk.conn().await?;
    let listed = payments::listed(&mut conn, &asked, paging.fetch()).await?;
    let named = stages::named(&mut conn, listed.iter().filter_map(|one| one.stage)).await?;
    Ok(Json(paging.page(
        listed,
        |payment| (payment.created_at, payment.id),
        |payment| PaymentView::of(payment, &named),
    )))
}

/// Follow a payment
#[utoipa::path(get, path = "/payments/{id}", params(("id" = Uuid, Path)), responses((status = 200, body = PaymentFile)))]
async fn show(desk: Desk, Path(id): Path<Uuid>) -> Result<Json<PaymentFile>, Problem> {
    let mut conn = desk.conn().await?;
    let followed = payments::followed(&mut conn, id).await?;
    let (payment, tries) = followed.ok_or_else(|| refusals::not_found("payment"))?;
    desk.sees(payment.stage, "payment")?;
    let named = stages::named(&mut conn, payment.stage).await?;
    Ok(Json(PaymentFile {
        payment: PaymentView::of(payment, &named),
        attempts: tries.into_iter().map(AttemptView::from).collect(),
    }))
}

impl PaymentView {
    fn of(payment: Listed, named: &Named) -> PaymentView {
        PaymentView {
            id: payment.id,
            purpose: payment.purpose,
            member: payment.member,
            stage: payment.stage.and_then(|stage| named.get(&stage).cloned()),
            amount: payment.amount,
            state: payment.state,
            payer: payment.payer.to_string(),
            created_at: payment.created_at,
            closed_at: payment.closed_at,
        }
    }
}

impl From<Tried> for AttemptView {
    fn from(tried: Tried) -> AttemptView {
        AttemptView {
            reference: tried.reference,
            state: tried.state,
            created_at: tried.created_at,
            submitted_at: tried.submitted_at,
            ended_by: tried.ended_by,
            certain: tried.certain,
            receipts: tried.receipts,
        }
    }
}
