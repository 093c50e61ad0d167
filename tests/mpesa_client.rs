//! The client's own behaviour: one access token for all, and never a second push.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use chrono::TimeDelta;
use kwastage::clock::Clock;
use kwastage::integrations::mpesa::{
    MpesaClient, MpesaSettings, PayoutSettings, TokenTrouble, TransactionType,
};
use kwastage::payments::{AttemptId, NoPrompt, PushAnswer, PushOrder};
use kwastage::primitives::{Money, Msisdn, Secret};
use uuid::Uuid;

/// Issues numbered tokens, each of which ends the one before, and accepts every push with the last of them.
#[derive(Default)]
struct Gateway {
    tokens: AtomicUsize,
    pushes: AtomicUsize,
    refuses_keys: bool,
    refuses_tokens: bool,
}

async fn answer(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> (StatusCode, String) {
    let authorization = headers["authorization"].to_str().unwrap();
    if uri.path() == "/oauth/v1/generate" {
        assert_eq!(uri.query(), Some("grant_type=client_credentials"));
        assert_eq!(
            authorization,
            "Basic a3NDb25zdW1lcktleTAxOmtzQ29uc3VtZXJTZWNyZXQwMQ=="
        );
        let number = gateway.tokens.fetch_add(1, Ordering::SeqCst) + 1;
        return match gateway.refuses_keys {
            true => (StatusCode::BAD_REQUEST, String::new()),
            false => (
                StatusCode::OK,
                format!(r#"{{"access_token":"token{number}","expires_in":"3599"}}"#),
            ),
        };
    }
    gateway.pushes.fetch_add(1, Ordering::SeqCst);
    let current = format!("Bearer token{}", gateway.tokens.load(Ordering::SeqCst));
    if gateway.refuses_tokens || authorization != current {
        let v08 = r#"{"requestId":"11728-2929992-1","errorCode":"404.001.03","errorMessage":"Invalid Access Token"}"#;
        return (StatusCode::NOT_FOUND, v08.to_owned());
    }
    let v06 = r#"{"MerchantRequestID":"1","CheckoutRequestID":"ws_CO_1","ResponseCode":"0"}"#;
    (StatusCode::OK, v06.to_owned())
}

async fn client_of(gateway: Gateway) -> (MpesaClient, Arc<Gateway>, Clock) {
    let gateway = Arc::new(gateway);
    let app = Router::new().fallback(answer).with_state(gateway.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let clock = Clock::frozen_at("2026-11-05T11:30:07Z".parse().unwrap());
    let settings = MpesaSettings {
        base_url,
        consumer_key: "ksConsumerKey01".into(),
        consumer_secret: "ksConsumerSecret01".into(),
        shortcode: "600123".into(),
        till: None,
        passkey: "passkey".into(),
        transaction_type: TransactionType::PayBill,
        callback_base: "https://hooks.kwastage.example".into(),
        webhook_key: "demo".into(),
        payouts: PayoutSettings {
            shortcode: "600124".into(),
            initiator: "kwastage".into(),
            security_credential: "demo".into(),
        },
    };
    (
        MpesaClient::new(settings, clock.clone()).unwrap(),
        gateway,
        clock,
    )
}

fn order() -> PushOrder {
    PushOrder {
        attempt: AttemptId(Uuid::nil()),
        payer: Msisdn::parse("254712345678").unwrap(),
        amount: Money::from_shillings(1500),
        account_reference: "KSA10001".into(),
        description: "Welfare",
        token: Secret::new("9f2c41d07be84a3d8c55e0a1b6f7d203"),
    }
}

#[tokio::test]
async fn many_callers_share_one_token_until_it_is_nearly_over() {
    let (client, gateway, clock) = client_of(Gateway::default()).await;
    let together: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.push(&order()).await.1 })
        })
        .collect();
    for push in together {
        assert!(matches!(push.await.unwrap(), PushAnswer::Accepted(_)));
    }
    assert_eq!(gateway.tokens.load(Ordering::SeqCst), 1);
    clock.advance(TimeDelta::seconds(3478));
    client.test().await.unwrap();
    assert_eq!(gateway.tokens.load(Ordering::SeqCst), 1);
    clock.advance(TimeDelta::seconds(1));
    client.test().await.unwrap();
    assert_eq!(gateway.tokens.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn v08_a_refused_token_is_replaced_once_and_the_call_repeated_once() {
    let (client, gateway, _) = client_of(Gateway::default()).await;
    client.test().await.unwrap();
    // Somebody else fetched a token: ours is dead.
    gateway.tokens.fetch_add(1, Ordering::SeqCst);
    assert!(matches!(
        client.push(&order()).await.1,
        PushAnswer::Accepted(_)
    ));
    assert_eq!(gateway.pushes.load(Ordering::SeqCst), 2);
    assert_eq!(gateway.tokens.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_token_that_is_refused_again_is_a_failure_and_not_a_loop() {
    let (client, gateway, _) = client_of(Gateway {
        refuses_tokens: true,
        ..Gateway::default()
    })
    .await;
    let (_, answer) = client.push(&order()).await;
    assert_eq!(answer, PushAnswer::NoPrompt(NoPrompt::TokenRefused));
    assert_eq!(gateway.pushes.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn v03_v04_refused_keys_never_become_a_push() {
    let (client, gateway, _) = client_of(Gateway {
        refuses_keys: true,
        ..Gateway::default()
    })
    .await;
    assert_eq!(client.test().await, Err(TokenTrouble::Credentials));
    let (_, answer) = client.push(&order()).await;
    assert_eq!(
        answer,
        PushAnswer::NoPrompt(NoPrompt::SystemBusy),
        "it provably never left"
    );
    assert_eq!(gateway.pushes.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_showed_no_prompt() {
    let (client, _, _) = client_of(Gateway::default()).await;
    let mut settings = client.settings().clone();
    settings.base_url = "http://127.0.0.1:1".into();
    let client = MpesaClient::new(settings, Clock::System).unwrap();
    assert_eq!(client.test().await, Err(TokenTrouble::Outage));
}
