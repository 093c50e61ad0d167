//! M-Pesa Express: the push answers, tokens and refusals of the protocol: S1 to S3, S10, S19, V01 to V13, V35.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{AMINA, PUSH, World, error, items};

#[tokio::test]
async fn v06_v19_a_paid_push_moves_money_once_and_tells_everybody() {
    let world = World::start().await;
    let (status, answer) = world.daraja(PUSH, world.push_body(AMINA, 1500)).await;
    assert_eq!((status, answer["ResponseCode"].as_str()), (200, Some("0")));
    let id = answer["CheckoutRequestID"].as_str().unwrap();
    assert!(
        id.starts_with("ws_CO_") && id.ends_with("711000001"),
        "{id}"
    );

    let prompt = world.get("/phones/254711000001/prompt?wait_ms=8000").await;
    assert_eq!(
        (prompt["merchant"].as_str(), prompt["amount"].as_str()),
        (Some("KwaStage"), Some("1500"))
    );
    assert_eq!(prompt["account"], "KSA10001");
    assert!(prompt["text"].as_str().unwrap().chars().count() <= 182);
    assert_eq!(world.answer(AMINA, "approve").await, 0);

    let callback = &world.seen("/pay/demo/stk/9f2c", 1).await[0];
    assert_eq!(
        callback.headers["content-type"],
        "application/json;charset=UTF-8"
    );
    assert_eq!(callback.headers["businessshortcode"], "600123");
    assert_eq!(callback.headers["x-forwarded-for"], "196.201.212.69");
    assert!(
        callback.body.contains(r#""Value":1500.00"#),
        "{}",
        callback.body
    );
    assert!(
        callback.body.contains(r#"{"Name":"Balance"}"#),
        "{}",
        callback.body
    );
    let body = callback.json();
    assert_eq!(body["Body"]["stkCallback"]["CheckoutRequestID"], id);
    assert_eq!(body["Body"]["stkCallback"]["ResultCode"], 0);
    let items = items(&body);
    let receipt = items["MpesaReceiptNumber"].as_str().unwrap();
    assert_eq!(receipt.len(), 10);
    assert_eq!(items["PhoneNumber"], json!(254711000001_i64));
    assert_eq!(items["TransactionDate"].to_string().len(), 14);

    let ledger = world.get("/sim/ledger").await;
    assert_eq!(ledger.as_array().unwrap().len(), 1);
    let entry = &ledger[0];
    assert_eq!(
        (entry["receipt"].as_str(), entry["amount"].as_str()),
        (Some(receipt), Some("1500.00"))
    );
    assert_eq!(
        (entry["checkout_id"].as_str(), entry["reversed"].as_bool()),
        (Some(id), Some(false))
    );
    let text = world.text(AMINA, 1).await;
    assert_eq!(text["from"], "MPESA");
    for part in [
        receipt,
        "Ksh1,500.00",
        "KwaStage",
        "KSA10001",
        "Ksh3,500.00",
    ] {
        assert!(text["text"].as_str().unwrap().contains(part), "{text}");
    }
    assert_eq!(
        world.get("/phones/254711000001").await["balance"],
        "3500.00"
    );

    let (status, answer) = world.query(id).await;
    assert_eq!(
        (status, answer["ResultCode"].as_str()),
        (200, Some("0")),
        "a string here, and no receipt"
    );
    assert!(!answer.to_string().contains(receipt));
}

#[tokio::test]
async fn s1_a_new_token_kills_the_old_one() {
    let world = World::start().await;
    let old = world.token().await;
    let new = world.token().await;
    let ask = async |token: &str| {
        let request = world
            .raw()
            .post(format!("{}{PUSH}", world.outside.base_url))
            .bearer_auth(token);
        let answer = request
            .json(&world.push_body(AMINA, 10))
            .send()
            .await
            .unwrap();
        (
            answer.status().as_u16(),
            answer.json::<Value>().await.unwrap(),
        )
    };
    assert_eq!(
        error(&ask(&old).await),
        (404, "404.001.03", "Invalid Access Token")
    );
    assert_eq!(ask(&new).await.0, 200);
    world.advance(3600);
    assert_eq!(error(&ask(&new).await).1, "404.001.03");
}

#[tokio::test]
async fn v01_to_v05_tokens_are_given_and_refused() {
    let world = World::start().await;
    let base = &world.outside.base_url;
    let ask = async |grant: &str, secret: &str| {
        let url = format!("{base}/oauth/v1/generate?grant_type={grant}");
        let answer = world
            .raw()
            .get(url)
            .basic_auth("demo", Some(secret))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, body) = ask("client_credentials", "demo").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (
            status,
            body["access_token"].as_str().unwrap().len(),
            &body["expires_in"]
        ),
        (200, 28, &json!("3599"))
    );
    assert!(
        ask("client_credentials", "wrong")
            .await
            .1
            .contains("400.008.01")
    );
    assert!(ask("password", "demo").await.1.contains("400.008.02"));
    world.fault_once("oauth-number").await;
    assert!(
        ask("client_credentials", "demo")
            .await
            .1
            .contains(r#""expires_in":3599"#)
    );
    world.fault_once("oauth-empty").await;
    assert_eq!(
        ask("client_credentials", "demo").await,
        (400, String::new())
    );
    world.fault_once("oauth-html").await;
    let (status, body) = ask("client_credentials", "demo").await;
    assert!(status == 200 && body.starts_with("<html>"));
    world.fault_once("oauth-down").await;
    assert_eq!(ask("client_credentials", "demo").await.0, 503);
}

#[tokio::test]
async fn s2_s3_fields_are_checked_one_after_the_other() {
    let world = World::start().await;
    let good = world.push_body(AMINA, 200);
    let other = STANDARD.encode("600123wrong20261105143007");
    let cases = [
        (
            "BusinessShortCode",
            json!("12"),
            400,
            "Bad Request - Invalid BusinessShortCode",
        ),
        (
            "BusinessShortCode",
            json!("600999"),
            500,
            "[MerchantValidate] - Merchant does not exist",
        ),
        (
            "Timestamp",
            json!("20261305143007"),
            400,
            "Bad Request - Invalid Timestamp",
        ),
        (
            "Password",
            json!(other),
            500,
            "[MerchantValidate] - Wrong credentials",
        ),
        ("Amount", json!("0"), 400, "Bad Request - Invalid Amount"),
        (
            "Amount",
            json!("10.50"),
            400,
            "Bad Request - Invalid Amount",
        ),
        (
            "PhoneNumber",
            json!("0711000001"),
            400,
            "Bad Request - Invalid PhoneNumber",
        ),
        (
            "PhoneNumber",
            json!("254733000002"),
            400,
            "Bad Request - Invalid PhoneNumber",
        ),
        (
            "CallBackURL",
            json!("https://x.example.test/mpesa/cb"),
            400,
            "Bad Request - Invalid CallBackURL",
        ),
        (
            "CallBackURL",
            json!("https://X.example.test/cb"),
            400,
            "Bad Request - Invalid CallBackURL",
        ),
        (
            "AccountReference",
            json!("KSA1000123456"),
            400,
            "Bad Request - Invalid AccountReference",
        ),
        (
            "AccountReference",
            json!(""),
            400,
            "Bad Request - Invalid AccountReference",
        ),
        (
            "TransactionDesc",
            json!("fourteen chars"),
            400,
            "Bad Request - Invalid TransactionDesc",
        ),
        (
            "TransactionType",
            json!("CustomerPayment"),
            400,
            "Bad Request - Invalid TransactionType",
        ),
    ];
    for (field, value, status, message) in cases {
        let mut body = good.clone();
        body[field] = value;
        let answer = world.daraja(PUSH, body).await;
        assert_eq!((answer.0, error(&answer).2), (status, message), "{field}");
    }
    // Two mistakes: the earlier one in the order is named.
    let mut body = good.clone();
    body["Amount"] = json!(0);
    body["CallBackURL"] = json!("nowhere");
    assert_eq!(
        error(&world.daraja(PUSH, body).await).2,
        "Bad Request - Invalid Amount"
    );
    assert_eq!(world.get("/sim/pushes").await, json!([]));
}

#[tokio::test]
async fn the_gateway_in_front_refuses_in_its_own_words() {
    let world = World::start().await;
    let url = format!("{}{PUSH}", world.outside.base_url);
    let token = world.token().await;
    let send = async |body: &'static str, kind: &str, auth: String| {
        let request = world
            .raw()
            .post(&url)
            .header("Content-Type", kind)
            .header("Authorization", auth)
            .body(body);
        let answer = request.send().await.unwrap();
        (
            answer.status().as_u16(),
            answer.json::<Value>().await.unwrap(),
        )
    };
    let bearer = format!("Bearer {token}");
    assert_eq!(
        error(&send("{", "application/json", bearer.clone()).await).1,
        "400.002.05"
    );
    assert_eq!(
        error(&send("{}", "text/plain", bearer.clone()).await).2,
        "Bad Request - Invalid BusinessShortCode"
    );
    assert_eq!(
        error(&send("{}", "application/json", "Basic x".into()).await).1,
        "404.001.04"
    );
    let answer = world.raw().get(&url).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 405);
    let (status, answer) = world
        .try_post("/mpesa/stkpush/v2/processrequest", json!({}))
        .await;
    assert_eq!(
        (status, answer["errorCode"].as_str()),
        (404, Some("404.001.01"))
    );
}

