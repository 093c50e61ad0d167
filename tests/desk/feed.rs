//! The live feed.

use std::time::Duration;

use axum::body::BodyDataStream;
use kwastage::staff::Role;
use sqlx::PgPool;
use tokio_stream::StreamExt;
use uuid::Uuid;

use super::world::World;

const PATIENCE: Duration = Duration::from_secs(30);

/// The next event's name, id and data.
async fn next(feed: &mut BodyDataStream) -> (String, String, String) {
    let read = async {
        let mut text = String::new();
        loop {
            let bytes = feed.next().await.expect("the feed goes on").unwrap();
            text.push_str(std::str::from_utf8(&bytes).unwrap());
            if text.contains("data:") && text.ends_with("\n\n") {
                return text;
            }
        }
    };
    let text = tokio::time::timeout(PATIENCE, read)
        .await
        .expect("news in time");
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    (of("event:"), of("id:"), of("data:"))
}

async fn happens(world: &World, name: &str, subject: Uuid) {
    sqlx::query(
        "insert into event (at, name, subject, actor, body) values ($1, $2, $3, '{}', '{}')",
    )
    .bind(world.clock.now())
    .bind(name)
    .bind(subject)
    .execute(&world.pool)
    .await
    .unwrap();
}

async fn alarm(world: &World, stage: &str) -> Uuid {
    sqlx::query_scalar(
        "insert into emergency (id, year, msisdn, member_id, stage_id, priority, silent, raised_at)
         select gen_random_uuid(), 2026, msisdn, member.id, stage_id, 'high', false, $2
         from member join stage on stage.id = stage_id where code = $1 limit 1 returning id",
    )
    .bind(stage)
    .bind(world.clock.now())
    .fetch_one(&world.pool)
    .await
    .unwrap()
}

#[sqlx::test]
async fn news_come_in_order_to_whom_they_concern_and_nothing_is_missed(pool: PgPool) {
    let world = World::new(pool).await;
    let elsewhere: String = sqlx::query_scalar(
        "select code from stage join member on stage_id = stage.id where code <> '101' limit 1",
    )
    .fetch_one(&world.pool)
    .await
    .unwrap();
    let (here, there) = (alarm(&world, "101").await, alarm(&world, &elsewhere).await);
    let boss = world.person("boss", Role::Admin, None).await;
    let coordinator = world
        .person("odhiambo", Role::Coordinator, Some("101"))
        .await;

    let mut all = world.request("GET", "/api/v1/feed").by(&boss).open().await;
    let mut own = world
        .request("GET", "/api/v1/feed")
        .by(&coordinator)
        .open()
        .await;
    happens(&world, "emergency.raised", there).await;
    happens(&world, "payment.requested", Uuid::new_v4()).await;
    happens(&world, "member.joined", Uuid::new_v4()).await;
    happens(&world, "emergency.raised", here).await;

    let (name, first, data) = next(&mut all).await;
    assert_eq!(name, "emergency.raised");
    assert!(data.contains(&there.to_string()), "{data}");
    // The coordinator's first news is of their own stage.
    let (name, _, data) = next(&mut own).await;
    assert_eq!(name, "emergency.raised");
    assert!(data.contains(&here.to_string()), "{data}");

    // A client that lost the line goes on from where it was.
    drop(all);
    let asking = world.request("GET", "/api/v1/feed").by(&boss);
    let mut all = asking.header("last-event-id", &first).open().await;
    let (name, _, _) = next(&mut all).await;
    assert_eq!(name, "payment.requested");
    let (name, _, data) = next(&mut all).await;
    assert_eq!(name, "emergency.raised");
    assert!(data.contains(&here.to_string()), "{data}");
}

#[sqlx::test]
async fn whoever_is_shown_out_hears_no_more(pool: PgPool) {
    let world = World::new(pool).await;
    let boss = world.person("boss", Role::Admin, None).await;
    let mut feed = world.request("GET", "/api/v1/feed").by(&boss).open().await;
    world
        .request("DELETE", "/api/v1/sessions")
        .by(&boss)
        .ask()
        .await
        .is(204);
    let ended = async { while feed.next().await.is_some() {} };
    tokio::time::timeout(PATIENCE, ended)
        .await
        .expect("the feed ends");
}

#[sqlx::test]
async fn only_so_many_feeds_are_open(pool: PgPool) {
    let world = World::with(pool, &[("API__FEEDS", "0")]).await;
    let boss = world.person("boss", Role::Admin, None).await;
    let answer = world.get(&boss, "/api/v1/feed").await;
    assert_eq!((answer.status, answer.code()), (503, "feeds_full"));
    let asking = world.request("GET", "/api/v1/feed").by(&boss);
    let answer = asking.header("last-event-id", "yesterday").ask().await;
    assert_eq!((answer.status, answer.field()), (422, "last-event-id"));
}
