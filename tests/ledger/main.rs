//! The ledger against a real Postgres: what it does, what it refuses, and whether the refusals have teeth.

mod attacks;
mod fuzz;
mod race;
mod roles;
mod tails;
mod world;

use kwastage::ledger::{self, Account, JournalId, Key, PostError, Posting, Rail, Report, postings};
use kwastage::primitives::Money;
use sqlx::PgPool;
use uuid::Uuid;

use world::{balance, begin, fill_fund, post, shillings, verify};

#[sqlx::test]
async fn what_comes_in_stands_on_both_sides(pool: PgPool) {
    let (payment, member) = (Uuid::now_v7(), Uuid::now_v7());
    for posting in [
        postings::contribution_received(payment, 101, shillings(200)),
        postings::registration_fee_received(payment, shillings(300)),
        postings::unallocated_received(payment, shillings(50)),
        postings::wallet::wallet_topped_up(payment, member, shillings(500)),
        postings::payouts::support_held(payment, 101, shillings(150)),
    ] {
        let posting = posting.unwrap();
        let key = Key::of("test", posting.kind());
        assert!(post(&pool, posting, key).await.unwrap().fresh);
    }
    for (account, holds) in [
        (Account::Fund(101), 50),
        (Account::FeeIncome, 300),
        (Account::Suspense, 50),
        (Account::Wallet(member), 500),
        (Account::MpesaPaybill, -1050),
        // Held for a payout: M-PESA has not paid it yet.
        (Account::InFlight(Rail::Mpesa), 150),
        (Account::Fund(102), 0),
        (Account::Wallet(payment), 0),
    ] {
        assert_eq!(
            balance(&pool, account.clone()).await,
            shillings(holds),
            "{account:?}"
        );
    }
    assert!(verify(&pool).await.is_sound());
}

#[sqlx::test]
async fn unallocated_money_is_allocated_once(pool: PgPool) {
    let payment = Uuid::now_v7();
    let received = postings::unallocated_received(payment, shillings(50)).unwrap();
    let received = post(&pool, received, Key::of("payment", payment))
        .await
        .unwrap()
        .journal;
    let allocated = |stage| {
        Posting::of("test_allocated", payment, shillings(50))
            .debit(Account::Suspense)
            .credit(Account::Fund(stage))
            .unwrap()
            .resolving(received)
    };
    post(&pool, allocated(101), Key::of("allocation", "first"))
        .await
        .unwrap();
    // There is other money in suspense, which must not make the second allocation possible.
    post(
        &pool,
        postings::unallocated_received(payment, shillings(50)).unwrap(),
        Key::of("payment", "other"),
    )
    .await
    .unwrap();
    let again = post(&pool, allocated(102), Key::of("allocation", "second")).await;
    assert!(
        matches!(again, Err(PostError::AlreadyResolved)),
        "{again:?}"
    );
    assert_eq!(balance(&pool, Account::Fund(101)).await, shillings(50));
    assert_eq!(balance(&pool, Account::Suspense).await, shillings(50));
}

#[sqlx::test]
async fn a_journal_of_several_legs_is_one_journal(pool: PgPool) {
    fill_fund(&pool, 1, 1_000).await;
    let split = Posting::of("test_movement", Uuid::nil(), shillings(100))
        .debit(Account::Fund(1))
        .credit(Account::Fund(2))
        .unwrap()
        .and(shillings(30))
        .debit(Account::Fund(1))
        .credit(Account::GeneralFund)
        .unwrap();
    let first = post(&pool, split.clone(), Key::of("test", "split"))
        .await
        .unwrap();
    let again = post(&pool, split, Key::of("test", "split")).await.unwrap();
    assert_eq!((first.journal, false), (again.journal, again.fresh));
    assert_eq!(balance(&pool, Account::Fund(1)).await, shillings(870));
    assert_eq!(balance(&pool, Account::Fund(2)).await, shillings(100));
    assert_eq!(balance(&pool, Account::GeneralFund).await, shillings(30));
    let legs: i64 = sqlx::query_scalar("select count(*) from ledger.posting where journal_id = $1")
        .bind(first.journal.0)
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(legs, 2);
}

#[sqlx::test]
async fn the_book_reads_one_line_per_posting(pool: PgPool) {
    fill_fund(&pool, 101, 1_500).await;
    let split = Posting::of("test_movement", Uuid::nil(), shillings(100))
        .debit(Account::Fund(101))
        .credit(Account::GeneralFund)
        .unwrap()
        .and(Money::from_cents(3_050))
        .debit(Account::Fund(101))
        .credit(Account::Wallet(Uuid::nil()))
        .unwrap();
    let split = post(&pool, split, Key::of("test", "split"))
        .await
        .unwrap()
        .journal;
    let mut conn = pool.acquire().await.unwrap();
    let first = ledger::lines_after(&mut conn, JournalId(0)).await.unwrap();
    let shown: Vec<String> = first
        .iter()
        .map(|line| line.to_string().split_once(' ').unwrap().1.to_owned())
        .collect();
    assert_eq!(
        shown,
        [
            "contribution_received: KES 1,500 from mpesa_paybill to fund 101",
            "test_movement: KES 100 from fund 101 to general_fund",
            "test_movement: KES 30.50 from fund 101 to wallet 00000000-0000-0000-0000-000000000000",
        ]
    );
    assert_eq!(
        ledger::lines_after(&mut conn, first[0].journal)
            .await
            .unwrap()
            .len(),
        2
    );
    assert_eq!(ledger::lines_after(&mut conn, split).await.unwrap(), []);
}

