//! What the gateway does with every callback and paybill body that Daraja is known to send, on a real database.
//!
//! Attempt A1: KES 1500, reference KSA10001, pushed at 14:30:07 in Nairobi, prompt
//! `ws_CO_051120261430074712345678`.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::world::{KEY, Reply, SAFARICOM, Shared, World, add_member, perform, take_job};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::response::Response;
use chrono::TimeDelta;
use kwastage::channels::pay::daraja;
use kwastage::payments::{News, Purpose, Receipt, RequestError, Requested};
use kwastage::primitives::Money;
use serde_json::Value;
use sqlx::PgPool;
use tower::ServiceExt;

const V06: &str = r#"{"MerchantRequestID":"7a1e-4c2b-9d30-55f0c1ab77e4190233","CheckoutRequestID":"ws_CO_051120261430074712345678","ResponseCode":"0","ResponseDescription":"Success. Request accepted for processing","CustomerMessage":"Success. Request accepted for processing"}"#;
const V10: &str = r#"{"requestId":"10411-5523310-2","errorCode":"500.001.1001","errorMessage":"Unable to lock subscriber, a transaction is already in process for the current subscriber"}"#;
pub const V19: &str = r#"{"Body":{"stkCallback":{"MerchantRequestID":"7a1e-4c2b-9d30-55f0c1ab77e4190233","CheckoutRequestID":"ws_CO_051120261430074712345678","ResultCode":0,"ResultDesc":"The service request is processed successfully.","CallbackMetadata":{"Item":[{"Name":"Amount","Value":1500.00},{"Name":"MpesaReceiptNumber","Value":"UK5A1B2C3D"},{"Name":"Balance"},{"Name":"TransactionDate","Value":20261105143024},{"Name":"PhoneNumber","Value":254712345678}]}}}}"#;
const V20: &str = r#"{"Body":{"stkCallback":{"MerchantRequestID":"7a1e-4c2b-9d30-55f0c1ab77e4190233","CheckoutRequestID":"ws_CO_051120261430074712345678","ResultCode":"0","ResultDesc":"The service request is processed successfully.","CallbackMetadata":{"Item":[{"Name":"PhoneNumber","Value":"254712345678"},{"Name":"TransactionDate","Value":20261105143024},{"Name":"MpesaReceiptNumber","Value":"UK5A1B2C3D"},{"Name":"Amount","Value":1500}]}}}}"#;
const V21: &str = r#"{"Body":{"stkCallback":{"MerchantRequestID":"7a1e-4c2b-9d30-55f0c1ab77e4190233","CheckoutRequestID":"ws_CO_051120261430074712345678","ResultCode":0,"ResultDesc":"The service request is processed successfully.","CallbackMetadata":{"Item":[{"Name":"Amount","Value":150.00},{"Name":"MpesaReceiptNumber","Value":"UK5A1B2C3E"},{"Name":"TransactionDate","Value":20261105143024},{"Name":"PhoneNumber","Value":254712345678}]}}}}"#;
const V22: &str = r#"{"Body":{"stkCallback":{"MerchantRequestID":"7a1e-4c2b-9d30-55f0c1ab77e4190233","CheckoutRequestID":"ws_CO_051120261430074712345678","ResultCode":0,"ResultDesc":"The service request is processed successfully."}}}"#;
const V23: &str = r#"{"Body":{"stkCallback":{"MerchantRequestID":"7a1e-4c2b-9d30-55f0c1ab77e4190233","CheckoutRequestID":"ws_CO_051120261430074712345678","ResultCode":0,"ResultDesc":"The service request is processed successfully.","CallbackMetadata":{"Item":[{"Name":"Amount","Value":1500.00},{"Name":"TransactionDate","Value":20261105143024},{"Name":"PhoneNumber","Value":"2547 ***** 678"}]}}}}"#;
const V36: &str = r#"{"Body":{"stkCallback":{"MerchantRequestID":"ffff-0000-0000-000000000000000000","CheckoutRequestID":"ws_CO_051120261429551799999999","ResultCode":0,"ResultDesc":"The service request is processed successfully.","CallbackMetadata":{"Item":[{"Name":"Amount","Value":1500.00},{"Name":"MpesaReceiptNumber","Value":"UK5ZZZZZZZ"},{"Name":"TransactionDate","Value":20261105143024},{"Name":"PhoneNumber","Value":254799999999}]}}}}"#;
const V39: &str = r#"{"Result":{"ResultType":0,"ResultCode":0,"ResultDesc":"ok","OriginatorConversationID":"x","ConversationID":"AG_x","TransactionID":"UK5Q"}}"#;
const V40: &str =
    r#"{"Body":{"stkCallback":{"MerchantRequestID":"7a1e-4c2b-9d30-55f0c1ab77e4190233","Checkout"#;
