//! Emergencies while Postgres, Redis, the disk or the provider is away.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use kwastage::spool::{Channel, Report, What};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use simulators::faults::Fault;
use simulators::phones::Direction;

use crate::wire::Call;
use crate::world::{Sessions, Trouble, World};

const AMINA: &str = "254711000001";
const JUMA: &str = "254711000002";
const WAMBUI: &str = "254711000003";
const NJERI: &str = "254711000005";
const BARAKA: &str = "254711000009";

/// Above what a busy machine takes, below what the network waits.
const BUDGET: (&str, &str) = ("USSD__HOP_BUDGET_MS", "4000");

/// Everything in the inbox of a phone, oldest first.
pub fn texts(world: &World, msisdn: &str) -> Vec<String> {
    let phone = world.outside.phone(msisdn).unwrap();
    let texts = phone.texts().into_iter();
    let received = texts.filter(|text| text.direction == Direction::Received);
    received.map(|text| text.text).collect()
}

/// Waits for what the outside delivers by itself.
async fn comes(world: &World, msisdn: &str, beginning: &str) {
    for _ in 0..500 {
        if texts(world, msisdn)
            .iter()
            .any(|text| text.starts_with(beginning))
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{beginning:?} never came: {:?}", texts(world, msisdn));
}

async fn cases(world: &World) -> Vec<(String, Option<String>, Option<String>, DateTime<Utc>)> {
    sqlx::query_as("select msisdn, kind, place, raised_at from emergency order by msisdn, serial")
        .fetch_all(&world.pool)
        .await
        .unwrap()
}

/// The line mends, connections that hung are gone, and what waits goes in.
async fn postgres_comes_back(world: &World) {
    world.postgres_is(Trouble::Cut);
    world.postgres_is(Trouble::None);
    for _ in 0..200 {
        world.app.spool.drain(&world.pool).await;
        if world.app.spool.waiting() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} reports stay in the spool", world.app.spool.waiting());
}

#[tokio::test]
async fn without_postgres_an_alarm_is_kept_told_and_becomes_one_case() {
    let world = World::behind_a_line(Sessions::InProcess, &[BUDGET]).await;
    world.postgres_is(Trouble::Cut);
    let told_at = world.now();
    let call = Call::new(&world, BARAKA);
    for (transcript, shown) in [
        (
            "9",
            "CON Help is being called. You can also call 0711000005. What happened?",
        ),
        ("9*1", "CON Where? A building, road or stage near you:"),
        (
            "9*1*Uhuru Park gate",
            "END Someone will call this phone. If nobody does in 5 minutes, call 0711000005, 999 or 112.",
        ),
    ] {
        let answer = call.sends(transcript).await;
        assert!(answer.starts_with(shown), "{transcript}: {answer}");
    }
    assert_eq!(world.app.spool.waiting(), 3);
    world.app.spool.alert().await;
    comes(
        &world,
        NJERI,
        "SOS from 0711000009: needs help NOW. Call 0711000009.",
    )
    .await;
    comes(&world, NJERI, "SOS from 0711000009: ACCIDENT.").await;
    comes(
        &world,
        NJERI,
        "SOS from 0711000009: needs help NOW. They say: Uhuru Park gate.",
    )
    .await;
    world.app.spool.alert().await;
    assert_eq!(
        texts(&world, NJERI).len(),
        3,
        "who was alerted is not alerted again"
    );

    world.advance(Duration::from_secs(20)).await;
    postgres_comes_back(&world).await;
    let place = Some("Uhuru Park gate".to_owned());
    assert_eq!(
        cases(&world).await,
        [(
            BARAKA.to_owned(),
            Some("accident".to_owned()),
            place,
            told_at
        )]
    );
    world.run_jobs().await;
    comes(&world, NJERI, "SOS 11: 0711000009, not a member").await;
    comes(&world, BARAKA, "We have your alarm, number 11.").await;
    world.app.spool.drain(&world.pool).await;
    assert_eq!(cases(&world).await.len(), 1);
    world.close().await;
}

#[tokio::test]
async fn a_member_is_told_in_their_language_and_the_stage_is_alerted_afterwards() {
    let world = World::behind_a_line(Sessions::InProcess, &[BUDGET]).await;
    let call = Call::new(&world, JUMA);
    assert!(call.sends("").await.contains("Stage ya Kencom"));
    world.postgres_is(Trouble::Cut);
    for (transcript, shown) in [
        (
            "9",
            "CON Msaada unaitwa. Unaweza pia kupiga 0711000005. Kumetokea nini?",
        ),
        ("9*4", "CON Wapi? "),
        (
            "9*4*Kenyatta market",
            "END Mtu atapiga simu hii. Asipopiga kwa dakika 5, piga 0711000005, 999 au 112.",
        ),
    ] {
        let answer = call.sends(transcript).await;
        assert!(answer.starts_with(shown), "{transcript}: {answer}");
    }
    world.app.spool.alert().await;
    comes(
        &world,
        NJERI,
        "SOS kutoka 0711000002: anahitaji msaada SASA.",
    )
    .await;
    postgres_comes_back(&world).await;
    world.run_jobs().await;
    // Now it is known whose alarm it was, and it goes where his alarms go.
    comes(&world, WAMBUI, "SOS 11: Juma 0711000002, stage Kencom").await;
    comes(&world, JUMA, "Tumepokea dharura yako, namba 11.").await;
    world.close().await;
}

#[tokio::test]
async fn a_postgres_that_hangs_costs_a_rider_in_trouble_less_than_the_hop_may_take() {
    let world = World::behind_a_line(Sessions::InProcess, &[("USSD__HOP_BUDGET_MS", "2000")]).await;
    // Warm, so that connections are there to hang.
    Call::new(&world, AMINA).sends("").await;
    world.postgres_is(Trouble::Held);
    let began = Instant::now();
    let shown = Call::new(&world, BARAKA).sends("9").await;
    assert!(
        shown.starts_with("CON Help is being called. You can"),
        "{shown}"
    );
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    postgres_comes_back(&world).await;
    assert_eq!(cases(&world).await.len(), 1);
    world.close().await;
}

/// Postgres has it, and we never hear so: the report's id makes one of the two.
#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_one_case() {
    let world = World::behind_a_line(Sessions::InProcess, &[BUDGET]).await;
    for (msisdn, trouble_after) in [(AMINA, 0), (JUMA, 2), (BARAKA, 4), (WAMBUI, 8)] {
        let call = Call::new(&world, msisdn);
        call.sends("").await;
        let raising = tokio::spawn({
            let call = call.clone();
            async move { call.sends("9").await }
        });
        tokio::time::sleep(Duration::from_millis(trouble_after)).await;
        world.postgres_is(Trouble::Mute);
        raising.await.unwrap();
        postgres_comes_back(&world).await;
        let of_this_phone = cases(&world).await;
        let of_this_phone = of_this_phone.iter().filter(|case| case.0 == msisdn);
        assert_eq!(of_this_phone.count(), 1, "{msisdn}");
    }
    world.close().await;
}

