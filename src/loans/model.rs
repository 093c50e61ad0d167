//! A loan and the stages of its life. Pure.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::product::ProductId;
use crate::primitives::{Money, StaffName};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LoanId(pub Uuid);

/// As people say it: `L1001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct LoanNumber(pub i64);

/// Why a loan is refused or written off, as it is told: 1 to 120 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loan {
    pub id: LoanId,
    pub number: LoanNumber,
    pub member: Uuid,
    pub lender: i32,
    pub product: ProductId,
    /// What was agreed. It never changes.
    pub agreed: Agreed,
    pub asked_at: DateTime<Utc>,
    pub stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    pub principal: Money,
    pub instalments: u16,
    /// If it is paid back as agreed.
    pub interest: Money,
    pub fee: Money,
    /// Two people approve what is larger.
    pub two_above: Money,
}

/// Where a loan stands, and what is true by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waits for guarantors, until then.
    Asked {
        until: DateTime<Utc>,
    },
    /// Staff look at it; the first of two may have said yes.
    Ready {
        since: DateTime<Utc>,
        first_yes: Option<StaffName>,
    },
    Refused {
        at: DateTime<Utc>,
        why: Reason,
    },
    /// Its guarantors did not answer in time.
    Expired {
        at: DateTime<Utc>,
    },
    /// Its borrower thought better of it.
    Dropped {
        at: DateTime<Utc>,
    },
    /// Lent, and not paid back.
    Active {
        lent: Lent,
        /// Who has said that it is lost; a second person must.
        lost_first: Option<StaffName>,
    },
    Settled {
        lent: Lent,
        at: DateTime<Utc>,
    },
    /// The lender has given it up.
    WrittenOff {
        lent: Lent,
        at: DateTime<Utc>,
    },
}

/// How a loan was lent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lent {
    pub at: DateTime<Utc>,
    /// The day in Nairobi; what falls due is reckoned from it.
    pub on: NaiveDate,
    pub first_by: StaffName,
    /// There when the principal is above the product's limit.
    pub second_by: Option<StaffName>,
}

/// What a yes of the staff has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// Another person must say yes as well.
    NeedsAnother,
    /// The money is to be paid out, in the same transaction.
    Lend,
}

/// What a write-off by one person has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    NeedsAnother,
    WrittenOff,
}

/// Why a loan does not move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    #[error("the loan is {0}")]
    Is(StageWord),
    #[error("the same person has said so already; it takes two")]
    SamePerson,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StageWord {
    Asked,
    Ready,
    Refused,
    Expired,
    Dropped,
    Active,
    Settled,
    WrittenOff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("1 to 120 characters")]
pub struct NotAReason;

impl Loan {
    /// Enough guarantors have said yes, or none is wanted.
    pub fn vouched_for(self, now: DateTime<Utc>) -> Result<Loan, NotNow> {
        match self.stage {
            Stage::Asked { .. } => Ok(self.at(Stage::Ready {
                since: now,
                first_yes: None,
            })),
            _ => Err(self.is()),
        }
    }

    /// One of the staff says yes. Above the product's limit it takes two different people.
    pub fn approve(
        self,
        by: &StaffName,
        now: DateTime<Utc>,
        today: NaiveDate,
    ) -> Result<(Loan, Approval), NotNow> {
        let Stage::Ready { since, first_yes } = &self.stage else {
            return Err(self.is());
        };
        let takes_two = self.agreed.principal > self.agreed.two_above;
        match first_yes {
            Some(first) if first == by => Err(NotNow::SamePerson),
            None if takes_two => {
                let since = *since;
                let stage = Stage::Ready {
                    since,
                    first_yes: Some(by.clone()),
                };
                Ok((self.at(stage), Approval::NeedsAnother))
            }
            first => {
                let lent = Lent {
                    at: now,
                    on: today,
                    first_by: first.clone().unwrap_or_else(|| by.clone()),
                    second_by: first.as_ref().map(|_| by.clone()),
                };
                let stage = Stage::Active {
                    lent,
                    lost_first: None,
                };
                Ok((self.at(stage), Approval::Lend))
            }
        }
    }

    /// Staff say no, and say why.
    pub fn refuse(self, why: Reason, now: DateTime<Utc>) -> Result<Loan, NotNow> {
        match self.stage {
            Stage::Asked { .. } | Stage::Ready { .. } => {
                Ok(self.at(Stage::Refused { at: now, why }))
            }
            _ => Err(self.is()),
        }
    }

    /// The time for guarantors is over.
    pub fn expire(self, now: DateTime<Utc>) -> Result<Loan, NotNow> {
        match self.stage {
            Stage::Asked { until } if until <= now => Ok(self.at(Stage::Expired { at: now })),
            _ => Err(self.is()),
        }
    }

