//! The worker: claims due jobs, does them side by side, and gives back what it cannot finish.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::failure::Verdict;
use super::store::{self, Claimed, Turn};
use super::{JobFailure, Registry};
use crate::clock::Clock;
use crate::fault::Fault;

/// How a worker works. Any number of them share the table, in one process or in many.
#[derive(Clone, Copy, Debug)]
pub struct Worker {
    /// Jobs done at the same time.
    pub concurrency: usize,
    /// How long a claimed job is ours. A handler is cut off a little earlier, so a lease outlives its handler.
    pub lease: Duration,
    /// How long a stopping worker waits for what it has begun.
    pub grace: Duration,
}

impl Default for Worker {
    fn default() -> Worker {
        Worker {
            concurrency: 8,
            lease: Duration::from_secs(60),
            grace: Duration::from_secs(5),
        }
    }
}

/// A lost notification costs no more than this.
const POLL: Duration = Duration::from_secs(1);

impl Worker {
    /// Works until `stop` is cancelled, then finishes what it can within the grace and hands the rest back.
    ///
    /// Uses one connection of the pool for listening and one, briefly, for each claim and each finish.
    pub async fn run<A>(
        self,
        pool: PgPool,
        clock: Clock,
        registry: Arc<Registry<A>>,
        app: A,
        stop: CancellationToken,
    ) where
        A: Clone + Send + Sync + 'static,
    {
        let woken = Arc::new(Notify::new());
        let _listening = AbortOnDropHandle::new(tokio::spawn(listen(
            pool.clone(),
            woken.clone(),
            stop.clone(),
        )));
        let shift = Shift {
            worker: self,
            pool,
            clock,
            registry,
            app,
        };
        let mut begun = Begun::default();
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut tasks_noted = false;
        loop {
            let mut more = false;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = begun.jobs.join_next_with_id() => {
                    begun.forget(ended);
                    // While the table had more than we could take, every free place is filled at once.
                    more = begun.left_some_behind;
                }
                Some(_) = begun.tasks.join_next() => {}
                () = woken.notified() => more = true,
                _ = poll.tick() => {
                    more = true;
                    tasks_noted = shift.upkeep(&mut begun, tasks_noted).await;
                }
            }
            if more {
                shift.begin_due(&mut begun).await;
            }
        }
        shift.stop(begun).await;
    }
}

/// What this worker has begun and not yet seen the end of.
#[derive(Default)]
struct Begun {
    jobs: JoinSet<()>,
    leases: HashMap<Id, Claimed>,
    tasks: JoinSet<()>,
    left_some_behind: bool,
}

impl Begun {
    fn forget(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => error.id(),
        };
        self.leases.remove(&id);
    }
}

/// A worker at work.
struct Shift<A> {
    worker: Worker,
    pool: PgPool,
    clock: Clock,
    registry: Arc<Registry<A>>,
    app: A,
}

impl<A: Clone + Send + Sync + 'static> Shift<A> {
    fn lease(&self) -> TimeDelta {
        TimeDelta::from_std(self.worker.lease).unwrap_or(TimeDelta::seconds(60))
    }

    /// A handler that is not done by then is cut off, while the lease is still ours to give back.
    fn handler_limit(&self) -> Duration {
        self.worker.lease.mul_f32(0.8)
    }

    /// Fills the free places with due jobs.
    async fn begin_due(&self, begun: &mut Begun) {
        let free = self.worker.concurrency.saturating_sub(begun.jobs.len());
        if free == 0 {
            begun.left_some_behind = true;
            return;
        }
        let now = self.clock.now();
        let names = self.registry.job_names();
        let claimed = store::claim(&self.pool, &names, now, now + self.lease(), free as i64).await;
        match claimed {
            Ok(claimed) => {
                begun.left_some_behind = claimed.len() == free;
                for job in claimed {
                    let doing = begun.jobs.spawn(do_job(
                        self.pool.clone(),
                        self.clock.clone(),
                        self.registry.clone(),
                        self.app.clone(),
                        job.clone(),
                        self.handler_limit(),
                    ));
                    begun.leases.insert(doing.id(), job);
                }
            }
            Err(fault) => {
                tracing::warn!(%fault, "Could not look for due jobs; looking again shortly");
            }
        }
    }

    /// What a worker looks after once in a while: lost leases and the tasks that return.
    async fn upkeep(&self, begun: &mut Begun, tasks_noted: bool) -> bool {
        match self.look_after(begun, tasks_noted).await {
            Ok(()) => true,
            Err(fault) => {
                tracing::warn!(%fault, "Could not look after leases and tasks; looking again shortly");
                tasks_noted
            }
        }
    }

    async fn look_after(&self, begun: &mut Begun, tasks_noted: bool) -> Result<(), Fault> {
        let now = self.clock.now();
        let names = self.registry.task_names();
        if !tasks_noted {
            store::note_tasks(&self.pool, &names, now).await?;
        }
        let reclaimed = store::reclaim(&self.pool, now).await?;
        if reclaimed > 0 {
            tracing::warn!(
                reclaimed,
                "Took back {reclaimed} jobs whose worker did not finish"
            );
        }
        for turn in store::claim_tasks(&self.pool, &names, now, self.lease()).await? {
            if let Some((interval, doing)) = self.registry.task(self.app.clone(), &turn.name) {
                let (pool, clock, limit) =
                    (self.pool.clone(), self.clock.clone(), self.handler_limit());
                begun.tasks.spawn(async move {
                    let ended = in_a_cage(doing, limit).await;
                    let error = match ended {
                        Caged::Ended(outcome) => outcome.err().map(|fault| fault.to_string()),
                        Caged::TookTooLong => Some("took too long".to_owned()),
                        Caged::Panicked => Some("panicked".to_owned()),
                    };
                    end_turn(&pool, clock.now(), &turn, interval, error).await;
                });
            }
        }
        Ok(())
    }

    async fn stop(&self, mut begun: Begun) {
        let all_done = async {
            while let Some(ended) = begun.jobs.join_next_with_id().await {
                begun.forget(ended);
            }
            while begun.tasks.join_next().await.is_some() {}
        };
        if tokio::time::timeout(self.worker.grace, all_done)
            .await
            .is_ok()
        {
            return;
        }
        begun.jobs.abort_all();
        begun.tasks.abort_all();
        while begun.jobs.join_next().await.is_some() {}
        for job in begun.leases.values() {
            match store::hand_back(&self.pool, job).await {
                Ok(_) => tracing::info!(job.id, job.name, "Handed job {} back", job.id),
                Err(fault) => {
                    tracing::warn!(job.id, %fault, "Could not hand job {} back; its lease will run out", job.id);
                }
            }
        }
    }
}

