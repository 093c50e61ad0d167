//! What staff do: look, approve, refuse, write off.

use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::ageing::{Age, age};
use super::allocation::Book;
use super::applying::{let_guarantors_go, locked, product_of};
use super::model::{
    Approval, Lent, Loan, LoanId, LoanNumber, Loss, NotNow, Reason, Stage, StageWord,
};
use super::store::{self, Entry, Guarantee, NewEntry, What};
use super::telling::tell;
use crate::events::Event;
use crate::fault::Fault;
use crate::ledger::{self, Account, Key, NotAPosting, PostError, Posted, Posting, postings};
use crate::members::{self, MemberId, StatusWord};
use crate::messages::Values;
use crate::primitives::{Money, StaffName, nairobi_date};
use crate::wallet;
use crate::work::Work;

/// Why staff's decision was not taken. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    #[error("there is no loan {0}")]
    NoLoan(LoanNumber),
    #[error(transparent)]
    NotNow(#[from] NotNow),
    #[error("the member is not active any more")]
    NotActive,
    #[error("the lender has KES {left} left to lend")]
    LenderLacks { left: Money },
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A loan with everything staff may want to see of it.
#[derive(Clone, Debug)]
pub struct CaseFile {
    pub loan: Loan,
    pub guarantees: Vec<Guarantee>,
    /// None before it is lent.
    pub book: Option<Book>,
    pub entries: Vec<Entry>,
}

/// One of the staff says yes. With the last yes that is needed the money is in the borrower's wallet, less the fee.
pub async fn approve(
    work: &mut Work,
    number: LoanNumber,
    by: &StaffName,
) -> Result<(Loan, Approval), DecideError> {
    let loan = numbered(work, number).await?;
    let member = members::load(work.conn(), MemberId(loan.member)).await?;
    if member.is_none_or(|member| member.status.word() != StatusWord::Active) {
        return Err(DecideError::NotActive);
    }
    let today = nairobi_date(work.now);
    let (loan, approval) = loan.approve(by, work.now, today)?;
    if approval == Approval::Lend {
        let left = ledger::balance(work.conn(), Account::LoanFund(loan.lender)).await?;
        if left < loan.agreed.principal {
            return Err(DecideError::LenderLacks { left });
        }
    }
    store::save(work.conn(), &loan, None).await?;
    work.record(LoanDecided {
        loan: loan.id,
        by: by.clone(),
        what: "approved",
    })
    .await?;
    if let Stage::Active { lent, .. } = &loan.stage {
        disburse(work, &loan, lent).await?;
    }
    Ok((loan, approval))
}

/// Pays the loan into the wallet and takes its fee.
async fn disburse(work: &mut Work, loan: &Loan, lent: &Lent) -> Result<(), DecideError> {
    let product = product_of(work.conn(), loan).await?.product;
    let agreed = loan.agreed;
    let terms = product.terms_for(agreed.principal, agreed.instalments);
    let plan: Vec<_> = terms
        .plan()
        .into_iter()
        .map(|planned| (planned, terms.due_on(lent.on, planned.number)))
        .collect();
    store::insert_plan(work.conn(), loan.id, &plan).await?;
    let (id, lender, member) = (loan.id.0, loan.lender, loan.member);
    let posting = postings::loans::loan_disbursed(id, lender, member, agreed.principal);
    let posted = post(work, posting, Key::of("loan_disbursed", loan.id)).await?;
    enter(work, loan, What::Lent, agreed.principal, posted).await?;
    wallet::note(
        work,
        member,
        wallet::What::Loan,
        agreed.principal,
        posted.journal,
    )
    .await?;
    if agreed.fee.is_positive() {
        let posting = postings::loans::loan_fee_charged(id, lender, member, agreed.fee);
        let posted = post(work, posting, Key::of("loan_fee", loan.id)).await?;
        enter(work, loan, What::Fee, agreed.fee, posted).await?;
        wallet::note(
            work,
            member,
            wallet::What::LoanFee,
            agreed.fee,
            posted.journal,
        )
        .await?;
    }
    let quote = product.quote(agreed.principal, agreed.instalments, lent.on);
    let values = Values::new()
        .code("number", loan.number.to_string())
        .money("received", quote.received())
        .money("each", quote.each)
        .date("day", quote.first_due)
        .money("total", quote.total());
    tell(work, member, loan.id, "loan.lent", values, "").await?;
    Ok(())
}

/// Staff say no; the borrower is told why.
pub async fn refuse(
    work: &mut Work,
    number: LoanNumber,
    by: &StaffName,
    why: Reason,
) -> Result<Loan, DecideError> {
    let loan = numbered(work, number)
        .await?
        .refuse(why.clone(), work.now)?;
    store::save(work.conn(), &loan, None).await?;
    let_guarantors_go(work, &loan).await?;
    let values = Values::new()
        .code("number", loan.number.to_string())
        .words("reason", why.as_str());
    tell(work, loan.member, loan.id, "loan.refused", values, "").await?;
    work.record(LoanDecided {
        loan: loan.id,
        by: by.clone(),
        what: "refused",
    })
    .await?;
    Ok(loan)
}

/// One of the staff gives the loan up; with the second person the claim is taken out of the lender's book and the guarantors
/// are free. What was written off cannot be paid back any more: money for it is the payer's own.
pub async fn write_off(
    work: &mut Work,
    number: LoanNumber,
    by: &StaffName,
) -> Result<(Loan, Loss), DecideError> {
    let loan = numbered(work, number).await?;
    let (loan, loss) = loan.write_off(by, work.now)?;
    let second = (loss == Loss::WrittenOff).then_some(by);
    store::save(work.conn(), &loan, second).await?;
    work.record(LoanDecided {
        loan: loan.id,
        by: by.clone(),
        what: "written_off",
    })
    .await?;
    if loss == Loss::WrittenOff {
        store::release(work.conn(), loan.id).await?;
        let left = ledger::balance(work.conn(), Account::LoanPrincipal(loan.id.0)).await?;
        let values = Values::new().code("number", loan.number.to_string());
        tell(work, loan.member, loan.id, "loan.written_off", values, "").await?;
        if left.is_positive() {
            let posting = postings::loans::loan_written_off(loan.id.0, loan.lender, left);
            let posted = post(work, posting, Key::of("loan_written_off", loan.id)).await?;
            enter(work, &loan, What::WrittenOff, left, posted).await?;
        }
    }
    Ok((loan, loss))
}

/// Loans in these stages, the oldest first; those that run with how old their arrears are.
pub async fn list(
    work: &mut Work,
    stages: &[StageWord],
) -> Result<Vec<(Loan, Option<Age>)>, Fault> {
    let today = nairobi_date(work.now);
    let mut listed = Vec::new();
    for loan in store::loans_in(work.conn(), stages).await? {
        let book = book_of(work.conn(), &loan).await?;
        let age = book
            .filter(|_| matches!(loan.stage, Stage::Active { .. }))
            .map(|book| age(&book, today));
        listed.push((loan, age));
    }
    Ok(listed)
}

/// Everything about one loan.
pub async fn case_file(work: &mut Work, number: LoanNumber) -> Result<CaseFile, DecideError> {
    let loan = numbered(work, number).await?;
    let guarantees = store::guarantees(work.conn(), loan.id).await?;
    let book = book_of(work.conn(), &loan).await?;
    let entries = store::entries(work.conn(), loan.id, 100).await?;
    Ok(CaseFile {
        loan,
        guarantees,
        book,
        entries,
    })
}

/// The book of a loan; none before it is lent.
pub(super) async fn book_of(conn: &mut PgConnection, loan: &Loan) -> Result<Option<Book>, Fault> {
    let (Stage::Active { lent, .. } | Stage::Settled { lent, .. } | Stage::WrittenOff { lent, .. }) =
        &loan.stage
    else {
        return Ok(None);
    };
    let product = product_of(conn, loan).await?.product;
    store::book(conn, loan, &product, lent).await.map(Some)
}

async fn numbered(work: &mut Work, number: LoanNumber) -> Result<Loan, DecideError> {
    let id = store::by_number(work.conn(), number).await?;
    Ok(locked(work, id.ok_or(DecideError::NoLoan(number))?).await?)
}

async fn enter(
    work: &mut Work,
    loan: &Loan,
    what: What,
    amount: Money,
    posted: Posted,
) -> Result<(), Fault> {
    let now = work.now;
    let entry = NewEntry {
        loan: loan.id,
        what,
        amount,
        split: None,
        cause: loan.id.0,
        journal: Some(posted.journal),
    };
    store::insert_entry(work.conn(), entry, now).await
}

async fn post(
    work: &mut Work,
    posting: Result<Posting, NotAPosting>,
    key: Key,
) -> Result<Posted, DecideError> {
    let posting =
        posting.map_err(|error| Fault::broken(format!("a loan that cannot be posted: {error}")))?;
    ledger::post(work, posting, key)
        .await
        .map_err(|error| match error {
            // Somebody else has lent it a moment ago.
            PostError::Overdrawn => DecideError::LenderLacks { left: Money::ZERO },
            PostError::Fault(fault) => fault.into(),
            other => Fault::broken(format!("the ledger refused a loan: {other}")).into(),
        })
}

#[derive(Serialize)]
struct LoanDecided {
    loan: LoanId,
    by: StaffName,
    what: &'static str,
}

impl Event for LoanDecided {
    const NAME: &'static str = "loan.decided";
    fn subject(&self) -> Uuid {
        self.loan.0
    }
}
