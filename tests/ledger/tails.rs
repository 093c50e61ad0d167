//! Snapshots and tails: folding changes no balance, whatever is still open while it happens.

use kwastage::ledger::{self, Account, Key, Posting, postings};
use sqlx::PgPool;
use uuid::Uuid;

use crate::world::{balance, begin, fill_fund, post, shillings, verify};

/// Gives fund 1 a tail of 1,024 postings of one shilling.
async fn long_tail(pool: &PgPool) {
    for round in 0..16 {
        let leg = |begun: Option<Posting>| match begun {
            None => Posting::of("test_movement", Uuid::nil(), shillings(1)),
            Some(posting) => posting.and(shillings(1)),
        };
        let mut posting = None;
        for _ in 0..64 {
            posting = Some(
                leg(posting)
                    .debit(Account::MpesaPaybill)
                    .credit(Account::Fund(1))
                    .unwrap(),
            );
        }
        post(pool, posting.unwrap(), Key::of("tail", round))
            .await
            .unwrap();
    }
}

async fn tail_of(pool: &PgPool, account: &Account) -> i64 {
    sqlx::query_scalar(
        "select count(*) from ledger.account a join ledger.snapshot s on s.account_id = a.id
         join ledger.posting p on (p.credit_id = a.id or p.debit_id = a.id) and p.xid >= s.upto
         where a.kind = $1 and a.owner = $2",
    )
    .bind(account.kind())
    .bind(account.owner())
    .fetch_one(pool)
    .await
    .unwrap()
}

/// Rolls until this account's tail is short. The horizon is the whole cluster's: a test in another database may hold it for a while.
async fn roll_until_short(pool: &PgPool, account: Account) {
    for _ in 0..5_000 {
        ledger::roll_due(pool).await.unwrap();
        if tail_of(pool, &account).await < 1_000 {
            return;
        }
    }
    panic!("the tail of {account:?} stays long");
}

#[sqlx::test]
async fn a_long_tail_is_folded_and_a_short_one_left(pool: PgPool) {
    fill_fund(&pool, 1, 10).await;
    assert_eq!(ledger::roll_due(&pool).await.unwrap(), 0);
    assert_eq!(tail_of(&pool, &Account::Fund(1)).await, 1);
    long_tail(&pool).await;
    assert_eq!(tail_of(&pool, &Account::Fund(1)).await, 1_025);
    for account in [Account::Fund(1), Account::MpesaPaybill] {
        roll_until_short(&pool, account).await;
    }
    assert_eq!(balance(&pool, Account::Fund(1)).await, shillings(1_034));
    assert_eq!(
        balance(&pool, Account::MpesaPaybill).await,
        shillings(-1_034)
    );
    assert_eq!(ledger::roll_due(&pool).await.unwrap(), 0);
    assert!(verify(&pool).await.is_sound());
}

/// The transaction that began first commits last: a watermark of ids or times would step over it, and lose its money.
#[sqlx::test]
async fn a_posting_that_commits_late_is_not_stepped_over(pool: PgPool) {
    fill_fund(&pool, 1, 10).await;
    let mut slow = begin(&pool).await;
    let payment = Uuid::now_v7();
    let posting = postings::contribution_received(payment, 1, shillings(700)).unwrap();
    ledger::post(&mut slow, posting, Key::of("payment", payment))
        .await
        .unwrap();
    long_tail(&pool).await;
    ledger::roll_due(&pool).await.unwrap();
    assert_eq!(balance(&pool, Account::Fund(1)).await, shillings(1_034));
    slow.commit().await.unwrap();
    assert_eq!(balance(&pool, Account::Fund(1)).await, shillings(1_734));
    roll_until_short(&pool, Account::Fund(1)).await;
    assert_eq!(balance(&pool, Account::Fund(1)).await, shillings(1_734));
    assert!(verify(&pool).await.is_sound());
}

#[sqlx::test]
async fn folding_does_not_wait_for_a_payout(pool: PgPool) {
    fill_fund(&pool, 1, 10).await;
    long_tail(&pool).await;
    let mut payout = begin(&pool).await;
    let paid = postings::payouts::support_held(Uuid::nil(), 1, shillings(500)).unwrap();
    ledger::post(&mut payout, paid, Key::of("test", "payout"))
        .await
        .unwrap();
    roll_until_short(&pool, Account::MpesaPaybill).await;
    assert!(
        tail_of(&pool, &Account::Fund(1)).await > 1_000,
        "the fund another time"
    );
    payout.commit().await.unwrap();
    roll_until_short(&pool, Account::Fund(1)).await;
    assert_eq!(balance(&pool, Account::Fund(1)).await, shillings(534));
}

/// Restored into a cluster that has counted fewer transactions, every new posting would fall below the watermark.
#[sqlx::test]
async fn a_ledger_from_another_cluster_refuses_to_lose_money(pool: PgPool) {
    fill_fund(&pool, 1, 10).await;
    sqlx::query(
        "update ledger.snapshot set upto = '99999999999', posted = ledger.balance_of(account_id)",
    )
    .execute(&pool)
    .await
    .unwrap();
    let posting = || postings::contribution_received(Uuid::nil(), 1, shillings(5)).unwrap();
    let refused = post(&pool, posting(), Key::of("test", "in")).await;
    assert!(
        format!("{refused:?}").contains("watermarks come from another cluster"),
        "{refused:?}"
    );
    assert_eq!(verify(&pool).await.foreign_watermarks, 2);

    sqlx::query("select ledger.rewind()")
        .execute(&pool)
        .await
        .unwrap();
    assert!(
        post(&pool, posting(), Key::of("test", "in"))
            .await
            .unwrap()
            .fresh
    );
    assert_eq!(balance(&pool, Account::Fund(1)).await, shillings(15));
    assert!(verify(&pool).await.is_sound());
}
