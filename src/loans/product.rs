//! What a lender offers. Pure.

use std::str::FromStr;

use chrono::NaiveDate;
use serde::Deserialize;

use super::schedule::{Method, Period, Planned, Terms};
use crate::primitives::Money;

/// A product's row; a better product is another row under the same code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProductId(pub i32);

/// A product that was checked: holding one is proof of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product(Offer);

/// A product as it is written down, not looked at yet. Percentages are in hundredths of a per cent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Lower-case letters, digits and `_`.
    pub code: String,
    /// As phones show it, 2 to 16 characters.
    pub name_en: String,
    pub name_sw: String,
    pub method: Method,
    /// Interest a year.
    pub rate_bp: u32,
    pub period: Period,
    /// How many instalments somebody may choose.
    pub terms: Vec<u16>,
    /// In shillings.
    pub least: Money,
    pub most: Money,
    /// Taken from the wallet when the loan is paid into it: a fixed part, and a part of the principal.
    pub fee: Money,
    pub fee_bp: u32,
    /// Who must say yes before staff look at it.
    pub guarantors: u16,
    /// Once for each missed instalment: a fixed part, and a part of what of it is not paid.
    pub penalty: Money,
    pub penalty_bp: u32,
    /// Days after the due day before a penalty.
    pub grace_days: u16,
    /// What of an instalment is paid first.
    pub repay_order: RepayOrder,
    /// Two people approve what is larger.
    pub two_above: Money,
}

/// What a loan costs, before somebody says yes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    pub principal: Money,
    pub instalments: u16,
    /// If it is paid back as agreed.
    pub interest: Money,
    pub fee: Money,
    /// Every instalment but the last.
    pub each: Money,
    pub last: Money,
    pub first_due: NaiveDate,
}

impl Quote {
    /// What is left in the wallet of it.
    pub fn received(&self) -> Money {
        self.principal - self.fee
    }

    /// What is paid back in all.
    pub fn total(&self) -> Money {
        self.principal + self.interest
    }
}

/// A part of what is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    Penalty,
    Interest,
    Principal,
}

/// Each component once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "[Component; 3]")]
pub struct RepayOrder([Component; 3]);

/// Why an offer is no product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAProduct {
    #[error("the code has 2 to 24 lower-case letters, digits and _")]
    Code,
    #[error("each name has 2 to 16 characters")]
    Name,
    #[error("interest is at most 200 % a year")]
    Rate,
    #[error("one to eight different terms, the shorter ones first, each of 1 to 104 instalments")]
    Terms,
    #[error("whole shillings, at least 100, at most 1,000,000, the least not above the most")]
    Amounts,
    #[error("the fee stays below half of the least amount")]
    Fee,
    #[error("at most five guarantors")]
    Guarantors,
    #[error("a penalty is at most 20 % and 1,000 shillings, after at most 60 days of grace")]
    Penalty,
    #[error("penalty, interest and principal, each once")]
    Order,
}

impl Product {
    /// Looks at everything about an offer.
    pub fn check(offer: Offer) -> Result<Product, NotAProduct> {
        let code_ok = (2..=24).contains(&offer.code.len())
            && offer
                .code
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        let name_ok = [&offer.name_en, &offer.name_sw]
            .iter()
            .all(|name| (2..=16).contains(&name.chars().count()));
        let terms_ok = (1..=8).contains(&offer.terms.len())
            && offer.terms.iter().all(|term| (1..=104).contains(term))
            && offer.terms.is_sorted_by(|one, next| one < next);
        let amounts_ok = offer.least.is_whole_shillings()
            && offer.most.is_whole_shillings()
            && offer.least >= Money::from_shillings(100)
            && offer.most >= offer.least
            && offer.most <= Money::from_shillings(1_000_000);
        let penalty_ok = offer.penalty_bp <= 2_000
            && (Money::ZERO..=Money::from_shillings(1_000)).contains(&offer.penalty)
            && offer.grace_days <= 60;
        let checks = [
            (code_ok, NotAProduct::Code),
            (name_ok, NotAProduct::Name),
            (offer.rate_bp <= 20_000, NotAProduct::Rate),
            (terms_ok, NotAProduct::Terms),
            (amounts_ok, NotAProduct::Amounts),
            (offer.guarantors <= 5, NotAProduct::Guarantors),
            (penalty_ok, NotAProduct::Penalty),
            (offer.two_above >= Money::ZERO, NotAProduct::Amounts),
            (
                offer.fee_bp <= 2_000 && offer.fee >= Money::ZERO,
                NotAProduct::Fee,
            ),
        ];
        if let Some((_, why)) = checks.into_iter().find(|(ok, _)| !ok) {
            return Err(why);
        }
        let product = Product(offer);
        // A fixed fee weighs most on the smallest loan.
        if product.fee_of(product.least).cents() * 2 > product.least.cents() {
            return Err(NotAProduct::Fee);
        }
        Ok(product)
    }

    /// What is taken when this much is lent.
    pub fn fee_of(&self, principal: Money) -> Money {
        self.fee + part_of(principal, self.fee_bp)
    }

    /// What a missed instalment costs of which this much is open.
    pub fn penalty_of(&self, open: Money) -> Money {
        self.penalty + part_of(open, self.penalty_bp)
    }

