//! A member asks for a loan, and takes the request back.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::limit::{Limit, LimitRules, Record, limit};
use super::model::{Agreed, Loan, LoanId, NotNow};
use super::product::{ProductId, Quote};
use super::store::{self, GuaranteeState, NewLoan, Offered};
use super::telling::tell;
use crate::events::Event;
use crate::fault::Fault;
use crate::members::{self, MemberId, StatusWord};
use crate::messages::Values;
use crate::primitives::{Money, nairobi_date};
use crate::welfare::{self, Status};
use crate::work::Work;

/// What the association has decided about lending; `[loans]` in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub limit: LimitRules,
    /// How long a guarantor may think.
    pub guarantor_answers_within: TimeDelta,
}

/// What somebody asks for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Of the turn that asks: the same again is the same request.
    pub key: String,
    pub member: Uuid,
    pub product: ProductId,
    pub principal: Money,
    pub instalments: u16,
}

/// A request that stands.
#[derive(Clone, Debug)]
pub struct Asked {
    pub loan: Loan,
    pub quote: Quote,
    /// How many guarantors must say yes.
    pub guarantors: u16,
}

/// Why there is no request. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("the member is not active")]
    NotActive,
    #[error("there is no such product, or not for so many instalments")]
    NotOffered,
    #[error("the product lends KES {least} to {most}, in whole shillings")]
    NotTheAmount { least: Money, most: Money },
    #[error("the limit is KES {}", .0.amount)]
    OverLimit(Limit),
    #[error("the member has a loan or a request already")]
    HasOne,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a request is not taken back.
