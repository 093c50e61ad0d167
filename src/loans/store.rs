//! The tables `lender`, `lender_funding`, `loan_product`, `loan_person`, `loan`, `loan_instalment`, `loan_guarantee` and `loan_entry`.

mod book;
mod entries;
mod guarantees;
mod requests;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::limit::Record;
use super::product::{Component, Offer, Product, ProductId, RepayOrder};
use super::schedule::{Method, Period};
use crate::fault::Fault;
use crate::ledger::JournalId;
use crate::primitives::Money;

pub(super) use book::{book, insert_plan, save_book};
pub use entries::{Entry, What};
pub(super) use entries::{NewEntry, entries, entry_of, insert_entry};
pub use guarantees::{Guarantee, GuaranteeState, Vouching};
pub(super) use guarantees::{
    guarantees, hold, insert_guarantee, pledge, refuse_to_vouch, release, vouching_asked_of,
};
pub(super) use requests::{
    NewLoan, arrears_book, by_number, due_for_a_look, expired, insert, latest_of, live_of, load,
    loan_by_key, loans_in, lock, looked, save,
};

/// Until the end of the work nobody else weighs what this member may borrow or vouch for.
pub(super) async fn hold_person(conn: &mut PgConnection, member: Uuid) -> Result<(), Fault> {
    sqlx::query!(
        "insert into loan_person (member_id) values ($1) on conflict (member_id) do update set member_id = excluded.member_id",
        member
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What the loans of a member say of them; what they contributed is for others to add.
pub(super) async fn record(conn: &mut PgConnection, member: Uuid) -> Result<Record, Fault> {
    let row = sqlx::query!(
        r#"select count(*) filter (where state = 'settled' and duplum_left_cents is null) as "in_time!",
                  count(*) filter (where state = 'settled' and duplum_left_cents is not null) as "late!",
                  count(*) filter (where state = 'written_off') as "written_off!",
                  coalesce(bool_or(state in ('asked', 'ready', 'active')), false) as "live!",
                  (select coalesce(sum(i.principal_cents - i.principal_paid_cents), 0)::bigint
                   from loan l join loan_instalment i on i.loan_id = l.id
                   where l.member_id = $1 and l.state = 'active') as "out!",
                  (select coalesce(sum(g.held_cents), 0)::bigint from loan_guarantee g where g.member_id = $1) as "held!"
           from loan where member_id = $1"#,
        member
    )
    .fetch_one(conn)
    .await?;
    let count = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    Ok(Record {
        repaid_in_time: count(row.in_time),
        repaid_late: count(row.late),
        written_off: count(row.written_off),
        principal_out: Money::from_cents(row.out),
        has_loan: row.live,
        held_for_others: Money::from_cents(row.held),
        ..Record::default()
    })
}

/// The lender with this code; a code that nobody has is a new lender's when a name is given.
pub(super) async fn lender(
    conn: &mut PgConnection,
    code: &str,
    name: Option<&str>,
) -> Result<Option<i32>, Fault> {
    if let Some(name) = name {
        sqlx::query!(
            "insert into lender (code, name) values ($1, $2) on conflict (code) do nothing",
            code,
            name
        )
        .execute(&mut *conn)
        .await?;
    }
    let found = sqlx::query_scalar!("select id from lender where code = $1", code)
        .fetch_optional(conn)
        .await?;
    Ok(found)
}

/// A transfer of a lender's, by its own words.
pub(super) struct NewFunding<'a> {
    pub id: Uuid,
    pub lender: i32,
    pub amount: Money,
    pub reference: &'a str,
    pub by: &'a str,
    pub journal: JournalId,
}

/// The amount that was booked under this reference before.
pub(super) async fn funding_of(
    conn: &mut PgConnection,
    lender: i32,
    reference: &str,
) -> Result<Option<Money>, Fault> {
    let cents = sqlx::query_scalar!(
        "select cents from lender_funding where lender_id = $1 and reference = $2",
        lender,
        reference
    )
    .fetch_optional(conn)
    .await?;
    Ok(cents.map(Money::from_cents))
}

pub(super) async fn insert_funding(
    conn: &mut PgConnection,
    new: NewFunding<'_>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into lender_funding (id, lender_id, cents, reference, by_staff, at, journal_id) values ($1, $2, $3, $4, $5, $6, $7)",
        new.id,
        new.lender,
        new.amount.cents(),
        new.reference,
        new.by,
        now,
        new.journal.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn insert_product(
    conn: &mut PgConnection,
    lender: i32,
    product: &Product,
    now: DateTime<Utc>,
) -> Result<ProductId, Fault> {
    let terms: Vec<i16> = product.terms.iter().map(|term| small(*term)).collect();
    let order: Vec<String> = product
        .repay_order
        .components()
        .map(|component| component.as_str().to_owned())
        .to_vec();
    let id = sqlx::query_scalar!(
        "insert into loan_product (lender_id, code, name_en, name_sw, method, rate_bp, period, terms, least_cents, most_cents,
                                   fee_cents, fee_bp, guarantors, penalty_cents, penalty_bp, grace_days, repay_order,
                                   two_above_cents, offered_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) returning id",
        lender,
        product.code,
        product.name_en,
        product.name_sw,
        product.method.as_str(),
        wide(product.rate_bp),
        product.period.as_str(),
        &terms,
        product.least.cents(),
        product.most.cents(),
        product.fee.cents(),
        wide(product.fee_bp),
        small(product.guarantors),
        product.penalty.cents(),
        wide(product.penalty_bp),
        small(product.grace_days),
        &order,
        product.two_above.cents(),
        now
    )
    .fetch_one(conn)
    .await?;
    Ok(ProductId(id))
}

struct ProductRow {
    id: i32,
    lender_id: i32,
    code: String,
    name_en: String,
    name_sw: String,
    method: String,
    rate_bp: i32,
    period: String,
    terms: Vec<i16>,
    least_cents: i64,
    most_cents: i64,
    fee_cents: i64,
    fee_bp: i32,
    guarantors: i16,
    penalty_cents: i64,
    penalty_bp: i32,
    grace_days: i16,
    repay_order: Vec<String>,
    two_above_cents: i64,
}

/// A product with its row and its lender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    pub id: ProductId,
    pub lender: i32,
    pub product: Product,
}

