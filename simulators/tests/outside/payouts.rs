//! Payouts and the questions that are answered later: S15 to S17, V60 to V79.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{AMINA, World};

const PAYOUT: &str = "/mpesa/b2c/v3/paymentrequest";

fn urls(world: &World, body: &mut Value) {
    body["ResultURL"] = json!(format!("{}/pay/demo/b2c/11aa/result", world.gateway_url));
    body["QueueTimeOutURL"] = json!(format!("{}/pay/demo/b2c/11aa/timeout", world.gateway_url));
    body["SecurityCredential"] = json!(STANDARD.encode([7_u8; 256]));
}

fn order(world: &World, id: &str, amount: u32) -> Value {
    let mut body = json!({
        "OriginatorConversationID": id, "InitiatorName": "kwastage", "CommandID": "BusinessPayment", "Amount": amount,
        "PartyA": "600124", "PartyB": AMINA, "Remarks": "Loan", "Occassion": "",
    });
    urls(world, &mut body);
    body
}

fn question(world: &World, command: &str, more: Value) -> Value {
    let mut body = json!({"Initiator": "kwastage", "CommandID": command, "IdentifierType": "4", "Remarks": "Check", "PartyA": "600124"});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    urls(world, &mut body);
    body
}

/// The result with that number, as it was posted.
async fn result(world: &World, number: usize) -> Value {
    world.seen("/result", number).await[number - 1].json()["Result"].clone()
}

