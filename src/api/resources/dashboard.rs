//! What somebody who opens the desk wants to see first.

use axum::Json;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::access::Access;
use crate::api::desk::Desk;
use crate::api::resource::Resource;
use crate::http::Problem;
use crate::primitives::{Money, nairobi_date, nairobi_day_start};
use crate::staff::Permission;
use crate::{emergencies, members, payments};

pub(super) fn resource() -> Resource {
    Resource::of(
        "dashboard",
        "What somebody who opens the desk wants to see first.",
    )
    .route(Access::Needs(Permission::ReadDashboard), routes!(show))
}

#[derive(Serialize, ToSchema)]
struct Dashboard {
    /// How many members there are of each status.
    #[schema(example = json!({"active": 1250, "pending": 23}))]
    members: BTreeMap<&'static str, i64>,
    emergencies: OpenEmergencies,
    /// Asked for and neither paid nor ended.
    payments_open: i64,
    /// Since midnight in Nairobi.
    paid_today: Sum,
    suspense: Sum,
}

#[derive(Serialize, ToSchema)]
struct OpenEmergencies {
    open: i64,
    /// Nobody has said that they come.
    unanswered: i64,
}

#[derive(Serialize, ToSchema)]
struct Sum {
    payments: i64,
    /// Shillings.
    #[schema(value_type = String, example = "48250.00")]
    amount: Money,
}

/// Show counts
#[utoipa::path(get, path = "/dashboard", responses((status = 200, body = Dashboard)))]
async fn show(desk: Desk) -> Result<Json<Dashboard>, Problem> {
    let mut conn = desk.conn().await?;
    let midnight = nairobi_day_start(nairobi_date(desk.now()));
    let counts = members::counts(&mut conn).await?;
    let (unanswered, open) = emergencies::open_counts(&mut conn).await?;
    let payments_open = payments::open_count(&mut conn).await?;
    let (paid, paid_amount) = payments::paid_since(&mut conn, midnight).await?;
    let (waiting, waiting_amount) = payments::suspense_total(&mut conn).await?;
    Ok(Json(Dashboard {
        members: counts
            .into_iter()
            .map(|(status, count)| (status.as_str(), count))
            .collect(),
        emergencies: OpenEmergencies { open, unanswered },
        payments_open,
        paid_today: Sum {
            payments: paid,
            amount: paid_amount,
        },
        suspense: Sum {
            payments: waiting,
            amount: waiting_amount,
        },
    }))
}
