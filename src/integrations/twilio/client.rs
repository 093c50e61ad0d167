//! The client: one request, one outcome in our own words.

use std::time::Duration;

use reqwest::header::HeaderMap;

use super::wire;
use crate::fault::Fault;
use crate::integrations::exchange;
use crate::messages::Handover;
use crate::primitives::{Msisdn, Secret};

/// How we reach Twilio, and where it reaches us.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://api.twilio.com`, or a simulator.
    pub base_url: String,
    pub account_sid: String,
    pub auth_token: Secret,
    /// A number or an alphanumeric sender registered with Twilio.
    pub sender: String,
    /// Where Twilio reports what became of a message: an absolute address of ours.
    pub status_callback: Secret,
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
        let http = exchange::client(HeaderMap::new(), settings.timeout)?;
        Ok(Client { http, settings })
    }

    /// Hands one message to one phone over (Twilio's messages resource). Never fails: whatever cannot be read is an
    /// unknown outcome. Twilio knows no key against doubles.
    pub async fn send_sms(&self, to: &Msisdn, text: &str) -> Handover {
        let settings = &self.settings;
        let form = [
            ("To", to.e164()),
            ("From", settings.sender.clone()),
            ("Body", text.to_owned()),
            (
                "StatusCallback",
                settings.status_callback.expose().to_owned(),
            ),
        ];
        let request = self
            .http
            .post(self.url())
            .basic_auth(&settings.account_sid, Some(settings.auth_token.expose()))
            .form(&form);
        exchange::hand_over("twilio", request, wire::handover).await
    }

    fn url(&self) -> String {
        let base = self.settings.base_url.trim_end_matches('/');
        let account = &self.settings.account_sid;
        format!("{base}/2010-04-01/Accounts/{account}/Messages.json")
    }
}