fn parameter(result: &Value, key: &str) -> Value {
    let all = result["ResultParameters"]["ResultParameter"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    all.into_iter()
        .find(|parameter| parameter["Key"] == key)
        .map(|parameter| parameter["Value"].clone())
        .unwrap_or_default()
}

#[tokio::test]
async fn v60_v63_a_payout_is_accepted_then_paid() {
    let world = World::start().await;
    let (status, answer) = world.daraja(PAYOUT, order(&world, "KS-01", 5000)).await;
    assert_eq!(
        (status, answer["OriginatorConversationID"].as_str()),
        (200, Some("KS-01"))
    );
    let conversation = answer["ConversationID"].as_str().unwrap();
    assert!(
        conversation.starts_with("AG_") && conversation.len() == 32,
        "{conversation}"
    );
    let result = result(&world, 1).await;
    assert_eq!(
        (&result["ResultCode"], &result["ConversationID"]),
        (&json!(0), &json!(conversation))
    );
    assert_eq!(
        parameter(&result, "TransactionReceipt"),
        result["TransactionID"]
    );
    assert_eq!(
        parameter(&result, "ReceiverPartyPublicName"),
        "254711000001 - AMINA"
    );
    assert_eq!(
        parameter(&result, "B2CUtilityAccountAvailableFunds").to_string(),
        "95000.00"
    );
    assert_eq!(
        parameter(&result, "TransactionCompletedDateTime")
            .as_str()
            .unwrap()
            .len(),
        19
    );
    assert_eq!(
        world.get("/phones/254711000001").await["balance"],
        "10000.00"
    );
    assert_eq!(world.get("/sim/ledger").await[0]["originator_id"], "KS-01");
    assert_eq!(world.text(AMINA, 1).await["from"], "MPESA");
}

#[tokio::test]
async fn v61_s15_the_same_id_again_is_a_duplicate_and_pays_nothing() {
    let world = World::start().await;
    world.fault_once("payout-lost-answer").await;
    assert_eq!(
        world.daraja(PAYOUT, order(&world, "KS-01", 5000)).await.0,
        504
    );
    let (status, answer) = world.daraja(PAYOUT, order(&world, "KS-01", 5000)).await;
    assert_eq!(
        (status, answer["errorCode"].as_str()),
        (500, Some("500.002.1001"))
    );
    assert_eq!(
        answer["errorMessage"],
        "Duplicate OriginatorConversationID."
    );
    result(&world, 1).await;
    assert_eq!(world.get("/sim/ledger").await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn s15_v65_a_wrong_credential_locks_the_operator_at_the_third_try() {
    let world = World::start().await;
    for (number, code) in [2001, 2001, 8006, 8006].into_iter().enumerate() {
        let mut body = order(&world, &format!("KS-{number}"), 5000);
        body["SecurityCredential"] = json!("bm90IGEgY2lwaGVy");
        assert_eq!(world.daraja(PAYOUT, body).await.0, 200);
        assert_eq!(result(&world, number + 1).await["ResultCode"], code);
    }
}

#[tokio::test]
async fn v64_v66_v67_payouts_fail_for_their_own_reasons() {
    let world = World::start().await;
    world.fault_once("payout-float-empty").await;
    world.daraja(PAYOUT, order(&world, "KS-1", 5000)).await;
    let failed = result(&world, 1).await;
    assert_eq!(failed["ResultCode"], 1);
    assert!(
        failed["TransactionID"]
            .as_str()
            .unwrap()
            .ends_with("0000000")
    );
    assert_eq!(
        failed["ReferenceData"]["ReferenceItem"]["Key"],
        "QueueTimeoutURL"
    );

    world
        .put("/sim/wallets/254711000001", json!({"registered": false}))
        .await;
    world.daraja(PAYOUT, order(&world, "KS-2", 5000)).await;
    assert_eq!(result(&world, 2).await["ResultCode"], "2040", "as text");

    world
        .put(
            "/sim/wallets/254711000001",
            json!({"registered": true, "balance": 499_000}),
        )
        .await;
    world.daraja(PAYOUT, order(&world, "KS-3", 5000)).await;
    assert_eq!(result(&world, 3).await["ResultCode"], 8);
    world.daraja(PAYOUT, order(&world, "KS-4", 9)).await;
    assert_eq!(result(&world, 4).await["ResultCode"], 2);
    assert_eq!(world.get("/sim/ledger").await, json!([]));
}

#[tokio::test]
async fn s16_v68_v69_a_queue_timeout_is_not_a_result() {
    let world = World::start().await;
    world.fault("queue-timeout").await;
    world.daraja(PAYOUT, order(&world, "KS-1", 5000)).await;
    let thin = world.seen("/timeout", 1).await[0].json()["Result"].clone();
    assert_eq!(
        (&thin["ResultType"], &thin["OriginatorConversationID"]),
        (&json!(1), &json!("KS-1"))
    );
    assert_eq!(world.count("/result"), 0);
    world.advance(661);
    assert_eq!(result(&world, 1).await["ResultCode"], 0);
}

#[tokio::test]
async fn s16_results_come_early_twice_or_never_when_ordered() {
    let world = World::start().await;
    world.fault_once("callback-before-answer").await;
    world.daraja(PAYOUT, order(&world, "KS-1", 100)).await;
    assert_eq!(
        world.count("/result"),
        1,
        "the result was there before the answer"
    );
    world.fault_once("callback-duplicate").await;
    world.daraja(PAYOUT, order(&world, "KS-2", 101)).await;
    world.seen("/result", 3).await;
    world.fault_once("callback-lost").await;
    world.daraja(PAYOUT, order(&world, "KS-3", 102)).await;
    world.text(AMINA, 3).await;
    world.advance(3600);
    assert_eq!(world.count("/result"), 3);
}

#[tokio::test]
async fn v70_v71_results_have_odd_shapes_and_wrong_names_when_ordered() {
    let world = World::start().await;
    world.fault_once("result-odd-shape").await;
    world.daraja(PAYOUT, order(&world, "KS-1", 100)).await;
    let odd = result(&world, 1).await;
    assert_eq!(
        odd["ResultParameters"]["ResultParameter"]["Key"],
        "TransactionReceipt"
    );
    assert!(odd["ReferenceData"]["ReferenceItem"].is_array());
    world.fault_once("payout-wrong-recipient").await;
    world.daraja(PAYOUT, order(&world, "KS-2", 101)).await;
    assert_eq!(
        parameter(&result(&world, 2).await, "ReceiverPartyPublicName"),
        "254700000001 - SOMEONE ELSE"
    );
}

#[tokio::test]
async fn v73_to_v76_s17_status_is_answered_later_with_the_samples_quirks() {
    let world = World::start().await;
    world.daraja(PAYOUT, order(&world, "KS-1", 5000)).await;
    result(&world, 1).await;
    let ask = async |more: Value| {
        let body = question(&world, "TransactionStatusQuery", more);
        let (status, answer) = world
            .daraja("/mpesa/transactionstatus/v1/query", body)
            .await;
        assert_eq!((status, answer["ResponseCode"].as_str()), (200, Some("0")));
    };
    ask(json!({"OriginalConversationID": "KS-1"})).await;
    let found = result(&world, 2).await;
    assert_eq!(
        (
            parameter(&found, "TransactionStatus"),
            parameter(&found, "Amount")
        ),
        (json!("Completed"), json!("5000"))
    );
    let keys = found["ResultParameters"]["ResultParameter"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(
        keys.iter()
            .filter(|item| item["Key"] == "DebitPartyName")
            .count(),
        2
    );
    assert!(
        keys.iter()
            .any(|item| item["Key"] == "TransactionReason" && item.get("Value").is_none())
    );

    world.fault_once("payout-float-empty").await;
    world.daraja(PAYOUT, order(&world, "KS-2", 5000)).await;
    result(&world, 3).await;
    ask(json!({"OriginalConversationID": "KS-2"})).await;
    assert_eq!(
        parameter(&result(&world, 4).await, "TransactionStatus"),
        "Declined"
    );
    ask(json!({"OriginalConversationID": "KS-unknown"})).await;
    assert_eq!(result(&world, 5).await["ResultCode"], 25);
    world.fault_once("status-undecided").await;
    ask(json!({"OriginatorConversationID": "KS-1"})).await;
    assert_eq!(
        parameter(&result(&world, 6).await, "TransactionStatus"),
        "Authorized"
    );
}

#[tokio::test]
async fn v77_v78_a_payment_is_reversed_once() {
    let world = World::start().await;
    let paid = world
        .post(
            "/sim/c2b",
            json!({"msisdn": AMINA, "amount": 1500, "account": "KS1"}),
        )
        .await;
    let body = |amount: u32| {
        let more = json!({
            "TransactionID": paid["receipt"], "Amount": amount, "ReceiverParty": "600123", "RecieverIdentifierType": "11",
        });
        question(&world, "TransactionReversal", more)
    };
    let expected = [
        (1400, json!("R000002")),
        (1500, json!(0)),
        (1500, json!("R000001")),
    ];
    for (number, (amount, code)) in expected.into_iter().enumerate() {
        assert_eq!(
            world
                .daraja("/mpesa/reversal/v1/request", body(amount))
                .await
                .0,
            200
        );
        let result = result(&world, number + 1).await;
        assert_eq!(result["ResultCode"], code);
        if code == json!(0) {
            assert_eq!(parameter(&result, "OriginalTransactionID"), paid["receipt"]);
        }
    }
    assert_eq!(
        world.get("/phones/254711000001").await["balance"],
        "5000.00"
    );
    let ledger = world.get("/sim/ledger").await;
    assert_eq!(
        (&ledger[0]["reversed"], &ledger[1]["kind"]),
        (&json!(true), &json!("reversal"))
    );
}

#[tokio::test]
async fn v79_the_balance_is_a_text_of_accounts() {
    let world = World::start().await;
    let (status, _) = world
        .daraja(
            "/mpesa/accountbalance/v1/query",
            question(&world, "AccountBalance", json!({})),
        )
        .await;
    assert_eq!(status, 200);
    let result = result(&world, 1).await;
    assert_eq!(result["ResultCode"], "0", "as text");
    let accounts = parameter(&result, "AccountBalance");
    assert!(
        accounts
            .as_str()
            .unwrap()
            .contains("&Utility Account|KES|100000.00|100000.00|0.00|0.00&"),
        "{accounts}"
    );
}

#[tokio::test]
async fn v80_v81_standing_orders_answer_in_either_case() {
    let world = World::start().await;
    let body = json!({
        "StandingOrderName": "Welfare Amina", "StartDate": "20261201", "EndDate": "20271201", "BusinessShortCode": "600123",
        "TransactionType": "Standing Order Customer Pay Bill", "ReceiverPartyIdentifierType": "4", "Amount": "200",
        "PartyA": AMINA, "CallBackURL": format!("{}/pay/demo/ratiba", world.gateway_url), "AccountReference": "KS1",
        "TransactionDesc": "welfare", "Frequency": "3",
    });
    let (status, answer) = world
        .daraja(
            "/standingorder/v1/createStandingOrderExternal",
            body.clone(),
        )
        .await;
    assert_eq!(
        (status, answer["ResponseHeader"]["responseCode"].as_str()),
        (200, Some("200"))
    );
    assert_eq!(
        world.seen("/ratiba", 1).await[0].json()["responseHeader"]["responseCode"],
        "0"
    );
    world.fault("unreachable").await;
    world
        .daraja("/standingorder/v1/createStandingOrderExternal", body)
        .await;
    assert_eq!(
        world.seen("/ratiba", 2).await[1].json()["ResponseHeader"]["responseCode"],
        "1037"
    );
}

/// Whatever people and providers do, each wallet is what the book says it must be.
#[tokio::test]
async fn s22_money_is_never_made_or_lost() {
    let world = World::start().await;
    world.register_c2b("v2").await;
    let people = ["254711000001", "254711000002", "254711000005"];
    let faults = [
        "callback-lost",
        "amount-differs",
        "low-balance",
        "c2b-only",
        "push-lost-answer",
        "payout-float-empty",
        "validation-skipped",
    ];
    let mut dice: u64 = 42;
    let mut throw = |sides: u64| {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    for fault in faults {
        world
            .post(
                "/faults",
                json!({"what": fault, "how_often": 0.2, "how_long": 1_000_000}),
            )
            .await;
    }
    for round in 0..60 {
        let person = people[throw(3) as usize];
        let amount = 10 + throw(400) as u32;
        match throw(4) {
            0 => {
                _ = world
                    .post(
                        "/sim/c2b",
                        json!({"msisdn": person, "amount": amount, "account": "KS1"}),
                    )
                    .await
            }
            1 => {
                let mut payout = order(&world, &format!("KS-{round}"), amount);
                payout["PartyB"] = json!(person);
                world.daraja(PAYOUT, payout).await;
            }
            2 => {
                let ledger = world.get("/sim/ledger").await;
                let Some(entry) = ledger.as_array().unwrap().last() else {
                    continue;
                };
                let shillings: u32 = entry["amount"]
                    .as_str()
                    .unwrap()
                    .trim_end_matches(".00")
                    .parse()
                    .unwrap();
                let more = json!({
                    "TransactionID": entry["receipt"], "Amount": shillings, "ReceiverParty": "600123", "RecieverIdentifierType": "11",
                });
                world
                    .daraja(
                        "/mpesa/reversal/v1/request",
                        question(&world, "TransactionReversal", more),
                    )
                    .await;
            }
            _ => {
                world
                    .daraja(crate::support::PUSH, world.push_body(person, amount))
                    .await;
                let answers = ["approve", "approve", "cancel", "wrong-pin"];
                world.answer(person, answers[throw(4) as usize]).await;
                world
                    .put(
                        &format!("/sim/wallets/{person}"),
                        json!({"pin_locked": false}),
                    )
                    .await;
            }
        }
    }
    // Wallets and book change together; they are compared between two readings of the book that agree.
    loop {
        let ledger = world.get("/sim/ledger").await;
        let mut balances = Vec::new();
        for person in people {
            balances.push(
                world.get(&format!("/phones/{person}")).await["balance"]
                    .as_str()
                    .unwrap()
                    .replace('.', ""),
            );
        }
        if world.get("/sim/ledger").await == ledger {
            return check_wallets(&people, &balances, ledger.as_array().unwrap());
        }
    }
}

fn check_wallets(people: &[&str], balances: &[String], ledger: &[Value]) {
    let cents = |entry: &Value| {
        entry["amount"]
            .as_str()
            .unwrap()
            .replace('.', "")
            .parse::<i64>()
            .unwrap()
    };
    let distinct = |field: &str| {
        ledger
            .iter()
            .map(|entry| entry[field].as_str().unwrap())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        distinct("receipt").len(),
        ledger.len(),
        "a receipt came twice"
    );
    assert_eq!(distinct("kind").len(), 4, "every kind of movement happened");
    for (person, balance) in people.iter().zip(balances) {
        let mut expected = 500_000;
        for entry in ledger.iter().filter(|entry| entry["msisdn"] == **person) {
            let back = ["b2c", "reversal"].contains(&entry["kind"].as_str().unwrap());
            expected += if back { cents(entry) } else { -cents(entry) };
        }
        assert_eq!(balance.parse::<i64>().unwrap(), expected, "{person}");
    }
}