const V41: &str = r#"{"Body":{"stkCallback":{"MerchantRequestID":"7a1e-4c2b-9d30-55f0c1ab77e4190233","CheckoutRequestID":"ws_CO_051120261430074712345678","ResultCode":0,"ResultDesc":"The service request is processed successfully.","CallbackMetadata":{"Item":{"Name":"Amount","Value":1500.00}}}}}"#;
const V49: &str = r#"{"TransactionType":"Pay Bill","TransID":"UK5B7K2M9P","TransTime":"20261105150112","TransAmount":"200.00","BusinessShortCode":"600123","BillRefNumber":"ks 1042","InvoiceNumber":"","OrgAccountBalance":"","ThirdPartyTransID":"","MSISDN":"2547 ***** 678","FirstName":"AMINA","MiddleName":"","LastName":""}"#;
const V52: &str = r#"{"TransactionType":"Pay Bill","TransID":"UK5B7K2M9P","TransTime":"20261105150114","TransAmount":"200.00","BusinessShortCode":"600123","BillRefNumber":"ks 1042","InvoiceNumber":"","OrgAccountBalance":"48250.00","ThirdPartyTransID":"","MSISDN":"2547 ***** 678","FirstName":"AMINA","MiddleName":"","LastName":""}"#;
const V53: &str = r#"{"TransactionType":"Pay Bill","TransID":"UK5B7K2M9R","TransTime":"20261105150301","TransAmount":"50","BusinessShortCode":"600123","BillRefNumber":"0712345678","InvoiceNumber":"","OrgAccountBalance":"48300.00","ThirdPartyTransID":"","MSISDN":"7132104d6aae9c3fac82095a42c2817952bca48e09d98d5bf4ac08218982fb90","FirstName":"AMINA"}"#;
pub const V54: &str = r#"{"TransactionType":"Pay Bill","TransID":"UK5A1B2C3D","TransTime":"20261105143024","TransAmount":"1500.00","BusinessShortCode":"600123","BillRefNumber":"KSA10001","InvoiceNumber":"","OrgAccountBalance":"49800.00","ThirdPartyTransID":"","MSISDN":"2547 ***** 678","FirstName":"AMINA","MiddleName":"","LastName":""}"#;
const V56: &str = r#"{"TransactionType":"Pay Bill","TransID":"UK5C0Q8T1W","TransTime":"20261105161500","TransAmount":"1000.00","BusinessShortCode":"600123","BillRefNumber":"INSURANCE","InvoiceNumber":"","OrgAccountBalance":"50800.00","ThirdPartyTransID":"","MSISDN":"2541 ***** 437","FirstName":"","MiddleName":"","LastName":""}"#;

/// A failed result for A1, with the code as it stands in JSON.
fn failed(code: &str, words: &str) -> String {
    format!(
        r#"{{"Body":{{"stkCallback":{{"MerchantRequestID":"7a1e-4c2b-9d30-55f0c1ab77e4190233","CheckoutRequestID":"ws_CO_051120261430074712345678","ResultCode":{code},"ResultDesc":"{words}"}}}}}}"#
    )
}

/// A query answer for A1 (V43, V44, V48 and the like).
pub fn queried(code: &str) -> Reply {
    let body = format!(
        r#"{{"ResponseCode":"0","ResponseDescription":"The service request has been accepted successfully","MerchantRequestID":"7a1e-4c2b-9d30-55f0c1ab77e4190233","CheckoutRequestID":"ws_CO_051120261430074712345678","ResultCode":"{code}","ResultDesc":"."}}"#
    );
    (200, body)
}

fn nothing_yet() -> Reply {
    (
        500,
        r#"{"requestId":"1","errorCode":"500.001.1001","errorMessage":""}"#.to_owned(),
    )
}

fn seconds(seconds: i64) -> TimeDelta {
    TimeDelta::seconds(seconds)
}

/// What the stand-in answers next and what it was sent.
#[derive(Default)]
struct Script {
    /// V06 when empty.
    pushes: VecDeque<Reply>,
    /// The last one is repeated; "nothing yet" when there is none.
    queries: VecDeque<Reply>,
    tokens: Vec<String>,
    asked: usize,
}

pub struct Case {
    pub world: World,
    script: Shared<Script>,
}

impl Case {
    pub async fn new(pool: PgPool) -> Case {
        let script: Shared<Script> = Arc::default();
        let playing = script.clone();
        let answers =
            Arc::new(move |path: &str, body: &Value| playing.lock().unwrap().answer(path, body));
        Case {
            world: World::new(pool, answers).await,
            script,
        }
    }

    /// A1 was pushed and its prompt is on the phone.
    async fn pushed(pool: PgPool) -> Case {
        let case = Case::new(pool).await;
        case.world.ask("s1:4", 1500).await.unwrap();
        case.world.pass(seconds(6)).await;
        assert_eq!(case.world.attempt_states().await, ["prompted"]);
        case
    }

    pub fn will_answer_pushes(&self, replies: impl IntoIterator<Item = Reply>) {
        self.script.lock().unwrap().pushes = replies.into_iter().collect();
    }

    pub fn will_answer_queries(&self, replies: impl IntoIterator<Item = Reply>) {
        self.script.lock().unwrap().queries = replies.into_iter().collect();
    }

    fn token(&self) -> String {
        self.script.lock().unwrap().tokens.last().unwrap().clone()
    }

    pub fn times_asked(&self) -> usize {
        self.script.lock().unwrap().asked
    }

