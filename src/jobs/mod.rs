//! What must still happen: rows enqueued in the causing transaction, claimed by workers with a lease, retried, never lost.
//!
//! A job is done at least once: a worker that dies between the deed and the tick leaves a job that another one
//! does again, so a handler's own transaction must notice that it has already been done. What returns at
//! intervals ([`Registry::every`]) looks at the state and repairs it; a missed tick never matters.

mod by_hand;
mod failure;
mod registry;
mod store;
mod worker;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;

use crate::fault::Fault;

pub use by_hand::run_due;
pub use failure::JobFailure;
pub use registry::Registry;
pub use store::{Stats, advance, forget_done, stats};
pub use worker::Worker;

/// A piece of later work: a name and the ids it is about, never a copy of the data.
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// Stable name such as `payments.push`; the worker finds the deed by it.
    const NAME: &'static str;
    /// Two jobs of one name with the same key are one job, for ever.
    fn key(&self) -> Option<String> {
        None
    }
}

pub(crate) async fn insert<J: Job>(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
    job: &J,
    due: DateTime<Utc>,
) -> Result<(), Fault> {
    let body = serde_json::to_value(job)?;
    store::insert(conn, J::NAME, job.key(), body, due, now).await
}

#[cfg(test)]
mod tests;
