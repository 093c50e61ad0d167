//! The stage of the simulators' control API: everything a rider's phone can do.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::script::{Answer, HowOften, Trouble};
use super::stage::{Hooks, Screen, Stage, StageError};

/// How long a message or a prompt may take before a dialogue says that none came.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// Without a hook that knows when all work is done, silence for this long counts as "no sms".
const QUIET: Duration = Duration::from_secs(3);
/// With one, only the way from the operator to the handset is left.
const QUIET_AFTER_WORK: Duration = Duration::from_millis(300);
/// How long to listen to a phone before the hook does what has become due meanwhile.
const BETWEEN_WORK: Duration = Duration::from_millis(100);

/// Phones behind a control API.
pub struct Phones {
    url: String,
    hooks: Hooks,
    patience: Duration,
    http: reqwest::Client,
    /// The last message each phone has read.
    read: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Shown {
    screen: Option<String>,
    open: bool,
}

#[derive(Deserialize)]
struct Message {
    id: u64,
    text: String,
}

#[derive(Deserialize)]
struct Prompt {
    text: String,
}

impl Phones {
    /// Aims at the simulators, such as `http://127.0.0.1:8090`.
    pub fn new(url: impl Into<String>) -> Phones {
        let url = url.into().trim_end_matches('/').to_owned();
        Phones {
            url,
            hooks: Hooks::none(),
            patience: PATIENCE,
            http: reqwest::Client::new(),
            read: BTreeMap::new(),
        }
    }

    pub fn with_hooks(mut self, hooks: Hooks) -> Phones {
        self.hooks = hooks;
        self
    }

