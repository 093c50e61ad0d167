//! What M-PESA may do to a payout: answer late, twice, oddly or never, refuse the recipient, the float or ourselves.

use std::time::Duration;

use chrono::TimeDelta;
use simulators::faults::Fault;
use sqlx::PgPool;

use crate::world::{World, staff};

#[sqlx::test]
async fn a_withdrawal_is_paid_once_and_its_owner_told(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.ask(500).await.unwrap();
    assert_eq!(world.books().await, [485, 5_000, 515, 0]);
    world.advance(TimeDelta::seconds(3));
    world.reaches(id, "paid").await;
    assert_eq!(world.books().await, [485, 5_000, 0, 0]);
    assert_eq!(world.paid_by_mpesa(), [500]);
    assert_eq!(world.messages().await, ["payout.withdrawn"]);
    world.is_sound().await;
    let lines = kwastage::wallet::lines(&mut world.pool.acquire().await.unwrap(), world.amina)
        .await
        .unwrap();
    assert_eq!(lines[0].amount.cents(), -51_500);
    assert!(world.outside.violations().is_empty());
}

/// Each trouble by itself; in the end the money is there, once.
#[sqlx::test]
async fn whatever_happens_to_answers_and_results_it_is_paid_once(pool: PgPool) {
    let world = World::new(pool).await;
    let mut paid = vec![];
    for (amount, trouble) in (20..).zip([
        Fault::PayoutLostAnswer,
        Fault::CallbackBeforeAnswer,
        Fault::CallbackDuplicate,
        Fault::CallbackLost,
        Fault::CallbackLate,
        Fault::QueueTimeout,
        Fault::ResultOddShape,
    ]) {
        world.outside.order(trouble, Duration::from_secs(100));
        let id = world.ask(amount).await.unwrap();
        world.advance(TimeDelta::seconds(3));
        world.lives_to(id, "paid", 30).await;
        // What is late or doubled arrives after the end, and changes nothing.
        world.advance(TimeDelta::minutes(15));
        tokio::time::sleep(Duration::from_millis(150)).await;
        world.run().await;
        paid.push(amount);
        assert_eq!(world.paid_by_mpesa(), paid, "{trouble:?}");
        assert_eq!(world.state(id).await, "paid", "{trouble:?}");
        world.is_sound().await;
    }
    let told = world.messages().await;
    let receipts = told
        .iter()
        .filter(|name| *name == "payout.withdrawn")
        .count();
    assert_eq!(receipts, paid.len());
}

#[sqlx::test]
async fn who_is_not_on_mpesa_has_the_money_back_with_the_fee(pool: PgPool) {
    let world = World::new(pool).await;
    world
        .outside
        .order(Fault::PayoutRecipientUnknown, Duration::from_secs(60));
    let id = world.ask(500).await.unwrap();
    world.advance(TimeDelta::seconds(3));
    world.reaches(id, "returned").await;
    assert_eq!(world.books().await, [1_000, 5_000, 0, 0]);
    assert_eq!(world.messages().await, ["payout.returned"]);
    world.is_sound().await;
    // What came back has not left: the day's limit is whole again.
    world.advance(TimeDelta::minutes(5));
    let again = world.ask(900).await.unwrap();
    world.advance(TimeDelta::seconds(3));
    world.reaches(again, "paid").await;
    assert_eq!(world.books().await, [85, 5_000, 0, 0]);
    world.is_sound().await;
}

#[sqlx::test]
async fn an_empty_float_makes_everybody_wait_and_nobody_lose(pool: PgPool) {
    let world = World::new(pool).await;
    world
        .outside
        .order(Fault::PayoutFloatEmpty, Duration::from_secs(60));
    let id = world.ask(500).await.unwrap();
    world.advance(TimeDelta::seconds(3));
    world.reaches(id, "ready").await;
    assert_eq!(world.messages().await, ["payout.slow"]);
    // Nothing else leaves meanwhile.
    let other = world.ask(100).await.unwrap();
    world.advance(TimeDelta::seconds(90));
    world.run().await;
    assert_eq!(world.state(other).await, "ready");
    assert!(world.paid_by_mpesa().is_empty());
    world.is_sound().await;
    world.advance(TimeDelta::minutes(16));
    world.reaches(id, "paid").await;
    world.reaches(other, "paid").await;
    let mut paid = world.paid_by_mpesa();
    paid.sort();
    assert_eq!(paid, [100, 500]);
    // The first id was used up by the refusal: another one was written down.
    assert_eq!(world.count("payout_attempt").await, 3);
    world.is_sound().await;
}

