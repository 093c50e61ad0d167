//! Sessions that are lost, doubled, overtaken or somebody else's, and what they leave behind.

use std::collections::BTreeSet;
use std::time::Duration;

use kwastage::conversation::store::{Saved, SessionStore, Shelf};
use kwastage::conversation::{Record, SessionId, VOCABULARY};
use kwastage::menu::{Limits, Menus};
use kwastage::primitives::Msisdn;
use kwastage::telemetry::canary::Canaries;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use redis::AsyncCommands;
use simulators::dialogue::{EachHop, Script, play};

use crate::wire::Call;
use crate::world::{Sessions, World, captured_logs};

const AMINA: &str = "254711000001";
const JUMA: &str = "254711000002";
const BARAKA: &str = "254711000009";

async fn count(world: &World, table: &str) -> i64 {
    let counted = format!("select count(*) from {table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(counted))
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_store_in_this_process_keeps_what_it_promises() {
    a_store_keeps_what_it_promises(Sessions::InProcess).await;
}

#[tokio::test]
async fn the_store_in_redis_keeps_what_it_promises() {
    a_store_keeps_what_it_promises(Sessions::Redis).await;
}

async fn a_store_keeps_what_it_promises(sessions: Sessions) {
    let world = World::new(sessions).await;
    let store = &world.app.sessions;
    let call = Call::new(&world, AMINA);
    call.sends("").await;
    call.sends("2").await;
    let lived = world
        .app
        .sessions_at_hand
        .get(&id_of(&call))
        .expect("a session that was answered");
    let record = |version| Record {
        version,
        ..Record::clone(&lived)
    };
    let amina = Msisdn::parse(AMINA).unwrap();
    let id = SessionId::parse("ATUid_of_the_suite").unwrap();

    assert_eq!(store.load(&id).await.unwrap(), None);
    assert_eq!(saved(store, &id, &record(1), None).await, Saved::Done);
    assert_eq!(store.load(&id).await.unwrap(), Some(record(1)));
    assert_eq!(
        saved(store, &id, &record(1), None).await,
        Saved::Overtaken,
        "there is one already"
    );
    assert_eq!(
        saved(store, &id, &record(3), None).await,
        Saved::Overtaken,
        "the second was never seen"
    );
    assert_eq!(saved(store, &id, &record(2), None).await, Saved::Done);
    assert_eq!(store.load(&id).await.unwrap(), Some(record(2)));

    let shelf = Shelf::Keep(Box::new(lived.session.clone()));
    assert_eq!(
        saved(store, &id, &record(3), Some(&shelf)).await,
        Saved::Done
    );
    let (found, shelved) = store.load_for_dial(&id, &amina).await.unwrap();
    assert_eq!(
        (found, shelved),
        (Some(record(3)), Some(lived.session.clone()))
    );
    let juma = Msisdn::parse(JUMA).unwrap();
    let (_, of_another) = store.load_for_dial(&id, &juma).await.unwrap();
    assert_eq!(of_another, None);
    assert_eq!(saved(store, &id, &record(4), None).await, Saved::Done);
    let (_, untouched) = store.load_for_dial(&id, &amina).await.unwrap();
    assert_eq!(untouched, Some(lived.session.clone()));

    world.advance(Duration::from_secs(299)).await;
    assert!(store.load(&id).await.unwrap().is_some());
    world.advance(Duration::from_secs(2)).await;
    let (expired, still_shelved) = store.load_for_dial(&id, &amina).await.unwrap();
    assert_eq!(
        (expired, still_shelved),
        (None, Some(lived.session.clone()))
    );
    assert_eq!(
        saved(store, &id, &record(5), None).await,
        Saved::Overtaken,
        "what it was based on is gone"
    );
    world.advance(Duration::from_secs(300)).await;
    assert_eq!(
        store.load_for_dial(&id, &amina).await.unwrap(),
        (None, None)
    );

    assert_eq!(
        saved(store, &id, &record(1), Some(&shelf)).await,
        Saved::Done
    );
    let clear = Some(&Shelf::Clear);
    assert_eq!(saved(store, &id, &record(2), clear).await, Saved::Done);
    let (there, cleared) = store.load_for_dial(&id, &amina).await.unwrap();
    assert_eq!((there, cleared), (Some(record(2)), None));
    assert_eq!(
        saved(store, &id, &record(3), Some(&shelf)).await,
        Saved::Done
    );
    store.forget(&id, &amina).await.unwrap();
    assert_eq!(
        store.load_for_dial(&id, &amina).await.unwrap(),
        (None, None)
    );
    world.close().await;
}

async fn saved(
    store: &SessionStore,
    id: &SessionId,
    record: &Record,
    shelf: Option<&Shelf>,
) -> Saved {
    store.save(id, record, shelf).await.unwrap()
}

fn id_of(call: &Call) -> SessionId {
    SessionId::parse(&call.session).unwrap()
}

#[tokio::test]
async fn a_session_id_that_comes_back_with_another_number_is_shown_nothing() {
    let world = World::new(Sessions::Redis).await;
    let amina = Call::new(&world, AMINA);
    amina.sends("").await;
    amina.sends("1").await;
    let balances = amina.sends("1*4826").await;
    assert!(balances.contains("Wallet"), "{balances}");
    let juma = Call {
        msisdn: JUMA.to_owned(),
        ..amina.clone()
    };
    for transcript in ["", "1", "1*4826", "1*4826*1", "9"] {
        let refused = juma.sends(transcript).await;
        assert_eq!(
            refused, "END Sorry, we could not read that. Please dial again.",
            "{transcript}"
        );
    }
    // Lost at hand as well, the store still knows whose it is.
    world.app.sessions_at_hand.clear();
    assert!(!juma.sends("1*4826").await.contains("Wallet"));
    assert_eq!(amina.sends("1*4826").await, balances);
    // Lost altogether, the deeds are still their own.
    world.forget(AMINA).await;
    assert!(!juma.sends("1*4826").await.contains("KES"));
    assert_eq!(count(&world, "emergency").await, 0);
    world.close().await;
}

#[tokio::test]
async fn hops_out_of_order_are_answered_as_before_or_not_at_all() {
    let world = World::new(Sessions::InProcess).await;
    let call = Call::new(&world, AMINA);
    let home = call.sends("").await;
    let funds = call.sends("2").await;
    let summary = call.sends("2*200").await;
    assert!(summary.contains("KES 200"), "{summary}");
    assert_eq!(call.sends("2").await, funds, "an older hop");
    assert_eq!(call.sends("").await, home, "the oldest");
    assert_eq!(call.sends("2*200").await, summary, "the same again");
    let over = call.sends("3").await;
    assert!(over.starts_with("END This session is over"), "{over}");
    let paid = call.sends("2*200*4826").await;
    assert!(paid.starts_with("END Asante Amina"), "{paid}");
    assert!(call.sends("2*200*4826*1").await.starts_with("END "));
    assert_eq!(call.sends("2*200*4826").await, paid);
    assert_eq!(count(&world, "obligation").await, 1);

    let skipping = Call::new(&world, JUMA);
    skipping.sends("").await;
    let both = skipping.sends("2*1").await;
    assert!(both.contains("KES 400"), "two keys at once: {both}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_of_one_request_at_two_gateways_are_one_payment() {
    let world = World::new(Sessions::Redis).await;
    let beside = world.another_gateway().await;
    let call = Call::new(&world, AMINA);
    for transcript in ["", "2", "2*1"] {
        call.sends(transcript).await;
    }
    let twins = (0..20).map(|place| {
        let gateway = match place % 2 {
            0 => world.gateway.clone(),
            _ => beside.clone(),
        };
        let call = Call {
            gateway,
            ..call.clone()
        };
        tokio::spawn(async move { call.sends("2*1*4826").await })
    });
    let mut answers = BTreeSet::new();
    for twin in twins.collect::<Vec<_>>() {
        answers.insert(twin.await.unwrap());
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers.first().unwrap().starts_with("END Asante Amina"));
    assert_eq!(count(&world, "obligation").await, 1);
    assert_eq!(count(&world, "deed where intent = 'contribute'").await, 1);
    world.settle().await;
    let pushes: Vec<serde_json::Value> = world
        .http
        .get(format!("{}/sim/pushes", world.outside.base_url))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(pushes.len(), 1, "{pushes:?}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_wrong_pins_of_one_request_are_one_wrong_pin() {
    let world = World::new(Sessions::Redis).await;
    let beside = world.another_gateway().await;
    let call = Call::new(&world, AMINA);
    for transcript in ["", "1"] {
        call.sends(transcript).await;
    }
    let twins: Vec<_> = (0..20)
        .map(|place| {
            let gateway = match place % 2 {
                0 => world.gateway.clone(),
                _ => beside.clone(),
            };
            let call = Call {
                gateway,
                ..call.clone()
            };
            tokio::spawn(async move { call.sends("1*1111").await })
        })
        .collect();
    for twin in twins {
        let answer = twin.await.unwrap();
        assert!(answer.starts_with("CON Wrong PIN"), "{answer}");
    }
    let right = call.sends("1*1111*4826").await;
    assert!(right.contains("Wallet"), "{right}");
    world.close().await;
}

/// What riders type, what they should not type, and what nobody types.
const KEYS: &[&str] = &[
    "1",
    "1",
    "1",
    "2",
    "2",
    "3",
    "4",
    "5",
    "9",
    "0",
    "00",
    "98",
    "200",
    "2k",
    "4826",
    "4826",
    "7391",
    "1111",
    "Baraka Otieno",
    "31456782",
    "101",
    "0722000900",
    "x*y",
    "*",
    "#",
    "",
    "é ũ",
    "7K3M",
    "99999999",
];
const WALKS: usize = 60;
const KEYS_A_WALK: usize = 9;

/// Sessions are lost at random places of random walks; whatever is lost is the same again when its transcript comes.
#[tokio::test]
async fn a_session_rebuilt_is_the_session_that_was_lost() {
    let seed = std::env::var("SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let world = World::new(Sessions::InProcess).await;
    for walk in 0..WALKS {
        let msisdn = *[AMINA, JUMA, BARAKA].choose(&mut dice).unwrap();
        let call = Call::new(&world, msisdn);
        let id = id_of(&call);
        let mut answer = call.sends("").await;
        let mut transcript = String::new();
        for key in 0..KEYS_A_WALK {
            if answer.starts_with("END ") {
                break;
            }
            let typed = *KEYS.choose(&mut dice).unwrap();
            transcript = match key {
                0 => typed.to_owned(),
                _ => format!("{transcript}*{typed}"),
            };
            if transcript.is_empty() {
                break;
            }
            answer = call.sends(&transcript).await;
            if !dice.random_bool(0.5) {
                continue;
            }
            let lived = world.app.sessions_at_hand.get(&id).unwrap();
            world.forget(msisdn).await;
            let again = call.sends(&transcript).await;
            let rebuilt = world.app.sessions_at_hand.get(&id).unwrap();
            assert_eq!(again, answer, "seed {seed}, walk {walk}: {transcript}");
            assert_eq!(
                (
                    &rebuilt.session,
                    rebuilt.steps,
                    rebuilt.ended,
                    rebuilt.proved
                ),
                (&lived.session, lived.steps, lived.ended, lived.proved),
                "seed {seed}, walk {walk}: {transcript}"
            );
        }
        // Nothing of this walk may be offered to the next.
        let msisdn = Msisdn::parse(msisdn).unwrap();
        world.app.sessions.forget(&id, &msisdn).await.unwrap();
    }
    world.close().await;
}

#[tokio::test]
async fn without_redis_every_journey_is_rebuilt_hop_by_hop() {
    for name in [
        "join/by-stage-code-swahili",
        "money/contribute-suggested",
        "emergency/member",
        "settings/pin",
    ] {
        let world = World::new(Sessions::RedisAway).await;
        let path = format!("{}/dialogues/{name}.dialogue", env!("CARGO_MANIFEST_DIR"));
        let script = Script::parse(name, &std::fs::read_to_string(path).unwrap()).unwrap();
        let played = play(&script, &mut world.phones(), EachHop::Forget, |_| {}).await;
        if let Err(failure) = played {
            panic!("{failure}");
        }
        world.close().await;
    }
}

#[tokio::test]
async fn without_postgres_a_rider_hears_that_nothing_happened() {
    let world = World::new(Sessions::InProcess).await;
    let call = Call::new(&world, AMINA);
    for transcript in ["", "2", "2*200"] {
        call.sends(transcript).await;
    }
    world.app.journal.flush().await;
    world.pool.close().await;
    for (call, transcript, told) in [
        (
            &call,
            "2*200*4826",
            "END Sorry, we cannot do this right now. Nothing was taken",
        ),
        (
            &Call::new(&world, JUMA),
            "",
            "CON KwaStage cannot open its records now.",
        ),
        (
            &Call::new(&world, BARAKA),
            "9",
            "CON Help is being called. You can also call 0711000005.",
        ),
    ] {
        let answer = call.sends(transcript).await;
        assert!(answer.starts_with(told), "{transcript}: {answer}");
    }
    let back = world.fresh_pool();
    let left: (i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from obligation), (select count(*) from deed), (select count(*) from emergency)",
    )
    .fetch_one(&back)
    .await
    .unwrap();
    assert_eq!(left, (0, 0, 0));
    back.close().await;
    world.close().await;
}

#[tokio::test]
async fn a_running_session_keeps_its_menus_and_the_next_call_has_the_new_ones() {
    let world = World::new(Sessions::InProcess).await;
    let running = Call::new(&world, AMINA);
    running.sends("").await;
    running.sends("2").await;
    world.app.menus.publish(menus_saying(&world, "Our money"));
    let summary = running.sends("2*1").await;
    assert!(summary.contains("KES 200 from M-PESA"), "{summary}");
    let home = Call::new(&world, JUMA).sends("").await;
    assert!(home.contains("3 Pesa zetu zinaenda wapi"), "{home}");
    let home = Call::new(&world, "254711000003").sends("").await;
    assert!(home.contains("3 Our money"), "{home}");

    // Of an edition long gone there is nothing left to go on with but home.
    for edition in 0..5 {
        let menus = menus_saying(&world, &format!("Our money {edition}"));
        world.app.menus.publish(menus);
    }
    let home = running.sends("2*1*4826").await;
    assert!(home.contains("3 Our money 4"), "{home}");
    assert_eq!(running.sends("2*1*4826").await, home);
    let fund = running.sends("2*1*4826*3").await;
    assert!(fund.contains("Kencom fund"), "{fund}");
    assert_eq!(count(&world, "obligation").await, 0);
    world.close().await;
}

/// The menus of this world with another line in them.
fn menus_saying(world: &World, line: &str) -> Menus {
    let folder = std::env::temp_dir().join(format!("kwastage-menus-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for entry in std::fs::read_dir(&world.app.config.menus.dir).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("Where our money goes", line);
        std::fs::write(folder.join(path.file_name().unwrap()), text).unwrap();
    }
    let menus = Menus::load(&folder, &VOCABULARY, Limits::default());
    std::fs::remove_dir_all(&folder).unwrap();
    menus.unwrap()
}

/// Where the whole number of a new member may stand. Each is found by it, or is a provider's own word: M-PESA makes its
/// ids of the number, and what it and the operator sent is kept as it was sent.
const PHONE_COLUMNS: &[&str] = &[
    "attempt.checkout_request_id",
    "attempt.msisdn",
    "caller.msisdn",
    "deed.msisdn",
    "delivery_report.fields",
    "delivery_report.msisdn",
    "evidence.body",
    "evidence.said",
    "hop.msisdn",
    "member.msisdn",
    "obligation.payer",
    "outbox.msisdn",
    "session_end.msisdn",
];

#[tokio::test]
async fn a_whole_journey_leaves_no_pin_and_no_id_anywhere() {
    let world = World::new(Sessions::Redis).await;
    let path = format!(
        "{}/dialogues/join/by-stage-code.dialogue",
        env!("CARGO_MANIFEST_DIR")
    );
    let source = std::fs::read_to_string(path).unwrap();
    // Until the PIN was typed twice: what a session holds at its fullest is in Redis then.
    let fullest = source.find("type 7391               Baraka").unwrap();
    let begun = Script::parse("begun", &source[..fullest]).unwrap();
    play(&begun, &mut world.phones(), EachHop::Plain, |_| {})
        .await
        .unwrap_or_else(|failure| panic!("{failure}"));
    let planted = ["7391", "31456782", "711000009"];
    let keys = world.redis_keys().await;
    assert!(!keys.is_empty());
    let mut redis = world.app.redis.clone();
    for key in keys {
        let value: Vec<u8> = redis.get(&key).await.unwrap();
        for secret in planted {
            assert!(!key.contains(secret), "{secret} in the key {key}");
            let holds = |bytes: &[u8]| {
                bytes
                    .windows(secret.len())
                    .any(|at| at == secret.as_bytes())
            };
            assert!(!holds(&value), "{secret} in the value of {key}");
        }
    }
    // Long enough for nobody to be asked whether to go on.
    world.advance(Duration::from_secs(601)).await;
    let script = Script::parse("joining", &source).unwrap();
    play(&script, &mut world.phones(), EachHop::Plain, |_| {})
        .await
        .unwrap_or_else(|failure| panic!("{failure}"));
    // A wrong PIN and a PIN in the wrong place are PINs too.
    let call = Call::new(&world, BARAKA);
    for transcript in ["", "7391", "7391*1", "7391*1*7391"] {
        call.sends(transcript).await;
    }
    world.run_jobs().await;

    assert_eq!(columns_with(&world, r"\m31456782\M").await, BTreeSet::new());
    assert_eq!(columns_with(&world, r"\m7391\M").await, BTreeSet::new());
    let phone = columns_with(&world, "711000009").await;
    let known: BTreeSet<String> = PHONE_COLUMNS.iter().map(ToString::to_string).collect();
    assert_eq!(phone, known);
    world.close().await;

    let logs = captured_logs();
    assert!(logs.lines().count() > 10, "nothing was captured");
    let canaries = Canaries {
        pins: vec!["7391".to_owned()],
        national_ids: vec!["31456782".to_owned()],
        ..Canaries::default()
    };
    assert_eq!(canaries.leaks_in(&logs), []);
}

/// Every column of text, documents or bytes with a row that fits, as `table.column`.
async fn columns_with(world: &World, pattern: &str) -> BTreeSet<String> {
    let columns: Vec<(String, String, String, String)> = sqlx::query_as(
        "select table_schema, table_name, column_name, data_type from information_schema.columns
         where table_schema in ('public', 'ledger') and data_type in ('text', 'jsonb', 'bytea')",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    assert!(columns.len() > 50);
    let mut found = BTreeSet::new();
    for (schema, table, column, kind) in columns {
        let text = match kind.as_str() {
            "bytea" => format!("encode(\"{column}\", 'escape')"),
            _ => format!("\"{column}\"::text"),
        };
        let asked = format!("select exists (select 1 from {schema}.\"{table}\" where {text} ~ $1)");
        let holds: bool = sqlx::query_scalar(sqlx::AssertSqlSafe(asked))
            .bind(pattern)
            .fetch_one(&world.pool)
            .await
            .unwrap();
        if holds {
            found.insert(format!("{table}.{column}"));
        }
    }
    found
}
