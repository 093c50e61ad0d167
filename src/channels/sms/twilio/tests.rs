use axum::body::Body;
use axum::http::Request;
use simulators::twilio::signature::sign;
use sqlx::PgPool;
use tower::ServiceExt;

use super::*;
use crate::messages::testing::{Answer, World, to_amina};
use crate::messages::{Class, MessageId, is_opted_out};
use crate::primitives::Secret;

const BASE: &str = "https://hooks.kwastage.example";
const PATH: &str = "/twilio/demo/sms/report";
const TOKEN: &str = "ks_twilio_token";

fn gateway(world: &World) -> Router {
    let state = TwilioState {
        reports: ReportsDesk::new(world.pool.clone(), world.clock.clone()),
        verifier: Arc::new(Verifier::new(BASE, vec![Secret::new(TOKEN)])),
    };
    routes().with_state(state)
}

async fn post_signed(world: &World, signature: Option<&str>, body: impl Into<Body>) -> u16 {
    // The request claims another host, as it would behind a proxy, or in a forger's hands.
    let mut request = Request::post(PATH).header("host", "10.0.0.7:8080");
    if let Some(signature) = signature {
        request = request.header("X-Twilio-Signature", signature);
    }
    let request = request.body(body.into()).unwrap();
    gateway(world)
        .oneshot(request)
        .await
        .unwrap()
        .status()
        .as_u16()
}

/// As Twilio posts it.
async fn told(world: &World, status: &str, code: Option<&str>) -> u16 {
    let mut fields = vec![
        (
            "AccountSid",
            "AC00000000000000000000000000000001".to_owned(),
        ),
        ("From", "KWASTAGE".to_owned()),
        ("MessageSid", "SM_1".to_owned()),
        ("MessageStatus", status.to_owned()),
        ("To", "+254711000001".to_owned()),
    ];
    fields.extend(code.map(|code| ("ErrorCode", code.to_owned())));
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&fields)
        .finish();
    let signature = sign(TOKEN, &format!("{BASE}{PATH}"), &fields);
    post_signed(world, Some(&signature), body).await
}

/// A message that Twilio has accepted as `SM_1`, after the first choice refused it.
async fn sent_through_twilio(pool: PgPool) -> (World, MessageId) {
    let world = World::with_two(pool).await;
    world.provider.will(Answer::Refuses(407, "CouldNotRoute"));
    let id = world.say(to_amina(Class::Money)).await;
    assert_eq!(world.drain().await, 2);
    (world, id)
}

#[sqlx::test]
async fn statuses_and_codes(pool: PgPool) {
    for (status, code, state, opted_out) in [
        ("sent", None, "sent", false),
        ("delivered", None, "delivered", false),
        ("read", None, "delivered", false),
        ("undelivered", Some("30005"), "failed", false),
        ("undelivered", Some("30006"), "failed", false),
        ("failed", Some("21610"), "failed", true),
        ("canceled", None, "failed", false),
        // Worth another provider; the sender finds that none is left.
        ("undelivered", Some("30003"), "queued", false),
        ("undelivered", Some("30007"), "queued", false),
        ("failed", Some("30008"), "queued", false),
        ("teleported", None, "sent", false),
        ("partially_delivered", None, "sent", false),
    ] {
        sqlx::query("truncate outbox, send_attempt, delivery_report, opt_out")
            .execute(&pool)
            .await
            .unwrap();
        let (world, id) = sent_through_twilio(pool.clone()).await;
        for _ in 0..2 {
            assert_eq!(told(&world, status, code).await, 200, "{status} {code:?}");
        }
        assert_eq!(world.state(id).await, state, "{status} {code:?}");
        let mut conn = pool.acquire().await.unwrap();
        let amina = to_amina(Class::Money).to;
        let is_out = is_opted_out(&mut conn, &amina).await.unwrap();
        assert_eq!(is_out, opted_out, "{status} {code:?}");
    }
}

#[sqlx::test]
async fn t04_delivered_stays_delivered_and_both_are_kept(pool: PgPool) {
    let (world, id) = sent_through_twilio(pool).await;
    for status in ["delivered", "sent", "queued", "undelivered"] {
        assert_eq!(told(&world, status, None).await, 200);
        assert_eq!(world.state(id).await, "delivered");
    }
    let kept: i64 =
        sqlx::query_scalar("select count(*) from delivery_report where message_id = $1")
            .bind(id.0)
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(kept, 4);
}

#[sqlx::test]
async fn a_callback_before_the_answer_waits_for_it(pool: PgPool) {
    let world = World::with_two(pool).await;
    assert_eq!(told(&world, "delivered", None).await, 200);
    world.provider.will(Answer::Refuses(407, "CouldNotRoute"));
    let id = world.say(to_amina(Class::Money)).await;
    world.drain().await;
    assert_eq!(world.state(id).await, "delivered");
}

#[sqlx::test]
async fn what_is_not_signed_is_not_even_kept(pool: PgPool) {
    let (world, id) = sent_through_twilio(pool).await;
    let body = "MessageSid=SM_1&MessageStatus=failed&ErrorCode=21610&To=%2B254711000001";
    let fields = [
        ("MessageSid", "SM_1".to_owned()),
        ("MessageStatus", "failed".to_owned()),
        ("ErrorCode", "21610".to_owned()),
        ("To", "+254711000001".to_owned()),
    ];
    let url = format!("{BASE}{PATH}");
    let forged = sign("guessed", &url, &fields);
    let elsewhere = sign(TOKEN, &format!("http://10.0.0.7:8080{PATH}"), &fields);
    for signature in [
        None,
        Some(""),
        Some("%%%"),
        Some(forged.as_str()),
        Some(elsewhere.as_str()),
    ] {
        assert_eq!(post_signed(&world, signature, body).await, 403);
    }
    for bytes in [&b""[..], b"\xff\xfe\x00", b"{\"a\":1}"] {
        assert_eq!(post_signed(&world, Some("AAAA"), bytes.to_vec()).await, 403);
    }
    let too_much = vec![b'a'; BODY_BYTES_MAX + 1];
    assert_eq!(post_signed(&world, None, too_much).await, 413);
    assert_eq!(world.state(id).await, "sent");
    let kept: i64 = sqlx::query_scalar("select count(*) from delivery_report")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(kept, 0);
    let signed = sign(TOKEN, &url, &fields);
    assert_eq!(post_signed(&world, Some(&signed), body).await, 200);
    assert_eq!(world.state(id).await, "failed");
}

#[sqlx::test]
async fn signed_nonsense_is_answered_and_changes_nothing(pool: PgPool) {
    let (world, id) = sent_through_twilio(pool).await;
    let long = "9".repeat(5000);
    for fields in [
        vec![],
        vec![("MessageSid", "SM_1".to_owned())],
        vec![("MessageStatus", "delivered".to_owned())],
        vec![
            ("MessageSid", long),
            ("MessageStatus", "delivered".to_owned()),
        ],
        vec![
            ("MessageSid", "SM_\0".to_owned()),
            ("MessageStatus", "\0".to_owned()),
        ],
    ] {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&fields)
            .finish();
        let signature = sign(TOKEN, &format!("{BASE}{PATH}"), &fields);
        assert_eq!(post_signed(&world, Some(&signature), body).await, 200);
    }
    assert_eq!(world.state(id).await, "sent");
}
