//! What an invoice says.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::members::MemberId;
use crate::primitives::Money;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InvoiceId(pub Uuid);

/// Something a member is asked to pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    pub id: InvoiceId,
    /// The short number people say.
    pub number: i64,
    pub member: MemberId,
    pub what: What,
    pub amount: Money,
    pub issued_at: DateTime<Utc>,
    /// The last day on which it is paid in time, as Nairobi counts days.
    pub due_on: NaiveDate,
    pub state: InvoiceState,
}

/// What is to be paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// To be a member beyond this day.
    Renewal { after_day: NaiveDate },
    /// Anything the association provides, in words for the member.
    Fee { reason: String },
    /// Something the member did, in words for the member.
    Fine { reason: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvoiceState {
    Open,
    Paid,
    Cancelled,
}

/// What the money came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaidFrom {
    Mpesa,
    Wallet,
}

/// An invoice that is to be written.
#[derive(Clone, Debug)]
pub struct Issue {
    /// The same key again is the same invoice.
    pub key: String,
    pub member: MemberId,
    pub what: What,
    pub amount: Money,
    pub due_on: NaiveDate,
    /// Who of the staff; nobody for a renewal.
    pub by: Option<String>,
}

impl Invoice {
    /// A day late, or more.
    pub fn is_overdue(&self, today: NaiveDate) -> bool {
        self.state == InvoiceState::Open && today > self.due_on
    }
}

impl What {
    pub fn as_str(&self) -> &'static str {
        match self {
            What::Renewal { .. } => "renewal",
            What::Fee { .. } => "fee",
            What::Fine { .. } => "fine",
        }
    }

    /// In the words of whoever issued it; nothing for a renewal.
    pub fn reason(&self) -> Option<&str> {
        match self {
            What::Renewal { .. } => None,
            What::Fee { reason } | What::Fine { reason } => Some(reason),
        }
    }

    pub(super) fn after_day(&self) -> Option<NaiveDate> {
        match self {
            What::Renewal { after_day } => Some(*after_day),
            What::Fee { .. } | What::Fine { .. } => None,
        }
    }
}

impl InvoiceState {
    pub fn parse(word: &str) -> Option<InvoiceState> {
        match word {
            "open" => Some(InvoiceState::Open),
            "paid" => Some(InvoiceState::Paid),
            "cancelled" => Some(InvoiceState::Cancelled),
            _ => None,
        }
    }
}

impl PaidFrom {
    pub fn as_str(self) -> &'static str {
        match self {
            PaidFrom::Mpesa => "mpesa",
            PaidFrom::Wallet => "wallet",
        }
    }
}

impl fmt::Display for InvoiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoice_is_overdue_the_day_after() {
        let due_on: NaiveDate = "2026-12-04".parse().unwrap();
        let invoice = |state| Invoice {
            id: InvoiceId(Uuid::nil()),
            number: 1,
            member: MemberId(Uuid::nil()),
            what: What::Fine {
                reason: "No helmet".to_owned(),
            },
            amount: Money::from_shillings(200),
            issued_at: "2026-11-20T09:00:00Z".parse().unwrap(),
            due_on,
            state,
        };
        let next_day = due_on.succ_opt().unwrap();
        assert!(!invoice(InvoiceState::Open).is_overdue(due_on));
        assert!(invoice(InvoiceState::Open).is_overdue(next_day));
        assert!(!invoice(InvoiceState::Paid).is_overdue(next_day));
        assert!(!invoice(InvoiceState::Cancelled).is_overdue(next_day));
    }
}
