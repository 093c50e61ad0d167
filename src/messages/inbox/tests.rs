use sqlx::PgPool;

use super::*;
use crate::jobs::{self, JobFailure, Registry};
use crate::messages::Class;
use crate::messages::testing::{World, to_amina};
use crate::work::Actor;

const TEXT: &str = "You can do that on your phone: dial *384*123# and follow the menu.";

fn arrived(provider_id: &str, from: Option<Msisdn>) -> Arrived {
    Arrived {
        provider: "africastalking",
        provider_id: provider_id.into(),
        sent_at: "2026-11-20T06:00:00Z".parse().unwrap(),
        from,
        to: Some("22384".into()),
        text: "hello".into(),
        fields: serde_json::json!({}),
    }
}

/// Answers every message with the same text, as the house's own handler does with better ones.
fn answering() -> Registry<PgPool> {
    let mut registry = Registry::new();
    registry.on(|pool: PgPool, job: AnswerSms| async move {
        let now = "2026-11-20T06:00:00Z".parse().unwrap();
        let mut work = Work::begin(&pool, now, Actor::System).await?;
        let inbound = load(work.conn(), job.inbox).await?;
        let inbound = inbound.ok_or_else(|| JobFailure::give_up("no such message"))?;
        answer(&mut work, &inbound, "unknown", to_amina(Class::Service)).await?;
        Ok(work.commit().await?)
    });
    registry
}

#[sqlx::test]
async fn an_inbound_message_is_kept_once_and_answered_once(pool: PgPool) {
    let world = World::new(pool).await;
    let amina = to_amina(Class::Service).to;
    for _ in 0..2 {
        let mut work = world.work().await;
        receive(&mut work, &arrived("a", Some(amina.clone())))
            .await
            .unwrap();
        work.commit().await.unwrap();
    }
    let run = async || {
        jobs::run_due(&world.pool, &world.clock, &answering(), world.pool.clone())
            .await
            .unwrap()
    };
    assert_eq!(run().await, 1);
    sqlx::query!("update job set state = 'waiting', finished_at = null")
        .execute(&world.pool)
        .await
        .unwrap();
    assert_eq!(
        run().await,
        1,
        "the job dies after its deed and is done again"
    );
    assert_eq!(world.drain().await, 1);
    assert_eq!(world.provider.calls()[0]["message"], TEXT);
}

#[sqlx::test]
async fn what_was_handled_in_silence_is_not_answered_later(pool: PgPool) {
    let world = World::new(pool).await;
    let amina = to_amina(Class::Service).to;
    let mut work = world.work().await;
    let id = receive(&mut work, &arrived("a", Some(amina)))
        .await
        .unwrap()
        .unwrap();
    mark_handled(&mut work, id, "thanks").await.unwrap();
    let inbound = load(work.conn(), id).await.unwrap().unwrap();
    let answer = answer(&mut work, &inbound, "unknown", to_amina(Class::Service)).await;
    assert_eq!(answer.unwrap(), None);
    work.commit().await.unwrap();
    assert_eq!(world.drain().await, 0);
}

/// Lets a phone text again and again, `seconds` after each answer; returns how many texts were answered.
async fn answered(world: &World, seconds: i64, texts: impl Iterator<Item = String>) -> usize {
    let amina = to_amina(Class::Service).to;
    for (number, text) in texts.enumerate() {
        world.pass(seconds);
        let mut work = world.work().await;
        let received = Arrived {
            text,
            ..arrived(&format!("{number}"), Some(amina.clone()))
        };
        receive(&mut work, &received).await.unwrap();
        work.commit().await.unwrap();
        let now = world.clock.now();
        let mut registry = Registry::new();
        registry.on(move |pool: PgPool, job: AnswerSms| async move {
            let mut work = Work::begin(&pool, now, Actor::System).await?;
            let inbound = load(work.conn(), job.inbox).await?;
            let inbound = inbound.ok_or_else(|| JobFailure::give_up("no such message"))?;
            let understood = match inbound.text.as_str() {
                "SALIO" => "BAL",
                _ => UNKNOWN,
            };
            answer(&mut work, &inbound, understood, to_amina(Class::Service)).await?;
            Ok(work.commit().await?)
        });
        jobs::run_due(&world.pool, &world.clock, &registry, world.pool.clone())
            .await
            .unwrap();
    }
    world.drain().await
}

#[sqlx::test]
async fn a_machine_that_answers_our_answers_is_left_alone_after_a_few(pool: PgPool) {
    let world = World::new(pool).await;
    let tickets = (0..30).map(|number| format!("Thank you, your ticket is {number}"));
    assert_eq!(answered(&world, 2, tickets).await, 3);
    let why: Vec<String> = sqlx::query_scalar("select distinct answer from inbox order by answer")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    assert_eq!(why, ["ping_pong", "unknown"]);
}

#[sqlx::test]
async fn a_machine_that_repeats_itself_is_left_alone_after_four(pool: PgPool) {
    let world = World::new(pool).await;
    let away = (0..30).map(|_| "I am away. I will call you back!".to_owned());
    assert_eq!(answered(&world, 45, away).await, 4);
}

#[sqlx::test]
async fn a_person_who_asks_often_is_answered_up_to_the_ceiling_of_the_hour(pool: PgPool) {
    let world = World::new(pool).await;
    let words = (0..20).map(|number| format!("where is my money {number}"));
    let answers = answered(&world, 30, words).await;
    assert_eq!(answers as i64, ANSWERS_PER_HOUR_MAX);
}

#[sqlx::test]
async fn what_belongs_to_an_emergency_is_answered_whatever_came_before(pool: PgPool) {
    let world = World::new(pool).await;
    let mut answers = 0;
    for number in 0..20 {
        let mut work = world.work().await;
        let id = receive(
            &mut work,
            &arrived(&format!("{number}"), Some(to_amina(Class::Emergency).to)),
        )
        .await
        .unwrap()
        .unwrap();
        let inbound = load(work.conn(), id).await.unwrap().unwrap();
        let said = answer(&mut work, &inbound, UNKNOWN, to_amina(Class::Emergency));
        answers += usize::from(said.await.unwrap().is_some());
        work.commit().await.unwrap();
    }
    assert_eq!(answers, 20);
}

#[sqlx::test]
async fn names_are_never_answered(pool: PgPool) {
    let world = World::new(pool).await;
    for number in 0..3 {
        let mut work = world.work().await;
        receive(&mut work, &arrived(&format!("PROMO {number}"), None))
            .await
            .unwrap();
        work.commit().await.unwrap();
    }
    let tries = jobs::run_due(&world.pool, &world.clock, &answering(), world.pool.clone())
        .await
        .unwrap();
    assert_eq!((tries, world.drain().await), (0, 0));
}
