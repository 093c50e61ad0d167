use std::sync::Arc;

use sqlx::PgPool;
use tokio::sync::Barrier;
use uuid::Uuid;

use super::*;
use crate::work::Actor;

const QUARTER: TimeDelta = TimeDelta::minutes(15);

fn noon() -> DateTime<Utc> {
    "2026-11-20T09:00:00Z".parse().unwrap()
}

fn amina() -> Msisdn {
    Msisdn::parse("254711000001").unwrap()
}

async fn at(pool: &PgPool, after: TimeDelta) -> Work {
    Work::begin(pool, noon() + after, Actor::Caller)
        .await
        .unwrap()
}

async fn asked(pool: &PgPool, question: Question) {
    let mut work = at(pool, TimeDelta::zero()).await;
    ask(&mut work, &amina(), question, QUARTER).await.unwrap();
    work.commit().await.unwrap();
}

#[sqlx::test]
async fn the_latest_question_is_the_open_one(pool: PgPool) {
    asked(&pool, Question::HowMuch).await;
    let emergency = Uuid::from_u128(7);
    asked(&pool, Question::WhereAreYou { emergency }).await;
    let mut work = at(&pool, TimeDelta::seconds(1)).await;
    let wanted = Some(Question::WhereAreYou { emergency });
    assert_eq!(open(&mut work, &amina()).await.unwrap(), wanted);
    assert_eq!(take(&mut work, &amina()).await.unwrap(), wanted);
    assert_eq!(take(&mut work, &amina()).await.unwrap(), None);
    assert_eq!(open(&mut work, &amina()).await.unwrap(), None);
}

#[sqlx::test]
async fn a_question_of_another_phone_is_not_answered(pool: PgPool) {
    asked(&pool, Question::HowMuch).await;
    let juma = Msisdn::parse("254711000002").unwrap();
    let mut work = at(&pool, TimeDelta::zero()).await;
    assert_eq!(take(&mut work, &juma).await.unwrap(), None);
}

#[sqlx::test]
async fn a_question_expires_on_the_minute(pool: PgPool) {
    asked(&pool, Question::HowMuch).await;
    let almost = QUARTER - TimeDelta::milliseconds(1);
    let mut work = at(&pool, almost).await;
    assert_eq!(
        open(&mut work, &amina()).await.unwrap(),
        Some(Question::HowMuch)
    );
    drop(work);
    let mut work = at(&pool, QUARTER).await;
    assert_eq!(open(&mut work, &amina()).await.unwrap(), None);
    assert_eq!(take(&mut work, &amina()).await.unwrap(), None);
    let gone = forget_expired(work.conn(), noon() + QUARTER).await.unwrap();
    assert_eq!(gone, 0, "it expired this instant, not before");
    let later = noon() + QUARTER + TimeDelta::seconds(1);
    assert_eq!(forget_expired(work.conn(), later).await.unwrap(), 1);
}

#[sqlx::test]
async fn what_is_not_committed_was_not_answered(pool: PgPool) {
    asked(&pool, Question::HowMuch).await;
    let mut cut = at(&pool, TimeDelta::zero()).await;
    assert!(take(&mut cut, &amina()).await.unwrap().is_some());
    drop(cut);
    let mut work = at(&pool, TimeDelta::zero()).await;
    assert!(take(&mut work, &amina()).await.unwrap().is_some());
}

#[sqlx::test]
async fn of_many_answers_at_once_one_counts(pool: PgPool) {
    asked(&pool, Question::HowMuch).await;
    let together = Arc::new(Barrier::new(5));
    let answering: Vec<_> = (0..5)
        .map(|_| {
            let (pool, together) = (pool.clone(), together.clone());
            tokio::spawn(async move {
                let mut work = at(&pool, TimeDelta::seconds(1)).await;
                together.wait().await;
                let seen = open(&mut work, &amina()).await.unwrap();
                let taken = take(&mut work, &amina()).await.unwrap();
                assert_eq!(seen, taken);
                work.commit().await.unwrap();
                taken.is_some()
            })
        })
        .collect();
    let mut counted = 0;
    for answer in answering {
        counted += usize::from(answer.await.unwrap());
    }
    assert_eq!(counted, 1);
}

#[sqlx::test]
async fn a_question_of_another_release_was_never_asked(pool: PgPool) {
    sqlx::query(
        "insert into open_question values ($1, '{\"kind\": \"favourite_colour\"}', $2, $3)",
    )
    .bind(amina().digits())
    .bind(noon())
    .bind(noon() + QUARTER)
    .execute(&pool)
    .await
    .unwrap();
    let mut work = at(&pool, TimeDelta::zero()).await;
    assert_eq!(open(&mut work, &amina()).await.unwrap(), None);
    ask(&mut work, &amina(), Question::HowMuch, QUARTER)
        .await
        .unwrap();
    assert_eq!(
        take(&mut work, &amina()).await.unwrap(),
        Some(Question::HowMuch)
    );
}
