//! What the house's own accounts hold.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::access::Access;
use crate::api::desk::Desk;
use crate::api::resource::Resource;
use crate::http::Problem;
use crate::ledger::{self, Account, Rail};
use crate::primitives::Money;
use crate::staff::Permission;

pub(super) fn resource() -> Resource {
    Resource::of("ledger", "What the house's own accounts hold.")
        .route(Access::Needs(Permission::ReadLedger), routes!(balances))
}

#[derive(Serialize, ToSchema)]
struct Balances {
    accounts: Vec<BalanceView>,
}

#[derive(Serialize, ToSchema)]
struct BalanceView {
    /// The kind, as the ledger has it.
    #[schema(example = "mpesa_paybill")]
    account: &'static str,
    /// Shillings. What M-PESA holds for us is negative: it stands for the world outside.
    #[schema(value_type = String, example = "-48250.00")]
    balance: Money,
}

/// Show balances
///
/// All of one moment. The fund of a stage stands under the stage.
#[utoipa::path(get, path = "/ledger/balances", responses((status = 200, body = Balances)))]
async fn balances(desk: Desk) -> Result<Json<Balances>, Problem> {
    let accounts = [
        Account::MpesaPaybill,
        Account::GeneralFund,
        Account::FeeIncome,
        Account::Suspense,
        Account::InFlight(Rail::Mpesa),
    ];
    let kinds = accounts.each_ref().map(Account::kind);
    let mut conn = desk.conn().await?;
    let balances = ledger::balances(&mut conn, accounts).await?;
    let accounts = kinds.into_iter().zip(balances);
    let accounts = accounts.map(|(account, balance)| BalanceView { account, balance });
    Ok(Json(Balances {
        accounts: accounts.collect(),
    }))
}
