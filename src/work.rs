//! One deed's open transaction, its time, and who asks. Nothing else rides along.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

use crate::events::{self, Event};
use crate::fault::Fault;
use crate::jobs::{self, Job};

/// Who is behind a deed, for the event trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// A member on the phone.
    Member { id: Uuid },
    /// A caller who is not a member (yet).
    Caller,
    /// Somebody at the command line or the API.
    Staff { name: String },
    /// A job or a provider's evidence.
    System,
}

/// The open transaction of one deed.
///
/// Only edges begin and commit; a deed takes `&mut Work` and leaves rows, events and jobs in it. Dropped
/// without [`Work::commit`], it leaves nothing.
pub struct Work {
    transaction: Transaction<'static, Postgres>,
    pub now: DateTime<Utc>,
    pub actor: Actor,
}

impl Work {
    /// Opens the transaction.
    pub async fn begin(pool: &PgPool, now: DateTime<Utc>, actor: Actor) -> Result<Work, Fault> {
        Ok(Work {
            transaction: pool.begin().await?,
            now,
            actor,
        })
    }

    /// For the SQL of a store.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// Writes what has happened into the history, in this transaction.
    pub async fn record<E: Event>(&mut self, event: E) -> Result<(), Fault> {
        events::append(&mut self.transaction, self.now, &self.actor, &event).await
    }

    /// Writes down what must still happen, due now.
    pub async fn enqueue<J: Job>(&mut self, job: J) -> Result<(), Fault> {
        let due = self.now;
        self.enqueue_at(job, due).await
    }

    /// Writes down what must still happen, not before `due`. A second job with the same [`Job::key`] is dropped.
    pub async fn enqueue_at<J: Job>(&mut self, job: J, due: DateTime<Utc>) -> Result<(), Fault> {
        jobs::insert(&mut self.transaction, self.now, &job, due).await
    }

    /// Makes all of it true at once. Dropping the work instead undoes it.
    pub async fn commit(self) -> Result<(), Fault> {
        Ok(self.transaction.commit().await?)
    }
}
