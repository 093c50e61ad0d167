//! The client: one request, one outcome in our own words.

use std::time::{Duration, Instant};

use reqwest::redirect;

use super::wire;
use crate::fault::Fault;
use crate::messages::{Handover, Refusal};
use crate::primitives::{Msisdn, Secret};
use crate::telemetry::metric::{self, CallEnd};

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
        let http = reqwest::Client::builder()
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout.min(Duration::from_secs(5)))
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| Fault::broken(format!("the HTTP client: {error}")))?;
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
        let began = Instant::now();
        let answer = self
            .http
            .post(self.url())
            .basic_auth(&settings.account_sid, Some(settings.auth_token.expose()))
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
                    Ok(body) => wire::handover(status, &body),
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
        metric::provider_call("twilio", "sms", end, began.elapsed());
        handover
    }

    fn url(&self) -> String {
        let base = self.settings.base_url.trim_end_matches('/');
        let account = &self.settings.account_sid;
        format!("{base}/2010-04-01/Accounts/{account}/Messages.json")
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
