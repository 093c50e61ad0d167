//! Webhooks that get what nobody should send: they never fall over, and nothing changes.

use kwastage::conversation::TRANSCRIPT_BYTES_MAX;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;

use crate::wire::Call;
use crate::world::{Sessions, World};

const AMINA: &str = "254711000001";
/// Every path a provider may post to; `{token}` is an attempt's that nobody has.
const WEBHOOKS: &[&str] = &[
    "/at/demo/ussd",
    "/at/demo/ussd/end",
    "/at/demo/sms",
    "/at/demo/sms/report",
    "/at/demo/sms/opt-out",
    "/at/demo/voice",
    "/at/demo/voice/event",
    "/twilio/demo/sms/report",
    "/pay/demo/stk/nobodys-token",
    "/pay/demo/c2b/validation",
    "/pay/demo/c2b/confirmation",
];
/// What may be kept although nobody can make sense of it: the notebooks of what came in. Whoever posts a phone and nothing
/// else to the opt-outs has opted it out.
const NOTEBOOKS: &[&str] = &[
    "delivery_report",
    "evidence",
    "hop",
    "inbox",
    "job",
    "session_end",
    // Some of the bodies happen to be a proper opt-out.
    "opt_change",
    "opt_out",
];

const TYPES: &[&str] = &[
    "application/x-www-form-urlencoded",
    "application/json",
    "text/plain",
    "multipart/form-data; boundary=x",
    "image/png",
    "\u{1}",
    "",
];

