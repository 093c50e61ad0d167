//! Every route with every role: the router's own table says what there is, the table of roles who may.

use kwastage::api::{Access, Route, table};
use kwastage::staff::{Permission, Role};
use serde_json::json;
use sqlx::PgPool;

use super::world::{Answer, World, everybody};

/// What stands in the places of a path: things that are there, of Kencom.
async fn filled(world: &World, path: &str) -> String {
    let amina = world.member("254711000001").await;
    let path = path
        .replace(
            "/api-keys/{id}",
            "/api-keys/00000000-0000-7000-8000-000000000000",
        )
        .replace(
            "/sessions/{id}",
            "/sessions/00000000-0000-7000-8000-000000000000",
        )
        .replace(
            "/staff-accounts/{id}",
            "/staff-accounts/00000000-0000-7000-8000-000000000000",
        )
        .replace(
            "/payments/{id}",
            "/payments/00000000-0000-7000-8000-000000000000",
        )
        .replace("{id}", &amina)
        .replace("{member}", &amina)
        .replace("{code}", "101")
        .replace("{role}", "coordinator")
        .replace("{number}", "999999")
        .replace("{receipt}", "UK5B7K2M9P");
    assert!(
        !path.contains('{'),
        "the walk does not know how to fill {path}"
    );
    format!("/api/v1{path}")
}

async fn knocks(world: &World, route: &Route, who: Option<&super::world::Person>) -> Answer {
    let path = filled(world, &route.path).await;
    // An empty body: whoever is let through is told what is missing, and nothing is changed.
    let asking = world.request(route.method, &path);
    let asking = match route.method {
        "GET" => asking,
        _ => asking.json(json!({"nonsense": true})),
    };
    match who {
        Some(who) => asking.by(who).ask().await,
        None => asking.ask().await,
    }
}

#[test]
fn every_route_is_documented_and_every_permission_opens_something() {
    let table = table();
    assert!(table.len() >= 40, "{} routes", table.len());
    let mut seen = std::collections::BTreeSet::new();
    for route in &table {
        assert!(
            seen.insert((route.method, route.path.clone())),
            "{route:?} stands twice"
        );
    }
    for permission in Permission::ALL {
        let opens = table
            .iter()
            .any(|route| route.access.permission() == Some(permission));
        assert!(opens, "nothing takes {permission:?}");
    }
    // What moves money or changes settings asks for a fresh second factor.
    for (method, path) in [
        ("POST", "/suspense/{receipt}/allocation"),
        ("POST", "/members/{id}/thaw"),
        ("POST", "/stages"),
        ("POST", "/staff-accounts"),
        ("PATCH", "/staff-accounts/{id}"),
        ("POST", "/api-keys"),
    ] {
        let route = table
            .iter()
            .find(|route| route.method == method && route.path == path);
        let access = route.unwrap_or_else(|| panic!("{path} is gone")).access;
        assert!(matches!(access, Access::Fresh(_)), "{path}");
    }
}

#[sqlx::test]
async fn each_role_is_let_through_where_the_table_says_and_nowhere_else(pool: PgPool) {
    let world = World::new(pool).await;
    let everybody = everybody(&world).await;
    for route in table() {
        let nobody = knocks(&world, &route, None).await;
        match route.access {
            Access::Open => assert_ne!(nobody.code(), "not_signed_in", "{route:?}"),
            _ => assert_eq!(
                (nobody.status, nobody.code()),
                (401, "not_signed_in"),
                "{route:?}"
            ),
        }
        // It would end what the walk goes on with.
        if route.method == "DELETE" && route.path.starts_with("/sessions") {
            continue;
        }
        for role in Role::ALL {
            let answer = knocks(&world, &route, Some(&everybody[role.as_str()])).await;
            let may = route
                .access
                .permission()
                .is_none_or(|needed| role.may(needed));
            let refused = answer.code() == "not_allowed";
            assert_eq!(
                !refused, may,
                "{role:?} {route:?}: {} {}",
                answer.status, answer.body
            );
            assert_ne!(answer.code(), "not_signed_in", "{role:?} {route:?}");
            assert!(answer.status < 500, "{role:?} {route:?}: {}", answer.body);
        }
    }
}

/// A second factor of more than ten minutes ago opens none of the routes that ask for a fresh one, and all the others.
#[sqlx::test]
async fn an_old_second_factor_opens_no_money(pool: PgPool) {
    let world = World::new(pool).await;
    let boss = world.person("boss", Role::SuperAdmin, None).await;
    world.later(601);
    for route in table() {
        if route.path.starts_with("/sessions") {
            continue;
        }
        let answer = knocks(&world, &route, Some(&boss)).await;
        let asked = answer.code() == "second_factor_needed";
        assert_eq!(asked, matches!(route.access, Access::Fresh(_)), "{route:?}");
        if asked {
            let challenge = answer.headers["www-authenticate"].to_str().unwrap();
            assert!(challenge.contains("insufficient_user_authentication"));
        }
    }
    let code = boss.authenticator.code_at(world.clock.now()).unwrap();
    let shown = json!({"code": code.expose()});
    world
        .post(&boss, "/api/v1/sessions/current/second-factor", shown)
        .await
        .is(204);
    let answer = world.post(&boss, "/api/v1/stages", json!({})).await;
    assert_eq!(answer.code(), "invalid");
}

