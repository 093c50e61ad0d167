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

#[sqlx::test]
async fn two_machines_do_not_talk_for_ever_and_names_are_never_answered(pool: PgPool) {
    let world = World::new(pool).await;
    let amina = to_amina(Class::Service).to;
    for number in 0..ANSWERS_PER_HOUR_MAX + 3 {
        let mut work = world.work().await;
        let id = format!("machine {number}");
        receive(&mut work, &arrived(&id, Some(amina.clone())))
            .await
            .unwrap();
        receive(&mut work, &arrived(&format!("PROMO {number}"), None))
            .await
            .unwrap();
        work.commit().await.unwrap();
    }
    let tries = jobs::run_due(&world.pool, &world.clock, &answering(), world.pool.clone())
        .await
        .unwrap();
    assert_eq!(tries as i64, ANSWERS_PER_HOUR_MAX + 3);
    assert_eq!(world.drain().await as i64, ANSWERS_PER_HOUR_MAX);
}
