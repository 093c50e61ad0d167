//! Who must agree, and who may not: makers and checkers, frozen wallets, changed PINs, funds and refunds.

use chrono::TimeDelta;
use kwastage::ledger::{self, Key, postings};
use kwastage::members::{self, Credential, MemberId};
use kwastage::payments::{self, Receipt};
use kwastage::payouts::{
    self, DecideError, LiftError, Lifted, PayoutId, RefundAsked, RefundError, SupportAsked,
    SupportError, WithdrawalError,
};
use kwastage::primitives::{Language, Money, Msisdn};
use kwastage::wallet::{self, SpendError};
use kwastage::welfare::{self, Direction};
use sqlx::PgPool;
use uuid::Uuid;

use crate::world::{AMINA, World, staff};

async fn support(world: &World, shillings: i64) -> Result<PayoutId, SupportError> {
    let emergency = Uuid::now_v7();
    sqlx::query(
        "insert into emergency (id, year, msisdn, member_id, stage_id, raised_at, state, closed_at)
         values ($1, 2026, $2, $3, $4, $5, 'closed', $5)",
    )
    .bind(emergency)
    .bind(AMINA)
    .bind(world.amina)
    .bind(world.stage)
    .bind(world.now())
    .execute(&world.pool)
    .await
    .unwrap();
    let mut work = world.begin().await;
    let asked = SupportAsked {
        emergency,
        member: world.amina,
        stage: world.stage,
        recipient: Msisdn::parse(AMINA).unwrap(),
        language: Language::ENGLISH,
        amount: Money::from_shillings(shillings),
        by: staff("Jane"),
        reason: Some("hospital".to_owned()),
    };
    let id = payouts::support(&mut work, &world.desk.rules, asked).await?;
    work.commit().await.unwrap();
    Ok(id)
}

async fn movements(world: &World) -> Vec<(Direction, i64, String)> {
    let mut conn = world.pool.acquire().await.unwrap();
    let statement = welfare::fund_statement(&mut conn, world.stage, world.now())
        .await
        .unwrap();
    let lines = statement.last.into_iter();
    lines
        .map(|line| {
            (
                line.direction,
                line.amount.cents() / 100,
                line.person.to_string(),
            )
        })
        .collect()
}

#[sqlx::test]
async fn support_takes_a_second_person_and_shows_in_the_fund_s_book(pool: PgPool) {
    let world = World::new(pool).await;
    let id = support(&world, 3_000).await.unwrap();
    assert_eq!(world.state(id).await, "asked");
    world.advance(TimeDelta::minutes(5));
    world.run().await;
    assert!(world.paid_by_mpesa().is_empty());
    assert_eq!(world.books().await, [1_000, 2_000, 3_000, 0]);

    // The maker is no checker: not by another spelling, and not behind the product's back.
    let mut work = world.begin().await;
    let own = payouts::approve(&mut work, id, &staff(" JANE ")).await;
    assert!(matches!(own, Err(DecideError::SamePerson)), "{own:?}");
    drop(work);
    let refused = sqlx::query(
        "update payout set decided_by = 'jane', decided_at = now(), state = 'ready', ready_since = now() where id = $1",
    )
    .bind(id.0)
    .execute(&world.pool)
    .await
    .expect_err("the maker approved");
    let constraint = refused
        .as_database_error()
        .and_then(|error| error.constraint());
    assert_eq!(constraint, Some("maker_is_not_checker"));
    let refused =
        sqlx::query("update payout set state = 'sending', ready_since = now() where id = $1")
            .bind(id.0)
            .execute(&world.pool)
            .await
            .expect_err("it left without a decision");
    let constraint = refused
        .as_database_error()
        .and_then(|error| error.constraint());
    assert_eq!(constraint, Some("decided_before_it_leaves"));

    let mut work = world.begin().await;
    payouts::approve(&mut work, id, &staff("peter"))
        .await
        .unwrap();
    work.commit().await.unwrap();
    let mut work = world.begin().await;
    let again = payouts::approve(&mut work, id, &staff("mary")).await;
    assert!(matches!(again, Err(DecideError::NotAsked(_))), "{again:?}");
    drop(work);
    world.reaches(id, "paid").await;
    assert_eq!(world.paid_by_mpesa(), [3_000]);
    assert_eq!(world.messages().await, ["payout.support_paid"]);
    assert_eq!(
        movements(&world).await[0],
        (Direction::Out, 3_000, "Ami***".to_owned())
    );
    world.is_sound().await;
}

