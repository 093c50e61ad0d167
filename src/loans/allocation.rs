//! What is owed of a loan, and where a repayment goes. Pure.
//!
//! * A repayment goes to the oldest instalment first and within it by the product's order; what is paid ahead pays the next
//!   instalments in the same way.
//! * Whoever pays off a reducing loan pays the interest of the running period by the days that have passed, and none of the
//!   periods to come. Of a flat loan the running period is paid in full and the periods to come are let off.
//! * In duplum: from the day a loan falls into arrears, what is recovered beyond principal never exceeds the principal
//!   outstanding on that day. The room only becomes less; what no longer fits into it is not owed.

use chrono::NaiveDate;

use super::product::{Component, Product, RepayOrder};
use super::schedule::{Method, interest_so_far};
use crate::primitives::Money;

/// One part of an instalment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    pub charged: Money,
    pub paid: Money,
    pub waived: Money,
}

impl Part {
    pub fn of(charged: Money) -> Part {
        Part {
            charged,
            ..Part::default()
        }
    }

    /// What is still to be paid.
    pub fn open(&self) -> Money {
        self.charged - self.paid - self.waived
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instalment {
    pub number: u16,
    pub due_on: NaiveDate,
    pub principal: Part,
    pub interest: Part,
    pub penalty: Part,
    /// The day it was looked at for a penalty; once is enough.
    pub penalised_on: Option<NaiveDate>,
    /// The borrower was told that it falls due, and that it is late.
    pub due_told_on: Option<NaiveDate>,
    pub late_told_on: Option<NaiveDate>,
}

impl Instalment {
    pub fn open(&self) -> Money {
        self.principal.open() + self.beyond()
    }

    /// What of it is open beyond the principal.
    fn beyond(&self) -> Money {
        self.interest.open() + self.penalty.open()
    }

    fn part(&mut self, component: Component) -> &mut Part {
        match component {
            Component::Penalty => &mut self.penalty,
            Component::Interest => &mut self.interest,
            Component::Principal => &mut self.principal,
        }
    }
}

/// A loan that runs, as far as money goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    pub method: Method,
    pub order: RepayOrder,
    pub lent_on: NaiveDate,
    /// In their order.
    pub instalments: Vec<Instalment>,
    pub arrears_since: Option<NaiveDate>,
    /// What may still be recovered beyond the principal; none until it first fell into arrears.
    pub duplum_left: Option<Money>,
}

/// What it takes to be free of the loan today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Payoff {
    pub principal: Money,
    /// Interest and penalties.
    pub beyond: Money,
    /// Let off, if it is paid today.
    pub rebate: Money,
}

impl Payoff {
    pub fn total(&self) -> Money {
        self.principal + self.beyond
    }
}

/// Where a repayment went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    pub principal: Money,
    pub interest: Money,
    pub penalty: Money,
    /// Let off, because the loan is paid off by it.
    pub rebate: Money,
    /// More than was owed: the payer's own.
    pub over: Money,
    pub settles: bool,
}

impl Split {
    /// What the loan has taken.
    pub fn taken(&self) -> Money {
        self.principal + self.interest + self.penalty
    }
}

/// A penalty that is due: the instalment's number and what it costs, which may be nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    pub number: u16,
    pub penalty: Money,
}

impl Book {
    pub fn principal_out(&self) -> Money {
        self.instalments
            .iter()
            .map(|instalment| instalment.principal.open())
            .sum()
    }

    /// What should have been paid by the end of this day.
    pub fn due_by(&self, day: NaiveDate) -> Money {
        let due = self.instalments.iter().filter(|one| one.due_on <= day);
        let (principal, beyond) = due
            .fold((Money::ZERO, Money::ZERO), |(principal, beyond), one| {
                (principal + one.principal.open(), beyond + one.beyond())
            });
        principal + self.within(beyond)
    }

    /// What is late: it fell due before today.
    pub fn late(&self, today: NaiveDate) -> Money {
        today.pred_opt().map_or(Money::ZERO, |day| self.due_by(day))
    }

    /// The day on which the oldest late instalment fell due.
    pub fn late_since(&self, today: NaiveDate) -> Option<NaiveDate> {
        let late = |one: &&Instalment| one.due_on < today && self.asks(one);
        self.instalments.iter().find(late).map(|one| one.due_on)
    }

    /// The next instalment of which something is open, late or not, and what it asks.
    pub fn next(&self) -> Option<(NaiveDate, Money)> {
        let next = self.instalments.iter().find(|one| self.asks(one))?;
        Some((
            next.due_on,
            next.principal.open() + self.within(next.beyond()),
        ))
    }

    /// Whether an instalment still asks for money.
    pub fn asks(&self, instalment: &Instalment) -> bool {
        (instalment.principal.open() + self.within(instalment.beyond())).is_positive()
    }

    /// What it takes to be free of it today.
    pub fn payoff(&self, today: NaiveDate) -> Payoff {
        let (beyond, open) = self.instalments.iter().fold(
            (Money::ZERO, Money::ZERO),
            |(beyond, open), instalment| {
                let asked = instalment.penalty.open() + self.interest_by(instalment, today);
                (beyond + asked, open + instalment.beyond())
            },
        );
        let beyond = self.within(beyond);
        Payoff {
            principal: self.principal_out(),
            beyond,
            rebate: open - beyond,
        }
    }

