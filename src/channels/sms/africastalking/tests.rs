use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use sqlx::PgPool;
use tower::ServiceExt;

use super::*;
use crate::answering::understand::{Alarm, Amount, Asked, understand};
use crate::emergencies::EmergencyKind;
use crate::messages::testing::{Answer, World, to_amina};
use crate::messages::{Class, Message, MessageId, is_opted_out};
use crate::messages::{Globals, Templates};
use crate::primitives::Money;
use crate::primitives::Msisdn;
use crate::spool;

fn gateway(world: &World) -> Router {
    let state = MessagesState {
        pool: world.pool.clone(),
        clock: world.clock.clone(),
        reports: ReportsDesk::new(world.pool.clone(), world.clock.clone()),
        spool: spool(world),
        language: Language::ENGLISH,
    };
    routes().with_state(state)
}

/// Of a gateway that reaches no provider.
fn spool(world: &World) -> Spool {
    let globals = Globals {
        languages: vec![Language::ENGLISH, Language::SWAHILI],
        ussd: "*384*123#".into(),
        sms: "22384".into(),
    };
    let messages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("messages");
    Spool::new(spool::Settings {
        folder: std::env::temp_dir().join(format!("kwastage-spool-{}", std::process::id())),
        duty_phones: vec![Msisdn::parse("254711000005").unwrap()],
        templates: Arc::new(Templates::load(&messages, globals).unwrap()),
        providers: Vec::new(),
        clock: world.clock.clone(),
    })
}

async fn post_to(world: &World, path: &str, body: impl Into<Body>) -> u16 {
    let request = Request::post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.into())
        .unwrap();
    let answer = gateway(world).oneshot(request).await.unwrap();
    answer.status().as_u16()
}

