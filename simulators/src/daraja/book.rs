//! The provider's own book: every shilling that moved, whoever was told about it.

use std::collections::{BTreeMap, HashSet, VecDeque};

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde::Serialize;

use crate::clock::nairobi;
use crate::phones::{Msisdn, plain};
use crate::settings::Settings;
use crate::world::Dice;

use super::c2b::Registered;
use super::stk::Push;

/// What M-PESA knows about us.
pub struct Book {
    tokens: Vec<(String, DateTime<Utc>)>,
    pub(crate) pushes: Vec<Push>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) registered: BTreeMap<String, Registered>,
    pub(crate) payouts: Vec<Payout>,
    pub(crate) pull_registered: bool,
    /// Cents on the paybill, the utility account, and the (negative) charges account.
    pub(crate) paybill: i64,
    pub(crate) utility: i64,
    pub(crate) charges: i64,
    wrong_credentials: u8,
    asked_at: VecDeque<DateTime<Utc>>,
    /// Every receipt ever given.
    given: HashSet<String>,
}

/// One movement of money.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    pub kind: Kind,
    pub receipt: String,
    pub msisdn: String,
    /// In cents; shown as shillings.
    #[serde(serialize_with = "as_shillings")]
    pub amount: i64,
    /// What the payer typed, or our reference.
    pub account: String,
    pub checkout_id: Option<String>,
    /// The `OriginatorConversationID` of a payout.
    pub originator_id: Option<String>,
    pub at: DateTime<Utc>,
    pub reversed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Stk,
    C2b,
    B2c,
    Reversal,
}

/// A payout that was accepted, paid or not.
#[derive(Clone)]
pub(crate) struct Payout {
    pub(crate) originator_id: String,
    pub(crate) conversation_id: String,
    pub(crate) amount: i64,
    pub(crate) at: DateTime<Utc>,
    /// `None` while it is under way, then the receipt or nothing.
    pub(crate) done: Option<Option<String>>,
}

/// Shillings with two decimals, as text.
pub(super) fn as_shillings<S: serde::Serializer>(
    cents: &i64,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&plain(*cents))
}

impl Book {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            tokens: Vec::new(),
            pushes: Vec::new(),
            entries: Vec::new(),
            registered: BTreeMap::new(),
            payouts: Vec::new(),
            pull_registered: false,
            paybill: 0,
            utility: settings.utility_balance,
            charges: 0,
            wrong_credentials: 0,
            asked_at: VecDeque::new(),
            given: HashSet::new(),
        }
    }

    pub(crate) fn issue_token(&mut self, token: String, now: DateTime<Utc>, lone: bool) {
        if lone {
            self.tokens.clear();
        }
        self.tokens.retain(|(_, until)| *until > now);
        self.tokens.push((token, now + TimeDelta::seconds(3599)));
    }

    pub(crate) fn token_is_good(&self, token: &str, now: DateTime<Utc>) -> bool {
        self.tokens
            .iter()
            .any(|(good, until)| good == token && *until > now)
    }

    /// Counts a request against the per-second limit.
    pub(crate) fn may_ask(&mut self, now: DateTime<Utc>, limit: u32) -> bool {
        while self
            .asked_at
            .front()
            .is_some_and(|at| now - *at > TimeDelta::seconds(1))
        {
            self.asked_at.pop_front();
        }
        let within = self.asked_at.len() < limit as usize;
        if within {
            self.asked_at.push_back(now);
        }
        within
    }

    pub(crate) fn push(&mut self, checkout_id: &str) -> Option<&mut Push> {
        self.pushes
            .iter_mut()
            .rev()
            .find(|push| push.checkout_id == checkout_id)
    }

    pub(crate) fn payout(&mut self, originator_id: &str) -> Option<&mut Payout> {
        self.payouts
            .iter_mut()
            .rev()
            .find(|payout| payout.originator_id == originator_id)
    }

    pub(crate) fn entry(&mut self, receipt: &str) -> Option<&mut Entry> {
        self.entries
            .iter_mut()
            .rev()
            .find(|entry| entry.receipt == receipt)
    }

    /// Whether the same person paid the same amount to us within two minutes.
    pub(crate) fn paid_just_now(&self, msisdn: &Msisdn, amount: i64, now: DateTime<Utc>) -> bool {
        // Entries are in the order of their times.
        let lately = self
            .entries
            .iter()
            .rev()
            .take_while(|entry| now - entry.at < TimeDelta::minutes(2));
        lately
            .filter(|entry| matches!(entry.kind, Kind::Stk | Kind::C2b))
            .any(|entry| entry.msisdn == msisdn.digits() && entry.amount == amount)
    }

    /// The credential was wrong once more: from the third time on the operator is locked. Returns the result code.
    pub(crate) fn wrong_credential(&mut self) -> i64 {
        self.wrong_credentials = self.wrong_credentials.saturating_add(1);
        if self.operator_is_locked() {
            8006
        } else {
            2001
        }
    }

    pub(crate) fn operator_is_locked(&self) -> bool {
        self.wrong_credentials >= 3
    }

    /// A receipt of the usual anatomy that was never given before: year, month and day in one character each, then seven.
    pub(crate) fn receipt(&mut self, dice: &mut Dice, now: DateTime<Utc>) -> String {
        const SEQUENCE: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let day = nairobi(now);
        let letter = |first: u8, steps: i64| char::from(first + steps.rem_euclid(26) as u8);
        let year = letter(b'L', i64::from(day.year()) - 2017);
        let month = letter(b'A', i64::from(day.month0()));
        let day = char::from(SEQUENCE[day.day() as usize % SEQUENCE.len()]);
        loop {
            let receipt = format!("{year}{month}{day}{}", dice.letters(SEQUENCE, 7));
            if self.given.insert(receipt.clone()) {
                return receipt;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn receipts_say_their_day() {
        let mut book = Book::new(&Settings::default());
        let mut dice = Dice::from_rng(rand::rngs::StdRng::seed_from_u64(1));
        for (at, prefix) in [
            ("2026-11-05T11:30:07Z", "UK5"),
            ("2026-11-20T11:30:07Z", "UKK"),
            ("2026-12-31T21:30:00Z", "VA1"),
        ] {
            let at: DateTime<Utc> = at.parse().unwrap();
            let receipt = book.receipt(&mut dice, at);
            assert!(
                receipt.starts_with(prefix) && receipt.len() == 10,
                "{receipt}"
            );
        }
    }
}
