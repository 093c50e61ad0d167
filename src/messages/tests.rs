use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::testing::{Answer, World, to_amina};
use super::*;
use crate::primitives::{Carrier, Language, Money, Msisdn};

mod crowds;
mod guards;
mod lanes;
mod sequences;

#[sqlx::test]
async fn a_message_is_made_sent_and_written_down(pool: PgPool) {
    let world = World::new(pool).await;
    let message = Message {
        language: Language::SWAHILI,
        template: "payment.low_balance",
        values: Values::new().money("amount", Money::from_shillings(200)),
        ..to_amina(Class::Money)
    };
    let id = world.say(message).await;
    assert_eq!(world.state(id).await, "queued");
    assert_eq!(world.drain().await, 1);
    let call = &world.provider.calls()[0];
    for (name, value) in [
        ("username", "kwastage"),
        ("to", "+254711000001"),
        (
            "message",
            "Haijalipwa: salio lako la M-PESA halitoshi KES 200. Ongeza pesa kisha piga *384*123# ujaribu tena.",
        ),
        ("from", "KWASTAGE"),
        ("bulkSMSMode", "1"),
        ("enqueue", "1"),
        ("apiKey", "atsk_test"),
        ("Accept", "application/json"),
    ] {
        assert_eq!(call[name], value);
    }
    let row = sqlx::query!("select state, text, segments, cost_cents from outbox")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(row.state, "sent");
    assert_eq!(row.text.as_deref(), Some(call["message"].as_str()));
    assert_eq!((row.segments, row.cost_cents), (Some(1), Some(80)));
    let attempt =
        sqlx::query!("select number, provider, outcome, provider_message_id from send_attempt")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(
        (attempt.number, attempt.provider.as_str()),
        (1, "africastalking")
    );
    assert_eq!(attempt.outcome.as_deref(), Some("accepted"));
    assert_eq!(attempt.provider_message_id.as_deref(), Some("ATXid_1"));
    assert_eq!(world.drain().await, 0);
}

#[sqlx::test]
async fn one_key_is_one_message_and_a_deed_that_failed_says_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    let keyed = || Message {
        key: Some("obligation:7".into()),
        ..to_amina(Class::Money)
    };
    let first = world.say(keyed()).await;
    assert_eq!(world.say(keyed()).await, first);
    let mut failed = world.work().await;
    send(&mut failed, to_amina(Class::Money)).await.unwrap();
    drop(failed);
    assert_eq!(world.drain().await, 1);
}

#[sqlx::test]
async fn the_urgent_goes_first_and_each_in_its_time(pool: PgPool) {
    let world = World::new(pool).await;
    let later = Message {
        not_before: Some(world.clock.now() + TimeDelta::seconds(10)),
        ..to_amina(Class::Emergency)
    };
    let stale = Message {
        not_after: Some(world.clock.now() - TimeDelta::seconds(1)),
        ..to_amina(Class::Money)
    };
    let mut ids = Vec::new();
    for class in [
        Class::Promotion,
        Class::Service,
        Class::Emergency,
        Class::Money,
    ] {
        ids.push(world.say(to_amina(class)).await);
    }
    let (later, stale) = (world.say(later).await, world.say(stale).await);
    assert_eq!(world.drain().await, 4);
    let mut sent = Vec::new();
    for id in ids {
        sent.push(world.row(id).await.provider_message_id.unwrap());
    }
    assert_eq!(sent, ["ATXid_4", "ATXid_3", "ATXid_1", "ATXid_2"]);
    assert_eq!(world.state(stale).await, "expired");
    assert_eq!(world.state(later).await, "queued");
    world.pass(10);
    assert_eq!(world.drain().await, 1);
    assert_eq!(world.state(later).await, "sent");
}

