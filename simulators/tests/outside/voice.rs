//! Calls: placed, picked up, conducted by documents, and closed by a last request.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{AMINA, Say, Seen, World};

async fn call(world: &World, to: &str) -> Value {
    let url = format!("{}/call", world.outside.base_url);
    let form = [
        ("username", "sandbox"),
        ("from", "+254711082000"),
        ("to", to),
        ("clientRequestId", "alert-42"),
    ];
    let answer = world
        .raw()
        .post(url)
        .header("apiKey", "demo")
        .header("Accept", "application/json")
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    answer.json().await.unwrap()
}

fn alert(seen: &Seen) -> Option<Say> {
    if !seen.path.contains("/voice") || seen.field("isActive") != "1" {
        return None;
    }
    let ask = "<Response><GetDigits numDigits=\"1\" timeout=\"10\"><Say>Accident at Kencom. Press 1.</Say></GetDigits><Say>Nobody.</Say></Response>";
    let thanks = "<Response><Say>Thank you &amp; go.</Say></Response>";
    Some(Say::xml(if seen.field("dtmfDigits") == "1" {
        thanks
    } else {
        ask
    }))
}

#[tokio::test]
async fn r11_v01_v02_v05_a_coordinator_picks_up_and_presses_one() {
    let world = World::start().await;
    world.gateway_says(alert);
    let answer = call(&world, "+254711000001").await;
    let id = answer["entries"][0]["sessionId"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(id.starts_with("ATVId_") && id.len() == 38);
    assert_eq!(
        (
            answer["entries"][0]["status"].as_str(),
            answer["errorMessage"].as_str()
        ),
        (Some("Queued"), Some("None"))
    );
    let ringing = world.get("/phones/254711000001/call?wait_ms=8000").await;
    assert_eq!(
        (ringing["state"].as_str(), ringing["from"].as_str()),
        (Some("ringing"), Some("+254711082000"))
    );
    let heard = world
        .post("/phones/254711000001/call", json!({"keys": ""}))
        .await;
    assert_eq!(
        (heard["spoken"].as_str(), heard["call"]["state"].as_str()),
        (Some("Accident at Kencom. Press 1."), Some("listening"))
    );
    let heard = world
        .post("/phones/254711000001/call", json!({"keys": "1"}))
        .await;
    assert_eq!(
        heard["spoken"],
        "Accident at Kencom. Press 1.\nThank you & go."
    );
    assert_eq!(heard["call"], Value::Null);
    let asked = world.seen("/voice", 3).await;
    assert_eq!(
        (
            asked[0].field("callSessionState"),
            asked[0].field("direction")
        ),
        ("Answered".into(), "Outbound".into())
    );
    assert_eq!(
        (
            asked[0].field("callerNumber"),
            asked[0].field("destinationNumber")
        ),
        ("+254711000001".into(), "+254711082000".into())
    );
    assert!(!asked[0].form().contains_key("dtmfDigits"));
    assert_eq!(asked[1].field("dtmfDigits"), "1");
    let last = &asked[2];
    assert_eq!(
        (
            last.field("isActive"),
            last.field("status"),
            last.field("hangupCause")
        ),
        ("0".into(), "Success".into(), "NORMAL_CLEARING".into())
    );
    assert_eq!(
        world.seen("/voice/event", 1).await[0].field("clientRequestId"),
        "alert-42"
    );
    assert!(asked.iter().all(|seen| seen.field("sessionId") == id));
}

#[tokio::test]
async fn silence_makes_no_request() {
    let world = World::start().await;
    world.gateway_says(alert);
    call(&world, "+254711000001").await;
    world.get("/phones/254711000001/call?wait_ms=8000").await;
    world
        .post("/phones/254711000001/call", json!({"keys": ""}))
        .await;
    world.advance(11);
    let asked = world.seen("/voice", 2).await;
    assert_eq!(
        asked[1].field("isActive"),
        "0",
        "after the silence only the last request comes"
    );
    assert_eq!(world.get("/sim/calls").await[0]["spoken"][1], "Nobody.");
}

#[tokio::test]
async fn a_redirect_is_followed_with_a_new_post() {
    let world = World::start().await;
    let again = format!("{}/at/demo/voice?again=1", world.gateway_url);
    let mut first = true;
    world.gateway_says(move |seen| {
        let redirect = std::mem::take(&mut first) && seen.path.ends_with("/voice");
        redirect.then(|| {
            Say::xml(&format!(
                "<Response><Redirect>{again}</Redirect></Response>"
            ))
        })
    });
    call(&world, "+254711000001").await;
    world.get("/phones/254711000001/call?wait_ms=8000").await;
    world
        .post("/phones/254711000001/call", json!({"keys": ""}))
        .await;
    let asked = world.seen("/voice", 3).await;
    assert_eq!(asked[1].field("callSessionState"), "Active");
}

#[tokio::test]
async fn v06_v07_unanswered_calls_say_why() {
    let cases = [
        ("call-busy", "USER_BUSY"),
        ("call-absent", "SUBSCRIBER_ABSENT"),
        ("call-rejected", "CALL_REJECTED"),
    ];
    for (fault, cause) in cases {
        let world = World::start().await;
        world.fault(fault).await;
        call(&world, "+254711000001").await;
        let last = &world.seen("/voice", 1).await[0];
        assert_eq!(
            (last.field("callSessionState"), last.field("hangupCause")),
            ("NotAnswered".into(), cause.into())
        );
        assert_eq!(
            (last.field("callStartTime"), last.field("durationInSeconds")),
            ("None".into(), "0".into())
        );
    }
    let world = World::start().await;
    call(&world, "+254711000001").await;
    world.get("/phones/254711000001/call?wait_ms=8000").await;
    world.advance(31);
    assert_eq!(
        world.seen("/voice", 1).await[0].field("hangupCause"),
        "NO_ANSWER"
    );
}

#[tokio::test]
async fn a_mailbox_picks_up_and_presses_nothing() {
    let world = World::start().await;
    world.gateway_says(alert);
    world.fault("call-mailbox").await;
    call(&world, "+254711000001").await;
    let asked = world.seen("/voice", 1).await;
    assert_eq!(asked[0].field("callSessionState"), "Answered");
    world.get("/phones/254711000001/call?wait_ms=8000").await;
    world.advance(21);
    let asked = world.seen("/voice", 2).await;
    assert_eq!(asked[1].field("isActive"), "0");
    assert!(
        asked
            .iter()
            .all(|seen| !seen.form().contains_key("dtmfDigits"))
    );
}

#[tokio::test]
async fn r12_numbers_that_cannot_be_dialled_have_no_session() {
    let world = World::start().await;
    let answer = call(&world, "+12").await;
    assert_eq!(
        answer["entries"][0],
        json!({"phoneNumber": "+12", "status": "InvalidPhoneNumber", "sessionId": "None"})
    );
}

#[tokio::test]
async fn a_broken_document_ends_the_call_and_is_noted() {
    let world = World::start().await;
    world.gateway_says(|seen| {
        (seen.field("isActive") == "1")
            .then(|| Say::xml("<Response><Say>Njeri & Sons</Say></Response>"))
    });
    call(&world, "+254711000001").await;
    world.get("/phones/254711000001/call?wait_ms=8000").await;
    world
        .post("/phones/254711000001/call", json!({"keys": ""}))
        .await;
    assert_eq!(world.violations().await, ["voice-document"]);
}

#[tokio::test]
async fn v08_a_rider_rings_and_is_rejected_for_free() {
    let world = World::start().await;
    world.gateway_says(|seen| {
        (seen.field("isActive") == "1").then(|| Say::xml("<Response><Reject/></Response>"))
    });
    world
        .try_post(&format!("/phones/{AMINA}/ring"), json!({}))
        .await;
    let asked = world.seen("/voice", 2).await;
    assert_eq!(
        (
            asked[0].field("callSessionState"),
            asked[0].field("direction")
        ),
        ("Ringing".into(), "Inbound".into())
    );
    assert_eq!(
        (asked[1].field("amount"), asked[1].field("hangupCause")),
        ("0".into(), "CALL_REJECTED".into())
    );
}

#[tokio::test]
async fn the_hotline_is_dialled_like_any_number_and_other_numbers_are_nobodys() {
    let world = World::start().await;
    world.gateway_says(|seen| {
        (seen.field("isActive") == "1").then(|| {
            Say::xml("<Response><Say>Tumepokea dharura. Tunakupigia simu sasa.</Say></Response>")
        })
    });
    let ring = format!("/phones/{AMINA}/ring");
    let (status, _) = world.try_post(&ring, json!({"to": "0722999999"})).await;
    assert_eq!(status, 422);
    let (status, _) = world.try_post(&ring, json!({"to": "0711 082 000"})).await;
    assert_eq!(status, 204);
    world.seen("/voice", 2).await;
    let phone = world.get(&format!("/phones/{AMINA}")).await;
    assert_eq!(phone["call"], Value::Null);
    assert_eq!(
        (
            phone["last_call"]["incoming"].as_bool(),
            phone["last_call"]["language"].as_str(),
            phone["last_call"]["missed"].as_bool()
        ),
        (Some(false), Some("sw"), Some(false))
    );
}

#[tokio::test]
async fn who_hangs_up_before_the_answer_hears_nothing_and_pays_nothing() {
    let world = World::start().await;
    let (asked, answered) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (asked_there, held) = (asked.clone(), answered.clone());
    let gateway = Router::new().route(
        "/at/demo/voice",
        post(move |body: String| async move {
            if body.contains("isActive=1") {
                asked_there.notify_one();
                held.notified().await;
            }
            "<Response><Say>Too late.</Say></Response>"
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    world
        .outside
        .set_gateway(format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async { axum::serve(listener, gateway).await });
    let amina = world.outside.phone(AMINA).unwrap();
    assert!(amina.ring());
    asked.notified().await;
    assert_eq!(
        world.get(&format!("/phones/{AMINA}")).await["call"]["state"],
        "calling"
    );
    amina.hang_up();
    assert_eq!(
        world.get(&format!("/phones/{AMINA}")).await["call"],
        Value::Null
    );
    answered.notify_one();
    let over = async {
        while world.get("/sim/calls").await[0]["hangup_cause"] == "" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), over)
        .await
        .unwrap();
    let call = &world.get("/sim/calls").await[0];
    assert_eq!(
        (&call["hangup_cause"], &call["spoken"]),
        (&json!("ORIGINATOR_CANCEL"), &json!([]))
    );
}

#[tokio::test]
async fn a_call_nobody_picked_up_is_missed_and_one_that_found_the_phone_busy_is_not_known_there() {
    let world = World::start().await;
    world.fault("call-busy").await;
    call(&world, "+254711000001").await;
    world.seen("/voice/event", 1).await;
    assert_eq!(
        world.get("/phones/254711000001").await["last_call"],
        Value::Null
    );
    world
        .raw()
        .delete(format!("{}/faults", world.outside.base_url))
        .send()
        .await
        .unwrap();
    call(&world, "+254711000001").await;
    world.get("/phones/254711000001/call?wait_ms=8000").await;
    world.advance(31);
    world.seen("/voice/event", 2).await;
    let missed = &world.get("/phones/254711000001").await["last_call"];
    assert_eq!(
        (&missed["missed"], &missed["incoming"]),
        (&json!(true), &json!(true))
    );
}
