//! Dialogues on the simulators' phones, against a gateway that answers screens and texts back when it is texted.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Form, Router};
use serde_json::json;
use simulators::dialogue::{EachHop, Failure, Hooks, Phones, Played, Script, play};
use simulators::{Running, Settings, Simulators, Timings};

/// A gateway with three screens that pushes a payment after the PIN and answers texts.
struct Gateway {
    outside: String,
    own: String,
    hops: AtomicU32,
    http: reqwest::Client,
}

type Fields = Form<HashMap<String, String>>;

async fn ussd(State(gateway): State<Arc<Gateway>>, Form(fields): Fields) -> String {
    gateway.hops.fetch_add(1, Ordering::SeqCst);
    let answer = match fields["text"].as_str() {
        "" => "CON Karibu Amina\n1 Pay 200".to_owned(),
        "1" => "CON Enter PIN:".to_owned(),
        "1*4826" => "END Asante. M-PESA asks now.".to_owned(),
        other => format!("END You typed {other}"),
    };
    if answer.starts_with("END Asante") && gateway.hops.load(Ordering::SeqCst) == 3 {
        tokio::spawn(async move { gateway.push().await });
    }
    answer
}

async fn texted(State(gateway): State<Arc<Gateway>>, Form(fields): Fields) {
    let reply = format!("Code {} is genuine", fields["text"]);
    tokio::spawn(async move { gateway.text(&reply).await });
}

async fn paid(State(gateway): State<Arc<Gateway>>, body: String) -> StatusCode {
    let result: serde_json::Value = serde_json::from_str(&body).unwrap();
    let code = &result["Body"]["stkCallback"]["ResultCode"];
    let text = if code == &json!(0) {
        "KwaStage: KES 200 paid. Code 7K3M."
    } else {
        "KwaStage: not paid."
    };
    tokio::spawn(async move { gateway.text(text).await });
    StatusCode::OK
}

impl Gateway {
    async fn text(&self, text: &str) {
        let form = [
            ("username", "sandbox"),
            ("to", "+254711000001"),
            ("from", "22384"),
            ("message", text),
        ];
        let url = format!("{}/version1/messaging", self.outside);
        let sent = self
            .http
            .post(url)
            .header("apiKey", "demo")
            .form(&form)
            .send()
            .await
            .unwrap();
        assert!(sent.status().is_success(), "{}", sent.status());
    }

