//! Two providers, one of them on its worst day.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::Notify;

use crate::messages::reports::{self, Report, Says};
use crate::messages::testing::{Answer, World, to_amina};
use crate::messages::*;
use crate::primitives::Carrier;

async fn report(world: &World, provider: Carrier, id: &str, says: Says) -> reports::Applied {
    let report = Report {
        provider,
        provider_message_id: id.into(),
        msisdn: Some(to_amina(Class::Money).to),
        status: format!("{says:?}"),
        reason: Some("code 30003".into()).filter(|_| says == Says::FailedHere),
        says,
        fields: serde_json::json!({}),
    };
    let mut conn = world.pool.acquire().await.unwrap();
    reports::receive(&mut conn, &report, world.clock.now())
        .await
        .unwrap()
}

/// How many messages each of the two has been handed.
fn calls(world: &World) -> (usize, usize) {
    (world.provider.calls().len(), world.second.calls().len())
}

#[sqlx::test]
async fn what_one_provider_refuses_for_now_goes_through_the_next_at_once(pool: PgPool) {
    for class in [Class::Emergency, Class::Money, Class::Promotion] {
        for (answer, passes) in [
            (Answer::Refuses(401, "RiskHold"), true),
            (Answer::Refuses(405, "InsufficientBalance"), true),
            (Answer::Refuses(407, "CouldNotRoute"), true),
            (
                Answer::Says(401, "The supplied authentication is invalid"),
                true,
            ),
            (Answer::Says(429, ""), true),
            (Answer::Says(400, "odd"), true),
            (Answer::Refuses(403, "InvalidPhoneNumber"), false),
            (Answer::Refuses(406, "UserInBlacklist"), false),
        ] {
            sqlx::query("truncate outbox, send_attempt, delivery_report, opt_out")
                .execute(&pool)
                .await
                .unwrap();
            let world = World::with_two(pool.clone()).await;
            world.provider.will(answer);
            let id = world.say(to_amina(class)).await;
            world.drain().await;
            let row = world.row(id).await;
            let state = if passes { "sent" } else { "failed" };
            assert_eq!(row.state, state, "{class:?} {row:?}");
            assert_eq!(calls(&world), (1, usize::from(passes)), "{row:?}");
        }
    }
}

#[sqlx::test]
async fn t03_who_has_opted_out_at_twilio_has_opted_out_with_us(pool: PgPool) {
    let world = World::with_two(pool).await;
    world.provider.will(Answer::Refuses(407, "CouldNotRoute"));
    world.second.will(Answer::Refuses(21610, ""));
    let id = world.say(to_amina(Class::Service)).await;
    assert_eq!(world.drain().await, 2);
    let row = world.row(id).await;
    assert_eq!(
        (row.state.as_str(), row.why.as_deref()),
        ("failed", Some("blocked by the receiver"))
    );
    world.pass(3600);
    assert_eq!(world.drain().await, 0, "never again");
    let mut conn = world.pool.acquire().await.unwrap();
    let amina = to_amina(Class::Service).to;
    assert!(is_opted_out(&mut conn, &amina).await.unwrap());
}

#[sqlx::test]
async fn an_outcome_in_doubt_is_said_by_the_next_provider_only_if_it_is_an_alert(pool: PgPool) {
    let world = World::with_two_waiting(pool, Duration::from_millis(50)).await;
    for answer in [
        Answer::Says(500, "?"),
        Answer::Never,
        Answer::Says(201, "{"),
    ] {
        world.provider.will_always(answer.clone());
        let before = calls(&world).1;
        let money = world.say(to_amina(Class::Money)).await;
        let alert = world.say(to_amina(Class::Emergency)).await;
        assert_eq!(world.drain().await, 2);
        assert_eq!(calls(&world).1, before, "five seconds for a report first");
        world.pass(5);
        assert_eq!(world.drain().await, 1);
        let told = &world.second.calls()[before];
        assert_eq!(told["To"], "+254711000001");
        assert_eq!(told["Body"], world.provider.calls()[0]["message"]);
        assert_eq!(
            told["StatusCallback"],
            "https://hooks.kwastage.example/t/7c1f/sms-status"
        );
        assert_eq!(world.state(alert).await, "sent");
        assert_eq!(world.state(money).await, "unknown");
        world.pass(60);
        world.drain().await;
        assert_eq!(calls(&world).1, before + 1);
    }
}