    /// Every charge of such a loan lent today.
    pub fn quote(&self, principal: Money, instalments: u16, today: NaiveDate) -> Quote {
        let terms = self.terms_for(principal, instalments);
        let plan = terms.plan();
        let interest = terms.interest();
        let total = |planned: Option<&Planned>| planned.map_or(Money::ZERO, Planned::total);
        Quote {
            principal,
            instalments,
            interest,
            fee: self.fee_of(principal),
            each: total(plan.first()),
            last: total(plan.last()),
            first_due: terms.due_on(today, 1),
        }
    }

    /// What decides the schedule of such a loan.
    pub fn terms_for(&self, principal: Money, instalments: u16) -> Terms {
        Terms {
            method: self.method,
            rate_bp: self.rate_bp,
            period: self.period,
            principal,
            instalments,
        }
    }

    /// Whether so much may be asked for.
    pub fn takes(&self, principal: Money) -> bool {
        principal.is_whole_shillings() && (self.least..=self.most).contains(&principal)
    }
}

impl std::ops::Deref for Product {
    type Target = Offer;
    fn deref(&self) -> &Offer {
        &self.0
    }
}

impl RepayOrder {
    pub const PENALTY_FIRST: RepayOrder = RepayOrder([
        Component::Penalty,
        Component::Interest,
        Component::Principal,
    ]);

    pub fn components(self) -> [Component; 3] {
        self.0
    }
}

impl TryFrom<[Component; 3]> for RepayOrder {
    type Error = NotAProduct;
    fn try_from(components: [Component; 3]) -> Result<RepayOrder, NotAProduct> {
        let mut sorted = components;
        sorted.sort_unstable();
        match sorted
            == [
                Component::Penalty,
                Component::Interest,
                Component::Principal,
            ] {
            true => Ok(RepayOrder(components)),
            false => Err(NotAProduct::Order),
        }
    }
}

impl Component {
    pub fn as_str(self) -> &'static str {
        match self {
            Component::Penalty => "penalty",
            Component::Interest => "interest",
            Component::Principal => "principal",
        }
    }
}

impl FromStr for Component {
    type Err = NotAProduct;
    fn from_str(word: &str) -> Result<Component, NotAProduct> {
        [
            Component::Penalty,
            Component::Interest,
            Component::Principal,
        ]
        .into_iter()
        .find(|component| component.as_str() == word)
        .ok_or(NotAProduct::Order)
    }
}

/// Hundredths of a per cent of an amount, half a cent up.
pub(super) fn part_of(amount: Money, bp: u32) -> Money {
    let parts = i128::from(amount.cents()) * i128::from(bp);
    Money::from_cents(i64::try_from((parts + 5_000).div_euclid(10_000)).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loans::testing::offer;

    #[test]
    fn an_offer_is_looked_at() {
        assert!(Product::check(offer()).is_ok());
        let shillings = Money::from_shillings;
        type Change = fn(&mut Offer);
        let wrong: [(Change, NotAProduct); 12] = [
            (|offer| offer.code = "Boda".into(), NotAProduct::Code),
            (|offer| offer.name_sw = "B".into(), NotAProduct::Name),
            (|offer| offer.rate_bp = 20_001, NotAProduct::Rate),
            (|offer| offer.terms = vec![], NotAProduct::Terms),
            (|offer| offer.terms = vec![8, 4], NotAProduct::Terms),
            (|offer| offer.terms = vec![0], NotAProduct::Terms),
            (
                |offer| offer.least = offer.most + offer.most,
                NotAProduct::Amounts,
            ),
            (
                |offer| offer.least = Money::from_cents(50_050),
                NotAProduct::Amounts,
            ),
            (
                |offer| offer.fee = Money::from_shillings(246),
                NotAProduct::Fee,
            ),
            (|offer| offer.guarantors = 6, NotAProduct::Guarantors),
            (|offer| offer.penalty_bp = 2_001, NotAProduct::Penalty),
            (|offer| offer.grace_days = 61, NotAProduct::Penalty),
        ];
        for (change, why) in wrong {
            let mut offer = offer();
            change(&mut offer);
            assert_eq!(Product::check(offer.clone()), Err(why), "{offer:?}");
        }
        let product = Product::check(offer()).unwrap();
        assert!(product.takes(shillings(500)) && product.takes(shillings(20_000)));
        assert!(!product.takes(shillings(499)) && !product.takes(shillings(20_001)));
        assert!(!product.takes(Money::from_cents(50_050)));
    }

    #[test]
    fn fees_and_penalties_are_rounded_half_a_cent_up() {
        let product = Product::check(offer()).unwrap();
        assert_eq!(
            product.fee_of(Money::from_shillings(5_000)),
            Money::from_shillings(100)
        );
        assert_eq!(
            product.penalty_of(Money::from_cents(45_830)),
            Money::from_cents(2_292)
        );
        assert_eq!(part_of(Money::from_cents(50), 100), Money::from_cents(1));
        assert_eq!(part_of(Money::from_cents(49), 100), Money::from_cents(0));
    }

    #[test]
    fn an_order_has_each_component_once() {
        use Component::{Interest, Penalty, Principal};
        assert!(RepayOrder::try_from([Principal, Penalty, Interest]).is_ok());
        assert_eq!(
            RepayOrder::try_from([Principal, Principal, Interest]),
            Err(NotAProduct::Order)
        );
    }
}
