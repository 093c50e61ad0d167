//! Doing by hand what is due: for tests and for the command line, with a clock that stands still.

use chrono::TimeDelta;
use sqlx::PgPool;

use super::worker::settle;
use super::{Registry, store};
use crate::clock::Clock;
use crate::fault::Fault;

/// Does everything that is due at the clock's present, one after the other and oldest first, until nothing is
/// due; what a job enqueues for now is done as well. Returns how many tries at jobs that took; tasks that
/// return at intervals are run too but not counted.
///
/// A dropped call leaves its job leased, exactly as a worker that dies would: it is done again when the
/// clock has passed the lease. A handler that panics does so into the caller.
pub async fn run_due<A>(
    pool: &PgPool,
    clock: &Clock,
    registry: &Registry<A>,
    app: A,
) -> Result<usize, Fault>
where
    A: Clone + Send + Sync + 'static,
{
    store::note_tasks(pool, &registry.task_names(), clock.now()).await?;
    let names = registry.job_names();
    let mut tries = 0;
    loop {
        run_due_tasks(pool, clock, registry, &app).await?;
        store::reclaim(pool, clock.now()).await?;
        let now = clock.now();
        let claimed = store::claim(pool, &names, now, now + LEASE, 1).await?;
        let Some(claimed) = claimed.into_iter().next() else {
            return Ok(tries);
        };
        let outcome = registry
            .perform(app.clone(), &claimed.name, claimed.body.clone())
            .await;
        settle(pool, clock.now(), &claimed, outcome).await?;
        tries += 1;
    }
}

/// As long as a worker's.
const LEASE: TimeDelta = TimeDelta::seconds(60);

async fn run_due_tasks<A>(
    pool: &PgPool,
    clock: &Clock,
    registry: &Registry<A>,
    app: &A,
) -> Result<(), Fault>
where
    A: Clone + Send + Sync + 'static,
{
    for turn in store::claim_tasks(pool, &registry.task_names(), clock.now(), LEASE).await? {
        let Some((interval, doing)) = registry.task(app.clone(), &turn.name) else {
            continue;
        };
        let error = doing.await.err().map(|fault| fault.to_string());
        let now = clock.now();
        store::finish_task(pool, &turn, now, now + interval, error.as_deref()).await?;
    }
    Ok(())
}
