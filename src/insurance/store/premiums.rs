//! The SQL of premiums and refunds.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::insurance::cover::{Cover, Period};
use crate::insurance::policy::PolicyId;
use crate::insurance::refund::{PaidFor, Refund};
use crate::ledger::JournalId;
use crate::primitives::Money;

/// So many periods are looked at, the latest: more than a year of days.
const PERIODS_MAX: i64 = 400;

/// One premium, as it is written down.
pub(in crate::insurance) struct NewPremium {
    pub payment: Uuid,
    pub policy: PolicyId,
    pub amount: Money,
    pub commission: Money,
    /// `wallet` or `mpesa`.
    pub paid_from: &'static str,
    pub terms: u32,
    pub follows_end: Option<DateTime<Utc>>,
    pub period: Period,
    pub journal: JournalId,
}

pub(in crate::insurance) async fn insert(
    conn: &mut PgConnection,
    new: &NewPremium,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into premium (id, policy_id, paid_at, cents, commission_cents, paid_from, terms, follows_end, starts_at, ends_at,
                              journal_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        new.payment,
        new.policy.0,
        now,
        new.amount.cents(),
        new.commission.cents(),
        new.paid_from,
        i32::try_from(new.terms).map_err(|_| Fault::broken("a premium for too many terms"))?,
        new.follows_end,
        new.period.starts_at,
        new.period.ends_at,
        new.journal.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The policy and period of a premium that was paid before.
pub(in crate::insurance) async fn find(
    conn: &mut PgConnection,
    payment: Uuid,
) -> Result<Option<(PolicyId, Period)>, Fault> {
    let row = sqlx::query!(
        "select policy_id, starts_at, ends_at from premium where id = $1",
        payment
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| {
        let period = Period {
            starts_at: row.starts_at,
            ends_at: row.ends_at,
        };
        (PolicyId(row.policy_id), period)
    }))
}

/// When the last period of a policy ends.
pub(in crate::insurance) async fn last_end(
    conn: &mut PgConnection,
    policy: PolicyId,
) -> Result<Option<DateTime<Utc>>, Fault> {
    let end = sqlx::query_scalar!(
        "select max(ends_at) from premium where policy_id = $1",
        policy.0
    )
    .fetch_one(conn)
    .await?;
    Ok(end)
}

/// The last periods of a policy, in their order.
pub(in crate::insurance) async fn cover_of(
    conn: &mut PgConnection,
    policy: PolicyId,
) -> Result<Cover, Fault> {
    let rows = sqlx::query!(
        "select starts_at, ends_at from premium where policy_id = $1 order by ends_at desc limit $2",
        policy.0,
        PERIODS_MAX
    )
    .fetch_all(conn)
    .await?;
    let periods = rows.into_iter().rev().map(|row| Period {
        starts_at: row.starts_at,
        ends_at: row.ends_at,
    });
    Ok(Cover::of_periods(periods.collect()))
}

/// The premiums of a policy whose days are not all over.
pub(in crate::insurance) async fn unused(
    conn: &mut PgConnection,
    policy: PolicyId,
    now: DateTime<Utc>,
) -> Result<Vec<PaidFor>, Fault> {
    let rows = sqlx::query!(
        "select starts_at, ends_at, cents, commission_cents from premium where policy_id = $1 and ends_at > $2 order by ends_at",
        policy.0,
        now
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| PaidFor {
            period: Period {
                starts_at: row.starts_at,
                ends_at: row.ends_at,
            },
            amount: Money::from_cents(row.cents),
            commission: Money::from_cents(row.commission_cents),
        })
        .collect())
}

pub(in crate::insurance) async fn insert_refund(
    conn: &mut PgConnection,
    policy: PolicyId,
    refund: Refund,
    journal: JournalId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into premium_refund (policy_id, at, cents, commission_cents, journal_id) values ($1, $2, $3, $4, $5)",
        policy.0,
        now,
        refund.amount.cents(),
        refund.commission.cents(),
        journal.0
    )
    .execute(conn)
    .await?;
    Ok(())
}
