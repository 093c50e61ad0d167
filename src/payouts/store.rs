//! The tables of payouts.

mod attempts;
mod brake;
mod cooling;
mod evidence;
mod listing;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

pub(super) use attempts::*;
pub(super) use brake::*;
pub(super) use cooling::*;
pub(super) use evidence::*;
pub use listing::{Filed, Listed, Note, file_of, open_count, open_payouts};

use super::model::{Payout, PayoutId, PayoutState, Purpose};
use crate::fault::Fault;
use crate::ledger::JournalId;
use crate::payments::Receipt;
use crate::primitives::{Language, Money, Msisdn, StaffName};

/// One row of `payout`, before it makes sense.
pub(super) struct PayoutRow {
    pub id: Uuid,
    pub purpose: String,
    pub member_id: Option<Uuid>,
    pub stage_id: Option<i32>,
    pub emergency_id: Option<Uuid>,
    pub refunded: Option<String>,
    pub recipient: String,
    pub language: String,
    pub amount_cents: i64,
    pub fee_cents: i64,
    pub state: String,
    pub asked_by: Option<String>,
    pub asked_at: DateTime<Utc>,
    pub reason: Option<String>,
    pub needs_approval: bool,
    pub decided_by: Option<String>,
    pub ready_since: Option<DateTime<Utc>>,
    pub not_before: DateTime<Utc>,
    pub slow_told_at: Option<DateTime<Utc>>,
    pub receipt: Option<String>,
    pub ended_by: Option<String>,
    pub hold_journal: i64,
}

impl TryFrom<PayoutRow> for Payout {
    type Error = Fault;
    fn try_from(row: PayoutRow) -> Result<Payout, Fault> {
        let id = row.id;
        let broken = |what: &str| Fault::broken(format!("payout {id}: its {what}"));
        let member = || row.member_id.ok_or_else(|| broken("member"));
        let purpose = match row.purpose.as_str() {
            "withdrawal" => Purpose::Withdrawal { member: member()? },
            "support" => Purpose::Support {
                member: member()?,
                stage: row.stage_id.ok_or_else(|| broken("stage"))?,
                emergency: row.emergency_id.ok_or_else(|| broken("emergency"))?,
            },
            "refund" => Purpose::Refund {
                refunded: row
                    .refunded
                    .as_deref()
                    .and_then(Receipt::parse)
                    .ok_or_else(|| broken("refunded receipt"))?,
            },
            _ => return Err(broken("purpose")),
        };
        Ok(Payout {
            id: PayoutId(id),
            purpose,
            recipient: Msisdn::parse(&row.recipient).map_err(|_| broken("recipient"))?,
            language: Language::parse(&row.language).map_err(|_| broken("language"))?,
            amount: Money::from_cents(row.amount_cents),
            fee: Money::from_cents(row.fee_cents),
            state: PayoutState::parse(&row.state).ok_or_else(|| broken("state"))?,
            asked_by: row.asked_by,
            asked_at: row.asked_at,
            reason: row.reason,
            needs_approval: row.needs_approval,
            decided_by: row.decided_by,
            ready_since: row.ready_since,
            not_before: row.not_before,
            slow_told_at: row.slow_told_at,
            receipt: row.receipt.as_deref().and_then(Receipt::parse),
            ended_by: row.ended_by,
            hold: JournalId(row.hold_journal),
        })
    }
}

/// A payout as it is asked for, with the journal that holds its money.
pub(super) async fn insert(
    conn: &mut PgConnection,
    payout: &Payout,
    key: &str,
) -> Result<(), Fault> {
    let (stage, emergency, refunded) = match &payout.purpose {
        Purpose::Withdrawal { .. } => (None, None, None),
        Purpose::Support {
            stage, emergency, ..
        } => (Some(*stage), Some(*emergency), None),
        Purpose::Refund { refunded } => (None, None, Some(refunded.as_str())),
    };
    sqlx::query!(
        "insert into payout (id, key, purpose, member_id, stage_id, emergency_id, refunded, recipient, language, amount_cents,
                             fee_cents, state, asked_by, asked_at, reason, needs_approval, ready_since, not_before, changed_at,
                             hold_journal)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $14, $19)",
        payout.id.0,
        key,
        payout.purpose.name(),
        payout.purpose.member(),
        stage,
        emergency,
        refunded,
        payout.recipient.digits(),
        payout.language.as_str(),
        payout.amount.cents(),
        payout.fee.cents(),
        payout.state.as_str(),
        payout.asked_by,
        payout.asked_at,
        payout.reason,
        payout.needs_approval,
        payout.ready_since,
        payout.not_before,
        payout.hold.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The payout, held until the end of the work. Everything that changes one begins here.