#[sqlx::test]
async fn a_refused_sender_name_is_left_out_once(pool: PgPool) {
    let world = World::new(pool).await;
    let no_such_name = Answer::Says(
        201,
        r#"{"SMSMessageData":{"Message":"InvalidSenderId","Recipients":[]}}"#,
    );
    world.provider.will(no_such_name.clone());
    let id = world.say(to_amina(Class::Service)).await;
    assert_eq!(world.drain().await, 2);
    let named: Vec<_> = world
        .provider
        .calls()
        .iter()
        .map(|call| call.contains_key("from"))
        .collect();
    assert_eq!(named, [true, false]);
    assert_eq!(world.state(id).await, "sent");
    world.provider.will_always(no_such_name);
    let id = world.say(to_amina(Class::Service)).await;
    assert_eq!(world.drain().await, 2);
    assert_eq!(world.state(id).await, "failed");
}

#[sqlx::test]
async fn an_unknown_outcome_is_not_said_again_and_a_report_resolves_it(pool: PgPool) {
    let world = World::waiting(pool, Duration::from_millis(50)).await;
    for answer in [
        Answer::Never,
        Answer::Says(502, "<html>bad gateway</html>"),
        Answer::Says(201, "{"),
    ] {
        world.provider.will(answer);
    }
    let mut ids = Vec::new();
    for class in [Class::Money, Class::Service, Class::Promotion] {
        ids.push(world.say(to_amina(class)).await);
    }
    assert_eq!(world.drain().await, 3);
    world.pass(3600);
    assert_eq!(world.drain().await, 0);
    for id in &ids {
        assert_eq!(world.state(*id).await, "unknown");
    }
    let report = reports::Report {
        provider: Carrier::AfricasTalking,
        provider_message_id: "ATXid_late".into(),
        msisdn: Some(to_amina(Class::Money).to),
        status: "Success".into(),
        reason: None,
        says: reports::Says::Delivered,
        fields: serde_json::json!({}),
    };
    let mut conn = world.pool.acquire().await.unwrap();
    let applied = reports::receive(&mut conn, &report, world.clock.now())
        .await
        .unwrap();
    assert_eq!(applied, reports::Applied::Parked);
    world.drain().await;
    assert_eq!(
        world.state(ids[0]).await,
        "unknown",
        "an answer on its way may still bring the id"
    );
    world.pass(60);
    world.drain().await;
    assert_eq!(
        world.state(ids[0]).await,
        "delivered",
        "the report is taken for the oldest"
    );
    assert_eq!(world.state(ids[1]).await, "unknown");
    world.pass(24 * 3600);
    world.drain().await;
    assert_eq!(
        world.state(ids[1]).await,
        "failed",
        "nobody will tell us any more"
    );
}

#[sqlx::test]
async fn an_alert_without_an_answer_is_said_again_but_not_for_ever(pool: PgPool) {
    let world = World::new(pool).await;
    world.provider.will_always(Answer::Says(500, "?"));
    let id = world.say(to_amina(Class::Emergency)).await;
    for _ in 0..4 {
        assert_eq!(world.drain().await, 1);
        assert_eq!(world.drain().await, 0, "five seconds in between");
        world.pass(5);
    }
    assert_eq!(world.drain().await, 0);
    assert_eq!(world.row(id).await.attempts, 4);
    assert_eq!(world.state(id).await, "unknown");
}

#[sqlx::test]
async fn definite_refusals_end_a_message_or_make_it_wait(pool: PgPool) {
    let world = World::new(pool).await;
    for (answer, state) in [
        (Answer::Refuses(406, "UserInBlacklist"), "failed"),
        (Answer::Refuses(403, "InvalidPhoneNumber"), "failed"),
        (
            Answer::Says(400, "Request is missing required form field 'to'"),
            "failed",
        ),
        (Answer::Refuses(405, "InsufficientBalance"), "queued"),
        (Answer::Refuses(407, "CouldNotRoute"), "queued"),
        (
            Answer::Says(401, "The supplied authentication is invalid"),
            "queued",
        ),
        (Answer::Says(429, "{\"error\":\"failed\"}"), "queued"),
    ] {
        world.provider.will(answer);
        let id = world.say(to_amina(Class::Service)).await;
        world.drain().await;
        let row = world.row(id).await;
        assert_eq!(row.state, state, "{row:?}");
    }
    let calls = world.provider.calls().len();
    world.pass(1);
    world.drain().await;
    assert_eq!(
        world.provider.calls().len(),
        calls + 1,
        "throttled: a second later"
    );
    world.pass(29);
    world.drain().await;
    assert_eq!(
        world.provider.calls().len(),
        calls + 4,
        "a provider in trouble: half a minute later"
    );
}