#[sqlx::test]
async fn a_repeat_is_an_answer_and_another_body_a_refusal(pool: PgPool) {
    let payment = Uuid::now_v7();
    let posting = |stage, amount| postings::contribution_received(payment, stage, amount).unwrap();
    let key = || Key::of("payment", payment);
    let first = post(&pool, posting(101, shillings(200)), key())
        .await
        .unwrap();
    let again = post(&pool, posting(101, shillings(200)), key())
        .await
        .unwrap();
    assert_eq!((again.journal, again.fresh), (first.journal, false));

    let two_legs = posting(101, shillings(200))
        .and(shillings(1))
        .debit(Account::MpesaPaybill)
        .credit(Account::Fund(101))
        .unwrap();
    for (what, other) in [
        ("another amount", posting(101, shillings(201))),
        ("another fund", posting(102, shillings(200))),
        (
            "another kind",
            postings::unallocated_received(payment, shillings(200)).unwrap(),
        ),
        (
            "another cause",
            postings::contribution_received(Uuid::nil(), 101, shillings(200)).unwrap(),
        ),
        ("another leg", two_legs),
        (
            "something to resolve",
            posting(101, shillings(200)).resolving(first.journal),
        ),
    ] {
        let refused = post(&pool, other, key()).await;
        assert!(
            matches!(refused, Err(PostError::KeyReused)),
            "{what}: {refused:?}"
        );
    }
    assert!(
        post(
            &pool,
            posting(101, shillings(200)),
            Key::of("other", payment)
        )
        .await
        .unwrap()
        .fresh,
        "a scope is part of the key"
    );
    assert_eq!(balance(&pool, Account::Fund(101)).await, shillings(400));
    assert!(verify(&pool).await.is_sound());
}

#[sqlx::test]
async fn a_twin_waits_and_then_is_a_repeat(pool: PgPool) {
    let payment = Uuid::now_v7();
    let posting = || postings::contribution_received(payment, 101, shillings(200)).unwrap();
    let mut first = begin(&pool).await;
    ledger::post(&mut first, posting(), Key::of("payment", payment))
        .await
        .unwrap();
    let twin = tokio::spawn({
        let (pool, posting) = (pool.clone(), posting());
        async move {
            post(&pool, posting, Key::of("payment", payment))
                .await
                .unwrap()
                .fresh
        }
    });
    world::somebody_waits_for_a_lock(&pool).await;
    first.commit().await.unwrap();
    assert!(!twin.await.unwrap());
    assert_eq!(balance(&pool, Account::Fund(101)).await, shillings(200));
}

#[sqlx::test]
async fn nothing_is_posted_by_a_deed_that_does_not_commit(pool: PgPool) {
    let payment = Uuid::now_v7();
    let posting = || postings::contribution_received(payment, 101, shillings(200)).unwrap();
    let mut work = begin(&pool).await;
    ledger::post(&mut work, posting(), Key::of("payment", payment))
        .await
        .unwrap();
    drop(work);
    assert_eq!(balance(&pool, Account::Fund(101)).await, Money::ZERO);
    assert!(
        post(&pool, posting(), Key::of("payment", payment))
            .await
            .unwrap()
            .fresh
    );
}

#[sqlx::test]
async fn nobody_spends_what_is_not_there(pool: PgPool) {
    let member = Uuid::now_v7();
    post(
        &pool,
        postings::wallet::wallet_topped_up(member, member, shillings(100)).unwrap(),
        Key::of("test", "in"),
    )
    .await
    .unwrap();
    fill_fund(&pool, 101, 100).await;
    for purse in [
        Account::Wallet(member),
        Account::Fund(101),
        Account::Suspense,
        Account::InFlight(Rail::Mpesa),
    ] {
        let held = balance(&pool, purse.clone()).await;
        let out = |amount| {
            Posting::of("test_movement", member, amount)
                .debit(purse.clone())
                .credit(Account::GeneralFund)
                .unwrap()
        };
        let refused = post(
            &pool,
            out(held + Money::from_cents(1)),
            Key::of("test", format!("{purse:?} too much")),
        )
        .await;
        assert!(
            matches!(refused, Err(PostError::Overdrawn)),
            "{purse:?}: {refused:?}"
        );
        if held.is_positive() {
            post(&pool, out(held), Key::of("test", format!("{purse:?} all")))
                .await
                .unwrap();
        }
        assert_eq!(balance(&pool, purse).await, Money::ZERO);
    }
    assert!(verify(&pool).await.is_sound());
}

#[sqlx::test]
async fn a_reservation_is_in_flight_until_it_is_resolved(pool: PgPool) {
    fill_fund(&pool, 101, 500).await;
    let in_flight = Account::InFlight(Rail::Mpesa);
    let reserve = Posting::of("test_reserved", Uuid::nil(), shillings(200))
        .debit(Account::Fund(101))
        .credit(in_flight.clone())
        .unwrap();
    let reserved = post(&pool, reserve, Key::of("test", "reserve"))
        .await
        .unwrap()
        .journal;
    assert!(
        verify(&pool).await.is_sound(),
        "open: {:?}",
        verify(&pool).await
    );

    // Settled without saying what it settles: the money in flight is no longer the open reservations.
    let settle = Posting::of("test_settled", Uuid::nil(), shillings(200))
        .debit(in_flight)
        .credit(Account::MpesaPaybill)
        .unwrap();
    let mut work = begin(&pool).await;
    ledger::post(&mut work, settle.clone(), Key::of("test", "settle"))
        .await
        .unwrap();
    assert_eq!(
        ledger::verify(work.conn()).await.unwrap(),
        Report {
            unexplained_in_flight: 1,
            ..Report::default()
        }
    );
    drop(work);

    post(&pool, settle.resolving(reserved), Key::of("test", "settle"))
        .await
        .unwrap();
    assert!(
        verify(&pool).await.is_sound(),
        "settled: {:?}",
        verify(&pool).await
    );
}
