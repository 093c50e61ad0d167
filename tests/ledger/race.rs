//! Many hands in one fund at once.

use kwastage::fault::Fault;
use kwastage::ledger::{self, Account, Key, PostError, Posting, Rail};
use kwastage::primitives::Money;
use kwastage::work::{Actor, Work};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::world::{balance, fill_fund, now, post, shillings, verify};

fn claim(amount: Money) -> Posting {
    Posting::of("test_reserved", Uuid::nil(), amount)
        .debit(Account::Fund(1))
        .credit(Account::InFlight(Rail::Mpesa))
        .unwrap()
}

/// A transaction that has looked at the world already, and under repeatable read goes on seeing it so.
async fn begin_at(pool: &PgPool, isolation: &str) -> Work {
    let mut work = Work::begin(pool, now(), Actor::System).await.unwrap();
    let set = format!("set transaction isolation level {isolation}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(set))
        .execute(work.conn())
        .await
        .unwrap();
    ledger::balance(work.conn(), Account::Fund(1))
        .await
        .unwrap();
    work
}

/// Tries until the answer is more than "somebody else was there first".
async fn try_to_claim(pool: &PgPool, isolation: &str, key: String) -> bool {
    for _ in 0..10_000 {
        let mut work = begin_at(pool, isolation).await;
        match ledger::post(&mut work, claim(shillings(5)), Key::of("claim", &key)).await {
            Ok(_) => {
                work.commit().await.unwrap();
                return true;
            }
            Err(PostError::Overdrawn) => return false,
            Err(PostError::Fault(fault)) if was_serialised(&fault) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("never got through");
}

fn was_serialised(fault: &Fault) -> bool {
    matches!(fault, Fault::Database(sqlx::Error::Database(refusal)) if refusal.code().as_deref() == Some("40001"))
}

#[sqlx::test]
async fn a_fund_pays_out_what_it_holds_and_not_a_shilling_more(
    options: PgPoolOptions,
    connect: PgConnectOptions,
) {
    let pool = options
        .max_connections(9)
        .connect_with(connect)
        .await
        .unwrap();
    for isolation in ["read committed", "repeatable read"] {
        fill_fund(&pool, 1, 1_000).await;
        let mut racers = JoinSet::new();
        for racer in 0..8 {
            let pool = pool.clone();
            racers.spawn(async move {
                let mut paid = 0;
                for round in 0..30 {
                    paid += i64::from(
                        try_to_claim(&pool, isolation, format!("{isolation} {racer} {round}"))
                            .await,
                    );
                }
                paid
            });
        }
        let paid: i64 = racers.join_all().await.into_iter().sum();
        assert_eq!(paid * 5, 1_000, "{isolation}");
        assert_eq!(
            balance(&pool, Account::Fund(1)).await,
            Money::ZERO,
            "{isolation}"
        );
    }
    assert!(verify(&pool).await.is_sound());
}

/// Two payouts that both saw the full fund. The gate is written, so the second cannot commit on what it saw; were it a lock alone, the
/// second would wait, see no change of the row, believe its old sum, and overdraw the fund.
#[sqlx::test]
async fn a_gate_that_is_only_locked_lets_two_through(pool: PgPool) {
    for (gate_is_written, held_after) in [(true, 40), (false, -20)] {
        if !gate_is_written {
            let source: String =
                sqlx::query_scalar("select pg_get_functiondef('ledger.apply_postings'::regproc)")
                    .fetch_one(&pool)
                    .await
                    .unwrap();
            let written = "update snapshot set gate = gate + 1 where account_id = gated";
            let locked = "perform from snapshot where account_id = gated for no key update";
            assert!(source.contains(written));
            sqlx::raw_sql(sqlx::AssertSqlSafe(source.replace(written, locked)))
                .execute(&pool)
                .await
                .unwrap();
        }
        let missing = shillings(100) - balance(&pool, Account::Fund(1)).await;
        let top_up = Posting::of("test_movement", Uuid::nil(), missing)
            .debit(Account::MpesaPaybill)
            .credit(Account::Fund(1))
            .unwrap();
        post(&pool, top_up, Key::of("top up", gate_is_written))
            .await
            .unwrap();

        let mut first = begin_at(&pool, "repeatable read").await;
        let mut second = begin_at(&pool, "repeatable read").await;
        ledger::post(
            &mut first,
            claim(shillings(60)),
            Key::of("first", gate_is_written),
        )
        .await
        .unwrap();
        first.commit().await.unwrap();
        match ledger::post(
            &mut second,
            claim(shillings(60)),
            Key::of("second", gate_is_written),
        )
        .await
        {
            Ok(_) => second.commit().await.unwrap(),
            Err(PostError::Fault(fault)) => assert!(was_serialised(&fault) && fault.is_passing()),
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!(
            balance(&pool, Account::Fund(1)).await,
            shillings(held_after),
            "gate is written: {gate_is_written}"
        );
    }
}

#[sqlx::test]
async fn everybody_s_first_payment_opens_the_fund_once(
    options: PgPoolOptions,
    connect: PgConnectOptions,
) {
    let pool = options
        .max_connections(9)
        .connect_with(connect)
        .await
        .unwrap();
    let mut payers = JoinSet::new();
    for _ in 0..8 {
        let pool = pool.clone();
        payers.spawn(async move { fill_fund(&pool, 7, 10).await });
    }
    payers.join_all().await;
    assert_eq!(balance(&pool, Account::Fund(7)).await, shillings(80));
    assert!(verify(&pool).await.is_sound());
}