#[sqlx::test]
async fn a_provider_that_is_not_reached_costs_nothing_but_time(pool: PgPool) {
    let world = World::cut_off(pool).await;
    let id = world.say(to_amina(Class::Money)).await;
    assert_eq!(world.drain().await, 1);
    let row = world.row(id).await;
    assert_eq!(
        (row.state.as_str(), row.why.as_deref()),
        ("queued", Some("the provider was not reached"))
    );
    world.pass(3 * 24 * 3600 + 1);
    assert_eq!(world.drain().await, 0);
    assert_eq!(world.state(id).await, "expired");
}

#[sqlx::test]
async fn what_a_dead_sender_may_have_sent_is_said_again_only_if_it_is_an_alert(pool: PgPool) {
    for (class, tries, state) in [
        (Class::Emergency, 1, "sent"),
        (Class::Money, 0, "unknown"),
        (Class::Promotion, 0, "unknown"),
    ] {
        let world = World::new(pool.clone()).await;
        world.provider.will(Answer::Never);
        let id = world.say(to_amina(class)).await;
        tokio::select! {
            _ = world.drain() => unreachable!("the provider does not answer"),
            () = world.provider.until_called(1) => {}
        }
        assert_eq!(world.drain().await, 0, "the lease is still another's");
        world.pass(60);
        assert_eq!(world.drain().await, tries);
        assert_eq!(world.state(id).await, state);
        let lost = sqlx::query_scalar!(
            "select outcome from send_attempt where message_id = $1 and number = 1",
            id.0
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        assert_eq!(lost.as_deref(), Some("lost"));
    }
}

#[sqlx::test]
async fn an_answer_that_comes_after_the_lease_is_still_an_answer(pool: PgPool) {
    let world = World::new(pool).await;
    let go_on = Arc::new(Notify::new());
    world.provider.will(Answer::AcceptsAfter(go_on.clone()));
    let id = world.say(to_amina(Class::Money)).await;
    let slow = tokio::spawn({
        let sender = world.sender.clone();
        async move { sender.drain_due().await.unwrap() }
    });
    world.provider.until_called(1).await;
    world.pass(60);
    assert_eq!(world.drain().await, 0, "it may have been sent");
    assert_eq!(world.state(id).await, "unknown");
    go_on.notify_one();
    slow.await.unwrap();
    let row = world.row(id).await;
    assert_eq!(
        (row.state.as_str(), row.provider_message_id.as_deref()),
        ("sent", Some("ATXid_1")),
        "better late than never"
    );
}

#[sqlx::test]
async fn what_a_dead_sender_had_not_handed_over_yet_is_said_again(pool: PgPool) {
    let world = World::throttled(pool).await;
    world.say(to_amina(Class::Money)).await;
    let waiting = world.say(to_amina(Class::Money)).await;
    let claimed = async {
        while world.state(waiting).await != "sending" {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = world.drain() => unreachable!("the second one waits for its turn"),
        () = claimed => {}
    }
    world.pass(60);
    assert_eq!(world.drain().await, 1);
    assert_eq!(world.state(waiting).await, "sent");
    assert_eq!(world.provider.calls().len(), 2);
}

#[sqlx::test]
async fn nothing_stands_between_an_emergency_and_the_provider(pool: PgPool) {
    let world = World::new(pool).await;
    world.provider.will_always(Answer::Never);
    for number in 0..50 {
        let message = Message {
            to: Msisdn::parse(&format!("2547800000{number:02}")).unwrap(),
            ..to_amina(Class::Promotion)
        };
        world.say(message).await;
    }
    let stop = CancellationToken::new();
    let sending = tokio::spawn(world.sender.clone().run(stop.clone()));
    world.provider.until_called(16).await;
    world.provider.will_always(Answer::Accepts);
    let alert = world.say(to_amina(Class::Emergency)).await;
    world.provider.until_called(17).await;
    let lane_is_full = sqlx::query_scalar!(
        "select count(*) from outbox where class = 'promotion' and state = 'sending'"
    )
    .fetch_one(&world.pool)
    .await
    .unwrap();
    assert_eq!(lane_is_full, Some(16), "the promotions wait for each other");
    while world.state(alert).await != "sent" {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    sending.abort();
}

#[sqlx::test]
async fn two_senders_share_the_outbox_and_stop_when_told(pool: PgPool) {
    let world = World::new(pool).await;
    for class in [Class::Money, Class::Service] {
        for _ in 0..30 {
            world.say(to_amina(class)).await;
        }
    }
    let stop = CancellationToken::new();
    let senders = [(); 2].map(|()| tokio::spawn(world.sender.clone().run(stop.clone())));
    world.provider.until_called(60).await;
    stop.cancel();
    for sender in senders {
        sender.await.unwrap();
    }
    assert_eq!(world.provider.calls().len(), 60);
    let sent = sqlx::query_scalar!(
        "select count(distinct provider_message_id) from send_attempt where outcome = 'accepted'"
    )
    .fetch_one(&world.pool)
    .await
    .unwrap();
    assert_eq!(sent, Some(60));
}

#[sqlx::test]
async fn promotions_respect_a_stop_and_everything_else_still_comes(pool: PgPool) {
    let world = World::new(pool).await;
    let amina = to_amina(Class::Promotion).to;
    let mut conn = world.pool.acquire().await.unwrap();
    opt_out(&mut conn, &amina, world.clock.now(), "sms STOP")
        .await
        .unwrap();
    assert!(is_opted_out(&mut conn, &amina).await.unwrap());
    let promotion = world.say(to_amina(Class::Promotion)).await;
    world.say(to_amina(Class::Service)).await;
    assert_eq!(world.drain().await, 1);
    assert_eq!(world.state(promotion).await, "failed");
    opt_in(&mut conn, &amina, world.clock.now(), "sms START")
        .await
        .unwrap();
    world.say(to_amina(Class::Promotion)).await;
    assert_eq!(world.drain().await, 1);
}

#[sqlx::test]
async fn a_phone_is_not_flooded_but_always_told_of_its_money(pool: PgPool) {
    let world = World::new(pool).await;
    for (class, sent) in [
        (Class::Promotion, 3),
        (Class::Service, 40),
        (Class::Money, 45),
    ] {
        for _ in 0..45 {
            world.say(to_amina(class)).await;
        }
        assert_eq!(world.drain().await, sent, "{class:?}");
    }
    world.pass(24 * 3600);
    world.say(to_amina(Class::Promotion)).await;
    assert_eq!(world.drain().await, 1);
}

#[sqlx::test]
async fn an_outcome_is_written_down_though_the_database_stumbles(pool: PgPool) {
    let world = World::new(pool).await;
    // The first two tries meet a serialisation failure; a sequence is not rolled back with them.
    sqlx::raw_sql(
        "create sequence stumbled;
         create function stumble() returns trigger language plpgsql as $$ begin
            if nextval('stumbled') <= 2 then raise exception 'stumble' using errcode = '40001'; end if;
            return new; end $$;
         create trigger stumble before update on outbox for each row when (new.state = 'sent') execute function stumble()",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    let id = world.say(to_amina(Class::Money)).await;
    assert_eq!(world.drain().await, 1);
    assert_eq!(world.state(id).await, "sent");
    assert_eq!(world.provider.calls().len(), 1);
}

/// A sender dies at every third message, between handing over and writing down.
#[sqlx::test]
async fn no_message_is_sent_twice_however_often_senders_die(pool: PgPool) {
    let world = World::new(pool).await;
    let mut ids = Vec::new();
    for _ in 0..30 {
        ids.push(world.say(to_amina(Class::Money)).await);
    }
    for _ in 0..10 {
        let before = world.provider.calls().len();
        for answer in [Answer::Accepts, Answer::Accepts, Answer::Never] {
            world.provider.will(answer);
        }
        tokio::select! {
            _ = world.drain() => unreachable!("the third is not answered"),
            () = world.provider.until_called(before + 3) => {}
        }
    }
    world.pass(60);
    assert_eq!(world.drain().await, 0);
    let mut states = std::collections::BTreeMap::new();
    for id in ids {
        *states.entry(world.state(id).await).or_insert(0) += 1;
    }
    assert_eq!(states["sent"], 20);
    assert_eq!(states["unknown"], 10, "a report will tell");
    assert_eq!(world.provider.calls().len(), 30);
}

#[sqlx::test]
async fn a_message_that_cannot_be_made_fails_and_holds_up_nobody(pool: PgPool) {
    let world = World::new(pool).await;
    let no_template = Message {
        template: "help.gone",
        ..to_amina(Class::Money)
    };
    let broken = world.say(no_template).await;
    sqlx::query!(
        "insert into outbox (id, msisdn, language, class, template, fills, created_at, not_before, not_after, changed_at)
         select gen_random_uuid(), msisdn, language, class, 'help.menu', '[1]', created_at, not_before, not_after, changed_at from outbox"
    )
    .execute(&world.pool)
    .await
    .unwrap();
    let fine = world.say(to_amina(Class::Money)).await;
    assert_eq!(world.drain().await, 1);
    let row = world.row(broken).await;
    assert_eq!(
        (row.state.as_str(), row.why.as_deref()),
        ("failed", Some("there is no message help.gone"))
    );
    assert_eq!(world.state(fine).await, "sent");
}

#[sqlx::test]
async fn the_database_itself_lets_no_message_go_back_or_change(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.say(to_amina(Class::Money)).await;
    world.drain().await;
    let attack = async |change: &str| {
        let change = format!("update outbox set {change} where id = $1");
        let refusal = sqlx::query(sqlx::AssertSqlSafe(change))
            .bind(id.0)
            .execute(&world.pool)
            .await;
        refusal
            .err()
            .and_then(|error| Some(error.as_database_error()?.constraint()?.to_owned()))
    };
    for (back, rule) in [
        ("queued", "outbox_once"),
        ("expired", "outbox_forward"),
        ("unknown", "outbox_forward"),
    ] {
        let refusal = attack(&format!("state = '{back}'")).await;
        assert_eq!(refusal.as_deref(), Some(rule), "sent -> {back}");
    }
    for change in [
        "text = 'You won'",
        "msisdn = '254711000002'",
        "fills = '{\"a\":{\"count\":1}}'",
        "key = 'k'",
    ] {
        assert_eq!(
            attack(change).await.as_deref(),
            Some("outbox_unchanged"),
            "{change}"
        );
    }
    assert_eq!(attack("state = 'delivered'").await, None);
    for back in ["sent", "failed", "queued"] {
        let refusal = attack(&format!("state = '{back}'")).await;
        assert_eq!(
            refusal.as_deref(),
            Some("outbox_forward"),
            "delivered -> {back}"
        );
    }
}

#[sqlx::test]
async fn lanes_tell_how_they_stand(pool: PgPool) {
    let world = World::new(pool).await;
    world.say(to_amina(Class::Money)).await;
    world.say(to_amina(Class::Money)).await;
    world.pass(7);
    let mut conn = world.pool.acquire().await.unwrap();
    let lanes = lane_stats(&mut conn, world.clock.now()).await.unwrap();
    assert_eq!(
        lanes.iter().map(|lane| lane.class).collect::<Vec<_>>(),
        Class::ALL
    );
    let money = LaneStats {
        class: Class::Money,
        queued: 2,
        due: 2,
        again: 0,
        sending: 0,
        unknown: 0,
        oldest_due_seconds: 7,
    };
    assert_eq!(lanes[1], money);
    assert!(lanes.iter().all(|lane| !lane.is_held_up()));
    world.pass(60);
    let held_up = async |conn: &mut sqlx::PgConnection| {
        let lanes = lane_stats(conn, world.clock.now()).await.unwrap();
        lanes.iter().filter(|lane| lane.is_held_up()).count()
    };
    assert_eq!(held_up(&mut conn).await, 1, "nobody sends");
    world.drain().await;
    assert_eq!(held_up(&mut conn).await, 0);

    world.provider.will(Answer::Says(500, ""));
    world.say(to_amina(Class::Emergency)).await;
    world.drain().await;
    assert_eq!(held_up(&mut conn).await, 1, "the provider is away");
}
