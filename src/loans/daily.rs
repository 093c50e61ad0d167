//! The daily round: what falls due is told, what is late is told once and penalised once, and arrears begin to count.
//!
//! It looks at the state and not at the calendar of its own runs: skipped for days it does once what is due, run twice it
//! does nothing more. A loan and its day are one transaction.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::applying::{locked, product_of};
use super::model::{Loan, LoanId, Stage};
use super::store::{self, NewEntry, What};
use super::telling::tell;
use crate::fault::Fault;
use crate::messages::Values;
use crate::primitives::{Money, nairobi_date, nairobi_day_start};
use crate::work::Work;

/// The round begins at eight in the morning, Nairobi time: nobody is told of money at night.
const BEGINS_AT: TimeDelta = TimeDelta::hours(8);
const AT_ONCE: i64 = 200;

/// Loans that wait for today's round; none before it begins.
pub async fn due_for_a_look(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<LoanId>, Fault> {
    let today = nairobi_date(now);
    if now < nairobi_day_start(today) + BEGINS_AT {
        return Ok(Vec::new());
    }
    store::due_for_a_look(conn, today, AT_ONCE).await
}

/// Today's look at one loan. False when it has been looked at already, or runs no more.
pub async fn look(work: &mut Work, id: LoanId) -> Result<bool, Fault> {
    let today = nairobi_date(work.now);
    let loan = locked(work, id).await?;
    let Stage::Active { lent, .. } = &loan.stage else {
        return Ok(false);
    };
    if !store::looked(work.conn(), id, today).await? {
        return Ok(false);
    }
    let product = product_of(work.conn(), &loan).await?.product;
    let mut book = store::book(work.conn(), &loan, &product, lent).await?;
    book.notice(today);
    for missed in book.missed(&product, today) {
        book.charge(missed, today);
        if missed.penalty.is_positive() {
            penalised(work, &loan, missed.number, missed.penalty, book.late(today)).await?;
        }
    }
    let due: Vec<u16> = book
        .instalments
        .iter()
        .filter(|one| one.due_on == today && one.due_told_on.is_none() && book.asks(one))
        .map(|one| one.number)
        .collect();
    let late: Vec<u16> = book
        .instalments
        .iter()
        .filter(|one| one.due_on < today && one.late_told_on.is_none() && book.asks(one))
        .map(|one| one.number)
        .collect();
    for one in &mut book.instalments {
        if due.contains(&one.number) {
            one.due_told_on = Some(today);
        }
        if late.contains(&one.number) {
            one.late_told_on = Some(today);
        }
    }
    let owed = book.due_by(today);
    if !late.is_empty() {
        let since = book.late_since(today).unwrap_or(today);
        tell_of(work, &loan, "loan.late", book.late(today), since, today).await?;
    } else if !due.is_empty() {
        tell_of(work, &loan, "loan.due", owed, today, today).await?;
    }
    store::save_book(work.conn(), id, &book).await?;
    store::arrears_book(work.conn(), id, &book).await?;
    Ok(true)
}

async fn penalised(
    work: &mut Work,
    loan: &Loan,
    number: u16,
    penalty: Money,
    late: Money,
) -> Result<(), Fault> {
    let now = work.now;
    let entry = NewEntry {
        loan: loan.id,
        what: What::Penalty,
        amount: penalty,
        split: None,
        // An instalment is penalised once, whoever says so.
        cause: Uuid::new_v5(&loan.id.0, format!("penalty {number}").as_bytes()),
        journal: None,
    };
    store::insert_entry(work.conn(), entry, now).await?;
    let values = Values::new()
        .code("number", loan.number.to_string())
        .money("penalty", penalty)
        .money("late", late);
    tell(
        work,
        loan.member,
        loan.id,
        "loan.penalty",
        values,
        &number.to_string(),
    )
    .await
}

async fn tell_of(
    work: &mut Work,
    loan: &Loan,
    template: &'static str,
    amount: Money,
    day: NaiveDate,
    today: NaiveDate,
) -> Result<(), Fault> {
    let values = Values::new()
        .code("number", loan.number.to_string())
        .money("amount", amount)
        .date("day", day);
    tell(
        work,
        loan.member,
        loan.id,
        template,
        values,
        &today.to_string(),
    )
    .await
}
