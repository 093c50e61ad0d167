//! The tables `plan`, `contribution` and `fund_movement`.

pub(super) mod announcing;
pub(super) mod forgiving;
pub(super) mod fund_rules;
pub(super) mod months;
pub(super) mod plans;

mod history;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{ContributionReceived, Direction, FundStatement, Movement, SupportHeld};
use super::plan::{Period, Plan, Schedule};
use crate::fault::Fault;
use crate::ledger::JournalId;
use crate::primitives::{MaskedName, Money};

pub(super) use history::history;

/// What a standing is computed from.
pub(super) struct Facts {
    pub(super) schedule: Schedule,
    pub(super) approved_at: DateTime<Utc>,
    pub(super) contributed: Money,
    pub(super) forgiven: Money,
}

impl Facts {
    /// What needs not be paid any more.
    pub(super) fn settled(&self) -> Money {
        self.contributed + self.forgiven
    }
}

pub(super) async fn what_was_agreed_and_paid(
    conn: &mut PgConnection,
    member: Uuid,
) -> Result<Option<Facts>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        r#"select m.id as member, m.approved_at as "approved_at!", p.id as plan, p.period, p.cents, p.starts_on,
                  (select coalesce(sum(c.cents), 0)::bigint from contribution c where c.member_id = m.id) as "contributed!",
                  (select coalesce(sum(w.cents), 0)::bigint from waiver w where w.member_id = m.id) as "forgiven!"
           from member m join plan p on p.stage_id = m.stage_id and p.category = m.category and p.withdrawn_at is null
           where m.id = $1 and m.approved_at is not null"#,
        member
    )
    .fetch_all(conn)
    .await?;
    match rows.is_empty() {
        true => Ok(None),
        false => facts_of(rows).map(Some),
    }
}

/// As [`what_was_agreed_and_paid`] for everybody at a stage, or one of them.
pub(super) async fn everybody(
    conn: &mut PgConnection,
    stage: i32,
    member: Option<Uuid>,
) -> Result<Vec<(Uuid, Facts)>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        r#"select m.id as member, m.approved_at as "approved_at!", p.id as plan, p.period, p.cents, p.starts_on,
                  (select coalesce(sum(c.cents), 0)::bigint from contribution c where c.member_id = m.id) as "contributed!",
                  (select coalesce(sum(w.cents), 0)::bigint from waiver w where w.member_id = m.id) as "forgiven!"
           from member m join plan p on p.stage_id = m.stage_id and p.category = m.category and p.withdrawn_at is null
           where m.stage_id = $1 and ($2::uuid is null or m.id = $2) and m.approved_at is not null
           order by m.id"#,
        stage,
        member
    )
    .fetch_all(conn)
    .await?;
    let mut everybody = Vec::new();
    let mut rows = rows.into_iter().peekable();
    while let Some(first) = rows.next() {
        let id = first.member;
        let mut theirs = vec![first];
        while let Some(row) = rows.next_if(|row| row.member == id) {
            theirs.push(row);
        }
        everybody.push((id, facts_of(theirs)?));
    }
    Ok(everybody)
}

/// One plan of one member.
struct Row {
    member: Uuid,
    approved_at: DateTime<Utc>,
    plan: i32,
    period: String,
    cents: i64,
    starts_on: chrono::NaiveDate,
    contributed: i64,
    forgiven: i64,
}

/// Of the rows of one member; there is at least one.
fn facts_of(rows: Vec<Row>) -> Result<Facts, Fault> {
    let first = rows
        .first()
        .ok_or_else(|| Fault::broken("a member without a plan has no facts"))?;
    let approved_at = first.approved_at;
    let contributed = Money::from_cents(first.contributed);
    let forgiven = Money::from_cents(first.forgiven);
    let mut plans = Vec::with_capacity(rows.len());
    for row in rows {
        let period = Period::parse(&row.period)
            .ok_or_else(|| Fault::broken(format!("plan {} has no period", row.plan)))?;
        plans.push(Plan {
            period,
            amount: Money::from_cents(row.cents),
            starts_on: row.starts_on,
        });
    }
    let schedule = Schedule::new(plans).map_err(|_| Fault::broken("a plan without an amount"))?;
    Ok(Facts {
        schedule,
        approved_at,
        contributed,
        forgiven,
    })
}

