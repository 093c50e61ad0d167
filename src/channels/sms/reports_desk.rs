//! Where the delivery reports of all providers are stored. A campaign brings thousands in a second, each in a request of its own.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::fault::Fault;
use crate::messages::reports::{self, Applied, Report};
use crate::work;

/// Stores reports: those that come while others are being written are written together afterwards. Nothing waits for a batch to fill.
#[derive(Clone)]
pub struct ReportsDesk(Arc<Desk>);

struct Desk {
    pool: PgPool,
    clock: Clock,
    counter: Mutex<Counter>,
}

#[derive(Default)]
struct Counter {
    waiting: Vec<Waiting>,
    is_writing: bool,
}

struct Waiting {
    report: Report,
    applied: oneshot::Sender<Result<Applied, Fault>>,
}

/// Reports in one transaction. More would keep the first of them waiting.
const TOGETHER_MAX: usize = 200;
/// A Postgres that takes longer is away. Others wait behind a batch, so there has to be an end to it.
const WRITING_PATIENCE: Duration = Duration::from_secs(10);
/// Reports that may wait. Who comes then is told to come again.
const WAITING_MAX: usize = 10_000;

impl ReportsDesk {
    pub fn new(pool: PgPool, clock: Clock) -> ReportsDesk {
        ReportsDesk(Arc::new(Desk {
            pool,
            clock,
            counter: Mutex::default(),
        }))
    }

    /// Returns when the report is on the disk. It is stored even if the caller does not wait for that.
    ///
    /// # Errors
    /// Postgres is away, or too many are waiting: the provider is to say it again.
    pub async fn store(&self, report: Report) -> Result<Applied, Fault> {
        let (applied, outcome) = oneshot::channel();
        if self.0.queue(Waiting { report, applied })? {
            tokio::spawn(write_all(Writing(self.0.clone())));
        }
        outcome
            .await
            .unwrap_or_else(|_| Err(Fault::broken("a report was not written to its end")))
    }
}

impl Desk {
    /// True when nobody is writing, and the caller has to.
    fn queue(&self, waiting: Waiting) -> Result<bool, Fault> {
        let mut counter = self.counter.lock().unwrap_or_else(PoisonError::into_inner);
        if counter.waiting.len() >= WAITING_MAX {
            return Err(Fault::broken("too many delivery reports are waiting"));
        }
        counter.waiting.push(waiting);
        Ok(!mem::replace(&mut counter.is_writing, true))
    }

    /// The next to be written; none when there is nothing left, and nobody writes any more.
    fn next(&self) -> Option<Vec<Waiting>> {
        let mut counter = self.counter.lock().unwrap_or_else(PoisonError::into_inner);
        let several = counter.waiting.len().min(TOGETHER_MAX);
        counter.is_writing = several > 0;
        (several > 0).then(|| counter.waiting.drain(..several).collect())
    }

    async fn write(&self, reports: &[Report]) -> Result<Vec<Applied>, Fault> {
        let written = async {
            let now = self.clock.now();
            let mut transaction = work::begin(&self.pool).await?;
            let applied = reports::receive_all(&mut transaction, reports, now).await?;
            transaction.commit().await?;
            Ok(applied)
        };
        tokio::time::timeout(WRITING_PATIENCE, written)
            .await
            .unwrap_or_else(|_| Err(away()))
    }

    /// After the `fault` of all together: one that cannot be stored must not hold up the others. With Postgres away that is
    /// not found out for each of them.
    async fn write_each(&self, reports: &[Report], fault: Fault) -> Vec<Result<Applied, Fault>> {
        tracing::warn!(%fault, reports = reports.len(), "Could not store delivery reports together");
        let mut is_away = fault.is_passing();
        let mut outcomes = Vec::with_capacity(reports.len());
        for report in reports {
            let outcome = match is_away || reports.len() == 1 {
                true => Err(away()),
                false => self.write(std::slice::from_ref(report)).await,
            };
            is_away |= outcome.as_ref().is_err_and(Fault::is_passing);
            outcomes.push(outcome.map(|applied| applied[0]));
        }
        outcomes
    }
}

/// A Postgres that does not answer in time is as good as none.
fn away() -> Fault {
    Fault::Database(sqlx::Error::PoolTimedOut)
}

/// The right to write. It ends with the last report, or here in a panic: the next who comes shall write again.
struct Writing(Arc<Desk>);

impl Drop for Writing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut counter = self
                .0
                .counter
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            counter.is_writing = false;
        }
    }
}

async fn write_all(writing: Writing) {
    let desk = &writing.0;
    while let Some(batch) = desk.next() {
        let (reports, asking): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|waiting| (waiting.report, waiting.applied))
            .unzip();
        let outcomes = match desk.write(&reports).await {
            Ok(applied) => applied.into_iter().map(Ok).collect(),
            Err(fault) => desk.write_each(&reports, fault).await,
        };
        for (asked, outcome) in asking.into_iter().zip(outcomes) {
            // Who has hung up is not told.
            let _ = asked.send(outcome);
        }
    }
}
