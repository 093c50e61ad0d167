//! Texts that come twice, at once, too often, from machines, or with anything at all in them.

use kwastage::answering::answer_sms;
use kwastage::messages::inbox::AnswerSms;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use reqwest::StatusCode;
use uuid::Uuid;

use crate::world::{Sessions, World};

const AMINA: &str = "+254711000001";
const WAMBUI: &str = "+254711000003";

#[tokio::test]
async fn a_payment_is_asked_for_once_however_often_its_text_is_delivered_and_answered() {
    let world = World::new(Sessions::InProcess).await;
    for _ in 0..3 {
        text(&world, AMINA, "pay-1", "PAY 200").await;
    }
    let inbox = inboxes(&world).await;
    assert_eq!(inbox.len(), 1, "one id is one text");
    let answering: Vec<_> = (0..4)
        .map(|_| tokio::spawn(answer_sms(world.app.clone(), AnswerSms { inbox: inbox[0] })))
        .collect();
    for answer in answering {
        answer.await.unwrap().unwrap();
    }
    world.settle().await;
    assert_eq!(count(&world, "obligation").await, 1);
    assert_eq!(
        count(&world, "outbox where template = 'pay.asked'").await,
        1
    );
    let prompted = count(&world, "attempt where submitted_at is not null").await;
    assert_eq!(prompted, 1);
    world.close().await;
}

