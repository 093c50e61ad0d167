//! What a cover costs. Pure: a product's rating and somebody's answers in, a price with its breakdown out.
//!
//! ```text
//! net    = base of the term × the factor of each answer, to the cent
//! price  = net + each levy (a part of the net, or an amount), rounded up to whole steps
//! ours   = commission × net, cents cut off; it is part of the price
//! ```

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use super::cover::Term;
use super::product::Texts;
use crate::primitives::Money;

/// How a product is priced. Checked when it was read: every answer has a price that M-PESA can move.
#[derive(Clone, Debug, PartialEq)]
pub struct Rating {
    /// By term, the shortest first.
    pub bases: BTreeMap<Term, Money>,
    pub questions: Vec<Question>,
    pub levies: Vec<Levy>,
    /// Prices are rounded up to multiples of so much.
    pub round_up_to: Money,
    /// Our part of the net, in per cent.
    pub commission_percent: Decimal,
}

/// Something the price depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    pub name: String,
    pub asks: Texts,
    pub answers: Vec<Choice>,
}

/// One answer, or one band of numbers, and what it does to the price.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub means: Means,
    pub says: Texts,
    pub factor: Decimal,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Means {
    Word(String),
    /// From and to, both in it.
    Band(u32, u32),
}

/// What the law adds to a premium.
#[derive(Clone, Debug, PartialEq)]
pub struct Levy {
    pub name: Texts,
    pub size: LevySize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LevySize {
    /// Of the net.
    Percent(Decimal),
    Amount(Money),
}

/// What somebody answered, by the names of the questions: a word, or a number within a band.
pub type Answers = BTreeMap<String, String>;

/// A price and how it came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Breakdown {
    pub base: Money,
    /// In the order of the questions.
    pub factors: Vec<Decimal>,
    pub net: Money,
    /// In the order of the levies.
    pub levies: Vec<Money>,
    pub rounding: Money,
    pub price: Money,
    /// Ours, and part of the price.
    pub commission: Money,
}

/// Why there is no price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRated {
    #[error("this is not sold by the {0}")]
    NoSuchTerm(&'static str),
    #[error("`{0}` is not answered")]
    Unanswered(String),
    #[error("`{answer}` is no answer to `{question}`")]
    NoSuchAnswer { question: String, answer: String },
    #[error("that is not an amount of money")]
    NotMoney,
}

impl Rating {
    /// The price of one term for somebody who answered so.
    pub fn rate(&self, term: Term, answers: &Answers) -> Result<Breakdown, NotRated> {
        let base = *self
            .bases
            .get(&term)
            .ok_or(NotRated::NoSuchTerm(term.as_str()))?;
        let mut factors = Vec::with_capacity(self.questions.len());
        for question in &self.questions {
            let answer = answers
                .get(&question.name)
                .ok_or_else(|| NotRated::Unanswered(question.name.clone()))?;
            let choice = question
                .choice(answer)
                .ok_or_else(|| NotRated::NoSuchAnswer {
                    question: question.name.clone(),
                    answer: answer.clone(),
                })?;
            factors.push(choice.factor);
        }
        let net = factors
            .iter()
            .try_fold(base.as_decimal(), |product, factor| {
                product.checked_mul(*factor)
            })
            .ok_or(NotRated::NotMoney)?;
        let net = to_the_cent(net, RoundingStrategy::MidpointAwayFromZero)?;
        let mut levies = Vec::with_capacity(self.levies.len());
        for levy in &self.levies {
            levies.push(match levy.size {
                LevySize::Amount(amount) => amount,
                LevySize::Percent(percent) => {
                    part(net, percent, RoundingStrategy::MidpointAwayFromZero)?
                }
            });
        }
        let sum = net + levies.iter().copied().sum();
        let price = rounded_up(sum, self.round_up_to)?;
        Ok(Breakdown {
            base,
            factors,
            net,
            levies,
            rounding: price - sum,
            price,
            commission: part(net, self.commission_percent, RoundingStrategy::ToZero)?,
        })
    }

