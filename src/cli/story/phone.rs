//! A phone in the story's hand: the simulators' control API.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Step;
use super::scene::Scene;

/// How long a message or a prompt may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Phone {
    url: String,
    http: reqwest::Client,
    pub(super) scene: Scene,
    /// The last message that was read.
    read: u64,
}

#[derive(Deserialize)]
struct Shown {
    screen: Option<String>,
    open: bool,
}

#[derive(Deserialize)]
struct Message {
    id: u64,
    from: String,
    text: String,
}

impl Phone {
    /// Takes the phone, closes what is open on it, and counts what lies in its inbox as read.
    pub(super) async fn pick_up(url: &str, msisdn: &str, scene: Scene) -> anyhow::Result<Phone> {
        let url = format!("{url}/phones/{msisdn}");
        let mut phone = Phone {
            url,
            http: reqwest::Client::new(),
            scene,
            read: 0,
        };
        phone.post("hang-up", json!({})).await?;
        let lying = phone.unread(Duration::ZERO).await?;
        phone.read = lying.last().map_or(0, |message| message.id);
        Ok(phone)
    }

    /// Dials and insists on a screen that waits for an answer and holds these words. Returns what it says.
    pub(super) async fn dial(&mut self, code: &str, expects: &[&str]) -> anyhow::Result<String> {
        self.scene.pressed(code, "dials");
        self.screen("dial", json!({ "code": code }), expects, false)
            .await
    }

    /// Types and insists on the next screen: its words, and whether it ends the call. Secrets are not shown on stage either.
    pub(super) async fn press(&mut self, step: &Step, ends: bool) -> anyhow::Result<String> {
        self.scene.pressed(
            if step.secret {
                "••••"
            } else {
                step.keys
            },
            step.told,
        );
        self.screen("type", json!({ "keys": step.keys }), step.expects, ends)
            .await
    }

    pub(super) async fn hang_up(&mut self) -> anyhow::Result<()> {
        self.post("hang-up", json!({})).await.map(drop)
    }

    /// Waits for the M-PESA prompt, insists on its words, and enters the M-PESA PIN.
    pub(super) async fn approve(&mut self, expects: &[&str]) -> anyhow::Result<()> {
        let prompt: Value = self
            .get(&format!("prompt?wait_ms={}", PATIENCE.as_millis()))
            .await?;
        ensure!(
            !prompt.is_null(),
            "no M-PESA prompt came within {} s",
            PATIENCE.as_secs()
        );
        let text = prompt["text"]
            .as_str()
            .map_or_else(|| prompt.to_string(), str::to_owned);
        self.scene.prompt(&text);
        insist(&text, expects)?;
        self.post("prompt", json!({ "answer": "approve" })).await?;
        self.scene.pressed("••••", "the M-PESA PIN");
        Ok(())
    }

    pub(super) async fn text(&mut self, to: &str, text: &str) -> anyhow::Result<()> {
        self.scene.texted(to, text);
        self.post("sms", json!({ "to": to, "text": text }))
            .await
            .map(drop)
    }

    /// Shows every message that comes, and waits for one that holds all these words.
    pub(super) async fn await_message(&mut self, expects: &[&str]) -> anyhow::Result<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let text = self.next_message(end, &[expects]).await?;
            if missing(&text, expects).is_empty() {
                return Ok(text);
            }
        }
    }

    /// The same for several messages that may come in any order.
    pub(super) async fn await_messages(&mut self, expects: &[&[&str]]) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        let mut awaited = expects.to_vec();
        while !awaited.is_empty() {
            let text = self.next_message(end, &awaited).await?;
            awaited.retain(|words| !missing(&text, words).is_empty());
        }
        Ok(())
    }

    async fn next_message(&mut self, end: Instant, awaited: &[&[&str]]) -> anyhow::Result<String> {
        let left = end.saturating_duration_since(Instant::now());
        let message = self.unread(left).await?.into_iter().next();
        let message = message.with_context(|| {
            let seconds = PATIENCE.as_secs();
            format!("no message with {awaited:?} came within {seconds} s")
        })?;
        self.read = message.id;
        self.scene.message(&message.from, &message.text);
        Ok(message.text)
    }

    async fn screen(
        &mut self,
        deed: &str,
        body: Value,
        expects: &[&str],
        ends: bool,
    ) -> anyhow::Result<String> {
        let shown: Shown = serde_json::from_value(self.post(deed, body).await?)
            .context("the simulators answer in another shape")?;
        let text = shown.screen.unwrap_or_default();
        self.scene.screen(&text);
        insist(&text, expects)?;
        match (shown.open, ends) {
            (true, true) => bail!("the call should have ended with this screen"),
            (false, false) => bail!("the call ended before its time"),
            _ => Ok(text),
        }
    }

    /// What came after the last message that was read, oldest first; waits that long for the first.
    async fn unread(&self, patience: Duration) -> anyhow::Result<Vec<Message>> {
        let inbox = self
            .get(&format!(
                "inbox?after={}&wait_ms={}",
                self.read,
                patience.as_millis()
            ))
            .await?;
        let mut messages: Vec<Message> =
            serde_json::from_value(inbox).context("the inbox has another shape")?;
        messages.sort_by_key(|message| message.id);
        Ok(messages)
    }

    async fn get(&self, what: &str) -> anyhow::Result<Value> {
        answer(self.http.get(format!("{}/{what}", self.url))).await
    }

    async fn post(&self, what: &str, body: Value) -> anyhow::Result<Value> {
        answer(self.http.post(format!("{}/{what}", self.url)).json(&body)).await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    let answer = request
        .send()
        .await
        .context("the simulators do not answer")?;
    let (status, body) = (answer.status(), answer.text().await?);
    ensure!(
        status.is_success(),
        "the simulators answer {status}: {body}"
    );
    if body.is_empty() {
        Ok(Value::Null)
    } else {
        Ok(serde_json::from_str(&body)?)
    }
}

