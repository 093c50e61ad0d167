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
            transaction: begin(pool).await?,
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

/// Opens a transaction; whoever is cut off while waiting for it leaves none open.
///
/// The driver notes a transaction only once Postgres has answered `begin`. Dropped before that, it would give its connection
/// back to the pool inside a transaction, and the next deed's commit would not be the end of it. So the answer is awaited in
/// a task of its own: a transaction that nobody waits for any more is dropped whole, and that rolls it back.
pub async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, Fault> {
    let pool = pool.clone();
    match tokio::spawn(async move { pool.begin().await }).await {
        Ok(begun) => Ok(begun?),
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Fault::broken("stopped before the transaction began")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::ConnectOptions;
    use sqlx::postgres::PgPoolOptions;

    /// Whoever is cut off is cut off anywhere: after each number of turns that beginning may take.
    #[sqlx::test]
    async fn cut_off_while_beginning_it_leaves_no_transaction_open(pool: PgPool) {
        let one = PgPoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .connect_with(pool.connect_options().as_ref().clone())
            .await
            .unwrap();
        let mut onlooker = pool.connect_options().connect().await.unwrap();
        for turns in 0..40 {
            let patience = async {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                biased;
                () = patience => {}
                begun = Work::begin(&one, Utc::now(), Actor::System) => drop(begun.unwrap()),
            }
            // Waits until the only connection is back.
            drop(one.acquire().await.unwrap());
            let left_open: i64 = sqlx::query_scalar(
                "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'",
            )
            .fetch_one(&mut onlooker)
            .await
            .unwrap();
            assert_eq!(left_open, 0, "cut off after {turns} turns");
        }
    }
}
