//! What the operators say became of our messages. A report moves a message forward, never back.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use super::MessageId;
use super::store::reports::{self as store, Tried};
use crate::fault::Fault;
use crate::primitives::{Carrier, Msisdn};

/// One delivery report.
#[derive(Clone, Debug)]
pub struct Report {
    pub provider: Carrier,
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
    /// Not delivered; a later `Delivered` still wins. Only an alert is worth another provider.
    Failed,
    /// Not delivered by this provider; another may bring it.
    FailedHere,
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
    let applied = receive_all(conn, std::slice::from_ref(report), now).await?;
    Ok(applied[0])
}

/// Stores these reports in the order in which they came and moves their messages; says of each what came of it. To be
/// called in a transaction.
pub async fn receive_all(
    conn: &mut PgConnection,
    reports: &[Report],
    now: DateTime<Utc>,
) -> Result<Vec<Applied>, Fault> {
    store::lock_all(conn, reports).await?;
    let tries = store::tries_of(conn, reports).await?;
    let news = store::insert_all(conn, reports, &tries, now).await?;
    let mut applied = vec![Applied::Unchanged; reports.len()];
    let mut reports_of: HashMap<MessageId, usize> = HashMap::new();
    for tried in tries.iter().flatten() {
        *reports_of.entry(tried.message).or_default() += 1;
    }
    let mut delivered = Vec::new();
    for (place, report) in reports.iter().enumerate() {
        applied[place] = match tries[place] {
            _ if !news[place] => Applied::Unchanged,
            None => Applied::Parked,
            // The ordinary end of an ordinary message: these are written together, below.
            Some(tried) if report.says == Says::Delivered && reports_of[&tried.message] == 1 => {
                delivered.push((place, tried));
                Applied::Unchanged
            }
            Some(tried) => apply(conn, tried, report.says, report.reason.as_deref(), now).await?,
        };
    }
    let tried: Vec<Tried> = delivered.iter().map(|(_, tried)| *tried).collect();
    let moved = store::deliver_all(conn, &tried, now).await?;
    for (place, tried) in delivered {
        if moved.contains(&tried.message) {
            applied[place] = Applied::Moved(tried.message);
        }
    }
    Ok(applied)
}

/// Applies the reports that came before the id they speak of was stored. To be called where the id is stored, in
/// the same transaction, behind [`store::lock`].
pub(super) async fn apply_parked(
    conn: &mut PgConnection,
    provider: Carrier,
    provider_message_id: &str,
    tried: Tried,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let parked = store::take_parked(conn, provider, provider_message_id, tried.message).await?;
    for (says, reason) in parked {
        apply(conn, tried, says, reason.as_deref(), now).await?;
    }
    Ok(())
}

/// Joins parked reports to messages that were handed over without an answer: same phone and provider, tried before the
/// report came. The report waits a minute first, so that an answer on its way is stored before.
pub(super) async fn adopt(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<(), Fault> {
    let since = now - ADOPTED_WITHIN;
    for orphan in store::orphans(conn, since, now - ADOPTED_AFTER).await? {
        let Some(provider) = Carrier::parse(&orphan.provider) else {
            continue;
        };
        store::lock(conn, &orphan.provider_message_id).await?;
        if let Some(tried) = store::adopt(conn, &orphan, since, now).await? {
            apply_parked(conn, provider, &orphan.provider_message_id, tried, now).await?;
        }
    }
    Ok(())
}

/// The states a delivered message may have been in: after a failure too, because another way may have brought it.
pub(super) const DELIVERABLE: [&str; 5] = ["queued", "sending", "unknown", "sent", "failed"];

const ADOPTED_AFTER: TimeDelta = TimeDelta::seconds(60);
const ADOPTED_WITHIN: TimeDelta = TimeDelta::hours(24);

async fn apply(
    conn: &mut PgConnection,
    tried: Tried,
    says: Says,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Applied, Fault> {
    let id = tried.message;
    let Some(reported) = says.of_the_try() else {
        return Ok(Applied::Unchanged);
    };
    store::note(conn, tried, reported).await?;
    let why = reason.unwrap_or("not delivered");
    let (from, to): (&[&str], _) = match says {
        Says::Unclear => return Ok(Applied::Unchanged),
        Says::Underway => (&["unknown"], "sent"),
        // An alert may be on its way through another provider by now.
        Says::Delivered => (&DELIVERABLE, "delivered"),
        Says::FailedHere if store::send_on(conn, id, false, why, now).await? => {
            return Ok(Applied::Moved(id));
        }
        Says::Failed if store::send_on(conn, id, true, why, now).await? => {
            return Ok(Applied::Moved(id));
        }
        Says::Failed | Says::FailedHere | Says::Blocked
            if store::may_arrive_otherwise(conn, tried).await? =>
        {
            (&[], "failed")
        }
        Says::Failed | Says::FailedHere | Says::Blocked => (&["unknown", "sent"], "failed"),
    };
    if says == Says::Blocked {
        store::opt_out_of(conn, id, now).await?;
    }
    let why = (to == "failed").then_some(why);
    let moved = store::move_message(conn, id, from, to, why, now).await?;
    Ok(match moved {
        true => Applied::Moved(id),
        false => Applied::Unchanged,
    })
}

impl Says {
    /// What it says of the one try; none when it says nothing.
    fn of_the_try(self) -> Option<&'static str> {
        match self {
            Says::Underway => Some("underway"),
            Says::Delivered => Some("delivered"),
            Says::Failed | Says::FailedHere | Says::Blocked => Some("failed"),
            Says::Unclear => None,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Says::Underway => "underway",
            Says::Delivered => "delivered",
            Says::Failed => "failed",
            Says::FailedHere => "failed_here",
            Says::Blocked => "blocked",
            Says::Unclear => "unclear",
        }
    }

    pub(super) fn parse(word: &str) -> Says {
        match word {
            "underway" => Says::Underway,
            "delivered" => Says::Delivered,
            "failed" => Says::Failed,
            "failed_here" => Says::FailedHere,
            "blocked" => Says::Blocked,
            _ => Says::Unclear,
        }
    }
}