#[tokio::test]
async fn v08_to_v13_troubles_of_the_whole_api() {
    let cases = [
        ("token-expired", 404, "404.001.03", "Invalid Access Token"),
        (
            "token-expired-401",
            401,
            "404.001.03",
            "Invalid Access Token",
        ),
        (
            "wrong-credentials",
            500,
            "500.001.1001",
            "[MerchantValidate] - Wrong credentials",
        ),
        (
            "subscriber-locked",
            500,
            "500.001.1001",
            "Unable to lock subscriber, a transaction is already in process for the current subscriber",
        ),
        (
            "system-busy",
            500,
            "500.003.02",
            "System is busy. Please try again in few minutes.",
        ),
        (
            "spike-arrest",
            500,
            "500.003.02",
            "Error Occurred: Spike Arrest Violation",
        ),
        (
            "spike-arrest-429",
            429,
            "500.003.02",
            "Error Occurred: Spike Arrest Violation",
        ),
        (
            "quota",
            500,
            "500.003.03",
            "Error Occurred: Quota Violation",
        ),
        (
            "internal-error",
            500,
            "500.003.1001",
            "Internal Server Error",
        ),
        (
            "invalid-callback-url",
            400,
            "400.002.02",
            "Bad Request - Invalid CallBackURL",
        ),
    ];
    let world = World::start().await;
    for (fault, status, code, message) in cases {
        world.fault_once(fault).await;
        let answer = world.daraja(PUSH, world.push_body(AMINA, 200)).await;
        assert_eq!(error(&answer), (status, code, message), "{fault}");
    }
    world.fault_once("quota-fault").await;
    let (status, answer) = world.daraja(PUSH, world.push_body(AMINA, 200)).await;
    assert_eq!(
        (status, answer["fault"]["detail"]["errorcode"].as_str()),
        (429, Some("policies.ratelimit.QuotaViolation"))
    );
    world.fault_once("push-502").await;
    assert_eq!(world.daraja(PUSH, world.push_body(AMINA, 200)).await.0, 502);
    assert_eq!(
        world.get("/sim/pushes").await,
        json!([]),
        "none of these left a prompt"
    );
}

