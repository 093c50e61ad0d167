//! How a member's loan stands, for screens and texts. Changes nothing.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::allocation::Book;
use super::deciding::book_of;
use super::model::{Loan, LoanId, Stage};
use super::product::Product;
use super::store::{self, Entry, GuaranteeState};
use crate::fault::Fault;
use crate::primitives::{Money, nairobi_date};

/// A member's loan or request, as it stands today.
#[derive(Clone, Debug)]
pub struct Standing {
    pub loan: Loan,
    pub product: Product,
    /// Guarantors who said yes, and what they pledged.
    pub yeses: u16,
    pub pledged: Money,
    /// Of a loan that runs.
    pub running: Option<Running>,
}

#[derive(Clone, Debug)]
pub struct Running {
    pub book: Book,
    /// To be free of it today.
    pub payoff: Money,
    /// What fell due before today and is not paid.
    pub late: Money,
    pub next: Option<(NaiveDate, Money)>,
}

/// The loan or request of this member that is not over.
pub async fn standing_of(
    conn: &mut PgConnection,
    member: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Standing>, Fault> {
    let Some(id) = store::live_of(conn, member).await? else {
        return Ok(None);
    };
    let Some(loan) = store::load(conn, id).await? else {
        return Ok(None);
    };
    let product = super::applying::product_of(conn, &loan).await?.product;
    let given: Vec<_> = store::guarantees(conn, id)
        .await?
        .into_iter()
        .filter(|one| one.state == GuaranteeState::Given)
        .collect();
    let today = nairobi_date(now);
    let running = match &loan.stage {
        Stage::Active { .. } => book_of(conn, &loan).await?.map(|book| Running {
            payoff: book.payoff(today).total(),
            late: book.late(today),
            next: book.next(),
            book,
        }),
        _ => None,
    };
    Ok(Some(Standing {
        loan,
        product,
        yeses: u16::try_from(given.len()).unwrap_or(u16::MAX),
        pledged: given.iter().filter_map(|one| one.pledged).sum(),
        running,
    }))
}

/// The movements of the latest loan that was lent to this member, the latest first.
pub async fn statement_of(conn: &mut PgConnection, member: Uuid) -> Result<Vec<Entry>, Fault> {
    match store::latest_of(conn, member).await? {
        Some(loan) => store::entries(conn, loan, LINES_MAX).await,
        None => Ok(Vec::new()),
    }
}

/// One loan, whoever it is of.
pub async fn find(conn: &mut PgConnection, id: LoanId) -> Result<Option<Loan>, Fault> {
    store::load(conn, id).await
}

/// A statement is a few pages on a phone.
const LINES_MAX: i64 = 24;
