//! Closing the months of a fund's book, and proving them again.

use chrono::{Datelike, Months, NaiveDate};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::month::{BookLine, Month, MonthHash, close, text_of};
use super::plans::of_stage;
use super::store::{months as store, plans::lock_stage};
use crate::events::Event;
use crate::fault::Fault;
use crate::ledger::{self, Account};
use crate::primitives::{Money, nairobi_date, nairobi_day_start};
use crate::work::Work;

/// Stages whose funds lack this month; at most a hundred.
pub async fn funds_to_close(conn: &mut PgConnection, month: NaiveDate) -> Result<Vec<i32>, Fault> {
    store::without(conn, month).await
}

/// Closes the next month of a stage's fund up to and including `last`, which must be over long enough for every transaction that was
/// begun in it to have ended. `code` is the stage's. None when all are closed.
pub async fn close_next_month(
    work: &mut Work,
    stage: i32,
    code: &str,
    last: NaiveDate,
) -> Result<Option<Month>, Fault> {
    store::take_time(work.conn()).await?;
    lock_stage(work.conn(), stage).await?;
    let before = store::latest(work.conn(), stage).await?;
    let next = match &before {
        Some(before) => following(before.month),
        None => {
            let first = ledger::first_movement(work.conn(), &Account::Fund(stage)).await?;
            first.map_or(last, |at| first_of(nairobi_date(at)).min(last))
        }
    };
    if next > last {
        return Ok(None);
    }
    let (opening, previous) = match &before {
        Some(before) => (before.closing(), before.hash),
        None => (Money::ZERO, MonthHash::NONE),
    };
    let lines = lines_of(work.conn(), stage, next).await?;
    let month = close(code, next, opening, previous, &lines);
    let now = work.now;
    let chained = before.as_ref().map(|before| before.hash);
    store::insert(work.conn(), stage, &month, chained, now).await?;
    work.record(MonthClosed {
        stage,
        month: next,
        code: month.hash.code(),
    })
    .await?;
    Ok(Some(month))
}

/// The closed months of a fund, the latest first.
pub async fn months_of(
    conn: &mut PgConnection,
    stage: i32,
    limit: i64,
) -> Result<Vec<Month>, Fault> {
    store::months_of(conn, stage, limit).await
}

/// The text of a closed month as the ledger tells it today: its SHA-256 is the month's hash. None for a month that is not closed.
pub async fn month_text(
    conn: &mut PgConnection,
    stage: i32,
    code: &str,
    month: NaiveDate,
) -> Result<Option<String>, Fault> {
    let months = store::months_of(conn, stage, i64::MAX).await?;
    let Some(place) = months.iter().position(|one| one.month == month) else {
        return Ok(None);
    };
    let previous = months
        .get(place + 1)
        .map_or(MonthHash::NONE, |before| before.hash);
    let lines = lines_of(conn, stage, month).await?;
    Ok(Some(text_of(
        code,
        month,
        months[place].opening,
        previous,
        &lines,
    )))
}

/// The closed months that the ledger does not bear out any more, oldest first: nothing when all is well. Asked in a transaction, it
/// may take its time.
pub async fn broken_months(
    conn: &mut PgConnection,
    stage: i32,
    code: &str,
) -> Result<Vec<NaiveDate>, Fault> {
    store::take_time(conn).await?;
    let mut months = store::months_of(conn, stage, i64::MAX).await?;
    months.reverse();
    let mut broken = Vec::new();
    let (mut opening, mut previous) = (Money::ZERO, MonthHash::NONE);
    for known in months {
        let lines = lines_of(conn, stage, known.month).await?;
        if close(code, known.month, opening, previous, &lines) != known {
            broken.push(known.month);
        }
        (opening, previous) = (known.closing(), known.hash);
    }
    Ok(broken)
}

/// The first day of the month of this one.
pub fn first_of(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

fn following(month: NaiveDate) -> NaiveDate {
    month
        .checked_add_months(Months::new(1))
        .unwrap_or(NaiveDate::MAX)
}

async fn lines_of(
    conn: &mut PgConnection,
    stage: i32,
    month: NaiveDate,
) -> Result<Vec<BookLine>, Fault> {
    let during = nairobi_day_start(month)..nairobi_day_start(following(month));
    let moved = ledger::movements_of(conn, &Account::Fund(stage), during).await?;
    Ok(moved
        .into_iter()
        .map(|one| BookLine {
            journal: one.journal.0,
            at: one.at,
            moved: one.moved,
        })
        .collect())
}

#[derive(Serialize)]
struct MonthClosed {
    stage: i32,
    month: NaiveDate,
    code: String,
}

impl Event for MonthClosed {
    const NAME: &'static str = "welfare.month_closed";
    fn subject(&self) -> Uuid {
        of_stage(self.stage)
    }
}