#[sqlx::test]
async fn what_a_second_person_refuses_is_back_in_the_fund(pool: PgPool) {
    let world = World::new(pool).await;
    let id = support(&world, 3_000).await.unwrap();
    let mut work = world.begin().await;
    payouts::refuse(&mut work, id, &staff("peter"), "no proof yet")
        .await
        .unwrap();
    work.commit().await.unwrap();
    assert_eq!(world.state(id).await, "returned");
    assert_eq!(world.books().await, [1_000, 5_000, 0, 0]);
    let lines: Vec<_> = movements(&world)
        .await
        .into_iter()
        .map(|(way, sum, _)| (way, sum))
        .collect();
    assert_eq!(
        lines[..2],
        [(Direction::In, 3_000), (Direction::Out, 3_000)]
    );
    assert!(world.messages().await.is_empty());
    world.is_sound().await;

    let too_much = support(&world, 6_000).await;
    assert!(
        matches!(too_much, Err(SupportError::FundLacks)),
        "{too_much:?}"
    );
    assert_eq!(world.books().await, [1_000, 5_000, 0, 0]);
}

#[sqlx::test]
async fn a_large_withdrawal_waits_for_the_office(pool: PgPool) {
    let mut world = World::new(pool).await;
    let rules = payouts::Rules {
        withdrawal_alone_up_to: Money::from_shillings(400),
        ..(*world.desk.rules).clone()
    };
    world.desk.rules = std::sync::Arc::new(rules);
    let id = world.ask(500).await.unwrap();
    assert_eq!(world.state(id).await, "asked");
    let mut work = world.begin().await;
    payouts::refuse(&mut work, id, &staff("peter"), "call us first")
        .await
        .unwrap();
    work.commit().await.unwrap();
    assert_eq!(world.books().await, [1_000, 5_000, 0, 0]);
    assert_eq!(world.messages().await, ["payout.returned"]);
}

#[sqlx::test]
async fn a_wallet_frozen_before_the_money_left_has_it_back(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.ask(500).await.unwrap();
    let mut work = world.begin().await;
    wallet::freeze(&mut work, world.amina).await.unwrap();
    work.commit().await.unwrap();
    world.advance(TimeDelta::seconds(3));
    world.reaches(id, "returned").await;
    assert!(world.paid_by_mpesa().is_empty());
    assert_eq!(world.books().await, [1_000, 5_000, 0, 0]);
    let refused = world.ask(100).await;
    assert!(
        matches!(refused, Err(WithdrawalError::Wallet(SpendError::Frozen))),
        "{refused:?}"
    );
}

