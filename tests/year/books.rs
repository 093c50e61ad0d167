//! The book that the simulation keeps by itself: who should hold what, written down from what people and M-PESA did.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{NaiveDate, TimeDelta};
use kwastage::ledger::Account;
use uuid::Uuid;

/// Cents by account, and what standings are made of.
#[derive(Default)]
pub struct Books {
    held: HashMap<Account, i64>,
    /// What each member has put into the fund, in cents, however it came there.
    pub contributed: BTreeMap<Uuid, i64>,
    /// When members came to owe contributions.
    pub approved_on: BTreeMap<Uuid, NaiveDate>,
    /// Obligations for which money has come.
    pub paid: BTreeSet<Uuid>,
    pub movements: usize,
}

impl Books {
    pub fn moved(&mut self, from: Account, to: Account, cents: i64) {
        *self.held.entry(from).or_default() -= cents;
        *self.held.entry(to).or_default() += cents;
        self.movements += 1;
    }

    pub fn contributed(&mut self, member: Uuid, cents: i64) {
        *self.contributed.entry(member).or_default() += cents;
    }

    pub fn accounts(&self) -> impl Iterator<Item = (&Account, i64)> {
        self.held.iter().map(|(account, cents)| (account, *cents))
    }
}

/// What every rider of every stage owes: so much each week from this day on.
pub const WEEKLY_SHILLINGS: i64 = 100;
pub const FIRST_DUE_DAY: &str = "2026-01-05";

/// How a member stands, counted day by day: what was due before today, less what was paid; below zero is paid ahead.
pub fn owed(approved_on: NaiveDate, contributed: i64, today: NaiveDate) -> i64 {
    let mut due_day: NaiveDate = FIRST_DUE_DAY.parse().unwrap();
    let mut fallen_due = 0;
    while due_day < today {
        if due_day > approved_on {
            fallen_due += WEEKLY_SHILLINGS * 100;
        }
        due_day += TimeDelta::days(7);
    }
    fallen_due - contributed
}