#[sqlx::test]
async fn inbound_vectors(pool: PgPool) {
    let world = World::new(pool).await;
    let amina = "254711000001";
    let wambui = "254733000002";
    // The vector, its body, and what is kept: sender, text, time; what it asks for.
    for (vector, body, from, text, sent_at, asked) in [
        (
            "S01",
            "linkId=04150882719300562471&text=SOS+accident+Kenyatta+market&to=40404&id=f3d1a0c6-1a53-4d0e-9a2b-6f1f1b7b9c10&date=2026-11-20T06%3A04%3A45Z&from=%2B254711000001",
            Some(amina),
            "SOS accident Kenyatta market",
            "2026-11-20T06:04:45Z",
            Asked::Alarm(Alarm {
                kind: Some(EmergencyKind::Accident),
                injured: None,
                place: Some("Kenyatta market".into()),
            }),
        ),
        (
            "S02",
            "linkId=04150882719300562471&text=Salio&to=40404&id=0b2f5a77-7c10-4c0c-8f4c-2c9a53d9a001&date=2026-11-20+06%3A05%3A10&from=%2B254711000001",
            Some(amina),
            "Salio",
            "2026-11-20T06:05:10Z",
            Asked::Balance,
        ),
        (
            "S03",
            "linkId=04150882719300562471&text=BAL&to=40404&id=0b2f5a77-7c10-4c0c-8f4c-2c9a53d9a002&date=2026-11-20T06%3A05%3A12.445Z&from=%2B254711000001",
            Some(amina),
            "BAL",
            "2026-11-20T06:05:12.445Z",
            Asked::Balance,
        ),
        (
            "S04",
            "linkId=04150882719300562471&text=++dhaRura+%0A&to=40404&id=0b2f5a77-7c10-4c0c-8f4c-2c9a53d9a003&date=2026-11-20T06%3A04%3A45Z&from=%2B254711000001",
            Some(amina),
            "  dhaRura \n",
            "2026-11-20T06:04:45Z",
            Asked::Alarm(Alarm {
                kind: None,
                injured: None,
                place: None,
            }),
        ),
        (
            "S05",
            "text=LIPA+2k&to=40404&id=0b2f5a77-7c10-4c0c-8f4c-2c9a53d9a004&date=2026-11-20T06%3A06%3A00Z&from=%2B254711000001&networkCode=63902&cost=KES+0.80",
            Some(amina),
            "LIPA 2k",
            "2026-11-20T06:06:00Z",
            Asked::Pay(Amount::Clear(Money::from_shillings(2_000))),
        ),
        (
            "S06",
            "linkId=04150882719300562471&text=OK+42&to=40404&id=0b2f5a77-7c10-4c0c-8f4c-2c9a53d9a005&date=2026-11-20T06%3A04%3A45Z&from=%2B254733000002",
            Some(wambui),
            "OK 42",
            "2026-11-20T06:04:45Z",
            Asked::Unknown,
        ),
        (
            "S08",
            "linkId=04150882719300562471&text=%F0%9F%86%98+HELP&to=40404&id=0b2f5a77-7c10-4c0c-8f4c-2c9a53d9a006&date=2026-11-20T06%3A04%3A45Z&from=%2B254711000001",
            Some(amina),
            "\u{1F198} HELP",
            "2026-11-20T06:04:45Z",
            Asked::Help,
        ),
        (
            "S09",
            "linkId=04150882719300562471&text=Win+airtime+now&to=40404&id=0b2f5a77-7c10-4c0c-8f4c-2c9a53d9a007&date=2026-11-20T06%3A04%3A45Z&from=PROMO",
            None,
            "Win airtime now",
            "2026-11-20T06:04:45Z",
            Asked::Unknown,
        ),
        (
            "S10",
            "linkId=04150882719300562471&text=&to=40404&id=0b2f5a77-7c10-4c0c-8f4c-2c9a53d9a008&date=2026-11-20T06%3A04%3A45Z&from=%2B254711000001",
            Some(amina),
            "",
            "2026-11-20T06:04:45Z",
            Asked::Unknown,
        ),
        (
            "S11",
            "linkId=04150882719300562471&text=STOP&to=40404&id=0b2f5a77-7c10-4c0c-8f4c-2c9a53d9a009&date=2026-11-20T06%3A04%3A45Z&from=%2B254711000001",
            Some(amina),
            "STOP",
            "2026-11-20T06:04:45Z",
            Asked::Stop,
        ),
        (
            "S12",
            "linkId=04150882719300562471&text=DONE+42+taken+to+Kenyatta+hospital&to=40404&id=0b2f5a77-7c10-4c0c-8f4c-2c9a53d9a010&date=2026-11-20T06%3A04%3A45Z&from=%2B254733000002&keyword=DONE",
            Some(wambui),
            "DONE 42 taken to Kenyatta hospital",
            "2026-11-20T06:04:45Z",
            Asked::Unknown,
        ),
        (
            "no plus, odd date",
            "text=hi&id=x1&date=yesterday&from=254711000001",
            Some(amina),
            "hi",
            "2026-11-20T06:00:00Z",
            Asked::Unknown,
        ),
        (
            "bare plus",
            "text=hi&id=x2&from=+254711000001",
            Some(amina),
            "hi",
            "2026-11-20T06:00:00Z",
            Asked::Unknown,
        ),
        (
            "two senders",
            "text=hi&id=x3&from=254711000001&from=254711000002",
            None,
            "hi",
            "2026-11-20T06:00:00Z",
            Asked::Unknown,
        ),
    ] {
        assert_eq!(post_to(&world, "/at/demo/sms", body).await, 200, "{vector}");
        let row = sqlx::query!(
            "select msisdn, text, sent_at, fields from inbox order by ctid desc limit 1"
        )
        .fetch_one(&world.pool)
        .await
        .unwrap();
        assert_eq!(row.msisdn.as_deref(), from, "{vector}");
        assert_eq!(row.text, text, "{vector}");
        assert_eq!(
            row.sent_at,
            sent_at.parse::<DateTime<Utc>>().unwrap(),
            "{vector}"
        );
        assert_eq!(understand(&row.text).asked, asked, "{vector}");
        if vector == "S12" {
            assert_eq!(row.fields["keyword"][0], "DONE", "an unknown field is kept");
        }
    }
}

