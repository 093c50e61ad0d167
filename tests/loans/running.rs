//! Loans that run: repayments, the daily round, in duplum, losses.

use chrono::TimeDelta;
use kwastage::ledger::Account;
use kwastage::loans::{self, DecideError, GuaranteeState, LoanNumber, RepayError, StageWord};
use kwastage::primitives::Money;
use kwastage::wallet::{self, SpendError};
use kwastage::work::{Actor, Work};
use sqlx::PgPool;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::world::{World, friday, limits, rules, shillings, staff};

#[sqlx::test]
async fn a_repayment_told_twice_or_at_once_counts_once(pool: PgPool) {
    let world = World::new(pool).await;
    let (loan, _) = world.lent(4_000).await;
    let id = Uuid::now_v7();
    let mut hands = JoinSet::new();
    for _ in 0..8 {
        let (pool, amina) = (world.pool.clone(), world.amina);
        hands.spawn(async move {
            let mut work = Work::begin(&pool, friday(), Actor::System).await.unwrap();
            loans::repay_from_wallet(&mut work, limits(), amina, id, shillings(1_000))
                .await
                .unwrap();
            work.commit().await.unwrap();
        });
    }
    hands.join_all().await;
    assert_eq!(
        world.balances([Account::Wallet(world.amina)]).await,
        [295_000]
    );
    world.adds_up().await;
    // By M-PESA, told twice; what is too much is hers.
    let payment = Uuid::now_v7();
    for settled in [true, false] {
        let mut work = world.at(friday()).await;
        let repaid = loans::repaid_by_mpesa(&mut work, payment, world.amina, shillings(3_500))
            .await
            .unwrap();
        assert_eq!(repaid.is_some_and(|repaid| repaid.next.is_none()), settled);
        work.commit().await.unwrap();
    }
    // 4,000 and the running week's 40 were owed; 1,000 had been paid.
    assert_eq!(
        world
            .balances([Account::Wallet(world.amina), Account::LoanPrincipal(loan.0)])
            .await,
        [341_000, 0]
    );
    world.adds_up().await;
    // Without a loan it is all hers.
    let mut work = world.at(friday()).await;
    assert_eq!(
        loans::repaid_by_mpesa(&mut work, Uuid::now_v7(), world.amina, shillings(100))
            .await
            .unwrap(),
        None
    );
    work.commit().await.unwrap();
    assert_eq!(
        world.balances([Account::Wallet(world.amina)]).await,
        [351_000]
    );
    world.adds_up().await;
}

#[sqlx::test]
async fn an_empty_or_frozen_wallet_pays_nothing_back(pool: PgPool) {
    let world = World::new(pool).await;
    world.lent(4_000).await;
    let refused = world.repay(Uuid::now_v7(), 4_000, friday()).await;
    assert!(
        matches!(refused, Err(RepayError::Wallet(SpendError::NotEnough { balance })) if balance == shillings(3_950))
    );
    let mut work = world.at(friday()).await;
    wallet::freeze(&mut work, world.amina).await.unwrap();
    work.commit().await.unwrap();
    let refused = world.repay(Uuid::now_v7(), 100, friday()).await;
    assert!(matches!(
        refused,
        Err(RepayError::Wallet(SpendError::Frozen))
    ));
    world.adds_up().await;
}

#[sqlx::test]
async fn the_round_tells_and_penalises_once_however_often_it_runs(pool: PgPool) {
    let world = World::new(pool).await;
    let (loan, _) = world.lent(4_000).await;
    let morning = |days| friday() + TimeDelta::days(days);
    // At night nobody is told.
    assert_eq!(
        world.round("2026-11-27T04:59:00Z".parse().unwrap()).await,
        0
    );
    for _ in 0..3 {
        world.round(morning(7)).await;
    }
    assert_eq!(
        (
            world.texts("loan.due").await,
            world.texts("loan.late").await
        ),
        (1, 0)
    );
    // Away for a week: one late instalment is told, beyond its grace it is penalised, and the second falls due today.
    for looked in [1, 0, 0] {
        assert_eq!(world.round(morning(14)).await, looked);
    }
    assert_eq!(
        (
            world.texts("loan.due").await,
            world.texts("loan.late").await
        ),
        (1, 1)
    );
    assert_eq!(world.texts("loan.penalty").await, 1);
    let penalty = "select sum(penalty_cents)::bigint from loan_instalment";
    assert_eq!(world.count(penalty).await, 5_200);
    assert_eq!(
        world.count("select duplum_left_cents from loan").await,
        400_000
    );
    // Five rounds of one day at once.
    let mut hands = JoinSet::new();
    for _ in 0..5 {
        let pool = world.pool.clone();
        hands.spawn(async move {
            let now = friday() + TimeDelta::days(25);
            let mut work = Work::begin(&pool, now, Actor::System).await.unwrap();
            let looked = loans::look(&mut work, loan).await.unwrap();
            work.commit().await.unwrap();
            looked
        });
    }
    assert_eq!(
        hands
            .join_all()
            .await
            .into_iter()
            .filter(|looked| *looked)
            .count(),
        1
    );
    // The second and the third instalment.
    assert_eq!(world.count(penalty).await, 3 * 5_200);
    world.adds_up().await;
}

