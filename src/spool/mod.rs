//! Alarms that Postgres could not take: on this machine's disk before anybody is told, told to the on-call phones at
//! once, and made a case of, once, as soon as Postgres is back.
//!
//! It stands beside the outside clients and not among the emergencies: it calls a provider itself, because the outbox it
//! would otherwise use is a table. A process keeps one file in the configured folder and holds its lock while it lives; the
//! files of dead processes are taken over by any gateway of the same machine. A report keeps its id on every way it may
//! take, and the row of `spooled_report` is written with what it leads to: a crash at any point leaves one case.

mod alerting;
mod book;
mod drain;
mod files;
mod frame;
mod report;
mod store;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::messages::Templates;
use crate::primitives::Msisdn;
use crate::telemetry::metric;

pub use alerting::Provider;
pub use report::{Channel, Report, What};

use alerting::Tries;
use book::{Book, Entry};
use writer::Writer;

/// How long somebody in trouble waits for the disk. A disk that is slower is as good as none: they are told whom to call.
const DISK_PATIENCE: Duration = Duration::from_millis(400);
/// The state is looked at this often even if nothing is heard: for files left behind, and for a Postgres that is back.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a spool works with.
pub struct Settings {
    /// The folder of the files; made when it is first needed.
    pub folder: PathBuf,
    /// Who is alerted. Never empty: see the configuration.
    pub duty_phones: Vec<Msisdn>,
    pub templates: Arc<Templates>,
    /// Asked one after the other until one has the alert.
    pub providers: Vec<Provider>,
    pub clock: Clock,
}

/// One process's spool. Cheap to clone.
#[derive(Clone)]
pub struct Spool(Arc<Means>);

struct Means {
    settings: Settings,
    writer: Writer,
    tries: Tries,
    /// Counts what was taken, so that whoever looks after it need not wait for the next look.
    taken: watch::Sender<u64>,
}

/// The report may be lost with this process.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    #[error("the spool cannot be written: {0}")]
    Disk(String),
    #[error("the disk did not answer in time")]
    TooSlow,
}

impl Spool {
    /// Touches nothing yet.
    pub fn new(settings: Settings) -> Spool {
        Spool(Arc::new(Means {
            writer: Writer::start(settings.folder.clone()),
            tries: Tries::default(),
            taken: watch::Sender::new(0),
            settings,
        }))
    }

    /// Makes the folder and this process's file, so that a gateway that could keep nothing does not start.
    pub async fn open(&self) -> Result<(), NotKept> {
        self.0.writer.write(Vec::new()).await.map_err(NotKept::Disk)
    }

    /// Takes a report. When this returns without an error it outlives the process, and the on-call phones are being
    /// alerted. A report that could not be kept is alerted and raised all the same, for as long as the process lives.
    /// The same id again changes nothing, and neither does a phone that presses again at once.
    pub async fn take_report(&self, report: Report) -> Result<(), NotKept> {
        if self.book(|book| book.keeps(report.id) || book.covers(&report)) {
            return Ok(());
        }
        tracing::error!(report.id = %report.id, channel = report.channel.as_str(), "Postgres is away: an emergency goes to the spool");
        let written = self.0.writer.write(vec![Entry::Taken(report)]);
        let kept = match tokio::time::timeout(DISK_PATIENCE, written).await {
            Ok(written) => written.map_err(NotKept::Disk),
            Err(_elapsed) => Err(NotKept::TooSlow),
        };
        metric::spooled(if kept.is_ok() { "kept" } else { "not_kept" });
        self.0.taken.send_modify(|taken| *taken += 1);
        kept
    }

    /// This phone has raised an alarm that is not a case yet.
    pub fn holds_alarm_of(&self, msisdn: &Msisdn) -> bool {
        self.book(|book| book.alarm_of(msisdn).is_some())
    }

    /// Reports that have not reached Postgres.
    pub fn waiting(&self) -> usize {
        self.book(|book| book.waiting().count())
    }

    /// Whom a person in trouble may call themselves, as people write numbers.
    pub fn number_to_call(&self) -> String {
        let first = self.0.settings.duty_phones.first();
        first.map_or_else(|| "999".to_owned(), Msisdn::national)
    }

    /// Looks after what is in the spool until `stop`: alerts and drains, neither waiting for the other.
    pub async fn run(self, pool: PgPool, stop: CancellationToken) {
        let alerting = async {
            let mut taken = self.0.taken.subscribe();
            loop {
                self.alert().await;
                self.next_look(&mut taken).await;
            }
        };
        let draining = async {
            let mut taken = self.0.taken.subscribe();
            loop {
                self.take_over().await;
                self.drain(&pool).await;
                self.next_look(&mut taken).await;
            }
        };
        stop.run_until_cancelled(async { tokio::join!(alerting, draining) })
            .await;
    }

    async fn next_look(&self, taken: &mut watch::Receiver<u64>) {
        metric::queue_depth("spool", self.waiting() as u64);
        let _ = tokio::time::timeout(LOOK_EVERY, taken.changed()).await;
    }

    /// Takes what dead processes of this machine have left behind.
    pub async fn take_over(&self) {
        match self.0.writer.take_over().await {
            Ok(0) => {}
            Ok(taken) => {
                tracing::warn!(
                    taken,
                    "Took over emergency reports of a process that is gone"
                );
                self.0.taken.send_modify(|known| *known += 1);
            }
            Err(why) => tracing::error!(why, "The spool's folder cannot be looked into"),
        }
    }

    fn book<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.0.writer.book())
    }
}

#[cfg(test)]
mod tests;