    /// Waits longer or shorter for messages and prompts.
    pub fn with_patience(mut self, patience: Duration) -> Phones {
        self.patience = patience;
        self
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, StageError> {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await;
        Ok(read(answer.with_context(|| format!("asking {path} of the simulators"))?).await?)
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: Value) -> Result<T, StageError> {
        let answer = self
            .http
            .post(format!("{}{path}", self.url))
            .json(&body)
            .send()
            .await;
        Ok(read(answer.with_context(|| format!("asking {path} of the simulators"))?).await?)
    }

    async fn screen(&self, msisdn: &str, deed: &str, body: Value) -> Result<Screen, StageError> {
        let shown: Shown = self.post(&format!("/phones/{msisdn}/{deed}"), body).await?;
        Ok(Screen {
            text: shown.screen.unwrap_or_default(),
            open: shown.open,
        })
    }

    /// Asks with a waiting time, until something is found or patience ends. The hook, when there is one, does the work that is
    /// due before each time.
    async fn awaited<T, F, Fut>(&self, patience: Duration, ask: F) -> Result<Option<T>, StageError>
    where
        F: Fn(u128) -> Fut,
        Fut: Future<Output = Result<Option<T>, StageError>>,
    {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let listen = if self.hooks.settle().await? {
                left.min(BETWEEN_WORK)
            } else {
                left
            };
            if let Some(found) = ask(listen.as_millis()).await? {
                return Ok(Some(found));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }

    async fn unread(&self, msisdn: &str, wait_ms: u128) -> Result<Option<Message>, StageError> {
        let after = self.read.get(msisdn).copied().unwrap_or(0);
        let inbox: Vec<Message> = self
            .get(&format!(
                "/phones/{msisdn}/inbox?after={after}&wait_ms={wait_ms}"
            ))
            .await?;
        Ok(inbox.into_iter().next())
    }

    async fn showing(&self, msisdn: &str, wait_ms: u128) -> Result<Option<Prompt>, StageError> {
        self.get(&format!("/phones/{msisdn}/prompt?wait_ms={wait_ms}"))
            .await
    }
}

async fn read<T: DeserializeOwned>(answer: reqwest::Response) -> anyhow::Result<T> {
    let status = answer.status();
    let body = answer
        .text()
        .await
        .context("reading the simulators' answer")?;
    if !status.is_success() {
        return Err(anyhow!("the simulators answer {status}: {body}"));
    }
    let body = if body.is_empty() { "null" } else { &body };
    serde_json::from_str(body).with_context(|| format!("the simulators answer {body}"))
}

impl Stage for Phones {
    async fn enter(&mut self, msisdn: &str) -> Result<(), StageError> {
        self.post::<Value>(&format!("/phones/{msisdn}/hang-up"), json!({}))
            .await?;
        let inbox: Vec<Message> = self.get(&format!("/phones/{msisdn}/inbox")).await?;
        let last = inbox.iter().map(|message| message.id).max().unwrap_or(0);
        self.read.insert(msisdn.to_owned(), last);
        Ok(())
    }

    async fn dial(&mut self, msisdn: &str, code: &str) -> Result<Screen, StageError> {
        self.screen(msisdn, "dial", json!({ "code": code })).await
    }

    async fn reply(&mut self, msisdn: &str, keys: &str) -> Result<Screen, StageError> {
        self.screen(msisdn, "type", json!({ "keys": keys })).await
    }

    async fn let_go(&mut self, msisdn: &str) -> Result<(), StageError> {
        self.post::<Value>(&format!("/phones/{msisdn}/hang-up"), json!({}))
            .await
            .map(drop)
    }

    async fn again(&mut self, msisdn: &str) -> Result<Screen, StageError> {
        self.screen(msisdn, "again", json!({})).await
    }

    async fn forget(&mut self, msisdn: &str) -> Result<(), StageError> {
        self.hooks.forget(msisdn).await
    }

    /// Moves the simulators' clock; the gateway's is the hook's to move.
    async fn advance(&mut self, by: Duration) -> Result<(), StageError> {
        self.hooks.advance(by).await?;
        self.post::<Value>("/sim/clock", json!({ "advance_seconds": by.as_secs_f64() }))
            .await
            .map(drop)
    }

    async fn prompt(&mut self, msisdn: &str, answer: Answer) -> Result<Option<String>, StageError> {
        let Some(prompt) = self
            .awaited(self.patience, |wait_ms| self.showing(msisdn, wait_ms))
            .await?
        else {
            return Ok(None);
        };
        self.post::<Value>(
            &format!("/phones/{msisdn}/prompt"),
            json!({ "answer": answer.word() }),
        )
        .await?;
        Ok(Some(prompt.text))
    }

    async fn text(&mut self, msisdn: &str, to: &str, text: &str) -> Result<(), StageError> {
        self.post::<Value>(
            &format!("/phones/{msisdn}/sms"),
            json!({ "to": to, "text": text }),
        )
        .await
        .map(drop)
    }

    async fn next_message(&mut self, msisdn: &str) -> Result<Option<String>, StageError> {
        let Some(message) = self
            .awaited(self.patience, |wait_ms| self.unread(msisdn, wait_ms))
            .await?
        else {
            return Ok(None);
        };
        self.read.insert(msisdn.to_owned(), message.id);
        Ok(Some(message.text))
    }

    async fn message_left(&mut self, msisdn: &str) -> Result<Option<String>, StageError> {
        let quiet = if self.hooks.settle().await? {
            QUIET_AFTER_WORK
        } else {
            QUIET
        };
        let left = self
            .awaited(quiet, |wait_ms| self.unread(msisdn, wait_ms))
            .await?;
        Ok(left.map(|message| message.text))
    }

    async fn trouble(&mut self, msisdn: Option<&str>, trouble: &Trouble) -> Result<(), StageError> {
        let how_often = match trouble.how_often {
            HowOften::Always | HowOften::Once => 1.0,
            HowOften::OneIn(times) => 1.0 / f64::from(times),
        };
        let mut order = json!({ "what": trouble.what, "how_often": how_often, "how_long": trouble.how_long.as_secs() });
        if trouble.how_often == HowOften::Once {
            order["times"] = json!(1);
        }
        if let Some(msisdn) = msisdn {
            order["msisdn"] = json!(msisdn);
        }
        self.post::<Value>("/faults", order).await.map(drop)
    }
}
