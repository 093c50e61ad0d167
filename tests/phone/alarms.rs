//! Alarms that nobody answers, and the calls about them, met by repeats, crashes, second workers and dead providers.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use kwastage::emergencies::jobs as alarms;
use kwastage::serve;
use reqwest::StatusCode;
use simulators::faults::Fault;

use crate::wire::Call;
use crate::world::{Sessions, World, captured_logs};

const AMINA: &str = "254711000001";
const WAMBUI: &str = "254711000003";
const TEST_PHONE: &str = "254711000099";

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn nobody_answers_until_the_house_shouts_and_raised_again_it_begins_anew() {
    let world = raised(&[]).await;
    later(&world, 60 * MINUTE).await;
    assert_eq!(said(&world, "emergency.nobody_answered").await, 0);
    later(&world, 6 * MINUTE).await;
    assert_eq!(said(&world, "emergency.nobody_answered").await, 1);
    assert!(captured_logs().contains("NOBODY ANSWERED emergency E-2026-00011"));
    let (alerts, calls) = (all_alerts(&world).await, calls(&world).await);
    later(&world, 120 * MINUTE).await;
    assert_eq!(all_alerts(&world).await, alerts, "silent after the shout");
    // Waves of calls have their ceiling, and nobody stands in one twice.
    assert!(calls <= 20 * 4, "{calls} calls");
    assert_eq!(number(&world, "select count(*) from (select from emergency_call group by wave, msisdn having count(*) > 1) as twice").await, 0);
    let report = Call::new(&world, AMINA);
    report.sends("9").await;
    later(&world, 4 * MINUTE).await;
    assert!(
        all_alerts(&world).await > alerts + 2,
        "raised again, it climbs again"
    );
    world.close().await;
}

#[tokio::test]
async fn two_workers_at_once_step_once() {
    let world = raised(&[]).await;
    world.advance(4 * MINUTE).await;
    let desk = serve::emergency_desk(&world.app);
    let ticks = (0..8).map(|_| {
        let desk = desk.clone();
        tokio::spawn(async move { alarms::tick(&desk).await })
    });
    for tick in ticks.collect::<Vec<_>>() {
        tick.await.unwrap().unwrap();
    }
    assert_eq!(most_alerts(&world).await, 2);
    assert_eq!(
        number(&world, "select max(round) from emergency_climb").await,
        1
    );
    world.close().await;
}

