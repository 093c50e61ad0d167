//! The one brake of the rail. Trouble that every payout would meet stops them all, until a person has mended it; trouble
//! that passes pauses them.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::asking::SendPayout;
use super::store;
use crate::events::Event;
use crate::fault::Fault;
use crate::primitives::{Money, StaffName};
use crate::telemetry::metric;
use crate::work::Work;

/// How the rail stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brake {
    /// Since when, and why: a person has to lift it.
    pub stopped: Option<(DateTime<Utc>, String)>,
    /// Until when, and why; it may be over.
    pub paused: Option<(DateTime<Utc>, String)>,
    /// What our account for payouts held when M-PESA last said so.
    pub float: Option<(DateTime<Utc>, Money)>,
}

impl Brake {
    /// Why nothing leaves now, and until when at least.
    pub fn holds(&self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, &str)> {
        if let Some((_, why)) = &self.stopped {
            return Some((now + LOOK_AGAIN, why));
        }
        self.paused
            .as_ref()
            .filter(|(until, _)| *until > now)
            .map(|(until, why)| (*until, why.as_str()))
    }
}

/// Whoever waits for a stop to be lifted looks again so often; lifting it wakes them as well.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(5);

pub async fn brake(conn: &mut PgConnection) -> Result<Brake, Fault> {
    store::brake(conn).await
}

/// Nothing leaves, and nothing is asked, until a person lifts it. Loud.
pub(super) async fn stop(work: &mut Work, why: &str) -> Result<(), Fault> {
    let now = work.now;
    if store::stop(work.conn(), why, now).await? {
        tracing::error!(target: "financial", why, "ALL PAYOUTS ARE STOPPED: mend it, then `kwastage payouts resume`");
        work.record(PayoutsBraked {
            stopped: true,
            why: why.to_owned(),
        })
        .await?;
    }
    metric::payouts_stopped(true);
    Ok(())
}

pub(super) async fn pause(work: &mut Work, length: TimeDelta, why: &str) -> Result<(), Fault> {
    let until = work.now + length;
    store::pause(work.conn(), until, why).await
}

/// Lifts a stop or a pause, and sends what waits. False when nothing was stopped.
pub async fn resume(work: &mut Work, by: &StaffName) -> Result<bool, Fault> {
    if !store::lift_stop(work.conn()).await? {
        return Ok(false);
    }
    metric::payouts_stopped(false);
    work.record(PayoutsBraked {
        stopped: false,
        why: format!("lifted by {by}"),
    })
    .await?;
    let now = work.now;
    for payout in store::all_ready(work.conn()).await? {
        work.enqueue(SendPayout {
            payout,
            not_before: now,
        })
        .await?;
    }
    Ok(true)
}

#[derive(Serialize)]
struct PayoutsBraked {
    stopped: bool,
    why: String,
}

impl Event for PayoutsBraked {
    const NAME: &'static str = "payouts.braked";
    fn subject(&self) -> Uuid {
        Uuid::nil()
    }
}
