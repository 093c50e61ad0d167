//! The table `fund_month`.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

use crate::fault::Fault;
use crate::primitives::Money;
use crate::welfare::month::{Month, MonthHash};

/// A large fund's month is read in one statement that takes longer than a rider's may. Until the end of the transaction.
pub(in crate::welfare) async fn take_time(conn: &mut PgConnection) -> Result<(), Fault> {
    sqlx::query!("set local statement_timeout = '60s'")
        .execute(conn)
        .await?;
    Ok(())
}

/// Stages with a fund whose book lacks this month.
pub(in crate::welfare) async fn without(
    conn: &mut PgConnection,
    month: NaiveDate,
) -> Result<Vec<i32>, Fault> {
    let stages = sqlx::query_scalar!(
        r#"select stage_id as "stage_id!" from (select distinct stage_id from plan union select distinct stage_id from fund_month) known
           where not exists (select from fund_month done where done.stage_id = known.stage_id and done.month >= $1)
           order by stage_id limit 100"#,
        month
    )
    .fetch_all(conn)
    .await?;
    Ok(stages)
}

pub(in crate::welfare) async fn latest(
    conn: &mut PgConnection,
    stage: i32,
) -> Result<Option<Month>, Fault> {
    Ok(months_of(conn, stage, 1).await?.pop())
}

pub(in crate::welfare) async fn months_of(
    conn: &mut PgConnection,
    stage: i32,
    limit: i64,
) -> Result<Vec<Month>, Fault> {
    let rows = sqlx::query!(
        "select month, lines, opening, cents_in, cents_out, hash from fund_month
         where stage_id = $1 order by month desc limit $2",
        stage,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let broken = || Fault::broken(format!("fund {stage}, {}: not a month", row.month));
            Ok(Month {
                month: row.month,
                lines: u32::try_from(row.lines).map_err(|_| broken())?,
                opening: Money::from_cents(row.opening),
                money_in: Money::from_cents(row.cents_in),
                money_out: Money::from_cents(row.cents_out),
                hash: MonthHash(row.hash.as_slice().try_into().map_err(|_| broken())?),
            })
        })
        .collect()
}

pub(in crate::welfare) async fn insert(
    conn: &mut PgConnection,
    stage: i32,
    month: &Month,
    previous: Option<MonthHash>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into fund_month (stage_id, month, lines, opening, cents_in, cents_out, closing, hash, previous, closed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        stage,
        month.month,
        i32::try_from(month.lines).unwrap_or(i32::MAX),
        month.opening.cents(),
        month.money_in.cents(),
        month.money_out.cents(),
        month.closing().cents(),
        &month.hash.0[..],
        previous.map(|hash| hash.0.to_vec()),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}
