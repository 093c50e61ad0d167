//! The tables `provider_record`, `difference` and `reconciliation`.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

use super::model::{Class, Difference, DifferenceId, Found, Theirs};
use crate::fault::Fault;
use crate::payments::Receipt;
use crate::primitives::Money;

/// Which of their records told of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Pull,
    Statement,
}

/// Keeps what they told. The statement is M-PESA's own book: where it says something else than a pull before it, it is right.
pub(super) async fn keep(
    conn: &mut PgConnection,
    records: &[Theirs],
    told: Told,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let receipts: Vec<String> = records.iter().map(|one| one.receipt.to_string()).collect();
    let cents: Vec<i64> = records.iter().map(|one| one.amount.cents()).collect();
    let at: Vec<DateTime<Utc>> = records.iter().map(|one| one.at).collect();
    let accounts: Vec<String> = records.iter().map(|one| one.account.clone()).collect();
    let hints: Vec<Option<String>> = records.iter().map(|one| one.payer_hint.clone()).collect();
    let stated = told == Told::Statement;
    sqlx::query!(
        "insert into provider_record as kept (provider, receipt, cents, at, account, payer_hint, pulled, stated, kept_at)
         select 'mpesa', told.receipt, told.cents, told.at, told.account, told.payer_hint, not $6, $6, $7
         from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[])
              as told (receipt, cents, at, account, payer_hint)
         on conflict (provider, receipt) do update
         set pulled = kept.pulled or excluded.pulled, stated = kept.stated or excluded.stated,
             cents = case when excluded.stated or not kept.stated then excluded.cents else kept.cents end,
             at = case when excluded.stated or not kept.stated then excluded.at else kept.at end",
        &receipts,
        &cents,
        &at,
        &accounts,
        &hints as &[Option<String>],
        stated,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Their payments of this time, and those with one of these receipts.
pub(super) async fn records(
    conn: &mut PgConnection,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    receipts: &[String],
) -> Result<Vec<Theirs>, Fault> {
    let rows = sqlx::query!(
        "select receipt, cents, at, account, payer_hint from provider_record
         where provider = 'mpesa' and (at >= $1 and at < $2 or receipt = any($3)) order by at, receipt",
        from,
        to,
        receipts
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let receipt = Receipt::parse(&row.receipt)
                .ok_or_else(|| Fault::broken("a provider's record has no receipt"))?;
            Ok(Theirs {
                receipt,
                amount: Money::from_cents(row.cents),
                at: row.at,
                account: row.account.unwrap_or_default(),
                payer_hint: row.payer_hint,
            })
        })
        .collect()
}

