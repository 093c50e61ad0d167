//! SMS as Africa's Talking carries it: the answers R01 to R09, inbound repeats, delivery reports.

use serde_json::{Value, json};

use crate::support::{AMINA, Say, World};

struct Sent {
    status: u16,
    kind: String,
    body: String,
}

impl Sent {
    fn data(&self) -> Value {
        serde_json::from_str::<Value>(&self.body).unwrap()["SMSMessageData"].clone()
    }
}

async fn send_as(world: &World, key: &str, accept: &str, form: &[(&str, &str)]) -> Sent {
    let url = format!("{}/version1/messaging", world.outside.base_url);
    let answer = world
        .raw()
        .post(url)
        .header("apiKey", key)
        .header("Accept", accept)
        .form(form)
        .send()
        .await
        .unwrap();
    let kind = answer
        .headers()
        .get("content-type")
        .map(|kind| kind.to_str().unwrap().to_owned())
        .unwrap_or_default();
    Sent {
        status: answer.status().as_u16(),
        kind,
        body: answer.text().await.unwrap(),
    }
}

async fn send(world: &World, to: &str) -> Sent {
    send_as(
        world,
        "demo",
        "application/json",
        &[
            ("username", "sandbox"),
            ("to", to),
            ("message", "Habari"),
            ("from", "22384"),
        ],
    )
    .await
}

#[tokio::test]
async fn r01_an_accepted_message_is_201_with_a_row_and_arrives() {
    let world = World::start().await;
    let sent = send(&world, "+254711000001").await;
    assert_eq!((sent.status, sent.kind.as_str()), (201, "application/json"));
    let data = sent.data();
    assert_eq!(
        data["Message"],
        "Sent to 1/1 Total Cost: KES 0.8000 Message parts: 1"
    );
    let row = &data["Recipients"][0];
    assert_eq!(
        (&row["status"], &row["statusCode"], &row["cost"]),
        (&json!("Success"), &json!(102), &json!("KES 0.8000"))
    );
    let id = row["messageId"].as_str().unwrap();
    assert!(id.starts_with("ATXid_") && id.len() == 38);
    let text = world.text(AMINA, 1).await;
    assert_eq!(
        (text["from"].as_str(), text["text"].as_str()),
        (Some("22384"), Some("Habari"))
    );
    let reports = world.seen("/sms/report", 3).await;
    let statuses: Vec<String> = reports
        .iter()
        .map(|report| report.field("status"))
        .collect();
    assert_eq!(statuses, ["Sent", "Buffered", "Success"]);
    assert!(
        reports
            .iter()
            .all(|report| report.field("id") == id && report.field("networkCode") == "63902")
    );
}

#[tokio::test]
async fn r02_and_r07_refused_recipients_have_a_row_without_an_id() {
    for (fault, code, word) in [
        ("sms-blacklist", 406, "UserInBlacklist"),
        ("sms-insufficient-balance", 405, "InsufficientBalance"),
    ] {
        let world = World::start().await;
        world.fault(fault).await;
        let sent = send(&world, "+254711000001").await;
        assert_eq!(sent.status, 201);
        let data = sent.data();
        assert_eq!(data["Message"], "Sent to 0/1 Total Cost: 0");
        let row = json!({"cost": "0", "messageId": "None", "number": "+254711000001", "status": word, "statusCode": code});
        assert_eq!(data["Recipients"], json!([row]));
    }
}

#[tokio::test]
async fn r03_a_strange_sender_is_201_with_a_word_and_no_rows() {
    let world = World::start().await;
    let form = [
        ("username", "sandbox"),
        ("to", "+254711000001"),
        ("message", "x"),
        ("from", "NOBODY"),
    ];
    let sent = send_as(&world, "demo", "application/json", &form).await;
    assert_eq!(sent.status, 201);
    assert_eq!(
        sent.body,
        r#"{"SMSMessageData":{"Message":"InvalidSenderId","Recipients":[]}}"#
    );
}

