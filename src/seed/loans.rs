//! A lender with money, and two products: a small one by the week, and one by the month that two people vouch for.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::fault::Fault;
use crate::loans::{
    self, Funding, FundingError, Method, NotAProduct, Offer, Period, Product, RepayOrder,
};
use crate::primitives::{Money, StaffName};
use crate::work::{Actor, Work};

const LENDER: &str = "BODA";
const TO_LEND: i64 = 500_000;

/// Doing it again changes nothing.
pub(super) async fn lender(pool: &PgPool, now: DateTime<Utc>) -> Result<(), Fault> {
    let broken = |error: FundingError| Fault::broken(format!("seeding: {error}"));
    let name = |_| Fault::broken("seeding: a name");
    let actor = Actor::Staff {
        name: "desk".to_owned(),
    };
    let mut work = Work::begin(pool, now, actor).await?;
    let funding = Funding {
        lender: LENDER.to_owned(),
        name: Some("Boda Lenders Ltd".to_owned()),
        amount: Money::from_shillings(TO_LEND),
        reference: "SEED-1".to_owned(),
        by: StaffName::parse("desk").map_err(name)?,
    };
    loans::fund(&mut work, funding).await.map_err(broken)?;
    for product in products().map_err(|why| Fault::broken(format!("seeding: {why}")))? {
        loans::offer(&mut work, LENDER, &product)
            .await
            .map_err(broken)?;
    }
    work.commit().await
}

fn products() -> Result<[Product; 2], NotAProduct> {
    let weekly = Offer {
        code: "boda_weekly".to_owned(),
        name_en: "Boda weekly".to_owned(),
        name_sw: "Boda wiki".to_owned(),
        method: Method::Flat,
        rate_bp: 1_800,
        period: Period::Week,
        terms: vec![4, 8, 12],
        least: Money::from_shillings(500),
        most: Money::from_shillings(20_000),
        fee: Money::from_shillings(50),
        fee_bp: 100,
        guarantors: 1,
        penalty: Money::ZERO,
        penalty_bp: 500,
        grace_days: 3,
        repay_order: RepayOrder::PENALTY_FIRST,
        two_above: Money::from_shillings(10_000),
    };
    let monthly = Offer {
        code: "stage_monthly".to_owned(),
        name_en: "Stage monthly".to_owned(),
        name_sw: "Stage mwezi".to_owned(),
        method: Method::Reducing,
        rate_bp: 2_400,
        period: Period::Month,
        terms: vec![3, 6, 12],
        least: Money::from_shillings(3_000),
        most: Money::from_shillings(50_000),
        guarantors: 2,
        grace_days: 7,
        two_above: Money::from_shillings(4_000),
        ..weekly.clone()
    };
    Ok([Product::check(weekly)?, Product::check(monthly)?])
}
