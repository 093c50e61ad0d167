//! The table `fund_rule`.

use chrono::NaiveDate;
use sqlx::PgConnection;

use crate::fault::Fault;
use crate::primitives::Money;
use crate::welfare::fund_rules::{FundEvent, FundRule};

/// False when there is a rule from that day.
pub(in crate::welfare) async fn insert(
    conn: &mut PgConnection,
    stage: Option<i32>,
    rule: FundRule,
) -> Result<bool, Fault> {
    let inserted = sqlx::query!(
        "insert into fund_rule (stage_id, event, cents, times_a_year, from_day) values ($1, $2, $3, $4, $5)
         on conflict (stage_id, event, from_day) do nothing",
        stage,
        rule.event.as_str(),
        rule.amount.cents(),
        rule.times_a_year,
        rule.from
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// For each event the latest rule that has begun; the stage's own before everybody's.
pub(in crate::welfare) async fn in_force(
    conn: &mut PgConnection,
    stage: i32,
    day: NaiveDate,
) -> Result<Vec<FundRule>, Fault> {
    let rows = sqlx::query!(
        "select distinct on (event) event, cents, times_a_year, from_day from fund_rule
         where (stage_id = $1 or stage_id is null) and from_day <= $2
         order by event, stage_id nulls last, from_day desc",
        stage,
        day
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let event = FundEvent::parse(&row.event)
                .ok_or_else(|| Fault::broken(format!("a fund rule for {}", row.event)))?;
            Ok(FundRule {
                event,
                amount: Money::from_cents(row.cents),
                times_a_year: row.times_a_year,
                from: row.from_day,
            })
        })
        .collect()
}
