//! The degraded-mode contract of `docs/degraded.md`: one test for each thing that can be gone, and one step for each thing
//! a person does meanwhile.

use std::time::Duration;

use simulators::dialogue::{EachHop, Script, play};
use simulators::faults::Fault;

use crate::spool::texts;
use crate::wire::Call;
use crate::world::{Sessions, Trouble, World};

const AMINA: &str = "254711000001";
const JUMA: &str = "254711000002";
const WAMBUI: &str = "254711000003";
const BARAKA: &str = "254711000009";

async fn plays(world: &World, names: &[&str]) {
    for name in names {
        let path = format!("{}/dialogues/{name}.dialogue", env!("CARGO_MANIFEST_DIR"));
        played(world, name, &std::fs::read_to_string(path).unwrap()).await;
    }
}

async fn played(world: &World, name: &str, source: &str) {
    let script = Script::parse(name, source).unwrap();
    if let Err(failure) = play(&script, &mut world.phones(), EachHop::Plain, |_| {}).await {
        panic!("{failure}");
    }
}

async fn shows(call: &Call, transcript: &str, beginning: &str) {
    let shown = call.sends(transcript).await;
    assert!(shown.starts_with(beginning), "{transcript}: {shown}");
}

async fn count(world: &World, rows: &str) -> i64 {
    let asked = format!("select count(*) from {rows}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(asked))
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn redis_gone() {
    for names in [
        // Joining, paying, the receipt and its check.
        &["join/by-stage-code"][..],
        &["money/balances"],
        &["receipts/by-sms"],
        // Alarms by phone and by text, and what coordinators hear.
        &["emergency/member-swahili"],
        &["texts/sos"],
    ] {
        let world = World::new(Sessions::RedisAway).await;
        plays(&world, names).await;
        world.close().await;
    }
}

#[tokio::test]
async fn postgres_gone() {
    let settings = [("USSD__HOP_BUDGET_MS", "4000")];
    let world = World::behind_a_line(Sessions::InProcess, &settings).await;
    let at_the_pin = Call::new(&world, AMINA);
    for transcript in ["", "1"] {
        at_the_pin.sends(transcript).await;
    }
    let paying = Call::new(&world, JUMA);
    for transcript in ["", "2", "2*200"] {
        paying.sends(transcript).await;
    }
    let joining = Call::new(&world, BARAKA);
    for transcript in ["", "1"] {
        joining.sends(transcript).await;
    }
    let wambui = world.outside.phone(WAMBUI).unwrap();
    world.postgres_is(Trouble::Cut);

    // Nothing can be looked up or written, and nothing is claimed to have been.
    shows(
        &Call::new(&world, WAMBUI),
        "",
        "CON KwaStage cannot open its records now. Your money is safe.",
    )
    .await;
    // What needs no record goes on as if nothing were.
    shows(&at_the_pin, "1*0", "CON Karibu Amina.").await;
    shows(&at_the_pin, "1*0*1", "CON Enter your KwaStage PIN").await;
    shows(
        &at_the_pin,
        "1*0*1*4826",
        "END Sorry, we cannot do this right now. Nothing was taken",
    )
    .await;
    shows(
        &paying,
        "2*200*4826",
        "END Sorry, we cannot do this right now. Nothing was taken",
    )
    .await;
    shows(
        &joining,
        "1*1",
        "END Sorry, we cannot do this right now. Nothing was taken or changed.",
    )
    .await;
    // A text is not lost: the provider is told to bring it again.
    wambui.text("22384", "HELP").unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(texts(&world, WAMBUI), [""; 0]);
    // An alarm is taken: tests/phone/spool.rs.
    shows(&Call::new(&world, BARAKA), "9", "CON Help is being called.").await;

    world.postgres_is(Trouble::None);
    while world.app.spool.waiting() > 0 {
        world.app.spool.drain(&world.pool).await;
    }
    world.advance(Duration::from_secs(61)).await;
    for _ in 0..200 {
        let _ = world.try_jobs().await;
        if !texts(&world, WAMBUI).is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(count(&world, "inbox where handled_at is not null").await, 1);
    assert_eq!(count(&world, "obligation").await, 0);
    assert_eq!(count(&world, "emergency").await, 1);
    world.close().await;
}

/// They answer, and take nothing.
#[tokio::test]
async fn sms_gone() {
    let world = World::new(Sessions::InProcess).await;
    for fault in [Fault::SmsBusy, Fault::TwilioBusy] {
        world.outside.order(fault, Duration::from_secs(50));
    }
    // Whatever happens on the screen happens.
    plays(&world, &["money/balances", "home/about"]).await;
    played(
        &world,
        "pays without SMS",
        "phone amina 254711000001\n\
         dial *384*123*2*1#  *PIN*\n\
         type 4826           END Asante Amina.*\n\
         prompt approve      *\n\
         no sms\n",
    )
    .await;
    let call = Call::new(&world, JUMA);
    shows(&call, "9", "CON Msaada unaitwa. Namba 11.").await;
    world.run_jobs().await;
    let heard = |msisdn: &str, beginning: &str| {
        let texts = texts(&world, msisdn).into_iter();
        texts.filter(|text| text.starts_with(beginning)).count()
    };
    assert_eq!(heard(WAMBUI, "SOS 11"), 0);
    // What was to be said is said when it can be: the alarm within seconds, the receipt within minutes.
    for _ in 0..60 {
        world.advance(Duration::from_secs(5)).await;
        world.run_jobs().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        if heard(WAMBUI, "SOS 11") > 0 {
            break;
        }
    }
    let waited = world.now()
        - "2026-11-20T09:00:00Z"
            .parse::<chrono::DateTime<chrono::Utc>>()
            .unwrap();
    assert!(heard(WAMBUI, "SOS 11") >= 1, "after {waited}");
    for _ in 0..100 {
        world.advance(Duration::from_secs(30)).await;
        world.run_jobs().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        if heard(AMINA, "Received: KES 200") > 0 {
            break;
        }
    }
    assert_eq!(
        (
            heard(AMINA, "Received: KES 200"),
            count(&world, "receipt").await
        ),
        (1, 1)
    );
    world.close().await;
}

#[tokio::test]
async fn mpesa_gone() {
    for names in [
        // The request goes out later, or its payer is told how it stands.
        &["mpesa/daraja-down"][..],
        &["mpesa/unreachable"],
    ] {
        let world = World::new(Sessions::InProcess).await;
        plays(&world, names).await;
        world.close().await;
    }
    let world = World::new(Sessions::InProcess).await;
    world
        .outside
        .order(Fault::DarajaDown, Duration::from_secs(86_400));
    plays(
        &world,
        &["money/fund", "emergency/member", "texts/help-stop-start"],
    )
    .await;
    world.close().await;
}

/// Everything a screen says is so at once; what is sent waits for a worker.
#[tokio::test]
async fn worker_gone() {
    let world = World::new(Sessions::InProcess).await;
    let call = Call::new(&world, JUMA);
    shows(&call, "9", "CON Msaada unaitwa. Namba 11.").await;
    let paying = Call::new(&world, AMINA);
    for transcript in ["", "2", "2*1"] {
        paying.sends(transcript).await;
    }
    shows(&paying, "2*1*4826", "END Asante Amina.").await;
    let wambui = world.outside.phone(WAMBUI).unwrap();
    wambui.text("22384", "HELP").unwrap();
    for _ in 0..500 {
        if count(&world, "inbox").await == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(count(&world, "emergency").await, 1);
    assert_eq!(count(&world, "obligation").await, 1);
    assert_eq!(texts(&world, WAMBUI), [""; 0]);
    // A worker comes.
    world.settle().await;
    for _ in 0..500 {
        if texts(&world, WAMBUI).len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let heard = texts(&world, WAMBUI);
    assert!(
        heard.iter().any(|text| text.starts_with("SOS 11: Juma")),
        "{heard:?}"
    );
    assert!(
        heard
            .iter()
            .any(|text| text.starts_with("In danger? Text SOS")),
        "{heard:?}"
    );
    world.close().await;
}