    fn times_pushed(&self) -> usize {
        self.script.lock().unwrap().tokens.len()
    }

    pub async fn hears(&self, body: &str) {
        let response = self.world.callback(&self.token(), body).await;
        assert_eq!(
            read(response).await,
            (
                200,
                r#"{"ResultCode":0,"ResultDesc":"Accepted"}"#.to_owned()
            )
        );
        self.world.do_due().await;
    }

    pub async fn confirms(&self, body: &str) {
        let response = self.world.confirmation(body).await;
        assert_eq!(
            read(response).await,
            (200, r#"{"ResultCode":0,"ResultDesc":"Success"}"#.to_owned())
        );
        self.world.do_due().await;
    }

    pub async fn passes(&self, time: i64) {
        self.world.pass(seconds(time)).await;
    }

    pub async fn assert_stands(&self, states: &[&str], inflows: &[&str], told: &[&str]) {
        assert_eq!(self.world.attempt_states().await, states);
        assert_eq!(self.world.inflows().await, inflows);
        assert_eq!(self.world.told().await, told);
    }
}

impl Script {
    fn answer(&mut self, path: &str, body: &Value) -> Reply {
        match path {
            "/mpesa/stkpush/v1/processrequest" => {
                let url = body["CallBackURL"].as_str().unwrap();
                self.tokens.push(url.rsplit('/').next().unwrap().to_owned());
                self.pushes.pop_front().unwrap_or((200, V06.to_owned()))
            }
            "/mpesa/stkpushquery/v1/query" => {
                self.asked += 1;
                match self.queries.len() {
                    0 => nothing_yet(),
                    1 => self.queries[0].clone(),
                    _ => self.queries.pop_front().unwrap(),
                }
            }
            other => panic!("nobody asks for {other}"),
        }
    }
}

async fn read(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 100_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[sqlx::test]
async fn v19_paid_and_confirmed_by_the_question_that_follows_at_once(pool: PgPool) {
    let case = Case::pushed(pool).await;
    case.hears(V19).await;
    case.assert_stands(
        &["paid"],
        &["allocated 1500 UK5A1B2C3D"],
        &["PAID 1500 UK5A1B2C3D"],
    )
    .await;
    assert_eq!(
        case.times_asked(),
        1,
        "a claim of success is questioned at once"
    );

    case.will_answer_queries([queried("0")]);
    case.passes(20).await;
    let told = ["PAID 1500 UK5A1B2C3D", "confirmed 1500 UK5A1B2C3D"];
    case.assert_stands(&["paid!"], &["allocated 1500 UK5A1B2C3D"], &told)
        .await;
    let asked = case.times_asked();
    case.passes(90_000).await;
    assert_eq!(
        case.times_asked(),
        asked,
        "what is certain is not asked about again"
    );
}

#[sqlx::test]
async fn v20_the_same_in_another_order_and_as_text(pool: PgPool) {
    let case = Case::pushed(pool).await;
    case.hears(V20).await;
    case.assert_stands(
        &["paid"],
        &["allocated 1500 UK5A1B2C3D"],
        &["PAID 1500 UK5A1B2C3D"],
    )
    .await;
}

#[sqlx::test]
async fn v21_another_amount_goes_to_suspense_and_never_pays(pool: PgPool) {
    let case = Case::pushed(pool).await;
    case.will_answer_queries([queried("0")]);
    case.hears(V21).await;
    case.passes(90_000).await;
    let told = ["MISMATCH 150 UK5A1B2C3E", "wrong_amount"];
    case.assert_stands(&["operator"], &["suspense 150 UK5A1B2C3E"], &told)
        .await;
}

#[sqlx::test]
async fn v22_v23_v41_success_without_a_receipt_waits_for_the_answer_and_then_for_the_paybill(
    pool: PgPool,
) {
    for (at, body) in [V22, V23, V41].into_iter().enumerate() {
        let name = format!("kwa_payments_receiptless_{at}_{}", std::process::id());
        let database = fresh_database(&pool, &name).await;
        let case = Case::pushed(database.clone()).await;
        case.hears(body).await;
        case.assert_stands(&["unknown"], &[], &[]).await;

        case.will_answer_queries([queried("0")]);
        case.passes(20).await;
        case.assert_stands(&["paid"], &["allocated 1500"], &["PAID 1500"])
            .await;

        case.confirms(V54).await;
        let told = ["PAID 1500", "confirmed 1500 UK5A1B2C3D"];
        case.assert_stands(&["paid!"], &["allocated 1500 UK5A1B2C3D"], &told)
            .await;
        drop(case);
        database.close().await;
        drop_database(&pool, &name).await;
    }
}

/// A second database for a test that runs several worlds one after the other.
async fn fresh_database(pool: &PgPool, name: &str) -> PgPool {
    drop_database(pool, name).await;
    sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}")))
        .execute(pool)
        .await
        .unwrap();
    let options = pool.connect_options().as_ref().clone().database(name);
    let database = PgPool::connect_with(options).await.unwrap();
    sqlx::migrate!().run(&database).await.unwrap();
    database
}

async fn drop_database(pool: &PgPool, name: &str) {
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "drop database if exists {name} with (force)"
    )))
    .execute(pool)
    .await
    .unwrap();
}