    /// The borrower takes the request back.
    pub fn drop_it(self, now: DateTime<Utc>) -> Result<Loan, NotNow> {
        match self.stage {
            Stage::Asked { .. } | Stage::Ready { .. } => Ok(self.at(Stage::Dropped { at: now })),
            _ => Err(self.is()),
        }
    }

    /// Everything that was owed has been paid.
    pub fn settle(self, now: DateTime<Utc>) -> Result<Loan, NotNow> {
        match self.stage {
            Stage::Active { lent, .. } => Ok(Loan {
                stage: Stage::Settled { lent, at: now },
                ..self
            }),
            _ => Err(self.is()),
        }
    }

    /// One of the staff gives it up; it takes two different people.
    pub fn write_off(self, by: &StaffName, now: DateTime<Utc>) -> Result<(Loan, Loss), NotNow> {
        match &self.stage {
            Stage::Active {
                lost_first: Some(first),
                ..
            } if first == by => Err(NotNow::SamePerson),
            Stage::Active {
                lent,
                lost_first: Some(_),
            } => {
                let stage = Stage::WrittenOff {
                    lent: lent.clone(),
                    at: now,
                };
                Ok((self.at(stage), Loss::WrittenOff))
            }
            Stage::Active {
                lent,
                lost_first: None,
            } => {
                let stage = Stage::Active {
                    lent: lent.clone(),
                    lost_first: Some(by.clone()),
                };
                Ok((self.at(stage), Loss::NeedsAnother))
            }
            _ => Err(self.is()),
        }
    }

    fn at(self, stage: Stage) -> Loan {
        Loan { stage, ..self }
    }

    fn is(&self) -> NotNow {
        NotNow::Is(self.stage.word())
    }
}

impl Stage {
    pub fn word(&self) -> StageWord {
        match self {
            Stage::Asked { .. } => StageWord::Asked,
            Stage::Ready { .. } => StageWord::Ready,
            Stage::Refused { .. } => StageWord::Refused,
            Stage::Expired { .. } => StageWord::Expired,
            Stage::Dropped { .. } => StageWord::Dropped,
            Stage::Active { .. } => StageWord::Active,
            Stage::Settled { .. } => StageWord::Settled,
            Stage::WrittenOff { .. } => StageWord::WrittenOff,
        }
    }
}

impl StageWord {
    pub const ALL: [StageWord; 8] = [
        StageWord::Asked,
        StageWord::Ready,
        StageWord::Refused,
        StageWord::Expired,
        StageWord::Dropped,
        StageWord::Active,
        StageWord::Settled,
        StageWord::WrittenOff,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            StageWord::Asked => "asked",
            StageWord::Ready => "ready",
            StageWord::Refused => "refused",
            StageWord::Expired => "expired",
            StageWord::Dropped => "dropped",
            StageWord::Active => "active",
            StageWord::Settled => "settled",
            StageWord::WrittenOff => "written_off",
        }
    }

    pub fn parse(word: &str) -> Option<StageWord> {
        StageWord::ALL
            .into_iter()
            .find(|stage| stage.as_str() == word)
    }

    /// Nothing happens to it any more.
    pub fn is_over(self) -> bool {
        !matches!(
            self,
            StageWord::Asked | StageWord::Ready | StageWord::Active
        )
    }
}

impl Reason {
    pub fn parse(written: &str) -> Result<Reason, NotAReason> {
        let written = written.split_whitespace().collect::<Vec<_>>().join(" ");
        match (1..=120).contains(&written.chars().count()) {
            true => Ok(Reason(written)),
            false => Err(NotAReason),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl LoanNumber {
    /// Reads `L1001`, `l 1001` and `1001`.
    pub fn parse(typed: &str) -> Option<LoanNumber> {
        let typed = typed.trim();
        let digits = typed.strip_prefix(['L', 'l']).unwrap_or(typed).trim();
        let plain = (1..=12).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse().ok().map(LoanNumber)).flatten()
    }
}

impl fmt::Display for LoanNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L{}", self.0)
    }
}

