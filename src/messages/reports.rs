//! What the operators say became of our messages. A report moves a message forward, never back.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use super::store::reports as store;
use super::{MessageId, opt_out};
use crate::fault::Fault;
use crate::primitives::Msisdn;

/// One delivery report.
#[derive(Clone, Debug)]
pub struct Report {
    pub provider: &'static str,
    pub provider_message_id: String,
    pub msisdn: Option<Msisdn>,
    /// In the provider's own word, as it came.
    pub status: String,
    pub reason: Option<String>,
    pub says: Says,
    /// Everything that came, by name.
    pub fields: serde_json::Value,
}

/// What a report says in our words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// On its way.
    Underway,
    Delivered,
    /// Not delivered; a later `Delivered` still wins.
    Failed,
    /// Not delivered because the person has blocked us.
    Blocked,
    /// A word we do not know: kept, and nothing changes.
    Unclear,
}

/// What came of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    Moved(MessageId),
    /// Told before, told too late, or telling nothing.
    Unchanged,
    /// It speaks of an id that we do not know, or not yet.
    Parked,
}

/// Stores a report and moves its message. To be called in a transaction.
pub async fn receive(
    conn: &mut PgConnection,
    report: &Report,
    now: DateTime<Utc>,
) -> Result<Applied, Fault> {
    store::lock(conn, &report.provider_message_id).await?;
    let message = store::message_of(conn, report.provider, &report.provider_message_id).await?;
    let is_new = store::insert(conn, report, message, now).await?;
    match message {
        _ if !is_new => Ok(Applied::Unchanged),
        None => Ok(Applied::Parked),
        Some(id) => apply(conn, id, report.says, report.reason.as_deref(), now).await,
    }
}

/// Applies the reports that came before the id they speak of was stored. To be called where the id is stored, in
/// the same transaction, behind [`store::lock`].
pub(super) async fn apply_parked(
    conn: &mut PgConnection,
    provider: &str,
    provider_message_id: &str,
    id: MessageId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    for (says, reason) in store::take_parked(conn, provider, provider_message_id, id).await? {
        apply(conn, id, says, reason.as_deref(), now).await?;
    }
    Ok(())
}

/// Joins parked reports to messages that were handed over without an answer: same phone, tried before the
/// report came. The report waits a minute first, so that an answer on its way is stored before.
pub(super) async fn adopt(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<(), Fault> {
    for orphan in store::orphans(conn, now - ADOPTED_WITHIN, now - ADOPTED_AFTER).await? {
        store::lock(conn, &orphan.provider_message_id).await?;
        if let Some(id) = store::adopt(conn, &orphan, now).await? {
            apply_parked(conn, &orphan.provider, &orphan.provider_message_id, id, now).await?;
        }
    }
    Ok(())
}

const ADOPTED_AFTER: TimeDelta = TimeDelta::seconds(60);
const ADOPTED_WITHIN: TimeDelta = TimeDelta::hours(24);

async fn apply(
    conn: &mut PgConnection,
    id: MessageId,
    says: Says,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Applied, Fault> {
    let (from, to, why): (&[&str], _, _) = match says {
        Says::Unclear => return Ok(Applied::Unchanged),
        Says::Underway => (&["unknown"], "sent", None),
        Says::Delivered => (&["unknown", "sent", "failed"], "delivered", None),
        Says::Failed | Says::Blocked => (
            &["unknown", "sent"],
            "failed",
            reason.or(Some("not delivered")),
        ),
    };
    let Some(phone) = store::move_message(conn, id, from, to, why, now).await? else {
        return Ok(Applied::Unchanged);
    };
    if says == Says::Blocked {
        opt_out(conn, &phone, now, "blocked at the operator").await?;
    }
    Ok(Applied::Moved(id))
}

impl Says {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Says::Underway => "underway",
            Says::Delivered => "delivered",
            Says::Failed => "failed",
            Says::Blocked => "blocked",
            Says::Unclear => "unclear",
        }
    }

    pub(super) fn parse(word: &str) -> Says {
        match word {
            "underway" => Says::Underway,
            "delivered" => Says::Delivered,
            "failed" => Says::Failed,
            "blocked" => Says::Blocked,
            _ => Says::Unclear,
        }
    }
}