pub(super) async fn lock(conn: &mut PgConnection, id: PayoutId) -> Result<Option<Payout>, Fault> {
    let row = sqlx::query_as!(
        PayoutRow,
        "select id, purpose, member_id, stage_id, emergency_id, refunded, recipient, language, amount_cents, fee_cents, state, asked_by,
                asked_at, reason, needs_approval, decided_by, ready_since, not_before, slow_told_at, receipt, ended_by, hold_journal
         from payout where id = $1 for update",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(Payout::try_from).transpose()
}

/// Moves an open payout to another open state.
pub(super) async fn set_state(
    conn: &mut PgConnection,
    payout: &Payout,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update payout set state = $2, ready_since = $3, not_before = $4, slow_told_at = $5, changed_at = $6 where id = $1",
        payout.id.0,
        payout.state.as_str(),
        payout.ready_since,
        payout.not_before,
        payout.slow_told_at,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Who decided. The constraints of the table refuse the one who asked.
pub(super) async fn decide(
    conn: &mut PgConnection,
    id: PayoutId,
    by: &StaffName,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update payout set decided_by = $2, decided_at = $3 where id = $1",
        id.0,
        by.as_str(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// It is paid, or its money is back: for ever.
pub(super) async fn end(
    conn: &mut PgConnection,
    payout: &Payout,
    journal: JournalId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update payout set state = $2, ended_by = $3, receipt = $4, end_journal = $5, ended_at = $6, changed_at = $6,
                           ready_since = $7
         where id = $1",
        payout.id.0,
        payout.state.as_str(),
        payout.ended_by,
        payout.receipt.as_ref().map(Receipt::as_str),
        journal.0,
        now,
        payout.ready_since
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// When M-PESA was last handed this amount for this number, by any other payout.
pub(super) async fn last_equal_handing(
    conn: &mut PgConnection,
    payout: &Payout,
) -> Result<Option<DateTime<Utc>>, Fault> {
    Ok(sqlx::query_scalar!(
        "select max(a.handed_at) from payout p join payout_attempt a on a.payout_id = p.id
         where p.recipient = $1 and p.amount_cents = $2 and p.id <> $3",
        payout.recipient.digits(),
        payout.amount.cents(),
        payout.id.0
    )
    .fetch_one(conn)
    .await?)
}

/// Adds a line to what people should know of a payout.
pub(super) async fn note(
    conn: &mut PgConnection,
    id: PayoutId,
    by: Option<&StaffName>,
    what: &str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let what: String = what.chars().take(400).collect();
    sqlx::query!(
        "insert into payout_note (payout_id, at, by_name, what) values ($1, $2, $3, $4)",
        id.0,
        now,
        by.map(StaffName::as_str),
        what
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What should have happened by now and has not.
pub(super) struct Overdue {
    pub to_send: Vec<PayoutId>,
    pub to_attend: Vec<super::model::AttemptId>,
    pub to_read: Vec<i64>,
}

pub(super) async fn overdue(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<Overdue, Fault> {
    let to_send = sqlx::query_scalar!(
        "select id from payout where state = 'ready' and not_before < $1 order by not_before limit 500",
        before
    )
    .fetch_all(&mut *conn)
    .await?;
    let to_attend = sqlx::query_scalar!(
        "select id from payout_attempt where attend_at < $1 order by attend_at limit 500",
        before
    )
    .fetch_all(&mut *conn)
    .await?;
    let to_read = sqlx::query_scalar!(
        "select id from payout_evidence where applied_at is null and received_at < $1 order by received_at limit 500",
        before
    )
    .fetch_all(conn)
    .await?;
    Ok(Overdue {
        to_send: to_send.into_iter().map(PayoutId).collect(),
        to_attend: to_attend.into_iter().map(super::model::AttemptId).collect(),
        to_read,
    })
}

/// Everything that waits to be handed over.
pub(super) async fn all_ready(conn: &mut PgConnection) -> Result<Vec<PayoutId>, Fault> {
    let ids = sqlx::query_scalar!(
        "select id from payout where state = 'ready' order by ready_since limit 1000"
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(PayoutId).collect())
}