/// Officials and coordinators see their own stage: everything of another is answered like what does not exist.
#[sqlx::test]
async fn what_is_of_another_stage_does_not_exist(pool: PgPool) {
    let world = World::new(pool).await;
    let elsewhere: (uuid::Uuid, String) = sqlx::query_as(
        "select member.id, stage.code from member join stage on stage.id = stage_id where stage.code <> '101' limit 1",
    )
    .fetch_one(&world.pool)
    .await
    .unwrap();
    let amina = world.member("254711000001").await;
    for (member, stage) in [(amina.as_str(), 101), (&elsewhere.0.to_string(), 0)] {
        let code = if stage == 101 { "101" } else { &elsewhere.1 };
        raise_and_ask(&world, member, code).await;
    }
    for role in [Role::StageOfficial, Role::Coordinator] {
        let name = role.as_str().replace('_', "-");
        let person = world.person(&name, role, Some("101")).await;
        let boss = world
            .person(&format!("{name}-boss"), Role::SuperAdmin, None)
            .await;
        let ids: Vec<(uuid::Uuid, i64, uuid::Uuid)> = sqlx::query_as(
            "select member.id, serial, obligation.id from member join emergency on emergency.member_id = member.id
             join obligation on obligation.member_id = member.id order by member.id = $1 desc",
        )
        .bind(uuid::Uuid::parse_str(&amina).unwrap())
        .fetch_all(&world.pool)
        .await
        .unwrap();
        let (own, other) = (&ids[0], &ids[1]);
        let paths = |(member, case, payment): &(uuid::Uuid, i64, uuid::Uuid), stage: &str| {
            vec![
                (Permission::ReadMembers, format!("/members/{member}")),
                (Permission::ReadEmergencies, format!("/emergencies/{case}")),
                (Permission::ReadPayments, format!("/payments/{payment}")),
                (Permission::ReadStages, format!("/stages/{stage}")),
                (Permission::ReadStages, format!("/stages/{stage}/officers")),
                (Permission::ReadFunds, format!("/stages/{stage}/fund")),
            ]
        };
        for (permission, path) in paths(own, "101") {
            let expected = if role.may(permission) { 200 } else { 403 };
            let answer = world.get(&person, &format!("/api/v1{path}")).await;
            assert_eq!(answer.status, expected, "{role:?} {path}: {}", answer.body);
        }
        for (permission, path) in paths(other, &elsewhere.1) {
            let path = format!("/api/v1{path}");
            world.get(&boss, &path).await.is(200);
            let expected = if role.may(permission) { 404 } else { 403 };
            let answer = world.get(&person, &path).await;
            assert_eq!(answer.status, expected, "{role:?} {path}: {}", answer.body);
        }
        // Deeds as well, and lists hold nothing of the others.
        let phone = format!("/api/v1/members/{}/disclosures", elsewhere.0);
        let why = json!({"why": "to call them back"});
        world.post(&person, &phone, why).await.is(404);
        let note = format!("/api/v1/emergencies/{}/notes", other.1);
        world
            .post(&person, &note, json!({"words": "seen"}))
            .await
            .is(404);
        for list in ["members?limit=100", "emergencies", "stages"] {
            let listed = world.get(&person, &format!("/api/v1/{list}")).await.is(200);
            let listed = listed["data"].as_array().unwrap().clone();
            assert!(!listed.is_empty(), "{list}");
            for one in listed {
                let code = one["stage"]["code"].as_str().or(one["code"].as_str());
                assert_eq!(code, Some("101"), "{list}: {one}");
            }
        }
        let other = format!("/api/v1/members?stage={}", elsewhere.1);
        world.get(&person, &other).await.is(404);
    }
}

/// An alarm and a payment of a member.
async fn raise_and_ask(world: &World, member: &str, stage: &str) {
    sqlx::query(
        "insert into emergency (id, year, msisdn, member_id, stage_id, priority, silent, raised_at)
         select gen_random_uuid(), 2026, msisdn, id, stage_id, 'high', false, $2 from member where id = $1::uuid",
    )
    .bind(member)
    .bind(world.clock.now())
    .execute(&world.pool)
    .await
    .unwrap();
    sqlx::query(
        "insert into obligation (id, key, purpose, member_id, stage_id, amount_cents, payer, language, created_at)
         select gen_random_uuid(), 'test:' || $1, 'contribution', id, stage_id, 20000, msisdn, 'en', $2 from member where id = $1::uuid",
    )
    .bind(member)
    .bind(world.clock.now())
    .execute(&world.pool)
    .await
    .unwrap();
    let there: String = sqlx::query_scalar(
        "select code from stage where id = (select stage_id from member where id = $1::uuid)",
    )
    .bind(member)
    .fetch_one(&world.pool)
    .await
    .unwrap();
    assert_eq!(there, stage);
}

/// A key does what its scopes say, and never what asks for a person.
#[sqlx::test]
async fn a_key_is_let_through_where_its_scopes_say(pool: PgPool) {
    let world = World::new(pool).await;
    let boss = world.person("boss", Role::SuperAdmin, None).await;
    let asked = json!({"name": "reports", "scopes": ["read_members", "thaw_wallets"], "days": 30});
    let made = world.post(&boss, "/api/v1/api-keys", asked).await.is(201);
    let key = super::world::Person {
        access: made["secret"].as_str().unwrap().to_owned(),
        ..boss.clone()
    };
    for route in table() {
        let answer = knocks(&world, &route, Some(&key)).await;
        let expected = match route.access {
            Access::Open => continue,
            Access::SignedIn => "people_only",
            Access::Needs(Permission::ReadMembers) => "",
            Access::Fresh(Permission::ThawWallets) => "people_only",
            Access::Needs(_) | Access::Fresh(_) => "not_allowed",
        };
        assert_eq!(answer.code(), expected, "{route:?}: {}", answer.body);
    }
    let id = made["id"].as_str().unwrap();
    let path = format!("/api/v1/api-keys/{id}");
    world.request("DELETE", &path).by(&boss).ask().await.is(204);
    world.get(&key, "/api/v1/members").await.is(401);
}