#[sqlx::test]
async fn a_repayment_and_a_penalty_at_the_same_time(pool: PgPool) {
    let world = World::new(pool).await;
    let (loan, _) = world.lent(4_000).await;
    let late = friday() + TimeDelta::days(11);
    let mut hands = JoinSet::new();
    for turn in 0..6 {
        let (pool, amina) = (world.pool.clone(), world.amina);
        hands.spawn(async move {
            let mut work = Work::begin(&pool, late, Actor::System).await.unwrap();
            if turn % 2 == 0 {
                loans::repay_from_wallet(
                    &mut work,
                    limits(),
                    amina,
                    Uuid::now_v7(),
                    shillings(500),
                )
                .await
                .unwrap();
            } else {
                loans::look(&mut work, loan).await.unwrap();
            }
            work.commit().await.unwrap();
        });
    }
    hands.join_all().await;
    // Before or after: the penalty is of what was open, once, and 1,500 were paid.
    assert!(
        world
            .count("select count(*) from loan_entry where what = 'penalty'")
            .await
            <= 1
    );
    assert_eq!(
        world
            .count("select sum(cents)::bigint from loan_entry where what = 'paid_wallet'")
            .await,
        150_000
    );
    assert_eq!(
        world.balances([Account::Wallet(world.amina)]).await,
        [245_000]
    );
    world.adds_up().await;
}

#[sqlx::test]
async fn what_is_recovered_beyond_the_principal_stays_in_duplum(pool: PgPool) {
    let world = World::new(pool).await;
    let (loan, _) = world.lent(500).await;
    world.round(friday() + TimeDelta::days(40)).await;
    sqlx::query("update loan set duplum_left_cents = 1000")
        .execute(&world.pool)
        .await
        .unwrap();
    let more = sqlx::query("update loan set duplum_left_cents = 1001")
        .execute(&world.pool)
        .await;
    assert!(more.unwrap_err().to_string().contains("in duplum"));
    world.top_up(world.amina, 1_000).await;
    let taken = world
        .repay(Uuid::now_v7(), 1_000, friday() + TimeDelta::days(41))
        .await
        .unwrap();
    // All of the principal, ten shillings beyond it, and nothing more is owed.
    assert_eq!(taken, shillings(510));
    assert_eq!(world.balances([Account::LoanPrincipal(loan.0)]).await, [0]);
    world.adds_up().await;
}

#[sqlx::test]
async fn two_people_write_a_loan_off(pool: PgPool) {
    let world = World::new(pool).await;
    let (loan, number) = world.lent(4_000).await;
    world.repay(Uuid::now_v7(), 1_040, friday()).await.unwrap();
    for (by, taken) in [
        ("otieno", true),
        ("otieno", false),
        ("wanjiru", true),
        ("kamau", false),
    ] {
        let mut work = world.at(friday() + TimeDelta::days(200)).await;
        let written = loans::write_off(&mut work, number, &staff(by)).await;
        assert_eq!(written.is_ok(), taken, "{by}");
        work.commit().await.unwrap();
    }
    assert_eq!(
        world
            .balances([
                Account::LoanPrincipal(loan.0),
                Account::LoanBook(world.lender)
            ])
            .await,
        [0, 0]
    );
    assert_eq!(world.held(loan).await, 0);
    world.adds_up().await;
    let may = loans::limit_of(
        &mut world.pool.acquire().await.unwrap(),
        &rules(),
        world.amina,
        friday(),
    )
    .await
    .unwrap();
    assert_eq!((may.amount, may.why), (Money::ZERO, loans::Why::WrittenOff));
}

#[sqlx::test]
async fn staff_see_every_loan_and_how_old_its_arrears_are(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, number) = world.lent(4_000).await;
    let mut work = world.at(friday() + TimeDelta::days(40)).await;
    let listed = loans::list(&mut work, &[StageWord::Active]).await.unwrap();
    let age = listed[0].1.unwrap();
    assert_eq!(
        (age.bucket, age.days, age.late),
        (loans::Bucket::To60, 33, shillings(4_160))
    );
    let file = loans::case_file(&mut work, number).await.unwrap();
    assert_eq!(
        (file.entries.len(), file.guarantees[0].state),
        (2, GuaranteeState::Given)
    );
    assert!(matches!(
        loans::case_file(&mut work, LoanNumber(1)).await,
        Err(DecideError::NoLoan(_))
    ));
}
