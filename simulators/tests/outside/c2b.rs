//! Payments riders start themselves, and what every payment brings along: S12, S13, S18, V49 to V59.

use serde_json::{Value, json};

use crate::support::{AMINA, Say, World, items};

async fn pay_bill(world: &World, amount: u32, account: &str) -> Value {
    world
        .post(
            "/sim/c2b",
            json!({"msisdn": AMINA, "amount": amount, "account": account}),
        )
        .await
}

#[tokio::test]
async fn v49_v52_a_paybill_payment_is_validated_and_confirmed() {
    let world = World::start().await;
    world.register_c2b("v2").await;
    let paid = pay_bill(&world, 200, "ks 1042").await;
    let receipt = paid["receipt"].as_str().unwrap();
    let validation = world.seen("/c2b/validation", 1).await[0].json();
    let confirmation = world.seen("/c2b/confirmation", 1).await[0].json();
    let expected = json!({
        "TransactionType": "Pay Bill", "TransID": receipt, "TransTime": validation["TransTime"], "TransAmount": "200.00",
        "BusinessShortCode": "600123", "BillRefNumber": "ks 1042", "InvoiceNumber": "", "OrgAccountBalance": "",
        "ThirdPartyTransID": "", "MSISDN": "2547 ***** 001", "FirstName": "AMINA", "MiddleName": "", "LastName": "",
    });
    assert_eq!(validation, expected);
    assert_eq!(confirmation["OrgAccountBalance"], "200.00");
    assert_eq!(confirmation["TransID"], receipt);
    assert!(
        world.text(AMINA, 1).await["text"]
            .as_str()
            .unwrap()
            .contains(receipt)
    );
}

#[tokio::test]
async fn v53_s13_the_first_version_hashes_the_payer() {
    let world = World::start().await;
    world.register_c2b("v1").await;
    world
        .post(
            "/sim/c2b",
            json!({"msisdn": "254712345678", "amount": 50, "account": "0712345678"}),
        )
        .await;
    let confirmation = world.seen("/c2b/confirmation", 1).await[0].json();
    assert_eq!(
        confirmation["MSISDN"],
        "7132104d6aae9c3fac82095a42c2817952bca48e09d98d5bf4ac08218982fb90"
    );
}

#[tokio::test]
async fn v51_a_rejected_validation_cancels_the_payment() {
    let world = World::start().await;
    world.register_c2b("v2").await;
    world.gateway_says(|seen| {
        seen.path
            .ends_with("/validation")
            .then(|| Say::json(json!({"ResultCode": "C2B00012", "ResultDesc": "Rejected"})))
    });
    assert_eq!(
        pay_bill(&world, 200, "JOHN").await,
        json!({"receipt": null, "result_code": "C2B00012"})
    );
    world.push(AMINA, 200).await;
    assert_eq!(
        world.answer(AMINA, "approve").await,
        "C2B00012",
        "a push is validated too"
    );
    assert_eq!(world.get("/sim/ledger").await, json!([]));
    assert_eq!(
        world.get("/phones/254711000001").await["balance"],
        "5000.00"
    );
}

#[tokio::test]
async fn s12_a_silent_validation_falls_back_on_what_was_registered() {
    for (kind, code) in [("Completed", json!(0)), ("Cancelled", json!("C2B00016"))] {
        let world = World::start().await;
        let url = |tail: &str| format!("{}/pay/demo/c2b/{tail}", world.gateway_url);
        let body = json!({
            "ShortCode": "600123", "ResponseType": kind,
            "ConfirmationURL": url("confirmation"), "ValidationURL": url("validation"),
        });
        assert_eq!(world.daraja("/mpesa/c2b/v2/registerurl", body).await.0, 200);
        world.gateway_says(|seen| seen.path.ends_with("/validation").then(|| Say::status(500)));
        assert_eq!(
            pay_bill(&world, 200, "x").await["result_code"],
            code,
            "{kind}"
        );
    }
}