#[tokio::test]
async fn s10_lost_answers_leave_a_prompt_behind() {
    for (fault, status) in [
        ("push-lost-answer", 504),
        ("push-502-prompted", 502),
        ("push-unclear", 500),
        ("push-without-ids", 200),
    ] {
        let world = World::start().await;
        world.fault(fault).await;
        let (given, answer) = world.daraja(PUSH, world.push_body(AMINA, 200)).await;
        assert_eq!(given, status, "{fault}");
        assert!(answer["CheckoutRequestID"].is_null(), "{fault}");
        assert_eq!(world.answer(AMINA, "approve").await, 0, "{fault}");
        world.seen("/stk/9f2c", 1).await;
        assert_eq!(world.get("/sim/ledger").await.as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn s10_v35_a_callback_can_overtake_the_answer() {
    let world = World::start().await;
    world.fault("callback-before-answer").await;
    let pushing = world.daraja(PUSH, world.push_body(AMINA, 200));
    let approving = async {
        world.answer(AMINA, "approve").await;
        world.seen("/stk/9f2c", 1).await;
    };
    tokio::pin!(pushing);
    tokio::select! {
        biased;
        _ = &mut pushing => panic!("the answer came before the callback"),
        () = approving => {}
    }
    assert_eq!(pushing.await.0, 200);
}

#[tokio::test]
async fn s19_too_many_requests_in_a_second_are_arrested() {
    let world = World::with(|settings| settings.spike_arrest = Some(2)).await;
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(
            world.query("ws_CO_1").await.1["errorMessage"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    assert!(
        codes.contains(&"Error Occurred: Spike Arrest Violation".to_owned()),
        "{codes:?}"
    );
}

#[tokio::test]
async fn one_seed_gives_one_story() {
    let story = async || {
        let world = World::with(|settings| settings.seed = 42).await;
        let token = world.token().await;
        world.dial(AMINA, "*384*123#").await;
        (token, world.seen("/ussd", 1).await[0].field("sessionId"))
    };
    assert_eq!(story().await, story().await);
}
