//! Due days, announcements and questions about money, with hands that do the same at once and deeds cut off anywhere.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use kwastage::fault::Fault;
use kwastage::fund_news;
use kwastage::ledger::{self, JournalId, Key, postings};
use kwastage::members::{self, Who};
use kwastage::primitives::{Language, Money, Msisdn};
use kwastage::schedules::{self, Channel, Choice, Mode};
use kwastage::settlement;
use kwastage::welfare::{self, Outcome, SupportHeld};
use kwastage::work::{Actor, Work};
use reqwest::StatusCode;
use uuid::Uuid;

use crate::world::{Sessions, World};

const AMINA: &str = "254711000001";
const JUMA: &str = "254711000002";
/// The world is seeded at noon of a Friday.
const TO_MONDAY_AT_ELEVEN: Duration = Duration::from_secs(71 * 3600);
const A_DAY: Duration = Duration::from_secs(24 * 3600);
/// At as many places a deed is cut off.
const CUTS: usize = 60;

#[tokio::test]
async fn a_due_day_is_asked_for_once_however_many_look_and_wherever_they_are_cut_off() {
    let world = World::new(Sessions::InProcess).await;
    choose(&world, Mode::Push, "agreed").await;
    world.advance(TO_MONDAY_AT_ELEVEN).await;
    cut_off_everywhere(|| schedules::jobs::look_at_due_days(world.app.clone())).await;
    at_once(|| schedules::jobs::look_at_due_days(world.app.clone())).await;
    assert_eq!(
        count(&world, "schedule_step where step = 'pushed'").await,
        1
    );
    assert_eq!(count(&world, "obligation").await, 1);
    let said = count(&world, "outbox where template = 'schedule.asking'").await;
    assert_eq!(said, 1);
    // The consent it was done under stands with it.
    let agreed = "schedule_step s join schedule_choice c on c.id = s.choice_id where c.mode = 'push' and c.with_pin";
    assert_eq!(count(&world, agreed).await, 1);
    world.settle().await;
    let prompted = count(&world, "attempt where submitted_at is not null").await;
    assert_eq!(prompted, 1);
    world.close().await;
}

#[tokio::test]
async fn what_was_stopped_before_it_left_never_leaves() {
    let world = World::new(Sessions::InProcess).await;
    choose(&world, Mode::Push, "agreed").await;
    world.advance(TO_MONDAY_AT_ELEVEN).await;
    look(&world).await;
    assert_eq!(count(&world, "attempt where state = 'created'").await, 1);
    // The request waits a few seconds for its prompt; the stop comes first.
    choose(&world, Mode::Off, "stopped").await;
    world.settle().await;
    world.live_through(Duration::from_secs(3600)).await;
    let prompted = count(&world, "attempt where submitted_at is not null").await;
    assert_eq!(prompted, 0);
    assert_eq!(count(&world, "obligation where state = 'open'").await, 0);
    for _ in 0..8 {
        world.advance(A_DAY).await;
        look(&world).await;
    }
    assert_eq!(count(&world, "obligation").await, 1);
    // Agreed anew, the due days from then on are asked for, and only those.
    choose(&world, Mode::Push, "agreed again").await;
    look(&world).await;
    assert_eq!(count(&world, "obligation").await, 1);
    world.close().await;
}

#[tokio::test]
async fn a_stop_and_a_request_at_the_same_instant_end_in_a_stop() {
    for round in 0..6 {
        let world = World::new(Sessions::InProcess).await;
        choose(&world, Mode::Push, "agreed").await;
        world.advance(TO_MONDAY_AT_ELEVEN).await;
        let looking = tokio::spawn(schedules::jobs::look_at_due_days(world.app.clone()));
        for _ in 0..round * 7 {
            tokio::task::yield_now().await;
        }
        choose(&world, Mode::Off, "stopped").await;
        looking.await.unwrap().unwrap();
        world.settle().await;
        let prompted = count(&world, "attempt where submitted_at is not null").await;
        assert_eq!(prompted, 0, "round {round}");
        world.close().await;
    }
}

#[tokio::test]
async fn on_hold_or_while_paying_nobody_is_asked_and_afterwards_they_are() {
    let world = World::new(Sessions::InProcess).await;
    choose(&world, Mode::Push, "agreed").await;
    world.advance(TO_MONDAY_AT_ELEVEN).await;
    world
        .desk(&format!("suspend {AMINA} at the desk"))
        .await
        .unwrap();
    look(&world).await;
    assert_eq!(count(&world, "obligation").await, 0);
    sqlx::query("update member set status = 'active', reason = null where msisdn = $1")
        .bind(AMINA)
        .execute(&world.pool)
        .await
        .unwrap();
    // She is asked for something else on Tuesday, and has not answered.
    world.advance(A_DAY).await;
    let open = "insert into obligation (id, key, purpose, member_id, amount_cents, payer, language, created_at)
                select gen_random_uuid(), 'another', 'top_up', id, 5000, msisdn, 'en', $2 from member where msisdn = $1";
    sqlx::query(open)
        .bind(AMINA)
        .bind(world.now())
        .execute(&world.pool)
        .await
        .unwrap();
    look(&world).await;
    assert_eq!(count(&world, "schedule_step").await, 0);
    sqlx::query("update obligation set state = 'unpaid', closed_at = $1")
        .bind(world.now())
        .execute(&world.pool)
        .await
        .unwrap();
    world.advance(Duration::from_secs(601)).await;
    look(&world).await;
    assert_eq!(
        count(&world, "schedule_step where step = 'pushed' and try = 1").await,
        1
    );
    world.close().await;
}