#[tokio::test]
async fn v54_s12_a_paid_push_is_confirmed_with_the_same_receipt() {
    let world = World::start().await;
    world.register_c2b("v2").await;
    world.push(AMINA, 1500).await;
    world.answer(AMINA, "approve").await;
    let callback = world.seen("/stk/9f2c", 1).await[0].json();
    let confirmation = world.seen("/c2b/confirmation", 1).await[0].json();
    assert_eq!(
        confirmation["TransID"],
        items(&callback)["MpesaReceiptNumber"]
    );
    assert_eq!(confirmation["BillRefNumber"], "KSA10001");
    assert_eq!(world.count("/c2b/validation"), 1);
    assert_eq!(world.get("/sim/ledger").await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn s12_the_confirmation_comes_first_alone_twice_late_or_never_when_ordered() {
    let paid = async |fault: &str| {
        let world = World::start().await;
        world.register_c2b("v2").await;
        world.fault(fault).await;
        world.push(AMINA, 1500).await;
        world.answer(AMINA, "approve").await;
        world
    };
    let world = paid("c2b-before-callback").await;
    world.seen("/stk/9f2c", 1).await;
    let order: Vec<String> = world
        .seen("", 0)
        .await
        .into_iter()
        .map(|seen| seen.path)
        .collect();
    assert!(
        order.ends_with(&[
            "/pay/demo/c2b/confirmation".into(),
            "/pay/demo/stk/9f2c".into()
        ]),
        "{order:?}"
    );

    let world = paid("c2b-only").await;
    world.seen("/c2b/confirmation", 1).await;
    world.advance(3600);
    assert_eq!(world.count("/stk/9f2c"), 0);

    let world = paid("c2b-duplicate").await;
    let both = world.seen("/c2b/confirmation", 2).await;
    assert_eq!(both[0].body, both[1].body);

    let world = paid("c2b-lost").await;
    world.seen("/stk/9f2c", 1).await;
    world.advance(3600);
    assert_eq!(world.count("/c2b/confirmation"), 0);

    let world = paid("c2b-late").await;
    world.seen("/stk/9f2c", 1).await;
    assert_eq!(world.count("/c2b/confirmation"), 0);
    world.advance(661);
    world.seen("/c2b/confirmation", 1).await;
}

#[tokio::test]
async fn the_sandbox_simulates_a_payment_by_api() {
    let world = World::start().await;
    world.register_c2b("v2").await;
    let body = json!({
        "ShortCode": 600123, "CommandID": "CustomerPayBillOnline", "Amount": 1, "Msisdn": 254711000001_i64,
        "BillRefNumber": "KS1042",
    });
    let (status, answer) = world.daraja("/mpesa/c2b/v2/simulate", body).await;
    assert_eq!((status, answer["ResponseCode"].as_str()), (200, Some("0")));
    assert_eq!(
        world.seen("/c2b/confirmation", 1).await[0].json()["BillRefNumber"],
        "KS1042"
    );
}

#[tokio::test]
async fn v59_urls_are_registered_once_in_production() {
    let world = World::with(|settings| settings.register_once = true).await;
    world.register_c2b("v2").await;
    let body = json!({
        "ShortCode": "600123", "ResponseType": "Completed",
        "ConfirmationURL": "https://a.example.test/c", "ValidationURL": "https://a.example.test/v",
    });
    let (status, answer) = world.daraja("/mpesa/c2b/v2/registerurl", body).await;
    assert_eq!(
        (status, answer["errorMessage"].as_str()),
        (500, Some("Urls are already registered."))
    );
    let wrong = json!({"ShortCode": "600123", "ResponseType": "completed"});
    let (_, answer) = world.daraja("/mpesa/c2b/v2/registerurl", wrong).await;
    assert_eq!(answer["errorMessage"], "Bad Request - Invalid ResponseType");
}

#[tokio::test]
async fn v57_v58_s18_the_last_two_days_can_be_pulled_in_nested_rows() {
    let world = World::start().await;
    let range = json!({"ShortCode": "600123", "StartDate": "2020-01-01 00:00:00", "EndDate": "2099-01-01 00:00:00", "OffSetValue": "0"});
    let register = json!({"ShortCode": "600123", "RequestType": "Pull", "NominatedNumber": "0711000005", "CallBackURL": "https://a.example.test/p"});
    let (_, answer) = world
        .daraja("/pulltransactions/v1/register", register.clone())
        .await;
    assert_eq!(answer["ResponseStatus"], "1000");
    assert_eq!(
        world
            .daraja("/pulltransactions/v1/register", register)
            .await
            .1["ResponseStatus"],
        "1001"
    );
    let (_, answer) = world
        .daraja("/pulltransactions/v1/query", range.clone())
        .await;
    assert_eq!(
        (&answer["ResponseCode"], &answer["Response"]),
        (&json!("1001"), &json!([[]]))
    );

    let first = pay_bill(&world, 200, "ks 1042").await["receipt"].clone();
    world.advance(47 * 3600);
    let second = pay_bill(&world, 300, "KS2077").await["receipt"].clone();
    let (_, answer) = world
        .daraja("/pulltransactions/v1/query", range.clone())
        .await;
    assert_eq!(answer["ResponseCode"], "1000");
    assert_eq!(
        (
            &answer["Response"][0][0]["transactionId"],
            &answer["Response"][0][1]["transactionId"]
        ),
        (&first, &second)
    );
    let row = &answer["Response"][0][0];
    assert_eq!(
        (
            row["msisdn"].as_str(),
            row["amount"].as_str(),
            row["billreference"].as_str()
        ),
        (Some("711000001"), Some("200.0"), Some("ks 1042"))
    );

    let mut next = range.clone();
    next["OffSetValue"] = json!("1");
    let (_, answer) = world.daraja("/pulltransactions/v1/query", next).await;
    assert_eq!(answer["Response"][0].as_array().unwrap().len(), 1);
    world.advance(2 * 3600);
    let (_, answer) = world.daraja("/pulltransactions/v1/query", range).await;
    assert_eq!(
        answer["Response"][0][0]["transactionId"], second,
        "older than 48 hours is gone"
    );
}
