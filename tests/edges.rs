//! The one way in: what holds for every webhook of the real router, whoever's it is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::Request;
use chrono::{DateTime, TimeDelta, Utc};
use kwastage::app::App;
use kwastage::clock::Clock;
use kwastage::config::Config;
use kwastage::conversation::store::{Lifetimes, MemoryStore, SessionStore};
use kwastage::redis_connection::RedisConnection;
use kwastage::{forgetting, serve};
use sqlx::PgPool;
use tower::ServiceExt;

const WEBHOOKS: [&str; 10] = [
    "/at/{key}/ussd",
    "/at/{key}/ussd/end",
    "/at/{key}/sms",
    "/at/{key}/sms/report",
    "/at/{key}/sms/opt-out",
    "/pay/{key}/stk/9f2c41d07be84a3d8c55e0a1b6f7d203",
    "/pay/{key}/out/9f2c41d07be84a3d8c55e0a1b6f7d203/result",
    "/pay/{key}/out/9f2c41d07be84a3d8c55e0a1b6f7d203/late",
    "/pay/{key}/c2b/validation",
    "/pay/{key}/c2b/confirmation",
];

/// The house with its shipped configuration and these variables, on this database, without Redis.
async fn app(pool: PgPool, variables: &[(&str, &str)]) -> App {
    let variables = variables
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()));
    let config = Config::read(None, variables.collect::<Vec<_>>()).unwrap();
    let redis = RedisConnection::open("redis://127.0.0.1:1", false)
        .await
        .unwrap();
    let clock = Clock::frozen_at("2026-11-20T06:00:00Z".parse().unwrap());
    let sessions = SessionStore::Memory(MemoryStore::new(
        clock.clone(),
        Lifetimes {
            session: Duration::from_secs(300),
            resume: Duration::from_secs(600),
        },
    ));
    App::assemble(Arc::new(config), clock, pool, redis, sessions).unwrap()
}

async fn knock(router: &Router, path: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
    let request = Request::post(path).body(Body::from(body)).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), 100_000).await.unwrap();
    (status, body.to_vec())
}

