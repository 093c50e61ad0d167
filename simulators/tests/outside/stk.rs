//! M-Pesa Express: the push answers, outcomes, callbacks and queries of the protocol, S1 to S11 and S19 to S22.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{AMINA, JUMA, PUSH, World, items};

fn error(answer: &(u16, Value)) -> (u16, &str, &str) {
    (
        answer.0,
        answer.1["errorCode"].as_str().unwrap_or_default(),
        answer.1["errorMessage"].as_str().unwrap_or_default(),
    )
}

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
async fn s4_two_identical_pushes_are_two_prompts() {
    let world = World::start().await;
    let first = world.push(AMINA, 200).await;
    assert_eq!(world.answer(AMINA, "cancel").await, 1032);
    let second = world.push(AMINA, 200).await;
    assert_ne!(first, second);
    assert_eq!(world.answer(AMINA, "approve").await, 0);
}

#[tokio::test]
async fn s5_an_open_session_or_prompt_locks_the_subscriber() {
    let world = World::start().await;
    world.dial(AMINA, "*384*123#").await;
    let answer = world.daraja(PUSH, world.push_body(AMINA, 200)).await;
    assert!(
        error(&answer).2.starts_with("Unable to lock subscriber"),
        "{answer:?}"
    );
    world.post("/phones/254711000001/hang-up", json!({})).await;
    world.push(AMINA, 200).await;
    world.get("/phones/254711000001/prompt?wait_ms=8000").await;
    assert_eq!(
        world.daraja(PUSH, world.push_body(AMINA, 300)).await.0,
        500,
        "one prompt at a time"
    );
    let shown = world.dial(AMINA, "*384*123#").await;
    assert_eq!(
        shown["open"], false,
        "nor can a code be dialled under a prompt"
    );
}

#[tokio::test]
async fn s5_or_it_is_accepted_and_ends_in_1001_or_1037() {
    let world = World::with(|settings| settings.lock_refusal = 0.0).await;
    let mut codes = Vec::new();
    world.dial(AMINA, "*384*123#").await;
    for number in 1..=12 {
        world.push(AMINA, 200).await;
        let callback = world.seen("/stk/9f2c", number).await[number - 1].json();
        codes.push(
            callback["Body"]["stkCallback"]["ResultCode"]
                .as_i64()
                .unwrap(),
        );
    }
    assert!(
        codes.contains(&1001)
            && codes.contains(&1037)
            && codes.iter().all(|code| [1001, 1037].contains(code)),
        "{codes:?}"
    );
    assert_eq!(
        world.get("/phones/254711000001").await["open"],
        true,
        "the session is untouched"
    );
    assert_eq!(world.get("/phones/254711000001/prompt").await, Value::Null);
}

#[tokio::test]
async fn s6_the_same_amount_within_two_minutes_is_rule_limited() {
    let world = World::start().await;
    world.push(AMINA, 200).await;
    assert_eq!(world.answer(AMINA, "approve").await, 0);
    world.push(AMINA, 200).await;
    assert_eq!(world.answer(AMINA, "approve").await, 17);
    world.push(AMINA, 201).await;
    assert_eq!(world.answer(AMINA, "approve").await, 0);
    world.advance(121);
    world.push(AMINA, 200).await;
    assert_eq!(world.answer(AMINA, "approve").await, 0);
}

#[tokio::test]
async fn s7_an_unanswered_prompt_ends_after_a_minute_in_two_wordings() {
    let world = World::start().await;
    let id = world.push(AMINA, 200).await;
    assert_eq!(world.answer(AMINA, "ignore").await, Value::Null);
    world.advance(50);
    assert_eq!(
        world.get("/phones/254711000001/prompt").await["ignored"],
        true
    );
    assert_eq!(world.count("/stk/9f2c"), 0);
    world.advance(11);
    let callback = world.seen("/stk/9f2c", 1).await[0].json();
    assert_eq!(callback["Body"]["stkCallback"]["ResultCode"], 1037);
    assert_eq!(
        callback["Body"]["stkCallback"]["ResultDesc"],
        "No response from user."
    );
    let (_, answer) = world.query(&id).await;
    assert_eq!(
        (answer["ResultCode"].as_str(), answer["ResultDesc"].as_str()),
        (Some("1037"), Some("DS timeout user cannot be reached."))
    );
    assert_eq!(world.get("/phones/254711000001/prompt").await, Value::Null);
    assert_eq!(
        world
            .try_post("/phones/254711000001/prompt", json!({"answer": "approve"}))
            .await
            .0,
        409
    );
}

