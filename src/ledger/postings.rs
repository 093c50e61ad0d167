//! Every movement of money the product knows, each named and built in one place.

pub mod dues;
pub mod insurance;
pub mod loans;
pub mod payouts;
pub mod wallet;

use uuid::Uuid;

use super::account::Account;
use super::posting::{NotAPosting, Posting};
use crate::primitives::Money;

/// A rider paid M-PESA for the welfare fund of a stage.
pub fn contribution_received(
    payment: Uuid,
    stage: i32,
    amount: Money,
) -> Result<Posting, NotAPosting> {
    Posting::of("contribution_received", payment, amount)
        .debit(Account::MpesaPaybill)
        .credit(Account::Fund(stage))
}

/// Somebody who joins paid the registration fee by M-PESA.
pub fn registration_fee_received(payment: Uuid, amount: Money) -> Result<Posting, NotAPosting> {
    Posting::of("registration_fee_received", payment, amount)
        .debit(Account::MpesaPaybill)
        .credit(Account::FeeIncome)
}

/// M-PESA holds money for us that fits nothing we asked for.
pub fn unallocated_received(payment: Uuid, amount: Money) -> Result<Posting, NotAPosting> {
    Posting::of("unallocated_received", payment, amount)
        .debit(Account::MpesaPaybill)
        .credit(Account::Suspense)
}

/// Money that lay in suspense is taken up by the payment it belongs to, which books it as if it came in now.
pub fn suspense_released(payment: Uuid, amount: Money) -> Result<Posting, NotAPosting> {
    Posting::of("suspense_released", payment, amount)
        .debit(Account::Suspense)
        .credit(Account::MpesaPaybill)
}
