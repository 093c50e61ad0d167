//! The rows of `loan_guarantee`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::loans::model::{LoanId, LoanNumber};
use crate::primitives::Money;

/// What somebody was asked to vouch for, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guarantee {
    pub member: Uuid,
    pub asked: Money,
    pub state: GuaranteeState,
    /// What they agreed to.
    pub pledged: Option<Money>,
    /// What of it is held now.
    pub held: Money,
    pub expires_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuaranteeState {
    Asked,
    Given,
    Declined,
    Expired,
    /// The loan did not come about, or is over.
    Void,
}

impl GuaranteeState {
    pub fn as_str(self) -> &'static str {
        match self {
            GuaranteeState::Asked => "asked",
            GuaranteeState::Given => "given",
            GuaranteeState::Declined => "declined",
            GuaranteeState::Expired => "expired",
            GuaranteeState::Void => "void",
        }
    }

    fn parse(word: &str) -> Option<GuaranteeState> {
        [
            GuaranteeState::Asked,
            GuaranteeState::Given,
            GuaranteeState::Declined,
            GuaranteeState::Expired,
            GuaranteeState::Void,
        ]
        .into_iter()
        .find(|state| state.as_str() == word)
    }
}

/// Everybody who was asked, the first first. Whoever changes one holds the loan.
pub(in crate::loans) async fn guarantees(
    conn: &mut PgConnection,
    loan: LoanId,
) -> Result<Vec<Guarantee>, Fault> {
    let rows = sqlx::query!(
        "select member_id, asked_cents, state, pledged_cents, held_cents, expires_at
         from loan_guarantee where loan_id = $1 order by asked_at, member_id",
        loan.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Guarantee {
                member: row.member_id,
                asked: Money::from_cents(row.asked_cents),
                state: GuaranteeState::parse(&row.state)
                    .ok_or_else(|| Fault::broken(format!("a guarantee of loan {loan}")))?,
                pledged: row.pledged_cents.map(Money::from_cents),
                held: Money::from_cents(row.held_cents),
                expires_at: row.expires_at,
            })
        })
        .collect()
}

/// False when this member was asked for this loan before.
pub(in crate::loans) async fn insert_guarantee(
    conn: &mut PgConnection,
    loan: LoanId,
    member: Uuid,
    asked: Money,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<bool, Fault> {
    let inserted = sqlx::query!(
        "with waits as (update loan set waits_until = greatest(waits_until, $5) where id = $1)
         insert into loan_guarantee (loan_id, member_id, asked_cents, state, asked_at, expires_at)
         values ($1, $2, $3, 'asked', $4, $5) on conflict do nothing",
        loan.0,
        member,
        asked.cents(),
        now,
        expires_at
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// False when it was answered already.
pub(in crate::loans) async fn pledge(
    conn: &mut PgConnection,
    loan: LoanId,
    member: Uuid,
    amount: Money,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let given = sqlx::query!(
        "update loan_guarantee set state = 'given', pledged_cents = $3, held_cents = $3, answered_at = $4
         where loan_id = $1 and member_id = $2 and state = 'asked'",
        loan.0,
        member,
        amount.cents(),
        now
    )
    .execute(conn)
    .await?;
    Ok(given.rows_affected() == 1)
}

/// False when it was answered already.
pub(in crate::loans) async fn refuse_to_vouch(
    conn: &mut PgConnection,
    loan: LoanId,
    member: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let declined = sqlx::query!(
        "update loan_guarantee set state = 'declined', answered_at = $3 where loan_id = $1 and member_id = $2 and state = 'asked'",
        loan.0,
        member,
        now
    )
    .execute(conn)
    .await?;
    Ok(declined.rows_affected() == 1)
}

/// What is held of one pledge from now on.
pub(in crate::loans) async fn hold(
    conn: &mut PgConnection,
    loan: LoanId,
    member: Uuid,
    held: Money,
) -> Result<(), Fault> {
    sqlx::query!(
        "update loan_guarantee set held_cents = $3 where loan_id = $1 and member_id = $2 and held_cents > $3",
        loan.0,
        member,
        held.cents()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Nothing is held any more, and whoever was asked need not answer.
pub(in crate::loans) async fn release(conn: &mut PgConnection, loan: LoanId) -> Result<(), Fault> {
    sqlx::query!(
        "update loan_guarantee set state = 'void', held_cents = 0 where loan_id = $1 and state in ('asked', 'given')",
        loan.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A question a member has not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouching {
    pub loan: LoanId,
    pub number: LoanNumber,
    pub borrower: Uuid,
    pub asked: Money,
    pub principal: Money,
}

/// What a member is asked to vouch for and may still answer, the oldest first.
pub(in crate::loans) async fn vouching_asked_of(
    conn: &mut PgConnection,
    member: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<Vouching>, Fault> {
    let rows = sqlx::query!(
        "select l.id, l.number, l.member_id, l.principal_cents, g.asked_cents
         from loan_guarantee g join loan l on l.id = g.loan_id
         where g.member_id = $1 and g.state = 'asked' and g.expires_at > $2 and l.state = 'asked' order by g.asked_at",
        member,
        now
    )
    .fetch_all(conn)
    .await?;
    let asked = rows.into_iter().map(|row| Vouching {
        loan: LoanId(row.id),
        number: LoanNumber(row.number),
        borrower: row.member_id,
        asked: Money::from_cents(row.asked_cents),
        principal: Money::from_cents(row.principal_cents),
    });
    Ok(asked.collect())
}