    /// The first question that is not answered yet.
    pub fn unanswered(&self, answers: &Answers) -> Option<&Question> {
        self.questions
            .iter()
            .find(|question| !answers.contains_key(&question.name))
    }

    /// The lowest and the highest price of a term, whatever is answered.
    pub fn extremes(&self, term: Term) -> Result<(Money, Money), NotRated> {
        let answered = |pick: fn(&Question) -> Option<&Choice>| -> Answers {
            let choices = self.questions.iter().filter_map(|question| {
                let choice = pick(question)?;
                Some((question.name.clone(), choice.means.value()))
            });
            choices.collect()
        };
        let lowest = answered(|question| {
            let answers = question.answers.iter();
            answers.min_by_key(|choice| choice.factor)
        });
        let highest = answered(|question| {
            let answers = question.answers.iter();
            answers.max_by_key(|choice| choice.factor)
        });
        Ok((
            self.rate(term, &lowest)?.price,
            self.rate(term, &highest)?.price,
        ))
    }
}

impl Question {
    /// What this answer means, if it is one.
    pub fn choice(&self, answer: &str) -> Option<&Choice> {
        self.answers
            .iter()
            .find(|choice| choice.means.is_meant_by(answer))
    }
}

impl Means {
    fn is_meant_by(&self, answer: &str) -> bool {
        match self {
            Means::Word(word) => word == answer,
            Means::Band(from, to) => answer
                .parse::<u32>()
                .is_ok_and(|number| (*from..=*to).contains(&number)),
        }
    }

    /// An answer that means this.
    pub fn value(&self) -> String {
        match self {
            Means::Word(word) => word.clone(),
            Means::Band(from, _) => from.to_string(),
        }
    }
}

fn part(of: Money, percent: Decimal, strategy: RoundingStrategy) -> Result<Money, NotRated> {
    let part = of
        .as_decimal()
        .checked_mul(percent)
        .and_then(|product| product.checked_div(Decimal::ONE_HUNDRED))
        .ok_or(NotRated::NotMoney)?;
    to_the_cent(part, strategy)
}

fn to_the_cent(amount: Decimal, strategy: RoundingStrategy) -> Result<Money, NotRated> {
    Money::try_from(amount.round_dp_with_strategy(2, strategy)).map_err(|_| NotRated::NotMoney)
}

