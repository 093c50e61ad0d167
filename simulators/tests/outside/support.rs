//! A gateway that says what it is told to and remembers what it was asked, and hands to be people with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use simulators::{Running, Settings, Simulators, Timings};
use tokio::sync::watch;

pub const AMINA: &str = "254711000001";
pub const JUMA: &str = "254711000002";

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(10);

/// One request that reached the gateway.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Seen {
    pub fn form(&self) -> BTreeMap<String, String> {
        form_urlencoded::parse(self.body.as_bytes())
            .into_owned()
            .collect()
    }

    pub fn field(&self, name: &str) -> String {
        self.form().get(name).cloned().unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// What the gateway answers.
#[derive(Clone, Debug)]
pub struct Say {
    pub status: u16,
    pub kind: &'static str,
    pub label: Option<&'static str>,
    pub body: String,
}

impl Say {
    pub fn screen(body: &str) -> Self {
        Self {
            status: 200,
            kind: "text/plain",
            label: None,
            body: body.into(),
        }
    }

    pub fn xml(body: &str) -> Self {
        Self {
            kind: "application/xml",
            ..Self::screen(body)
        }
    }

    pub fn json(body: Value) -> Self {
        Self {
            kind: "application/json",
            ..Self::screen(&body.to_string())
        }
    }

    pub fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::screen("")
        }
    }
}

type Script = Arc<Mutex<Box<dyn FnMut(&Seen) -> Option<Say> + Send>>>;

#[derive(Clone)]
struct Gateway {
    seen: watch::Sender<Vec<Seen>>,
    script: Script,
}

