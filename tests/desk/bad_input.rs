//! What comes of bad input: a problem that says what is wrong, never a fault of ours, and nothing changed.

use kwastage::api::table;
use kwastage::staff::Role;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::world::World;

/// What the API could change.
async fn everything(pool: &PgPool) -> Vec<Option<String>> {
    let mut all = Vec::new();
    for table in [
        "member",
        "stage",
        "stage_role",
        "inflow",
        "emergency",
        "case_entry",
        "broadcast",
        "staff_account",
        "api_key",
        "audit_entry",
        "idempotent_request",
    ] {
        let text = format!("select string_agg(t::text, '|' order by t::text) from {table} t");
        all.push(
            sqlx::query_scalar(sqlx::AssertSqlSafe(text))
                .fetch_one(pool)
                .await
                .unwrap(),
        );
    }
    all
}

/// Every route that takes a body gets every bad body.
#[sqlx::test]
async fn no_bad_body_is_a_fault_or_changes_anything(pool: PgPool) {
    let world = World::new(pool).await;
    let boss = world.person("boss", Role::SuperAdmin, None).await;
    let amina = world.member("254711000001").await;
    let before = everything(&world.pool).await;
    let long = format!("{{\"reason\": \"{}\"}}", "a".repeat(70_000));
    let deep = "[".repeat(20_000);
    let bodies: [(&str, &[u8], u16); 12] = [
        ("application/json", b"", 400),
        ("application/json", b"{", 400),
        ("application/json", b"\xff\xfe", 400),
        ("application/json", b"null", 422),
        ("application/json", b"[]", 422),
        ("application/json", b"\"text\"", 422),
        ("application/json", b"{\"nonsense\": 1}", 422),
        ("application/json", deep.as_bytes(), 400),
        ("application/json", long.as_bytes(), 413),
        ("text/plain", b"{}", 415),
        ("application/x-www-form-urlencoded", b"a=b", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
    ];
    for route in table() {
        if route.method == "GET" || route.method == "DELETE" {
            continue;
        }
        // An invitation takes no body.
        if route.path.ends_with("/invitations") {
            continue;
        }
        let path = route
            .path
            .replace("{id}", &amina)
            .replace("{code}", "101")
            .replace("{number}", "42");
        let path = format!("/api/v1{}", path.replace("{receipt}", "UK5B7K2M9P"));
        for (kind, body, status) in bodies {
            let answer = world
                .request(route.method, &path)
                .by(&boss)
                .header("idempotency-key", "a-key-of-our-own")
                .header("if-match", "\"1\"")
                .raw(kind, body.to_vec())
                .ask()
                .await;
            let is_close = answer.status == status || (answer.status == 422 && status == 400);
            assert!(
                is_close,
                "{} {path} {kind} {status}: {} {}",
                route.method, answer.status, answer.body
            );
            assert_eq!(answer.headers["content-type"], "application/problem+json");
            assert_eq!(answer.body["status"], answer.status);
        }
    }
    assert_eq!(everything(&world.pool).await, before);
}

#[sqlx::test]
async fn fields_that_will_not_do_are_named(pool: PgPool) {
    let world = World::new(pool).await;
    let boss = world.person("boss", Role::SuperAdmin, None).await;
    let amina = world.member("254711000001").await;
    let stage = |field: &str, value: Value| {
        let mut body = json!({"code": "909", "name": "Odeon", "zone": "CBD", "region": "Nairobi"});
        body[field] = value;
        body
    };
    let approval = format!("/members/{amina}/approval");
    let refusal = format!("/members/{amina}/refusal");
    for (path, body, field) in [
        ("/stages", stage("code", json!("12")), "code"),
        ("/stages", stage("code", json!(101)), "code"),
        ("/stages", stage("name", json!("x")), "name"),
        ("/stages", stage("name", json!("a\u{0}b")), "name"),
        ("/stages", stage("region", json!("x".repeat(25))), "region"),
        (
            "/stages",
            stage("contribution", json!({"weekly": 0, "from": "2026-12-07"})),
            "contribution.weekly",
        ),
        (
            "/stages",
            stage("contribution", json!({"weekly": 100, "from": "1999-12-31"})),
            "contribution.from",
        ),
        (
            "/stages",
            stage("contribution", json!({"weekly": 1.5, "from": "2026-12-07"})),
            "contribution.weekly",
        ),
        (
            "/stages",
            stage("contribution", json!({"weekly": 100, "from": "7/12/2026"})),
            "contribution.from",
        ),
        // Mass assignment: what is not asked for is refused, not ignored.
        ("/stages", stage("id", json!(7)), "id"),
        (
            &approval,
            json!({"without_fee": true, "status": "active"}),
            "status",
        ),
        (&approval, json!({"without_fee": "yes"}), "without_fee"),
        (&refusal, json!({"reason": ""}), "reason"),
        (&refusal, json!({"reason": "x".repeat(121)}), "reason"),
        (&refusal, json!({}), "."),
        (
            "/staff-accounts",
            json!({"name": "Boss Baby", "role": "viewer"}),
            "name",
        ),
        (
            "/staff-accounts",
            json!({"name": "baby", "role": "owner"}),
            "role",
        ),
        (
            "/staff-accounts",
            json!({"name": "baby", "role": "coordinator"}),
            "stage",
        ),
        (
            "/staff-accounts",
            json!({"name": "baby", "role": "viewer", "stage": "101"}),
            "stage",
        ),
        (
            "/staff-accounts",
            json!({"name": "baby", "role": "coordinator", "stage": "99999"}),
            "stage",
        ),
        (
            "/api-keys",
            json!({"name": "k", "scopes": ["read_members"], "days": 1}),
            "name",
        ),
        (
            "/api-keys",
            json!({"name": "key", "scopes": ["manage_staff"], "days": 1}),
            "scopes",
        ),
        (
            "/api-keys",
            json!({"name": "key", "scopes": [], "days": 1}),
            "scopes",
        ),
        (
            "/api-keys",
            json!({"name": "key", "scopes": ["read_members"], "days": 0}),
            "days",
        ),
        (
            "/broadcasts/previews",
            json!({"to": {"stage": "x"}, "words": "Meeting on Saturday"}),
            "to.stage",
        ),
        (
            "/broadcasts/previews",
            json!({"to": "everyone", "words": "x"}),
            "words",
        ),
    ] {
        let answer = world
            .post(&boss, &format!("/api/v1{path}"), body.clone())
            .await;
        assert_eq!(
            (answer.status, answer.code()),
            (422, "invalid"),
            "{path} {body}: {}",
            answer.body
        );
        assert_eq!(answer.field(), field, "{path} {body}: {}", answer.body);
        assert!(
            !answer.body["errors"][0]["message"]
                .as_str()
                .unwrap()
                .is_empty()
        );
    }
    // One mistake does not hide the next.
    let answer = world
        .post(
            &boss,
            "/api/v1/stages",
            json!({"code": "1", "name": "", "zone": "", "region": ""}),
        )
        .await;
    assert_eq!(answer.body["errors"].as_array().unwrap().len(), 4);
}

#[sqlx::test]
async fn queries_and_paths_that_will_not_do(pool: PgPool) {
    let world = World::new(pool).await;
    let boss = world.person("boss", Role::SuperAdmin, None).await;
    for (path, status, field) in [
        ("/members?limit=0", 422, "limit"),
        ("/members?limit=101", 422, "limit"),
        ("/members?limit=-1", 422, "query"),
        ("/members?limit=x", 422, "query"),
        ("/members?cursor=x", 422, "cursor"),
        ("/members?cursor=eyJhIjoxfQ", 422, "cursor"),
        ("/members?status=owner", 422, "status"),
        ("/members?stage=x", 422, "stage"),
        ("/members?sort=name", 422, "query"),
        ("/members?search=%00", 422, "search"),
        ("/payments?state=lost", 422, "state"),
        ("/payments?member=7", 422, "query"),
        ("/audit-entries?cursor=MTIz.", 422, "cursor"),
        ("/members/7", 404, ""),
        ("/members/%00", 404, ""),
        ("/members/..%2f..%2fetc", 404, ""),
        ("/stages/%27%20or%201=1", 404, ""),
        ("/emergencies/-1", 404, ""),
        ("/emergencies/99999999999999999999", 404, ""),
        ("/emergencies/x", 404, ""),
        ("/nothing", 404, ""),
        ("/members/", 404, ""),
    ] {
        let answer = world.get(&boss, &format!("/api/v1{path}")).await;
        assert_eq!(
            (answer.status, answer.field()),
            (status, field),
            "{path}: {}",
            answer.body
        );
        assert_eq!(
            answer.headers["content-type"], "application/problem+json",
            "{path}"
        );
    }
    let answer = world
        .request("PUT", "/api/v1/members")
        .by(&boss)
        .ask()
        .await;
    assert_eq!((answer.status, answer.code()), (405, "no_such_method"));
}

#[sqlx::test]
async fn tokens_that_are_nobodys(pool: PgPool) {
    let world = World::new(pool).await;
    let boss = world.person("boss", Role::SuperAdmin, None).await;
    let (head, rest) = boss.access.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    // {"alg":"none","typ":"at+jwt"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0";
    let mut bent = signature.to_owned();
    bent.replace_range(0..1, if signature.starts_with('A') { "B" } else { "A" });
    for header in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer x".to_owned(),
        format!("Basic {}", boss.access),
        boss.access.clone(),
        format!("Bearer {head}.{claims}"),
        format!("Bearer {head}.{claims}."),
        format!("Bearer {head}.{claims}.{bent}"),
        format!("Bearer {none}.{claims}."),
        format!("Bearer {none}.{claims}.{signature}"),
        format!("Bearer {}", boss.refresh),
        format!("Bearer kwk_{}", "A".repeat(43)),
        format!("Bearer {}", "A".repeat(5000)),
    ] {
        let asking = world
            .request("GET", "/api/v1/stages")
            .header("authorization", &header);
        let answer = asking.ask().await;
        assert_eq!(
            (answer.status, answer.code()),
            (401, "token_does_not_hold"),
            "{header}"
        );
    }
    let good = format!("bearer {}", boss.access);
    let asking = world
        .request("GET", "/api/v1/stages")
        .header("authorization", &good);
    asking.ask().await.is(200);
}