impl fmt::Display for LoanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for StageWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-20T09:00:00Z".parse().unwrap()
    }

    fn today() -> NaiveDate {
        "2026-11-20".parse().unwrap()
    }

    fn staff(name: &str) -> StaffName {
        StaffName::parse(name).unwrap()
    }

    fn loan(shillings: i64, stage: Stage) -> Loan {
        Loan {
            id: LoanId(Uuid::from_u128(1)),
            number: LoanNumber(1_001),
            member: Uuid::from_u128(2),
            lender: 1,
            product: ProductId(1),
            agreed: Agreed {
                principal: Money::from_shillings(shillings),
                instalments: 4,
                interest: Money::ZERO,
                fee: Money::ZERO,
                two_above: Money::from_shillings(10_000),
            },
            asked_at: now(),
            stage,
        }
    }

    fn ready(shillings: i64) -> Loan {
        let stage = Stage::Ready {
            since: now(),
            first_yes: None,
        };
        loan(shillings, stage)
    }

    #[test]
    fn one_person_lends_a_little_and_two_lend_much() {
        let (one, two) = (staff("Otieno"), staff("Wanjiru"));
        let (lent, approval) = ready(10_000).approve(&one, now(), today()).unwrap();
        assert_eq!(approval, Approval::Lend);
        assert!(matches!(&lent.stage, Stage::Active { lent, .. } if lent.second_by.is_none()));
        assert_eq!(
            lent.approve(&two, now(), today()),
            Err(NotNow::Is(StageWord::Active))
        );

        let (half, approval) = ready(10_001).approve(&one, now(), today()).unwrap();
        assert_eq!(approval, Approval::NeedsAnother);
        let again = half.clone().approve(&staff(" OTIENO "), now(), today());
        assert_eq!(again, Err(NotNow::SamePerson));
        let (lent, approval) = half.approve(&two, now(), today()).unwrap();
        assert_eq!(approval, Approval::Lend);
        assert!(matches!(&lent.stage, Stage::Active { lent, .. }
            if lent.first_by == one && lent.second_by.as_ref() == Some(&two)));
    }

    #[test]
    fn two_people_give_a_loan_up() {
        let (one, two) = (staff("otieno"), staff("wanjiru"));
        let (active, _) = ready(5_000).approve(&one, now(), today()).unwrap();
        let (half, loss) = active.write_off(&one, now()).unwrap();
        assert_eq!(loss, Loss::NeedsAnother);
        assert_eq!(half.clone().write_off(&one, now()), Err(NotNow::SamePerson));
        assert_eq!(
            half.clone().settle(now()).unwrap().stage.word(),
            StageWord::Settled
        );
        let (lost, loss) = half.write_off(&two, now()).unwrap();
        assert_eq!(
            (loss, lost.stage.word()),
            (Loss::WrittenOff, StageWord::WrittenOff)
        );
    }

    #[test]
    fn a_request_expires_when_its_time_is_over() {
        let asked = |until| loan(5_000, Stage::Asked { until });
        assert!(asked(now()).expire(now()).is_ok());
        let later = now() + chrono::TimeDelta::seconds(1);
        assert_eq!(
            asked(later).expire(now()),
            Err(NotNow::Is(StageWord::Asked))
        );
    }

    #[test]
    fn names_numbers_and_reasons() {
        assert_eq!(staff("Mary O'Brien").as_str(), "mary o'brien");
        for typed in ["L1001", "l1001", " L 1001 ", "1001"] {
            assert_eq!(LoanNumber::parse(typed), Some(LoanNumber(1_001)), "{typed}");
        }
        for typed in ["", "L", "LL1", "-1", "1.5", "9999999999999"] {
            assert_eq!(LoanNumber::parse(typed), None, "{typed}");
        }
        assert_eq!(Reason::parse(" too \n much ").unwrap().as_str(), "too much");
        assert!(Reason::parse(" ").is_err() && Reason::parse(&"x".repeat(121)).is_err());
        for word in StageWord::ALL {
            assert_eq!(StageWord::parse(word.as_str()), Some(word));
        }
    }

    proptest! {
        /// Whatever is asked of it in whatever order: what is over stays over, and nothing is lent without its people.
        #[test]
        fn no_order_of_deeds_breaks_a_life(shillings in 1i64..20_000, deeds in proptest::collection::vec((0u8..7, 0u8..3), 1..30)) {
            let mut loan = loan(shillings, Stage::Asked { until: now() });
            for (deed, who) in deeds {
                let by = staff(["otieno", "wanjiru", "kamau"][usize::from(who)]);
                let before = loan.stage.word();
                let moved = match deed {
                    0 => loan.clone().vouched_for(now()),
                    1 => loan.clone().approve(&by, now(), today()).map(|(loan, _)| loan),
                    2 => loan.clone().refuse(Reason::parse("no").unwrap(), now()),
                    3 => loan.clone().expire(now()),
                    4 => loan.clone().drop_it(now()),
                    5 => loan.clone().settle(now()),
                    _ => loan.clone().write_off(&by, now()).map(|(loan, _)| loan),
                };
                match moved {
                    Ok(moved) => {
                        prop_assert!(!before.is_over());
                        loan = moved;
                    }
                    Err(refused) => prop_assert!(matches!(refused, NotNow::SamePerson) || refused == NotNow::Is(before)),
                }
                if let Stage::Active { lent, .. } | Stage::Settled { lent, .. } | Stage::WrittenOff { lent, .. } = &loan.stage {
                    prop_assert!(shillings <= 10_000 || lent.second_by.is_some());
                    prop_assert!(lent.second_by.as_ref() != Some(&lent.first_by));
                }
            }
        }
    }
}
