//! Twilio: what it takes, what it refuses, and what it tells.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::twilio::signature::sign;

use crate::support::{AMINA, JUMA, Seen, World};

const ACCOUNT: &str = "AC00000000000000000000000000000001";
const CALLBACK: &str = "/twilio/demo/sms/report";

fn messages(world: &World) -> String {
    format!(
        "{}/2010-04-01/Accounts/{ACCOUNT}/Messages.json",
        world.outside.base_url
    )
}

async fn send(world: &World, fields: &[(&str, &str)]) -> (StatusCode, Value) {
    let request = world
        .raw()
        .post(messages(world))
        .basic_auth(ACCOUNT, Some("demo"))
        .form(fields);
    let answer = request.send().await.unwrap();
    let status = answer.status();
    (status, answer.json().await.unwrap_or_default())
}

async fn say(world: &World, to: &str, text: &str) -> (StatusCode, Value) {
    let callback = format!("{}{CALLBACK}", world.gateway_url);
    let fields = [
        ("To", to),
        ("From", "KWASTAGE"),
        ("Body", text),
        ("StatusCallback", &callback),
    ];
    send(world, &fields).await
}

/// The statuses that came, in order.
fn statuses(seen: &[Seen]) -> Vec<String> {
    seen.iter()
        .map(|seen| seen.field("MessageStatus"))
        .collect()
}

fn is_signed(world: &World, seen: &Seen) -> bool {
    let form: BTreeMap<String, String> = seen.form();
    let fields: Vec<(&str, String)> = form
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    let url = format!("{}{CALLBACK}", world.gateway_url);
    seen.headers["x-twilio-signature"] == sign("demo", &url, &fields).as_str()
}

#[tokio::test]
async fn a_message_arrives_and_is_reported_on_with_a_signature() {
    let world = World::start().await;
    let (status, created) = say(&world, "+254711000001", "Umelipa KES 50. Asante!").await;
    assert_eq!(status, StatusCode::CREATED);
    let sid = created["sid"].as_str().unwrap();
    assert!(sid.starts_with("SM") && sid.len() == 34, "{sid}");
    assert_eq!(created["status"], "queued");
    assert_eq!(created["num_segments"], "1");
    assert_eq!(created["error_code"], Value::Null);
    let text = world.text(AMINA, 1).await;
    assert_eq!(text["from"], "KWASTAGE");
    assert_eq!(text["text"], "Umelipa KES 50. Asante!");
    let seen = world.seen(CALLBACK, 2).await;
    assert_eq!(statuses(&seen), ["sent", "delivered"]);
    for report in &seen {
        assert!(is_signed(&world, report));
        assert_eq!(report.field("MessageSid"), sid);
        assert_eq!(report.field("SmsStatus"), report.field("MessageStatus"));
        assert_eq!(report.field("To"), "+254711000001");
        assert_eq!(report.field("AccountSid"), ACCOUNT);
    }
    let one = messages(&world).replace(".json", &format!("/{sid}.json"));
    let asked = world.raw().get(one).basic_auth(ACCOUNT, Some("demo"));
    let fetched: Value = asked.send().await.unwrap().json().await.unwrap();
    assert_eq!(fetched["status"], "delivered");
    say(&world, "+254711000002", "Another").await;
    let list = world
        .raw()
        .get(messages(&world))
        .query(&[("To", "+254711000001")])
        .basic_auth(ACCOUNT, Some("demo"));
    let list: Value = list.send().await.unwrap().json().await.unwrap();
    let found = list["messages"].as_array().unwrap();
    assert_eq!((found.len(), found[0]["sid"].as_str()), (1, Some(sid)));
}

