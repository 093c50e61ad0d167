//! What is laid side by side, and what can come of it.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use uuid::Uuid;

use crate::payments::Receipt;
use crate::primitives::Money;

/// A payment as the provider's records have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theirs {
    pub receipt: Receipt,
    pub amount: Money,
    pub at: DateTime<Utc>,
    /// What the payer typed, or the reference of our prompt.
    pub account: String,
    /// The payer's number as far as it is shown.
    pub payer_hint: Option<String>,
}

/// A row of the pull interface. Its time carries a `Z` of which nobody knows whether it is meant: [`super::clock_of`] finds out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PulledRow {
    pub receipt: Receipt,
    pub amount: Money,
    pub written: NaiveDateTime,
    pub account: String,
    pub payer_hint: Option<String>,
}

/// A payment as we have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    /// Our own name of the payment that came.
    pub id: Uuid,
    /// None while only an answer to our question told of it.
    pub receipt: Option<Receipt>,
    pub obligation: Option<Uuid>,
    pub amount: Money,
    /// When we heard of it.
    pub at: DateTime<Utc>,
    /// Their records told us, and nobody before: that it counts for a later day is no news.
    pub from_records: bool,
}

impl Ours {
    /// What its journals name as their cause, of the two that are possible.
    pub(super) fn name(&self) -> Uuid {
        self.obligation
            .or_else(|| self.receipt.as_ref().map(Receipt::payment_id))
            .unwrap_or(self.id)
    }
}

/// What the ledger has booked as received from the provider on one day, for one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booked {
    pub cause: Uuid,
    /// Cents; below zero when more went back than came.
    pub cents: i64,
}

/// How two records of a payment can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// We have it, their whole day does not.
    OnlyOurs,
    /// They have it, and taking it in did not work.
    OnlyTheirs,
    Amount,
    /// It counts for another day here than there.
    Day,
    /// Paid by the answer to our question, and no record of theirs has given it a receipt.
    Unnamed,
    /// The ledger has booked another amount than came.
    Ledger,
}

impl Class {
    pub const ALL: [Class; 6] = [
        Class::OnlyOurs,
        Class::OnlyTheirs,
        Class::Amount,
        Class::Day,
        Class::Unnamed,
        Class::Ledger,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Class::OnlyOurs => "only_ours",
            Class::OnlyTheirs => "only_theirs",
            Class::Amount => "amount",
            Class::Day => "day",
            Class::Unnamed => "unnamed",
            Class::Ledger => "ledger",
        }
    }

    pub fn parse(word: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.as_str() == word)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A difference as a comparison finds it, before anybody knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub class: Class,
    /// The provider's receipt; where there is none, our own name of the payment.
    pub reference: String,
    pub ours: Option<Money>,
    pub theirs: Option<Money>,
    pub ours_at: Option<DateTime<Utc>>,
    pub theirs_at: Option<DateTime<Utc>>,
}

/// Names a difference at the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DifferenceId(pub i64);

/// A difference that is known, as the desk sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub id: DifferenceId,
    /// The Nairobi day that was compared.
    pub day: NaiveDate,
    pub found: Found,
    /// Who looks into it.
    pub owner: Option<String>,
    /// Why it is none any more.
    pub reason: Option<String>,
}

/// How a day stands after its comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub day: NaiveDate,
    pub ours: usize,
    pub ours_total: Money,
    pub theirs: usize,
    pub theirs_total: Money,
    /// Payments that their records told us of first, now and before.
    pub taken_in: usize,
    /// False when their side may lack some: then nobody can say that a payment of ours is missing there.
    pub complete: bool,
    /// Those that have not ended, the oldest first.
    pub open: Vec<Difference>,
}
