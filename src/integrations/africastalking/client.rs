//! The client: one request, one outcome in our own words.

use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::redirect;

use super::wire;
pub use super::wire::Balance;
use crate::fault::Fault;
use crate::messages::{Handover, Refusal};
use crate::primitives::{Msisdn, Secret};
use crate::telemetry::metric::{self, CallEnd};

/// How we reach Africa's Talking.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://api.africastalking.com`, the sandbox, or a simulator.
    pub base_url: String,
    pub username: String,
    pub api_key: Secret,
    /// Our short code or sender name; the operator's shared one if absent.
    pub sender: Option<String>,
    /// An answer that takes longer is an unknown outcome.
    pub timeout: Duration,
}

#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    settings: Settings,
}

impl Client {
    pub fn new(settings: Settings) -> Result<Client, Fault> {
        let mut key = HeaderValue::from_str(settings.api_key.expose()).map_err(|_| {
            Fault::broken("the Africa's Talking key holds characters that no header can")
        })?;
        key.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (reqwest::header::HeaderName::from_static("apikey"), key),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout.min(Duration::from_secs(5)))
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| Fault::broken(format!("the HTTP client: {error}")))?;
        Ok(Client { http, settings })
    }

    /// Hands one message to one phone over (Africa's Talking's form endpoint for sending). Never fails: whatever
    /// cannot be read is an unknown outcome.
    pub async fn send_sms(&self, to: &Msisdn, text: &str, under_our_name: bool) -> Handover {
        let to = to.e164();
        let mut form = vec![
            ("username", self.settings.username.as_str()),
            ("to", &to),
            ("message", text),
            ("bulkSMSMode", "1"),
            ("enqueue", "1"),
        ];
        if let Some(sender) = self.settings.sender.as_deref().filter(|_| under_our_name) {
            form.push(("from", sender));
        }
        let began = std::time::Instant::now();
        let answer = self
            .http
            .post(self.url("/version1/messaging"))
            .form(&form)
            .send()
            .await;
        let handover = match answer {
            // The connection never stood, so nothing left us.
            Err(error) if error.is_connect() => Handover::Refused(Refusal::Unreachable),
            Err(error) => Handover::Unknown { why: told(&error) },
            Ok(answer) => {
                let status = answer.status().as_u16();
                match answer.text().await {
                    Ok(body) => wire::handover(status, &body, &to),
                    Err(error) => Handover::Unknown { why: told(&error) },
                }
            }
        };
        let end = match &handover {
            Handover::Accepted { .. } => CallEnd::Ok,
            Handover::Refused(Refusal::Unreachable) => CallEnd::Unsent,
            Handover::Refused(_) => CallEnd::Refused,
            Handover::Unknown { .. } => CallEnd::Unclear,
        };
        metric::provider_call("africastalking", "sms", end, began.elapsed());
        handover
    }

    /// What our account holds.
    pub async fn balance(&self) -> Result<Balance, String> {
        let url = self.url("/version1/user");
        let answer = self
            .http
            .get(url)
            .query(&[("username", &self.settings.username)])
            .send()
            .await;
        let answer = answer.map_err(|error| told(&error))?;
        let status = answer.status().as_u16();
        let body = answer.text().await.map_err(|error| told(&error))?;
        wire::balance(status, &body)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.settings.base_url.trim_end_matches('/'))
    }
}

/// The kind of error, without the address it names.
fn told(error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() {
        "no answer in time"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "the connection broke"
    };
    kind.to_owned()
}