/// Cut off after each number of turns that a tick may take, and then done by another: each round is done once.
#[tokio::test]
async fn cut_off_anywhere_a_round_is_done_once() {
    let world = raised(&[("EMERGENCIES__ROUNDS_MAX", "500")]).await;
    let desk = serve::emergency_desk(&world.app);
    world.advance(10 * MINUTE).await;
    alarms::tick(&desk).await.unwrap();
    let mut before = most_alerts(&world).await;
    for turns in 0..60 {
        world.advance(3 * MINUTE).await;
        let patience = async {
            for _ in 0..turns * 3 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = patience => {}
            ticked = alarms::tick(&desk) => ticked.unwrap(),
        }
        // The one cut off holds the case until its connection is back, and whoever comes meanwhile passes it over.
        for _ in 0..100 {
            alarms::tick(&desk).await.unwrap();
            if most_alerts(&world).await > before {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        alarms::tick(&desk).await.unwrap();
        let after = most_alerts(&world).await;
        assert_eq!(after, before + 1, "cut off after {turns} times three turns");
        let messages = "select count(*) from outbox where template = 'emergency.alert' and msisdn = '254711000003'";
        assert_eq!(
            number(&world, messages).await,
            after,
            "an alert and its message are one"
        );
        before = after;
    }
    world.close().await;
}

#[tokio::test]
async fn a_key_counts_once_however_often_it_is_told() {
    let world = raised(&[]).await;
    later(&world, 6 * MINUTE + Duration::from_secs(2)).await;
    let session = session_of(&world, WAMBUI).await;
    let first = on_call(&world, &session, WAMBUI, &[]).await;
    assert!(
        first.contains("<GetDigits") && first.contains("Amina"),
        "{first}"
    );
    // Another call's key is nobody's.
    let unknown = on_call(
        &world,
        "ATVId_unknown",
        "254711000009",
        &[("dtmfDigits", "1")],
    )
    .await;
    assert!(!unknown.contains("GetDigits"), "{unknown}");
    assert_eq!(number(&world, "select count(*) from responder").await, 0);
    for _ in 0..3 {
        let thanks = on_call(&world, &session, WAMBUI, &[("dtmfDigits", "1#")]).await;
        assert!(thanks.contains("0 7 1 1 0 0 0 0 0 1"), "{thanks}");
    }
    assert_eq!(number(&world, "select count(*) from responder").await, 1);
    // The end comes before and after a key that was under way.
    ended(&world, &session, WAMBUI, "NORMAL_CLEARING").await;
    on_call(&world, &session, WAMBUI, &[("dtmfDigits", "1")]).await;
    assert_eq!(number(&world, "select count(*) from responder").await, 1);
    let outcome: String = text(
        &world,
        "select outcome from emergency_call where msisdn = '254711000003'",
    )
    .await;
    assert_eq!(outcome, "accepted");
    world.close().await;
}

/// The provider may ring and be answered before its answer to us is written down, or that answer may be lost.
#[tokio::test]
async fn a_call_whose_id_is_not_known_yet_is_found_by_its_phone() {
    let world = raised(&[]).await;
    world.outside.order(Fault::CallDown, MINUTE * 30);
    later(&world, 6 * MINUTE + Duration::from_secs(2)).await;
    assert_eq!(
        number(
            &world,
            "select count(*) from emergency_call where session_id is null and ended_at is null"
        )
        .await,
        4
    );
    let alert = on_call(&world, "ATVId_late", WAMBUI, &[]).await;
    assert!(alert.contains("Amina"), "{alert}");
    on_call(&world, "ATVId_late", WAMBUI, &[("dtmfDigits", "1")]).await;
    assert_eq!(number(&world, "select count(*) from responder").await, 1);
    world.close().await;
}

#[tokio::test]
async fn with_the_voice_provider_away_the_messages_go_on() {
    let world = raised(&[("AFRICASTALKING__VOICE_URL", "http://127.0.0.1:1")]).await;
    later(&world, 13 * MINUTE).await;
    let ends: String = text(
        &world,
        "select string_agg(distinct outcome, ' ') from emergency_call",
    )
    .await;
    assert_eq!(ends, "not_placed");
    assert!(most_alerts(&world).await >= 4);
    world.close().await;
}

#[tokio::test]
async fn a_missed_call_is_one_alarm_however_often_and_late_it_is_told() {
    let world = World::new(Sessions::InProcess).await;
    // Only the last request arrives: it is a call for help all the same.
    inbound(&world, "/voice/event", "ATVId_1", "0", AMINA).await;
    for _ in 0..3 {
        let (status, answer) = inbound(&world, "/voice", "ATVId_1", "1", AMINA).await;
        assert_eq!(status, StatusCode::OK);
        assert!(answer.contains("<Reject/>"), "{answer}");
    }
    world.run_jobs().await;
    assert_eq!(number(&world, "select count(*) from emergency").await, 1);
    assert_eq!(most_alerts(&world).await, 1);
    // Rung again after a minute they still wait for somebody: the same case, and everybody hears it again.
    world.advance(2 * MINUTE).await;
    inbound(&world, "/voice", "ATVId_2", "1", AMINA).await;
    assert_eq!(number(&world, "select count(*) from emergency").await, 1);
    assert_eq!(most_alerts(&world).await, 2);
    // A number that cannot be called back is told whom to call.
    let (status, answer) = inbound(&world, "/voice", "ATVId_3", "1", "anonymous").await;
    assert_eq!(status, StatusCode::OK);
    assert!(answer.contains("0 7 1 1 0 0 0 0 0 5"), "{answer}");
    world.close().await;
}

#[tokio::test]
async fn with_postgres_away_a_missed_call_is_kept_for_later_and_costs_nothing() {
    let world = World::new(Sessions::InProcess).await;
    world.pool.close().await;
    let (status, answer) = inbound(&world, "/voice", "ATVId_1", "1", AMINA).await;
    assert_eq!(status, StatusCode::OK);
    assert!(answer.contains("<Reject/>"), "{answer}");
    assert_eq!(world.app.spool.waiting(), 1);
    let (status, answer) = post(
        &world,
        "/voice",
        &[
            ("isActive", "1"),
            ("sessionId", "x"),
            ("direction", "Outbound"),
            ("callerNumber", "+254711000003"),
        ],
    )
    .await;
    assert_eq!(status, StatusCode::OK);
    assert!(answer.ends_with("</Response>"), "{answer}");
    let (status, _) = post(
        &world,
        "/voice/event",
        &[("isActive", "0"), ("sessionId", "x")],
    )
    .await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_stage_has_periods_of_its_own() {
    let world = World::new(Sessions::InProcess).await;
    sqlx::query("insert into stage_escalation (stage_id, wider_after_s) select id, 30 from stage where code = '101'")
        .execute(&world.pool)
        .await
        .unwrap();
    Call::new(&world, AMINA).sends("9").await;
    later(&world, MINUTE).await;
    assert_eq!(most_alerts(&world).await, 2);
    world.close().await;
}

#[tokio::test]
async fn a_drill_reaches_the_test_phone_and_nobody_else() {
    let world = World::with(
        Sessions::InProcess,
        &[("EMERGENCIES__DRILL_PHONE", TEST_PHONE)],
    )
    .await;
    let desk = serve::emergency_desk(&world.app);
    let phone = desk.nightly.phone.clone().unwrap();
    let (id, _) = alarms::begin_drill(&desk, phone.clone(), true)
        .await
        .unwrap();
    world.run_jobs().await;
    // The report comes in its own time.
    for _ in 0..100 {
        if alarms::watch_drill(&desk, id).await.unwrap() == kwastage::emergencies::Verdict::Whole {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        alarms::watch_drill(&desk, id).await.unwrap(),
        kwastage::emergencies::Verdict::Whole
    );
    let heard: Vec<String> = sqlx::query_scalar("select distinct msisdn from outbox")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    assert_eq!(heard, [TEST_PHONE]);
    assert_eq!(
        number(
            &world,
            "select count(*) from emergency where state = 'closed'"
        )
        .await,
        1
    );
    // It counts nowhere, and the next may begin.
    alarms::count_promise(&desk).await.unwrap();
    assert_eq!(
        number(&world, "select count(*) from emergency_promise").await,
        0
    );
    alarms::begin_drill(&desk, phone.clone(), true)
        .await
        .unwrap();
    // One at a time.
    assert!(alarms::begin_drill(&desk, phone, true).await.is_err());
    world.close().await;
}

#[tokio::test]
async fn each_night_the_chain_is_tried_once_and_a_broken_link_is_named() {
    let settings = [
        ("EMERGENCIES__DRILL_PHONE", TEST_PHONE),
        ("EMERGENCIES__DRILL_HOUR", "15"),
    ];
    let world = World::with(Sessions::InProcess, &settings).await;
    world
        .outside
        .order(Fault::ReportMissing, Duration::from_secs(86_400));
    // It is noon in Nairobi.
    later(&world, 150 * MINUTE).await;
    assert_eq!(
        number(&world, "select count(*) from emergency_drill").await,
        0
    );
    for _ in 0..50 {
        later(&world, MINUTE).await;
    }
    assert_eq!(
        number(&world, "select count(*) from emergency_drill").await,
        1
    );
    let said: String = text(
        &world,
        "select broken_link || ': ' || said from emergency_drill",
    )
    .await;
    assert_eq!(
        said,
        "report: handed to africastalking, no delivery report in 60 s"
    );
    assert!(captured_logs().contains(
        "The emergency chain is broken: handed to africastalking, no delivery report in 60 s"
    ));
    let told: String = text(&world, "select text from outbox where template = 'drill.broken' and class = 'service' and msisdn = '254711000005'").await;
    assert!(
        told.contains("handed to africastalking, no delivery report in 60 s"),
        "{told}"
    );
    world.close().await;
}

#[tokio::test]
async fn the_times_of_a_case_are_counted_once() {
    let world = raised(&[]).await;
    world.clock.advance(TimeDelta::seconds(95));
    let desk = serve::emergency_desk(&world.app);
    sqlx::query("update emergency set state = 'acknowledged', acknowledged_at = raised_at + interval '95 seconds'").execute(&world.pool).await.unwrap();
    alarms::count_promise(&desk).await.unwrap();
    sqlx::query("update emergency set state = 'responding', responding_at = raised_at + interval '12 minutes', acknowledged_at = raised_at + interval '10 minutes'").execute(&world.pool).await.unwrap();
    for _ in 0..2 {
        alarms::count_promise(&desk).await.unwrap();
    }
    let counted: (i32, i32) =
        sqlx::query_as("select answered_in_s, arrived_in_s from emergency_promise")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(counted, (95, 720));
    world.close().await;
}

/// A world in which Amina has raised an alarm, and the first tick has seen it.
async fn raised(settings: &[(&str, &str)]) -> World {
    let world = World::with(Sessions::InProcess, settings).await;
    Call::new(&world, AMINA).sends("9").await;
    later(&world, Duration::from_secs(1)).await;
    assert_eq!(most_alerts(&world).await, 1);
    world
}

/// Both clocks, and what becomes due on the way.
async fn later(world: &World, by: Duration) {
    world.outside.advance(by);
    world.live_through(by).await;
}

async fn number(world: &World, question: &'static str) -> i64 {
    let question = format!("select ({question})::bigint");
    sqlx::query_scalar(sqlx::AssertSqlSafe(question))
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

async fn text(world: &World, question: &'static str) -> String {
    sqlx::query_scalar(question)
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

/// How often the coordinator was alerted who was alerted most.
async fn most_alerts(world: &World) -> i64 {
    number(world, "select max(times) from emergency_alert").await
}

async fn all_alerts(world: &World) -> i64 {
    number(world, "select sum(times) from emergency_alert").await
}

async fn calls(world: &World) -> i64 {
    number(world, "select count(*) from emergency_call").await
}

async fn said(world: &World, template: &str) -> usize {
    let said: Vec<String> = sqlx::query_scalar("select msisdn from outbox where template = $1")
        .bind(template)
        .fetch_all(&world.pool)
        .await
        .unwrap();
    let phones: BTreeSet<&String> = said.iter().collect();
    assert_eq!(phones.len(), said.len(), "{template} twice to one phone");
    said.len()
}

async fn session_of(world: &World, msisdn: &str) -> String {
    sqlx::query_scalar(
        "select session_id from emergency_call where msisdn = $1 and session_id is not null",
    )
    .bind(msisdn)
    .fetch_one(&world.pool)
    .await
    .unwrap()
}

/// A request of a call of ours that was picked up; its document.
async fn on_call(world: &World, session: &str, msisdn: &str, more: &[(&str, &str)]) -> String {
    let caller = format!("+{msisdn}");
    let mut form = vec![
        ("isActive", "1"),
        ("sessionId", session),
        ("direction", "Outbound"),
        ("callerNumber", &caller),
    ];
    form.extend_from_slice(more);
    let (status, answer) = post(world, "/voice", &form).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        answer.starts_with("<?xml") && answer.ends_with("</Response>"),
        "{answer}"
    );
    answer
}

async fn ended(world: &World, session: &str, msisdn: &str, cause: &str) {
    let caller = format!("+{msisdn}");
    let form = [
        ("isActive", "0"),
        ("sessionId", session),
        ("direction", "Outbound"),
        ("callerNumber", &caller),
        ("hangupCause", cause),
    ];
    for path in ["/voice", "/voice/event"] {
        assert_eq!(post(world, path, &form).await.0, StatusCode::OK);
    }
}

async fn inbound(
    world: &World,
    path: &str,
    session: &str,
    active: &str,
    caller: &str,
) -> (StatusCode, String) {
    let caller = format!("+{caller}");
    let form = [
        ("isActive", active),
        ("sessionId", session),
        ("direction", "Inbound"),
        ("callerNumber", &caller),
    ];
    post(world, path, &form).await
}

async fn post(world: &World, path: &str, form: &[(&str, &str)]) -> (StatusCode, String) {
    let url = format!("{}/at/demo{path}", world.gateway);
    let answer = world.http.post(url).form(form).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}
