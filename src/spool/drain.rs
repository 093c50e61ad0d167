//! From the spool into Postgres, once it is back.

use std::time::Duration;

use sqlx::PgPool;

use super::book::{self, Entry};
use super::report::{Report, What};
use super::{Spool, store};
use crate::emergencies::{self, EmergencyId, Raise, RaiseError};
use crate::fault::Fault;
use crate::members;
use crate::telemetry::metric;
use crate::work::{Actor, Work};

/// A Postgres that takes longer is still away.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of a report.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Drained {
    Now,
    Before,
    /// The alarm it belongs to is no case yet.
    NotYet,
}

impl Spool {
    /// Brings every report into Postgres, the first told first. Without Postgres it leaves them where they are.
    pub async fn drain(&self, pool: &PgPool) {
        let waiting: Vec<Report> =
            self.book(|book| book.waiting().map(|page| page.report.clone()).collect());
        for report in waiting {
            match tokio::time::timeout(PATIENCE, self.drain_one(pool, &report)).await {
                Ok(Ok(Drained::NotYet)) => {
                    if book::is_stale(&report, self.0.settings.clock.now()) {
                        tracing::error!(report.id = %report.id, "Gave up what was told of an alarm that never came");
                        self.done(&report, "given_up").await;
                    }
                }
                Ok(Ok(Drained::Now)) => {
                    tracing::warn!(report.id = %report.id, "Brought an emergency report from the spool into Postgres");
                    self.done(&report, "drained").await;
                }
                Ok(Ok(Drained::Before)) => self.done(&report, "drained_before").await,
                Ok(Err(fault)) if fault.is_passing() => return,
                // The others may fare better; this one is tried again at each look, and says so.
                Ok(Err(fault)) => {
                    tracing::error!(%fault, report.id = %report.id, "An emergency report stays in the spool");
                }
                Err(_elapsed) => return,
            }
        }
    }

    async fn done(&self, report: &Report, how: &'static str) {
        metric::spooled(how);
        let done = Entry::Done { report: report.id };
        // Unwritten it is drained again, and found to be there.
        if let Err(why) = self.0.writer.write(vec![done]).await {
            tracing::warn!(
                why,
                "That a report is in Postgres could not be written into the spool"
            );
        }
    }

    /// One transaction: what the report leads to, and that it has been.
    async fn drain_one(&self, pool: &PgPool, report: &Report) -> Result<Drained, Fault> {
        let now = self.0.settings.clock.now();
        let mut work = Work::begin(pool, now, Actor::Caller).await?;
        if !store::claim(work.conn(), report, now).await? {
            return Ok(Drained::Before);
        }
        let has_a_case = match &report.what {
            What::Alarm { words } => {
                self.raise(&mut work, report).await?;
                if let Some(words) = words {
                    emergencies::tell_place(&mut work, &report.msisdn, words).await?;
                }
                true
            }
            What::Kind(kind) => emergencies::tell_kind(&mut work, &report.msisdn, *kind)
                .await?
                .is_some(),
            What::Injured(injured) => {
                emergencies::tell_injured(&mut work, &report.msisdn, *injured)
                    .await?
                    .is_some()
            }
            What::Place(place) => emergencies::tell_place(&mut work, &report.msisdn, place)
                .await?
                .is_some(),
        };
        if !has_a_case {
            return Ok(Drained::NotYet);
        }
        work.commit().await?;
        Ok(Drained::Now)
    }

    async fn raise(&self, work: &mut Work, report: &Report) -> Result<(), Fault> {
        // Postgres was away when it was told: the language was a guess then.
        let known = members::caller_language(work.conn(), &report.msisdn).await?;
        let raise = Raise {
            id: EmergencyId(report.id),
            msisdn: report.msisdn.clone(),
            language: known.unwrap_or(report.language),
            at: report.at,
            duty_desk: self.0.settings.duty_phones.clone(),
            silent: report.silent,
        };
        match emergencies::raise(work, raise).await {
            Ok(_raised) => Ok(()),
            Err(RaiseError::Fault(fault)) => Err(fault),
            Err(nobody @ RaiseError::NobodyToAlert) => Err(Fault::broken(nobody.to_string())),
        }
    }
}
