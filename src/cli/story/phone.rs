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
const LOOK_AGAIN: Duration = Duration::from_millis(50);

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
    #[serde(default, rename = "with")]
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
        phone.read = phone
            .inbox()
            .await?
            .iter()
            .map(|message| message.id)
            .max()
            .unwrap_or(0);
        Ok(phone)
    }

    /// Dials and insists on a screen that waits for an answer and holds these words.
    pub(super) async fn dial(&mut self, code: &str, expects: &[&str]) -> anyhow::Result<()> {
        self.scene.pressed(code, "dials");
        self.screen("dial", json!({ "code": code }), expects, false)
            .await
    }

    /// Types and insists on the next screen: its words, and whether it ends the call. Secrets are not shown on stage either.
    pub(super) async fn press(&mut self, step: &Step, ends: bool) -> anyhow::Result<()> {
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
        let end = Instant::now() + PATIENCE;
        let prompt = loop {
            let prompt: Value = self.get("prompt").await?;
            if !prompt.is_null() {
                break prompt;
            }
            ensure!(
                Instant::now() < end,
                "no M-PESA prompt came within {} s",
                PATIENCE.as_secs()
            );
            tokio::time::sleep(LOOK_AGAIN).await;
        };
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

    /// Waits for the next message that is not M-PESA's own, insists on its words and gives it.
    pub(super) async fn next_message(&mut self, expects: &[&str]) -> anyhow::Result<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let read = self.read;
            for message in self
                .inbox()
                .await?
                .into_iter()
                .filter(|message| message.id > read)
            {
                self.read = message.id;
                self.scene.message(&message.from, &message.text);
                if !message.from.to_uppercase().contains("MPESA") {
                    insist(&message.text, expects)?;
                    return Ok(message.text);
                }
            }
            ensure!(
                Instant::now() < end,
                "no message came within {} s; one with {expects:?} should have",
                PATIENCE.as_secs()
            );
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn screen(
        &mut self,
        deed: &str,
        body: Value,
        expects: &[&str],
        ends: bool,
    ) -> anyhow::Result<()> {
        let shown: Shown = serde_json::from_value(self.post(deed, body).await?)
            .context("the simulators answer in another shape")?;
        let text = shown.screen.unwrap_or_default();
        self.scene.screen(&text);
        insist(&text, expects)?;
        match (shown.open, ends) {
            (true, true) => bail!("the call should have ended with this screen"),
            (false, false) => bail!("the call ended before its time"),
            _ => Ok(()),
        }
    }

    /// Oldest first.
    async fn inbox(&self) -> anyhow::Result<Vec<Message>> {
        let inbox: Value = self.get("inbox").await?;
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

/// Each of the words stands somewhere in the text, in capitals or not.
fn insist(text: &str, words: &[&str]) -> anyhow::Result<()> {
    let folded = text.to_lowercase();
    let missing: Vec<_> = words
        .iter()
        .filter(|word| !folded.contains(**word))
        .collect();
    ensure!(missing.is_empty(), "{missing:?} should stand in {text:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{secret, typed};
    use super::*;
    use axum::routing::{get, post};
    use axum::{Json, Router};

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

    async fn inbox() -> Json<Value> {
        Json(json!([
            { "id": 1, "direction": "received", "with": "KWASTAGE", "text": "an old one" },
            { "id": 3, "direction": "received", "with": "KWASTAGE", "text": "Received KES 200. Code 7K3M" },
            { "id": 2, "direction": "received", "with": "MPESA", "text": "TK5 Confirmed" },
        ]))
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
        let receipt = phone.next_message(&["code"]).await.unwrap();
        assert_eq!(
            receipt, "Received KES 200. Code 7K3M",
            "the old one and M-PESA's own are passed over"
        );
    }

    #[tokio::test]
    async fn stops_at_the_first_thing_that_is_not() {
        let mut phone = phone().await;
        let told = |result: anyhow::Result<()>| format!("{:#}", result.unwrap_err());
        let missing = told(phone.dial("*384#", &["juma"]).await);
        assert!(
            missing.contains("[\"juma\"] should stand in \"Karibu Amina"),
            "{missing}"
        );
        let early = told(phone.press(&typed("1", "balances", &[]), false).await);
        assert!(early.contains("ended before its time"), "{early}");
        assert!(told(phone.approve(&["5,000"]).await).contains("5,000"));
        assert!(phone.next_message(&["genuine"]).await.is_err());
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