#[tokio::test]
async fn any_bytes_are_survived_and_change_nothing() {
    let seed = std::env::var("SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let world = World::new(Sessions::InProcess).await;
    // What returns at intervals has its first look.
    world.settle().await;
    let before = contents(&world).await;
    for path in WEBHOOKS {
        for body in bodies(&mut dice) {
            let kind = TYPES.choose(&mut dice).unwrap();
            let (status, answer) = post(&world, path, kind, body.clone()).await;
            let told = || {
                let shown: String = String::from_utf8_lossy(&body).chars().take(200).collect();
                format!("seed {seed}: {path} as {kind:?}: {status} {answer:?} to {shown:?}")
            };
            assert!(!status.is_server_error(), "{}", told());
            if *path == "/at/demo/voice" {
                assert_eq!(status, StatusCode::OK, "{}", told());
                assert!(answer.ends_with("</Response>"), "{}", told());
            }
            if *path == "/at/demo/ussd" {
                assert_eq!(status, StatusCode::OK, "{}", told());
                assert!(answer.starts_with("END "), "{}", told());
            }
        }
    }
    world.settle().await;
    let changed = changed(&before, &contents(&world).await);
    assert!(changed.is_empty(), "seed {seed}: {changed:?}");
    world.close().await;
}

/// Nothing, noise, truncations, wrong shapes, and very much of it.
fn bodies(dice: &mut StdRng) -> Vec<Vec<u8>> {
    let whole = b"sessionId=ATUid_1&phoneNumber=%2B254711000001&serviceCode=%2A384%2A123%23&text=9"
        .to_vec();
    let callback = br#"{"Body":{"stkCallback":{"MerchantRequestID":"1","CheckoutRequestID":"ws_CO_1","ResultCode":0,"ResultDesc":"The service request is processed successfully."}}}"#.to_vec();
    let deep = [b"[".repeat(4_000), b"{\"a\":".repeat(4_000)].concat();
    let mut bodies = vec![
        Vec::new(),
        b"\0".to_vec(),
        b"&&&===%%%".to_vec(),
        b"sessionId=%00&phoneNumber=%00&text=%00".to_vec(),
        b"sessionId=ATUid_1&phoneNumber=254711000001&text=%ff%fe".to_vec(),
        b"sessionId=ATUid_1&phoneNumber=254711000001&text=1&text=2".to_vec(),
        b"sessionId=ATUid_1&phoneNumber=MTN".to_vec(),
        b"phoneNumber=254711000001&text=9".to_vec(),
        b"sessionId=a{b}c&phoneNumber=254711000001&text=9".to_vec(),
        [b"sessionId=".to_vec(), b"s".repeat(200), b"&phoneNumber=254711000001".to_vec()].concat(),
        [
            b"sessionId=ATUid_1&phoneNumber=254711000001&text=".to_vec(),
            b"9".repeat(TRANSCRIPT_BYTES_MAX + 1),
        ]
        .concat(),
        b"id=&status=&phoneNumber=".to_vec(),
        b"id=%00&status=Success&phoneNumber=%2B254711000001&from=%00&text=%00".to_vec(),
        b"{}".to_vec(),
        b"null".to_vec(),
        b"<html>".to_vec(),
        br#"{"Body":{"stkCallback":null}}"#.to_vec(),
        br#"{"Body":{"stkCallback":{"ResultCode":1e999,"CheckoutRequestID":"\u0000"}}}"#.to_vec(),
        br#"{"TransID":"\u0000","TransAmount":"-1","BusinessShortCode":"600123","BillRefNumber":"x"}"#.to_vec(),
        br#"{"TransID":"","TransAmount":"99999999999999999999999999","BusinessShortCode":600123}"#.to_vec(),
        deep,
        b"a=b&".repeat(20_000),
        b"x".repeat(64 * 1024 + 1),
        b"\xff".repeat(300_000),
    ];
    // A whole request of a rider would do something; cut anywhere in front of its number, it says nothing.
    bodies.push(whole[..dice.random_range(0..30)].to_vec());
    bodies.push(callback[..dice.random_range(0..callback.len())].to_vec());
    for _ in 0..12 {
        let mut noise = vec![0; dice.random_range(1..600)];
        dice.fill_bytes(&mut noise);
        bodies.push(noise);
    }
    bodies
}

#[tokio::test]
async fn with_a_wrong_key_there_is_nothing() {
    let world = World::new(Sessions::InProcess).await;
    // What returns at intervals has its first look.
    world.settle().await;
    let before = contents(&world).await;
    let form = "sessionId=ATUid_1&phoneNumber=%2B254711000001&text=9&id=1&from=%2B254711000001&status=Success";
    for path in WEBHOOKS {
        for key in ["Demo", "demo1", "dem", "%64emo%00", "%ff", "-"] {
            let path = path.replace("/demo/", &format!("/{key}/"));
            let (status, answer) = post(&world, &path, TYPES[0], form.into()).await;
            assert_eq!(
                (status, answer.as_str()),
                (StatusCode::NOT_FOUND, ""),
                "{path}"
            );
        }
        let asked = world
            .http
            .get(format!("{}{path}", world.gateway))
            .send()
            .await
            .unwrap();
        assert!(
            asked.status().is_client_error(),
            "GET {path}: {}",
            asked.status()
        );
    }
    let (status, _) = post(&world, "/at/demo", TYPES[0], form.into()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    world.settle().await;
    assert_eq!(changed(&before, &contents(&world).await), [""; 0]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_request_that_comes_many_times_is_one_call() {
    let world = World::new(Sessions::Redis).await;
    let call = Call::new(&world, AMINA);
    let twins: Vec<_> = (0..10)
        .map(|_| {
            let call = call.clone();
            tokio::spawn(async move { call.sends("9").await })
        })
        .collect();
    let mut answers = std::collections::BTreeSet::new();
    for twin in twins {
        answers.insert(twin.await.unwrap());
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(
        answers
            .first()
            .unwrap()
            .starts_with("CON Help is being called")
    );
    let (alarms, deeds): (i64, i64) =
        sqlx::query_as("select (select count(*) from emergency), (select count(*) from deed)")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!((alarms, deeds), (1, 1));
    world.close().await;
}

async fn post(world: &World, path: &str, kind: &str, body: Vec<u8>) -> (StatusCode, String) {
    let mut request = world.http.post(format!("{}{path}", world.gateway));
    if let Ok(kind) = reqwest::header::HeaderValue::from_str(kind) {
        request = request.header(CONTENT_TYPE, kind);
    }
    let answer = request.body(body).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap_or_default())
}

/// The tables that are not what they were.
fn changed(before: &[Rows], after: &[Rows]) -> Vec<String> {
    let pairs = before.iter().zip(after);
    pairs
        .filter(|(before, after)| before != after)
        .map(|(_, (table, rows, _))| format!("{table}: {rows} rows"))
        .collect()
}

/// A table's name, how many rows it has, and their digest.
type Rows = (String, i64, Option<String>);

/// Every row of every table but the notebooks and the house's own housekeeping.
async fn contents(world: &World) -> Vec<Rows> {
    let tables: Vec<(String, String)> = sqlx::query_as(
        "select table_schema, table_name from information_schema.tables
         where table_schema in ('public', 'ledger') and table_type = 'BASE TABLE' order by 1, 2",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    let mut contents = Vec::new();
    for (schema, table) in tables {
        let is_housekeeping = ["periodic", "_sqlx_migrations"].contains(&table.as_str());
        if is_housekeeping || NOTEBOOKS.contains(&table.as_str()) {
            continue;
        }
        let asked = format!(
            "select count(*), md5(string_agg(t::text, '|' order by t::text)) from {schema}.\"{table}\" t"
        );
        let (rows, digest) = sqlx::query_as(sqlx::AssertSqlSafe(asked))
            .fetch_one(&world.pool)
            .await
            .unwrap();
        contents.push((table, rows, digest));
    }
    assert!(contents.len() > 15, "{contents:?}");
    contents
}