    /// Notes that an instalment is late, if one is, or that none is any more. True when it has just fallen into arrears.
    pub fn notice(&mut self, today: NaiveDate) -> bool {
        match (self.arrears_since, self.late_since(today)) {
            (None, Some(since)) => {
                let room = self.principal_out();
                self.duplum_left = Some(self.duplum_left.map_or(room, |left| left.min(room)));
                self.arrears_since = Some(since);
                true
            }
            (Some(_), None) => {
                self.arrears_since = None;
                false
            }
            _ => false,
        }
    }

    /// The instalments that have been missed beyond their grace and not been looked at, and what each costs.
    pub fn missed(&self, product: &Product, today: NaiveDate) -> Vec<Missed> {
        let grace = chrono::Days::new(u64::from(product.grace_days));
        let beyond: Money = self.instalments.iter().map(Instalment::beyond).sum();
        let mut room = self
            .duplum_left
            .map(|left| (left - beyond).max(Money::ZERO));
        let missed = self.instalments.iter().filter(|one| {
            let last_day = one.due_on.checked_add_days(grace);
            one.penalised_on.is_none()
                && last_day.is_some_and(|last_day| last_day < today)
                && self.asks(one)
        });
        missed
            .map(|one| {
                let asked = product.penalty_of(one.principal.open() + one.interest.open());
                let penalty = room.map_or(asked, |room| asked.min(room));
                room = room.map(|room| room - penalty);
                Missed {
                    number: one.number,
                    penalty,
                }
            })
            .collect()
    }

    /// Charges what [`Book::missed`] has found.
    pub fn charge(&mut self, missed: Missed, today: NaiveDate) {
        let found = self
            .instalments
            .iter_mut()
            .find(|one| one.number == missed.number);
        if let Some(instalment) = found.filter(|one| one.penalised_on.is_none()) {
            instalment.penalty.charged = instalment.penalty.charged + missed.penalty;
            instalment.penalised_on = Some(today);
        }
    }

    /// Takes a repayment: as much of it as is owed.
    pub fn take(&mut self, amount: Money, today: NaiveDate) -> Split {
        self.notice(today);
        let payoff = self.payoff(today);
        let mut split = match amount >= payoff.total() {
            true => self.settle(amount, payoff, today),
            false => self.pay_part(amount),
        };
        self.duplum_left = self
            .duplum_left
            .map(|left| (left - split.interest - split.penalty).max(Money::ZERO));
        split.over = amount - split.taken();
        self.notice(today);
        split
    }

    fn pay_part(&mut self, amount: Money) -> Split {
        let (mut left, mut room) = (amount, self.duplum_left);
        let mut split = Split::default();
        let components = self.order.components();
        for instalment in &mut self.instalments {
            for component in components {
                let part = instalment.part(component);
                let most = match (component, room) {
                    (Component::Principal, _) | (_, None) => part.open(),
                    (_, Some(room)) => part.open().min(room),
                };
                let paid = most.min(left);
                part.paid = part.paid + paid;
                left = left - paid;
                if component != Component::Principal {
                    room = room.map(|room| room - paid);
                }
                split.add(component, paid);
            }
        }
        split
    }

    /// Everything is paid that is owed today, and the rest is let off.
    fn settle(&mut self, amount: Money, payoff: Payoff, today: NaiveDate) -> Split {
        let mut room = payoff.beyond.min(amount);
        let mut split = Split {
            rebate: payoff.rebate,
            settles: true,
            ..Split::default()
        };
        let interest: Vec<Money> = self
            .instalments
            .iter()
            .map(|instalment| self.interest_by(instalment, today))
            .collect();
        for (instalment, interest) in self.instalments.iter_mut().zip(interest) {
            let asked = [
                (Component::Penalty, instalment.penalty.open()),
                (Component::Interest, interest),
            ];
            for (component, asked) in asked {
                let paid = asked.min(room);
                room = room - paid;
                let part = instalment.part(component);
                part.paid = part.paid + paid;
                part.waived = part.waived + part.open();
                split.add(component, paid);
            }
            let principal = instalment.principal.open();
            instalment.principal.paid = instalment.principal.paid + principal;
            split.add(Component::Principal, principal);
        }
        split
    }

    /// The interest of an instalment that somebody who pays everything today owes.
    fn interest_by(&self, instalment: &Instalment, today: NaiveDate) -> Money {
        let begins = self
            .instalments
            .iter()
            .take_while(|one| one.number < instalment.number)
            .last()
            .map_or(self.lent_on, |before| before.due_on);
        let so_far = match self.method {
            _ if instalment.due_on <= today => instalment.interest.charged,
            Method::Flat if begins <= today => instalment.interest.charged,
            Method::Reducing if begins <= today => interest_so_far(
                instalment.interest.charged,
                (today - begins).num_days(),
                (instalment.due_on - begins).num_days(),
            ),
            Method::Flat | Method::Reducing => Money::ZERO,
        };
        let settled = instalment.interest.paid + instalment.interest.waived;
        (so_far - settled).max(Money::ZERO)
    }

    /// As much of it as in duplum leaves.
    fn within(&self, beyond: Money) -> Money {
        self.duplum_left.map_or(beyond, |left| beyond.min(left))
    }
}

impl Split {
    fn add(&mut self, component: Component, paid: Money) {
        let sum = match component {
            Component::Penalty => &mut self.penalty,
            Component::Interest => &mut self.interest,
            Component::Principal => &mut self.principal,
        };
        *sum = *sum + paid;
    }
}

#[cfg(test)]
mod tests;
