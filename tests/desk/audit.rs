//! The book as the desk writes and reads it.

use kwastage::staff::Role;
use serde_json::json;
use sqlx::PgPool;

use super::world::World;

#[sqlx::test]
async fn a_deed_and_its_line_are_there_together_or_not_at_all(pool: PgPool) {
    let world = World::new(pool).await;
    let admin = world.person("boss", Role::Admin, None).await;
    let asked = json!({"code": "909", "name": "Globe Cinema", "zone": "CBD", "region": "Nairobi"});
    // The book cannot be written: then nothing else is.
    sqlx::query(
        "alter table audit_entry add constraint closed check (action <> 'stage.open') not valid",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    let refused = world.post(&admin, "/api/v1/stages", asked.clone()).await;
    assert_eq!((refused.status, refused.code()), (500, "fault"));
    world.get(&admin, "/api/v1/stages/909").await.is(404);
    sqlx::query("alter table audit_entry drop constraint closed")
        .execute(&world.pool)
        .await
        .unwrap();
    world.post(&admin, "/api/v1/stages", asked).await.is(201);

    let read = world
        .get(&admin, "/api/v1/audit-entries?action=stage.open")
        .await
        .is(200);
    let line = &read["data"][0];
    assert_eq!(line["actor"]["name"], "boss");
    assert_eq!(line["subject"], "stage:909");
    assert_eq!(line["address"], "10.0.0.1");
    assert_eq!(line["after"]["name"], "Globe Cinema");
    assert!(line["request"].is_string());
    assert_eq!(world.book_is_wrong().await, None);
    let head = world.get(&admin, "/api/v1/audit-head").await.is(200);
    assert!(head["head"].as_str().unwrap().starts_with("1:"));
}