#[tokio::test]
async fn each_payment_out_is_told_to_everybody_once_and_in_the_morning() {
    let world = World::new(Sessions::InProcess).await;
    world.run_jobs().await;
    // The seeded one is no news any more.
    assert_eq!(count(&world, "fund_announcement").await, 0);
    // Eleven at night.
    world.advance(Duration::from_secs(11 * 3600)).await;
    let (payout, hold) = hold(&world, 1_000).await;
    arrive(&world, payout, hold, 1_000).await;
    cut_off_everywhere(|| fund_news::announce_payouts(world.app.clone())).await;
    at_once(|| fund_news::announce_payouts(world.app.clone())).await;
    let listeners = "member where status = 'active' and stage_id = (select stage_id from member where msisdn = '254711000002')";
    let others = count(&world, listeners).await - 1;
    assert!(others > 10);
    let said = "outbox where template = 'fund.paid_out'";
    assert_eq!(count(&world, said).await, others);
    assert_eq!(
        count(&world, &format!("{said} and msisdn = '{JUMA}'")).await,
        0
    );
    let first: DateTime<Utc> =
        sqlx::query_scalar("select min(not_before) from outbox where template = 'fund.paid_out'")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert!(first >= world.now() + TimeDelta::hours(6), "{first}");
    assert_eq!(
        count(&world, "fund_announcement where written_at is null").await,
        0
    );
    let masked = "outbox where template = 'fund.paid_out' and fills::text like '%Jum***%'";
    assert_eq!(count(&world, masked).await, others);
    world.close().await;
}

/// Support that is held until M-PESA has brought it, and comes back or arrives.
#[tokio::test]
async fn what_is_held_is_no_news_before_it_is_paid() {
    let world = World::new(Sessions::InProcess).await;
    let juma = member(&world, JUMA).await;
    let arriving = hold(&world, 700).await;
    let returning = hold(&world, 700).await;
    fund_news::announce_payouts(world.app.clone())
        .await
        .unwrap();
    assert_eq!(count(&world, "fund_announcement").await, 0);
    arrive(&world, arriving.0, arriving.1, 700).await;
    let mut work = begin(&world).await;
    let amount = Money::from_shillings(700);
    welfare::support_returned(&mut work, juma.0, juma.1, returning.0, amount, returning.1)
        .await
        .unwrap();
    work.commit().await.unwrap();
    for _ in 0..2 {
        fund_news::announce_payouts(world.app.clone())
            .await
            .unwrap();
    }
    assert_eq!(count(&world, "fund_announcement").await, 1);
    let told = "fund_announcement a join fund_movement f on f.id = a.movement_id";
    let paid = format!("{told} where f.journal_id = {}", arriving.1.0);
    assert_eq!(count(&world, &paid).await, 1);
    world.close().await;
}

#[tokio::test]
async fn a_payer_who_is_known_is_asked_whose_money_it_is_and_it_is_booked_once() {
    let world = World::new(Sessions::InProcess).await;
    // Hashed, as Daraja tells it: Amina's.
    let hash: String = sqlx::query_scalar("select encode(sha256(convert_to($1, 'utf8')), 'hex')")
        .bind(AMINA)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    confirm(&world, "TKQ1WHOSE1", "MY STAGE", &hash).await;
    // A masked number may be anybody's.
    confirm(&world, "TKQ1WHOSE2", "MY STAGE", "2547 ***** 001").await;
    world.run_jobs().await;
    assert_eq!(
        count(&world, "outbox where template = 'suspense.whose'").await,
        1
    );
    assert_eq!(count(&world, "inflow where state = 'suspense'").await, 2);
    text(&world, AMINA, "a", "hello").await;
    text(&world, AMINA, "b", "0799999999").await;
    world.run_jobs().await;
    assert_eq!(
        count(&world, "outbox where template = 'suspense.not_found'").await,
        1
    );
    assert_eq!(count(&world, "inflow where state = 'suspense'").await, 2);
    // Whoever was not asked gives nothing away.
    text(&world, JUMA, "c", "0711000002").await;
    world.run_jobs().await;
    assert_eq!(count(&world, "inflow where state = 'suspense'").await, 2);
    for again in ["d", "d", "e"] {
        text(&world, AMINA, again, "0711 000 002").await;
        world.run_jobs().await;
    }
    let jumas = "contribution where provider_receipt = 'TKQ1WHOSE1'
                 and member_id = (select id from member where msisdn = '254711000002')";
    assert_eq!(count(&world, jumas).await, 1);
    assert_eq!(
        count(&world, "outbox where template = 'suspense.given'").await,
        1
    );
    assert_eq!(count(&world, "inflow where state = 'suspense'").await, 1);
    // What nobody claims in a month is owed back, and says so once.
    world.advance(A_DAY * 31).await;
    for _ in 0..2 {
        settlement::flag_unclaimed(world.app.clone()).await.unwrap();
    }
    assert_eq!(
        count(&world, "inflow where refund_flagged_at is not null").await,
        1
    );
    world.close().await;
}