/// Writes down what was found. What is known already stays as it is, ended or not.
pub(super) async fn insert(
    conn: &mut PgConnection,
    day: NaiveDate,
    found: &Found,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into difference (provider, day, class, reference, ours_cents, theirs_cents, ours_at, theirs_at, found_at)
         values ('mpesa', $1, $2, $3, $4, $5, $6, $7, $8) on conflict (provider, class, reference) do nothing",
        day,
        found.class.as_str(),
        found.reference,
        found.ours.map(Money::cents),
        found.theirs.map(Money::cents),
        found.ours_at,
        found.theirs_at,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends what a comparison of this day has not found again, of the classes that it could judge.
pub(super) async fn end_vanished(
    conn: &mut PgConnection,
    day: NaiveDate,
    judged: &[String],
    found: &[Found],
    now: DateTime<Utc>,
) -> Result<u64, Fault> {
    let classes: Vec<String> = found
        .iter()
        .map(|one| one.class.as_str().to_owned())
        .collect();
    let references: Vec<String> = found.iter().map(|one| one.reference.clone()).collect();
    let ended = sqlx::query!(
        "update difference set ended_at = $5, reason = 'both sides agree now'
         where provider = 'mpesa' and day = $1 and ended_at is null and class = any($2)
           and (class, reference) not in (select * from unnest($3::text[], $4::text[]))",
        day,
        judged,
        &classes,
        &references,
        now
    )
    .execute(conn)
    .await?;
    Ok(ended.rows_affected())
}

pub(super) async fn set_owner(
    conn: &mut PgConnection,
    id: DifferenceId,
    owner: &str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update difference set owner = $2, taken_at = $3 where id = $1",
        id.0,
        owner,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn set_ended(
    conn: &mut PgConnection,
    id: DifferenceId,
    by: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update difference set owner = coalesce(owner, $2), taken_at = coalesce(taken_at, $4),
                ended_by = $2, reason = $3, ended_at = $4
         where id = $1",
        id.0,
        by,
        reason,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

struct Row {
    id: i64,
    day: NaiveDate,
    class: String,
    reference: String,
    ours_cents: Option<i64>,
    theirs_cents: Option<i64>,
    ours_at: Option<DateTime<Utc>>,
    theirs_at: Option<DateTime<Utc>>,
    owner: Option<String>,
    reason: Option<String>,
}

impl TryFrom<Row> for Difference {
    type Error = Fault;

    fn try_from(row: Row) -> Result<Difference, Fault> {
        let class = Class::parse(&row.class)
            .ok_or_else(|| Fault::broken(format!("difference {} is of no class", row.id)))?;
        Ok(Difference {
            id: DifferenceId(row.id),
            day: row.day,
            found: Found {
                class,
                reference: row.reference,
                ours: row.ours_cents.map(Money::from_cents),
                theirs: row.theirs_cents.map(Money::from_cents),
                ours_at: row.ours_at,
                theirs_at: row.theirs_at,
            },
            owner: row.owner,
            reason: row.reason,
        })
    }
}

/// Held until the end of the work.
pub(super) async fn lock(
    conn: &mut PgConnection,
    id: DifferenceId,
) -> Result<Option<Difference>, Fault> {
    let row = sqlx::query_as!(
        Row,
        "select id, day, class, reference, ours_cents, theirs_cents, ours_at, theirs_at, owner, reason
         from difference where id = $1 for update",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(Difference::try_from).transpose()
}

/// Those that have not ended, of this day or of all, the oldest first; at most a thousand.
pub(super) async fn open(
    conn: &mut PgConnection,
    day: Option<NaiveDate>,
) -> Result<Vec<Difference>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        "select id, day, class, reference, ours_cents, theirs_cents, ours_at, theirs_at, owner, reason
         from difference where ended_at is null and ($1::date is null or day = $1) order by day, id limit 1000",
        day
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Difference::try_from).collect()
}

pub(super) async fn open_count(conn: &mut PgConnection) -> Result<i64, Fault> {
    let open =
        sqlx::query_scalar!(r#"select count(*) as "open!" from difference where ended_at is null"#);
    Ok(open.fetch_one(conn).await?)
}

/// What a comparison came to.
pub(super) struct Outcome<'a> {
    pub day: NaiveDate,
    pub by: &'a str,
    pub ours: (usize, Money),
    pub theirs: (usize, Money),
    pub taken_in: usize,
    pub open: usize,
    pub complete: bool,
}

pub(super) async fn insert_outcome(
    conn: &mut PgConnection,
    outcome: &Outcome<'_>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    sqlx::query!(
        "insert into reconciliation (provider, day, at, by, ours, ours_cents, theirs, theirs_cents, taken_in, open, complete)
         values ('mpesa', $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        outcome.day,
        now,
        outcome.by,
        count(outcome.ours.0),
        outcome.ours.1.cents(),
        count(outcome.theirs.0),
        outcome.theirs.1.cents(),
        count(outcome.taken_in),
        count(outcome.open),
        outcome.complete
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// When the day was compared last, and whether both sides were whole and agreed.
pub(super) async fn last_comparison(
    conn: &mut PgConnection,
    day: NaiveDate,
) -> Result<Option<(DateTime<Utc>, bool)>, Fault> {
    let row = sqlx::query!(
        r#"select at, complete and open = 0 as "agreed!"
           from reconciliation where provider = 'mpesa' and day = $1 order by id desc limit 1"#,
        day
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (row.at, row.agreed)))
}