async fn handle(
    State(gateway): State<Gateway>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let seen = Seen {
        path: uri.path().into(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let said = (gateway.script.lock().unwrap())(&seen);
    gateway.seen.send_modify(|all| all.push(seen.clone()));
    let usual = || match seen.path.as_str() {
        path if path.ends_with("/ussd") => {
            Say::screen(&format!("CON You typed {}", seen.field("text")))
        }
        path if path.ends_with("/voice") => Say::xml("<Response/>"),
        _ => Say::json(json!({"ResultCode": 0, "ResultDesc": "Accepted"})),
    };
    let said = said.unwrap_or_else(usual);
    let status = StatusCode::from_u16(said.status).unwrap();
    let mut response = (status, [("content-type", said.kind)], said.body).into_response();
    if let Some(label) = said.label {
        response
            .headers_mut()
            .insert("at-ussd-hop-metadata", label.parse().unwrap());
    }
    response
}

/// A whole world for one test.
pub struct World {
    pub outside: Running,
    pub gateway_url: String,
    gateway: Gateway,
    http: reqwest::Client,
}

impl World {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let script: Script = Arc::new(Mutex::new(Box::new(|_| None)));
        let gateway = Gateway {
            seen: watch::Sender::new(Vec::new()),
            script,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway_url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(handle).with_state(gateway.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let mut settings = Settings {
            bind: "127.0.0.1:0".parse().unwrap(),
            lock_refusal: 1.0,
            timings: Timings::brisk(),
            ..Settings::default()
        };
        change(&mut settings);
        let outside = Simulators::start(settings).await.unwrap();
        outside.set_gateway(&gateway_url);
        Self {
            outside,
            gateway_url,
            gateway,
            http: reqwest::Client::new(),
        }
    }

    /// What the gateway answers from now on; `None` leaves it to its usual answer.
    pub fn gateway_says(&self, script: impl FnMut(&Seen) -> Option<Say> + Send + 'static) {
        *self.gateway.script.lock().unwrap() = Box::new(script);
    }

    /// Waits until the gateway has had so many requests whose path ends like this, and returns them.
    pub async fn seen(&self, tail: &str, count: usize) -> Vec<Seen> {
        let mut all = self.gateway.seen.subscribe();
        let matching = |all: &Vec<Seen>| {
            all.iter()
                .filter(|seen| seen.path.ends_with(tail))
                .cloned()
                .collect::<Vec<_>>()
        };
        let enough =
            tokio::time::timeout(PATIENCE, all.wait_for(|all| matching(all).len() >= count)).await;
        if enough.is_err() {
            panic!(
                "waited for {count} requests to …{tail}, had {:#?}",
                self.gateway.seen.borrow()
            );
        }
        matching(&self.gateway.seen.borrow())
    }

    /// Requests to a path so far.
    pub fn count(&self, tail: &str) -> usize {
        self.gateway
            .seen
            .borrow()
            .iter()
            .filter(|seen| seen.path.ends_with(tail))
            .count()
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self
            .http
            .get(format!("{}{path}", self.outside.base_url))
            .send()
            .await
            .unwrap();
        answer.json().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.try_post(path, body).await.1
    }

    pub async fn try_post(&self, path: &str, body: Value) -> (u16, Value) {
        let answer = self
            .http
            .post(format!("{}{path}", self.outside.base_url))
            .json(&body)
            .send()
            .await
            .unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    pub async fn put(&self, path: &str, body: Value) -> Value {
        let answer = self
            .http
            .put(format!("{}{path}", self.outside.base_url))
            .json(&body)
            .send()
            .await
            .unwrap();
        answer.json().await.unwrap()
    }

    pub fn raw(&self) -> &reqwest::Client {
        &self.http
    }

    pub async fn dial(&self, msisdn: &str, code: &str) -> Value {
        self.post(&format!("/phones/{msisdn}/dial"), json!({"code": code}))
            .await
    }

    pub async fn keys(&self, msisdn: &str, keys: &str) -> Value {
        self.post(&format!("/phones/{msisdn}/type"), json!({"keys": keys}))
            .await
    }

    pub async fn fault(&self, what: &str) {
        let (status, body) = self
            .try_post("/faults", json!({"what": what, "how_long": 100_000}))
            .await;
        assert_eq!(status, 200, "{body}");
    }

    pub async fn fault_once(&self, what: &str) {
        let (status, body) = self
            .try_post(
                "/faults",
                json!({"what": what, "times": 1, "how_long": 100_000}),
            )
            .await;
        assert_eq!(status, 200, "{body}");
    }

    pub fn advance(&self, seconds: u64) {
        self.outside.advance(Duration::from_secs(seconds));
    }

    pub async fn violations(&self) -> Vec<String> {
        let all = self.get("/sim/violations").await;
        all.as_array()
            .unwrap()
            .iter()
            .map(|violation| violation["kind"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Waits for the message with that number on a phone.
    pub async fn text(&self, msisdn: &str, number: u64) -> Value {
        let path = format!("/phones/{msisdn}/inbox?after={}&wait_ms=8000", number - 1);
        let texts = self.get(&path).await;
        assert!(texts[0].is_object(), "no message {number} on {msisdn}");
        texts[0].clone()
    }

    pub async fn token(&self) -> String {
        let url = format!(
            "{}/oauth/v1/generate?grant_type=client_credentials",
            self.outside.base_url
        );
        let answer: Value = self
            .http
            .get(url)
            .basic_auth("demo", Some("demo"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// One call to Daraja with a fresh token.
    pub async fn daraja(&self, path: &str, body: Value) -> (u16, Value) {
        let token = self.token().await;
        let request = self
            .http
            .post(format!("{}{path}", self.outside.base_url))
            .bearer_auth(token)
            .json(&body);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    /// Pushes, and returns the checkout id.
    pub async fn push(&self, msisdn: &str, amount: u32) -> String {
        let (status, body) = self.daraja(PUSH, self.push_body(msisdn, amount)).await;
        assert_eq!(status, 200, "{body}");
        body["CheckoutRequestID"].as_str().unwrap().to_owned()
    }

    pub fn push_body(&self, msisdn: &str, amount: u32) -> Value {
        let mut body = signed();
        for (name, value) in [
            ("TransactionType", json!("CustomerPayBillOnline")),
            ("Amount", json!(amount)),
            ("PartyA", json!(msisdn)),
            ("PartyB", json!("600123")),
            ("PhoneNumber", json!(msisdn)),
            (
                "CallBackURL",
                json!(format!("{}/pay/demo/stk/9f2c", self.gateway_url)),
            ),
            ("AccountReference", json!("KSA10001")),
            ("TransactionDesc", json!("welfare")),
        ] {
            body[name] = value;
        }
        body
    }

    pub async fn query(&self, checkout_id: &str) -> (u16, Value) {
        let mut body = signed();
        body["CheckoutRequestID"] = json!(checkout_id);
        self.daraja("/mpesa/stkpushquery/v1/query", body).await
    }

    /// Waits for the prompt and answers it.
    pub async fn answer(&self, msisdn: &str, answer: &str) -> Value {
        let prompt = self
            .get(&format!("/phones/{msisdn}/prompt?wait_ms=8000"))
            .await;
        assert!(prompt.is_object(), "no prompt on {msisdn}");
        self.post(
            &format!("/phones/{msisdn}/prompt"),
            json!({"answer": answer}),
        )
        .await["result_code"]
            .clone()
    }

    pub async fn register_c2b(&self, version: &str) {
        let body = json!({
            "ShortCode": "600123", "ResponseType": "Completed",
            "ConfirmationURL": format!("{}/pay/demo/c2b/confirmation", self.gateway_url),
            "ValidationURL": format!("{}/pay/demo/c2b/validation", self.gateway_url),
        });
        let (status, body) = self
            .daraja(&format!("/mpesa/c2b/{version}/registerurl"), body)
            .await;
        assert_eq!(
            (status, body["ResponseCode"].as_str()),
            (200, Some("0")),
            "{body}"
        );
    }
}

pub const PUSH: &str = "/mpesa/stkpush/v1/processrequest";

/// The fields that every push and query are signed with: the protocol's own vector.
fn signed() -> Value {
    let stamp = "20261105143007";
    let passkey = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
    json!({
        "BusinessShortCode": 600123, "Timestamp": stamp,
        "Password": STANDARD.encode(format!("600123{passkey}{stamp}")),
    })
}

/// The items of a callback, by name.
pub fn items(callback: &Value) -> BTreeMap<String, Value> {
    let items = callback["Body"]["stkCallback"]["CallbackMetadata"]["Item"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    items
        .into_iter()
        .map(|item| {
            (
                item["Name"].as_str().unwrap().to_owned(),
                item["Value"].clone(),
            )
        })
        .collect()
}

/// Status, code and message of a refusal.
pub fn error(answer: &(u16, Value)) -> (u16, &str, &str) {
    (
        answer.0,
        answer.1["errorCode"].as_str().unwrap_or_default(),
        answer.1["errorMessage"].as_str().unwrap_or_default(),
    )
}
