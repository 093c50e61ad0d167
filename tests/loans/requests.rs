//! Asking, vouching, lending.

use chrono::TimeDelta;
use kwastage::ledger::Account;
use kwastage::loans::{
    self, AnswerError, Approval, AskError, DecideError, GuarantorError, NotNow, Reason, RepayError,
    Says,
};
use kwastage::work::{Actor, Work};
use sqlx::PgPool;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::world::{World, day, friday, funding, rules, shillings, staff};

#[sqlx::test]
async fn a_loan_from_the_request_to_the_last_cent(pool: PgPool) {
    let world = World::new(pool).await;
    let asked = world.ask(world.amina, 4_000, "session:1").await.unwrap();
    assert_eq!(
        (asked.quote.fee, asked.quote.interest),
        (shillings(50), shillings(160))
    );
    assert_eq!(
        (asked.quote.each, asked.quote.first_due),
        (shillings(1_040), day("2026-11-27"))
    );
    // The same turn again is the same request, another turn is a second one.
    let again = world.ask(world.amina, 4_000, "session:1").await.unwrap();
    assert_eq!(again.loan.id, asked.loan.id);
    assert!(matches!(
        world.ask(world.amina, 600, "session:2").await,
        Err(AskError::HasOne)
    ));
    world.asks_guarantor(world.wambui).await.unwrap();
    world
        .answers(world.wambui, asked.loan.id, Says::Yes(None))
        .await
        .unwrap();
    assert_eq!(
        world.approve(asked.loan.number, "otieno").await.unwrap(),
        Approval::Lend
    );
    let accounts = || {
        [
            Account::Wallet(world.amina),
            Account::LoanFund(world.lender),
            Account::LoanPrincipal(asked.loan.id.0),
        ]
    };
    assert_eq!(
        world.balances(accounts()).await,
        [395_000, 1_600_000, 400_000]
    );
    world.adds_up().await;

    world.repay(Uuid::now_v7(), 1_040, friday()).await.unwrap();
    assert_eq!(world.held(asked.loan.id).await, 300_000);
    world.top_up(world.amina, 500).await;
    // In the second week: one week of interest more, two let off; never more than is owed.
    let taken = world
        .repay(Uuid::now_v7(), 9_000, friday() + TimeDelta::days(10))
        .await
        .unwrap();
    assert_eq!(taken, shillings(3_040));
    assert_eq!(world.held(asked.loan.id).await, 0);
    assert_eq!(world.balances(accounts()).await, [37_000, 2_000_000, 0]);
    assert_eq!(
        world
            .count("select count(*) from loan where state = 'settled'")
            .await,
        1
    );
    world.adds_up().await;
    // Paid back in time, the next may be larger.
    assert!(matches!(
        world.repay(Uuid::now_v7(), 10, friday()).await,
        Err(RepayError::NoLoan)
    ));
    let may = loans::limit_of(
        &mut world.pool.acquire().await.unwrap(),
        &rules(),
        world.amina,
        friday(),
    )
    .await
    .unwrap();
    assert_eq!(may.amount, shillings(8_000));
}

#[sqlx::test]
async fn much_takes_two_people_and_two_at_once_lend_once(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, number) = world.ready(5_000).await;
    assert_eq!(
        world.approve(number, "Otieno").await.unwrap(),
        Approval::NeedsAnother
    );
    let again = world.approve(number, "otieno").await;
    assert!(matches!(
        again,
        Err(DecideError::NotNow(NotNow::SamePerson))
    ));
    let mut hands = JoinSet::new();
    for by in ["wanjiru", "kamau", "wanjiru", "kamau"] {
        let pool = world.pool.clone();
        hands.spawn(async move {
            let mut work = Work::begin(&pool, friday(), Actor::System).await.unwrap();
            let approved = loans::approve(&mut work, number, &staff(by)).await;
            work.commit().await.unwrap();
            approved.is_ok()
        });
    }
    let lent = hands
        .join_all()
        .await
        .into_iter()
        .filter(|lent| *lent)
        .count();
    assert_eq!(lent, 1);
    assert_eq!(
        world.balances([Account::Wallet(world.amina)]).await,
        [495_000]
    );
    world.adds_up().await;
    // The rows alone refuse what the code would.
    let one_person = sqlx::query("update loan set second_by = first_by")
        .execute(&world.pool)
        .await;
    assert!(
        one_person
            .unwrap_err()
            .to_string()
            .contains("two_people_lend")
    );
    let nobody = sqlx::query("update loan set second_by = null")
        .execute(&world.pool)
        .await;
    assert!(nobody.unwrap_err().to_string().contains("two_approve_much"));
    let back = sqlx::query("update loan set state = 'ready'")
        .execute(&world.pool)
        .await;
    assert!(back.unwrap_err().to_string().contains("does not become"));
}

