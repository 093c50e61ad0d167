//! The tables `membership_category`, `membership`, `membership_renewal` and `membership_reminder`.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

use super::model::{Category, Membership, Reminder, Renewal};
use super::service::Past;
use crate::fault::Fault;
use crate::invoices::Invoice;
use crate::members::MemberId;
use crate::primitives::{Money, nairobi_date};

/// What is written down; of who was approved and has nothing written down yet, what would be.
pub(super) async fn find(
    conn: &mut PgConnection,
    member: MemberId,
    today: NaiveDate,
) -> Result<Option<Membership>, Fault> {
    let row = sqlx::query!(
        r#"select c.code, c.name_en, c.name_sw, c.renewal_cents, c.period_months, c.grace_days, c.late_cents,
                  m.approved_at as "approved_at!", t.started_on as "started_on?", t.until as "until?"
           from member m join membership_category c on c.code = m.category
           left join membership t on t.member_id = m.id
           where m.id = $1 and m.approved_at is not null"#,
        member.0
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let category = category(
        (row.code, row.name_en, row.name_sw),
        (row.renewal_cents, row.late_cents),
        (row.period_months, row.grace_days),
    );
    let (started_on, until) = match (row.started_on, row.until) {
        (Some(started_on), Some(until)) => (started_on, until),
        _ => category.first_term(nairobi_date(row.approved_at), today),
    };
    Ok(Some(Membership {
        member,
        category,
        started_on,
        until,
    }))
}

pub(super) async fn categories(conn: &mut PgConnection) -> Result<Vec<Category>, Fault> {
    let rows = sqlx::query!(
        "select code, name_en, name_sw, renewal_cents, period_months, grace_days, late_cents from membership_category order by code"
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            category(
                (row.code, row.name_en, row.name_sw),
                (row.renewal_cents, row.late_cents),
                (row.period_months, row.grace_days),
            )
        })
        .collect())
}

fn category(
    (code, name_en, name_sw): (String, String, String),
    (renewal, late): (i64, i64),
    (period_months, grace_days): (i32, i32),
) -> Category {
    Category {
        code,
        name_en,
        name_sw,
        renewal: Money::from_cents(renewal),
        period_months: period_months.unsigned_abs(),
        grace_days: grace_days.unsigned_abs(),
        late_fee: Money::from_cents(late),
    }
}

/// Writes a membership down, unless it is.
pub(super) async fn begin(
    conn: &mut PgConnection,
    begun: &Membership,
    look_on: Option<NaiveDate>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into membership (member_id, started_on, until, look_on) values ($1, $2, $3, $4) on conflict do nothing",
        begun.member.0,
        begun.started_on,
        begun.until,
        look_on
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Holds the row until the end of the work.
pub(super) async fn lock(conn: &mut PgConnection, member: MemberId) -> Result<(), Fault> {
    sqlx::query!(
        "select member_id from membership where member_id = $1 for update",
        member.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(())
}

pub(super) async fn save_term(
    conn: &mut PgConnection,
    membership: &Membership,
    look_on: Option<NaiveDate>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update membership set until = $2, look_on = $3 where member_id = $1",
        membership.member.0,
        membership.until,
        look_on
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn insert_renewal(
    conn: &mut PgConnection,
    invoice: &Invoice,
    renewal: &Renewal,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into membership_renewal (invoice_id, member_id, at, first_day, last_day, returned) values ($1, $2, $3, $4, $5, $6)",
        invoice.id.0,
        invoice.member.0,
        now,
        renewal.first_day,
        renewal.last_day,
        renewal.returned
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// False when it was said before.
pub(super) async fn insert_reminder(
    conn: &mut PgConnection,
    membership: &Membership,
    what: Reminder,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let inserted = sqlx::query!(
        "insert into membership_reminder (member_id, last_day, what, at) values ($1, $2, $3, $4) on conflict do nothing",
        membership.member.0,
        membership.until,
        what.as_str(),
        now
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub(super) async fn history(conn: &mut PgConnection, member: MemberId) -> Result<Vec<Past>, Fault> {
    let rows = sqlx::query!(
        "select at, first_day, last_day, returned from membership_renewal where member_id = $1 order by at desc limit 12",
        member.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Past {
            at: row.at,
            first_day: row.first_day,
            last_day: row.last_day,
            returned: row.returned,
        })
        .collect())
}

pub(super) async fn without_one(
    conn: &mut PgConnection,
    at_most: i64,
) -> Result<Vec<MemberId>, Fault> {
    let ids = sqlx::query_scalar!(
        "select id from member where approved_at is not null
           and not exists (select from membership where member_id = member.id) limit $1",
        at_most
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(MemberId).collect())
}

pub(super) async fn to_look_at(
    conn: &mut PgConnection,
    today: NaiveDate,
    at_most: i64,
) -> Result<Vec<MemberId>, Fault> {
    let ids = sqlx::query_scalar!(
        "select member_id from membership where look_on <= $1 order by look_on limit $2",
        today,
        at_most
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(MemberId).collect())
}
