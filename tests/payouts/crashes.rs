//! Crashes between any two steps, results in the wrong order, and many hands at once.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use chrono::TimeDelta;
use kwastage::payouts::{self, AttemptId, PayoutId, Received, Source};
use kwastage::wallet::SpendError;
use sqlx::PgPool;

use crate::world::World;

/// The worker dies after each number of turns that handing over may take: nothing is paid twice, nothing is lost.
#[sqlx::test]
async fn cut_off_anywhere_it_is_paid_once_or_given_back(pool: PgPool) {
    let world = World::new(pool).await;
    let mut asked: Vec<(PayoutId, i64)> = vec![];
    for (place, turns) in [0u32, 1, 2, 3, 5, 8, 11, 14, 18, 23, 30]
        .into_iter()
        .enumerate()
    {
        let shillings = 20 + place as i64;
        let id = world.ask(shillings).await.unwrap();
        asked.push((id, shillings));
        world.advance(TimeDelta::seconds(3));
        let job = payouts::SendPayout {
            payout: id,
            not_before: world.now(),
        };
        let desk = world.desk.clone();
        let mut sending = pin!(payouts::jobs::send(&desk, job));
        let mut polls = 0;
        std::future::poll_fn(|context| {
            polls += 1;
            if polls > turns {
                return Poll::Ready(());
            }
            sending.as_mut().poll(context).map(|_| ())
        })
        .await;
    }
    for (id, _) in &asked {
        for _ in 0..2 * 24 * 60 / 30 {
            world.run().await;
            let state = world.state(*id).await;
            if ["paid", "person"].contains(&state.as_str()) {
                break;
            }
            world.advance(TimeDelta::minutes(30));
            world.run().await;
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }
    let mut paid = world.paid_by_mpesa();
    paid.sort();
    let mut once = paid.clone();
    once.dedup();
    assert_eq!(paid, once, "an amount was paid twice");
    for (id, shillings) in asked {
        let state = world.state(id).await;
        match paid.contains(&shillings) {
            true => assert_eq!(state, "paid", "KES {shillings}"),
            // Written down as handed over and never was: only a person can tell, and the money stays held.
            false => assert_eq!(state, "person", "KES {shillings}"),
        }
    }
    world.is_sound().await;
}

async fn only_attempt(world: &World, id: PayoutId) -> (AttemptId, String) {
    let (attempt, originator): (uuid::Uuid, String) =
        sqlx::query_as("select id, originator_id from payout_attempt where payout_id = $1")
            .bind(id.0)
            .fetch_one(&world.pool)
            .await
            .unwrap();
    (AttemptId(attempt), originator)
}

fn result(originator: &str, code: i64, receipt: &str) -> String {
    format!(
        r#"{{"Result":{{"ResultType":0,"ResultCode":{code},"OriginatorConversationID":"{originator}","ConversationID":"AG_1","TransactionID":"{receipt}"}}}}"#
    )
}

/// M-PESA says no, and yes afterwards: the money that was given back is owed to us, and shouted about.
#[sqlx::test]
async fn paid_after_it_was_given_back(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.ask(500).await.unwrap();
    world.advance(TimeDelta::seconds(3));
    // Marked as handed over; our call is never made.
    let mut work = world.begin().await;
    payouts::begin_send(&mut work, &world.desk.rules, id)
        .await
        .unwrap();
    work.commit().await.unwrap();
    let (attempt, originator) = only_attempt(&world, id).await;
    for (code, receipt, state, books) in [
        (8, "UK50000000", "returned", [1_000, 5_000, 0, 0]),
        (0, "UK5E2R4T6Y", "returned", [1_000, 5_000, 0, -500]),
        // Once more, and the failure once more: nothing moves.
        (0, "UK5E2R4T6Y", "returned", [1_000, 5_000, 0, -500]),
        (4, "UK50000000", "returned", [1_000, 5_000, 0, -500]),
    ] {
        let body = result(&originator, code, receipt);
        let mut work = world.begin().await;
        let received = Received {
            source: Source::Result,
            attempt,
            body: body.as_bytes(),
            trusted: true,
        };
        payouts::receive(&mut work, received).await.unwrap();
        work.commit().await.unwrap();
        world.run().await;
        assert_eq!(world.state(id).await, state, "after {code}");
        assert_eq!(world.books().await, books, "after {code}");
    }
    assert_eq!(world.count("wallet where frozen_at is not null").await, 1);
    assert_eq!(world.messages().await, ["payout.returned"]);
}

/// A forged failure does not give money back, and a forged success does not settle it.
#[sqlx::test]
async fn what_comes_from_elsewhere_moves_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.ask(500).await.unwrap();
    world.advance(TimeDelta::seconds(3));
    let mut work = world.begin().await;
    payouts::begin_send(&mut work, &world.desk.rules, id)
        .await
        .unwrap();
    work.commit().await.unwrap();
    let (attempt, originator) = only_attempt(&world, id).await;
    for code in [0, 1, 8, 2001] {
        let body = result(&originator, code, "UK5E2R4T6Y");
        let mut work = world.begin().await;
        let received = Received {
            source: Source::Result,
            attempt,
            body: body.as_bytes(),
            trusted: false,
        };
        payouts::receive(&mut work, received).await.unwrap();
        work.commit().await.unwrap();
        world.run().await;
        assert_eq!(world.state(id).await, "sending", "{code}");
        assert_eq!(world.books().await, [485, 5_000, 515, 0], "{code}");
    }
    let stopped = world
        .count("payout_brake where stopped_at is not null")
        .await;
    assert_eq!(stopped, 0);
}

/// Two withdrawals from one wallet at the same moment: it gives what it holds and no more.
#[sqlx::test]
async fn two_at_once_do_not_overdraw(pool: PgPool) {
    let world = World::new(pool).await;
    let (one, other) = tokio::join!(world.ask(600), world.ask(600));
    let refused = [&one, &other]
        .into_iter()
        .filter(|asked| {
            matches!(
                asked,
                Err(payouts::WithdrawalError::Wallet(
                    SpendError::NotEnough { .. }
                ))
            )
        })
        .count();
    assert_eq!(refused, 1, "{one:?} {other:?}");
    let id = one.or(other).unwrap();
    world.advance(TimeDelta::seconds(3));
    world.reaches(id, "paid").await;
    assert_eq!(world.paid_by_mpesa(), [600]);
    world.is_sound().await;
}

/// Four workers hand over the same payout: it leaves once.
#[sqlx::test]
async fn many_workers_hand_it_over_once(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.ask(500).await.unwrap();
    world.advance(TimeDelta::seconds(3));
    let send = || {
        payouts::jobs::send(
            &world.desk,
            payouts::SendPayout {
                payout: id,
                not_before: world.now(),
            },
        )
    };
    let _ = tokio::join!(send(), send(), send(), send());
    world.reaches(id, "paid").await;
    assert_eq!(world.paid_by_mpesa(), [500]);
    assert_eq!(world.count("payout_attempt where handed = 1").await, 1);
    world.is_sound().await;
}
