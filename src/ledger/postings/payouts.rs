//! Money on its way out by M-PESA: held, paid, or given back. What was held resolves once, one way or the other.

use uuid::Uuid;

use crate::ledger::account::{Account, Rail};
use crate::ledger::posting::{JournalId, NotAPosting, Posting};
use crate::primitives::Money;

const IN_FLIGHT: Account = Account::InFlight(Rail::Mpesa);

/// A member takes money out of the own wallet; `taken` is what M-PESA is to pay and our fee.
pub fn withdrawal_held(payout: Uuid, member: Uuid, taken: Money) -> Result<Posting, NotAPosting> {
    held("withdrawal_held", payout, Account::Wallet(member), taken)
}

/// A stage's fund stands by one of its own.
pub fn support_held(payout: Uuid, stage: i32, amount: Money) -> Result<Posting, NotAPosting> {
    held("support_held", payout, Account::Fund(stage), amount)
}

/// Money that belonged to nobody here goes back to whoever paid it.
pub fn refund_held(payout: Uuid, amount: Money) -> Result<Posting, NotAPosting> {
    held("refund_held", payout, Account::Suspense, amount)
}

fn held(
    kind: &'static str,
    payout: Uuid,
    from: Account,
    amount: Money,
) -> Result<Posting, NotAPosting> {
    Posting::of(kind, payout, amount)
        .debit(from)
        .credit(IN_FLIGHT)
}

/// M-PESA has paid what was held, and the fee for it is earned.
pub fn payout_paid(
    payout: Uuid,
    hold: JournalId,
    amount: Money,
    fee: Money,
) -> Result<Posting, NotAPosting> {
    let paid = Posting::of("payout_paid", payout, amount)
        .debit(IN_FLIGHT)
        .credit(Account::MpesaPaybill)?;
    let paid = match fee.is_positive() {
        true => paid.and(fee).debit(IN_FLIGHT).credit(Account::FeeIncome)?,
        false => paid,
    };
    Ok(paid.resolving(hold))
}

/// M-PESA has not paid: the member's wallet has its money again, with the fee.
pub fn withdrawal_returned(
    payout: Uuid,
    hold: JournalId,
    member: Uuid,
    taken: Money,
) -> Result<Posting, NotAPosting> {
    returned(
        "withdrawal_returned",
        payout,
        hold,
        Account::Wallet(member),
        taken,
    )
}

/// M-PESA has not paid: the fund has its money again.
pub fn support_returned(
    payout: Uuid,
    hold: JournalId,
    stage: i32,
    amount: Money,
) -> Result<Posting, NotAPosting> {
    returned(
        "support_returned",
        payout,
        hold,
        Account::Fund(stage),
        amount,
    )
}

/// M-PESA has not paid: the money waits in suspense again.
pub fn refund_returned(
    payout: Uuid,
    hold: JournalId,
    amount: Money,
) -> Result<Posting, NotAPosting> {
    returned("refund_returned", payout, hold, Account::Suspense, amount)
}

fn returned(
    kind: &'static str,
    payout: Uuid,
    hold: JournalId,
    to: Account,
    amount: Money,
) -> Result<Posting, NotAPosting> {
    Ok(Posting::of(kind, payout, amount)
        .debit(IN_FLIGHT)
        .credit(to)?
        .resolving(hold))
}

/// M-PESA has paid what had been given back already, or paid once more: somebody owes it to us.
pub fn payout_paid_again(payout: Uuid, amount: Money) -> Result<Posting, NotAPosting> {
    Posting::of("payout_paid_again", payout, amount)
        .debit(Account::OwedBack)
        .credit(Account::MpesaPaybill)
}
