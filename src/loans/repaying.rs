//! Money comes back: from the wallet, or by M-PESA.

use serde::Serialize;
use uuid::Uuid;

use super::allocation::{Book, Split};
use super::applying::{locked, product_of};
use super::guarantee;
use super::model::{Loan, LoanId, Stage};
use super::store::{self, GuaranteeState, NewEntry, What};
use super::telling::tell;
use crate::events::Event;
use crate::fault::Fault;
use crate::ledger::postings::loans::{Repaid, RepaidFrom};
use crate::ledger::{self, Key, PostError, postings};
use crate::messages::Values;
use crate::primitives::{Money, nairobi_date};
use crate::wallet::{self, Limits, Sent, Source, Spend, SpendError};
use crate::work::Work;

/// What is true after a repayment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repayment {
    pub number: String,
    /// What the loan has taken.
    pub taken: Money,
    /// What was more than it asked for.
    pub over: Money,
    /// What it takes to be free of it today.
    pub left: Money,
    /// The next instalment; none when nothing is left.
    pub next: Option<(chrono::NaiveDate, Money)>,
}

/// Why nothing was taken from the wallet. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum RepayError {
    #[error("there is no loan to pay back")]
    NoLoan,
    #[error(transparent)]
    Wallet(SpendError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The borrower pays from the wallet: this much, or what it takes to be free of the loan when that is less. `id` names the
/// deed: the same again takes nothing more.
pub async fn repay_from_wallet(
    work: &mut Work,
    limits: Limits,
    member: Uuid,
    id: Uuid,
    amount: Money,
) -> Result<(Repayment, Sent), RepayError> {
    let live = store::live_of(work.conn(), member).await?;
    let loan = locked(work, live.ok_or(RepayError::NoLoan)?).await?;
    let Stage::Active { .. } = loan.stage else {
        return Err(RepayError::NoLoan);
    };
    let mut book = running_book(work, &loan).await?;
    let today = nairobi_date(work.now);
    if let Some(taken) = store::entry_of(work.conn(), id, What::PaidFromWallet).await? {
        let balance = ledger::balance(work.conn(), ledger::Account::Wallet(member)).await?;
        let sent = Sent {
            balance,
            left_today: Money::ZERO,
        };
        return Ok((repayment(&loan, &book, taken, Money::ZERO, today), sent));
    }
    let payoff = book.payoff(today).total();
    let spend = Spend {
        id,
        member,
        amount: amount.min(payoff),
        limits,
    };
    let sent = wallet::allowed(work, &spend)
        .await
        .map_err(|refused| match refused {
            SpendError::Fault(fault) => RepayError::Fault(fault),
            refused => RepayError::Wallet(refused),
        })?;
    let split = book.take(spend.amount, today);
    let from = RepaidFrom::Wallet(member);
    let repaid = apply(work, loan, &book, split, from, id).await?;
    Ok((repaid, sent))
}

/// M-PESA has brought money for the loan of this member. What it does not take, or all when there is none any more, is in
/// the member's wallet. `payment` names it: told twice, it counts once.
pub async fn repaid_by_mpesa(
    work: &mut Work,
    payment: Uuid,
    member: Uuid,
    amount: Money,
) -> Result<Option<Repayment>, Fault> {
    let loan = match store::live_of(work.conn(), member).await? {
        Some(id) => Some(locked(work, id).await?),
        None => None,
    };
    let known = store::entry_of(work.conn(), payment, What::PaidByMpesa).await?;
    let running = loan.filter(|loan| matches!(loan.stage, Stage::Active { .. }));
    let (Some(loan), None) = (running, known) else {
        let over = amount - known.unwrap_or_default();
        overpaid(work, payment, member, over).await?;
        return Ok(None);
    };
    let mut book = running_book(work, &loan).await?;
    let split = book.take(amount, nairobi_date(work.now));
    let repaid = apply(work, loan, &book, split, RepaidFrom::Mpesa, payment).await?;
    overpaid(work, payment, member, repaid.over).await?;
    Ok(Some(repaid))
}

async fn overpaid(work: &mut Work, payment: Uuid, member: Uuid, over: Money) -> Result<(), Fault> {
    if !over.is_positive() {
        return Ok(());
    }
    let key = Key::of("loan_overpaid", payment);
    wallet::credit(work, member, payment, over, Source::LoanOverpaid, key).await
}

/// Writes down where a repayment went: book, guarantees, ledger, wallet, words.
async fn apply(
    work: &mut Work,
    loan: Loan,
    book: &Book,
    split: Split,
    from: RepaidFrom,
    cause: Uuid,
) -> Result<Repayment, Fault> {
    let (now, today) = (work.now, nairobi_date(work.now));
    store::save_book(work.conn(), loan.id, book).await?;
    store::arrears_book(work.conn(), loan.id, book).await?;
    let loan = match split.settles {
        true => loan
            .settle(now)
            .map_err(|error| Fault::broken(format!("a loan that was paid: {error}")))?,
        false => loan,
    };
    store::save(work.conn(), &loan, None).await?;
    release(work, &loan, book, split.settles).await?;
    let repaid = repayment(&loan, book, split.taken(), split.over, today);
    // What came by M-PESA is told with its receipt.
    if let RepaidFrom::Wallet(_) = from {
        tell_of(work, &loan, &repaid, cause).await?;
    }
    work.record(LoanRepaid {
        loan: loan.id,
        cents: split.taken().cents(),
        settled: split.settles,
    })
    .await?;
    let posting = postings::loans::loan_repaid(
        cause,
        loan.id.0,
        loan.lender,
        Repaid {
            from,
            principal: split.principal,
            interest: split.interest,
            penalty: split.penalty,
        },
    )
    .map_err(|error| Fault::broken(format!("a repayment that cannot be posted: {error}")))?;
    let posted = ledger::post(work, posting, Key::of("loan_repaid", cause))
        .await
        .map_err(|error| match error {
            PostError::Fault(fault) => fault,
            other => Fault::broken(format!("the ledger refused a repayment: {other}")),
        })?;
    let what = match from {
        RepaidFrom::Wallet(_) => What::PaidFromWallet,
        RepaidFrom::Mpesa => What::PaidByMpesa,
    };
    let entry = NewEntry {
        loan: loan.id,
        what,
        amount: split.taken(),
        split: Some(split),
        cause,
        journal: Some(posted.journal),
    };
    store::insert_entry(work.conn(), entry, now).await?;
    if split.rebate.is_positive() {
        let entry = NewEntry {
            loan: loan.id,
            what: What::Waived,
            amount: split.rebate,
            split: None,
            cause,
            journal: None,
        };
        store::insert_entry(work.conn(), entry, now).await?;
    }
    if let RepaidFrom::Wallet(member) = from {
        let what = wallet::What::LoanRepaid;
        wallet::note(work, member, what, split.taken(), posted.journal).await?;
    }
    Ok(repaid)
}

/// What guarantors stand for falls with the principal that is out.
async fn release(work: &mut Work, loan: &Loan, book: &Book, is_settled: bool) -> Result<(), Fault> {
    let (principal, out) = (loan.agreed.principal, book.principal_out());
    for given in store::guarantees(work.conn(), loan.id).await? {
        let (GuaranteeState::Given, Some(pledged)) = (given.state, given.pledged) else {
            continue;
        };
        let held = guarantee::held(pledged, principal, out);
        if held < given.held {
            store::hold(work.conn(), loan.id, given.member, held).await?;
        }
        if is_settled {
            let values = Values::new()
                .code("number", loan.number.to_string())
                .money("amount", pledged);
            tell(work, given.member, loan.id, "loan.vouch_free", values, "").await?;
        }
    }
    if is_settled {
        store::release(work.conn(), loan.id).await?;
    }
    Ok(())
}

async fn tell_of(
    work: &mut Work,
    loan: &Loan,
    repaid: &Repayment,
    cause: Uuid,
) -> Result<(), Fault> {
    let values = Values::new()
        .code("number", &repaid.number)
        .money("amount", repaid.taken);
    let (template, values) = match repaid.next {
        Some((day, next)) => (
            "loan.repaid",
            values
                .money("left", repaid.left)
                .money("next", next)
                .date("day", day),
        ),
        None => ("loan.settled", values),
    };
    tell(
        work,
        loan.member,
        loan.id,
        template,
        values,
        &cause.to_string(),
    )
    .await
}

fn repayment(
    loan: &Loan,
    book: &Book,
    taken: Money,
    over: Money,
    today: chrono::NaiveDate,
) -> Repayment {
    Repayment {
        number: loan.number.to_string(),
        taken,
        over,
        left: book.payoff(today).total(),
        next: book.next(),
    }
}

async fn running_book(work: &mut Work, loan: &Loan) -> Result<Book, Fault> {
    let Stage::Active { lent, .. } = &loan.stage else {
        return Err(Fault::broken(format!("loan {} does not run", loan.id)));
    };
    let product = product_of(work.conn(), loan).await?.product;
    store::book(work.conn(), loan, &product, lent).await
}

#[derive(Serialize)]
struct LoanRepaid {
    loan: LoanId,
    cents: i64,
    settled: bool,
}

impl Event for LoanRepaid {
    const NAME: &'static str = "loan.repaid";
    fn subject(&self) -> Uuid {
        self.loan.0
    }
}
