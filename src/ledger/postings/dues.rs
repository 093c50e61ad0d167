//! What members pay the association itself: renewals, fees and fines.

use uuid::Uuid;

use crate::ledger::account::Account;
use crate::ledger::posting::{NotAPosting, Posting};
use crate::primitives::Money;

/// A member paid an invoice by M-PESA.
pub fn dues_received(payment: Uuid, amount: Money) -> Result<Posting, NotAPosting> {
    Posting::of("dues_received", payment, amount)
        .debit(Account::MpesaPaybill)
        .credit(Account::FeeIncome)
}

/// A member paid an invoice out of the own wallet.
pub fn dues_from_wallet(
    payment: Uuid,
    member: Uuid,
    amount: Money,
) -> Result<Posting, NotAPosting> {
    Posting::of("dues_from_wallet", payment, amount)
        .debit(Account::Wallet(member))
        .credit(Account::FeeIncome)
}
