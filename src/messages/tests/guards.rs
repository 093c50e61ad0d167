//! What is not said, or not yet: quiet hours, ceilings, STOP and START.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::messages::testing::{World, to_amina};
use crate::messages::*;

#[sqlx::test]
async fn what_can_wait_waits_for_the_morning_and_the_rest_is_said_at_night(pool: PgPool) {
    let world = World::new(pool).await;
    // From nine in the morning to eleven at night in Nairobi.
    world.pass(14 * 3600);
    let waiting = Message {
        template: "member.approved",
        values: Values::new()
            .words("name", "Amina")
            .words("stage", "Kencom"),
        ..to_amina(Class::Service)
    };
    let waiting = world.say(waiting).await;
    let promotion = world.say(to_amina(Class::Promotion)).await;
    let mut at_once = Vec::new();
    for class in [Class::Service, Class::Money, Class::Emergency] {
        at_once.push(world.say(to_amina(class)).await);
    }
    assert_eq!(world.drain().await, 3);
    for id in at_once {
        assert_eq!(world.state(id).await, "sent");
    }
    let until = |id: MessageId| {
        sqlx::query_scalar::<_, DateTime<Utc>>(
            "select not_before from outbox where id = $1 and state = 'queued'",
        )
        .bind(id.0)
        .fetch_one(&world.pool)
    };
    let morning: DateTime<Utc> = "2026-11-21T04:00:00Z".parse().unwrap();
    assert_eq!(until(waiting).await.unwrap(), morning);
    assert_eq!(until(promotion).await.unwrap(), morning);
    world.pass(8 * 3600 - 1);
    assert_eq!(world.drain().await, 0);
    world.pass(1);
    assert_eq!(world.drain().await, 2);
}

#[sqlx::test]
async fn a_ceiling_holds_within_one_claim_and_is_seen(pool: PgPool) {
    let world = World::new(pool).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(world.say(to_amina(Class::Promotion)).await);
    }
    let stop = CancellationToken::new();
    let sending = tokio::spawn(world.sender.clone().run(stop.clone()));
    world.provider.until_called(3).await;
    let is_over = async || {
        let left: i64 =
            sqlx::query_scalar("select count(*) from outbox where state in ('queued', 'sending')")
                .fetch_one(&world.pool)
                .await
                .unwrap();
        left == 0
    };
    while !is_over().await {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    sending.await.unwrap();
    let mut held_back = 0;
    for id in ids {
        let row = world.row(id).await;
        if row.state == "failed" {
            held_back += 1;
            assert_eq!(
                row.why.as_deref(),
                Some("too many to this phone within a day")
            );
        }
    }
    assert_eq!((world.provider.calls().len(), held_back), (3, 2));
}

#[sqlx::test]
async fn stop_and_start_are_kept_with_time_and_source(pool: PgPool) {
    let world = World::new(pool).await;
    let amina = to_amina(Class::Promotion).to;
    let mut conn = world.pool.acquire().await.unwrap();
    for _ in 0..2 {
        opt_out(&mut conn, &amina, world.clock.now(), "sms")
            .await
            .unwrap();
        world.pass(60);
    }
    for _ in 0..2 {
        opt_in(&mut conn, &amina, world.clock.now(), "sms")
            .await
            .unwrap();
        world.pass(60);
    }
    opt_out(
        &mut conn,
        &amina,
        world.clock.now(),
        "opt-out from KWASTAGE",
    )
    .await
    .unwrap();
    let kept: Vec<(bool, String, DateTime<Utc>)> =
        sqlx::query_as("select wants, source, at from opt_change order by id")
            .fetch_all(&world.pool)
            .await
            .unwrap();
    let at = |minute: i64| world.clock.now() - TimeDelta::minutes(4 - minute);
    assert_eq!(
        kept,
        [
            (false, "sms".to_owned(), at(0)),
            (true, "sms".to_owned(), at(2)),
            (false, "opt-out from KWASTAGE".to_owned(), at(4)),
        ]
    );
}
