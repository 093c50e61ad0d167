//! The client: one request, one outcome in our own words.

use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};

use super::wire;
pub use super::wire::Balance;
use crate::fault::Fault;
use crate::integrations::exchange::{self, told};
use crate::messages::Handover;
use crate::primitives::{Msisdn, Secret};

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
        let http = exchange::client(headers(&settings.api_key)?, settings.timeout)?;
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
        let request = self.http.post(self.url("/version1/messaging")).form(&form);
        let read = |status, body: &str| wire::handover(status, body, &to);
        exchange::hand_over("africastalking", request, read).await
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

/// What each request carries, and nothing else may show.
pub(super) fn headers(api_key: &Secret) -> Result<HeaderMap, Fault> {
    let mut key = HeaderValue::from_str(api_key.expose()).map_err(|_| {
        Fault::broken("the Africa's Talking key holds characters that no header can")
    })?;
    key.set_sensitive(true);
    Ok(HeaderMap::from_iter([
        (HeaderName::from_static("apikey"), key),
        (ACCEPT, HeaderValue::from_static("application/json")),
    ]))
}
