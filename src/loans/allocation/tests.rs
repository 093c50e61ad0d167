use chrono::Days;
use proptest::prelude::*;

use super::*;
use crate::loans::schedule::{Period, Terms};
use crate::loans::testing::offer;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn lent_on() -> NaiveDate {
    day("2026-11-20")
}

fn book(terms: Terms) -> Book {
    Book {
        method: terms.method,
        order: RepayOrder::PENALTY_FIRST,
        lent_on: lent_on(),
        instalments: terms
            .plan()
            .into_iter()
            .map(|planned| Instalment {
                number: planned.number,
                due_on: terms.due_on(lent_on(), planned.number),
                principal: Part::of(planned.principal),
                interest: Part::of(planned.interest),
                penalty: Part::default(),
                penalised_on: None,
                due_told_on: None,
                late_told_on: None,
            })
            .collect(),
        arrears_since: None,
        duplum_left: None,
    }
}

/// 4,000 over four weeks at 52 % a year: 1,000 and 40 of interest each.
fn four_weeks(method: Method) -> Book {
    book(Terms {
        method,
        rate_bp: 5_200,
        period: Period::Week,
        principal: Money::from_shillings(4_000),
        instalments: 4,
    })
}

fn shillings(amount: i64) -> Money {
    Money::from_shillings(amount)
}

fn went(split: Split) -> [i64; 4] {
    [split.penalty, split.interest, split.principal, split.over].map(|part| part.cents() / 100)
}

#[test]
fn a_repayment_goes_to_the_oldest_first() {
    let mut book = four_weeks(Method::Flat);
    assert_eq!(went(book.take(shillings(30), lent_on())), [0, 30, 0, 0]);
    assert_eq!(
        went(book.take(shillings(1_050), lent_on())),
        [0, 50, 1_000, 0]
    );
    assert_eq!(book.next(), Some((day("2026-12-04"), shillings(1_000))));
    assert_eq!(book.principal_out(), shillings(3_000));
    book.order = RepayOrder::try_from([
        Component::Principal,
        Component::Interest,
        Component::Penalty,
    ])
    .unwrap();
    assert_eq!(
        went(book.take(shillings(1_010), lent_on())),
        [0, 0, 1_010, 0]
    );
}

#[test]
fn paid_off_early_a_flat_loan_lets_off_the_weeks_to_come() {
    let mut book = four_weeks(Method::Flat);
    // In the second week: two weeks of interest, two let off.
    let today = day("2026-11-30");
    let payoff = book.payoff(today);
    assert_eq!(
        (payoff.total(), payoff.rebate),
        (shillings(4_080), shillings(80))
    );
    let split = book.take(shillings(5_000), today);
    assert!(split.settles);
    assert_eq!(
        (went(split), split.rebate),
        ([0, 80, 4_000, 920], shillings(80))
    );
    assert_eq!(book.payoff(today), Payoff::default());
    assert_eq!(book.next(), None);
}

#[test]
fn paid_off_early_a_reducing_loan_costs_interest_to_the_day() {
    let book = four_weeks(Method::Reducing);
    let first = book.instalments[0].interest.charged;
    assert_eq!(first, shillings(40));
    let beyond = |today| book.payoff(day(today)).beyond;
    assert_eq!(beyond("2026-11-20"), Money::ZERO);
    // 3 of 7 days of 40 shillings.
    assert_eq!(beyond("2026-11-23"), Money::from_cents(1_714));
    assert_eq!(beyond("2026-11-27"), first);
    assert!(beyond("2026-11-28") > first);
    let all: Money = book
        .instalments
        .iter()
        .map(|one| one.interest.charged)
        .sum();
    assert_eq!(beyond("2027-03-01"), all);
}

#[test]
fn a_due_day_is_not_late_before_it_ends() {
    let mut book = four_weeks(Method::Flat);
    let due = day("2026-11-27");
    assert_eq!(book.due_by(due), shillings(1_040));
    assert_eq!((book.late(due), book.late_since(due)), (Money::ZERO, None));
    assert!(!book.notice(due));
    let next = day("2026-11-28");
    assert_eq!(
        (book.late(next), book.late_since(next)),
        (shillings(1_040), Some(due))
    );
    assert!(book.notice(next));
    assert!(!book.notice(next));
    assert_eq!(book.duplum_left, Some(shillings(4_000)));
    book.take(shillings(1_040), next);
    assert_eq!(
        (book.arrears_since, book.duplum_left),
        (None, Some(shillings(3_960)))
    );
}

