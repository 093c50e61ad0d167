//! What moves in a wallet.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::limits::Limits;
use crate::fault::Fault;
use crate::primitives::{MaskedName, Money, Msisdn};

/// Where money that comes into a wallet is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The member put it in by M-PESA.
    TopUp,
    /// A payment that came a second time is the member's own money.
    PaidTwice,
    /// So is what was paid for a loan beyond what it asked for.
    LoanOverpaid,
}

/// Money that leaves a wallet.
#[derive(Clone, Copy, Debug)]
pub struct Spend {
    /// Names the deed: the same again is the same movement.
    pub id: Uuid,
    pub member: Uuid,
    pub amount: Money,
    pub limits: Limits,
}

/// What is true after money has left a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub balance: Money,
    /// What may still leave today.
    pub left_today: Money,
}

/// Why no money left. Nothing has changed, and the transaction goes on.
#[derive(Debug, thiserror::Error)]
pub enum SpendError {
    #[error("the wallet holds KES {balance}")]
    NotEnough { balance: Money },
    #[error("KES {left_today} may still leave today, KES {once} in one go")]
    OverLimit { left_today: Money, once: Money },
    #[error("the wallet is frozen")]
    Frozen,
    #[error("nobody sends money to themselves")]
    ToOneself,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Somebody the member sent money to before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    pub member: Uuid,
    pub first_name: String,
    pub msisdn: Msisdn,
}

/// One line of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub at: DateTime<Utc>,
    /// Negative when it left.
    pub amount: Money,
    pub what: What,
    /// The other member, where there is one.
    pub other: Option<MaskedName>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    TopUp,
    PaidTwice,
    Contribution,
    /// A renewal, a fee or a fine.
    Dues,
    Sent,
    Received,
    /// To the member's own M-PESA, with our fee.
    Withdrawn,
    /// M-PESA could not pay what was withdrawn.
    WithdrawalReturned,
    /// A loan was paid in.
    Loan,
    LoanFee,
    LoanRepaid,
    /// More came by M-PESA than a loan still asked for.
    LoanOverpaid,
    /// Of an insurance policy.
    Premium,
    /// A policy was cancelled.
    PremiumRefund,
}

impl What {
    pub fn as_str(self) -> &'static str {
        match self {
            What::TopUp => "top_up",
            What::PaidTwice => "paid_twice",
            What::Contribution => "contribution",
            What::Dues => "dues",
            What::Sent => "sent",
            What::Received => "received",
            What::Withdrawn => "withdrawn",
            What::WithdrawalReturned => "withdrawal_returned",
            What::Loan => "loan",
            What::LoanFee => "loan_fee",
            What::LoanRepaid => "loan_repaid",
            What::LoanOverpaid => "loan_overpaid",
            What::Premium => "premium",
            What::PremiumRefund => "premium_refund",
        }
    }

    pub fn parse(word: &str) -> Option<What> {
        [
            What::TopUp,
            What::PaidTwice,
            What::Contribution,
            What::Dues,
            What::Sent,
            What::Received,
            What::Withdrawn,
            What::WithdrawalReturned,
            What::Loan,
            What::LoanFee,
            What::LoanRepaid,
            What::LoanOverpaid,
            What::Premium,
            What::PremiumRefund,
        ]
        .into_iter()
        .find(|what| what.as_str() == word)
    }

    pub(super) fn comes_in(self) -> bool {
        matches!(
            self,
            What::TopUp
                | What::PaidTwice
                | What::Received
                | What::WithdrawalReturned
                | What::Loan
                | What::LoanOverpaid
                | What::PremiumRefund
        )
    }
}

impl From<Source> for What {
    fn from(source: Source) -> What {
        match source {
            Source::TopUp => What::TopUp,
            Source::PaidTwice => What::PaidTwice,
            Source::LoanOverpaid => What::LoanOverpaid,
        }
    }
}
