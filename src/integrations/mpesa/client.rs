//! The client that carries calls to Daraja. It repeats a call only after a refused access token, and then once:
//! such a call was turned away before it reached M-PESA.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::sync::Mutex;

use super::answers::{self, Heard, TokenTrouble};
use super::pulling::{self, PullRegistration, PullRequest};
use super::settings::MpesaSettings;
use super::wire::{PushRequest, QueryRequest, RegisterRequest, password};
use crate::clock::Clock;
use crate::payments::{NoPrompt, PushAnswer, PushOrder, QueryAnswer};
use crate::primitives::{Msisdn, NAIROBI};
use crate::reconciling::PulledRow;
use crate::telemetry::metric::{self, CallEnd};

const PUSH_TIMEOUT: Duration = Duration::from_secs(30);
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);
/// A page of a busy day is put together while we wait.
const PULL_TIMEOUT: Duration = Duration::from_secs(30);
const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);
/// More than any answer of Daraja's needs; longer ones are not read.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// A page holds a hundred rows or more.
const PAGES_MAX: usize = 2_000;

/// One Daraja app. Clones share the access token, which is fetched by one of them for all: each new token
/// makes the one before it worthless.
#[derive(Clone)]
pub struct MpesaClient {
    http: reqwest::Client,
    settings: Arc<MpesaSettings>,
    clock: Clock,
    token: Arc<Mutex<Option<HeldToken>>>,
}

#[derive(Clone)]
struct HeldToken {
    text: SecretString,
    use_until: DateTime<Utc>,
}

/// Why a call that is made by hand did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum CallFailure {
    #[error(transparent)]
    Token(#[from] TokenTrouble),
    #[error("Daraja refuses: {0}")]
    Refused(String),
}

/// What became of a registration of paybill URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    Now,
    /// They stood already; in production they can be set once only. Whether they are ours shows when
    /// confirmations arrive.
    Before,
}