#[sqlx::test]
async fn a_lender_lends_what_it_has(pool: PgPool) {
    let world = World::new(pool).await;
    let mut work = world.at(friday()).await;
    // The same transfer told twice is booked once; another amount under its name is refused.
    assert_eq!(
        loans::fund(&mut work, funding(20_000, "BANK-1"))
            .await
            .unwrap(),
        shillings(20_000)
    );
    assert!(loans::fund(&mut work, funding(1, "BANK-1")).await.is_err());
    work.commit().await.unwrap();
    // Most of it is lent elsewhere meanwhile.
    sqlx::query("select ledger.post('test_lent', 'test', 'x', gen_random_uuid(), now(), null, '{loan_fund}', array[$1], '{lender_bank}', array[$1], '{1700000}')")
        .bind(world.lender.to_string())
        .execute(&world.pool)
        .await
        .unwrap();
    let (_, number) = world.ready(4_000).await;
    let refused = world.approve(number, "otieno").await;
    assert!(matches!(refused, Err(DecideError::LenderLacks { left }) if left == shillings(3_000)));
    assert_eq!(world.balances([Account::Wallet(world.amina)]).await, [0]);
    assert_eq!(
        world
            .count("select count(*) from loan where state = 'ready' and first_by is null")
            .await,
        1
    );
}

#[sqlx::test]
async fn who_may_not_borrow_is_told_why(pool: PgPool) {
    let world = World::new(pool).await;
    assert!(
        matches!(world.ask(world.amina, 6_001, "a").await, Err(AskError::OverLimit(may)) if may.amount == shillings(6_000))
    );
    assert!(matches!(
        world.ask(world.amina, 499, "b").await,
        Err(AskError::NotTheAmount { .. })
    ));
    assert!(matches!(
        world.ask(world.amina, 20_001, "c").await,
        Err(AskError::NotTheAmount { .. })
    ));
    assert!(matches!(
        world.ask(Uuid::now_v7(), 600, "d").await,
        Err(AskError::NotActive | AskError::Fault(_))
    ));
    assert_eq!(world.count("select count(*) from loan").await, 0);
}

