//! Many messages at once, through the running sender: what is written down together is as true as what is written alone.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::messages::reports::{self, Applied, Report, Says};
use crate::messages::testing::{Answer, World, to_amina};
use crate::messages::*;
use crate::primitives::{Carrier, Msisdn};

const MESSAGES: usize = 240;

/// One message for each of so many phones, over the three ordinary lanes.
async fn crowd(world: &World) {
    let lanes = [Class::Money, Class::Service, Class::Promotion];
    let messages: Vec<Message> = (0..MESSAGES)
        .map(|number| Message {
            to: Msisdn::parse(&format!("2547800{number:05}")).unwrap(),
            ..to_amina(lanes[number % lanes.len()])
        })
        .collect();
    let mut work = world.work().await;
    assert_eq!(
        send_all(&mut work, &messages).await.unwrap(),
        MESSAGES as u64
    );
    work.commit().await.unwrap();
}

/// Runs the sender until nothing is on its way.
async fn run(world: &World) {
    let stop = CancellationToken::new();
    let sending = tokio::spawn(world.sender.clone().run(stop.clone()));
    let left = async || -> i64 {
        sqlx::query_scalar("select count(*) from outbox where state in ('queued', 'sending')")
            .fetch_one(&world.pool)
            .await
            .unwrap()
    };
    while left().await > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    sending.await.unwrap();
}

async fn states(world: &World) -> BTreeMap<String, i64> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("select state, count(*) from outbox group by state")
            .fetch_all(&world.pool)
            .await
            .unwrap();
    rows.into_iter().collect()
}

fn counts(wanted: &[(&str, usize)]) -> BTreeMap<String, i64> {
    wanted
        .iter()
        .map(|(state, count)| ((*state).to_owned(), *count as i64))
        .collect()
}

#[sqlx::test]
async fn each_is_handed_over_once_and_odd_answers_hold_nobody_up(pool: PgPool) {
    let world = World::new(pool).await;
    for place in 0..MESSAGES {
        world.provider.will(match place % 24 {
            3 => Answer::Refuses(403, "InvalidPhoneNumber"),
            11 => Answer::Says(201, "{"),
            _ => Answer::Accepts,
        });
    }
    crowd(&world).await;
    run(&world).await;
    let mut called: Vec<String> = world
        .provider
        .calls()
        .iter()
        .map(|call| call["to"].clone())
        .collect();
    called.sort();
    called.dedup();
    assert_eq!(called.len(), MESSAGES, "each phone is called");
    assert_eq!(world.provider.calls().len(), MESSAGES, "and called once");
    assert_eq!(
        states(&world).await,
        counts(&[("failed", 10), ("sent", MESSAGES - 20), ("unknown", 10)])
    );
    let open_tries: i64 =
        sqlx::query_scalar("select count(*) from send_attempt where ended_at is null")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(open_tries, 0);
    let cost: i64 = sqlx::query_scalar("select sum(cost_cents)::bigint from outbox")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(cost, 80 * (MESSAGES as i64 - 20));
}

#[sqlx::test]
async fn reports_that_were_faster_than_the_answers_are_applied(pool: PgPool) {
    let world = World::new(pool).await;
    for number in 1..=MESSAGES {
        let report = Report {
            provider: Carrier::AfricasTalking,
            provider_message_id: format!("ATXid_{number}"),
            msisdn: None,
            status: "Success".into(),
            reason: None,
            says: Says::Delivered,
            fields: serde_json::json!({}),
        };
        let mut transaction = world.pool.begin().await.unwrap();
        let applied = reports::receive(&mut transaction, &report, world.clock.now()).await;
        transaction.commit().await.unwrap();
        assert_eq!(applied.unwrap(), Applied::Parked);
    }
    crowd(&world).await;
    run(&world).await;
    assert_eq!(states(&world).await, counts(&[("delivered", MESSAGES)]));
}

#[sqlx::test]
async fn a_provider_that_gives_one_id_to_all_is_believed_once(pool: PgPool) {
    let world = World::new(pool).await;
    // The row names no phone of ours in particular: the first answer with the id is as good as any.
    let same = r#"{"SMSMessageData":{"Message":"Sent","Recipients":[{"cost":"KES 0.8000","messageId":"ATXid_same","number":"+254780000000","status":"Success","statusCode":101}]}}"#;
    world.provider.will_always(Answer::Says(201, same));
    let messages: Vec<Message> = (0..40)
        .map(|_| Message {
            to: Msisdn::parse("254780000000").unwrap(),
            ..to_amina(Class::Money)
        })
        .collect();
    let mut work = world.work().await;
    send_all(&mut work, &messages).await.unwrap();
    work.commit().await.unwrap();
    run(&world).await;
    assert_eq!(
        states(&world).await,
        counts(&[("sent", 1), ("unknown", 39)])
    );
}

/// What the tables say of all messages and tries.
async fn as_told(conn: &mut PgConnection) -> Vec<String> {
    let mut lines: Vec<String> = sqlx::query_scalar(
        "select concat_ws(' ', id, state, why, report_due) from outbox
         union all select concat_ws(' ', message_id, number, reported) from send_attempt
         union all select concat_ws(' ', provider_message_id, status, message_id) from delivery_report
         union all select msisdn from opt_out",
    )
    .fetch_all(conn)
    .await
    .unwrap();
    lines.sort();
    lines
}

#[sqlx::test]
async fn reports_stored_together_say_what_they_say_one_by_one(pool: PgPool) {
    let seed = std::env::var("SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let world = World::new(pool).await;
    crowd(&world).await;
    run(&world).await;
    let words = [
        ("Success", Says::Delivered),
        ("Success", Says::Delivered),
        ("Sent", Says::Underway),
        ("Failed", Says::Failed),
        ("Rejected", Says::Blocked),
        ("Lost", Says::FailedHere),
        ("Whatever", Says::Unclear),
    ];
    for _ in 0..10 {
        // Some ids are nobody's, and some are reported on several times.
        let reports: Vec<Report> = (0..60)
            .map(|_| {
                let (status, says) = *words.choose(&mut dice).unwrap();
                Report {
                    provider: Carrier::AfricasTalking,
                    provider_message_id: format!("ATXid_{}", dice.random_range(1..=MESSAGES + 20)),
                    msisdn: None,
                    status: status.into(),
                    reason: None,
                    says,
                    fields: serde_json::json!({}),
                }
            })
            .collect();
        let now = world.clock.now();
        let mut one_by_one = Vec::new();
        let mut transaction = world.pool.begin().await.unwrap();
        for report in &reports {
            one_by_one.push(
                reports::receive(&mut transaction, report, now)
                    .await
                    .unwrap(),
            );
        }
        let wanted = as_told(&mut transaction).await;
        transaction.rollback().await.unwrap();
        let mut transaction = world.pool.begin().await.unwrap();
        let together = reports::receive_all(&mut transaction, &reports, now)
            .await
            .unwrap();
        assert_eq!(as_told(&mut transaction).await, wanted);
        transaction.commit().await.unwrap();
        assert_eq!(together, one_by_one);
    }
}