#[sqlx::test]
async fn one_request_too_many(pool: PgPool) {
    let limits = [
        ("API__ANONYMOUS_PER_HOUR", "3"),
        ("API__SIGNED_IN_PER_HOUR", "5"),
    ];
    let world = World::with(pool, &limits).await;
    let boss = world.person("boss", Role::SuperAdmin, None).await;
    for left in ["4", "3", "2", "1", "0"] {
        let answer = world.get(&boss, "/api/v1/stages").await;
        assert_eq!(answer.headers["ratelimit-limit"], "5");
        assert_eq!(answer.headers["ratelimit-remaining"], left);
        answer.is(200);
    }
    let answer = world.get(&boss, "/api/v1/stages").await;
    assert_eq!((answer.status, answer.code()), (429, "too_many_requests"));
    assert!(answer.headers.contains_key("retry-after"));
    // Nobody's limit is another's: one for each account, one for each address.
    let other = world.person("other", Role::Viewer, None).await;
    world.get(&other, "/api/v1/stages").await.is(200);
    for expected in [401, 401, 401, 429] {
        let answer = world.request("GET", "/api/v1/stages").ask().await;
        answer.is(expected);
    }
    world.get(&other, "/api/v1/stages").await.is(200);
}

#[sqlx::test]
async fn every_answer_carries_safe_headers(pool: PgPool) {
    let world = World::new(pool).await;
    for (path, status) in [
        ("/api/v1/stages", 401),
        ("/api/v1/nothing", 404),
        ("/openapi.json", 200),
        ("/api/v1/openapi.json", 200),
        ("/docs", 200),
        ("/docs/page.js", 200),
        ("/docs/page.css", 200),
    ] {
        let answer = world
            .request("GET", path)
            .header("origin", "https://elsewhere.example")
            .ask()
            .await;
        assert_eq!(answer.status, status, "{path}");
        for header in [
            "x-content-type-options",
            "content-security-policy",
            "referrer-policy",
            "strict-transport-security",
            "x-request-id",
        ] {
            assert!(answer.headers.contains_key(header), "{path} {header}");
        }
        assert!(
            !answer.headers.contains_key("access-control-allow-origin"),
            "{path}"
        );
    }
}
