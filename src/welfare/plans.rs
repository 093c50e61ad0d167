//! What the riders of a stage agree to pay, entered, changed and taken back. A plan that has begun stays as it is for ever.

use chrono::NaiveDate;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::plan::{Period, Plan};
use super::store::plans as store;
use crate::events::Event;
use crate::fault::Fault;
use crate::primitives::{Money, nairobi_date};
use crate::work::Work;

/// The least a plan asks, in shillings: less is not worth M-PESA's fee.
pub const PLAN_SHILLINGS_MIN: i64 = 10;
/// The most a plan asks, in shillings.
pub const PLAN_SHILLINGS_MAX: i64 = 150_000;

/// A plan as it stands in the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdoptedPlan {
    pub stage: i32,
    /// `rider`, `owner`, `official` and so on, as the member has it.
    pub category: String,
    pub plan: Plan,
}

/// Why a plan was not taken into the book. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum SetPlanError {
    #[error("a plan asks for KES {PLAN_SHILLINGS_MIN} to {PLAN_SHILLINGS_MAX}")]
    Amount,
    /// It would change what people owe for days that are over.
    #[error("a plan cannot begin before {0}: what fell due stays as it was agreed")]
    TooEarly(NaiveDate),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// From `plan.starts_on` on this category of the stage pays by this plan. Where another plan was to begin that very day and has not,
/// this one takes its place. The first plan may begin today, a later one tomorrow.
pub async fn set_plan(
    work: &mut Work,
    stage: i32,
    category: &str,
    plan: &Plan,
) -> Result<(), SetPlanError> {
    let limits =
        Money::from_shillings(PLAN_SHILLINGS_MIN)..=Money::from_shillings(PLAN_SHILLINGS_MAX);
    if !limits.contains(&plan.amount) {
        return Err(SetPlanError::Amount);
    }
    store::lock_stage(work.conn(), stage).await?;
    let known = store::plans_of(work.conn(), Some(stage)).await?;
    let same = |adopted: &&AdoptedPlan| adopted.category == category;
    if known.iter().any(|one| same(&one) && one.plan == *plan) {
        return Ok(());
    }
    let today = nairobi_date(work.now);
    let earliest = match known.iter().filter(same).count() {
        0 => today,
        _ => today.succ_opt().unwrap_or(today),
    };
    if plan.starts_on < earliest {
        return Err(SetPlanError::TooEarly(earliest));
    }
    let now = work.now;
    store::withdraw(work.conn(), stage, category, plan.starts_on, now).await?;
    super::store::insert_plan(work.conn(), stage, category, plan).await?;
    work.record(PlanSet {
        stage,
        category: category.to_owned(),
        period: plan.period.as_str(),
        cents: plan.amount.cents(),
        starts_on: plan.starts_on,
    })
    .await?;
    Ok(())
}

/// Takes back a plan that has not begun. False when there is none that begins on this day, or it has begun.
pub async fn withdraw_plan(
    work: &mut Work,
    stage: i32,
    category: &str,
    starts_on: NaiveDate,
) -> Result<bool, Fault> {
    if starts_on <= nairobi_date(work.now) {
        return Ok(false);
    }
    store::lock_stage(work.conn(), stage).await?;
    let now = work.now;
    let withdrawn = store::withdraw(work.conn(), stage, category, starts_on, now).await?;
    if withdrawn {
        work.record(PlanWithdrawn {
            stage,
            category: category.to_owned(),
            starts_on,
        })
        .await?;
    }
    Ok(withdrawn)
}

/// The plans of one stage, or of all, by stage, category and day.
pub async fn plans_of(
    conn: &mut PgConnection,
    stage: Option<i32>,
) -> Result<Vec<AdoptedPlan>, Fault> {
    store::plans_of(conn, stage).await
}

/// The plan a member pays by on this day. None where their stage asks nothing of their category.
pub async fn plan_of(
    conn: &mut PgConnection,
    member: Uuid,
    today: NaiveDate,
) -> Result<Option<Plan>, Fault> {
    let facts = super::store::what_was_agreed_and_paid(conn, member).await?;
    Ok(facts.and_then(|facts| facts.schedule.plan_on(today).cloned()))
}

impl Period {
    /// `week` or `month`, for people.
    pub fn every(self) -> &'static str {
        match self {
            Period::Week => "every week",
            Period::Month => "every month",
        }
    }
}

#[derive(Serialize)]
struct PlanSet {
    stage: i32,
    category: String,
    period: &'static str,
    cents: i64,
    starts_on: NaiveDate,
}

impl Event for PlanSet {
    const NAME: &'static str = "welfare.plan_set";
    fn subject(&self) -> Uuid {
        of_stage(self.stage)
    }
}

#[derive(Serialize)]
struct PlanWithdrawn {
    stage: i32,
    category: String,
    starts_on: NaiveDate,
}

impl Event for PlanWithdrawn {
    const NAME: &'static str = "welfare.plan_withdrawn";
    fn subject(&self) -> Uuid {
        of_stage(self.stage)
    }
}

/// Stages are known by small numbers; the event trail knows its subjects by ids.
pub(super) fn of_stage(stage: i32) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("stage {stage}").as_bytes())
}
