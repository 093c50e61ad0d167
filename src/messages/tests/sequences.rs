//! Whatever two providers answer and report, in whatever order: nothing is said twice that should not be, and everything
//! ends.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use sqlx::PgPool;

use crate::messages::reports::{self, Report, Says};
use crate::messages::route::COPIES_MAX;
use crate::messages::testing::{Answer, World, to_amina};
use crate::messages::*;
use crate::primitives::{Carrier, Msisdn};

const MESSAGES: usize = 30;
const STEPS: usize = 100;

#[sqlx::test]
async fn what_may_have_been_sent_is_not_sent_again_and_everything_ends(pool: PgPool) {
    let seed = std::env::var("SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let world = World::with_two_waiting(pool, Duration::from_millis(40)).await;
    for number in 0..MESSAGES {
        let class = *Class::ALL.choose(&mut dice).unwrap();
        let to = Msisdn::parse(&format!("2547110001{number:02}")).unwrap();
        world
            .say(Message {
                to,
                ..to_amina(class)
            })
            .await;
    }
    for _ in 0..STEPS {
        for provider in [&world.provider, &world.second] {
            let is_twilio = std::ptr::eq(provider, &world.second);
            provider.will_always(any_answer(&mut dice, is_twilio));
        }
        world.drain().await;
        report_something(&world, &mut dice).await;
        never_twice(&world, seed).await;
        world.pass(*[0, 1, 5, 30, 120, 900].choose(&mut dice).unwrap());
    }
    // From here on nobody reports, and the day goes by.
    for _ in 0..8 {
        world.pass(12 * 3600);
        world.drain().await;
    }
    let open: Vec<(String, String)> = sqlx::query_as(
        "select class, state from outbox where state not in ('delivered', 'expired') and not (state = 'failed' and why is not null)",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    assert_eq!(open, [], "seed {seed}: without an end");
}

fn any_answer(dice: &mut StdRng, is_twilio: bool) -> Answer {
    let refuses = |africastalking, twilio| {
        Answer::Refuses(if is_twilio { twilio } else { africastalking }, "")
    };
    match dice.random_range(0..14) {
        0..4 => Answer::Accepts,
        4 | 5 => Answer::Says(500, "?"),
        6 => Answer::Never,
        7 => Answer::Says(201, "{"),
        8 => Answer::Says(429, ""),
        9 => refuses(407, 21408),
        10 => refuses(401, 20003),
        11 => refuses(499, 30007),
        12 => Answer::Says(400, "?"),
        _ => match dice.random_range(0..8) {
            0 => refuses(403, 21211),
            1 => refuses(406, 21610),
            _ => Answer::Accepts,
        },
    }
}

/// A report on some id we were given, on one we were not, or on none.
async fn report_something(world: &World, dice: &mut StdRng) {
    let known: Vec<(String, Option<String>, String)> = sqlx::query_as(
        "select send_attempt.provider, send_attempt.provider_message_id, msisdn
         from send_attempt join outbox on outbox.id = message_id where handed_at is not null",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    for _ in 0..dice.random_range(0..4) {
        let Some((provider, id, msisdn)) = known.choose(dice) else {
            return;
        };
        let says = *[
            Says::Underway,
            Says::Delivered,
            Says::Failed,
            Says::FailedHere,
            Says::Unclear,
        ]
        .choose(dice)
        .unwrap();
        let report = Report {
            provider: Carrier::parse(provider).unwrap(),
            provider_message_id: id
                .clone()
                .unwrap_or_else(|| format!("late-{}", dice.random_range(0..1000))),
            msisdn: Some(Msisdn::parse(msisdn).unwrap()),
            status: format!("{says:?}"),
            reason: None,
            says,
            fields: serde_json::json!({}),
        };
        let mut conn = world.pool.acquire().await.unwrap();
        let applied = reports::receive(&mut conn, &report, world.clock.now()).await;
        applied.unwrap();
    }
}

async fn never_twice(world: &World, seed: u64) {
    // The database refuses to queue again what may have been sent, so that a drain would fail; this looks at what left us.
    // Only who was told that it had failed may have said it again.
    let twice: i64 = sqlx::query_scalar(
        "select count(*) from (
            select message_id from send_attempt join outbox on outbox.id = message_id
            where class <> 'emergency' and outcome in ('accepted', 'unknown')
              and message_id not in (select message_id from delivery_report
                                     where message_id is not null and says in ('failed', 'failed_here'))
            group by message_id having count(*) > 1) as twice",
    )
    .fetch_one(&world.pool)
    .await
    .unwrap();
    assert_eq!(twice, 0, "seed {seed}: messages were said twice");
    let most: Option<i64> = sqlx::query_scalar(
        "select max(copies) from (select count(*) as copies from send_attempt
         where outcome in ('accepted', 'unknown') group by message_id) as all_copies",
    )
    .fetch_one(&world.pool)
    .await
    .unwrap();
    // The delivery clock adds one, and each provider that failed makes room for another.
    let max = COPIES_MAX as i64 + 1 + 2;
    assert!(most.unwrap_or(0) <= max, "seed {seed}: {most:?} copies");
}
