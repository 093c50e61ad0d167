//! The rows of `loan_instalment`, and with them the loan as far as money goes.

use chrono::NaiveDate;
use sqlx::PgConnection;

use super::small;
use crate::fault::Fault;
use crate::loans::allocation::{Book, Instalment, Part};
use crate::loans::model::{Lent, Loan, LoanId};
use crate::loans::product::Product;
use crate::loans::schedule::Planned;
use crate::primitives::Money;

/// Writes down what was agreed, each part with its day.
pub(in crate::loans) async fn insert_plan(
    conn: &mut PgConnection,
    loan: LoanId,
    plan: &[(Planned, NaiveDate)],
) -> Result<(), Fault> {
    let numbers: Vec<i16> = plan.iter().map(|(one, _)| small(one.number)).collect();
    let days: Vec<NaiveDate> = plan.iter().map(|(_, day)| *day).collect();
    let principals: Vec<i64> = plan.iter().map(|(one, _)| one.principal.cents()).collect();
    let interests: Vec<i64> = plan.iter().map(|(one, _)| one.interest.cents()).collect();
    sqlx::query!(
        "insert into loan_instalment (loan_id, number, due_on, principal_cents, interest_cents)
         select $1, * from unnest($2::smallint[], $3::date[], $4::bigint[], $5::bigint[])",
        loan.0,
        &numbers,
        &days,
        &principals,
        &interests
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The book of a loan that was lent. Whoever changes it holds the loan.
pub(in crate::loans) async fn book(
    conn: &mut PgConnection,
    loan: &Loan,
    product: &Product,
    lent: &Lent,
) -> Result<Book, Fault> {
    let rows = sqlx::query!(
        "select number, due_on, principal_cents, interest_cents, penalty_cents, principal_paid_cents, interest_paid_cents,
                penalty_paid_cents, interest_waived_cents, penalty_waived_cents, penalised_on, due_told_on, late_told_on
         from loan_instalment where loan_id = $1 order by number",
        loan.id.0
    )
    .fetch_all(&mut *conn)
    .await?;
    let arrears = sqlx::query!(
        "select arrears_since, duplum_left_cents from loan where id = $1",
        loan.id.0
    )
    .fetch_one(conn)
    .await?;
    let part = |charged, paid, waived| Part {
        charged: Money::from_cents(charged),
        paid: Money::from_cents(paid),
        waived: Money::from_cents(waived),
    };
    let instalments = rows.into_iter().map(|row| Instalment {
        number: row.number.unsigned_abs(),
        due_on: row.due_on,
        principal: part(row.principal_cents, row.principal_paid_cents, 0),
        interest: part(
            row.interest_cents,
            row.interest_paid_cents,
            row.interest_waived_cents,
        ),
        penalty: part(
            row.penalty_cents,
            row.penalty_paid_cents,
            row.penalty_waived_cents,
        ),
        penalised_on: row.penalised_on,
        due_told_on: row.due_told_on,
        late_told_on: row.late_told_on,
    });
    Ok(Book {
        method: product.method,
        order: product.repay_order,
        lent_on: lent.on,
        instalments: instalments.collect(),
        arrears_since: arrears.arrears_since,
        duplum_left: arrears.duplum_left_cents.map(Money::from_cents),
    })
}

/// Writes down how the book stands now, in one statement for all instalments.
pub(in crate::loans) async fn save_book(
    conn: &mut PgConnection,
    loan: LoanId,
    book: &Book,
) -> Result<(), Fault> {
    let all = &book.instalments;
    let cents = |of: fn(&Instalment) -> Money| -> Vec<i64> {
        all.iter().map(|one| of(one).cents()).collect()
    };
    let days = |of: fn(&Instalment) -> Option<NaiveDate>| -> Vec<Option<NaiveDate>> {
        all.iter().map(of).collect()
    };
    let numbers: Vec<i16> = all.iter().map(|one| small(one.number)).collect();
    sqlx::query!(
        "update loan_instalment i set
            penalty_cents = s.penalty, principal_paid_cents = s.principal_paid, interest_paid_cents = s.interest_paid,
            penalty_paid_cents = s.penalty_paid, interest_waived_cents = s.interest_waived, penalty_waived_cents = s.penalty_waived,
            penalised_on = s.penalised_on, due_told_on = s.due_told_on, late_told_on = s.late_told_on
         from unnest($2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
                     $9::date[], $10::date[], $11::date[])
              as s (number, penalty, principal_paid, interest_paid, penalty_paid, interest_waived, penalty_waived,
                    penalised_on, due_told_on, late_told_on)
         where i.loan_id = $1 and i.number = s.number",
        loan.0,
        &numbers,
        &cents(|one| one.penalty.charged),
        &cents(|one| one.principal.paid),
        &cents(|one| one.interest.paid),
        &cents(|one| one.penalty.paid),
        &cents(|one| one.interest.waived),
        &cents(|one| one.penalty.waived),
        &days(|one| one.penalised_on) as _,
        &days(|one| one.due_told_on) as _,
        &days(|one| one.late_told_on) as _
    )
    .execute(conn)
    .await?;
    Ok(())
}