#[tokio::test]
async fn what_it_refuses_it_refuses_by_number() {
    let world = World::start().await;
    let long = "a".repeat(1601);
    let (to, from, body) = ("+254711000001", "KWASTAGE", "Habari");
    for (code, fields) in [
        (21604, vec![("From", from), ("Body", body)]),
        (21603, vec![("To", to), ("Body", body)]),
        (21602, vec![("To", to), ("From", from)]),
        (21617, vec![("To", to), ("From", from), ("Body", &long)]),
        (
            21211,
            vec![("To", "0711000001"), ("From", from), ("Body", body)],
        ),
        (
            21211,
            vec![("To", "+254123"), ("From", from), ("Body", body)],
        ),
        (
            21408,
            vec![("To", "+256711000001"), ("From", from), ("Body", body)],
        ),
        (21212, vec![("To", to), ("From", "BANK"), ("Body", body)]),
        (
            21609,
            vec![
                ("To", to),
                ("From", from),
                ("Body", body),
                ("StatusCallback", "/relative"),
            ],
        ),
    ] {
        let (status, refused) = send(&world, &fields).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}");
        assert_eq!(refused["code"], code, "{refused}");
        assert_eq!(refused["status"], 400);
        assert!(
            refused["more_info"]
                .as_str()
                .unwrap()
                .ends_with(&code.to_string())
        );
    }
    let stranger = world
        .raw()
        .post(messages(&world))
        .basic_auth(ACCOUNT, Some("guessed"))
        .form(&[("To", to), ("From", from), ("Body", body)]);
    let refused = stranger.send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], 20003);
    assert_eq!(world.get("/sim/twilio").await, json!([]));
}

#[tokio::test]
async fn troubles_with_sending() {
    let world = World::start().await;
    for (what, status, code) in [
        ("twilio-down", 502, None),
        ("twilio-busy", 429, Some(20429)),
        ("twilio-bad-key", 401, Some(20003)),
        ("twilio-opted-out", 400, Some(21610)),
        ("twilio-country", 400, Some(21408)),
    ] {
        world.fault_once(what).await;
        let (answered, body) = say(&world, "+254711000001", what).await;
        assert_eq!(answered.as_u16(), status, "{what}");
        assert_eq!(body["code"].as_u64(), code, "{what}");
    }
    assert_eq!(world.get("/sim/twilio").await, json!([]), "nothing left");
    world.fault_once("twilio-lost-answer").await;
    let (answered, _) = say(&world, "+254711000001", "lost").await;
    assert_eq!(answered, StatusCode::BAD_GATEWAY);
    assert_eq!(world.text(AMINA, 1).await["text"], "lost");
    // Who blocks a sender blocks it here as well.
    world
        .post(
            &format!("/phones/{JUMA}/opt-out"),
            json!({"sender_id": "KWASTAGE"}),
        )
        .await;
    let (_, refused) = say(&world, "+254711000002", "hello").await;
    assert_eq!(refused["code"], 21610);
}

#[tokio::test]
async fn troubles_with_delivery_and_reports() {
    for (what, expected, code) in [
        ("twilio-unreachable", vec!["sent", "undelivered"], "30003"),
        (
            "twilio-unknown-handset",
            vec!["sent", "undelivered"],
            "30005",
        ),
        ("twilio-filtered", vec!["sent", "undelivered"], "30007"),
        ("twilio-unknown-error", vec!["sent", "undelivered"], "30008"),
        ("twilio-report-out-of-order", vec!["delivered", "sent"], ""),
    ] {
        let world = World::start().await;
        world.fault_once(what).await;
        say(&world, "+254711000001", what).await;
        let seen = world.seen(CALLBACK, 2).await;
        assert_eq!(statuses(&seen), expected, "{what}");
        assert_eq!(seen[1].field("ErrorCode"), code, "{what}");
    }
    let world = World::start().await;
    world.fault_once("twilio-report-missing").await;
    say(&world, "+254711000001", "one").await;
    world.text(AMINA, 1).await;
    world.fault("twilio-report-doubled").await;
    world.fault("twilio-report-forged").await;
    say(&world, "+254711000001", "two").await;
    let seen = world.seen(CALLBACK, 6).await;
    let mut told: Vec<(String, bool)> = seen
        .iter()
        .map(|seen| (seen.field("MessageStatus"), is_signed(&world, seen)))
        .collect();
    told.sort();
    let wanted = [
        ("delivered", true),
        ("delivered", true),
        ("failed", false),
        ("failed", false),
        ("sent", true),
        ("sent", true),
    ];
    assert_eq!(
        told,
        wanted.map(|(status, signed)| (status.to_owned(), signed)),
        "and nothing of the first message"
    );
}
