//! What one hop costs around the engine: `cargo bench --bench turn`.

use std::hint::black_box;

use chrono::NaiveDate;
use divan::Bencher;
use kwastage::channels::ussd::africastalking;
use kwastage::conversation::store::SessionSeal;
use kwastage::conversation::{Record, TranscriptKey, VOCABULARY, arrival};
use kwastage::menu::{self, Limits, Menus, Opening};
use kwastage::primitives::Language;
use serde_json::json;

const BODY: &[u8] = b"phoneNumber=%2B254711000001&serviceCode=%2A384%2A123%23&sessionId=ATUid_5d0c1f7ab2e94c0f8e6a31d0c44b9e21&networkCode=63902&text=5%2A0%2A2%2A200";
const SESSION: &str = "ATUid_5d0c1f7ab2e94c0f8e6a31d0c44b9e21";

fn main() {
    divan::main();
}

#[divan::bench]
fn read_a_request(bencher: Bencher) {
    bencher.bench(|| africastalking::read(black_box(BODY), "*384*123#"));
}

/// One more input behind a transcript that was seen before.
#[divan::bench(args = [2, 20, 200])]
fn find_the_new_input(bencher: Bencher, seen_bytes: usize) {
    let key = TranscriptKey::new(b"a key for the bench");
    let received = format!("{}*200", "1".repeat(seen_bytes));
    let seen = key.mark(&received[..seen_bytes]);
    bencher.bench(|| black_box(arrival(&key, seen, [], black_box(&received))));
}

#[divan::bench]
fn encode_a_record(bencher: Bencher) {
    let record = record();
    bencher.bench(|| postcard::to_stdvec(black_box(&record)));
}

#[divan::bench]
fn decode_a_record(bencher: Bencher) {
    let bytes = postcard::to_stdvec(&record()).unwrap();
    bencher.bench(|| postcard::from_bytes::<Record>(black_box(&bytes)));
}

#[divan::bench]
fn clone_a_record(bencher: Bencher) {
    let record = record();
    bencher.bench(|| black_box(&record).clone());
}

#[divan::bench]
fn seal_a_record(bencher: Bencher) {
    let seal = SessionSeal::new(&[1; 32]);
    let bytes = postcard::to_stdvec(&record()).unwrap();
    bencher.bench(|| seal.seal(SESSION, black_box(&bytes)));
}

#[divan::bench]
fn open_a_record(bencher: Bencher) {
    let seal = SessionSeal::new(&[1; 32]);
    let sealed = seal
        .seal(SESSION, &postcard::to_stdvec(&record()).unwrap())
        .unwrap();
    bencher.bench(|| seal.open(SESSION, black_box(&sealed)));
}

/// An active member at home, four answers into the call. A call's own parts are private, so it is read as a store would.
fn record() -> Record {
    let menus = Menus::load("menus", &VOCABULARY, Limits::default())
        .unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let globals = [
        ("name", "Amina"),
        ("stage", "Kencom"),
        ("code", "*384*123#"),
        ("fee", "200"),
        ("member_no", "KTS-2026-0001"),
    ];
    let opened = menu::open(
        &menus,
        Opening {
            language: Language::ENGLISH,
            today: NaiveDate::from_ymd_opt(2026, 3, 2).unwrap(),
            conditions: &["registered", "active"],
            globals: globals
                .into_iter()
                .map(|(name, value)| (name.into(), value.to_owned()))
                .collect(),
            shelved: None,
        },
    );
    let key = TranscriptKey::new(b"a key for the bench");
    let screen = menu::render(&menus, &opened.session).text;
    let answers: Vec<_> = ["", "5", "5*0", "5*0*5"]
        .map(|transcript| json!({"to": key.mark(transcript), "text": screen, "end": false}))
        .to_vec();
    let record = json!({
        "msisdn": "254711000001",
        "seen": key.mark("5*0*5"),
        "steps": 3,
        "caller": {
            "language": "en",
            "member": {
                "id": "01938f6e-6b1f-7c6e-9d2a-5a0f3c1b2d4e",
                "stage": 1,
                "first_name": "Amina",
                "stage_name": "Kencom",
                "number": "KTS-2026-0001",
                "status": "Active",
                "fee_paid": true,
            },
        },
        "session": opened.session,
        "ended": false,
        "answers": answers,
    });
    serde_json::from_value(record).unwrap_or_else(|error| panic!("{error}"))
}