#[sqlx::test]
async fn a_guarantor_answers_once_and_never_for_more_than_they_can(pool: PgPool) {
    let world = World::new(pool).await;
    let loan = world
        .ask(world.amina, 5_000, "session:1")
        .await
        .unwrap()
        .loan;
    assert!(matches!(
        world.asks_guarantor(world.amina).await,
        Err(GuarantorError::Oneself)
    ));
    world.asks_guarantor(world.wambui).await.unwrap();
    assert!(matches!(
        world.asks_guarantor(world.wambui).await,
        Err(GuarantorError::AskedBefore)
    ));
    assert!(matches!(
        world.asks_guarantor(world.juma).await,
        Err(GuarantorError::EnoughAsked)
    ));
    let too_much = world
        .answers(world.wambui, loan.id, Says::Yes(Some(shillings(5_001))))
        .await;
    assert!(matches!(too_much, Err(AnswerError::TooMuch { .. })));
    let too_little = world
        .answers(world.wambui, loan.id, Says::Yes(Some(shillings(1))))
        .await;
    assert!(matches!(too_little, Err(AnswerError::TooLittle)));
    // A part, said ten times at once.
    let mut hands = JoinSet::new();
    for _ in 0..10 {
        let (pool, wambui) = (world.pool.clone(), world.wambui);
        hands.spawn(async move {
            let mut work = Work::begin(&pool, friday(), Actor::System).await.unwrap();
            let says = Says::Yes(Some(shillings(3_000)));
            let answered = loans::answer(&mut work, &rules(), wambui, loan.id, says).await;
            work.commit().await.unwrap();
            answered.is_ok()
        });
    }
    assert_eq!(
        hands
            .join_all()
            .await
            .into_iter()
            .filter(|given| *given)
            .count(),
        1
    );
    assert_eq!(world.held(loan.id).await, 300_000);
    assert!(matches!(
        world.answers(world.wambui, loan.id, Says::No).await,
        Err(AnswerError::Over)
    ));
    // Another stands for the rest; with that staff may look.
    let asked = world.asks_guarantor(world.juma).await.unwrap();
    assert_eq!(asked.amount, shillings(2_000));
    world
        .answers(world.juma, loan.id, Says::Yes(None))
        .await
        .unwrap();
    assert_eq!(
        world
            .count("select count(*) from loan where state = 'ready'")
            .await,
        1
    );
    // What they hold weighs on what they may borrow themselves: 6,000 less 3,000.
    let may = loans::limit_of(
        &mut world.pool.acquire().await.unwrap(),
        &rules(),
        world.wambui,
        friday(),
    )
    .await
    .unwrap();
    assert_eq!(may.amount, shillings(3_000));
    // The rows alone refuse a hold that grows.
    let grown = sqlx::query("update loan_guarantee set held_cents = pledged_cents + 1")
        .execute(&world.pool)
        .await;
    assert!(grown.is_err());
    let mut work = world.at(friday()).await;
    let reason = Reason::parse("no").unwrap();
    loans::refuse(&mut work, loan.number, &staff("otieno"), reason)
        .await
        .unwrap();
    work.commit().await.unwrap();
    assert_eq!(world.held(loan.id).await, 0);
    assert_eq!(world.texts("loan.not_needed").await, 2);
}

#[sqlx::test]
async fn a_guarantor_beyond_their_means_is_refused(pool: PgPool) {
    let world = World::new(pool).await;
    let first = world
        .ask(world.amina, 4_000, "session:1")
        .await
        .unwrap()
        .loan;
    world.asks_guarantor(world.wambui).await.unwrap();
    world
        .answers(world.wambui, first.id, Says::Yes(None))
        .await
        .unwrap();
    let second = world
        .ask(world.juma, 4_000, "session:2")
        .await
        .unwrap()
        .loan;
    let mut work = world.at(friday()).await;
    loans::ask_guarantor(&mut work, &rules(), world.juma, world.wambui)
        .await
        .unwrap();
    work.commit().await.unwrap();
    let refused = world
        .answers(world.wambui, second.id, Says::Yes(None))
        .await;
    assert!(
        matches!(refused, Err(AnswerError::BeyondMeans { capacity }) if capacity == shillings(2_000))
    );
    // The question is still open.
    world
        .answers(world.wambui, second.id, Says::Yes(Some(shillings(2_000))))
        .await
        .unwrap();
}

#[sqlx::test]
async fn a_request_without_answers_expires_and_both_are_told(pool: PgPool) {
    let world = World::new(pool).await;
    let loan = world
        .ask(world.amina, 4_000, "session:1")
        .await
        .unwrap()
        .loan;
    world.asks_guarantor(world.wambui).await.unwrap();
    for (hours, expired) in [(47, 0), (48, 1), (49, 0)] {
        let mut work = world.at(friday() + TimeDelta::hours(hours)).await;
        assert_eq!(loans::expire(&mut work).await.unwrap(), expired, "{hours}");
        work.commit().await.unwrap();
    }
    assert_eq!(
        (
            world.texts("loan.expired").await,
            world.texts("loan.not_needed").await
        ),
        (1, 1)
    );
    let late = world.answers(world.wambui, loan.id, Says::Yes(None)).await;
    assert!(matches!(late, Err(AnswerError::Over)));
    // Free to ask again.
    world.ask(world.amina, 4_000, "session:9").await.unwrap();
}