#[sqlx::test]
async fn a_redelivery_changes_nothing_and_a_name_gets_no_job(pool: PgPool) {
    let world = World::new(pool).await;
    let s06 = "linkId=04150882719300562471&text=OK+42&to=40404&id=0b2f5a77-7c10-4c0c-8f4c-2c9a53d9a005&date=2026-11-20T06%3A04%3A45Z&from=%2B254733000002";
    let s09 = "linkId=04150882719300562471&text=Win+airtime+now&to=40404&id=0b2f5a77-7c10-4c0c-8f4c-2c9a53d9a007&date=2026-11-20T06%3A04%3A45Z&from=PROMO";
    let without_id = "text=hello&from=%2B254733000002";
    for body in [s06, s06, s09, without_id, without_id] {
        assert_eq!(post_to(&world, "/at/demo/sms", body).await, 200);
    }
    let kept = sqlx::query!(r#"select (select count(*) from inbox) as "messages!", (select count(*) from job) as "jobs!""#)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!((kept.messages, kept.jobs), (3, 1));
}

/// A message that the provider has accepted under the id of the report vectors.
async fn sent_to_wambui(world: &World) -> MessageId {
    world.provider.will(Answer::Says(
        201,
        r#"{"SMSMessageData":{"Message":"Sent","Recipients":[{"cost":"KES 0.8000","messageId":"ATXid_a1c04e7b9d2f43688e5510f3b7c6d924","number":"+254733000002","status":"Success","statusCode":102}]}}"#,
    ));
    let message = Message {
        to: Msisdn::parse("254733000002").unwrap(),
        ..to_amina(Class::Money)
    };
    let id = world.say(message).await;
    world.drain().await;
    id
}

const D01: &str = "id=ATXid_a1c04e7b9d2f43688e5510f3b7c6d924&status=Success&phoneNumber=%2B254733000002&networkCode=63902&retryCount=0";
const D05: &str = "id=ATXid_a1c04e7b9d2f43688e5510f3b7c6d924&status=Failed&phoneNumber=%2B254733000002&networkCode=63902&retryCount=0&failureReason=UserInBlackList";
const D07: &str = "id=ATXid_a1c04e7b9d2f43688e5510f3b7c6d924&status=AbsentSubscriber&phoneNumber=%2B254733000002&networkCode=63902";
const D09: &str = "id=ATXid_a1c04e7b9d2f43688e5510f3b7c6d924&status=Sent&phoneNumber=%2B254733000002&networkCode=63902&retryCount=0";

#[sqlx::test]
async fn report_vectors(pool: PgPool) {
    for (vector, body, state, why) in [
        ("D01", D01, "delivered", None),
        ("D02", D09, "sent", None),
        (
            "D03",
            "id=ATXid_a1c04e7b9d2f43688e5510f3b7c6d924&status=Submitted&phoneNumber=%2B254733000002&networkCode=63902&retryCount=0",
            "sent",
            None,
        ),
        (
            "D04",
            "id=ATXid_a1c04e7b9d2f43688e5510f3b7c6d924&status=Buffered&phoneNumber=%2B254733000002&networkCode=63902&retryCount=0",
            "sent",
            None,
        ),
        ("D05", D05, "failed", Some("UserInBlackList")),
        (
            "D06",
            "id=ATXid_a1c04e7b9d2f43688e5510f3b7c6d924&status=Rejected&phoneNumber=%2B254733000002&networkCode=63902&retryCount=0&failureReason=DeliveryFailure",
            "failed",
            Some("DeliveryFailure"),
        ),
        ("D07", D07, "failed", Some("not delivered")),
        (
            "D08",
            "id=ATXid_a1c04e7b9d2f43688e5510f3b7c6d924&status=Expired&phoneNumber=%2B254733000002&retryCount=0",
            "failed",
            Some("not delivered"),
        ),
        (
            "D10",
            "id=ATXid_00000000000000000000000000000000&status=Success&phoneNumber=%2B254733000002&networkCode=63902&retryCount=0",
            "sent",
            None,
        ),
        (
            "D11",
            "id=ATXid_a1c04e7b9d2f43688e5510f3b7c6d924&status=Teleported&phoneNumber=%2B254733000002&networkCode=63902&retryCount=0",
            "sent",
            None,
        ),
        (
            "D12",
            "id=ATXid_a1c04e7b9d2f43688e5510f3b7c6d924&status=Failed&phoneNumber=%2B254733000002&networkCode=63902&retryCount=0&failureReason=NotNetworkSubcriber",
            "failed",
            Some("NotNetworkSubcriber"),
        ),
    ] {
        let world = World::new(pool.clone()).await;
        sqlx::query!("truncate outbox, send_attempt, delivery_report, opt_out")
            .execute(&pool)
            .await
            .unwrap();
        let id = sent_to_wambui(&world).await;
        for _ in 0..2 {
            assert_eq!(
                post_to(&world, "/at/demo/sms/report", body).await,
                200,
                "{vector}"
            );
        }
        // Of the provider that is next, if the report asks for it: there is none here.
        assert_eq!(world.drain().await, 0, "{vector}");
        let row = world.row(id).await;
        assert_eq!(
            (row.state.as_str(), row.why.as_deref()),
            (state, why),
            "{vector}"
        );
        let kept = sqlx::query_scalar!("select count(*) from delivery_report")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(kept, Some(1), "{vector} is kept, once");
        let wambui = Msisdn::parse("254733000002").unwrap();
        let opted_out = is_opted_out(&mut pool.acquire().await.unwrap(), &wambui)
            .await
            .unwrap();
        assert_eq!(opted_out, vector == "D05", "{vector}");
    }
}

#[sqlx::test]
async fn reports_in_any_order_never_undo_a_final_one(pool: PgPool) {
    for (order, state) in [
        ([D01, D09, D07], "delivered"),
        ([D09, D07, D01], "delivered"),
        ([D07, D01, D09], "delivered"),
        ([D05, D09, D07], "failed"),
    ] {
        let world = World::new(pool.clone()).await;
        sqlx::query!("truncate outbox, send_attempt, delivery_report")
            .execute(&pool)
            .await
            .unwrap();
        let id = sent_to_wambui(&world).await;
        for body in order {
            assert_eq!(post_to(&world, "/at/demo/sms/report", body).await, 200);
        }
        assert_eq!(world.state(id).await, state);
    }
}

#[sqlx::test]
async fn a_report_may_come_before_the_answer_it_speaks_of(pool: PgPool) {
    let world = World::new(pool).await;
    assert_eq!(post_to(&world, "/at/demo/sms/report", D09).await, 200);
    assert_eq!(post_to(&world, "/at/demo/sms/report", D01).await, 200);
    let id = sent_to_wambui(&world).await;
    assert_eq!(world.state(id).await, "delivered");
    let parked = "select count(*) from delivery_report where message_id is null";
    let parked: i64 = sqlx::query_scalar(parked)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(parked, 0);
}

#[sqlx::test]
async fn o01_an_opt_out_is_kept(pool: PgPool) {
    let world = World::new(pool).await;
    for _ in 0..2 {
        let o01 = "senderId=KWASTAGE&phoneNumber=%2B254711000001";
        assert_eq!(post_to(&world, "/at/demo/sms/opt-out", o01).await, 200);
    }
    let kept = sqlx::query!("select msisdn, source from opt_out")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(
        (kept.msisdn.as_str(), kept.source.as_str()),
        ("254711000001", "opt-out from KWASTAGE")
    );
}

const WEBHOOKS: [&str; 3] = ["sms", "sms/report", "sms/opt-out"];

#[sqlx::test]
async fn any_bytes_survive(pool: PgPool) {
    let world = World::new(pool).await;
    let long_id = format!(
        "id={}&text=hi&status=Success&phoneNumber=1",
        "9".repeat(5000)
    );
    let many = "a=1&".repeat(10_000);
    let bodies: Vec<&[u8]> = vec![
        b"",
        b"\xff\xfe\x00\x01",
        b"id=%00&text=%00%00&from=%00&status=%00&phoneNumber=%00",
        b"id=a%00b&text=x%00y&status=Suc%00cess&phoneNumber=%2B254711000001&senderId=%00",
        b"id=%zz&text=%&from=%2&status=%",
        b"{\"id\":\"1\",\"text\":\"hello\"}",
        b"id=1&id=2&text=a&text=b&status=Success&status=Failed",
        b"=&=&=&&&&",
        b"<xml/>",
        b"id=5&status=Success&failureReason=\xf0\x28\x8c\x28",
        long_id.as_bytes(),
        many.as_bytes(),
    ];
    for body in bodies {
        for webhook in WEBHOOKS {
            let path = format!("/at/demo/{webhook}");
            let said = String::from_utf8_lossy(&body[..body.len().min(60)]);
            assert_eq!(
                post_to(&world, &path, body.to_vec()).await,
                200,
                "{path} {said}"
            );
        }
    }
    for webhook in WEBHOOKS {
        let path = format!("/at/demo/{webhook}");
        assert_eq!(
            post_to(&world, &path, vec![b'a'; BODY_BYTES_MAX + 1]).await,
            413,
            "{path}"
        );
    }
    let answered = sqlx::query_scalar!("select count(*) from job")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(answered, Some(0));
}

#[sqlx::test]
async fn while_our_database_is_away_it_is_to_come_again(pool: PgPool) {
    let world = World::new(pool).await;
    world.pool.close().await;
    assert_eq!(
        post_to(&world, "/at/demo/sms", "id=1&text=hi&from=%2B254711000001").await,
        503
    );
    assert_eq!(post_to(&world, "/at/demo/sms/report", D01).await, 503);
}
