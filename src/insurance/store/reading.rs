//! Policies as people look at them: their holders, and staff.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{policies, premiums};
use crate::fault::Fault;
use crate::insurance::cover::Cover;
use crate::insurance::number::{PolicyNumber, ProofCode};
use crate::insurance::policy::{Policy, PolicyId};
use crate::primitives::{Money, nairobi_day_start};

/// A policy with its cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub policy: Policy,
    pub cover: Cover,
}

/// One premium of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PremiumLine {
    pub paid_at: DateTime<Utc>,
    pub amount: Money,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

/// What came in and went back of one insurer's premiums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    pub insurer: String,
    pub policies: i64,
    pub premiums: Money,
    pub refunds: Money,
    /// Ours, after what refunds took of it.
    pub commission: Money,
}

impl Owed {
    /// What is the insurer's.
    pub fn theirs(&self) -> Money {
        self.premiums - self.refunds - self.commission
    }
}

impl Held {
    /// Until when the holder is covered without a gap; none where they are not.
    pub fn covered_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self.policy.stage.is_in_force() {
            true => self.cover.covered_until(now),
            false => None,
        }
    }
}

/// The member's policies that are not replaced, the latest first.
pub async fn policies_of(conn: &mut PgConnection, member: Uuid) -> Result<Vec<Held>, Fault> {
    let mut held = Vec::new();
    for policy in policies::of_member(&mut *conn, member).await? {
        let cover = premiums::cover_of(&mut *conn, policy.id).await?;
        held.push(Held { policy, cover });
    }
    Ok(held)
}

/// One policy of this member.
pub async fn held(
    conn: &mut PgConnection,
    member: Uuid,
    id: PolicyId,
) -> Result<Option<Held>, Fault> {
    let held = policies_of(conn, member).await?;
    Ok(held.into_iter().find(|held| held.policy.id == id))
}

/// The policy with this number or code, for staff. Phones ask with [`prove`](crate::insurance::prove).
pub async fn find(conn: &mut PgConnection, typed: &str) -> Result<Option<Held>, Fault> {
    let number = PolicyNumber::parse(typed).ok();
    let code = ProofCode::parse(typed);
    let Some(policy) = policies::find_named(&mut *conn, number, code.as_ref()).await? else {
        return Ok(None);
    };
    let cover = premiums::cover_of(conn, policy.id).await?;
    Ok(Some(Held { policy, cover }))
}

/// The last premiums of a policy, the latest first.
pub async fn premiums_of(
    conn: &mut PgConnection,
    policy: PolicyId,
) -> Result<Vec<PremiumLine>, Fault> {
    let rows = sqlx::query!(
        "select paid_at, cents, starts_at, ends_at from premium where policy_id = $1 order by ends_at desc limit 30",
        policy.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| PremiumLine {
            paid_at: row.paid_at,
            amount: Money::from_cents(row.cents),
            starts_at: row.starts_at,
            ends_at: row.ends_at,
        })
        .collect())
}

/// What came in for each insurer from the first of these days to the last, in Nairobi.
pub async fn owed_to_insurers(
    conn: &mut PgConnection,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<Owed>, Fault> {
    let after = to.succ_opt().unwrap_or(to);
    let rows = sqlx::query!(
        r#"select p.insurer, count(distinct p.id) as "policies!",
                  coalesce(sum(m.paid), 0)::bigint as "paid!", coalesce(sum(m.refunded), 0)::bigint as "refunded!",
                  coalesce(sum(m.commission), 0)::bigint as "commission!"
           from policy p
           join (select policy_id, at, cents as paid, 0::bigint as refunded, commission_cents as commission
                 from (select policy_id, paid_at as at, cents, commission_cents from premium) paid
                 union all select policy_id, at, 0, cents, -commission_cents from premium_refund) m on m.policy_id = p.id
           where m.at >= $1 and m.at < $2 group by p.insurer order by p.insurer"#,
        nairobi_day_start(from),
        nairobi_day_start(after)
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Owed {
            insurer: row.insurer,
            policies: row.policies,
            premiums: Money::from_cents(row.paid),
            refunds: Money::from_cents(row.refunded),
            commission: Money::from_cents(row.commission),
        })
        .collect())
}
