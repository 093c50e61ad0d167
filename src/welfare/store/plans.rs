//! The table `plan`, as it is entered.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

use crate::fault::Fault;
use crate::primitives::Money;
use crate::welfare::plan::{Period, Plan};
use crate::welfare::plans::AdoptedPlan;

/// Whoever changes what a stage has agreed, or forgives there, comes one after the other.
pub(in crate::welfare) async fn lock_stage(
    conn: &mut PgConnection,
    stage: i32,
) -> Result<(), Fault> {
    sqlx::query!(
        r#"select pg_advisory_xact_lock(hashtext('welfare'), $1) as "locked!: ()""#,
        stage
    )
    .fetch_one(conn)
    .await?;
    Ok(())
}

pub(in crate::welfare) async fn plans_of(
    conn: &mut PgConnection,
    stage: Option<i32>,
) -> Result<Vec<AdoptedPlan>, Fault> {
    let rows = sqlx::query!(
        "select id, stage_id, category, period, cents, starts_on from plan
         where withdrawn_at is null and ($1::integer is null or stage_id = $1)
         order by stage_id, category, starts_on",
        stage
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let period = Period::parse(&row.period)
                .ok_or_else(|| Fault::broken(format!("plan {} has no period", row.id)))?;
            Ok(AdoptedPlan {
                stage: row.stage_id,
                category: row.category,
                plan: Plan {
                    period,
                    amount: Money::from_cents(row.cents),
                    starts_on: row.starts_on,
                },
            })
        })
        .collect()
}

/// False when no plan begins on that day.
pub(in crate::welfare) async fn withdraw(
    conn: &mut PgConnection,
    stage: i32,
    category: &str,
    starts_on: NaiveDate,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let withdrawn = sqlx::query!(
        "update plan set withdrawn_at = $4
         where (stage_id, category, starts_on) = ($1, $2, $3) and withdrawn_at is null",
        stage,
        category,
        starts_on,
        now
    )
    .execute(conn)
    .await?;
    Ok(withdrawn.rows_affected() == 1)
}
