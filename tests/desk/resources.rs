//! What can be done at the desk, and that it is what the phones see.

use kwastage::staff::Role;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::world::{Person, World};

/// The one who is nobody yet asks to join.
async fn applicant(world: &World) -> String {
    sqlx::query(
        "insert into member (id, joining_key, msisdn, language, first_name, last_name, national_id_sealed, national_id_index,
                             stage_id, status, joined_at, fee_paid_at, fee_payment)
         select gen_random_uuid(), 'test:1', '254711000009', 'sw', 'Zawadi', 'Zuma', decode(repeat('00', 40), 'hex'),
                sha256('x'), id, 'pending', $1, $1, gen_random_uuid() from stage where code = '101'",
    )
    .bind(world.clock.now())
    .execute(&world.pool)
    .await
    .unwrap();
    world.member("254711000009").await
}

#[sqlx::test]
async fn an_applicant_is_found_approved_and_welcomed(pool: PgPool) {
    let world = World::new(pool).await;
    let staff = world.person("wanjiku", Role::Staff, None).await;
    let id = applicant(&world).await;
    for search in [
        "status=pending",
        "search=zawadi",
        "search=Zaw%20Zu",
        "search=0711000009",
        "search=+254711000009",
    ] {
        let search = search.replace('+', "%2B");
        let found = world
            .get(&staff, &format!("/api/v1/members?{search}"))
            .await
            .is(200);
        assert_eq!(found["data"][0]["id"], id, "{search}: {found}");
        assert_eq!(found["data"].as_array().unwrap().len(), 1, "{search}");
    }
    let path = format!("/api/v1/members/{id}");
    let shown = world.get(&staff, &path).await.is(200);
    assert_eq!(shown["phone"], "2547•••009");
    assert_eq!(shown["stage"]["name"], "Kencom");
    let approved = world
        .post(&staff, &format!("{path}/approval"), json!({}))
        .await
        .is(200);
    assert_eq!(approved["status"], "active");
    let again = world
        .post(&staff, &format!("{path}/approval"), json!({}))
        .await;
    assert_eq!((again.status, again.code()), (409, "not_pending"));
    let told: i64 = sqlx::query_scalar("select count(*) from outbox where msisdn = '254711000009' and template = 'member.approved'")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(told, 1);
    let phone = world
        .post(
            &staff,
            &format!("{path}/disclosures"),
            json!({"why": "to call them"}),
        )
        .await;
    assert_eq!(phone.is(200)["phone"], "+254711000009");
    assert_eq!(world.actions().await, ["member.approve", "member.disclose"]);
}

#[sqlx::test]
async fn an_applicant_is_refused_with_a_reason(pool: PgPool) {
    let world = World::new(pool).await;
    let staff = world.person("wanjiku", Role::Staff, None).await;
    let id = applicant(&world).await;
    let path = format!("/api/v1/members/{id}/refusal");
    let refused = world
        .post(&staff, &path, json!({"reason": "the id does not match"}))
        .await
        .is(200);
    assert_eq!(
        (&refused["status"], &refused["reason"]),
        (&json!("refused"), &json!("the id does not match"))
    );
}