async fn do_job<A: Clone + Send + Sync + 'static>(
    pool: PgPool,
    clock: Clock,
    registry: Arc<Registry<A>>,
    app: A,
    job: Claimed,
    limit: Duration,
) {
    let doing = registry.perform(app, &job.name, job.body.clone());
    let outcome = match in_a_cage(doing, limit).await {
        Caged::Ended(outcome) => outcome,
        Caged::TookTooLong => Err(Fault::broken(format!("took longer than {limit:?}")).into()),
        Caged::Panicked => Err(Fault::broken("panicked").into()),
    };
    if let Err(fault) = settle(&pool, clock.now(), &job, outcome).await {
        tracing::warn!(job.id, %fault, "Could not write down how job {} ended; its lease will run out", job.id);
    }
}

/// Writes down how a try ended.
pub(super) async fn settle(
    pool: &PgPool,
    now: DateTime<Utc>,
    job: &Claimed,
    outcome: Result<(), JobFailure>,
) -> Result<(), Fault> {
    let (ours, ending) = match outcome.map_err(|failure| failure.verdict(job.attempts)) {
        Ok(()) => (store::finish(pool, job, now).await?, "done"),
        Err(Verdict::Again { after, why }) => {
            tracing::debug!(job.id, job.name, why, "Job {} will be tried again", job.id);
            (
                store::postpone(pool, job, now + after, &why).await?,
                "again",
            )
        }
        Err(Verdict::GivenUp { why }) => {
            tracing::error!(
                job.id,
                job.name,
                job.attempts,
                why,
                "Gave up job {}",
                job.id
            );
            (store::give_up(pool, job, now, &why).await?, "given_up")
        }
    };
    let ending = if ours { ending } else { "lease_lost" };
    if !ours {
        tracing::warn!(
            job.id,
            job.name,
            "Job {} was finished too late; another try has it",
            job.id
        );
    }
    metrics::counter!("kwastage_jobs_total", "job" => job.name.clone(), "ending" => ending)
        .increment(1);
    Ok(())
}

async fn end_turn(
    pool: &PgPool,
    now: DateTime<Utc>,
    turn: &Turn,
    interval: TimeDelta,
    error: Option<String>,
) {
    if let Some(why) = &error {
        tracing::error!(
            task = turn.name,
            why,
            "The task {} failed; it returns in time",
            turn.name
        );
    }
    let finished = store::finish_task(pool, turn, now, now + interval, error.as_deref()).await;
    if let Err(fault) = finished {
        tracing::warn!(task = turn.name, %fault, "Could not write down the end of {}", turn.name);
    }
}

enum Caged<T> {
    Ended(T),
    TookTooLong,
    Panicked,
}

/// Runs a handler where neither its panic nor its slowness reaches the worker; dropped with the caller. What it had open is
/// rolled back: a transaction is never cut off while it begins ([`crate::work::begin`]).
async fn in_a_cage<T: Send + 'static>(
    doing: impl Future<Output = T> + Send + 'static,
    limit: Duration,
) -> Caged<T> {
    let handler = AbortOnDropHandle::new(tokio::spawn(doing));
    match tokio::time::timeout(limit, handler).await {
        Ok(Ok(ended)) => Caged::Ended(ended),
        Ok(Err(_)) => Caged::Panicked,
        Err(_) => Caged::TookTooLong,
    }
}

/// Wakes the worker for each notification; the poll stands in while the connection is away.
async fn listen(pool: PgPool, woken: Arc<Notify>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = listen_once(&pool, &woken).await {
            tracing::warn!(%error, "Not listening for jobs; polling until the connection is back");
            tokio::time::sleep(POLL).await;
        }
    }
}

async fn listen_once(pool: &PgPool, woken: &Notify) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen("job").await?;
    loop {
        listener.recv().await?;
        woken.notify_one();
    }
}