#[sqlx::test]
async fn a_refused_operator_stops_everything_until_a_person_lifts_it(pool: PgPool) {
    let world = World::new(pool).await;
    // A refused result uses its id up, a request that was turned away does not.
    for (amount, trouble, attempts) in [
        (100, Fault::InitiatorRefused, 2),
        (200, Fault::PayoutUnauthorised, 1),
    ] {
        let before = world.count("payout_attempt").await;
        world.outside.order(trouble, Duration::from_secs(60));
        let id = world.ask(amount).await.unwrap();
        world.advance(TimeDelta::seconds(3));
        world.run().await;
        let stopped = "payout_brake where stopped_at is not null";
        let waited = async {
            while world.count(stopped).await == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                world.run().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waited)
            .await
            .unwrap();
        // The trouble is over, and still nothing leaves, however long it takes.
        world.advance(TimeDelta::minutes(30));
        world.run().await;
        assert_eq!(world.state(id).await, "ready", "{trouble:?}");
        world.is_sound().await;
        let mut work = world.begin().await;
        let lifted = kwastage::payouts::resume(&mut work, &staff("jane")).await;
        assert!(lifted.unwrap());
        work.commit().await.unwrap();
        world.reaches(id, "paid").await;
        let after = world.count("payout_attempt").await;
        assert_eq!(after - before, attempts, "{trouble:?}");
        world.is_sound().await;
    }
    assert_eq!(world.paid_by_mpesa(), [100, 200]);
}

/// The simulator pays and says that somebody else has it: it counts as paid, and nothing more leaves that wallet.
#[sqlx::test]
async fn somebody_else_was_paid(pool: PgPool) {
    let world = World::new(pool).await;
    world
        .outside
        .order(Fault::PayoutWrongRecipient, Duration::from_secs(60));
    let id = world.ask(500).await.unwrap();
    world.advance(TimeDelta::seconds(3));
    world.reaches(id, "paid").await;
    assert_eq!(world.count("wallet where frozen_at is not null").await, 1);
    let alarmed = "payout_note where what = 'alarm: other_recipient'";
    assert_eq!(world.count(alarmed).await, 1);
    world.is_sound().await;
}

/// Nobody answers for a day: no second payment, and a person ends it.
#[sqlx::test]
async fn what_nobody_can_tell_is_left_to_a_person(pool: PgPool) {
    let world = World::new(pool).await;
    let day = Duration::from_secs(2 * 86_400);
    world.outside.order(Fault::CallbackLost, day);
    let id = world.ask(500).await.unwrap();
    world.advance(TimeDelta::seconds(3));
    world.run().await;
    for _ in 0..50 {
        world.advance(TimeDelta::minutes(30));
        world.run().await;
    }
    assert_eq!(world.state(id).await, "person");
    assert_eq!(world.messages().await, ["payout.slow"]);
    assert_eq!(world.paid_by_mpesa(), [500]);
    assert_eq!(
        world.count("payout_callback where what = 'payment'").await,
        1
    );
    let asked = world.count("payout_callback where what = 'question'").await;
    assert!((5..=8).contains(&asked), "{asked} questions");
    world.is_sound().await;

    let receipt = world.outside.ledger()[0].receipt.clone();
    let mut work = world.begin().await;
    let found =
        kwastage::payouts::ByPerson::Paid(kwastage::payments::Receipt::parse(&receipt).unwrap());
    kwastage::payouts::settle_by_person(
        &mut work,
        &world.desk.rules,
        id,
        found,
        &staff("jane"),
        "seen in the portal",
    )
    .await
    .unwrap();
    work.commit().await.unwrap();
    assert_eq!(world.state(id).await, "paid");
    assert_eq!(world.books().await, [485, 5_000, 0, 0]);
    world.is_sound().await;
}
