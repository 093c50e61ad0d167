//! The tables `receipt` and `receipt_question`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::code::CheckCode;
use super::number::ReceiptNumber;
use super::service::{Genuine, Issue, Purpose, Receipt};
use crate::fault::Fault;
use crate::primitives::{MaskedName, Money, Msisdn};

pub(super) enum Begun {
    Issued(Issue, Receipt),
    Ordinal(i64),
}

pub(super) enum Inserted {
    Yes,
    CodeTaken,
    PaymentTaken(Issue, Receipt),
}

/// The receipt of this payment, or the ordinal for its new one.
pub(super) async fn begin(conn: &mut PgConnection, payment: Uuid) -> Result<Begun, Fault> {
    if let Some((issue, receipt)) = of_payment(&mut *conn, payment).await? {
        return Ok(Begun::Issued(issue, receipt));
    }
    let ordinal = sqlx::query_scalar!(
        r#"select nextval(pg_get_serial_sequence('receipt', 'ordinal')) as "ordinal!""#
    );
    Ok(Begun::Ordinal(ordinal.fetch_one(conn).await?))
}

pub(super) async fn insert(
    conn: &mut PgConnection,
    issue: &Issue,
    ordinal: i64,
    code: &CheckCode,
    now: DateTime<Utc>,
) -> Result<Inserted, Fault> {
    let written = sqlx::query!(
        "insert into receipt (payment_id, ordinal, code, member_id, cents, what, provider_receipt, issued_at)
         overriding system value values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
        issue.payment,
        ordinal,
        code.as_str(),
        issue.member,
        issue.amount.cents(),
        issue.what.as_str(),
        issue.provider_receipt,
        now
    )
    .execute(&mut *conn)
    .await?;
    if written.rows_affected() == 1 {
        return Ok(Inserted::Yes);
    }
    let other = of_payment(conn, issue.payment).await?;
    Ok(other.map_or(Inserted::CodeTaken, |(issue, receipt)| {
        Inserted::PaymentTaken(issue, receipt)
    }))
}

pub(super) async fn number_pending(conn: &mut PgConnection) -> Result<u64, Fault> {
    // Readers and people who pay go on; only a second numbering waits.
    sqlx::query!("lock table receipt in share update exclusive mode")
        .execute(&mut *conn)
        .await?;
    let numbered = sqlx::query!(
        "with pending as (
             select payment_id, number_year, row_number() over (partition by number_year order by issued_at, ordinal) as place
             from (select payment_id, number_year, issued_at, ordinal from receipt
                   where number_serial is null order by issued_at, ordinal limit $1) oldest
         )
         update receipt r set number_serial = pending.place
             + coalesce((select max(n.number_serial) from receipt n where n.number_year = pending.number_year), 0)
         from pending where r.payment_id = pending.payment_id",
        BATCH
    )
    .execute(conn)
    .await?;
    Ok(numbered.rows_affected())
}

pub(super) async fn look_up(
    conn: &mut PgConnection,
    code: &CheckCode,
) -> Result<Option<Genuine>, Fault> {
    let found = sqlx::query!(
        r#"select r.payment_id, r.cents, r.what, r.issued_at, r.number_year as "number_year!", r.number_serial, m.first_name as "first_name?"
           from receipt r left join member m on m.id = r.member_id where r.code = $1"#,
        code.as_str()
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = found else { return Ok(None) };
    Ok(Some(Genuine {
        amount: Money::from_cents(row.cents),
        what: purpose(&row.what, row.payment_id)?,
        at: row.issued_at,
        payer: row.first_name.as_deref().map(MaskedName::of),
        number: row.number_serial.map(|serial| ReceiptNumber {
            year: row.number_year,
            serial,
        }),
    }))
}

/// Counts one question and says how many this phone has asked in this clock hour. One row per phone, however long it goes on.
pub(super) async fn count_question(
    conn: &mut PgConnection,
    asker: &Msisdn,
    now: DateTime<Utc>,
) -> Result<i32, Fault> {
    let asked = sqlx::query_scalar!(
        "insert into receipt_question as q (asker, hour, asked) values ($1, date_trunc('hour', $2::timestamptz), 1)
         on conflict (asker) do update
             set asked = case when q.hour = excluded.hour then least(q.asked + 1, 1000) else 1 end, hour = excluded.hour
         returning asked",
        asker.digits(),
        now
    )
    .fetch_one(conn)
    .await?;
    Ok(asked)
}

/// Numbers given in one transaction.
const BATCH: i64 = 2_000;

async fn of_payment(
    conn: &mut PgConnection,
    payment: Uuid,
) -> Result<Option<(Issue, Receipt)>, Fault> {
    let found = sqlx::query!(
        "select code, member_id, cents, what, provider_receipt, issued_at from receipt where payment_id = $1",
        payment
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = found else { return Ok(None) };
    let what = purpose(&row.what, payment)?;
    let amount = Money::from_cents(row.cents);
    let issue = Issue {
        payment,
        member: row.member_id,
        amount,
        what,
        provider_receipt: row.provider_receipt,
    };
    Ok(Some((
        issue,
        Receipt {
            code: CheckCode::from_row(row.code),
            issued_at: row.issued_at,
        },
    )))
}

fn purpose(text: &str, payment: Uuid) -> Result<Purpose, Fault> {
    Purpose::parse(text).ok_or_else(|| {
        Fault::broken(format!(
            "the receipt of payment {payment} is for nothing we know"
        ))
    })
}
