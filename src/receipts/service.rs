//! Issuing, numbering and checking receipts.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::code::{CheckCode, CodeKey};
use super::number::ReceiptNumber;
use super::store;
use crate::events::Event;
use crate::fault::Fault;
use crate::primitives::{MaskedName, Money, Msisdn};
use crate::work::Work;

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
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub code: CheckCode,
    pub issued_at: DateTime<Utc>,
}

#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    #[error("the payment has a receipt that says something else")]
    IssuedOtherwise,
    #[error(transparent)]
    Fault(#[from] Fault),
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

/// How many codes one phone may ask about in a clock hour. Guessing must not pay, and a stage meeting must not be turned away.
const QUESTIONS_AN_HOUR_MAX: i32 = 10;

/// Gives a payment its receipt, or the one it has.
pub async fn issue(work: &mut Work, key: &CodeKey, issue: Issue) -> Result<Receipt, IssueError> {
    let now = work.now;
    let ordinal = match store::begin(work.conn(), issue.payment).await? {
        store::Begun::Issued(before, receipt) if before == issue => return Ok(receipt),
        store::Begun::Issued(..) => return Err(IssueError::IssuedOtherwise),
        store::Begun::Ordinal(ordinal) => ordinal,
    };
    for code in key.candidates(issue.payment, ordinal) {
        match store::insert(work.conn(), &issue, ordinal, &code, now).await? {
            store::Inserted::Yes => {
                work.record(ReceiptIssued {
                    payment: issue.payment,
                })
                .await?;
                return Ok(Receipt {
                    code,
                    issued_at: now,
                });
            }
            store::Inserted::CodeTaken => {}
            // Somebody else was issuing it in the same moment, and has.
            store::Inserted::PaymentTaken(before, receipt) if before == issue => {
                return Ok(receipt);
            }
            store::Inserted::PaymentTaken(..) => return Err(IssueError::IssuedOtherwise),
        }
    }
    Err(Fault::broken(format!(
        "no check code is left for payment {}",
        issue.payment
    ))
    .into())
}

/// Numbers receipts that were committed without a number, oldest first, and says how many; zero when there are none left. One worker
/// at a time: a second waits for the first to commit.
pub async fn number_pending(work: &mut Work) -> Result<u64, Fault> {
    store::number_pending(work.conn()).await
}

/// The receipt with this code, for somebody we need not count (staff, tests). Phones [`ask`].
pub async fn look_up(conn: &mut PgConnection, code: &CheckCode) -> Result<Option<Genuine>, Fault> {
    store::look_up(conn, code).await
}

/// Answers a phone that wants to know whether a code is genuine.
pub async fn ask(work: &mut Work, asker: &Msisdn, code: &CheckCode) -> Result<Answer, Fault> {
    let now = work.now;
    let asked = store::count_question(work.conn(), asker, now).await?;
    if asked > QUESTIONS_AN_HOUR_MAX {
        return Ok(Answer::AskedTooOften);
    }
    Ok(look_up(work.conn(), code)
        .await?
        .map_or(Answer::Unknown, Answer::Genuine))
}

impl Purpose {
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Contribution => "contribution",
            Purpose::RegistrationFee => "registration_fee",
        }
    }

    pub fn parse(text: &str) -> Option<Purpose> {
        [Purpose::Contribution, Purpose::RegistrationFee]
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
    }
}

/// A payment has its receipt. The code is left out: it is for whoever holds the receipt.
#[derive(Serialize)]
struct ReceiptIssued {
    payment: Uuid,
}

impl Event for ReceiptIssued {
    const NAME: &'static str = "receipt.issued";
    fn subject(&self) -> Uuid {
        self.payment
    }
}
