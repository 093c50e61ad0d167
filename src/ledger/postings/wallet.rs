//! Money into, between and out of members' wallets.

use uuid::Uuid;

use crate::ledger::account::Account;
use crate::ledger::posting::{NotAPosting, Posting};
use crate::primitives::Money;

/// A member paid for the welfare fund of a stage out of the own wallet.
pub fn contribution_from_wallet(
    payment: Uuid,
    member: Uuid,
    stage: i32,
    amount: Money,
) -> Result<Posting, NotAPosting> {
    Posting::of("contribution_from_wallet", payment, amount)
        .debit(Account::Wallet(member))
        .credit(Account::Fund(stage))
}

/// One member sent another money out of the own wallet.
pub fn wallet_sent(
    transfer: Uuid,
    from: Uuid,
    to: Uuid,
    amount: Money,
) -> Result<Posting, NotAPosting> {
    Posting::of("wallet_sent", transfer, amount)
        .debit(Account::Wallet(from))
        .credit(Account::Wallet(to))
}

/// A member put money from M-PESA into the own wallet.
pub fn wallet_topped_up(
    payment: Uuid,
    member: Uuid,
    amount: Money,
) -> Result<Posting, NotAPosting> {
    Posting::of("wallet_topped_up", payment, amount)
        .debit(Account::MpesaPaybill)
        .credit(Account::Wallet(member))
}
