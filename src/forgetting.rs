//! Rows that have done their service and are let go, a batch at a time so that nobody waits for the locks.

use chrono::TimeDelta;

use crate::app::App;
use crate::fault::Fault;
use crate::{api, conversation, jobs, questions, recovery};

/// Done jobs are kept for whoever looks into yesterday's trouble. Those with a key stay: it is what makes them happen once.
const JOBS_KEPT: TimeDelta = TimeDelta::days(7);
/// A session is over after minutes; its deeds are kept for complaints.
const DEEDS_KEPT: TimeDelta = TimeDelta::days(30);
/// The journal of hops, for studies of where riders turn back.
const HOPS_KEPT: TimeDelta = TimeDelta::days(90);
/// An open question that nobody answered says nothing any more.
const QUESTIONS_KEPT: TimeDelta = TimeDelta::days(1);
/// Answers to requests that move money, for clients that ask again.
const REQUESTS_KEPT: TimeDelta = TimeDelta::days(2);
/// Tries to be taken for a member count for a day.
const TRIES_KEPT: TimeDelta = TimeDelta::days(7);
/// Batches of one kind a run may take. What is left waits for the next.
const BATCHES_MAX: usize = 50;

/// Lets go of what is older than its time. Repeating it is harmless.
pub async fn forget_old(app: App) -> Result<(), Fault> {
    let mut conn = app.pool.acquire().await?;
    let now = app.clock.now();
    for _ in 0..BATCHES_MAX {
        if jobs::forget_done(&mut conn, now - JOBS_KEPT).await? == 0 {
            break;
        }
    }
    for _ in 0..BATCHES_MAX {
        if conversation::forget_deeds(&mut conn, now - DEEDS_KEPT).await? == 0 {
            break;
        }
    }
    for _ in 0..BATCHES_MAX {
        if conversation::forget_hops(&mut conn, now - HOPS_KEPT).await? == 0 {
            break;
        }
    }
    for _ in 0..BATCHES_MAX {
        if questions::forget_expired(&mut conn, now - QUESTIONS_KEPT).await? == 0 {
            break;
        }
    }
    for _ in 0..BATCHES_MAX {
        if api::forget_requests(&mut conn, now - REQUESTS_KEPT).await? == 0 {
            break;
        }
    }
    for _ in 0..BATCHES_MAX {
        if recovery::forget_tries(&mut conn, now - TRIES_KEPT).await? == 0 {
            break;
        }
    }
    Ok(())
}