#[sqlx::test]
async fn an_alert_waits_for_no_answer_but_a_late_one_still_names_it(pool: PgPool) {
    let world = World::with_two(pool).await;
    let go_on = Arc::new(Notify::new());
    world.provider.will(Answer::AcceptsAfter(go_on.clone()));
    let id = world.say(to_amina(Class::Emergency)).await;
    assert_eq!(world.drain().await, 1);
    assert_eq!(world.state(id).await, "queued");
    world.pass(5);
    assert_eq!(world.drain().await, 1);
    assert_eq!(world.row(id).await.provider_message_id.unwrap(), "SM_1");
    go_on.notify_one();
    let noted = "select count(*) from send_attempt where outcome = 'accepted'";
    while sqlx::query_scalar::<_, i64>(noted)
        .fetch_one(&world.pool)
        .await
        .unwrap()
        < 2
    {
        tokio::task::yield_now().await;
    }
    let told = report(&world, Carrier::AfricasTalking, "ATXid_1", Says::Delivered).await;
    assert_eq!(told, reports::Applied::Moved(id));
    assert_eq!(world.state(id).await, "delivered");
    let told = report(&world, Carrier::Twilio, "SM_1", Says::Failed).await;
    assert_eq!(told, reports::Applied::Unchanged);
    assert_eq!(world.state(id).await, "delivered", "final");
}

#[sqlx::test]
async fn an_alert_nobody_confirms_is_said_once_more_by_the_next_provider(pool: PgPool) {
    let world = World::with_two(pool).await;
    let id = world.say(to_amina(Class::Emergency)).await;
    let money = world.say(to_amina(Class::Money)).await;
    world.drain().await;
    assert_eq!(calls(&world), (2, 0));
    // On its way is not arrived.
    report(&world, Carrier::AfricasTalking, "ATXid_1", Says::Underway).await;
    world.pass(29);
    assert_eq!(world.drain().await, 0);
    world.pass(1);
    assert_eq!(world.drain().await, 1);
    assert_eq!(calls(&world), (2, 1));
    let texts = (&world.provider.calls()[0], &world.second.calls()[0]);
    assert_eq!(texts.0["message"], texts.1["Body"]);
    world.pass(3600);
    assert_eq!(world.drain().await, 0, "once");
    assert_eq!(world.state(id).await, "sent");
    assert_eq!(world.state(money).await, "sent");
    report(&world, Carrier::Twilio, "SM_1", Says::Delivered).await;
    assert_eq!(world.state(id).await, "delivered");
    world.pass(24 * 3600);
    world.drain().await;
    let row = world.row(money).await;
    assert_eq!(
        (row.state.as_str(), row.why.as_deref()),
        ("failed", Some("accepted, and never reported on"))
    );
    report(&world, Carrier::AfricasTalking, "ATXid_2", Says::Delivered).await;
    assert_eq!(world.state(money).await, "delivered", "after all");
}

#[sqlx::test]
async fn an_alert_confirmed_in_time_is_said_once(pool: PgPool) {
    let world = World::with_two(pool).await;
    let id = world.say(to_amina(Class::Emergency)).await;
    world.drain().await;
    world.pass(29);
    report(&world, Carrier::AfricasTalking, "ATXid_1", Says::Delivered).await;
    world.pass(3600);
    assert_eq!(world.drain().await, 0);
    assert_eq!(world.state(id).await, "delivered");
}

#[sqlx::test]
async fn with_one_provider_an_alert_nobody_confirms_stays_as_it_is(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.say(to_amina(Class::Emergency)).await;
    world.drain().await;
    world.pass(60);
    assert_eq!(world.drain().await, 0);
    assert_eq!(world.state(id).await, "sent");
}

#[sqlx::test]
async fn a_failed_delivery_goes_to_the_next_provider_when_that_may_help(pool: PgPool) {
    for (class, says, next) in [
        (Class::Money, Says::FailedHere, true),
        (Class::Money, Says::Failed, false),
        (Class::Money, Says::Blocked, false),
        (Class::Emergency, Says::FailedHere, true),
        (Class::Emergency, Says::Failed, true),
        (Class::Emergency, Says::Blocked, false),
    ] {
        sqlx::query("truncate outbox, send_attempt, delivery_report, opt_out")
            .execute(&pool)
            .await
            .unwrap();
        let world = World::with_two(pool.clone()).await;
        let id = world.say(to_amina(class)).await;
        world.drain().await;
        report(&world, Carrier::AfricasTalking, "ATXid_1", says).await;
        assert_eq!(world.drain().await, usize::from(next), "{class:?} {says:?}");
        let state = if next { "sent" } else { "failed" };
        assert_eq!(world.state(id).await, state, "{class:?} {says:?}");
        if next {
            report(&world, Carrier::Twilio, "SM_1", says).await;
            assert_eq!(world.drain().await, 0, "nobody is left");
            assert_eq!(world.state(id).await, "failed");
            assert!(world.row(id).await.why.is_some());
        }
        report(&world, Carrier::AfricasTalking, "ATXid_1", Says::Delivered).await;
        assert_eq!(world.state(id).await, "delivered", "it did arrive");
    }
}

