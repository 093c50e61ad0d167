//! Premiums, which are the insurer's from the moment they come in, and our part of them.

use uuid::Uuid;

use crate::ledger::account::Account;
use crate::ledger::posting::{NotAPosting, Posting};
use crate::primitives::Money;

/// A member paid a premium by M-PESA.
pub fn premium_received(
    payment: Uuid,
    insurer: &str,
    amount: Money,
) -> Result<Posting, NotAPosting> {
    Posting::of("premium_received", payment, amount)
        .debit(Account::MpesaPaybill)
        .credit(Account::InsurerPremium(insurer.to_owned()))
}

/// A member paid a premium out of the own wallet.
pub fn premium_from_wallet(
    payment: Uuid,
    member: Uuid,
    insurer: &str,
    amount: Money,
) -> Result<Posting, NotAPosting> {
    Posting::of("premium_from_wallet", payment, amount)
        .debit(Account::Wallet(member))
        .credit(Account::InsurerPremium(insurer.to_owned()))
}

/// Our commission of a premium that has come in.
pub fn commission_earned(
    payment: Uuid,
    insurer: &str,
    amount: Money,
) -> Result<Posting, NotAPosting> {
    Posting::of("commission_earned", payment, amount)
        .debit(Account::InsurerPremium(insurer.to_owned()))
        .credit(Account::CommissionIncome(insurer.to_owned()))
}

/// A policy was cancelled, and what was paid for its unused days is the member's again.
pub fn premium_refunded(
    policy: Uuid,
    member: Uuid,
    insurer: &str,
    amount: Money,
) -> Result<Posting, NotAPosting> {
    Posting::of("premium_refunded", policy, amount)
        .debit(Account::InsurerPremium(insurer.to_owned()))
        .credit(Account::Wallet(member))
}

/// What of a refund was our commission: we give it back to what is the insurer's.
pub fn commission_returned(
    policy: Uuid,
    insurer: &str,
    amount: Money,
) -> Result<Posting, NotAPosting> {
    Posting::of("commission_returned", policy, amount)
        .debit(Account::CommissionIncome(insurer.to_owned()))
        .credit(Account::InsurerPremium(insurer.to_owned()))
}