#[tokio::test]
async fn s8_a_pending_push_is_queried_without_a_verdict() {
    let world = World::start().await;
    let id = world.push(AMINA, 200).await;
    let mut answers = Vec::new();
    for _ in 0..12 {
        let answer = world.query(&id).await;
        match answer.0 {
            200 => assert_eq!(answer.1["ResultCode"], "4999"),
            _ => assert_eq!((answer.0, error(&answer).1), (500, "500.001.1001")),
        }
        answers.push(answer.0);
    }
    assert!(answers.contains(&200) && answers.contains(&500));
    let unknown = world.query("ws_CO_051120261430074712345678").await;
    assert_eq!(
        error(&unknown),
        (500, "500.001.1001", "The transaction does not Exist")
    );
    assert_eq!(
        error(&world.query("x").await),
        (400, "400.002.02", "Bad Request - Invalid CheckoutRequestID")
    );
}

#[tokio::test]
async fn s9_a_callback_is_sent_once_whatever_the_answer() {
    let world = World::start().await;
    world.gateway_says(|seen| {
        seen.path
            .contains("/stk/")
            .then(|| crate::support::Say::status(500))
    });
    world.push(AMINA, 200).await;
    world.answer(AMINA, "approve").await;
    world.seen("/stk/9f2c", 1).await;
    world.advance(3600);
    world.text(AMINA, 1).await;
    assert_eq!(world.count("/stk/9f2c"), 1);
}

#[tokio::test]
async fn s9_s11_callbacks_and_queries_misbehave_when_ordered() {
    let paid = async |fault: &str| {
        let world = World::start().await;
        world.fault(fault).await;
        let id = world.push(AMINA, 1500).await;
        assert_eq!(world.answer(AMINA, "approve").await, 0);
        (world, id)
    };
    let code =
        |seen: &crate::support::Seen| seen.json()["Body"]["stkCallback"]["ResultCode"].clone();

    let (world, _) = paid("callback-duplicate").await;
    let all = world.seen("/stk/9f2c", 3).await;
    assert!(all.iter().all(|seen| seen.body == all[0].body));

    let (world, id) = paid("callback-lost").await;
    world.text(AMINA, 1).await;
    world.advance(3600);
    assert_eq!(world.query(&id).await.1["ResultCode"], "0");
    assert_eq!(world.count("/stk/9f2c"), 0);

    let (world, _) = paid("callback-late").await;
    world.advance(600);
    assert_eq!(world.count("/stk/9f2c"), 0);
    world.advance(61);
    assert_eq!(code(&world.seen("/stk/9f2c", 1).await[0]), 0);

    let (world, _) = paid("callback-reordered").await;
    assert_eq!(code(&world.seen("/stk/9f2c", 1).await[0]), 1037);
    world.advance(661);
    assert_eq!(code(&world.seen("/stk/9f2c", 2).await[1]), 0);

    let (world, _) = paid("callback-contradicted").await;
    assert_eq!(code(&world.seen("/stk/9f2c", 1).await[0]), 0);
    world.advance(10);
    assert_eq!(code(&world.seen("/stk/9f2c", 2).await[1]), 1037);

    let (world, _) = paid("callback-textual").await;
    let callback = world.seen("/stk/9f2c", 1).await[0].clone();
    assert_eq!(code(&callback), "0");
    assert_eq!(items(&callback.json())["Amount"], 1500);
    assert_eq!(items(&callback.json())["PhoneNumber"], "254711000001");

    let (world, _) = paid("callback-without-metadata").await;
    assert!(items(&world.seen("/stk/9f2c", 1).await[0].json()).is_empty());

    let (world, _) = paid("callback-without-receipt").await;
    let items_seen = items(&world.seen("/stk/9f2c", 1).await[0].json());
    assert!(!items_seen.contains_key("MpesaReceiptNumber"));
    assert_eq!(items_seen["PhoneNumber"], "2547 ***** 001");

    let (world, _) = paid("callback-truncated").await;
    assert!(serde_json::from_str::<Value>(&world.seen("/stk/9f2c", 1).await[0].body).is_err());

    let (world, _) = paid("callback-wrong-envelope").await;
    assert!(world.seen("/stk/9f2c", 1).await[0].json()["Result"].is_object());

    let (world, id) = paid("callback-forged").await;
    let both = world.seen("/stk/9f2c", 2).await;
    assert_ne!(
        both[0].json()["Body"]["stkCallback"]["CheckoutRequestID"],
        id
    );
    assert_eq!(
        both[1].json()["Body"]["stkCallback"]["CheckoutRequestID"],
        id
    );

    let (world, _) = paid("callback-strange-source").await;
    assert_eq!(
        world.seen("/stk/9f2c", 1).await[0].headers["x-forwarded-for"],
        "203.0.113.9"
    );

    let (world, _) = paid("amount-differs").await;
    assert_eq!(
        items(&world.seen("/stk/9f2c", 1).await[0].json())["Amount"].to_string(),
        "150.00"
    );
    assert_eq!(world.get("/sim/ledger").await[0]["amount"], "150.00");

    let (world, id) = paid("query-lies").await;
    assert_eq!(world.query(&id).await.1["ResultCode"], "1032");
    let (world, id) = paid("query-200-error").await;
    let answer = world.query(&id).await;
    assert_eq!((answer.0, error(&answer).1), (200, "500.001.1001"));
    let (world, id) = paid("query-500").await;
    assert_eq!(world.query(&id).await.0, 500);
    let (world, id) = paid("query-html").await;
    assert!(world.query(&id).await.1.is_string());
}

