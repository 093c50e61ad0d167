//! A ledger under test, and short ways to speak to it.

use chrono::{DateTime, Utc};
use kwastage::ledger::{self, Account, Key, PostError, Posted, Posting, Report, postings};
use kwastage::primitives::Money;
use kwastage::work::{Actor, Work};
use sqlx::PgPool;
use uuid::Uuid;

pub fn shillings(amount: i64) -> Money {
    Money::from_shillings(amount)
}

pub fn now() -> DateTime<Utc> {
    "2026-11-20T09:00:00Z".parse().unwrap()
}

pub async fn begin(pool: &PgPool) -> Work {
    Work::begin(pool, now(), Actor::System).await.unwrap()
}

/// One posting in a transaction of its own.
pub async fn post(pool: &PgPool, posting: Posting, key: Key) -> Result<Posted, PostError> {
    let mut work = begin(pool).await;
    let posted = ledger::post(&mut work, posting, key).await?;
    work.commit().await?;
    Ok(posted)
}

pub async fn fill_fund(pool: &PgPool, stage: i32, amount: i64) {
    let payment = Uuid::now_v7();
    let posting = postings::contribution_received(payment, stage, shillings(amount)).unwrap();
    post(pool, posting, Key::of("payment", payment))
        .await
        .unwrap();
}

pub async fn balance(pool: &PgPool, account: Account) -> Money {
    ledger::balance(&mut pool.acquire().await.unwrap(), account)
        .await
        .unwrap()
}

pub async fn verify(pool: &PgPool) -> Report {
    ledger::verify(&mut pool.acquire().await.unwrap())
        .await
        .unwrap()
}

/// Returns once a session of this database waits for another's lock.
pub async fn somebody_waits_for_a_lock(pool: &PgPool) {
    let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    for _ in 0..10_000 {
        let found: i64 = sqlx::query_scalar(waiting).fetch_one(pool).await.unwrap();
        if found > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("nobody came to wait");
}