#[tokio::test]
async fn what_is_told_later_while_postgres_is_away_reaches_the_case() {
    let world = World::behind_a_line(Sessions::InProcess, &[BUDGET]).await;
    let call = Call::new(&world, AMINA);
    assert!(
        call.sends("9")
            .await
            .starts_with("CON Help is being called. Number 11.")
    );
    world.postgres_is(Trouble::Cut);
    assert!(
        call.sends("9*2")
            .await
            .starts_with("CON How many are hurt?")
    );
    assert_eq!(world.app.spool.waiting(), 1);
    world.app.spool.alert().await;
    comes(&world, NJERI, "SOS from 0711000001: SICK OR HURT.").await;
    postgres_comes_back(&world).await;
    assert!(call.sends("9*2*1").await.starts_with("CON Where?"));
    assert!(call.sends("9*2*1*Kencom").await.starts_with("END "));
    let [(_, kind, place, _)] = &cases(&world).await[..] else {
        panic!("one case");
    };
    assert_eq!(
        (kind.as_deref(), place.as_deref()),
        (Some("medical"), Some("Kencom"))
    );
    world.close().await;
}

/// Postgres is back before the alarm has left the spool, and the rider goes on telling.
#[tokio::test]
async fn what_is_told_before_the_drain_waits_with_its_alarm() {
    let world = World::behind_a_line(Sessions::InProcess, &[BUDGET]).await;
    world.postgres_is(Trouble::Cut);
    let call = Call::new(&world, AMINA);
    call.sends("9").await;
    world.postgres_is(Trouble::None);
    assert!(call.sends("9*1").await.starts_with("CON Where?"));
    // The session goes on at another process, which knows nothing of this spool.
    let elsewhere = Call {
        gateway: world.another_gateway().await,
        ..call.clone()
    };
    assert!(elsewhere.sends("9*1*Kencom").await.starts_with("END "));
    postgres_comes_back(&world).await;
    let [(_, kind, _, _)] = &cases(&world).await[..] else {
        panic!("one case");
    };
    assert_eq!(kind.as_deref(), Some("accident"));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twins_and_nervous_keys_are_one_report() {
    let world = World::behind_a_line(Sessions::InProcess, &[BUDGET]).await;
    world.postgres_is(Trouble::Cut);
    let call = Call::new(&world, AMINA);
    let twins: Vec<_> = (0..8)
        .map(|_| {
            let call = call.clone();
            tokio::spawn(async move { call.sends("9").await })
        })
        .collect();
    for twin in twins {
        assert!(twin.await.unwrap().starts_with("CON Help is being called."));
    }
    Call::new(&world, AMINA).sends("9").await;
    assert_eq!(world.app.spool.waiting(), 1);
    postgres_comes_back(&world).await;
    assert_eq!(cases(&world).await.len(), 1);
    world.close().await;
}

#[tokio::test]
async fn an_sos_by_sms_is_told_at_once_and_is_one_case_with_its_repeat() {
    let world = World::behind_a_line(Sessions::InProcess, &[BUDGET]).await;
    world.postgres_is(Trouble::Cut);
    let amina = world.outside.phone(AMINA).unwrap();
    amina.text("22384", "SOS accident Kenyatta market").unwrap();
    let spool = &world.app.spool;
    for _ in 0..500 {
        if spool.waiting() > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(spool.waiting(), 1);
    spool.alert().await;
    comes(
        &world,
        NJERI,
        "SOS from 0711000001: needs help NOW. They say: accident Kenyatta market.",
    )
    .await;
    comes(
        &world,
        AMINA,
        "We have your alarm and help is being called. If nobody calls you in 5 minutes, call 0711000005",
    )
    .await;
    // The provider says it again each minute, and still nothing can be stored.
    world.advance(Duration::from_secs(61)).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(spool.waiting(), 1);

    postgres_comes_back(&world).await;
    assert_eq!(cases(&world).await.len(), 1);
    world.advance(Duration::from_secs(61)).await;
    for _ in 0..500 {
        world.run_jobs().await;
        let handled: i64 =
            sqlx::query_scalar("select count(*) from inbox where handled_at is not null")
                .fetch_one(&world.pool)
                .await
                .unwrap();
        if handled == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let [(_, _, place, _)] = &cases(&world).await[..] else {
        panic!("one case: {:?}", cases(&world).await);
    };
    assert_eq!(place.as_deref(), Some("Kenyatta market"));
    world.close().await;
}

#[tokio::test]
async fn other_texts_are_not_alarms_and_wait_for_postgres() {
    let world = World::behind_a_line(Sessions::InProcess, &[BUDGET]).await;
    world.postgres_is(Trouble::Cut);
    let form = "id=t1&from=%2B254711000001&to=22384&text=BAL&date=2026-11-20T09%3A00%3A00Z";
    let answer = world
        .http
        .post(format!("{}/at/demo/sms", world.gateway))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 503, "it has to come again");
    assert_eq!(world.app.spool.waiting(), 0);
    world.close().await;
}

#[tokio::test]
async fn a_missed_call_to_the_hotline_is_taken_too() {
    let world = World::behind_a_line(Sessions::InProcess, &[BUDGET]).await;
    world.postgres_is(Trouble::Cut);
    let report = Report {
        id: Report::id_of_hop("ATVId_1", 0),
        msisdn: kwastage::primitives::Msisdn::parse(BARAKA).unwrap(),
        language: kwastage::primitives::Language::SWAHILI,
        at: world.now(),
        channel: Channel::Call,
        silent: false,
        what: What::Alarm { words: None },
    };
    world.app.spool.take_report(report).await.unwrap();
    world.app.spool.alert().await;
    comes(&world, BARAKA, "Tumepokea dharura yako na msaada unaitwa.").await;
    comes(&world, NJERI, "SOS kutoka 0711000009").await;
    postgres_comes_back(&world).await;
    assert_eq!(cases(&world).await.len(), 1);
    world.close().await;
}

/// The screen may not say what is not so; the alarm goes out all the same.
#[tokio::test]
async fn with_no_disk_either_the_rider_is_told_whom_to_call_and_the_desk_is_alerted() {
    let settings = [BUDGET, ("EMERGENCIES__SPOOL", "/dev/null/spool")];
    let world = World::behind_a_line(Sessions::InProcess, &settings).await;
    world.postgres_is(Trouble::Cut);
    let shown = Call::new(&world, BARAKA).sends("9").await;
    assert!(
        shown.starts_with("END We could not pass on your alarm. CALL 0711000005 NOW"),
        "{shown}"
    );
    world.app.spool.alert().await;
    comes(&world, NJERI, "SOS from 0711000009: needs help NOW.").await;
    postgres_comes_back(&world).await;
    assert_eq!(cases(&world).await.len(), 1);
    world.close().await;
}

#[tokio::test]
async fn a_provider_that_is_down_is_tried_until_it_is_not() {
    let world = World::behind_a_line(Sessions::InProcess, &[BUDGET]).await;
    world.postgres_is(Trouble::Cut);
    for fault in [Fault::SmsDown, Fault::TwilioDown] {
        world.outside.order(fault, Duration::from_secs(60));
    }
    Call::new(&world, BARAKA).sends("9").await;
    world.app.spool.alert().await;
    assert_eq!(texts(&world, NJERI), [""; 0]);
    world.outside.advance(Duration::from_secs(61));
    let began = Instant::now();
    while texts(&world, NJERI).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(6), "never again");
        world.app.spool.alert().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    world.close().await;
}

#[tokio::test]
async fn without_redis_an_alarm_is_raised_and_without_both_it_is_kept() {
    let world = World::behind_a_line(Sessions::RedisAway, &[BUDGET]).await;
    let call = Call::new(&world, AMINA);
    for (transcript, shown) in [
        ("9", "CON Help is being called. Number 11."),
        ("9*1", "CON How many are hurt?"),
    ] {
        let answer = call.sends(transcript).await;
        assert!(answer.starts_with(shown), "{transcript}: {answer}");
        world.forget(AMINA).await;
    }
    assert_eq!(cases(&world).await.len(), 1);

    world.postgres_is(Trouble::Cut);
    let call = Call::new(&world, BARAKA);
    let shown = call.sends("9").await;
    assert!(
        shown.starts_with("CON Help is being called. You can"),
        "{shown}"
    );
    // Even this process forgets the call: nothing but what the network repeats is left of it.
    let session = kwastage::conversation::SessionId::parse(&call.session).unwrap();
    world.app.sessions_at_hand.remove(&session);
    let again = call.sends("9").await;
    assert!(
        again.starts_with("CON Help is being called. You can"),
        "{again}"
    );
    assert_eq!(world.app.spool.waiting(), 1);
    postgres_comes_back(&world).await;
    assert_eq!(cases(&world).await.len(), 2);
    world.close().await;
}

/// The drain is stopped anywhere, as a kill would: what it had done stays done, and nothing is done twice.
#[tokio::test]
async fn a_drain_that_is_cut_off_anywhere_makes_one_case_of_each() {
    let seed = std::env::var("SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let world = World::behind_a_line(Sessions::InProcess, &[BUDGET]).await;
    world.postgres_is(Trouble::Cut);
    let phones: Vec<String> = (10..40).map(|n| format!("2547222000{n}")).collect();
    for phone in &phones {
        let report = Report {
            id: Report::id_of_hop(phone, 1),
            msisdn: kwastage::primitives::Msisdn::parse(phone).unwrap(),
            language: kwastage::primitives::Language::ENGLISH,
            at: world.now(),
            channel: Channel::Ussd,
            silent: false,
            what: What::Alarm {
                words: Some("near the bank".to_owned()),
            },
        };
        world.app.spool.take_report(report).await.unwrap();
    }
    world.postgres_is(Trouble::None);
    for _ in 0..60 {
        let micros = dice.random_range(100..30_000);
        let draining = world.app.spool.drain(&world.pool);
        let _ = tokio::time::timeout(Duration::from_micros(micros), draining).await;
    }
    postgres_comes_back(&world).await;
    let cases = cases(&world).await;
    assert!(
        cases.iter().map(|case| &case.0).eq(&phones),
        "seed {seed}: {cases:?}"
    );
    let entries: i64 =
        sqlx::query_scalar("select count(*) from case_entry where what = 'place_told'")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(entries, 30, "seed {seed}");
    world.close().await;
}