pub(super) async fn insert_plan(
    conn: &mut PgConnection,
    stage: i32,
    category: &str,
    plan: &Plan,
) -> Result<(), Fault> {
    // A row that differs meets `unique` without this `where` matching, and is left as it was: that must not pass for success.
    let stands = sqlx::query_scalar!(
        r#"with adopted as (
               insert into plan (stage_id, category, period, cents, starts_on) values ($1, $2, $3, $4, $5)
               on conflict (stage_id, category, starts_on) where withdrawn_at is null do nothing returning id
           )
           select exists (select from adopted) or exists (
               select from plan where (stage_id, category, period, cents, starts_on) = ($1, $2, $3, $4, $5) and withdrawn_at is null
           ) as "stands!""#,
        stage,
        category,
        plan.period.as_str(),
        plan.amount.cents(),
        plan.starts_on
    )
    .fetch_one(conn)
    .await?;
    if stands {
        Ok(())
    } else {
        Err(Fault::broken(format!(
            "stage {stage} has another plan from {}",
            plan.starts_on
        )))
    }
}

/// Whose contribution this payment was booked as.
pub(super) async fn contributor(
    conn: &mut PgConnection,
    payment: Uuid,
) -> Result<Option<Uuid>, Fault> {
    Ok(sqlx::query_scalar!(
        "select member_id from contribution where payment_id = $1",
        payment
    )
    .fetch_optional(conn)
    .await?)
}

/// Whom this journal supported.
pub(super) async fn supported(
    conn: &mut PgConnection,
    journal: JournalId,
) -> Result<Option<Uuid>, Fault> {
    let member = sqlx::query_scalar!(
        "select member_id from fund_movement where journal_id = $1 and direction = 'out'",
        journal.0
    );
    Ok(member.fetch_optional(conn).await?)
}

/// The contribution and its line in the fund's book, together.
pub(super) async fn insert_contribution(
    conn: &mut PgConnection,
    received: &ContributionReceived,
    journal: JournalId,
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "with counted as (
             insert into contribution (payment_id, member_id, stage_id, cents, provider_receipt, at, journal_id)
             values ($1, $2, $3, $4, $5, $6, $7)
         )
         insert into fund_movement (stage_id, at, direction, cents, what, member_id, journal_id)
         values ($3, $6, 'in', $4, 'contribution', $2, $7)",
        received.payment,
        received.member,
        received.stage,
        received.amount.cents(),
        received.provider_receipt,
        at,
        journal.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn insert_support(
    conn: &mut PgConnection,
    held: &SupportHeld,
    journal: JournalId,
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into fund_movement (stage_id, at, direction, cents, what, member_id, journal_id)
         values ($1, $2, 'out', $3, 'support', $4, $5)",
        held.stage,
        at,
        held.amount.cents(),
        held.member,
        journal.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Money that could not be brought is back.
pub(super) async fn insert_support_returned(
    conn: &mut PgConnection,
    (member, stage): (Uuid, i32),
    amount: Money,
    journal: JournalId,
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into fund_movement (stage_id, at, direction, cents, what, member_id, journal_id)
         values ($1, $2, 'in', $3, 'support_returned', $4, $5)",
        stage,
        at,
        amount.cents(),
        member,
        journal.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A row for each of the last movements, the totals in every one; a fund that never moved is one row without a movement.
pub(super) async fn fund_statement(
    conn: &mut PgConnection,
    stage: i32,
    month_start: DateTime<Utc>,
) -> Result<FundStatement, Fault> {
    let rows = sqlx::query!(
        r#"select ledger.balance('fund', $1::integer::text) as "balance!", month.paid_in as "month_in!", month.paid_out as "month_out!",
                  line.at as "at?", line.direction as "direction?", line.cents as "cents?", line.first_name as "first_name?"
           from (select coalesce(sum(cents) filter (where direction = 'in'), 0)::bigint as paid_in,
                        coalesce(sum(cents) filter (where direction = 'out'), 0)::bigint as paid_out
                 from fund_movement where stage_id = $1 and at >= $2) month
           left join lateral (
                 select f.id, f.at, f.direction, f.cents, m.first_name
                 from fund_movement f join member m on m.id = f.member_id
                 where f.stage_id = $1 order by f.at desc, f.id desc limit 5) line on true
           order by line.at desc, line.id desc"#,
        stage,
        month_start
    )
    .fetch_all(conn)
    .await?;
    let first = rows
        .first()
        .ok_or_else(|| Fault::broken(format!("the statement of fund {stage} is empty")))?;
    let mut statement = FundStatement {
        balance: Money::from_cents(first.balance),
        month_in: Money::from_cents(first.month_in),
        month_out: Money::from_cents(first.month_out),
        last: Vec::with_capacity(rows.len()),
    };
    for row in rows {
        let (Some(at), Some(direction), Some(cents), Some(first_name)) =
            (row.at, row.direction, row.cents, row.first_name)
        else {
            continue;
        };
        let direction = if direction == "out" {
            Direction::Out
        } else {
            Direction::In
        };
        statement.last.push(Movement {
            at,
            direction,
            amount: Money::from_cents(cents),
            person: MaskedName::of(&first_name),
        });
    }
    Ok(statement)
}