impl TryFrom<ProductRow> for Offered {
    type Error = Fault;

    fn try_from(row: ProductRow) -> Result<Offered, Fault> {
        let broken = |what: &str| Fault::broken(format!("loan product {}: {what}", row.id));
        let order: Vec<Component> = row
            .repay_order
            .iter()
            .map(|word| word.parse())
            .collect::<Result<_, _>>()
            .map_err(|_| broken("its order"))?;
        let order: [Component; 3] = order.try_into().map_err(|_| broken("its order"))?;
        let offer = Offer {
            method: Method::parse(&row.method).ok_or_else(|| broken("its method"))?,
            period: Period::parse(&row.period).ok_or_else(|| broken("its period"))?,
            rate_bp: row.rate_bp.unsigned_abs(),
            terms: row.terms.iter().map(|term| term.unsigned_abs()).collect(),
            least: Money::from_cents(row.least_cents),
            most: Money::from_cents(row.most_cents),
            fee: Money::from_cents(row.fee_cents),
            fee_bp: row.fee_bp.unsigned_abs(),
            guarantors: row.guarantors.unsigned_abs(),
            penalty: Money::from_cents(row.penalty_cents),
            penalty_bp: row.penalty_bp.unsigned_abs(),
            grace_days: row.grace_days.unsigned_abs(),
            repay_order: RepayOrder::try_from(order).map_err(|_| broken("its order"))?,
            two_above: Money::from_cents(row.two_above_cents),
            code: row.code,
            name_en: row.name_en,
            name_sw: row.name_sw,
        };
        let (id, lender) = (ProductId(row.id), row.lender_id);
        let product = Product::check(offer)
            .map_err(|why| Fault::broken(format!("loan product {}: {why}", id.0)))?;
        Ok(Offered {
            id,
            lender,
            product,
        })
    }
}

/// The latest product under each code.
pub(super) async fn offered(conn: &mut PgConnection) -> Result<Vec<Offered>, Fault> {
    let rows = sqlx::query_as!(
        ProductRow,
        "select distinct on (code) id, lender_id, code, name_en, name_sw, method, rate_bp, period, terms, least_cents, most_cents,
                fee_cents, fee_bp, guarantors, penalty_cents, penalty_bp, grace_days, repay_order, two_above_cents
         from loan_product order by code, id desc"
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Offered::try_from).collect()
}

pub(super) async fn product(
    conn: &mut PgConnection,
    id: ProductId,
) -> Result<Option<Offered>, Fault> {
    let row = sqlx::query_as!(
        ProductRow,
        "select id, lender_id, code, name_en, name_sw, method, rate_bp, period, terms, least_cents, most_cents,
                fee_cents, fee_bp, guarantors, penalty_cents, penalty_bp, grace_days, repay_order, two_above_cents
         from loan_product where id = $1",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(Offered::try_from).transpose()
}

/// A count that its check keeps small.
fn small(count: u16) -> i16 {
    i16::try_from(count).unwrap_or(i16::MAX)
}

fn wide(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