#[sqlx::test]
async fn v24_v26_v27_v30_failures_are_final_at_once_and_told_in_their_own_words(pool: PgPool) {
    for (at, (code, told)) in [
        ("1032", vec!["CANCEL 1500"]),
        ("1", vec!["LOWBAL 1500"]),
        // A wrong PIN here, whatever the code means for payouts: no alarm.
        ("2001", vec!["PIN 1500"]),
        (r#""SFC_IC0003""#, vec!["misconfigured", "SYSTEM 1500"]),
        ("8006", vec!["PINLOCK 1500"]),
        (r#""17""#, vec!["WAIT2 1500"]),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("kwa_payments_failed_{at}_{}", std::process::id());
        let database = fresh_database(&pool, &name).await;
        let case = Case::pushed(database.clone()).await;
        case.hears(&failed(
            code,
            "[MpesaCB - ]The initiator information is invalid.",
        ))
        .await;
        case.passes(100_000).await;
        case.assert_stands(&["failed"], &[], &told).await;
        assert_eq!(case.times_pushed(), 1);
        drop(case);
        database.close().await;
        drop_database(&pool, &name).await;
    }
}

#[sqlx::test]
async fn v25_unreachable_is_closed_by_two_agreeing_answers_and_not_before(pool: PgPool) {
    let case = Case::pushed(pool).await;
    case.will_answer_queries([queried("1037")]);
    case.passes(26).await;
    case.hears(&failed("1037", "No response from user.")).await;
    case.assert_stands(&["unknown"], &[], &[]).await;
    case.passes(31).await;
    case.assert_stands(&["unknown"], &[], &["CHECK"]).await;
    case.passes(100).await;
    case.assert_stands(&["failed"], &[], &["CHECK", "NOANSWER 1500"])
        .await;
}

#[sqlx::test]
async fn v28_a_busy_line_is_tried_again_and_then_answered(pool: PgPool) {
    let case = Case::pushed(pool).await;
    case.hears(&failed("1001", "Unable to lock subscriber"))
        .await;
    case.assert_stands(&["failed", "created"], &[], &["BUSY"])
        .await;
    case.will_answer_pushes([(500, V10.to_owned())]);
    case.passes(61).await;
    case.assert_stands(&["failed", "refused", "created"], &[], &["BUSY"])
        .await;
    case.will_answer_pushes([(500, V10.to_owned())]);
    case.passes(125).await;
    case.assert_stands(
        &["failed", "refused", "refused"],
        &[],
        &["BUSY", "NOANSWER 1500"],
    )
    .await;
    assert_eq!(case.times_pushed(), 3);
}

#[sqlx::test]
async fn v29_rule_limited_asks_about_the_earlier_attempt_of_the_same_amount(pool: PgPool) {
    let case = Case::pushed(pool).await;
    // The first prompt ended as cancelled, and was paid all the same.
    case.hears(&failed("1032", "Request Cancelled by user."))
        .await;
    let asked = case.times_asked();
    let second = case.world.ask("s2:4", 1500).await.unwrap();
    case.will_answer_pushes([(200, V06.replace("1430074712345678", "1433074712345678"))]);
    let wait = second.not_before - case.world.clock.now();
    case.world.pass(wait).await;
    assert_eq!(case.times_pushed(), 2);
    case.will_answer_queries([queried("0")]);
    case.hears(&failed("17", "Rule limited.").replace("1430074712345678", "1433074712345678"))
        .await;
    assert!(case.times_asked() > asked);
    let told = ["CANCEL 1500", "WAIT2 1500", "conflict", "LATE 1500"];
    let mut seen = case.world.told().await;
    seen.sort();
    let mut wanted = told.to_vec();
    wanted.sort_unstable();
    assert_eq!(seen, wanted);
    assert_eq!(case.world.inflows().await, ["allocated 1500"]);
}

#[sqlx::test]
async fn v31_an_unheard_code_stays_open_for_a_day_and_then_is_a_persons(pool: PgPool) {
    let case = Case::pushed(pool).await;
    case.will_answer_queries([queried("7777")]);
    case.hears(&failed("7777", "Something new.")).await;
    case.passes(3600).await;
    case.assert_stands(&["unknown"], &[], &["unknown_code", "CHECK"])
        .await;
    case.passes(24 * 3600).await;
    let told = ["unknown_code", "CHECK", "unresolved", "UNRESOLVED"];
    case.assert_stands(&["operator"], &[], &told).await;
}

#[sqlx::test]
async fn v32_three_deliveries_are_one_credit(pool: PgPool) {
    let case = Case::pushed(pool).await;
    let token = case.token();
    let (first, second) = tokio::join!(
        case.world.callback(&token, V19),
        case.world.callback(&token, V19)
    );
    assert_eq!(
        (first.status().as_u16(), second.status().as_u16()),
        (200, 200)
    );
    case.hears(V19).await;
    case.assert_stands(
        &["paid"],
        &["allocated 1500 UK5A1B2C3D"],
        &["PAID 1500 UK5A1B2C3D"],
    )
    .await;
    let copies: Vec<i32> = case
        .world
        .text_of("select copies from evidence where source = 'callback'")
        .await;
    assert_eq!(copies, [3]);
}

#[sqlx::test]
async fn v33_a_late_success_is_asked_about_first_and_told_as_late(pool: PgPool) {
    let case = Case::pushed(pool).await;
    case.will_answer_queries([nothing_yet()]);
    case.hears(&failed("1037", "No response from user.")).await;
    case.passes(660).await;
    case.assert_stands(&["unknown"], &[], &["CHECK"]).await;
    case.will_answer_queries([queried("0")]);
    case.hears(V19).await;
    let told = ["CHECK", "conflict", "LATE 1500 UK5A1B2C3D"];
    case.passes(1).await;
    let mut seen = case.world.told().await;
    seen.sort();
    let mut wanted = told.to_vec();
    wanted.sort_unstable();
    assert_eq!(seen, wanted);
    assert_eq!(case.world.inflows().await, ["allocated 1500 UK5A1B2C3D"]);
    assert_eq!(case.world.attempt_states().await, ["paid!"]);
}

#[sqlx::test]
async fn v34_v48_what_is_paid_stays_paid(pool: PgPool) {
    let case = Case::pushed(pool).await;
    case.will_answer_queries([queried("1032")]);
    case.hears(V19).await;
    case.passes(5).await;
    case.hears(&failed("1037", "No response from user.")).await;
    case.passes(90_000).await;
    let told = ["PAID 1500 UK5A1B2C3D", "conflict"];
    case.assert_stands(&["paid"], &["allocated 1500 UK5A1B2C3D"], &told)
        .await;
}

#[sqlx::test]
async fn v35_the_callback_overtakes_the_answer_to_the_push(pool: PgPool) {
    let case = Case::new(pool).await;
    let requested = case.world.ask("s1:4", 1500).await.unwrap();
    case.passes(5).await;
    case.world.clock.advance(seconds(1));
    // As the push job does, up to the moment when the answer is outstanding.
    let mut work = case.world.begin().await;
    let begun =
        kwastage::payments::begin_push(&mut work, &case.world.desk.rules, requested.attempt)
            .await
            .unwrap();
    let kwastage::payments::Readiness::Go(order) = begun else {
        panic!("{begun:?}")
    };
    work.commit().await.unwrap();
    case.world.callback(order.token.expose(), V19).await;
    case.world.do_due().await;
    assert_eq!(case.times_asked(), 1, "about the prompt that it names");
    case.assert_stands(&["unknown"], &[], &[]).await;

    let heard = kwastage::integrations::mpesa::Heard::Answer {
        status: 200,
        content_type: "application/json".into(),
        body: V06.as_bytes().to_vec(),
    };
    let answer = kwastage::integrations::mpesa::push_answer(&heard);
    let mut work = case.world.begin().await;
    let rules = &case.world.desk.rules;
    let news =
        kwastage::payments::push_answered(&mut work, rules, order.attempt, &heard.raw(), answer)
            .await
            .unwrap();
    work.commit().await.unwrap();
    let receipt = Receipt::parse("UK5A1B2C3D");
    let [
        News::Paid {
            receipt: told,
            provisional: true,
            late: false,
            ..
        },
    ] = news.as_slice()
    else {
        panic!("{news:?}")
    };
    assert_eq!(*told, receipt);
    case.assert_stands(&["paid"], &["allocated 1500 UK5A1B2C3D"], &[])
        .await;
}

#[sqlx::test]
async fn v36_a_result_about_another_prompt_books_nothing_and_is_questioned(pool: PgPool) {
    let case = Case::pushed(pool).await;
    case.hears(V36).await;
    assert_eq!(case.times_asked(), 1, "the id that A1 has is asked about");
    case.assert_stands(&["prompted"], &[], &["forged"]).await;
    case.hears(&failed("1032", "Request Cancelled by user."))
        .await;
    case.passes(90_000).await;
    case.assert_stands(&["failed"], &[], &["forged", "CANCEL 1500"])
        .await;
}

#[sqlx::test]
async fn v37_a_result_from_an_unpublished_address_counts_only_once_the_answer_agrees(pool: PgPool) {
    let case = Case::pushed(pool).await;
    let response = case
        .world
        .callback_from("203.0.113.9", &case.token(), V19)
        .await;
    assert_eq!(response.status(), 200);
    case.world.do_due().await;
    case.assert_stands(&["prompted"], &[], &["forged"]).await;
    case.will_answer_queries([queried("0")]);
    case.passes(20).await;
    let told = ["forged", "PAID 1500 UK5A1B2C3D"];
    case.assert_stands(&["paid!"], &["allocated 1500 UK5A1B2C3D"], &told)
        .await;
}

#[sqlx::test]
async fn v38_an_unknown_token_is_nothing_here(pool: PgPool) {
    let case = Case::pushed(pool).await;
    let stranger = "00000000000000000000000000000000";
    for token in [
        stranger,
        "",
        "x",
        &case.token().to_uppercase(),
        &"f".repeat(5000),
    ] {
        let response = case.world.callback(token, V19).await;
        assert_eq!(read(response).await, (404, String::new()), "{token}");
    }
    let evidence: Vec<String> = case.world.text_of("select source from evidence").await;
    assert_eq!(evidence, ["push"]);
}

#[sqlx::test]
async fn v39_v40_v41_bodies_nobody_can_read_are_kept_and_questioned(pool: PgPool) {
    let case = Case::pushed(pool).await;
    let huge = "[".repeat(60_000);
    for body in [V39, V40, "", "{}", r#"{"Body":null}"#, "\u{0}", &huge] {
        case.hears(body).await;
    }
    let bytes = [0xff, 0xfe, 0x00];
    let path = format!("/pay/{KEY}/stk/{}", case.token());
    let response = case.world.post(SAFARICOM, &path, bytes).await;
    assert_eq!(response.status(), 200);
    case.world.do_due().await;
    let kept: Vec<i64> = case
        .world
        .text_of("select count(*) from evidence where source = 'callback'")
        .await;
    assert_eq!(kept, [8]);
    assert!(case.times_asked() >= 1);
    case.assert_stands(&["prompted"], &[], &["unreadable"])
        .await;
}

#[sqlx::test]
async fn v42_a_receipt_that_is_booked_elsewhere_credits_nobody_again(pool: PgPool) {
    let case = Case::pushed(pool).await;
    case.will_answer_queries([queried("0")]);
    case.hears(V19).await;
    case.passes(300).await;
    let paid = ["PAID 1500 UK5A1B2C3D", "confirmed 1500 UK5A1B2C3D"];
    case.assert_stands(&["paid!"], &["allocated 1500 UK5A1B2C3D"], &paid)
        .await;

    case.world.ask("s2:4", 1500).await.unwrap();
    case.will_answer_pushes([(200, V06.replace("1430074712345678", "1436074712345678"))]);
    case.passes(7).await;
    let (status, answer) = queried("0");
    case.will_answer_queries([(
        status,
        answer.replace("1430074712345678", "1436074712345678"),
    )]);
    case.hears(&V19.replace("1430074712345678", "1436074712345678"))
        .await;
    case.passes(20).await;
    let told = [paid[0], paid[1], "receipt_twice"];
    case.assert_stands(&["paid!", "unknown"], &["allocated 1500 UK5A1B2C3D"], &told)
        .await;
}

#[sqlx::test]
async fn v49_v50_v51_validation_accepts_and_books_nothing(pool: PgPool) {
    let case = Case::pushed(pool).await;
    let accepted = (
        200,
        r#"{"ResultCode":"0","ResultDesc":"Accepted"}"#.to_owned(),
    );
    for body in [V49, V54, V56, "{}", "", V40] {
        let response = case.world.validation(body).await;
        assert_eq!(read(response).await, accepted, "{body}");
    }
    let foreign = V49.replace("600123", "600999");
    let response = case.world.validation(&foreign).await;
    assert_eq!(
        read(response).await,
        (
            200,
            r#"{"ResultCode":"C2B00015","ResultDesc":"Rejected"}"#.to_owned()
        )
    );
    case.assert_stands(&["prompted"], &[], &[]).await;
}

#[sqlx::test]
async fn v52_v53_v56_paybill_money_of_no_attempt_waits_in_suspense(pool: PgPool) {
    let case = Case::new(pool).await;
    for body in [V52, V53, V56, V52, V56] {
        case.confirms(body).await;
    }
    let inflows = [
        "suspense 200 UK5B7K2M9P",
        "suspense 50 UK5B7K2M9R",
        "suspense 1000 UK5C0Q8T1W",
    ];
    let told = [
        "unallocated 200 UK5B7K2M9P",
        "unallocated 50 UK5B7K2M9R",
        "unallocated 1000 UK5C0Q8T1W",
    ];
    case.assert_stands(&[], &inflows, &told).await;
    let accounts: Vec<String> = case
        .world
        .text_of("select account from inflow order by id")
        .await;
    assert_eq!(accounts, ["KS1042", "0712345678", "INSURANCE"]);
    case.confirms(&V52.replace("600123", "600999").replace("9P", "9X"))
        .await;
    assert_eq!(
        case.world.inflows().await.len(),
        3,
        "money for another shortcode is not ours"
    );
}

#[sqlx::test]
async fn v54_the_paybill_confirms_what_the_callback_told(pool: PgPool) {
    let case = Case::pushed(pool).await;
    case.hears(V19).await;
    case.confirms(V54).await;
    let told = ["PAID 1500 UK5A1B2C3D", "confirmed 1500 UK5A1B2C3D"];
    case.assert_stands(&["paid!"], &["allocated 1500 UK5A1B2C3D"], &told)
        .await;
}

#[sqlx::test]
async fn v55_the_paybill_comes_first_even_when_the_push_was_never_answered(pool: PgPool) {
    let case = Case::new(pool).await;
    case.will_answer_pushes([(502, "<html>Bad Gateway</html>".to_owned())]);
    case.world.ask("s1:4", 1500).await.unwrap();
    case.passes(6).await;
    case.assert_stands(&["unknown"], &[], &[]).await;
    case.confirms(V54).await;
    case.assert_stands(
        &["paid!"],
        &["allocated 1500 UK5A1B2C3D"],
        &["PAID 1500 UK5A1B2C3D"],
    )
    .await;
    case.hears(V19).await;
    case.passes(90_000).await;
    case.assert_stands(
        &["paid!"],
        &["allocated 1500 UK5A1B2C3D"],
        &["PAID 1500 UK5A1B2C3D"],
    )
    .await;
    assert_eq!(
        case.times_pushed(),
        1,
        "a lost answer is never pushed again"
    );
}

#[sqlx::test]
async fn a_paybill_payment_in_suspense_is_claimed_by_its_receipt(pool: PgPool) {
    let case = Case::pushed(pool).await;
    case.confirms(&V54.replace("KSA10001", "")).await;
    case.assert_stands(
        &["prompted"],
        &["suspense 1500 UK5A1B2C3D"],
        &["unallocated 1500 UK5A1B2C3D"],
    )
    .await;
    case.hears(V19).await;
    let told = ["unallocated 1500 UK5A1B2C3D", "PAID 1500 UK5A1B2C3D"];
    case.assert_stands(&["paid"], &["allocated 1500 UK5A1B2C3D"], &told)
        .await;
    let moved: Vec<String> = case
        .world
        .text_of("select body from told where kind = 'paid'")
        .await;
    assert!(moved[0].contains("from_suspense: true"));
}

#[sqlx::test]
async fn a_second_payment_under_the_same_reference_is_extra(pool: PgPool) {
    let case = Case::pushed(pool).await;
    case.hears(V19).await;
    case.confirms(&V54.replace("UK5A1B2C3D", "UK5X9X9X9X"))
        .await;
    let inflows = ["allocated 1500 UK5A1B2C3D", "extra 1500 UK5X9X9X9X"];
    // The paybill proves that 1500 came at least once.
    let told = [
        "PAID 1500 UK5A1B2C3D",
        "TWICE 1500 UK5X9X9X9X",
        "confirmed 1500 UK5A1B2C3D",
    ];
    case.assert_stands(&["paid!"], &inflows, &told).await;
}

const V09: &str = r#"{"requestId":"4788-81090592-4","errorCode":"500.001.1001","errorMessage":"[MerchantValidate] - Wrong credentials"}"#;

#[sqlx::test]
async fn v09_wrong_credentials_stop_all_pushes_for_a_while(pool: PgPool) {
    let case = Case::new(pool).await;
    case.will_answer_pushes([(500, V09.to_owned())]);
    case.world.ask("s1:4", 1500).await.unwrap();
    case.passes(10).await;
    case.assert_stands(&["refused"], &[], &["misconfigured", "SYSTEM 1500"])
        .await;
    case.world.ask("s2:4", 700).await.unwrap();
    case.passes(590).await;
    assert_eq!(
        case.times_pushed(),
        1,
        "nothing leaves while pushes are stopped"
    );
    case.passes(10).await;
    assert_eq!(case.times_pushed(), 2, "then one tries");
}

#[sqlx::test]
async fn nobody_is_prompted_after_they_stopped_expecting_it(pool: PgPool) {
    let mut case = Case::new(pool).await;
    Arc::make_mut(&mut case.world.desk.rules).pause_misconfigured = seconds(3600);
    case.will_answer_pushes([(500, V09.to_owned())]);
    case.world.ask("s1:4", 1500).await.unwrap();
    case.passes(10).await;
    case.world.ask("s2:4", 700).await.unwrap();
    case.passes(7200).await;
    assert_eq!(case.times_pushed(), 1);
    let told = ["misconfigured", "SYSTEM 1500", "SYSTEM 700"];
    case.assert_stands(&["refused", "refused"], &[], &told)
        .await;
}

#[sqlx::test]
async fn asking_twice_is_refused_and_the_same_turn_is_the_same_request(pool: PgPool) {
    let case = Case::new(pool).await;
    let first: Requested = case.world.ask("s1:4", 1500).await.unwrap();
    assert_eq!(case.world.ask("s1:4", 1500).await.unwrap(), first);
    let again = case.world.ask("s2:4", 200).await.unwrap_err();
    assert!(
        matches!(again, RequestError::AlreadyAsked { amount } if amount == Money::from_shillings(1500))
    );
    let outside = |error| matches!(error, RequestError::OutsideLimits { .. });
    for shillings in [0, -5, 250_001] {
        assert!(
            outside(case.world.ask("s3:4", shillings).await.unwrap_err()),
            "{shillings}"
        );
    }
    case.passes(6).await;
    case.hears(V19).await;
    let error = case.world.ask("s4:4", 1500).await.unwrap_err();
    assert!(matches!(error, RequestError::JustAsked { .. }), "{error:?}");
    let other_amount = case.world.ask("s5:4", 200).await.unwrap();
    assert_eq!(
        other_amount.not_before - case.world.clock.now(),
        seconds(60)
    );
    let purpose = Purpose::RegistrationFee {
        member: case.world.member,
    };
    assert_eq!(purpose.prompt_description().len(), 12);
}

#[sqlx::test]
async fn the_end_of_the_session_draws_the_push_forward(pool: PgPool) {
    let case = Case::new(pool).await;
    case.world.ask("s1:4", 1500).await.unwrap();
    let mut work = case.world.begin().await;
    let (rules, now) = (&case.world.desk.rules, work.now);
    kwastage::payments::session_ended(&mut work, rules, "another session", now)
        .await
        .unwrap();
    kwastage::payments::session_ended(&mut work, rules, "session of s1:4", now)
        .await
        .unwrap();
    work.commit().await.unwrap();
    case.passes(2).await;
    assert_eq!(case.times_pushed(), 0);
    case.passes(1).await;
    assert_eq!(case.times_pushed(), 1);
    case.passes(60).await;
    assert_eq!(
        case.times_pushed(),
        1,
        "the push that was planned for later finds it done"
    );
}

#[sqlx::test]
async fn the_push_waits_for_an_open_session_but_not_for_ever(pool: PgPool) {
    let mut case = Case::new(pool).await;
    case.world.desk.is_in_session = Arc::new(|_| Box::pin(async { Ok(true) }));
    case.world.ask("s1:4", 1500).await.unwrap();
    case.passes(60).await;
    assert_eq!(case.times_pushed(), 0);
    case.passes(10).await;
    assert_eq!(case.times_pushed(), 1);
}

#[sqlx::test]
async fn the_sweep_finds_what_lost_its_job(pool: PgPool) {
    let case = Case::pushed(pool).await;
    sqlx::query("delete from job")
        .execute(&case.world.pool)
        .await
        .unwrap();
    case.world.callback(&case.token(), V19).await;
    sqlx::query("delete from job")
        .execute(&case.world.pool)
        .await
        .unwrap();
    case.world.clock.advance(seconds(300));
    kwastage::payments::jobs::sweep(&case.world.desk)
        .await
        .unwrap();
    case.world.do_due().await;
    case.assert_stands(
        &["paid"],
        &["allocated 1500 UK5A1B2C3D"],
        &["PAID 1500 UK5A1B2C3D"],
    )
    .await;
}

#[sqlx::test]
async fn the_doors_over_http_take_any_bytes_and_no_other_method(pool: PgPool) {
    let case = Case::pushed(pool).await;
    let router: axum::Router = daraja::routes().with_state(case.world.door.clone());
    let result_path = format!("/pay/{KEY}/stk/{}", case.token());
    let confirmation_path = format!("/pay/{KEY}/c2b/confirmation");
    let validation_path = format!("/pay/{KEY}/c2b/validation");
    let too_much = vec![b'x'; 64 * 1024 + 1];
    let any_bytes = vec![0xff, 0xfe, 0x00];
    for (method, path, body, status) in [
        ("POST", result_path.as_str(), any_bytes.clone(), 200),
        ("POST", &result_path, vec![b'x'; 64 * 1024], 200),
        ("POST", &result_path, too_much.clone(), 413),
        ("GET", &result_path, vec![], 405),
        ("POST", &confirmation_path, any_bytes.clone(), 200),
        ("POST", &confirmation_path, too_much, 413),
        ("POST", &validation_path, any_bytes, 200),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::from(body))
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
    }
    case.world.do_due().await;
    assert_eq!(case.world.inflows().await, Vec::<String>::new());
}

#[sqlx::test]
async fn two_attempts_that_claim_one_receipt_at_the_same_time_get_one_credit(pool: PgPool) {
    let case = Case::pushed(pool).await;
    let first_token = case.token();
    let other = add_member(&case.world.pool, "254700000001").await;
    let second_ids = V06.replace("1430074712345678", "1430080000000001");
    case.will_answer_pushes([(200, second_ids)]);
    case.world
        .ask_as(other, "254700000001", "s2:4", 1500)
        .await
        .unwrap();
    case.passes(6).await;
    let second_body = V19
        .replace("1430074712345678", "1430080000000001")
        .replace("\"Value\":254712345678", "\"Value\":254700000001");
    case.world.callback(&first_token, V19).await;
    case.world.callback(&case.token(), &second_body).await;

    let now = case.world.clock.now();
    let mut jobs = vec![];
    while let Some(job) = take_job(&case.world.pool, now).await {
        sqlx::query("update job set state = 'done', finished_at = now() where id = $1")
            .bind(job.id)
            .execute(&case.world.pool)
            .await
            .unwrap();
        jobs.push(job);
    }
    let applying = jobs.iter().filter(|job| job.name == "payments.apply");
    let [first, second] = applying.collect::<Vec<_>>()[..] else {
        panic!("two results wait")
    };
    let desk = &case.world.desk;
    let (first, second) = tokio::join!(perform(desk, first), perform(desk, second));
    first.unwrap();
    second.unwrap();
    assert_eq!(case.world.inflows().await, ["allocated 1500 UK5A1B2C3D"]);
    assert!(
        case.world
            .told()
            .await
            .contains(&"receipt_twice".to_owned())
    );
}
