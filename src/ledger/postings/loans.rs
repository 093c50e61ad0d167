//! A lender's money, lent and paid back.
//!
//! What is lent leaves the lender's fund for the borrower's wallet; in the same journal the claim is written down, between
//! the lender's book and the loan's own account. Interest, fees and penalties become income when they are paid.

use uuid::Uuid;

use crate::ledger::account::{Account, Earning};
use crate::ledger::posting::{NotAPosting, Posting};
use crate::primitives::Money;

/// A repayment, by what it pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repaid {
    /// The wallet it is taken from, or the paybill it came by.
    pub from: RepaidFrom,
    pub principal: Money,
    pub interest: Money,
    pub penalty: Money,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepaidFrom {
    Wallet(Uuid),
    Mpesa,
}

/// A lender put money in to be lent.
pub fn lender_funded(funding: Uuid, lender: i32, amount: Money) -> Result<Posting, NotAPosting> {
    Posting::of("lender_funded", funding, amount)
        .debit(Account::LenderBank(lender))
        .credit(Account::LoanFund(lender))
}

/// A loan was paid into the borrower's wallet.
pub fn loan_disbursed(
    loan: Uuid,
    lender: i32,
    member: Uuid,
    principal: Money,
) -> Result<Posting, NotAPosting> {
    Posting::of("loan_disbursed", loan, principal)
        .debit(Account::LoanFund(lender))
        .credit(Account::Wallet(member))?
        .and(principal)
        .debit(Account::LoanBook(lender))
        .credit(Account::LoanPrincipal(loan))
}

/// The fee of a loan was taken from the wallet it had been paid into.
pub fn loan_fee_charged(
    loan: Uuid,
    lender: i32,
    member: Uuid,
    fee: Money,
) -> Result<Posting, NotAPosting> {
    Posting::of("loan_fee_charged", loan, fee)
        .debit(Account::Wallet(member))
        .credit(Account::LoanIncome(lender, Earning::Fee))
}

/// A borrower paid back: principal to the lender's fund, with the claim taken down by as much, and what was earned to income.
pub fn loan_repaid(
    payment: Uuid,
    loan: Uuid,
    lender: i32,
    repaid: Repaid,
) -> Result<Posting, NotAPosting> {
    let from = || match repaid.from {
        RepaidFrom::Wallet(member) => Account::Wallet(member),
        RepaidFrom::Mpesa => Account::MpesaPaybill,
    };
    let legs = [
        (repaid.principal, from(), Account::LoanFund(lender)),
        (
            repaid.principal,
            Account::LoanPrincipal(loan),
            Account::LoanBook(lender),
        ),
        (
            repaid.interest,
            from(),
            Account::LoanIncome(lender, Earning::Interest),
        ),
        (
            repaid.penalty,
            from(),
            Account::LoanIncome(lender, Earning::Penalty),
        ),
    ];
    let mut legs = legs.into_iter().filter(|(amount, ..)| amount.is_positive());
    let (amount, debit, credit) = legs.next().ok_or(NotAPosting::Amount)?;
    let first = Posting::of("loan_repaid", payment, amount)
        .debit(debit)
        .credit(credit)?;
    legs.try_fold(first, |posting, (amount, debit, credit)| {
        posting.and(amount).debit(debit).credit(credit)
    })
}

/// A lender gave up what was left of a loan's principal.
pub fn loan_written_off(loan: Uuid, lender: i32, principal: Money) -> Result<Posting, NotAPosting> {
    Posting::of("loan_written_off", loan, principal)
        .debit(Account::LoanPrincipal(loan))
        .credit(Account::LoanBook(lender))
}