#[sqlx::test]
async fn a_dead_provider_is_passed_over_and_taken_back_by_itself(pool: PgPool) {
    let world = World::with_two(pool).await;
    world.provider.will_always(Answer::Says(500, "?"));
    for _ in 0..3 {
        world.say(to_amina(Class::Service)).await;
    }
    assert_eq!(world.drain().await, 3);
    for _ in 0..5 {
        world.say(to_amina(Class::Service)).await;
    }
    assert_eq!(world.drain().await, 5);
    assert_eq!(
        calls(&world),
        (3, 5),
        "the others go through the next at once"
    );
    // Lanes learn each for itself.
    world.say(to_amina(Class::Money)).await;
    world.drain().await;
    assert_eq!(calls(&world), (4, 5));

    world.pass(5);
    for _ in 0..4 {
        world.say(to_amina(Class::Service)).await;
    }
    world.drain().await;
    assert_eq!(calls(&world), (5, 8), "one is the probe");
    world.provider.will_always(Answer::Accepts);
    world.pass(10);
    for _ in 0..4 {
        world.say(to_amina(Class::Service)).await;
    }
    world.drain().await;
    assert_eq!(calls(&world), (9, 8), "back");
}

#[sqlx::test]
async fn while_nobody_works_messages_wait_and_alerts_go_on_trying(pool: PgPool) {
    let world = World::with_two(pool).await;
    for provider in [&world.provider, &world.second] {
        provider.will_always(Answer::Says(429, ""));
    }
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(world.say(to_amina(Class::Money)).await);
    }
    world.drain().await;
    assert_eq!(
        calls(&world),
        (3, 3),
        "neither is stormed: three failures are enough"
    );
    let alert = world.say(to_amina(Class::Emergency)).await;
    for _ in 0..12 {
        world.drain().await;
        world.pass(5);
    }
    assert!(
        calls(&world).0 > 10,
        "an alert is tried whatever we believe: {:?}",
        calls(&world)
    );
    for provider in [&world.provider, &world.second] {
        provider.will_always(Answer::Accepts);
    }
    world.pass(5);
    world.drain().await;
    assert_eq!(world.state(alert).await, "sent");
    for _ in 0..30 {
        world.pass(60);
        world.drain().await;
    }
    for id in ids {
        assert_eq!(world.state(id).await, "sent");
    }
}

#[sqlx::test]
async fn one_id_for_two_messages_proves_nothing_for_the_second(pool: PgPool) {
    let world = World::with_two(pool).await;
    let same = r#"{"SMSMessageData":{"Message":"Sent","Recipients":[{"cost":"KES 0.8000","messageId":"ATXid_same","number":"+254711000001","status":"Success","statusCode":102}]}}"#;
    world.provider.will_always(Answer::Says(201, same));
    let first = world.say(to_amina(Class::Money)).await;
    let second = world.say(to_amina(Class::Money)).await;
    assert_eq!(world.drain().await, 2);
    assert_eq!(world.state(first).await, "sent");
    assert_eq!(world.state(second).await, "unknown");
    report(
        &world,
        Carrier::AfricasTalking,
        "ATXid_same",
        Says::Delivered,
    )
    .await;
    assert_eq!(world.state(first).await, "delivered");
    world.pass(3600);
    assert_eq!(world.drain().await, 0);
}

#[sqlx::test]
async fn nothing_waits_for_the_poll_when_the_next_provider_is_due_at_once(pool: PgPool) {
    let world = World::with_two(pool).await;
    world
        .provider
        .will_always(Answer::Refuses(405, "InsufficientBalance"));
    let stop = tokio_util::sync::CancellationToken::new();
    let sending = tokio::spawn(world.sender.clone().run(stop.clone()));
    let began = std::time::Instant::now();
    for number in 1..=3 {
        world.say(to_amina(Class::Emergency)).await;
        world.second.until_called(number).await;
    }
    // A machine full of tests is slow, but three polls take three seconds at least.
    assert!(began.elapsed() < Duration::from_secs(3));
    stop.cancel();
    sending.await.unwrap();
}
