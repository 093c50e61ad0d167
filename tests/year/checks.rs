//! What must be true at the end of every month, when the last night's work is done.

use std::collections::BTreeMap;

use kwastage::ledger;
use kwastage::primitives::nairobi_date;
use kwastage::welfare::{self, Status};
use sqlx::PgPool;
use uuid::Uuid;

use crate::books::owed;
use crate::life::Life;

pub async fn everything(life: &mut Life, month: usize) {
    life.note_what_was_paid().await;
    let pool = life.app.pool.clone();
    the_ledger_is_sound(&pool, month).await;
    nothing_is_pending(&pool, month).await;
    nobody_was_prompted_twice(life, month);
    every_receipt_is_here_once(life, month).await;
    the_balances_are_those_of_our_own_book(life, month).await;
    no_wallet_is_below_nothing(&pool, month).await;
    statements_add_up(&pool, month).await;
    standings_are_those_counted_by_hand(life, month).await;
}

async fn the_ledger_is_sound(pool: &PgPool, month: usize) {
    let mut conn = pool.acquire().await.unwrap();
    let report = ledger::verify(&mut conn).await.unwrap();
    assert!(report.is_sound(), "month {month}: {report:?}");
    let sum: i64 = sqlx::query_scalar(
        "select coalesce(sum(ledger.balance_of(id)), 0)::bigint from ledger.account",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    assert_eq!(sum, 0, "month {month}: money came from nowhere");
}

/// Each of these has had a day and more: every question asked, every body read, every job done.
async fn nothing_is_pending(pool: &PgPool, month: usize) {
    let overdue = [
        "select 'obligation ' || id from obligation where state = 'open'",
        "select 'attempt ' || account_reference || ' ' || state from attempt
         where state in ('created', 'submitting', 'prompted', 'unknown')",
        "select 'evidence ' || id from evidence where applied_at is null",
        "select 'job ' || id || ' ' || name || ' ' || state from job where state in ('waiting', 'running', 'given_up')",
        "select 'member ' || id from member where number_serial is null and status = 'active' and joining_key not like 'test:%'",
        // Late money counts for another day here than there; everything else that differed must have ended.
        "select 'difference ' || id || ' ' || class || ' ' || reference || ' of ' || day from difference
         where ended_at is null and class <> 'day'",
        "select 'task ' || name || ': ' || last_error from periodic where last_error is not null",
    ];
    for sql in overdue {
        let found = told(pool, sql).await;
        assert!(found.is_empty(), "month {month}: {found:?}");
    }
}

fn nobody_was_prompted_twice(life: &Life, month: usize) {
    let provider = life.provider.lock().unwrap();
    let twice = provider.prompted_twice();
    assert!(twice.is_empty(), "month {month}: {twice:?}");
}

/// M-PESA's book and ours, receipt by receipt.
async fn every_receipt_is_here_once(life: &Life, month: usize) {
    let rows: Vec<(Option<String>, i64)> =
        sqlx::query_as("select receipt, amount_cents from inflow")
            .fetch_all(&life.app.pool)
            .await
            .unwrap();
    let mut ours = BTreeMap::new();
    for (receipt, cents) in rows {
        let receipt = receipt.unwrap_or_else(|| panic!("month {month}: {cents} without a receipt"));
        ours.insert(receipt, cents);
    }
    let theirs = life.provider.lock().unwrap().book();
    let missing = theirs
        .iter()
        .filter(|(receipt, cents)| ours.get(*receipt) != Some(cents));
    let missing: Vec<_> = missing.collect();
    assert!(missing.is_empty(), "month {month}: not here: {missing:?}");
    assert_eq!(ours.len(), theirs.len(), "month {month}: never paid");
}

async fn the_balances_are_those_of_our_own_book(life: &Life, month: usize) {
    let mut conn = life.app.pool.acquire().await.unwrap();
    for (account, cents) in life.books.accounts() {
        let held = ledger::balance(&mut conn, account.clone()).await.unwrap();
        assert_eq!(held.cents(), cents, "month {month}: {account:?}");
    }
    let in_all: i64 = life.books.accounts().map(|(_, cents)| cents.abs()).sum();
    let held: i64 = sqlx::query_scalar(
        "select coalesce(sum(abs(ledger.balance_of(id))), 0)::bigint from ledger.account",
    )
    .fetch_one(&mut *conn)
    .await
    .unwrap();
    assert_eq!(held, in_all, "month {month}: an account that nobody knows");
}

async fn no_wallet_is_below_nothing(pool: &PgPool, month: usize) {
    let below = told(
        pool,
        "select owner from ledger.account where kind in ('wallet', 'fund', 'suspense') and ledger.balance_of(id) < 0",
    );
    let below = below.await;
    assert!(below.is_empty(), "month {month}: {below:?}");
}

/// The lines that members read, summed, are what the ledger holds for them.
async fn statements_add_up(pool: &PgPool, month: usize) {
    let apart = [
        "select 'wallet ' || a.owner from ledger.account a
         left join wallet_movement w on w.member_id::text = a.owner where a.kind = 'wallet' group by a.id
         having ledger.balance_of(a.id) <> coalesce(sum(case w.direction when 'in' then w.cents else -w.cents end), 0)",
        "select 'fund ' || a.owner from ledger.account a
         left join fund_movement f on f.stage_id::text = a.owner where a.kind = 'fund' group by a.id
         having ledger.balance_of(a.id) <> coalesce(sum(case f.direction when 'in' then f.cents else -f.cents end), 0)",
        "select 'contributions of stage ' || stage_id from contribution group by stage_id
         having sum(cents) <> (select sum(cents) from fund_movement f where f.stage_id = contribution.stage_id and direction = 'in')",
        "select 'receipt of ' || payment_id from receipt group by payment_id having count(*) > 1",
    ];
    for sql in apart {
        let found = told(pool, sql).await;
        assert!(found.is_empty(), "month {month}: {found:?}");
    }
}

async fn standings_are_those_counted_by_hand(life: &Life, month: usize) {
    let today = nairobi_date(life.now());
    let mut conn = life.app.pool.acquire().await.unwrap();
    for (member, approved_on) in &life.books.approved_on {
        let member: Uuid = *member;
        let contributed = life.books.contributed.get(&member).copied().unwrap_or(0);
        let standing = welfare::standing_of(&mut conn, member, today).await;
        let standing = standing.unwrap().expect("the stage has a plan");
        let owed = owed(*approved_on, contributed, today);
        match standing.status {
            Status::Behind { by, .. } => {
                assert_eq!(by.cents(), owed, "month {month}: {member}");
            }
            Status::PaidUp { until } => {
                assert!(
                    owed <= 0 && until >= today,
                    "month {month}: {member} owes {owed}"
                );
            }
        }
    }
}

async fn told(pool: &PgPool, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(pool).await.unwrap()
}
