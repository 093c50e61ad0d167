//! Calls: placed, picked up, conducted by documents, and closed by a last request.

use serde_json::{Value, json};

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
