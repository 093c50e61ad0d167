//! What the seeded world has paid so far: nine weeks of contributions, some of them missing, and one payout.

use std::fmt::Display;

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::Summary;
use crate::fault::Fault;
use crate::ledger::{self, Key, postings};
use crate::members::Member;
use crate::primitives::{Money, nairobi_date, nairobi_day_start};
use crate::welfare::{self, ContributionReceived, Outcome, PaidFrom, Period, Plan, SupportHeld};
use crate::work::{Actor, Work};

const WEEKLY: i64 = 200;
const WEEKS: u64 = 8;

/// Gives every stage its plan and its members their past. Doing it again changes nothing.
pub async fn money(pool: &PgPool, world: &Summary, now: DateTime<Utc>) -> Result<(), Fault> {
    let plan = Plan {
        period: Period::Week,
        amount: Money::from_shillings(WEEKLY),
        starts_on: first_monday(nairobi_date(now)),
    };
    let mut work = begin(pool, now).await?;
    for stage in &world.stages {
        welfare::adopt_plan(&mut work, stage.id.0, "rider", &plan).await?;
    }
    work.commit().await?;
    for (place, member) in world.members.iter().enumerate() {
        for week in 0..=WEEKS - missing(place) {
            let Some(day) = plan.starts_on.checked_add_days(Days::new(7 * week)) else {
                break;
            };
            contribute(pool, member, day).await?;
        }
    }
    if let Some(helped) = world.members.get(7) {
        support(pool, helped, now - TimeDelta::days(9)).await?;
    }
    super::loans::lender(pool, now).await
}

/// The Monday eight weeks before this week's. A world seeded in another week has begun before, and stays.
fn first_monday(today: NaiveDate) -> NaiveDate {
    let days = u64::from(today.weekday().num_days_from_monday()) + 7 * WEEKS;
    today.checked_sub_days(Days::new(days)).unwrap_or(today)
}

/// Weeks not paid for: nobody pays without a gap for ever. Amina does; Juma lacks two.
fn missing(place: usize) -> u64 {
    match place % 5 {
        1 => 2,
        3 => 1,
        _ => 0,
    }
}

async fn contribute(pool: &PgPool, member: &Member, day: NaiveDate) -> Result<(), Fault> {
    let at = nairobi_day_start(day) + TimeDelta::hours(9);
    let payment = made_up(&format!("contribution {} {day}", member.id));
    let mut work = begin(pool, at).await?;
    let received = ContributionReceived {
        member: member.id.0,
        stage: member.stage.0,
        amount: Money::from_shillings(WEEKLY),
        payment,
        provider_receipt: format!("SEED{}", &payment.simple().to_string()[..6].to_uppercase()),
        from: PaidFrom::Mpesa,
    };
    welfare::contribution_received(&mut work, received)
        .await
        .map_err(|refused| Fault::broken(format!("seeding: {refused}")))?;
    work.commit().await
}

async fn support(pool: &PgPool, member: &Member, at: DateTime<Utc>) -> Result<(), Fault> {
    let seeding = |refused: &dyn Display| Fault::broken(format!("seeding: {refused}"));
    let mut work = begin(pool, at).await?;
    let held = SupportHeld {
        member: member.id.0,
        stage: member.stage.0,
        amount: Money::from_shillings(1_500),
        payout: made_up(&format!("support {}", member.id)),
    };
    let (payout, amount) = (held.payout, held.amount);
    let booked = welfare::support_held(&mut work, held)
        .await
        .map_err(|refused| seeding(&refused))?;
    let (Outcome::Booked(hold) | Outcome::AlreadyDone(hold)) = booked;
    let paid = postings::payouts::payout_paid(payout, hold, amount, Money::ZERO)
        .map_err(|refused| seeding(&refused))?;
    ledger::post(&mut work, paid, Key::of("payout_paid", payout))
        .await
        .map_err(|refused| seeding(&refused))?;
    work.commit().await
}

async fn begin(pool: &PgPool, at: DateTime<Utc>) -> Result<Work, Fault> {
    Work::begin(
        pool,
        at,
        Actor::Staff {
            name: "seed".to_owned(),
        },
    )
    .await
}

/// The same id for the same thing in every world.
fn made_up(what: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, what.as_bytes())
}
