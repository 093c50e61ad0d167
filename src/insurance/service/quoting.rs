//! What a cover would cost somebody.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::events::Event;
use crate::fault::Fault;
use crate::insurance::cover::Term;
use crate::insurance::product::Shelf;
use crate::insurance::rating::{Answers, Breakdown, NotRated, Question};
use crate::insurance::store;
use crate::work::Work;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct QuoteId(pub Uuid);

/// A price that holds for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Quote {
    pub id: QuoteId,
    pub member: Uuid,
    pub product: String,
    pub insurer: String,
    pub term: Term,
    pub answers: Answers,
    pub breakdown: Breakdown,
    pub at: DateTime<Utc>,
    pub valid_until: DateTime<Utc>,
}

/// How asking for a price goes on.
#[derive(Debug)]
pub enum Quoting<'s> {
    /// This has to be answered first.
    Ask(&'s Question),
    Quoted(Box<Quote>),
}

#[derive(Debug, thiserror::Error)]
pub enum QuoteError {
    #[error("this is not sold")]
    NotSold,
    #[error(transparent)]
    NotRated(#[from] NotRated),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Asks what is not answered yet, or gives a price and keeps it.
pub async fn quote<'s>(
    work: &mut Work,
    shelf: &'s Shelf,
    member: Uuid,
    product: &str,
    term: Term,
    answers: Answers,
) -> Result<Quoting<'s>, QuoteError> {
    let product = shelf
        .product(product)
        .filter(|product| product.is_sold)
        .ok_or(QuoteError::NotSold)?;
    if let Some(question) = product.rating.unanswered(&answers) {
        return Ok(Quoting::Ask(question));
    }
    let breakdown = product.rating.rate(term, &answers)?;
    let quote = Quote {
        id: QuoteId(Uuid::now_v7()),
        member,
        product: product.name.clone(),
        insurer: product.insurer.name.clone(),
        term,
        answers,
        breakdown,
        at: work.now,
        valid_until: work.now + TimeDelta::days(i64::from(product.quote_days)),
    };
    store::quotes::insert(work.conn(), &quote).await?;
    work.record(Quoted {
        quote: quote.id,
        product: quote.product.clone(),
        cents: quote.breakdown.price.cents(),
    })
    .await?;
    Ok(Quoting::Quoted(Box::new(quote)))
}

/// A quote of this member, whether or not it is still valid.
pub async fn quote_of(
    conn: &mut PgConnection,
    member: Uuid,
    id: QuoteId,
) -> Result<Option<Quote>, Fault> {
    store::quotes::find(conn, member, id).await
}

/// The member's last quote while it is valid and no cover has come of it: to be offered again.
pub async fn offered(
    conn: &mut PgConnection,
    member: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Quote>, Fault> {
    store::quotes::latest_open(conn, member, now).await
}

#[derive(Serialize)]
struct Quoted {
    quote: QuoteId,
    product: String,
    cents: i64,
}

impl Event for Quoted {
    const NAME: &'static str = "insurance.quoted";
    fn subject(&self) -> Uuid {
        self.quote.0
    }
}