impl MpesaClient {
    /// Fails only when the system's TLS cannot be set up.
    pub fn new(settings: MpesaSettings, clock: Clock) -> Result<MpesaClient, reqwest::Error> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(MpesaClient {
            http,
            settings: Arc::new(settings),
            clock,
            token: Arc::default(),
        })
    }

    pub fn settings(&self) -> &MpesaSettings {
        &self.settings
    }

    /// Makes sure that there is an access token, so that a push is not spent on finding out that there is none.
    pub async fn ready(&self) -> Result<(), TokenTrouble> {
        self.fresh_token(None).await.map(drop)
    }

    /// Sends one prompt. Never repeats it, except after a refused access token.
    pub async fn push(&self, order: &PushOrder) -> (Heard, PushAnswer) {
        let timestamp = self.timestamp();
        let settings = &*self.settings;
        let request = PushRequest {
            business_short_code: &settings.shortcode,
            password: password(
                &settings.shortcode,
                settings.passkey.expose_secret(),
                &timestamp,
            ),
            timestamp,
            transaction_type: settings.transaction_type.as_str(),
            amount: order.amount.as_decimal().trunc().to_string(),
            party_a: order.payer.digits(),
            party_b: settings.till.as_deref().unwrap_or(&settings.shortcode),
            phone_number: order.payer.digits(),
            callback_url: settings.callback_url(order.token.expose()),
            account_reference: &order.account_reference,
            transaction_desc: order.description,
        };
        let began = Instant::now();
        let heard = self
            .call(
                "/mpesa/stkpush/v1/processrequest",
                &request,
                PUSH_TIMEOUT,
                is_refused_token,
            )
            .await;
        let answer = answers::push_answer(&heard);
        let end = match &answer {
            PushAnswer::Accepted(_) => CallEnd::Ok,
            _ if matches!(heard, Heard::Unsent) => CallEnd::Unsent,
            PushAnswer::NoPrompt(_) => CallEnd::Refused,
            PushAnswer::Unknown { .. } => CallEnd::Unclear,
        };
        metric::provider_call("mpesa", "push", end, began.elapsed());
        (heard, answer)
    }

    /// Asks what became of a prompt.
    pub async fn query(&self, checkout: &str) -> (Heard, QueryAnswer) {
        let timestamp = self.timestamp();
        let settings = &*self.settings;
        let request = QueryRequest {
            business_short_code: &settings.shortcode,
            password: password(
                &settings.shortcode,
                settings.passkey.expose_secret(),
                &timestamp,
            ),
            timestamp,
            checkout_request_id: checkout,
        };
        let is_token_refused =
            |heard: &Heard| answers::query_answer(heard, checkout) == QueryAnswer::TokenRefused;
        let began = Instant::now();
        let heard = self
            .call(
                "/mpesa/stkpushquery/v1/query",
                &request,
                QUERY_TIMEOUT,
                is_token_refused,
            )
            .await;
        let answer = answers::query_answer(&heard, checkout);
        let end = match &answer {
            // That a prompt is unknown or its id bad is what we asked for.
            QueryAnswer::Result(_) | QueryAnswer::NotKnown | QueryAnswer::BadId => CallEnd::Ok,
            _ if matches!(heard, Heard::Unsent) => CallEnd::Unsent,
            QueryAnswer::NoAnswer => CallEnd::Unclear,
            QueryAnswer::SlowDown(_)
            | QueryAnswer::TokenRefused
            | QueryAnswer::Misconfigured { .. } => CallEnd::Refused,
        };
        metric::provider_call("mpesa", "query", end, began.elapsed());
        (heard, answer)
    }

    /// Tells Daraja where paybill confirmations go.
    pub async fn register_c2b(&self) -> Result<Registered, CallFailure> {
        self.ready().await?;
        let request = RegisterRequest {
            short_code: &self.settings.shortcode,
            response_type: "Completed",
            confirmation_url: self.settings.paybill_url("confirmation"),
            validation_url: self.settings.paybill_url("validation"),
        };
        let heard = self
            .call(
                "/mpesa/c2b/v2/registerurl",
                &request,
                QUERY_TIMEOUT,
                is_refused_token,
            )
            .await;
        match answers::register_answer(&heard) {
            Ok(true) => Ok(Registered::Now),
            Ok(false) => Ok(Registered::Before),
            Err(words) => Err(CallFailure::Refused(words)),
        }
    }

    /// Asks for leave to pull transactions; `nominated` is a phone of ours that Safaricom may call about it. Once for a paybill.
    pub async fn register_pull(&self, nominated: &Msisdn) -> Result<Registered, CallFailure> {
        self.ready().await?;
        let request = PullRegistration {
            short_code: &self.settings.shortcode,
            request_type: "Pull",
            nominated_number: nominated.digits(),
            // Nothing is known to come there; whatever does is kept like a confirmation.
            callback_url: self.settings.paybill_url("confirmation"),
        };
        let path = "/pulltransactions/v1/register";
        let heard = self
            .call(path, &request, QUERY_TIMEOUT, is_refused_token)
            .await;
        match pulling::registration_answer(&heard) {
            Ok(true) => Ok(Registered::Now),
            Ok(false) => Ok(Registered::Before),
            Err(words) => Err(CallFailure::Refused(words)),
        }
    }

    /// Every payment to us from `from` to `to` as M-PESA has it, page after page (Daraja, Pull Transactions: the last 48 hours).
    pub async fn pull(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<PulledRow>, CallFailure> {
        self.ready().await?;
        let written = |at: DateTime<Utc>| at.with_timezone(&NAIROBI).format("%Y-%m-%d %H:%M:%S");
        let (from, to) = (written(from).to_string(), written(to).to_string());
        let mut rows: Vec<PulledRow> = Vec::new();
        let mut offset = 0;
        for _page in 0..PAGES_MAX {
            let request = PullRequest {
                short_code: &self.settings.shortcode,
                start_date: &from,
                end_date: &to,
                offset: offset.to_string(),
            };
            let path = "/pulltransactions/v1/query";
            let began = Instant::now();
            let heard = self
                .call(path, &request, PULL_TIMEOUT, is_refused_token)
                .await;
            let page = pulling::pull_answer(&heard);
            let end = match &page {
                Ok(_) => CallEnd::Ok,
                Err(_) if matches!(heard, Heard::Unsent) => CallEnd::Unsent,
                Err(_) => CallEnd::Refused,
            };
            metric::provider_call("mpesa", "pull", end, began.elapsed());
            let page = page.map_err(CallFailure::Refused)?;
            if page.seen == 0 {
                return Ok(rows);
            }
            offset += page.seen;
            // Somebody who ignores the offset sends the same rows for ever.
            let known = rows.len();
            for row in page.rows {
                if !rows.iter().any(|other| other.receipt == row.receipt) {
                    rows.push(row);
                }
            }
            if rows.len() == known && page.unreadable == 0 {
                return Ok(rows);
            }
        }
        Err(CallFailure::Refused(
            "more pages than there can be".to_owned(),
        ))
    }

    /// Whether Daraja can be reached and takes our keys. Moves nothing.
    pub async fn test(&self) -> Result<(), TokenTrouble> {
        self.ready().await
    }

    fn timestamp(&self) -> String {
        self.clock
            .now()
            .with_timezone(&NAIROBI)
            .format("%Y%m%d%H%M%S")
            .to_string()
    }

    pub(super) async fn call<B: Serialize>(
        &self,
        path: &str,
        body: &B,
        timeout: Duration,
        is_token_refused: impl Fn(&Heard) -> bool,
    ) -> Heard {
        let Ok(token) = self.fresh_token(None).await else {
            return Heard::Unsent;
        };
        let heard = self.post(path, body, timeout, &token).await;
        if !is_token_refused(&heard) {
            return heard;
        }
        match self.fresh_token(Some(&token)).await {
            Ok(token) => self.post(path, body, timeout, &token).await,
            Err(_) => heard,
        }
    }

    async fn post<B: Serialize>(
        &self,
        path: &str,
        body: &B,
        timeout: Duration,
        token: &SecretString,
    ) -> Heard {
        let url = format!("{}{path}", self.settings.base_url);
        let request = self
            .http
            .post(url)
            .bearer_auth(token.expose_secret())
            .json(body)
            .timeout(timeout);
        hear(request).await
    }

    /// The shared token, or a new one when it is old or is the refused one. One caller fetches; the others wait.
    async fn fresh_token(
        &self,
        refused: Option<&SecretString>,
    ) -> Result<SecretString, TokenTrouble> {
        let mut held = self.token.lock().await;
        let now = self.clock.now();
        if let Some(token) = &*held {
            let is_refused = refused
                .is_some_and(|refused| refused.expose_secret() == token.text.expose_secret());
            if now < token.use_until && !is_refused {
                return Ok(token.text.clone());
            }
        }
        let settings = &*self.settings;
        let url = format!("{}/oauth/v1/generate", settings.base_url);
        let request = self
            .http
            .get(url)
            .query(&[("grant_type", "client_credentials")])
            .basic_auth(
                settings.consumer_key.expose_secret(),
                Some(settings.consumer_secret.expose_secret()),
            )
            .timeout(TOKEN_TIMEOUT);
        let began = Instant::now();
        let token = answers::token_answer(&hear(request).await);
        let end = match &token {
            Ok(_) => CallEnd::Ok,
            Err(TokenTrouble::Credentials) => CallEnd::Refused,
            Err(TokenTrouble::Outage) => CallEnd::Unclear,
        };
        metric::provider_call("mpesa", "token", end, began.elapsed());
        let token = token?;
        *held = Some(HeldToken {
            text: token.text.clone(),
            use_until: now + token.use_for,
        });
        Ok(token.text)
    }
}

fn is_refused_token(heard: &Heard) -> bool {
    answers::push_answer(heard) == PushAnswer::NoPrompt(NoPrompt::TokenRefused)
}

async fn hear(request: reqwest::RequestBuilder) -> Heard {
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() || error.is_builder() => return Heard::Unsent,
        Err(_) => return Heard::Lost,
    };
    let status = response.status().as_u16();
    let content_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let mut body = vec![];
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_BYTES_MAX => {
                body.extend_from_slice(&chunk)
            }
            Ok(Some(_)) | Err(_) => return Heard::Lost,
            Ok(None) => {
                return Heard::Answer {
                    status,
                    content_type,
                    body,
                };
            }
        }
    }
}
