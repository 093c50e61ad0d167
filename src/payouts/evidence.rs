//! What anybody told us about a payout, in our own words. The raw bytes are kept beside it and come first.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::model::NotPaid;
use crate::payments::{Pace, PhoneHint, Receipt, ResultCode};
use crate::primitives::Money;

/// Where a piece of evidence came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// M-PESA's direct answer to the payment.
    Answer,
    /// The result posted to the secret path of a payment.
    Result,
    /// The notice posted when M-PESA's queue did not take or drain it: no result.
    Timeout,
    /// M-PESA's direct answer to our question.
    QuestionAnswer,
    /// The result of our question, or the notice that it timed out.
    QuestionResult,
    Person,
}

impl Source {
    const ALL: [Source; 6] = [
        Source::Answer,
        Source::Result,
        Source::Timeout,
        Source::QuestionAnswer,
        Source::QuestionResult,
        Source::Person,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Source::Answer => "answer",
            Source::Result => "result",
            Source::Timeout => "timeout",
            Source::QuestionAnswer => "question_answer",
            Source::QuestionResult => "question_result",
            Source::Person => "person",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Source> {
        Source::ALL
            .into_iter()
            .find(|source| source.as_str() == name)
    }
}

/// One thing somebody said, understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// When it first reached us; a repeated delivery keeps the first time.
    pub at: DateTime<Utc>,
    /// False when it came from an address the provider does not publish.
    pub trusted: bool,
    pub said: Said,
}

/// What a piece of evidence says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    Answer(SendAnswer),
    Result(PaymentResult),
    /// M-PESA's queue did not take or drain it, says M-PESA. A result may follow.
    QueueTimeout,
    Asked(AskAnswer),
    Status(StatusResult),
    /// A person has found out, and answers for it.
    Found(Found),
    /// It came on the right path and nobody can read it.
    Unreadable,
}

/// The provider's direct answer to a payment. Accepted means only that it is queued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendAnswer {
    Accepted,
    /// The id was seen before, which says nothing about a payment.
    Duplicate,
    /// Provably without effect.
    NotTaken(NotTaken),
    /// It may or may not have been taken.
    Unknown,
}

/// Why nothing was taken. The id is not used up by it, so far as anybody knows: it is handed over again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotTaken {
    /// There was no connection, or M-PESA is overloaded.
    Unreachable,
    SlowDown(Pace),
    Maintenance,
    TokenRefused,
    /// The operator may not do this, or our request is refused: nobody's payout will work until somebody repairs it.
    Refused {
        what: String,
    },
    /// M-PESA does not take this number.
    BadPhone,
}

impl NotTaken {
    pub fn name(&self) -> &'static str {
        match self {
            NotTaken::Unreachable => "unreachable",
            NotTaken::SlowDown(_) => "slow_down",
            NotTaken::Maintenance => "maintenance",
            NotTaken::TokenRefused => "token_refused",
            NotTaken::Refused { .. } => "refused",
            NotTaken::BadPhone => "bad_phone",
        }
    }
}

/// What a result says became of a payment (Daraja, B2C result).
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PaymentResult {
    /// The OriginatorConversationID it names.
    pub originator: String,
    pub code: ResultCode,
    pub receipt: Option<Receipt>,
    pub amount: Option<Money>,
    /// The number that was paid, as far as it is shown.
    pub recipient: Option<PhoneHint>,
    /// Whom M-PESA knows under that number.
    pub name: Option<String>,
    /// What our account for payouts holds after it.
    pub float: Option<Money>,
}

impl fmt::Debug for PaymentResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaymentResult")
            .field("originator", &self.originator)
            .field("code", &self.code)
            .field("receipt", &self.receipt)
            .field("amount", &self.amount)
            .finish_non_exhaustive()
    }
}

/// The provider's direct answer to our question about a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskAnswer {
    Accepted,
    NotTaken(NotTaken),
    Unknown,
}

/// The result of a question (Daraja, Transaction Status): the code tells of the question, the fate of the payment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusResult {
    pub code: ResultCode,
    /// The OriginatorConversationID of the payment it tells of.
    pub about: Option<String>,
    pub fate: Option<Fate>,
    pub receipt: Option<Receipt>,
    pub amount: Option<Money>,
}

/// What Transaction Status calls a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    Completed,
    /// Cancelled, declined or expired: final.
    NotPaid,
    /// Initiated, authorised, or a word we do not know: not final.
    Undecided,
}

/// What a person has found out, in M-PESA's portal or from Safaricom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    Paid { receipt: Receipt },
    NotPaid,
}

/// A failure that was said, and its word.
pub(super) type Failure = (NotPaid, String);