fn insist(text: &str, words: &[&str]) -> anyhow::Result<()> {
    let missing = missing(text, words);
    ensure!(missing.is_empty(), "{missing:?} should stand in {text:?}");
    Ok(())
}

/// Those of the words, written small, that the text does not hold in capitals or small.
fn missing<'a>(text: &str, words: &[&'a str]) -> Vec<&'a str> {
    let folded = text.to_lowercase();
    words
        .iter()
        .copied()
        .filter(|word| !folded.contains(word))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{secret, typed};
    use super::*;
    use axum::extract::Query;
    use axum::routing::{get, post};
    use axum::{Json, Router};

    #[derive(Deserialize)]
    struct Asked {
        after: u64,
    }

    /// A control API with one phone that always shows the same.
    async fn phone() -> Phone {
        let shown =
            |screen: &'static str, open: bool| Json(json!({ "screen": screen, "open": open }));
        let routes = Router::new()
            .route(
                "/phones/1/hang-up",
                post(|| async { Json(json!({ "screen": "", "open": false })) }),
            )
            .route(
                "/phones/1/dial",
                post(move || async move { shown("Karibu Amina\n1. Balances", true) }),
            )
            .route(
                "/phones/1/type",
                post(move || async move { shown("Asante. KES 200", false) }),
            )
            .route(
                "/phones/1/prompt",
                get(|| async { Json(json!({ "text": "Pay KES 200?" })) }).post(|| async {}),
            )
            .route("/phones/1/inbox", get(inbox));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, routes).await });
        let scene = Scene::of("Amina", "254711000001");
        Phone {
            url: format!("{url}/phones/1"),
            http: reqwest::Client::new(),
            scene,
            read: 1,
        }
    }

    async fn inbox(Query(asked): Query<Asked>) -> Json<Value> {
        let messages = [
            json!({ "id": 3, "from": "22384", "text": "Received KES 200. Code 7K3M" }),
            json!({ "id": 2, "from": "MPESA", "text": "TK5 Confirmed. KES 200" }),
        ];
        let unread = messages
            .into_iter()
            .filter(|message| message["id"].as_u64() > Some(asked.after));
        Json(unread.collect())
    }

    #[tokio::test]
    async fn goes_on_where_all_is_as_expected() {
        let mut phone = phone().await;
        phone.dial("*384#", &["amina", "balances"]).await.unwrap();
        phone
            .press(&secret("4826", "her PIN", &["200"]), true)
            .await
            .unwrap();
        phone.approve(&["kes 200"]).await.unwrap();
        let receipt = phone.await_message(&["200", "code"]).await.unwrap();
        assert_eq!(
            receipt, "Received KES 200. Code 7K3M",
            "M-PESA's own is passed over"
        );
    }

    #[tokio::test]
    async fn stops_at_the_first_thing_that_is_not() {
        let mut phone = phone().await;
        let told = |result: anyhow::Result<()>| format!("{:#}", result.unwrap_err());
        let missing = told(phone.dial("*384#", &["juma"]).await.map(drop));
        assert!(
            missing.contains("[\"juma\"] should stand in \"Karibu Amina"),
            "{missing}"
        );
        let early = told(
            phone
                .press(&typed("1", "balances", &[]), false)
                .await
                .map(drop),
        );
        assert!(early.contains("ended before its time"), "{early}");
        assert!(told(phone.approve(&["5,000"]).await).contains("5,000"));
        let unknown = told(phone.post("no-such-thing", json!({})).await.map(drop));
        assert!(unknown.contains("404"), "{unknown}");
    }

    #[tokio::test]
    async fn a_call_that_stays_open_at_its_end_is_wrong_too() {
        let mut phone = phone().await;
        let open = phone
            .screen("dial", json!({}), &[], true)
            .await
            .unwrap_err()
            .to_string();
        assert!(open.contains("should have ended"), "{open}");
    }
}
