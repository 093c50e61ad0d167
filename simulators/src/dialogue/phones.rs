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
/// M-PESA writes to riders by itself; a dialogue hears of it only where it asks for this sender.
const M_PESA: &str = "MPESA";
/// How often to look whether a call is over.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// How long to listen to a phone before the hook does what has become due meanwhile.
const BETWEEN_WORK: Duration = Duration::from_millis(100);

/// Phones behind a control API.
pub struct Phones {
    url: String,
    hooks: Hooks,
    patience: Duration,
    http: reqwest::Client,
    inboxes: BTreeMap<String, Inbox>,
    /// What each phone has heard in its latest call.
    heard: BTreeMap<String, String>,
}

/// What one phone has received since it entered.
#[derive(Default)]
struct Inbox {
    /// The last message that was fetched.
    last: u64,
    unread: Vec<Message>,
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

#[derive(Deserialize)]
struct Call {}

#[derive(Deserialize)]
struct Said {
    spoken: String,
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
            inboxes: BTreeMap::new(),
            heard: BTreeMap::new(),
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

    /// How long to ask the simulators to wait. The hook, when there is one, first does the work that is due.
    async fn listening(&self, deadline: Instant) -> Result<u128, StageError> {
        let due_done = self.hooks.settle().await?;
        let left = deadline.saturating_duration_since(Instant::now());
        Ok(if due_done {
            left.min(BETWEEN_WORK)
        } else {
            left
        }
        .as_millis())
    }

    /// Waits for a message and takes it out of the unread ones.
    async fn message(
        &mut self,
        msisdn: &str,
        from: Option<&str>,
        patience: Duration,
    ) -> Result<Option<String>, StageError> {
        let deadline = Instant::now() + patience;
        let wanted = |message: &Message| {
            from.map_or(message.from != M_PESA, |sender| message.from == sender)
        };
        loop {
            let inbox = self.inboxes.entry(msisdn.to_owned()).or_default();
            if let Some(place) = inbox.unread.iter().position(wanted) {
                return Ok(Some(inbox.unread.remove(place).text));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            let wait_ms = self.listening(deadline).await?;
            self.fetch(msisdn, wait_ms).await?;
        }
    }

    async fn fetch(&mut self, msisdn: &str, wait_ms: u128) -> Result<(), StageError> {
        let after = self.inboxes.get(msisdn).map_or(0, |inbox| inbox.last);
        let news: Vec<Message> = self
            .get(&format!(
                "/phones/{msisdn}/inbox?after={after}&wait_ms={wait_ms}"
            ))
            .await?;
        let inbox = self.inboxes.entry(msisdn.to_owned()).or_default();
        inbox.last = news.last().map_or(after, |message| message.id);
        inbox.unread.extend(news);
        Ok(())
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
        self.inboxes.remove(msisdn);
        self.fetch(msisdn, 0).await?;
        self.inboxes
            .entry(msisdn.to_owned())
            .or_default()
            .unread
            .clear();
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

    async fn pay_bill(
        &mut self,
        msisdn: &str,
        shillings: u32,
        account: &str,
    ) -> Result<(), StageError> {
        let paid = json!({ "msisdn": msisdn, "amount": shillings, "account": account });
        let paid: Value = self.post("/sim/c2b", paid).await?;
        match paid["receipt"].is_string() {
            true => Ok(()),
            false => Err(anyhow::anyhow!("M-PESA refused the payment: {paid}").into()),
        }
    }

    async fn desk(&mut self, words: &str) -> Result<(), StageError> {
        self.hooks.desk(words).await
    }

    /// Moves the simulators' clock, and then, by the hook, the gateway's: whatever it does on the way finds the world as it
    /// is by then.
    async fn advance(&mut self, by: Duration) -> Result<(), StageError> {
        self.post::<Value>("/sim/clock", json!({ "advance_seconds": by.as_secs_f64() }))
            .await?;
        self.hooks.advance(by).await
    }

    async fn prompt(&mut self, msisdn: &str, answer: Answer) -> Result<Option<String>, StageError> {
        let deadline = Instant::now() + self.patience;
        let path = format!("/phones/{msisdn}/prompt");
        loop {
            let wait_ms = self.listening(deadline).await?;
            if let Some(prompt) = self
                .get::<Option<Prompt>>(&format!("{path}?wait_ms={wait_ms}"))
                .await?
            {
                self.post::<Value>(&path, json!({ "answer": answer.word() }))
                    .await?;
                return Ok(Some(prompt.text));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }

    async fn text(&mut self, msisdn: &str, to: &str, text: &str) -> Result<(), StageError> {
        self.post::<Value>(
            &format!("/phones/{msisdn}/sms"),
            json!({ "to": to, "text": text }),
        )
        .await
        .map(drop)
    }

    async fn next_message(
        &mut self,
        msisdn: &str,
        from: Option<&str>,
    ) -> Result<Option<String>, StageError> {
        self.message(msisdn, from, self.patience).await
    }

    async fn message_left(&mut self, msisdn: &str) -> Result<Option<String>, StageError> {
        let quiet = if self.hooks.settle().await? {
            QUIET_AFTER_WORK
        } else {
            QUIET
        };
        self.message(msisdn, None, quiet).await
    }

    async fn pick_up(&mut self, msisdn: &str) -> Result<Option<String>, StageError> {
        let deadline = Instant::now() + self.patience;
        let path = format!("/phones/{msisdn}/call");
        loop {
            let wait_ms = self.listening(deadline).await?;
            let call: Option<Call> = self.get(&format!("{path}?wait_ms={wait_ms}")).await?;
            if call.is_some() {
                self.heard.remove(msisdn);
                return self.press(msisdn, "").await;
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }

    async fn press(&mut self, msisdn: &str, keys: &str) -> Result<Option<String>, StageError> {
        let path = format!("/phones/{msisdn}/call");
        let call: Option<Call> = self.get(&format!("{path}?wait_ms=0")).await?;
        if call.is_none() {
            return Ok(None);
        }
        let said: Said = self.post(&path, json!({ "keys": keys })).await?;
        let before = self
            .heard
            .insert(msisdn.to_owned(), said.spoken.clone())
            .unwrap_or_default();
        let new = said.spoken.strip_prefix(&before).unwrap_or(&said.spoken);
        Ok(Some(new.trim().to_owned()))
    }

    async fn ring(&mut self, msisdn: &str, number: &str) -> Result<(), StageError> {
        let path = format!("/phones/{msisdn}/ring");
        self.post::<Value>(&path, json!({ "to": number })).await?;
        let deadline = Instant::now() + self.patience;
        let path = format!("/phones/{msisdn}/call?wait_ms=0");
        while self.get::<Option<Call>>(&path).await?.is_some() && Instant::now() < deadline {
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        Ok(())
    }

    async fn rings(&mut self, msisdn: &str) -> Result<bool, StageError> {
        let quiet = if self.hooks.settle().await? {
            QUIET_AFTER_WORK
        } else {
            QUIET
        };
        let wait_ms = quiet.as_millis();
        let path = format!("/phones/{msisdn}/call?wait_ms={wait_ms}");
        Ok(self.get::<Option<Call>>(&path).await?.is_some())
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