#[test]
fn a_missed_instalment_is_penalised_once_and_after_its_grace() {
    let product = Product::check(offer()).unwrap();
    let mut book = four_weeks(Method::Flat);
    // Due on the 27th, three days of grace.
    assert_eq!(book.missed(&product, day("2026-11-30")), []);
    let today = day("2026-12-01");
    book.notice(today);
    let missed = book.missed(&product, today);
    // 5 % of 1,040.
    assert_eq!(
        missed,
        [Missed {
            number: 1,
            penalty: shillings(52)
        }]
    );
    book.charge(missed[0], today);
    book.charge(missed[0], today);
    assert_eq!(book.missed(&product, day("2026-12-05")), []);
    assert_eq!(book.late(today), shillings(1_092));
    assert_eq!(went(book.take(shillings(100), today)), [52, 40, 8, 0]);
    // The second week is its own.
    assert_eq!(book.missed(&product, day("2026-12-20")).len(), 2);
}

#[test]
fn in_duplum_ends_what_is_owed_beyond_the_principal() {
    let mut book = four_weeks(Method::Flat);
    let today = day("2026-11-28");
    book.notice(today);
    book.duplum_left = Some(shillings(50));
    assert_eq!(
        book.payoff(today),
        Payoff {
            principal: shillings(4_000),
            beyond: shillings(50),
            rebate: shillings(110)
        }
    );
    assert_eq!(went(book.take(shillings(1_040), today)), [0, 40, 1_000, 0]);
    assert_eq!(went(book.take(shillings(1_040), today)), [0, 10, 1_030, 0]);
    assert_eq!(book.duplum_left, Some(Money::ZERO));
    let product = Product::check(offer()).unwrap();
    assert!(
        book.missed(&product, day("2027-02-01"))
            .iter()
            .all(|missed| missed.penalty == Money::ZERO)
    );
    let split = book.take(shillings(2_000), day("2027-02-01"));
    assert_eq!((went(split), split.settles), ([0, 0, 1_970, 30], true));
}

#[derive(Clone, Debug)]
enum Step {
    Pay(i64),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1i64..300_000).prop_map(Step::Pay),
        (1u64..40).prop_map(Step::Wait)
    ];
    proptest::collection::vec(step, 1..40)
}

prop_compose! {
    fn any_book()(flat: bool, weekly: bool, rate_bp in 0u32..20_000, shillings in 100i64..10_000, instalments in 1u16..20) -> Book {
        book(Terms {
            method: if flat { Method::Flat } else { Method::Reducing },
            rate_bp,
            period: if weekly { Period::Week } else { Period::Month },
            principal: Money::from_shillings(shillings),
            instalments,
        })
    }
}

proptest! {
    /// Over any life of a loan: no cent appears or is lost, nothing is paid beyond what was charged, and in duplum holds.
    #[test]
    fn a_loan_s_life_conserves_money_and_keeps_in_duplum(mut book in any_book(), steps in steps()) {
        let product = Product::check(offer()).unwrap();
        let principal = book.principal_out();
        let mut today = lent_on();
        let (mut paid, mut beyond) = (Money::ZERO, Money::ZERO);
        // Each time it falls into arrears: the principal then, and what was recovered beyond since.
        let mut falls: Vec<(Money, Money)> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(days) => {
                    today = today + Days::new(days);
                    if book.notice(today) {
                        falls.push((book.principal_out(), Money::ZERO));
                    }
                    for missed in book.missed(&product, today) {
                        book.charge(missed, today);
                    }
                }
                Step::Pay(cents) => {
                    let amount = Money::from_cents(cents);
                    let payoff = book.payoff(today);
                    let split = book.take(amount, today);
                    prop_assert_eq!(split.taken() + split.over, amount);
                    prop_assert_eq!(split.settles, amount >= payoff.total());
                    prop_assert!(split.over == Money::ZERO || split.settles);
                    paid = paid + split.taken();
                    beyond = beyond + split.interest + split.penalty;
                    for (_, since) in &mut falls {
                        *since = *since + split.interest + split.penalty;
                    }
                }
            }
            for (most, since) in &falls {
                prop_assert!(since <= most, "{} beyond {}", since, most);
            }
            for one in &book.instalments {
                for part in [one.principal, one.interest, one.penalty] {
                    prop_assert!(part.open() >= Money::ZERO && part.paid >= Money::ZERO && part.waived >= Money::ZERO);
                }
            }
            prop_assert_eq!(paid, beyond + principal - book.principal_out());
            prop_assert!(book.late(today) <= book.payoff(today).total());
        }
        // Whatever happened, it can be paid off, and then nothing is left.
        let payoff = book.payoff(today);
        let split = book.take(payoff.total(), today);
        prop_assert!(split.settles);
        prop_assert!(book.instalments.iter().all(|one| one.open() == Money::ZERO));
    }

    #[test]
    fn paying_in_two_parts_takes_no_more_than_paying_at_once(book in any_book(), first in 1i64..500_000, second in 1i64..500_000) {
        let mut at_once = book.clone();
        let whole = at_once.take(Money::from_cents(first + second), lent_on());
        prop_assume!(!whole.settles);
        let mut in_parts = book;
        in_parts.take(Money::from_cents(first), lent_on());
        in_parts.take(Money::from_cents(second), lent_on());
        prop_assert_eq!(at_once, in_parts);
    }
}
