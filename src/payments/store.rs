//! The SQL of attempts, and of what holds all of them up; the other tables have their own files.

mod evidence;
mod inflows;
mod listing;
mod obligations;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::evidence::PromptIds;
use super::model::{Alarm, Attempt, AttemptId, AttemptState, Obligation, ObligationId};
use crate::fault::Fault;
use crate::primitives::{Money, Msisdn};

pub(super) use evidence::{NewEvidence, evidence, evidence_of, insert_evidence, understand};
pub use inflows::{Came, Suspended, came, in_suspense, waiting_in_suspense};
pub(super) use inflows::{
    NewInflow, Share, claim_inflow, flag_unclaimed, give_to_member, inflows_of, insert_inflow,
    lock_inflow, name_inflow, put_back, receipts_elsewhere, take_for_refund,
};
pub use listing::{
    Listed, Tried, Wanted, followed, listed, paid_since, stage_of, suspense_after, suspense_total,
};
pub use obligations::open_count;
pub(super) use obligations::{
    NewObligation, close_obligation, insert_obligation, is_anything_open, lock_obligation_of,
    obligation, obligation_by_key, open_obligation_of, set_aside_doubts,
};

struct AttemptRow {
    id: Uuid,
    obligation_id: Uuid,
    account_reference: String,
    msisdn: String,
    amount_cents: i64,
    state: String,
    created_at: DateTime<Utc>,
    not_before: DateTime<Utc>,
    submitted_at: Option<DateTime<Utc>>,
    merchant_request_id: Option<String>,
    checkout_request_id: Option<String>,
    ended_by: Option<String>,
    certain: bool,
    check_told_at: Option<DateTime<Utc>>,
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = Fault;

    fn try_from(row: AttemptRow) -> Result<Attempt, Fault> {
        let broken = |what: &str| Fault::broken(format!("attempt {}: {what}", row.id));
        let ids = match (row.merchant_request_id, row.checkout_request_id) {
            (Some(merchant), Some(checkout)) => Some(PromptIds { merchant, checkout }),
            _ => None,
        };
        let ended_by = row.ended_by.unwrap_or_default();
        let state = match row.state.as_str() {
            "created" => AttemptState::Created,
            "submitting" => AttemptState::Submitting,
            "prompted" => AttemptState::Prompted {
                ids: ids.ok_or_else(|| broken("prompted without ids"))?,
            },
            "unknown" => AttemptState::Unknown { ids },
            "paid" => AttemptState::Paid {
                ids,
                certain: row.certain,
            },
            "failed" => AttemptState::Failed {
                ids,
                code: ended_by,
            },
            "refused" => AttemptState::Refused { why: ended_by },
            "withdrawn" => AttemptState::Withdrawn,
            "operator" => AttemptState::Operator { ids },
            _ => return Err(broken("no such state")),
        };
        Ok(Attempt {
            id: AttemptId(row.id),
            obligation: ObligationId(row.obligation_id),
            account_reference: row.account_reference,
            payer: Msisdn::parse(&row.msisdn).map_err(|_| broken("its payer"))?,
            amount: Money::from_cents(row.amount_cents),
            created_at: row.created_at,
            not_before: row.not_before,
            submitted_at: row.submitted_at,
            state,
            check_told_at: row.check_told_at,
        })
    }
}