#[test]
fn the_screen_says_the_words_that_are_kept_with_the_consent() {
    let screens = include_str!("../../menus/plans.xml");
    let phrases = include_str!("../../menus/common.xml");
    let consent = phrases.lines().find(|line| line.contains("consent.push"));
    let consent = consent.expect("the phrase");
    for language in ["en", "sw"] {
        let (open, close) = (format!("<{language}>"), format!("</{language}>"));
        let words = consent.split(&open).nth(1).unwrap();
        let words = words.split(&close).next().unwrap();
        assert!(screens.contains(&format!("{open}{words}")), "{words}");
    }
}

/// The fund stands by Juma; told twice.
async fn hold(world: &World, shillings: i64) -> (Uuid, JournalId) {
    let juma = member(world, JUMA).await;
    let held = SupportHeld {
        member: juma.0,
        stage: juma.1,
        amount: Money::from_shillings(shillings),
        payout: Uuid::now_v7(),
    };
    let mut journal = None;
    for _told_twice in 0..2 {
        let mut work = begin(world).await;
        let outcome = welfare::support_held(&mut work, held.clone())
            .await
            .unwrap();
        work.commit().await.unwrap();
        let (Outcome::Booked(hold) | Outcome::AlreadyDone(hold)) = outcome;
        journal = Some(hold);
    }
    (held.payout, journal.unwrap())
}

/// M-PESA has brought it.
async fn arrive(world: &World, payout: Uuid, hold: JournalId, shillings: i64) {
    let mut work = begin(world).await;
    let amount = Money::from_shillings(shillings);
    let paid = postings::payouts::payout_paid(payout, hold, amount, Money::ZERO).unwrap();
    ledger::post(&mut work, paid, Key::of("payout_paid", payout))
        .await
        .unwrap();
    work.commit().await.unwrap();
}

/// Begins the deed again and again and lets go of it after each number of turns: none, one, two and so on.
async fn cut_off_everywhere<Doing>(deed: impl Fn() -> Doing)
where
    Doing: Future<Output = Result<(), Fault>>,
{
    for turns in 0..CUTS {
        let patience = async {
            for _ in 0..turns {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            biased;
            () = patience => {}
            _done = deed() => {}
        }
    }
}

async fn at_once<Doing>(deed: impl Fn() -> Doing)
where
    Doing: Future<Output = Result<(), Fault>> + Send + 'static,
{
    let hands: Vec<_> = (0..6).map(|_| tokio::spawn(deed())).collect();
    for hand in hands {
        hand.await.unwrap().unwrap();
    }
    deed().await.unwrap();
}

async fn look(world: &World) {
    schedules::jobs::look_at_due_days(world.app.clone())
        .await
        .unwrap();
}

async fn choose(world: &World, mode: Mode, key: &str) {
    let amina = member(world, AMINA).await;
    let mut work = begin(world).await;
    let choice = Choice {
        member: amina.0,
        mode,
        words: "as it stood on the screen".to_owned(),
        language: Language::ENGLISH,
        channel: Channel::Ussd,
        key: key.to_owned(),
        with_pin: mode == Mode::Push,
    };
    schedules::choose(&mut work, choice).await.unwrap();
    work.commit().await.unwrap();
}

async fn member(world: &World, msisdn: &str) -> (Uuid, i32) {
    let mut conn = world.pool.acquire().await.unwrap();
    let who = Who::Phone(Msisdn::parse(msisdn).unwrap());
    let member = members::find(&mut conn, &who).await.unwrap().unwrap();
    (member.id.0, member.stage.0)
}

async fn begin(world: &World) -> Work {
    Work::begin(&world.pool, world.now(), Actor::System)
        .await
        .unwrap()
}

/// A paybill confirmation, as Daraja posts it.
async fn confirm(world: &World, receipt: &str, account: &str, phone: &str) {
    let body = format!(
        r#"{{"TransactionType":"Pay Bill","TransID":"{receipt}","TransTime":"20261120120000","TransAmount":"200.00","BusinessShortCode":"600123","BillRefNumber":"{account}","InvoiceNumber":"","OrgAccountBalance":"","ThirdPartyTransID":"","MSISDN":"{phone}","FirstName":"AMINA"}}"#
    );
    let answer = world
        .http
        .post(format!("{}/pay/demo/c2b/confirmation", world.gateway))
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

async fn text(world: &World, from: &str, id: &str, text: &str) {
    let from = format!("+{from}");
    let form = [
        ("from", from.as_str()),
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

async fn count(world: &World, of: &str) -> i64 {
    let counted = format!("select count(*) from {of}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(counted))
        .fetch_one(&world.pool)
        .await
        .unwrap()
}
