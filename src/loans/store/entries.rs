//! The rows of `loan_entry`: a loan's own book.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::ledger::JournalId;
use crate::loans::allocation::Split;
use crate::loans::model::LoanId;
use crate::primitives::Money;

/// What happened to a loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Lent,
    Fee,
    PaidFromWallet,
    PaidByMpesa,
    Penalty,
    /// Let off, when it was paid off.
    Waived,
    WrittenOff,
}

impl What {
    pub fn as_str(self) -> &'static str {
        match self {
            What::Lent => "lent",
            What::Fee => "fee",
            What::PaidFromWallet => "paid_wallet",
            What::PaidByMpesa => "paid_mpesa",
            What::Penalty => "penalty",
            What::Waived => "waived",
            What::WrittenOff => "written_off",
        }
    }

    fn parse(word: &str) -> Option<What> {
        [
            What::Lent,
            What::Fee,
            What::PaidFromWallet,
            What::PaidByMpesa,
            What::Penalty,
            What::Waived,
            What::WrittenOff,
        ]
        .into_iter()
        .find(|what| what.as_str() == word)
    }
}

/// One line of a loan's statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: DateTime<Utc>,
    pub what: What,
    pub amount: Money,
}

pub(in crate::loans) struct NewEntry {
    pub loan: LoanId,
    pub what: What,
    pub amount: Money,
    /// Of a repayment: what went where.
    pub split: Option<Split>,
    /// Two entries of one kind have never one cause.
    pub cause: Uuid,
    pub journal: Option<JournalId>,
}

pub(in crate::loans) async fn insert_entry(
    conn: &mut PgConnection,
    new: NewEntry,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let split = new.split.unwrap_or_default();
    sqlx::query!(
        "insert into loan_entry (loan_id, at, what, cents, principal_cents, interest_cents, penalty_cents, cause, journal_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        new.loan.0,
        now,
        new.what.as_str(),
        new.amount.cents(),
        split.principal.cents(),
        split.interest.cents(),
        split.penalty.cents(),
        new.cause,
        new.journal.map(|journal| journal.0)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What this payment paid of this loan before.
pub(in crate::loans) async fn entry_of(
    conn: &mut PgConnection,
    cause: Uuid,
    what: What,
) -> Result<Option<Money>, Fault> {
    let cents = sqlx::query_scalar!(
        "select cents from loan_entry where cause = $1 and what = $2",
        cause,
        what.as_str()
    )
    .fetch_optional(conn)
    .await?;
    Ok(cents.map(Money::from_cents))
}

/// The latest first.
pub(in crate::loans) async fn entries(
    conn: &mut PgConnection,
    loan: LoanId,
    limit: i64,
) -> Result<Vec<Entry>, Fault> {
    let rows = sqlx::query!(
        "select at, what, cents from loan_entry where loan_id = $1 order by id desc limit $2",
        loan.0,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Entry {
                at: row.at,
                what: What::parse(&row.what)
                    .ok_or_else(|| Fault::broken(format!("loan {loan} knows {}", row.what)))?,
                amount: Money::from_cents(row.cents),
            })
        })
        .collect()
}
