//! Messages of the whole product through two simulated providers, over HTTP and back.

use std::time::Duration;

use kwastage::messages::{self, Class, Message, MessageId, Values};
use kwastage::primitives::{Language, Msisdn};
use kwastage::work::{Actor, Work};
use serde_json::{Value, json};
use simulators::faults::Fault;

use crate::world::{Sessions, World};

const WAMBUI: &str = "254711000003";
const LONG: Duration = Duration::from_secs(100_000);

async fn say(world: &World, class: Class) -> MessageId {
    let mut work = Work::begin(&world.pool, world.now(), Actor::System)
        .await
        .unwrap();
    let to = Msisdn::parse(WAMBUI).unwrap();
    let message = Message::new(to, Language::ENGLISH, class, "help.by_phone", Values::new());
    let id = messages::send(&mut work, message).await.unwrap();
    work.commit().await.unwrap();
    world.run_jobs().await;
    id
}

/// Who the messages on Wambui's phone came from, once there are so many.
async fn senders(world: &World, count: usize) -> Vec<String> {
    let url = format!("{}/phones/{WAMBUI}/inbox", world.outside.base_url);
    let mut tries = 0;
    loop {
        let answer = world.http.get(&url).send().await.unwrap();
        let texts: Vec<Value> = answer.json().await.unwrap();
        if texts.len() >= count {
            let from = |text: &Value| text["from"].as_str().unwrap().to_owned();
            return texts.iter().map(from).collect();
        }
        tries += 1;
        assert!(tries < 600, "{texts:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn state(world: &World, id: MessageId) -> String {
    sqlx::query_scalar("select state from outbox where id = $1")
        .bind(id.0)
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

async fn until(world: &World, id: MessageId, wanted: &str) {
    for _ in 0..600 {
        if state(world, id).await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never {wanted}");
}

#[tokio::test]
async fn without_trouble_nothing_goes_through_the_second() {
    let world = World::new(Sessions::InProcess).await;
    for class in Class::ALL {
        let id = say(&world, class).await;
        until(&world, id, "delivered").await;
    }
    assert_eq!(senders(&world, 4).await, ["22384"; 4]);
    world.close().await;
}

#[tokio::test]
async fn while_the_first_refuses_us_everything_but_promotions_goes_through_the_second() {
    let world = World::new(Sessions::InProcess).await;
    world.outside.order(Fault::SmsNoBalance, LONG);
    let mut ids = Vec::new();
    for class in Class::ALL {
        ids.push(say(&world, class).await);
    }
    assert_eq!(senders(&world, 3).await, ["KWASTAGE"; 3]);
    // Reported on by callbacks that bear Twilio's signature.
    for id in &ids[..3] {
        until(&world, *id, "delivered").await;
    }
    until(&world, ids[3], "queued").await;
    world.close().await;
}

#[tokio::test]
async fn an_alert_the_first_gives_no_answer_for_comes_through_the_second() {
    let world = World::new(Sessions::InProcess).await;
    world.outside.order(Fault::SmsDown, LONG);
    let alert = say(&world, Class::Emergency).await;
    let receipt = say(&world, Class::Money).await;
    world.advance(Duration::from_secs(5)).await;
    world.run_jobs().await;
    until(&world, alert, "delivered").await;
    until(&world, receipt, "unknown").await;
    assert_eq!(senders(&world, 1).await, ["KWASTAGE"]);
    world.close().await;
}

#[tokio::test]
async fn an_alert_the_first_never_reports_on_comes_through_the_second_as_well() {
    let world = World::new(Sessions::InProcess).await;
    world.outside.order(Fault::ReportMissing, LONG);
    let alert = say(&world, Class::Emergency).await;
    let receipt = say(&world, Class::Money).await;
    assert_eq!(senders(&world, 2).await, ["22384"; 2]);
    world.advance(Duration::from_secs(30)).await;
    world.run_jobs().await;
    assert_eq!(senders(&world, 3).await, ["22384", "22384", "KWASTAGE"]);
    until(&world, alert, "delivered").await;
    world.advance(Duration::from_secs(3600)).await;
    world.run_jobs().await;
    assert_eq!(senders(&world, 3).await.len(), 3);
    until(&world, receipt, "sent").await;
    world.close().await;
}

#[tokio::test]
async fn what_the_second_could_not_bring_goes_back_to_the_first() {
    let world = World::with(
        Sessions::InProcess,
        &[("SMS__ROUTES__MONEY", "twilio,africastalking")],
    )
    .await;
    world.outside.order(Fault::TwilioFiltered, LONG);
    let id = say(&world, Class::Money).await;
    // The report may have come while the jobs ran.
    while !matches!(state(&world, id).await.as_str(), "queued" | "delivered") {
        world.run_jobs().await;
    }
    world.run_jobs().await;
    until(&world, id, "delivered").await;
    assert_eq!(senders(&world, 1).await, ["22384"]);
    world.close().await;
}

#[tokio::test]
async fn forged_doubled_and_reordered_callbacks_change_nothing() {
    let world = World::with(Sessions::InProcess, &[("SMS__ROUTES__MONEY", "twilio")]).await;
    for what in [
        Fault::TwilioReportForged,
        Fault::TwilioReportDoubled,
        Fault::TwilioReportOutOfOrder,
    ] {
        world.outside.order(what, LONG);
    }
    let id = say(&world, Class::Money).await;
    until(&world, id, "delivered").await;
    let kept = "select array_agg(status order by status) from delivery_report";
    for _ in 0..600 {
        let statuses: Option<Vec<String>> = sqlx::query_scalar(kept)
            .fetch_one(&world.pool)
            .await
            .unwrap();
        if statuses == Some(vec!["delivered".into(), "sent".into()]) {
            until(&world, id, "delivered").await;
            world.close().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the second callback never came");
}

#[tokio::test]
async fn health_tells_who_is_passed_over_and_by_whom() {
    let world = World::new(Sessions::InProcess).await;
    world.outside.order(Fault::SmsDown, LONG);
    for _ in 0..3 {
        say(&world, Class::Service).await;
    }
    let url = format!("{}/health/integrations", world.gateway);
    let health: Value = world
        .http
        .get(&url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(health["status"], "degraded");
    let first =
        json!({"name": "africastalking", "status": "degraded", "passed_over_by": ["service"]});
    assert_eq!(health["detail"][1], first);
    assert_eq!(
        health["detail"][2],
        json!({"name": "twilio", "status": "up"})
    );
    world.close().await;
}