#[sqlx::test]
async fn lists_turn_their_pages(pool: PgPool) {
    let world = World::new(pool).await;
    let staff = world.person("wanjiku", Role::Staff, None).await;
    let all: i64 = sqlx::query_scalar("select count(*) from member")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    let (mut path, mut seen) = (
        "/api/v1/members?limit=7".to_owned(),
        std::collections::BTreeSet::new(),
    );
    loop {
        let page = world.get(&staff, &path).await.is(200);
        for member in page["data"].as_array().unwrap() {
            assert!(
                seen.insert(member["id"].as_str().unwrap().to_owned()),
                "twice"
            );
        }
        match page["next"].as_str() {
            Some(cursor) => path = format!("/api/v1/members?limit=7&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(i64::try_from(seen.len()).unwrap(), all);
}

async fn allocates(
    world: &World,
    who: &Person,
    receipt: &str,
    key: &str,
    body: Value,
) -> super::world::Answer {
    let path = format!("/api/v1/suspense/{receipt}/allocation");
    let asking = world
        .request("POST", &path)
        .by(who)
        .header("idempotency-key", key);
    asking.json(body).ask().await
}

#[sqlx::test]
async fn money_in_suspense_is_given_once_however_often_it_is_asked(pool: PgPool) {
    let world = World::new(pool).await;
    let finance = world.person("akinyi", Role::Finance, None).await;
    world.in_suspense("UK5B7K2M9P", 20_000).await;
    let (amina, juma) = (
        world.member("254711000001").await,
        world.member("254711000002").await,
    );
    let waiting = world.get(&finance, "/api/v1/suspense").await.is(200);
    assert_eq!(waiting["data"][0]["receipt"], "UK5B7K2M9P");
    assert_eq!(waiting["data"][0]["amount"], "200.00");

    let to = |member: &str| json!({"member": member, "into": "fund"});
    let path = "/api/v1/suspense/UK5B7K2M9P/allocation";
    let keyless = world.post(&finance, path, to(&amina)).await;
    assert_eq!(
        (keyless.status, keyless.code()),
        (400, "idempotency_key_needed")
    );

    let (one, other) = tokio::join!(
        allocates(&world, &finance, "UK5B7K2M9P", "key-number-1", to(&amina)),
        allocates(&world, &finance, "UK5B7K2M9P", "key-number-1", to(&amina)),
    );
    // The twin waited, or was told to come again because it waited too long.
    for answer in [&one, &other] {
        assert!([200, 503].contains(&answer.status), "{}", answer.body);
    }
    let again = allocates(&world, &finance, "UK5B7K2M9P", "key-number-1", to(&amina))
        .await
        .is(200);
    assert_eq!(again["amount"], "200.00");
    let reused = allocates(&world, &finance, "UK5B7K2M9P", "key-number-1", to(&juma)).await;
    assert_eq!(
        (reused.status, reused.code()),
        (409, "idempotency_key_reused")
    );
    let gone = allocates(&world, &finance, "UK5B7K2M9P", "key-number-2", to(&amina)).await;
    assert_eq!((gone.status, gone.code()), (404, "not_found"));

    let given: i64 = sqlx::query_scalar(
        "select count(*) from contribution where provider_receipt = 'UK5B7K2M9P'",
    )
    .fetch_one(&world.pool)
    .await
    .unwrap();
    assert_eq!(given, 1);
    assert_eq!(world.actions().await, ["suspense.allocate"]);
    let fund = world.get(&finance, "/api/v1/stages/101/fund").await.is(200);
    assert_eq!(fund["last"][0]["amount"], "200.00");
    let balances = world.get(&finance, "/api/v1/ledger/balances").await.is(200);
    let suspense = balances["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["account"] == "suspense");
    assert_eq!(suspense.unwrap()["balance"], "0.00");
}

#[sqlx::test]
async fn a_refused_request_keeps_its_key(pool: PgPool) {
    let world = World::new(pool).await;
    let finance = world.person("akinyi", Role::Finance, None).await;
    let amina = world.member("254711000001").await;
    let body = json!({"member": amina, "into": "wallet"});
    allocates(&world, &finance, "UK5B7K2M9P", "key-number-1", body.clone())
        .await
        .is(404);
    world.in_suspense("UK5B7K2M9P", 5_000).await;
    allocates(&world, &finance, "UK5B7K2M9P", "key-number-1", body)
        .await
        .is(200);
}

#[sqlx::test]
async fn a_stage_is_opened_and_served(pool: PgPool) {
    let world = World::new(pool).await;
    let admin = world.person("boss", Role::Admin, None).await;
    let asked = json!({"code": "909", "name": "Globe Cinema", "zone": "CBD", "region": "Nairobi",
                       "contribution": {"weekly": 100, "from": "2026-12-07"}});
    world
        .post(&admin, "/api/v1/stages", asked.clone())
        .await
        .is(201);
    let mut other = asked.clone();
    other["name"] = json!("Hilton Corner");
    let taken = world.post(&admin, "/api/v1/stages", other).await;
    assert_eq!((taken.status, taken.code()), (409, "code_taken"));
    let again = world.post(&admin, "/api/v1/stages", asked.clone()).await;
    assert_eq!((again.status, again.code()), (409, "already_open"));
    let mut same = asked.clone();
    same["code"] = json!("910");
    let taken = world.post(&admin, "/api/v1/stages", same).await;
    assert_eq!((taken.status, taken.code()), (409, "name_taken"));
    let amina = world.member("254711000001").await;
    let appointment = json!({"member": amina, "role": "coordinator"});
    world
        .post(&admin, "/api/v1/stages/909/officers", appointment)
        .await
        .is(204);
    let there = world
        .get(&admin, "/api/v1/stages/909/officers")
        .await
        .is(200);
    assert_eq!(there["data"][0]["first_name"], "Amina");
    let path = format!("/api/v1/stages/909/officers/coordinator/{amina}");
    world
        .request("DELETE", &path)
        .by(&admin)
        .ask()
        .await
        .is(204);
    world
        .request("DELETE", &path)
        .by(&admin)
        .ask()
        .await
        .is(404);
    assert_eq!(
        world.actions().await,
        ["stage.open", "stage.appoint", "stage.dismiss"]
    );
}

#[sqlx::test]
async fn an_alarm_is_followed_and_closed(pool: PgPool) {
    let world = World::new(pool).await;
    let staff = world.person("wanjiku", Role::Staff, None).await;
    sqlx::query(
        "insert into emergency (id, year, msisdn, member_id, stage_id, priority, silent, raised_at)
         select gen_random_uuid(), 2026, msisdn, id, stage_id, 'high', false, $1 from member where msisdn = '254711000001'",
    )
    .bind(world.clock.now())
    .execute(&world.pool)
    .await
    .unwrap();
    let board = world.get(&staff, "/api/v1/emergencies").await.is(200);
    let case = &board["data"][0];
    assert_eq!(
        (&case["state"], &case["reporter"]),
        (&json!("reported"), &json!("Amina"))
    );
    let path = format!("/api/v1/emergencies/{}", case["number"]);
    world
        .post(
            &staff,
            &format!("{path}/notes"),
            json!({"words": "ambulance called"}),
        )
        .await
        .is(201);
    let why = json!({"why": "the rider is home"});
    let closed = world
        .post(&staff, &format!("{path}/closure"), why.clone())
        .await
        .is(200);
    assert_eq!(closed["case"]["state"], "closed");
    let said = closed["timeline"].as_array().unwrap();
    assert!(
        said.iter()
            .any(|line| line["said"] == "wanjiku: ambulance called")
    );
    let again = world.post(&staff, &format!("{path}/closure"), why).await;
    assert_eq!((again.status, again.code()), (409, "not_open"));
    assert_eq!(world.actions().await, ["emergency.note", "emergency.close"]);
}

#[sqlx::test]
async fn a_broadcast_is_previewed_and_sent_once(pool: PgPool) {
    let world = World::new(pool).await;
    let staff = world.person("wanjiku", Role::Staff, None).await;
    let body = json!({"to": {"stage": "101"}, "words": "Meeting at Kencom on Saturday at 10."});
    let preview = world
        .post(&staff, "/api/v1/broadcasts/previews", body.clone())
        .await
        .is(200);
    let recipients = preview["recipients"].as_u64().unwrap();
    assert!(recipients > 0);
    assert_eq!(world.actions().await, Vec::<String>::new());
    let sends = async || {
        let asking = world.request("POST", "/api/v1/broadcasts").by(&staff);
        asking
            .header("idempotency-key", "saturday-meeting")
            .json(body.clone())
            .ask()
            .await
            .is(201)
    };
    let (first, second) = (sends().await, sends().await);
    assert_eq!(first["recipients"], recipients);
    assert_eq!(first, second);
    assert_eq!(world.actions().await, ["broadcast.send"]);
}

#[sqlx::test]
async fn an_account_is_changed_by_who_has_read_it_last(pool: PgPool) {
    let world = World::new(pool).await;
    let admin = world.person("boss", Role::Admin, None).await;
    let person = world.person("wanjiku", Role::Staff, None).await;
    let accounts = world.get(&admin, "/api/v1/staff-accounts").await.is(200);
    let id = accounts["data"][1]["id"].as_str().unwrap();
    let path = format!("/api/v1/staff-accounts/{id}");
    let shown = world.get(&admin, &path).await;
    let etag = shown.headers["etag"].to_str().unwrap().to_owned();
    let changes = async |etag: Option<&str>, body: Value| {
        let asking = world.request("PATCH", &path).by(&admin);
        let asking = match etag {
            Some(etag) => asking.header("if-match", etag),
            None => asking,
        };
        asking.json(body).ask().await
    };
    let viewer = json!({"role": "viewer"});
    assert_eq!(
        changes(None, viewer.clone()).await.code(),
        "if_match_needed"
    );
    changes(Some(&etag), viewer.clone()).await.is(200);
    let stale = changes(Some(&etag), json!({"enabled": false})).await;
    assert_eq!((stale.status, stale.code()), (412, "stale"));
    let upward = world.get(&admin, &path).await;
    let etag = upward.headers["etag"].to_str().unwrap().to_owned();
    let upward = changes(Some(&etag), json!({"role": "admin"})).await;
    assert_eq!((upward.status, upward.code()), (403, "not_yours_to_give"));
    // At once, although the token is good for a while.
    let id = world.member("254711000001").await;
    let approval = world
        .post(
            &person,
            &format!("/api/v1/members/{id}/approval"),
            json!({}),
        )
        .await;
    assert_eq!((approval.status, approval.code()), (403, "not_allowed"));
    let invited = world
        .post(&admin, &format!("{path}/invitations"), json!({}))
        .await
        .is(201);
    assert_eq!(invited["account"]["state"], "invited");
    world.get(&person, "/api/v1/me").await.is(401);
    // Nobody shows themselves out by mistake.
    let own = world.get(&admin, "/api/v1/me").await.is(200);
    let own = format!(
        "/api/v1/staff-accounts/{}/invitations",
        own["id"].as_str().unwrap()
    );
    let own = world.post(&admin, &own, json!({})).await;
    assert_eq!((own.status, own.code()), (409, "own_account"));
}

#[sqlx::test]
async fn the_dashboard_counts(pool: PgPool) {
    let world = World::new(pool).await;
    let viewer = world.person("wanjiku", Role::Viewer, None).await;
    applicant(&world).await;
    world.in_suspense("UK5B7K2M9P", 20_000).await;
    let shown = world.get(&viewer, "/api/v1/dashboard").await.is(200);
    assert_eq!(shown["members"]["pending"], 1);
    assert_eq!(
        shown["suspense"],
        json!({"payments": 1, "amount": "200.00"})
    );
    assert_eq!(shown["emergencies"], json!({"open": 0, "unanswered": 0}));
}
