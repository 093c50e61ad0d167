//! The journal of hops, written in batches beside the hot path.
//!
//! A full queue drops hops and counts them: the journal must never slow a rider.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;

use super::SessionId;
use crate::fault::Fault;
use crate::primitives::Msisdn;
use crate::telemetry::metric;

/// Hops held while the database is slow: at 2,000 a second, five seconds' worth.
const QUEUE: usize = 10_000;
const BATCH: usize = 500;
/// Short, because a session that is rebuilt reads the journal.
const GATHER: Duration = Duration::from_millis(100);
/// Before a batch that could not be written is tried again.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];

/// One hop as it is kept: the input only as far as it is not secret or private.
#[derive(Debug)]
pub struct Hop {
    pub session: SessionId,
    pub step: u16,
    pub msisdn: Msisdn,
    pub at: DateTime<Utc>,
    pub network: Option<String>,
    /// The menus' digest.
    pub menus: [u8; 8],
    pub screen: String,
    pub heard: Option<String>,
    pub outcome: HopOutcome,
    pub duration: Duration,
}

/// How a hop ended for the rider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopOutcome {
    Shown,
    /// The stored answer, once more.
    Repeated,
    /// The session was lost and rebuilt from its transcript.
    Rebuilt,
    /// The input was not understood; the same screen again.
    Missed,
    Ended,
    /// Out of step, or another phone's session.
    Refused,
    /// A dependency was away.
    Failed,
}

impl HopOutcome {
    pub fn name(self) -> &'static str {
        match self {
            HopOutcome::Shown => "shown",
            HopOutcome::Repeated => "repeated",
            HopOutcome::Rebuilt => "rebuilt",
            HopOutcome::Missed => "missed",
            HopOutcome::Ended => "ended",
            HopOutcome::Refused => "refused",
            HopOutcome::Failed => "failed",
        }
    }
}

enum Entry {
    Hop(Box<Hop>),
    /// Answered when everything before it is on disk.
    Flush(oneshot::Sender<()>),
}

/// The writing end, one per process.
#[derive(Clone)]
pub struct Journal(Sender<Entry>);

impl Journal {
    /// Starts the writer. It ends, having written everything, when the last `Journal` is dropped.
    pub fn start(pool: PgPool) -> Journal {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(write_batches(pool, receiver));
        Journal(sender)
    }

    pub fn note(&self, hop: Hop) {
        if self.0.try_send(Entry::Hop(Box::new(hop))).is_err() {
            metric::hops_not_journalled(1);
        }
    }

    /// Waits until everything noted so far is written, or was given up.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.0.send(Entry::Flush(done)).await.is_ok() {
            let _ = written.await;
        }
    }
}

async fn write_batches(pool: PgPool, mut entries: Receiver<Entry>) {
    let mut batch: Vec<Hop> = Vec::with_capacity(BATCH);
    let mut flushed = Vec::new();
    while let Some(entry) = entries.recv().await {
        let deadline = tokio::time::Instant::now() + GATHER;
        let mut next = Some(entry);
        while let Some(entry) = next.take() {
            match entry {
                Entry::Hop(hop) => batch.push(*hop),
                Entry::Flush(done) => flushed.push(done),
            }
            if batch.len() < BATCH && flushed.is_empty() {
                next = tokio::time::timeout_at(deadline, entries.recv())
                    .await
                    .ok()
                    .flatten();
            }
        }
        write_or_give_up(&pool, &batch).await;
        batch.clear();
        flushed.drain(..).for_each(|done: oneshot::Sender<()>| {
            let _ = done.send(());
        });
    }
}

/// A database that stumbles is given a second; the queue holds what comes meanwhile.
async fn write_or_give_up(pool: &PgPool, batch: &[Hop]) {
    for pause in PAUSES {
        let Err(fault) = write(pool, batch).await else {
            return;
        };
        tracing::warn!(%fault, hops = batch.len(), "The journal of hops could not be written yet");
        tokio::time::sleep(pause).await;
    }
    if let Err(fault) = write(pool, batch).await {
        metric::hops_not_journalled(batch.len() as u64);
        tracing::warn!(%fault, hops = batch.len(), "The journal of hops could not be written");
    }
}

async fn write(pool: &PgPool, batch: &[Hop]) -> Result<(), Fault> {
    if batch.is_empty() {
        return Ok(());
    }
    let column = |pick: fn(&Hop) -> &str| batch.iter().map(pick).collect::<Vec<_>>();
    sqlx::query!(
        "insert into hop (session_id, step, msisdn, at, network, menus, screen, heard, outcome, duration_us)
         select * from unnest($1::text[], $2::smallint[], $3::text[], $4::timestamptz[], $5::text[], $6::bytea[],
                              $7::text[], $8::text[], $9::text[], $10::integer[])",
        &column(|hop| hop.session.as_str()) as &[&str],
        &batch.iter().map(|hop| hop.step as i16).collect::<Vec<_>>(),
        &column(|hop| hop.msisdn.digits()) as &[&str],
        &batch.iter().map(|hop| hop.at).collect::<Vec<_>>(),
        &batch.iter().map(|hop| hop.network.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &batch.iter().map(|hop| hop.menus.as_slice()).collect::<Vec<_>>() as &[&[u8]],
        &column(|hop| &hop.screen) as &[&str],
        &batch.iter().map(|hop| hop.heard.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &column(|hop| hop.outcome.name()) as &[&str],
        &batch.iter().map(|hop| i32::try_from(hop.duration.as_micros()).unwrap_or(i32::MAX)).collect::<Vec<_>>(),
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Forgets hops journalled before `before`, at most 5,000 at a time; returns how many.
pub async fn forget_hops(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, Fault> {
    let forgotten = sqlx::query!(
        "delete from hop where id in (select id from hop where at < $1 limit 5000)",
        before
    )
    .execute(conn)
    .await?;
    Ok(forgotten.rows_affected())
}