#[sqlx::test]
async fn with_a_wrong_key_there_is_nothing_behind_any_webhook(pool: PgPool) {
    let keys = [("KWASTAGE_HTTP__WEBHOOK_KEYS", "new,old")];
    let router = serve::router(app(pool.clone(), &keys).await);
    let body = b"id=1&text=hi&from=%2B254711000001";
    for webhook in WEBHOOKS {
        for key in [
            "demo", "ne", "new1", "NEW", "%00", "%FF", "..", "", "new,old",
        ] {
            let path = webhook.replace("{key}", key);
            let too_long = vec![b'a'; 70_000];
            for body in [body.to_vec(), too_long] {
                let answer = knock(&router, &path, body).await;
                assert_eq!(answer, (404, vec![]), "{path}");
            }
        }
    }
    let kept: i64 = sqlx::query_scalar(
        "select (select count(*) from inbox) + (select count(*) from evidence) + (select count(*) from delivery_report)",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(kept, 0);
}

#[sqlx::test]
async fn any_of_our_keys_opens_every_webhook(pool: PgPool) {
    let keys = [("KWASTAGE_HTTP__WEBHOOK_KEYS", "new,old")];
    let router = serve::router(app(pool, &keys).await);
    for webhook in WEBHOOKS {
        // The token of a payment is a second secret behind the key.
        let status = if webhook.contains("/stk/") || webhook.contains("/out/") {
            404
        } else {
            200
        };
        for key in ["new", "old"] {
            let path = webhook.replace("{key}", key);
            assert_eq!(knock(&router, &path, vec![]).await.0, status, "{path}");
            let elsewhere = knock(&router, &format!("{path}/x"), vec![]).await;
            assert_eq!(elsewhere.0, 404, "{path}/x");
        }
    }
}

const CONFIRMATION: &str = r#"{"TransactionType":"Pay Bill","TransID":"UK5B7K2M9P","TransTime":"20261105150114","TransAmount":"200.00","BusinessShortCode":"600123","BillRefNumber":"ks 1042","InvoiceNumber":"","OrgAccountBalance":"48250.00","ThirdPartyTransID":"","MSISDN":"2547 ***** 678","FirstName":"AMINA","MiddleName":"","LastName":""}"#;

/// Whether a confirmation is believed depends on the address our outermost proxy has seen, never on what the caller writes.
#[sqlx::test]
async fn the_address_of_a_caller_is_counted_from_our_side(pool: PgPool) {
    let safaricom = "196.201.212.69";
    for (proxies, peer, forwarded, believed) in [
        ("0", "196.201.212.69", None, true),
        ("0", "203.0.113.9", None, false),
        ("0", "203.0.113.9", Some(safaricom), false),
        // As the simulators write it, with themselves as the proxy.
        ("1", "127.0.0.1", Some(safaricom), true),
        ("1", "127.0.0.1", Some("203.0.113.9"), false),
        ("1", "127.0.0.1", Some("196.201.212.69, 203.0.113.9"), false),
        ("1", "127.0.0.1", Some("203.0.113.9, 196.201.212.69"), true),
        ("2", "127.0.0.1", Some("196.201.212.69, 10.0.0.1"), true),
        ("1", "127.0.0.1", None, false),
    ] {
        let variables = [
            ("KWASTAGE_HTTP__TRUSTED_PROXIES", proxies),
            ("KWASTAGE_MPESA__TRUST_ANY_SOURCE", "false"),
        ];
        let router = serve::router(app(pool.clone(), &variables).await);
        let peer = SocketAddr::new(peer.parse().unwrap(), 4711);
        let mut request = Request::post("/pay/demo/c2b/confirmation").extension(ConnectInfo(peer));
        if let Some(forwarded) = forwarded {
            request = request.header("x-forwarded-for", forwarded);
        }
        let request = request.body(Body::from(CONFIRMATION)).unwrap();
        assert_eq!(router.oneshot(request).await.unwrap().status(), 200);
        let trusted: bool = sqlx::query_scalar("delete from evidence returning trusted")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(trusted, believed, "{proxies} {peer} {forwarded:?}");
    }
}

#[sqlx::test]
async fn every_task_runs_and_rows_are_forgotten_in_their_time(pool: PgPool) {
    let app = app(pool.clone(), &[]).await;
    let now = app.clock.now();
    for age in [1, 8, 29, 31, 89, 91] {
        let at = now - TimeDelta::days(age);
        leave_rows(&pool, &age.to_string(), at).await;
    }
    forgetting::forget_old(app.clone()).await.unwrap();
    let ages: (i64, i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from job where key is null), (select count(*) from job where key is not null),
                (select count(*) from deed), (select count(*) from hop)",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(ages, (1, 6, 3, 5));

    let registry = serve::registry(&app);
    kwastage::jobs::run_due(&pool, &app.clock, &registry, app.clone())
        .await
        .unwrap();
    let failed: Vec<String> =
        sqlx::query_scalar("select name from periodic where last_error is not null")
            .fetch_all(&pool)
            .await
            .unwrap();
    assert_eq!(failed, Vec::<String>::new());
}

/// One of each kind that is forgotten, and a done job with a key, which is not.
async fn leave_rows(pool: &PgPool, name: &str, at: DateTime<Utc>) {
    for sql in [
        "insert into job (name, body, run_at, created_at, state, finished_at) values ('test.old', $1::text::jsonb, $2, $2, 'done', $2)",
        "insert into job (name, key, body, run_at, created_at, state, finished_at) values ('test.old', $1, '{}', $2, $2, 'done', $2)",
        "insert into deed (session_id, step, msisdn, intent, outcome, at) values ($1, 1, '254711000001', 'test', 'null', $2)",
        "insert into hop (session_id, step, msisdn, at, menus, screen, outcome, duration_us)
         values ($1, 1, '254711000001', $2, '12345678', 'home', 'shown', 1)",
    ] {
        sqlx::query(sql)
            .bind(name)
            .bind(at)
            .execute(pool)
            .await
            .unwrap();
    }
}

#[sqlx::test]
async fn the_integrations_are_told_as_last_seen(pool: PgPool) {
    let app = app(pool.clone(), &[]).await;
    let router = serve::router(app.clone());
    let ask = async || {
        let request = Request::get("/health/integrations")
            .body(Body::empty())
            .unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let body = to_bytes(answer.into_body(), 10_000).await.unwrap();
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()["detail"].to_string()
    };
    let both = |mpesa, sms| {
        serde_json::json!([{"name": "mpesa", "status": mpesa}, {"name": "africastalking", "status": sms}, {"name": "twilio", "status": "up"}])
            .to_string()
    };
    assert_eq!(ask().await, both("up", "up"));
    sqlx::query("insert into rail_pause (provider, until, why) values ('mpesa', $1, 'test')")
        .bind(app.clock.now() + TimeDelta::minutes(1))
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(ask().await, both("degraded", "up"));
    app.clock.advance(TimeDelta::minutes(2));
    sqlx::query(
        "insert into outbox (id, msisdn, language, class, template, fills, created_at, not_before, not_after, changed_at, attempts)
         values (gen_random_uuid(), '254711000001', 'en', 'money', 'test.words', '{}', $1, $1, $1, $1, 1)",
    )
    .bind(app.clock.now())
    .execute(&pool)
    .await
    .unwrap();
    assert_eq!(ask().await, both("up", "degraded"));
}