#[tokio::test]
async fn r04_and_r05_refusals_are_plain_text() {
    let world = World::start().await;
    let whole = [
        ("username", "sandbox"),
        ("to", "+254711000001"),
        ("message", "x"),
    ];
    let wrong = send_as(&world, "wrong", "application/json", &whole).await;
    assert_eq!(
        (wrong.status, wrong.kind.as_str()),
        (401, "text/plain; charset=UTF-8")
    );
    assert_eq!(wrong.body, "The supplied authentication is invalid");
    let short = send_as(
        &world,
        "demo",
        "application/json",
        &[("username", "sandbox"), ("message", "x")],
    )
    .await;
    assert_eq!(
        (short.status, short.body.as_str()),
        (400, "Request is missing required form field 'to'")
    );
    let undefined = [
        ("username", "sandbox"),
        ("to", "+254711000001"),
        ("message", "x"),
        ("from", "undefined"),
    ];
    assert_eq!(
        send_as(&world, "demo", "application/json", &undefined)
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn r06_a_number_may_be_missing_from_the_answer() {
    let world = World::start().await;
    world
        .post(
            "/faults",
            json!({"what": "sms-missing-row", "msisdn": "254711000002"}),
        )
        .await;
    let data = send(&world, "+254711000001,+254711000002").await.data();
    assert!(
        data["Message"]
            .as_str()
            .unwrap()
            .starts_with("Sent to 1/2 ")
    );
    assert_eq!(data["Recipients"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn r08_and_r09_the_service_is_busy_or_down() {
    let world = World::start().await;
    world.fault_once("sms-busy").await;
    let sent = send(&world, "+254711000001").await;
    assert_eq!(
        (sent.status, sent.body.as_str()),
        (429, r#"{"error":"failed"}"#)
    );
    world.fault_once("sms-down").await;
    let sent = send(&world, "+254711000001").await;
    assert_eq!((sent.status, sent.kind.as_str()), (502, "text/html"));
    world.fault_once("sms-lost-answer").await;
    assert_eq!(send(&world, "+254711000001").await.status, 502);
    assert_eq!(
        world.text(AMINA, 1).await["text"],
        "Habari",
        "the answer was lost, the message was not"
    );
}

#[tokio::test]
async fn r13_the_balance_shrinks_with_each_message() {
    let world = World::start().await;
    send(&world, "+254711000001").await;
    let url = format!("{}/version1/user?username=sandbox", world.outside.base_url);
    let answer: Value = world
        .raw()
        .get(url)
        .header("apiKey", "demo")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(answer, json!({"UserData": {"balance": "KES 9999.2000"}}));
}

#[tokio::test]
async fn without_asking_for_json_the_answer_is_xml() {
    let world = World::start().await;
    let form = [
        ("username", "sandbox"),
        ("to", "+254711000001,12"),
        ("message", "x"),
        ("enqueue", "0"),
    ];
    let sent = send_as(&world, "demo", "*/*", &form).await;
    assert_eq!((sent.status, sent.kind.as_str()), (201, "application/xml"));
    assert!(
        sent.body
            .starts_with("<AfricasTalkingResponse><SMSMessageData><Message>Sent to 1/2 "),
        "{}",
        sent.body
    );
    assert!(
        sent.body.contains("<statusCode>101</statusCode>")
            && sent.body.contains("<statusCode>403</statusCode>")
    );
}

#[tokio::test]
async fn the_json_endpoint_takes_an_array() {
    let world = World::start().await;
    let url = format!("{}/version1/messaging/bulk", world.outside.base_url);
    let body = json!({"username": "sandbox", "message": "Meeting", "senderId": "KWASTAGE", "phoneNumbers": ["+254711000001"]});
    let request = world
        .raw()
        .post(url)
        .header("apiKey", "demo")
        .header("Accept", "application/json")
        .json(&body);
    assert_eq!(request.send().await.unwrap().status().as_u16(), 201);
    assert_eq!(world.text(AMINA, 1).await["from"], "KWASTAGE");
}

#[tokio::test]
async fn a_hashed_number_reaches_its_phone() {
    let world = World::start().await;
    world.get("/phones/254712345678").await;
    let hashed = "7132104d6aae9c3fac82095a42c2817952bca48e09d98d5bf4ac08218982fb90";
    let url = format!("{}/version1/messaging/bulk", world.outside.base_url);
    let form = [
        ("username", "sandbox"),
        ("maskedNumber", hashed),
        ("telco", "Safaricom"),
        ("message", "Asante"),
        ("senderId", "22384"),
    ];
    let request = world
        .raw()
        .post(url)
        .header("apiKey", "demo")
        .header("Accept", "application/json")
        .form(&form);
    assert_eq!(request.send().await.unwrap().status().as_u16(), 201);
    assert_eq!(world.text("254712345678", 1).await["text"], "Asante");
}

#[tokio::test]
async fn o01_who_opts_out_is_told_to_us_and_gets_nothing_more() {
    let world = World::start().await;
    world
        .try_post(
            "/phones/254711000001/opt-out",
            json!({"sender_id": "22384"}),
        )
        .await;
    let told = &world.seen("/at/demo/sms/opt-out", 1).await[0];
    assert_eq!(told.body, "senderId=22384&phoneNumber=%2B254711000001");
    assert_eq!(
        send(&world, "+254711000001").await.data()["Recipients"][0]["statusCode"],
        406
    );
    assert_eq!(
        send(&world, "+254711000002").await.data()["Recipients"][0]["statusCode"],
        102
    );
}

#[tokio::test]
async fn an_inbound_message_comes_again_each_minute_until_it_is_taken() {
    let world = World::start().await;
    world.gateway_says(|seen| seen.path.ends_with("/sms").then(|| Say::status(503)));
    world
        .post(
            "/phones/254711000001/sms",
            json!({"to": "22384", "text": "BAL  \u{1F198}"}),
        )
        .await;
    world.seen("/at/demo/sms", 1).await;
    world.advance(61);
    world.seen("/at/demo/sms", 2).await;
    world.gateway_says(|_| None);
    world.advance(61);
    let all = world.seen("/at/demo/sms", 3).await;
    assert!(all.iter().all(|seen| seen.body == all[0].body));
    let first = &all[0];
    assert_eq!(
        (first.field("from"), first.field("to")),
        ("+254711000001".into(), "22384".into())
    );
    assert_eq!(first.field("text"), "BAL  \u{1F198}");
    assert!(first.field("date").ends_with('Z'));
    let url = format!(
        "{}/version1/messaging?username=sandbox&lastReceivedId=0",
        world.outside.base_url
    );
    let fetched: Value = world
        .raw()
        .get(url)
        .header("apiKey", "demo")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(fetched["SMSMessageData"]["Messages"][0]["id"], 1);
}

#[tokio::test]
async fn reports_are_doubled_reversed_early_late_or_missing_when_ordered() {
    let statuses = |seen: Vec<crate::support::Seen>| {
        seen.iter()
            .map(|report| report.field("status"))
            .collect::<Vec<_>>()
    };

    let world = World::start().await;
    world.fault("report-doubled").await;
    send(&world, "+254711000001").await;
    assert_eq!(
        statuses(world.seen("/sms/report", 6).await),
        ["Sent", "Sent", "Buffered", "Buffered", "Success", "Success"]
    );

    let world = World::start().await;
    world.fault("report-out-of-order").await;
    send(&world, "+254711000001").await;
    assert_eq!(
        statuses(world.seen("/sms/report", 3).await),
        ["Success", "Buffered", "Sent"]
    );

    let world = World::start().await;
    world.fault("report-before-answer").await;
    send(&world, "+254711000001").await;
    assert!(
        world.count("/sms/report") >= 1,
        "the report was there before the answer"
    );

    let world = World::start().await;
    world.fault("sms-never-arrives").await;
    send(&world, "+254711000001").await;
    let reports = world.seen("/sms/report", 3).await;
    assert_eq!(reports[2].field("failureReason"), "DeliveryFailure");
    assert_eq!(world.get("/phones/254711000001/inbox").await, json!([]));

    let world = World::start().await;
    world.fault("report-missing").await;
    send(&world, "+254711000001").await;
    world.text(AMINA, 1).await;
    world.advance(3600);
    assert_eq!(world.count("/sms/report"), 0);
}

#[tokio::test]
async fn a_phone_that_is_off_is_absent_first_and_reached_later() {
    let world = World::start().await;
    world
        .post("/faults", json!({"what": "phone-off", "how_long": 30}))
        .await;
    send(&world, "+254711000001").await;
    let reports = world.seen("/sms/report", 3).await;
    assert!(
        reports
            .iter()
            .any(|report| report.field("status") == "AbsentSubscriber"),
        "{reports:?}"
    );
    world.advance(61);
    world.text(AMINA, 1).await;
    let reports = world.seen("/sms/report", 4).await;
    assert_eq!(reports[3].field("status"), "Success");
}
