//! What becomes of a prompt, and what callbacks and queries say of it: S4 to S9, S11, S14.

use serde_json::{Value, json};

use crate::support::{AMINA, JUMA, PUSH, World, error, items};

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