#[derive(Debug, thiserror::Error)]
pub enum DropError {
    #[error("the member has asked for nothing")]
    NoRequest,
    #[error(transparent)]
    NotNow(#[from] NotNow),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What is offered today.
pub async fn offers(conn: &mut PgConnection) -> Result<Vec<Offered>, Fault> {
    store::offered(conn).await
}

/// What this member may borrow now, and why.
pub async fn limit_of(
    conn: &mut PgConnection,
    rules: &Rules,
    member: Uuid,
    now: DateTime<Utc>,
) -> Result<Limit, Fault> {
    let record = record_of(conn, member, now).await?;
    Ok(limit(&rules.limit, &record, now))
}

/// Asks for a loan. It waits for its guarantors, or for staff where none is wanted.
pub async fn ask(work: &mut Work, rules: &Rules, asked: Ask) -> Result<Asked, AskError> {
    store::hold_person(work.conn(), asked.member).await?;
    if let Some(known) = store::loan_by_key(work.conn(), &asked.key).await? {
        return repeated(work, known).await;
    }
    let member = members::load(work.conn(), MemberId(asked.member)).await?;
    if member.is_none_or(|member| member.status.word() != StatusWord::Active) {
        return Err(AskError::NotActive);
    }
    let offered = store::offered(work.conn()).await?;
    let offered = offered
        .into_iter()
        .find(|one| one.id == asked.product && one.product.terms.contains(&asked.instalments));
    let Offered {
        lender, product, ..
    } = offered.ok_or(AskError::NotOffered)?;
    if !product.takes(asked.principal) {
        return Err(AskError::NotTheAmount {
            least: product.least,
            most: product.most,
        });
    }
    let now = work.now;
    let record = record_of(work.conn(), asked.member, now).await?;
    if record.has_loan {
        return Err(AskError::HasOne);
    }
    let may = limit(&rules.limit, &record, now);
    if asked.principal > may.amount {
        return Err(AskError::OverLimit(may));
    }
    let quote = product.quote(asked.principal, asked.instalments, nairobi_date(now));
    let id = LoanId(Uuid::now_v7());
    let new = NewLoan {
        id,
        key: &asked.key,
        member: asked.member,
        product: asked.product,
        lender,
        agreed: Agreed {
            principal: asked.principal,
            instalments: asked.instalments,
            interest: quote.interest,
            fee: quote.fee,
            two_above: product.two_above,
        },
        until: now + rules.guarantor_answers_within,
        is_ready: product.guarantors == 0,
    };
    if store::insert(work.conn(), new, now).await?.is_none() {
        return Err(AskError::HasOne);
    }
    let loan = locked(work, id).await?;
    let values = Values::new()
        .code("number", loan.number.to_string())
        .money("principal", quote.principal)
        .money("total", quote.total())
        .money("fee", quote.fee);
    tell(work, loan.member, id, "loan.requested", values, "").await?;
    work.record(LoanAsked {
        loan: id,
        member: loan.member,
        cents: quote.principal.cents(),
    })
    .await?;
    Ok(Asked {
        loan,
        quote,
        guarantors: product.guarantors,
    })
}

async fn repeated(work: &mut Work, known: LoanId) -> Result<Asked, AskError> {
    let loan = locked(work, known).await?;
    let Offered { product, .. } = product_of(work.conn(), &loan).await?;
    let (agreed, lent_on) = (loan.agreed, nairobi_date(loan.asked_at));
    Ok(Asked {
        quote: product.quote(agreed.principal, agreed.instalments, lent_on),
        guarantors: product.guarantors,
        loan,
    })
}

/// The member takes the request back. Whoever was asked to vouch is told.
pub async fn drop_request(work: &mut Work, member: Uuid) -> Result<Loan, DropError> {
    let live = store::live_of(work.conn(), member).await?;
    let loan = locked(work, live.ok_or(DropError::NoRequest)?).await?;
    let dropped = loan.drop_it(work.now)?;
    store::save(work.conn(), &dropped, None).await?;
    let_guarantors_go(work, &dropped).await?;
    Ok(dropped)
}

/// Nobody vouches any more for a loan that does not come about; those who have or might have are told.
pub(super) async fn let_guarantors_go(work: &mut Work, loan: &Loan) -> Result<(), Fault> {
    let asked = store::guarantees(work.conn(), loan.id).await?;
    store::release(work.conn(), loan.id).await?;
    for guarantee in asked {
        if matches!(
            guarantee.state,
            GuaranteeState::Asked | GuaranteeState::Given
        ) {
            let values = Values::new().code("number", loan.number.to_string());
            tell(
                work,
                guarantee.member,
                loan.id,
                "loan.not_needed",
                values,
                "",
            )
            .await?;
        }
    }
    Ok(())
}

/// Everything that is known of a member when they want to borrow or to vouch.
pub(super) async fn record_of(
    conn: &mut PgConnection,
    member: Uuid,
    now: DateTime<Utc>,
) -> Result<Record, Fault> {
    let record = store::record(conn, member).await?;
    let history = welfare::history_of(conn, member).await?;
    let standing = welfare::standing_of(conn, member, nairobi_date(now)).await?;
    let behind = match standing.map(|standing| standing.status) {
        Some(Status::Behind { by, .. }) => by,
        Some(Status::PaidUp { .. }) | None => Money::ZERO,
    };
    Ok(Record {
        first_contribution: history.first_at,
        contributed: history.contributed,
        behind,
        ..record
    })
}

/// A loan that somebody has just found, held until the end of the work.
pub(super) async fn locked(work: &mut Work, id: LoanId) -> Result<Loan, Fault> {
    store::lock(work.conn(), id)
        .await?
        .ok_or_else(|| Fault::broken(format!("loan {id} has gone")))
}

pub(super) async fn product_of(conn: &mut PgConnection, loan: &Loan) -> Result<Offered, Fault> {
    store::product(conn, loan.product)
        .await?
        .ok_or_else(|| Fault::broken(format!("loan {} has no product", loan.id)))
}

#[derive(Serialize)]
struct LoanAsked {
    loan: LoanId,
    member: Uuid,
    cents: i64,
}

impl Event for LoanAsked {
    const NAME: &'static str = "loan.asked";
    fn subject(&self) -> Uuid {
        self.loan.0
    }
}