pub(super) async fn insert_attempt(
    conn: &mut PgConnection,
    obligation: &Obligation,
    id: AttemptId,
    not_before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into attempt (id, obligation_id, msisdn, amount_cents, state, created_at, not_before, changed_at)
         values ($1, $2, $3, $4, 'created', $5, $6, $5)",
        id.0,
        obligation.id.0,
        obligation.payer.digits(),
        obligation.amount.cents(),
        now,
        not_before
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn attempt(conn: &mut PgConnection, id: AttemptId) -> Result<Attempt, Fault> {
    let row = sqlx::query_as!(
        AttemptRow,
        "select id, obligation_id, account_reference, msisdn, amount_cents, state, created_at, not_before, submitted_at,
                merchant_request_id, checkout_request_id, ended_by, certain, check_told_at
         from attempt where id = $1",
        id.0
    )
    .fetch_one(conn)
    .await?;
    Attempt::try_from(row)
}

/// Oldest first.
pub(super) async fn attempts_of(
    conn: &mut PgConnection,
    obligation: ObligationId,
) -> Result<Vec<Attempt>, Fault> {
    let rows = sqlx::query_as!(
        AttemptRow,
        "select id, obligation_id, account_reference, msisdn, amount_cents, state, created_at, not_before, submitted_at,
                merchant_request_id, checkout_request_id, ended_by, certain, check_told_at
         from attempt where obligation_id = $1 order by created_at, id",
        obligation.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Attempt::try_from).collect()
}

/// Saves where the attempt stands and when to look at it again.
pub(super) async fn save_attempt(
    conn: &mut PgConnection,
    attempt: &Attempt,
    attend_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let ids = attempt.state.ids();
    let (ended_by, certain) = match &attempt.state {
        AttemptState::Failed { code, .. } => (Some(code.as_str()), false),
        AttemptState::Refused { why } => (Some(why.as_str()), false),
        AttemptState::Paid { certain, .. } => (None, *certain),
        _ => (None, false),
    };
    sqlx::query!(
        "update attempt set state = $2, changed_at = case when state = $2 then changed_at else $3 end,
                merchant_request_id = $4, checkout_request_id = $5, ended_by = $6, certain = $7,
                check_told_at = $8, attend_at = $9
         where id = $1",
        attempt.id.0,
        attempt.state.name(),
        now,
        ids.map(|ids| ids.merchant.as_str()),
        ids.map(|ids| ids.checkout.as_str()),
        ended_by,
        certain,
        attempt.check_told_at,
        attend_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether somebody should look at the attempt now; a later judgement may have put that off.
pub(super) async fn is_due(
    conn: &mut PgConnection,
    id: AttemptId,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let due = sqlx::query_scalar!(
        r#"select coalesce(attend_at <= $2, false) as "due!" from attempt where id = $1"#,
        id.0,
        now
    )
    .fetch_optional(conn)
    .await?;
    Ok(due.unwrap_or(false))
}

pub(super) async fn mark_submitting(
    conn: &mut PgConnection,
    id: AttemptId,
    token_hash: &[u8],
    attend_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update attempt set state = 'submitting', submitted_at = $2, changed_at = $2, token_hash = $3, attend_at = $4
         where id = $1 and state = 'created'",
        id.0,
        now,
        token_hash,
        attend_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn postpone(
    conn: &mut PgConnection,
    id: AttemptId,
    not_before: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update attempt set not_before = $2 where id = $1 and state = 'created'",
        id.0,
        not_before
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The attempts that still wait for the end of this session, drawn forward to `not_before`.
pub(super) async fn draw_forward(
    conn: &mut PgConnection,
    ussd_session: &str,
    not_before: DateTime<Utc>,
) -> Result<Vec<AttemptId>, Fault> {
    let ids = sqlx::query_scalar!(
        "update attempt set not_before = $2
         from obligation
         where obligation.id = attempt.obligation_id and obligation.ussd_session = $1 and obligation.state = 'open'
           and attempt.state = 'created' and attempt.not_before > $2
           and not exists (select 1 from attempt earlier
                           where earlier.obligation_id = obligation.id and earlier.id <> attempt.id)
         returning attempt.id",
        ussd_session,
        not_before
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(AttemptId).collect())
}

/// One number's pushes are decided one after the other; held until the transaction ends.
pub(super) async fn take_turn(conn: &mut PgConnection, payer: &Msisdn) -> Result<(), Fault> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('payments.push ' || $1, 0))",
        payer.digits()
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) struct LatestPushes {
    pub any: Option<DateTime<Utc>>,
    pub equal: Option<DateTime<Utc>>,
}

/// When this number was last pushed; pushes that provably showed no prompt do not count.
pub(super) async fn latest_pushes(
    conn: &mut PgConnection,
    payer: &Msisdn,
    amount: Money,
) -> Result<LatestPushes, Fault> {
    let row = sqlx::query!(
        "select max(submitted_at) as any, max(submitted_at) filter (where amount_cents = $2) as equal
         from attempt where msisdn = $1 and submitted_at is not null and state <> 'refused' and ended_by is distinct from '1001'",
        payer.digits(),
        amount.cents()
    )
    .fetch_one(conn)
    .await?;
    Ok(LatestPushes {
        any: row.any,
        equal: row.equal,
    })
}

/// When this amount was last prompted to this number since `since`, unless it is known that it was not paid.
pub(super) async fn latest_possibly_paid(
    conn: &mut PgConnection,
    payer: &Msisdn,
    amount: Money,
    since: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Fault> {
    Ok(sqlx::query_scalar!(
        "select max(submitted_at) from attempt
         where msisdn = $1 and amount_cents = $2 and submitted_at > $3 and state not in ('failed', 'refused')",
        payer.digits(),
        amount.cents(),
        since
    )
    .fetch_one(conn)
    .await?)
}

/// The attempt of the same amount to the same number right before this one.
pub(super) async fn previous_equal_attempt(
    conn: &mut PgConnection,
    attempt: &Attempt,
    since: DateTime<Utc>,
) -> Result<Option<AttemptId>, Fault> {
    let id = sqlx::query_scalar!(
        "select id from attempt
         where msisdn = $1 and amount_cents = $2 and id <> $3 and submitted_at between $4 and $5 and state <> 'refused'
         order by submitted_at desc limit 1",
        attempt.payer.digits(),
        attempt.amount.cents(),
        attempt.id.0,
        since,
        attempt.submitted_at
    )
    .fetch_optional(conn)
    .await?;
    Ok(id.map(AttemptId))
}

pub(super) async fn attempt_by_token(
    conn: &mut PgConnection,
    token_hash: &[u8],
) -> Result<Option<AttemptId>, Fault> {
    let id = sqlx::query_scalar!("select id from attempt where token_hash = $1", token_hash)
        .fetch_optional(conn)
        .await?;
    Ok(id.map(AttemptId))
}

pub(super) async fn attempt_by_reference(
    conn: &mut PgConnection,
    reference: &str,
) -> Result<Option<AttemptId>, Fault> {
    let id = sqlx::query_scalar!(
        "select id from attempt where account_reference = $1",
        reference
    )
    .fetch_optional(conn)
    .await?;
    Ok(id.map(AttemptId))
}

/// Adds alarms that were not raised before, and says which those are.
pub(super) async fn raise_once(
    conn: &mut PgConnection,
    attempt: AttemptId,
    alarms: &BTreeSet<Alarm>,
) -> Result<Vec<Alarm>, Fault> {
    if alarms.is_empty() {
        return Ok(vec![]);
    }
    let raised = sqlx::query_scalar!("select alarms from attempt where id = $1", attempt.0)
        .fetch_one(&mut *conn)
        .await?;
    let fresh: Vec<Alarm> = alarms
        .iter()
        .copied()
        .filter(|alarm| !raised.iter().any(|known| known == alarm.as_str()))
        .collect();
    let names: Vec<String> = fresh
        .iter()
        .map(|alarm| alarm.as_str().to_owned())
        .collect();
    sqlx::query!(
        "update attempt set alarms = alarms || $2 where id = $1",
        attempt.0,
        &names
    )
    .execute(conn)
    .await?;
    Ok(fresh)
}

pub(super) async fn pause(
    conn: &mut PgConnection,
    until: DateTime<Utc>,
    why: &str,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into rail_pause (provider, until, why) values ('mpesa', $1, $2)
         on conflict (provider) do update set why = case when excluded.until > rail_pause.until then excluded.why else rail_pause.why end,
                                              until = greatest(excluded.until, rail_pause.until)",
        until,
        why
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn paused_until(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Fault> {
    Ok(sqlx::query_scalar!(
        "select until from rail_pause where provider = 'mpesa' and until > $1",
        now
    )
    .fetch_optional(conn)
    .await?)
}

/// What is overdue since before `before`: attempts to push, attempts to look at, bodies to read.
pub(super) struct Overdue {
    pub to_push: Vec<AttemptId>,
    pub to_attend: Vec<AttemptId>,
    pub to_read: Vec<i64>,
}

pub(super) async fn overdue(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<Overdue, Fault> {
    let to_push = sqlx::query_scalar!(
        "select id from attempt where state = 'created' and not_before < $1 order by not_before limit 500",
        before
    )
    .fetch_all(&mut *conn)
    .await?;
    let to_attend = sqlx::query_scalar!(
        "select id from attempt where attend_at < $1 order by attend_at limit 500",
        before
    )
    .fetch_all(&mut *conn)
    .await?;
    let to_read = sqlx::query_scalar!(
        "select id from evidence where applied_at is null and received_at < $1 order by received_at limit 500",
        before
    )
    .fetch_all(conn)
    .await?;
    Ok(Overdue {
        to_push: to_push.into_iter().map(AttemptId).collect(),
        to_attend: to_attend.into_iter().map(AttemptId).collect(),
        to_read,
    })
}