    async fn push(&self) {
        let settings = Settings::default();
        let token = self.http.get(format!(
            "{}/oauth/v1/generate?grant_type=client_credentials",
            self.outside
        ));
        let token: serde_json::Value = token
            .basic_auth("demo", Some("demo"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let stamp = (chrono::Utc::now() + chrono::TimeDelta::hours(3))
            .format("%Y%m%d%H%M%S")
            .to_string();
        let password = format!("{}{}{stamp}", settings.paybill, settings.passkey);
        let password = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, password);
        let order = json!({
            "BusinessShortCode": settings.paybill, "Password": password, "Timestamp": stamp,
            "TransactionType": "CustomerPayBillOnline", "Amount": "200", "PartyA": "254711000001", "PartyB": settings.paybill,
            "PhoneNumber": "254711000001", "CallBackURL": format!("{}/pay/stk", self.own), "AccountReference": "KENCOM",
            "TransactionDesc": "Welfare",
        });
        let pushed = self
            .http
            .post(format!("{}/mpesa/stkpush/v1/processrequest", self.outside));
        let pushed = pushed
            .bearer_auth(token["access_token"].as_str().unwrap())
            .json(&order)
            .send()
            .await
            .unwrap();
        assert!(
            pushed.status().is_success(),
            "{}",
            pushed.text().await.unwrap()
        );
    }
}

async fn world() -> (Running, Arc<Gateway>) {
    let bind = "127.0.0.1:0".parse().unwrap();
    let outside = Simulators::start(Settings {
        bind,
        timings: Timings::brisk(),
        ..Settings::default()
    })
    .await
    .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = format!("http://{}", listener.local_addr().unwrap());
    let gateway = Arc::new(Gateway {
        outside: outside.base_url.clone(),
        own: own.clone(),
        hops: AtomicU32::new(0),
        http: reqwest::Client::new(),
    });
    let routes = Router::new()
        .route("/at/demo/ussd", post(ussd))
        .route("/at/demo/ussd/end", post(async || StatusCode::OK))
        .route("/at/demo/sms", post(texted))
        .route("/at/demo/sms/report", post(async || StatusCode::OK))
        .route("/pay/stk", post(paid))
        .with_state(gateway.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    outside.set_gateway(own);
    (outside, gateway)
}

async fn played(source: &str, each_hop: EachHop) -> (Result<Played, Failure>, u32) {
    let (outside, gateway) = world().await;
    let script = Script::parse("a.dialogue", source).unwrap();
    let mut phones = Phones::new(&outside.base_url).with_patience(Duration::from_secs(3));
    let outcome = play(&script, &mut phones, each_hop, |_| {}).await;
    (outcome, gateway.hops.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_payment_is_followed_to_its_receipt() {
    let story = "\
phone amina 254711000001
dial *384*123#      Karibu Amina | *
type 1              *PIN:
type 4826           END Asante*
prompt approve      *Ksh200.00*
sms says *paid. Code {code}.*
sms from MPESA says *Confirmed. Ksh200.00*
no sms
";
    let (outcome, _) = played(story, EachHop::Plain).await;
    assert_eq!(outcome.unwrap().hops, 3);
}

#[tokio::test]
async fn texts_go_out_and_come_back() {
    let (outcome, _) = played(
        "phone amina 254711000001\nno sms\nsms to 22384: 7K3M\nsms says Code {code} is genuine\nsms to 22384: {code} {code}\nsms says Code 7K3M 7K3M is genuine\n",
        EachHop::Plain,
    )
    .await;
    assert_eq!(outcome.unwrap().steps, 5);
}

#[tokio::test]
async fn a_message_nobody_read_is_noticed() {
    let (outcome, _) = played(
        "phone amina 254711000001\nsms to 22384: X\nno sms\n",
        EachHop::Plain,
    )
    .await;
    assert_eq!(
        outcome.unwrap_err().to_string(),
        "a.dialogue:3: no sms\n  expected: no message\n  got:      Code X is genuine"
    );
}

#[tokio::test]
async fn silence_is_told_as_such() {
    let (outcome, _) = played("phone amina 254711000001\nprompt cancel\n", EachHop::Plain).await;
    let failure = outcome.unwrap_err();
    assert_eq!(
        (failure.expected.as_str(), failure.got.as_str()),
        ("an M-PESA prompt", "none came")
    );
}

#[tokio::test]
async fn every_request_can_be_doubled() {
    let source =
        "phone amina 254711000001\ndial *384*123#\ntype 1  Enter PIN:\nagain  Enter PIN:\n";
    let (outcome, hops) = played(source, EachHop::Plain).await;
    assert_eq!((outcome.unwrap().hops, hops), (2, 3));
    let (outcome, hops) = played(source, EachHop::Again).await;
    assert_eq!((outcome.unwrap().hops, hops), (2, 5));
}

#[tokio::test]
async fn troubles_are_ordered_and_strike() {
    let lost = "phone amina 254711000001\nfault lost-answer once\ndial *384*123#  END Connection problem*\ndial *384*123#  Karibu*\n";
    assert_eq!(played(lost, EachHop::Plain).await.0.unwrap().hops, 2);
    let (outcome, _) = played(
        "phone amina 254711000001\nfault earthquake\n",
        EachHop::Plain,
    )
    .await;
    assert!(outcome.unwrap_err().got.contains("earthquake"));
}

#[tokio::test]
async fn time_moves_for_the_phones_and_the_gateway() {
    let (outside, _gateway) = world().await;
    let script = Script::parse(
        "a.dialogue",
        "phone amina 254711000001\ndial *384*123#\nwait 10m\ntype 1\n",
    )
    .unwrap();
    let moved = Arc::new(AtomicU32::new(0));
    let seen = moved.clone();
    let hooks = Hooks::none().on_advance(move |by| {
        seen.fetch_add(by.as_secs() as u32, Ordering::SeqCst);
        async { Ok(()) }
    });
    let mut phones = Phones::new(&outside.base_url).with_hooks(hooks);
    let failure = play(&script, &mut phones, EachHop::Plain, |_| {})
        .await
        .unwrap_err();
    assert_eq!(moved.load(Ordering::SeqCst), 600);
    assert!(
        failure.got.contains("no USSD session is open"),
        "the network's own limit must have ended it: {failure}"
    );
}

#[tokio::test]
async fn work_that_is_due_is_done_before_a_phone_is_looked_at() {
    let (outside, gateway) = world().await;
    let source = "phone amina 254711000001\nsms says Work done\nno sms\n";
    let script = Script::parse("a.dialogue", source).unwrap();
    let worked = Arc::new(AtomicU32::new(0));
    let counting = worked.clone();
    let hooks = Hooks::none().on_settle(move || {
        let (gateway, first) = (
            gateway.clone(),
            counting.fetch_add(1, Ordering::SeqCst) == 0,
        );
        async move {
            if first {
                gateway.text("Work done").await;
            }
            Ok(())
        }
    });
    let mut phones = Phones::new(&outside.base_url).with_hooks(hooks);
    let played = play(&script, &mut phones, EachHop::Plain, |_| {}).await;
    assert_eq!(played.unwrap().steps, 2);
    assert!(
        worked.load(Ordering::SeqCst) >= 2,
        "before the message, and again before the silence"
    );
}
