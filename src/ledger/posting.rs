//! A movement of money between accounts, balanced because it cannot be said otherwise.

use uuid::Uuid;

use super::account::Account;
use crate::primitives::Money;

/// A journal as the ledger names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JournalId(pub i64);

/// One journal's worth of movements. Each leg debits one account and credits another by the same positive amount, so holding a
/// `Posting` is proof that it balances.
///
/// ```
/// # use kwastage::{ledger::{Account, Posting}, primitives::Money};
/// # let payment = uuid::Uuid::nil();
/// let posting = Posting::of("contribution_received", payment, Money::from_shillings(200))
///     .debit(Account::MpesaPaybill)
///     .credit(Account::Fund(101))?;
/// # Ok::<(), kwastage::ledger::NotAPosting>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    kind: &'static str,
    cause: Uuid,
    legs: Vec<Leg>,
    resolves: Option<JournalId>,
}

/// Why these movements are no posting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPosting {
    #[error("a posting moves more than nothing, and at most a thousand million shillings")]
    Amount,
    #[error("a posting moves money from one account to another")]
    SameAccount,
    #[error("a posting has at most 64 legs")]
    TooManyLegs,
}

/// A posting that lacks the debit of its last leg.
#[must_use]
pub struct Debited {
    begun: Posting,
    amount: Money,
}

/// A posting that lacks the credit of its last leg.
#[must_use]
pub struct Credited {
    begun: Posting,
    amount: Money,
    debit: Account,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) debit: Account,
    pub(super) credit: Account,
    pub(super) amount: Money,
}

/// What the ledger's `positive_amount` and `leg` constraints allow.
const MOST_CENTS: i64 = 100_000_000_000;
const MOST_LEGS: usize = 64;

impl Posting {
    /// Begins a posting of this kind, caused by the payment or other thing with this id.
    pub fn of(kind: &'static str, cause: Uuid, amount: Money) -> Debited {
        Debited {
            begun: Posting {
                kind,
                cause,
                legs: Vec::with_capacity(1),
                resolves: None,
            },
            amount,
        }
    }

    /// One leg more in the same journal.
    pub fn and(self, amount: Money) -> Debited {
        Debited {
            begun: self,
            amount,
        }
    }

    /// Says which earlier journal this one settles, releases or reverses; each can be resolved once.
    pub fn resolving(self, journal: JournalId) -> Posting {
        Posting {
            resolves: Some(journal),
            ..self
        }
    }

    pub fn kind(&self) -> &'static str {
        self.kind
    }

    pub fn cause(&self) -> Uuid {
        self.cause
    }

    pub fn resolves(&self) -> Option<JournalId> {
        self.resolves
    }

    pub(super) fn legs(&self) -> &[Leg] {
        &self.legs
    }
}

impl Debited {
    /// The account that gives.
    pub fn debit(self, account: Account) -> Credited {
        Credited {
            begun: self.begun,
            amount: self.amount,
            debit: account,
        }
    }
}

impl Credited {
    /// The account that receives. Refused if nothing would move, or more than a posting may hold.
    pub fn credit(self, account: Account) -> Result<Posting, NotAPosting> {
        let Credited {
            mut begun,
            amount,
            debit,
        } = self;
        if !(1..=MOST_CENTS).contains(&amount.cents()) {
            return Err(NotAPosting::Amount);
        }
        if debit == account {
            return Err(NotAPosting::SameAccount);
        }
        if begun.legs.len() == MOST_LEGS {
            return Err(NotAPosting::TooManyLegs);
        }
        begun.legs.push(Leg {
            debit,
            credit: account,
            amount,
        });
        Ok(begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moving(amount: Money, debit: Account, credit: Account) -> Result<Posting, NotAPosting> {
        Posting::of("test_movement", Uuid::nil(), amount)
            .debit(debit)
            .credit(credit)
    }

    #[test]
    fn what_is_no_movement_of_money_is_no_posting() {
        for cents in [0, -1, i64::MIN, MOST_CENTS + 1] {
            let refused = moving(
                Money::from_cents(cents),
                Account::MpesaPaybill,
                Account::Suspense,
            );
            assert_eq!(refused, Err(NotAPosting::Amount), "{cents}");
        }
        assert_eq!(
            moving(Money::from_cents(1), Account::Fund(7), Account::Fund(7)),
            Err(NotAPosting::SameAccount)
        );
        assert!(
            moving(
                Money::from_cents(MOST_CENTS),
                Account::Fund(7),
                Account::Fund(8)
            )
            .is_ok()
        );
    }

    #[test]
    fn a_posting_has_as_many_legs_as_the_ledger_can_number() {
        let shilling = Money::from_shillings(1);
        let mut posting = moving(shilling, Account::MpesaPaybill, Account::Fund(1)).unwrap();
        for _ in 1..MOST_LEGS {
            posting = posting
                .and(shilling)
                .debit(Account::MpesaPaybill)
                .credit(Account::Fund(1))
                .unwrap();
        }
        assert_eq!(posting.legs().len(), MOST_LEGS);
        let one_more = posting
            .and(shilling)
            .debit(Account::MpesaPaybill)
            .credit(Account::Fund(1));
        assert_eq!(one_more, Err(NotAPosting::TooManyLegs));
    }
}