#[sqlx::test]
async fn a_changed_pin_holds_money_for_a_day_unless_two_people_lift_it(pool: PgPool) {
    let world = World::new(pool).await;
    let changed = world.now();
    let mut work = world.begin().await;
    members::note_credential_change(&mut work, MemberId(world.amina), Credential::Pin)
        .await
        .unwrap();
    work.commit().await.unwrap();
    world.advance(TimeDelta::hours(23));
    let refused = world.ask(100).await;
    let Err(WithdrawalError::CoolingOff { until }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(until, changed + TimeDelta::hours(24));
    assert_eq!(world.books().await, [1_000, 5_000, 0, 0]);

    let lift = async |name: &str| {
        let mut work = world.begin().await;
        let lifted =
            payouts::lift_cooling(&mut work, &world.desk.rules, world.amina, &staff(name)).await;
        work.commit().await.unwrap();
        lifted
    };
    assert_eq!(lift("jane").await.unwrap(), Lifted::First);
    assert!(world.ask(100).await.is_err());
    assert!(matches!(lift("Jane").await, Err(LiftError::SamePerson)));
    assert_eq!(lift("peter").await.unwrap(), Lifted::Both);
    world.ask(100).await.unwrap();
    assert!(matches!(lift("mary").await, Err(LiftError::NotCooling)));

    // Another change begins another day.
    world.advance(TimeDelta::minutes(10));
    let mut work = world.begin().await;
    members::note_credential_change(&mut work, MemberId(world.amina), Credential::Sim)
        .await
        .unwrap();
    work.commit().await.unwrap();
    assert!(world.ask(100).await.is_err());
    world.advance(TimeDelta::hours(24));
    world.ask(100).await.unwrap();
}

#[sqlx::test]
async fn money_in_suspense_goes_back_to_its_payer_once(pool: PgPool) {
    let world = World::new(pool).await;
    let receipt = Receipt::parse("TKQ1ABCDE9").unwrap();
    sqlx::query(
        "insert into inflow (id, provider, receipt, amount_cents, payer_hint, account, state, received_at)
         values ($1, 'mpesa', 'TKQ1ABCDE9', 70000, '2547 ***** 678', 'RUBBISH', 'suspense', $2)",
    )
    .bind(Uuid::now_v7())
    .bind(world.now())
    .execute(&world.pool)
    .await
    .unwrap();
    let mut work = world.begin().await;
    let came = postings::unallocated_received(Uuid::nil(), Money::from_shillings(700)).unwrap();
    ledger::post(&mut work, came, Key::of("unallocated", "TKQ1ABCDE9"))
        .await
        .unwrap();
    work.commit().await.unwrap();

    let refund = async |phone: &str| {
        let mut work = world.begin().await;
        let asked = RefundAsked {
            refunded: receipt.clone(),
            recipient: Msisdn::parse(phone).unwrap(),
            language: Language::ENGLISH,
            by: staff("jane"),
            reason: None,
        };
        let (id, amount) = payouts::refund(&mut work, &world.desk.rules, asked).await?;
        work.commit().await.unwrap();
        assert_eq!(amount, Money::from_shillings(700));
        Ok::<PayoutId, RefundError>(id)
    };
    let other = refund("254799999999").await;
    assert!(matches!(other, Err(RefundError::OtherPayer)), "{other:?}");
    let first = refund("254712345678").await.unwrap();
    let again = refund("254712345678").await;
    assert!(
        matches!(again, Err(RefundError::NotInSuspense)),
        "{again:?}"
    );
    let mut work = world.begin().await;
    let taken = payments::take_from_suspense(&mut work, &receipt, world.amina).await;
    assert_eq!(taken.unwrap(), None);
    payouts::refuse(&mut work, first, &staff("peter"), "wrong person")
        .await
        .unwrap();
    work.commit().await.unwrap();

    // Back in suspense, it can be refunded after all.
    let second = refund("254712345678").await.unwrap();
    let mut work = world.begin().await;
    payouts::approve(&mut work, second, &staff("peter"))
        .await
        .unwrap();
    work.commit().await.unwrap();
    world.reaches(second, "paid").await;
    assert_eq!(world.paid_by_mpesa(), [700]);
    assert_eq!(world.messages().await, ["payout.refunded"]);
}

#[sqlx::test]
async fn another_name_at_mpesa_is_noted_for_staff(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.ask(100).await.unwrap();
    world.advance(TimeDelta::seconds(3));
    world.reaches(id, "paid").await;
    let mut conn = world.pool.acquire().await.unwrap();
    let short = id.0.simple().to_string();
    let file = payouts::file_of(&mut conn, &short[24..])
        .await
        .unwrap()
        .unwrap();
    let noted = file
        .notes
        .iter()
        .any(|note| note.what.contains("not as the member"));
    let theirs: Option<String> = sqlx::query_scalar(
        "select said->'result'->>'name' from payout_evidence where source = 'result'",
    )
    .fetch_one(&mut *conn)
    .await
    .unwrap();
    let theirs = theirs.unwrap_or_default();
    let known = theirs.contains("AMINA") || theirs.contains("WANJIKU");
    assert_eq!(noted, !known, "M-PESA says {theirs}");
}
