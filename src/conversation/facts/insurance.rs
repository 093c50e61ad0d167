//! Insurance, as screens show it.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::app::App;
use crate::conversation::caller::CallingMember;
use crate::conversation::intent::read_answers;
use crate::fault::Fault;
use crate::insurance::cover::Term;
use crate::insurance::rating::Rating;
use crate::insurance::{self, Held, PolicyId, Price, PriceError, Product, Quote, QuoteId, Stage};
use crate::menu::Supplied;
use crate::primitives::{Language, Money, nairobi_date};

/// Where nobody is covered.
const NOBODY: &str = "-";

/// A member who looks at insurance.
pub(super) struct Looking<'a> {
    pub app: &'a App,
    pub member: &'a CallingMember,
    /// As they chose it.
    pub language: Option<Language>,
}

impl Looking<'_> {
    pub async fn at<'n>(
        &self,
        fact: &str,
        need: &impl Fn(&str) -> &'n str,
    ) -> Result<Supplied, Fault> {
        match fact {
            "insurance" => self.entrance().await,
            "categories" => Ok(self.categories()),
            "products" => self.products(need("category")),
            "product" => self.product(need("product")),
            "covers" => self.lines(need("product"), |product| &product.covers),
            "excludes" => self.lines(need("product"), |product| &product.excludes),
            "prices" => self.prices(need("product")),
            "question" => self.question(need("product"), need("answers")),
            "quote" => self.quote(need("quote")).await,
            "breakdown" => self.breakdown(need("quote")).await,
            "policies" => self.policies().await,
            "policy" => self.policy(need("policy")).await,
            "premium" => self.premium(need("policy"), need("terms")).await,
            "premiums" => self.premiums(need("policy")).await,
            other => Err(Fault::broken(format!("insurance knows no fact {other}"))),
        }
    }

    async fn entrance(&self) -> Result<Supplied, Fault> {
        let now = self.app.clock.now();
        let mut conn = self.app.pool.acquire().await?;
        let held = insurance::policies_of(&mut conn, self.member.id.0).await?;
        let insured = held.iter().any(|held| held.policy.stage != Stage::Pending);
        let offered = insurance::offered(&mut conn, self.member.id.0, now).await?;
        let has_quote = offered.is_some();
        let (id, name, price) = match offered {
            Some(quote) => (
                quote.id.0.to_string(),
                self.called(&quote.product),
                quote.breakdown.price,
            ),
            None => (String::new(), String::new(), Money::ZERO),
        };
        Ok(Supplied::default()
            .value("quote", id)
            .value("quoted_name", name)
            .value("quoted_price", price.as_decimal())
            .condition("insured", insured)
            .condition("has_quote", has_quote))
    }

    fn categories(&self) -> Supplied {
        self.app
            .shelf
            .categories()
            .fold(Supplied::default(), |told, category| {
                let called = category.called.in_language(self.language()).to_owned();
                told.row(&category.name, [("category_name", called)])
            })
    }

    fn products(&self, category: &str) -> Result<Supplied, Fault> {
        let mut told = Supplied::default();
        for product in self.app.shelf.products_of(category) {
            let Some((term, price)) = lowest_prices(&product.rating)?.into_iter().next() else {
                continue;
            };
            told = told.row(
                &product.name,
                [
                    ("row_product", self.called(&product.name)),
                    ("row_price", price.as_decimal().to_string()),
                    ("row_term", self.term(term)),
                ],
            );
        }
        Ok(told)
    }

    fn product(&self, name: &str) -> Result<Supplied, Fault> {
        let product = self.find(name)?;
        Ok(Supplied::default()
            .value("product_name", self.called(name))
            .value("insurer_name", &product.insurer.called)
            .value("pays", product.pays.as_decimal()))
    }

    fn lines(
        &self,
        name: &str,
        of: impl Fn(&Product) -> &Vec<insurance::Texts>,
    ) -> Result<Supplied, Fault> {
        let product = self.find(name)?;
        Ok(of(product).iter().fold(Supplied::default(), |told, line| {
            let line = line.in_language(self.language()).to_owned();
            told.row("", [("line", line)])
        }))
    }

    fn prices(&self, name: &str) -> Result<Supplied, Fault> {
        let product = self.find(name)?;
        let mut told = Supplied::default();
        for (term, price) in lowest_prices(&product.rating)? {
            let columns = [
                ("row_term", self.term(term)),
                ("row_price", price.as_decimal().to_string()),
            ];
            told = told.row(term.as_str(), columns);
        }
        Ok(told)
    }

    fn question(&self, name: &str, answers: &str) -> Result<Supplied, Fault> {
        let product = self.find(name)?;
        let question = product.rating.unanswered(&read_answers(answers));
        let question = question.ok_or_else(|| {
            Fault::broken(format!("every question about {name} is answered already"))
        })?;
        let asks = question.asks.in_language(self.language());
        let told = Supplied::default().value("asks", asks);
        Ok(question.answers.iter().fold(told, |told, choice| {
            let picked = format!("{}={}", question.name, choice.means.value());
            let says = choice.says.in_language(self.language()).to_owned();
            told.row(picked, [("row_answer", says)])
        }))
    }

    async fn quote(&self, id: &str) -> Result<Supplied, Fault> {
        let quote = self.find_quote(id).await?;
        Ok(Supplied::default()
            .value("quoted_name", self.called(&quote.product))
            .value("quoted_term", self.term(quote.term))
            .value("quoted_price", quote.breakdown.price.as_decimal())
            .value("quoted_until", nairobi_date(quote.valid_until)))
    }

    /// Base, factors, levies, rounding and the sum, as they make the price.
    async fn breakdown(&self, id: &str) -> Result<Supplied, Fault> {
        let quote = self.find_quote(id).await?;
        let rating = &self.find(&quote.product)?.rating;
        let rated = &quote.breakdown;
        let mut parts = vec![(self.phrase("price.base"), shown(rated.base))];
        for (question, factor) in rating.questions.iter().zip(&rated.factors) {
            let answer = quote.answers.get(&question.name).map(String::as_str);
            let choice = question.choice(answer.unwrap_or_default());
            if let Some(choice) = choice.filter(|_| *factor != Decimal::ONE) {
                let says = choice.says.in_language(self.language()).to_owned();
                parts.push((says, format!("x {}", factor.normalize())));
            }
        }
        for (levy, amount) in rating.levies.iter().zip(&rated.levies) {
            let name = levy.name.in_language(self.language()).to_owned();
            parts.push((name, shown(*amount)));
        }
        if rated.rounding.is_positive() {
            parts.push((self.phrase("price.rounding"), shown(rated.rounding)));
        }
        parts.push((self.phrase("price.total"), shown(rated.price)));
        let rows = parts.into_iter();
        Ok(rows.fold(Supplied::default(), |told, (part, worth)| {
            told.row("", [("part", part), ("worth", worth)])
        }))
    }

    async fn policies(&self) -> Result<Supplied, Fault> {
        let now = self.app.clock.now();
        let mut conn = self.app.pool.acquire().await?;
        let held = insurance::policies_of(&mut conn, self.member.id.0).await?;
        let held = held.iter();
        let issued = held.filter(|held| held.policy.stage != Stage::Pending);
        Ok(issued.fold(Supplied::default(), |told, held| {
            let until = held.covered_until(now);
            told.row(
                held.policy.id,
                [
                    ("row_policy", self.called(&held.policy.product)),
                    ("row_until", until.map_or_else(|| NOBODY.to_owned(), day)),
                ],
            )
        }))
    }

    async fn policy(&self, id: &str) -> Result<Supplied, Fault> {
        let now = self.app.clock.now();
        let mut conn = self.app.pool.acquire().await?;
        let Held { policy, cover } = self.find_policy(&mut conn, id).await?;
        let product = self.find(&policy.product)?;
        let covered_until = match policy.stage.is_in_force() {
            true => cover.covered_until(now),
            false => None,
        };
        let takes = policy.takes_premium(cover.until(), &product.rules, now);
        let can_cancel = matches!(policy.stage, Stage::Active { .. } | Stage::Lapsed { .. });
        let refund = match can_cancel {
            true => {
                insurance::refund_if_cancelled(&mut conn, &self.app.shelf, &policy, now)
                    .await?
                    .amount
            }
            false => Money::ZERO,
        };
        let number = policy
            .stage
            .issued()
            .map_or_else(|| NOBODY.to_owned(), |issued| issued.number.to_string());
        let until = covered_until.or(cover.until()).unwrap_or(now);
        Ok(Supplied::default()
            .value("policy_name", self.called(&policy.product))
            .value("policy_no", number)
            .value("policy_term", self.term(policy.term))
            .value("policy_price", policy.price.as_decimal())
            .value("until_day", nairobi_date(until))
            .value("streak", cover.streak(now))
            .value("refund", refund.as_decimal())
            .condition("covered", covered_until.is_some())
            .condition("takes_premium", takes.is_ok())
            .condition("can_cancel", can_cancel))
    }

    async fn premium(&self, id: &str, terms: &str) -> Result<Supplied, Fault> {
        let now = self.app.clock.now();
        let mut conn = self.app.pool.acquire().await?;
        let (policy, terms) = (policy_id(id)?, terms.parse().unwrap_or_default());
        let (shelf, member) = (&self.app.shelf, self.member.id.0);
        let price = insurance::price_of(&mut conn, shelf, member, policy, terms, now).await;
        let (amount, until, payable) = match price {
            Ok(Price { amount, until, .. }) => (amount, until, true),
            Err(PriceError::Fault(fault)) => return Err(fault),
            Err(_refused) => (Money::ZERO, now, false),
        };
        Ok(Supplied::default()
            .value("premium", amount.as_decimal())
            .value("until_day", nairobi_date(until))
            .condition("payable", payable))
    }

    async fn premiums(&self, id: &str) -> Result<Supplied, Fault> {
        let mut conn = self.app.pool.acquire().await?;
        let held = self.find_policy(&mut conn, id).await?;
        let lines = insurance::premiums_of(&mut conn, held.policy.id).await?;
        Ok(lines.into_iter().fold(Supplied::default(), |told, line| {
            told.row(
                "",
                [
                    ("day", nairobi_date(line.paid_at).to_string()),
                    ("moved", line.amount.as_decimal().to_string()),
                    ("row_until", day(line.ends_at)),
                ],
            )
        }))
    }

    async fn find_quote(&self, id: &str) -> Result<Quote, Fault> {
        let mut conn = self.app.pool.acquire().await?;
        let id = QuoteId(Uuid::parse_str(id).map_err(|_| Fault::broken("a quote without an id"))?);
        insurance::quote_of(&mut conn, self.member.id.0, id)
            .await?
            .ok_or_else(|| Fault::broken("a quote that is nobody's"))
    }

    async fn find_policy(&self, conn: &mut sqlx::PgConnection, id: &str) -> Result<Held, Fault> {
        insurance::held(conn, self.member.id.0, policy_id(id)?)
            .await?
            .ok_or_else(|| Fault::broken("a policy that is not the caller's"))
    }

    fn find(&self, product: &str) -> Result<&Product, Fault> {
        self.app
            .shelf
            .product(product)
            .ok_or_else(|| Fault::broken(format!("there is no product {product}")))
    }

    fn called(&self, product: &str) -> String {
        let product = self.app.shelf.product(product);
        product.map_or_else(String::new, |product| {
            product.called.in_language(self.language()).to_owned()
        })
    }

    fn term(&self, term: Term) -> String {
        self.phrase(&format!("term.{}", term.as_str()))
    }

    fn phrase(&self, name: &str) -> String {
        let menus = self.app.menus.current();
        menus.phrase(name, self.language()).to_owned()
    }

    fn language(&self) -> Language {
        self.language
            .unwrap_or_else(|| self.app.menus.current().default_language())
    }
}

/// What each term costs at least, the shortest first.
fn lowest_prices(rating: &Rating) -> Result<Vec<(Term, Money)>, Fault> {
    let terms = rating.bases.keys();
    terms
        .map(|term| {
            let (lowest, _) = rating
                .extremes(*term)
                .map_err(|why| Fault::broken(format!("a product without a price: {why}")))?;
            Ok((*term, lowest))
        })
        .collect()
}

fn policy_id(id: &str) -> Result<PolicyId, Fault> {
    let id = Uuid::parse_str(id).map_err(|_| Fault::broken("a policy without an id"))?;
    Ok(PolicyId(id))
}

fn day(at: DateTime<Utc>) -> String {
    nairobi_date(at).format("%-d/%-m/%Y").to_string()
}

fn shown(amount: Money) -> String {
    format!("KES {amount}")
}
