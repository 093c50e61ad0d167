//! The SQL of quotes.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::insurance::cover::Term;
use crate::insurance::service::quoting::{Quote, QuoteId};

pub(in crate::insurance) async fn insert(
    conn: &mut PgConnection,
    quote: &Quote,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into insurance_quote
             (id, member_id, product, insurer, term, answers, breakdown, price_cents, commission_cents, at, valid_until)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        quote.id.0,
        quote.member,
        quote.product,
        quote.insurer,
        quote.term.as_str(),
        serde_json::to_value(&quote.answers)?,
        serde_json::to_value(&quote.breakdown)?,
        quote.breakdown.price.cents(),
        quote.breakdown.commission.cents(),
        quote.at,
        quote.valid_until
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A quote of this member.
pub(in crate::insurance) async fn find(
    conn: &mut PgConnection,
    member: Uuid,
    id: QuoteId,
) -> Result<Option<Quote>, Fault> {
    let row = sqlx::query_as!(
        QuoteRow,
        "select id, member_id, product, insurer, term, answers, breakdown, at, valid_until
         from insurance_quote where id = $1 and member_id = $2",
        id.0,
        member
    )
    .fetch_optional(conn)
    .await?;
    row.map(Quote::try_from).transpose()
}

/// The member's last quote, if it is still valid and nothing has come of it.
pub(in crate::insurance) async fn latest_open(
    conn: &mut PgConnection,
    member: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Quote>, Fault> {
    let row = sqlx::query_as!(
        QuoteRow,
        "select q.id, q.member_id, q.product, q.insurer, q.term, q.answers, q.breakdown, q.at, q.valid_until
         from (select * from insurance_quote where member_id = $1 order by at desc, id desc limit 1) q
         where q.valid_until > $2
           and not exists (select from policy p where p.quote_id = q.id and p.state <> 'pending')
           and not exists (select from policy p where p.member_id = $1 and p.product = q.product and p.state = 'active')",
        member,
        now
    )
    .fetch_optional(conn)
    .await?;
    row.map(Quote::try_from).transpose()
}

struct QuoteRow {
    id: Uuid,
    member_id: Uuid,
    product: String,
    insurer: String,
    term: String,
    answers: serde_json::Value,
    breakdown: serde_json::Value,
    at: DateTime<Utc>,
    valid_until: DateTime<Utc>,
}

impl TryFrom<QuoteRow> for Quote {
    type Error = Fault;

    fn try_from(row: QuoteRow) -> Result<Quote, Fault> {
        let term = Term::parse(&row.term)
            .ok_or_else(|| Fault::broken(format!("quote {} has no proper term", row.id)))?;
        Ok(Quote {
            id: QuoteId(row.id),
            member: row.member_id,
            product: row.product,
            insurer: row.insurer,
            term,
            answers: serde_json::from_value(row.answers)?,
            breakdown: serde_json::from_value(row.breakdown)?,
            at: row.at,
            valid_until: row.valid_until,
        })
    }
}