#[tokio::test]
async fn of_two_amounts_at_once_one_is_the_answer() {
    let world = World::new(Sessions::InProcess).await;
    text(&world, AMINA, "ask", "PAY").await;
    world.run_jobs().await;
    assert_eq!(count(&world, "open_question").await, 1);
    text(&world, AMINA, "one", "200").await;
    text(&world, AMINA, "other", "300").await;
    let unanswered: Vec<Uuid> =
        sqlx::query_scalar("select id from inbox where handled_at is null order by id")
            .fetch_all(&world.pool)
            .await
            .unwrap();
    assert_eq!(unanswered.len(), 2);
    let both: Vec<_> = unanswered
        .into_iter()
        .map(|inbox| tokio::spawn(answer_sms(world.app.clone(), AnswerSms { inbox })))
        .collect();
    for answer in both {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(count(&world, "obligation").await, 1);
    assert_eq!(count(&world, "open_question").await, 0);
    let other = count(&world, "outbox where template = 'help.unknown'").await;
    assert_eq!(other, 1, "the other one is a number like any other");
    world.close().await;
}

/// Wambui is asked how much she wants to pay, and alerted before she says so.
#[tokio::test]
async fn a_question_does_not_swallow_what_a_coordinator_says_about_a_case() {
    let world = World::new(Sessions::InProcess).await;
    text(&world, WAMBUI, "pay", "PAY").await;
    text(&world, AMINA, "sos", "SOS Kencom").await;
    world.run_jobs().await;
    let case: i64 = sqlx::query_scalar("select serial from emergency")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    for says in ["1", "OK", &case.to_string(), &format!("{case} 8"), "NO"] {
        text(&world, WAMBUI, &format!("says {says}"), says).await;
        world.run_jobs().await;
        assert_eq!(count(&world, "obligation").await, 0, "{says}");
        assert_eq!(count(&world, "open_question").await, 1, "{says}");
    }
    text(&world, WAMBUI, "how much", "200").await;
    world.run_jobs().await;
    assert_eq!(count(&world, "obligation").await, 1);
    assert_eq!(count(&world, "open_question").await, 0);
    world.close().await;
}

#[tokio::test]
async fn who_has_had_enough_answers_is_asked_for_no_money_and_may_still_raise_an_alarm() {
    let world = World::new(Sessions::InProcess).await;
    // No word so often that it would be taken for a machine's.
    let words = ["HELP", "STATUS", "BAL", "JOIN"];
    for (number, says) in words.into_iter().cycle().take(12).enumerate() {
        text(&world, AMINA, &format!("noise-{number}"), says).await;
        world.run_jobs().await;
    }
    text(&world, AMINA, "pay", "PAY 200").await;
    text(&world, AMINA, "stop", "STOP").await;
    text(&world, AMINA, "sos", "SOS accident at Kencom").await;
    world.run_jobs().await;
    assert_eq!(count(&world, "outbox where template like 'pay.%'").await, 0);
    assert_eq!(count(&world, "obligation").await, 0);
    assert_eq!(count(&world, "opt_out").await, 1);
    assert_eq!(count(&world, "emergency where place = 'Kencom'").await, 1);
    assert_eq!(count(&world, "inbox where handled_at is null").await, 0);
    world.close().await;
}

#[tokio::test]
async fn names_short_codes_and_foreign_numbers_are_kept_and_not_answered() {
    let world = World::new(Sessions::InProcess).await;
    for (id, from) in [
        ("name", "SAFARICOM"),
        ("short", "22384"),
        ("uganda", "+256772123456"),
        ("landline", "+254202345678"),
        ("nobody", ""),
    ] {
        text(&world, from, id, "SOS").await;
    }
    world.settle().await;
    assert_eq!(count(&world, "inbox").await, 5);
    assert_eq!(count(&world, "outbox").await, 0);
    assert_eq!(count(&world, "emergency").await, 0);
    world.close().await;
}

#[tokio::test]
async fn an_alarm_goes_out_although_what_was_told_with_it_cannot_be_kept() {
    let world = World::new(Sessions::InProcess).await;
    // Nothing in us does so; the next thing that breaks here shall not cost a life.
    sqlx::raw_sql(
        "create function refuse() returns trigger language plpgsql as 'begin raise exception ''no place is kept''; end';
         create trigger refuse before update of place on emergency for each row execute function refuse()",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    text(&world, AMINA, "sos", "SOS Kencom near the bank").await;
    world.run_jobs().await;
    assert_eq!(count(&world, "emergency").await, 1);
    let alerted = "outbox where template = 'emergency.alert' and state in ('sent', 'delivered')";
    assert_eq!(count(&world, alerted).await, 2, "both coordinators");
    let waits = "job where name = 'messages.answer' and state = 'waiting'";
    assert_eq!(count(&world, waits).await, 1, "the place is tried again");

    sqlx::raw_sql("drop trigger refuse on emergency")
        .execute(&world.pool)
        .await
        .unwrap();
    world.advance(std::time::Duration::from_secs(300)).await;
    world.run_jobs().await;
    assert_eq!(count(&world, "emergency").await, 1, "it is the same alarm");
    let placed = "emergency where place = 'Kencom near the bank'";
    assert_eq!(count(&world, placed).await, 1);
    assert_eq!(count(&world, "inbox where handled_at is null").await, 0);
    world.close().await;
}

#[tokio::test]
async fn the_longest_place_is_passed_on_as_far_as_it_goes() {
    let world = World::new(Sessions::InProcess).await;
    let long = format!("SOS {}", "behind the blue kiosk ".repeat(400));
    text(&world, AMINA, "long", &long).await;
    world.run_jobs().await;
    assert_eq!(
        count(&world, "emergency where length(place) = 160").await,
        1
    );
    assert_eq!(count(&world, "inbox where handled_at is null").await, 0);
    world.close().await;
}

/// Texts of everything people and machines send, beside each other, in any order: each is handled, none twice, and no
/// phone gets more answers than it wrote.
#[tokio::test]
async fn any_text_is_survived_and_has_at_most_one_answer() {
    let seed = std::env::var("SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let world = World::new(Sessions::InProcess).await;
    let phones: Vec<String> = (10..40)
        .map(|number| format!("+2547110000{number}"))
        .chain([AMINA.to_owned(), WAMBUI.to_owned()])
        .collect();
    for number in 0..250 {
        let from = phones.choose(&mut dice).unwrap();
        let body = anything(&mut dice);
        text(&world, from, &format!("id-{number}"), &body).await;
        if number % 25 == 0 {
            world.run_jobs().await;
        }
    }
    world.settle().await;
    let errors: Vec<String> =
        sqlx::query_scalar("select distinct last_error from job where last_error is not null")
            .fetch_all(&world.pool)
            .await
            .unwrap();
    let told = format!("seed {seed}: {errors:?}");
    let unhandled = count(
        &world,
        "inbox where handled_at is null and msisdn is not null",
    )
    .await;
    assert_eq!(unhandled, 0, "{told}");
    assert_eq!(
        count(&world, "job where state = 'given_up'").await,
        0,
        "{told}"
    );
    let answers: i64 = sqlx::query_scalar(
        "select count(*) from outbox where key like 'inbox:%' and not exists
             (select from inbox where 'inbox:' || inbox.id = outbox.key and answered)",
    )
    .fetch_one(&world.pool)
    .await
    .unwrap();
    assert_eq!(answers, 0, "{told}: an answer to nothing");
    world.close().await;
}

/// Keywords whole and mangled, noise in every alphabet, very long ones.
fn anything(dice: &mut StdRng) -> String {
    const WORDS: &[&str] = &[
        "SOS",
        "dharura",
        "PAY",
        "lipa",
        "200",
        "1,500/=",
        "mia mbili",
        "2k",
        "BAL",
        "salio",
        "STATUS",
        "JOIN",
        "101",
        "RECEIPT",
        "7K3M",
        "HELP",
        "msaada",
        "STOP",
        "START",
        "YES",
        "hapana",
        "CLAIM",
        "ajali",
        "Kencom",
        "42",
        "1",
        "\u{1F198}",
        "\u{202E}",
        "\u{0}",
        "\u{661}\u{662}",
        "e\u{301}",
        "\r\n",
        "'; drop table member; --",
        "{code}",
        "%s",
        "<xml/>",
    ];
    let words = dice.random_range(0..8);
    let mut text: Vec<String> = (0..words)
        .map(|_| (*WORDS.choose(dice).unwrap()).to_owned())
        .collect();
    match dice.random_range(0..6) {
        0 => text.push((0..200).map(|_| dice.random::<char>()).collect()),
        1 => text.push("x".repeat(dice.random_range(1..20_000))),
        2 => text.push("a ".repeat(dice.random_range(1..5_000))),
        _ => {}
    }
    text.join(" ")
}

/// As Africa's Talking brings it.
async fn text(world: &World, from: &str, id: &str, text: &str) {
    let form = [
        ("from", from),
        ("to", "22384"),
        ("id", id),
        ("text", text),
        ("date", "2026-11-20T09:00:00Z"),
    ];
    let answer = world
        .http
        .post(format!("{}/at/demo/sms", world.gateway))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{from}");
}

async fn inboxes(world: &World) -> Vec<Uuid> {
    sqlx::query_scalar("select id from inbox")
        .fetch_all(&world.pool)
        .await
        .unwrap()
}

async fn count(world: &World, of: &str) -> i64 {
    let counted = format!("select count(*) from {of}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(counted))
        .fetch_one(&world.pool)
        .await
        .unwrap()
}