fn rounded_up(amount: Money, step: Money) -> Result<Money, NotRated> {
    let step_cents = step.cents().max(1);
    let steps = amount.cents().div_euclid(step_cents)
        + i64::from(amount.cents().rem_euclid(step_cents) > 0);
    steps
        .checked_mul(step_cents)
        .map(Money::from_cents)
        .ok_or(NotRated::NotMoney)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(written: &str) -> Decimal {
        written.parse().unwrap()
    }

    fn money(written: &str) -> Money {
        Money::try_from(decimal(written)).unwrap()
    }

    fn choice(means: Means, factor: &str) -> Choice {
        Choice {
            means,
            says: Texts::same("-"),
            factor: decimal(factor),
        }
    }

    fn question(name: &str, answers: Vec<Choice>) -> Question {
        Question {
            name: name.to_owned(),
            asks: Texts::same("?"),
            answers,
        }
    }

    fn rating() -> Rating {
        Rating {
            bases: BTreeMap::from([(Term::Day, money("30")), (Term::Month, money("700"))]),
            questions: vec![
                question(
                    "use",
                    vec![
                        choice(Means::Word("own".into()), "1"),
                        choice(Means::Word("hired".into()), "1.25"),
                    ],
                ),
                question(
                    "age",
                    vec![
                        choice(Means::Band(18, 24), "1.333"),
                        choice(Means::Band(25, 70), "1"),
                    ],
                ),
            ],
            levies: vec![
                Levy {
                    name: Texts::same("Levy"),
                    size: LevySize::Percent(decimal("0.45")),
                },
                Levy {
                    name: Texts::same("Stamp"),
                    size: LevySize::Amount(money("0.50")),
                },
            ],
            round_up_to: money("1"),
            commission_percent: decimal("10"),
        }
    }

    fn answers(usage: &str, age: &str) -> Answers {
        Answers::from([
            ("use".to_owned(), usage.to_owned()),
            ("age".to_owned(), age.to_owned()),
        ])
    }

    #[test]
    fn the_rating_table() {
        for (term, usage, age, net, levies, rounding, price, commission) in [
            (
                Term::Day,
                "own",
                "25",
                "30",
                ["0.14", "0.50"],
                "0.36",
                "31",
                "3",
            ),
            (
                Term::Day,
                "own",
                "18",
                "39.99",
                ["0.18", "0.50"],
                "0.33",
                "41",
                "3.99",
            ),
            (
                Term::Day,
                "hired",
                "24",
                "49.99",
                ["0.22", "0.50"],
                "0.29",
                "51",
                "4.99",
            ),
            (
                Term::Month,
                "own",
                "70",
                "700",
                ["3.15", "0.50"],
                "0.35",
                "704",
                "70",
            ),
            (
                Term::Month,
                "hired",
                "40",
                "875",
                ["3.94", "0.50"],
                "0.56",
                "880",
                "87.50",
            ),
            (
                Term::Month,
                "hired",
                "20",
                "1166.38",
                ["5.25", "0.50"],
                "0.87",
                "1173",
                "116.63",
            ),
        ] {
            let rated = rating().rate(term, &answers(usage, age)).unwrap();
            let told = format!("{term:?} {usage} {age}");
            assert_eq!(rated.net, money(net), "{told}");
            assert_eq!(rated.levies, levies.map(money), "{told}");
            assert_eq!(rated.rounding, money(rounding), "{told}");
            assert_eq!(rated.price, money(price), "{told}");
            assert_eq!(rated.commission, money(commission), "{told}");
        }
    }

    #[test]
    fn what_has_no_price() {
        let rate = |term, answers: Answers| rating().rate(term, &answers).unwrap_err();
        assert_eq!(
            rate(Term::Year, answers("own", "30")),
            NotRated::NoSuchTerm("year")
        );
        assert_eq!(
            rate(Term::Day, Answers::new()),
            NotRated::Unanswered("use".into())
        );
        for (usage, age, question, answer) in [
            ("stolen", "30", "use", "stolen"),
            ("own", "17", "age", "17"),
            ("own", "71", "age", "71"),
            ("own", "-30", "age", "-30"),
            ("own", "thirty", "age", "thirty"),
        ] {
            let wanted = NotRated::NoSuchAnswer {
                question: question.into(),
                answer: answer.into(),
            };
            assert_eq!(rate(Term::Day, answers(usage, age)), wanted);
        }
    }

    #[test]
    fn questions_are_asked_in_their_order() {
        let rating = rating();
        let next = |answers: &Answers| rating.unanswered(answers).map(|asked| asked.name.as_str());
        let mut answers = Answers::new();
        assert_eq!(next(&answers), Some("use"));
        answers.insert("use".into(), "own".into());
        assert_eq!(next(&answers), Some("age"));
        answers.insert("age".into(), "30".into());
        assert_eq!(next(&answers), None);
    }

    proptest! {
        #[test]
        fn a_price_is_the_sum_of_its_parts(base in 100i64..5_000_000, age in 18u32..=70, hired: bool, term in 0usize..2) {
            let mut rating = rating();
            let term = [Term::Day, Term::Month][term];
            rating.bases.insert(term, Money::from_cents(base));
            let usage = if hired { "hired" } else { "own" };
            let rated = rating.rate(term, &answers(usage, &age.to_string())).unwrap();
            let levies: Money = rated.levies.iter().copied().sum();
            prop_assert_eq!(rated.net + levies + rated.rounding, rated.price);
            prop_assert!(rated.rounding >= Money::ZERO && rated.rounding < Money::from_shillings(1));
            prop_assert!(rated.price.is_whole_shillings());
            prop_assert!(rated.commission >= Money::ZERO && rated.commission <= rated.net);
            let (lowest, highest) = rating.extremes(term).unwrap();
            prop_assert!((lowest..=highest).contains(&rated.price));
        }
    }
}