#[tokio::test]
async fn outcomes_can_be_ordered_and_no_money_moves() {
    let cases = [
        ("low-balance", json!(1)),
        ("over-limit", json!(4)),
        ("rule-limited", json!(17)),
        ("busy-line", json!(1001)),
        ("expired", json!(1019)),
        ("prompt-error", json!(1025)),
        ("smsc-timeout", json!(1036)),
        ("unreachable", json!(1037)),
        ("wrong-pin", json!(2001)),
        ("not-permitted", json!(2028)),
        ("unknown-code", json!(7777)),
        ("pin-locked", json!(8006)),
        ("operator-unknown", json!("SFC_IC0003")),
        ("phone-off", json!(1037)),
    ];
    for (fault, code) in cases {
        let world = World::start().await;
        world.fault(fault).await;
        let id = world.push(AMINA, 200).await;
        let prompted = [
            "low-balance",
            "over-limit",
            "rule-limited",
            "expired",
            "wrong-pin",
            "unknown-code",
            "pin-locked",
        ];
        if prompted.contains(&fault) {
            assert_eq!(world.answer(AMINA, "approve").await, code, "{fault}");
        }
        let callback = world.seen("/stk/9f2c", 1).await[0].json();
        assert_eq!(
            callback["Body"]["stkCallback"]["ResultCode"], code,
            "{fault}"
        );
        assert!(
            callback["Body"]["stkCallback"]
                .get("CallbackMetadata")
                .is_none()
        );
        let text = code.as_str().map_or(code.to_string(), str::to_owned);
        assert_eq!(world.query(&id).await.1["ResultCode"], text, "{fault}");
        assert_eq!(world.get("/sim/ledger").await, json!([]), "{fault}");
        assert_eq!(
            world.get("/phones/254711000001").await["balance"],
            "5000.00",
            "{fault}"
        );
    }
}

#[tokio::test]
async fn s14_wallets_refuse_by_themselves() {
    let world = World::start().await;
    world
        .put("/sim/wallets/254711000001", json!({"balance": 199}))
        .await;
    world.push(AMINA, 200).await;
    assert_eq!(world.answer(AMINA, "approve").await, 1);
    for code in [2001, 2001, 2001] {
        world.push(AMINA, 100).await;
        assert_eq!(world.answer(AMINA, "wrong-pin").await, code);
    }
    world.push(AMINA, 100).await;
    assert_eq!(
        world.answer(AMINA, "approve").await,
        8006,
        "three wrong PINs lock"
    );
    world
        .put("/sim/wallets/254711000001", json!({"pin_locked": false}))
        .await;
    world.push(AMINA, 100).await;
    assert_eq!(world.answer(AMINA, "approve").await, 0);

    world
        .put("/sim/wallets/254711000002", json!({"balance": "900000.00"}))
        .await;
    world.push(JUMA, 250_001).await;
    assert_eq!(world.answer(JUMA, "approve").await, 3);
    for (amount, code) in [(250_000, 0), (249_999, 0), (2, 4)] {
        world.push(JUMA, amount).await;
        assert_eq!(world.answer(JUMA, "approve").await, code, "{amount}");
    }
    world
        .put("/sim/wallets/254711000002", json!({"registered": false}))
        .await;
    let answer = world.daraja(PUSH, world.push_body(JUMA, 10)).await;
    assert_eq!(
        error(&answer),
        (400, "400.002.02", "Bad Request - Invalid PhoneNumber")
    );
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
