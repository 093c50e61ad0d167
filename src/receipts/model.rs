//! What a receipt says, and to whom.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::code::CheckCode;
use super::number::ReceiptNumber;
use crate::primitives::{MaskedName, Money};

/// A settled payment that deserves a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    pub payment: Uuid,
    /// None while the payer is no member.
    pub member: Option<Uuid>,
    pub amount: Money,
    pub what: Purpose,
    /// The provider's own receipt number, such as M-PESA's `TKQ1ABCDE2`.
    pub provider_receipt: String,
}

/// What was paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Contribution,
    RegistrationFee,
    /// Into the member's own wallet.
    TopUp,
    /// A renewal, a fee or a fine.
    Dues,
    /// Towards the member's loan.
    LoanRepayment,
    /// Of an insurance policy.
    Premium,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub code: CheckCode,
    pub issued_at: DateTime<Utc>,
}

/// What a genuine receipt tells whoever holds its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genuine {
    pub amount: Money,
    pub what: Purpose,
    pub at: DateTime<Utc>,
    /// None where the payer is no member.
    pub payer: Option<MaskedName>,
    /// None for the moment before it is numbered.
    pub number: Option<ReceiptNumber>,
}

/// What somebody who asks about a code by phone is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Genuine(Genuine),
    /// Nobody has this code: a message that shows it is forged.
    Unknown,
    AskedTooOften,
}

impl Purpose {
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Contribution => "contribution",
            Purpose::RegistrationFee => "registration_fee",
            Purpose::TopUp => "top_up",
            Purpose::Dues => "dues",
            Purpose::LoanRepayment => "loan_repayment",
            Purpose::Premium => "premium",
        }
    }

    pub fn parse(text: &str) -> Option<Purpose> {
        [
            Purpose::Contribution,
            Purpose::RegistrationFee,
            Purpose::TopUp,
            Purpose::Dues,
            Purpose::LoanRepayment,
            Purpose::Premium,
        ]
        .into_iter()
        .find(|purpose| purpose.as_str() == text)
    }
}
