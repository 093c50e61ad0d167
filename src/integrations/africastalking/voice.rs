//! Placing calls (Africa's Talking's voice host, `POST /call`).

use std::time::Duration;

use serde::Deserialize;
use uuid::Uuid;

use super::client::headers;
use crate::emergencies::Placing;
use crate::fault::Fault;
use crate::integrations::exchange;
use crate::primitives::{Msisdn, Secret};
use crate::telemetry::metric::{self, CallEnd};

/// How we reach the voice host.
#[derive(Clone, Debug)]
pub struct VoiceSettings {
    /// `https://voice.africastalking.com`, the sandbox's, or a simulator.
    pub base_url: String,
    pub username: String,
    pub api_key: Secret,
    /// Our number: who is called sees it.
    pub number: String,
    /// An answer that takes longer is an unknown outcome.
    pub timeout: Duration,
}

#[derive(Clone, Debug)]
pub struct VoiceClient {
    http: reqwest::Client,
    settings: VoiceSettings,
}

impl VoiceClient {
    pub fn new(settings: VoiceSettings) -> Result<VoiceClient, Fault> {
        let http = exchange::client(headers(&settings.api_key)?, settings.timeout)?;
        Ok(VoiceClient { http, settings })
    }

    /// Has one phone called. `reference` comes back with the events. Never fails: whatever cannot be read is unclear.
    pub async fn call(&self, to: &Msisdn, reference: Uuid) -> Placing {
        let (to, reference) = (to.e164(), reference.to_string());
        let form = [
            ("username", self.settings.username.as_str()),
            ("from", self.settings.number.as_str()),
            ("to", &to),
            ("clientRequestId", &reference),
        ];
        let began = std::time::Instant::now();
        let url = format!("{}/call", self.settings.base_url.trim_end_matches('/'));
        let placing = match self.http.post(url).form(&form).send().await {
            // The connection never stood, so nothing left us.
            Err(error) if error.is_connect() => Placing::NotReached,
            Err(_) => Placing::Unclear("no answer in time".to_owned()),
            Ok(answer) => {
                let status = answer.status().as_u16();
                match answer.text().await {
                    Ok(body) => placing(status, &body),
                    Err(_) => Placing::Unclear("the answer broke off".to_owned()),
                }
            }
        };
        let end = match &placing {
            Placing::Queued { .. } => CallEnd::Ok,
            Placing::NotReached => CallEnd::Unsent,
            Placing::Refused(_) => CallEnd::Refused,
            Placing::Unclear(_) => CallEnd::Unclear,
        };
        metric::provider_call("africastalking", "call", end, began.elapsed());
        placing
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallAnswer {
    #[serde(default)]
    entries: Vec<Entry>,
    #[serde(default)]
    error_message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    status: String,
    #[serde(default)]
    session_id: String,
}

/// What the answer to a call of one number means.
fn placing(status: u16, body: &str) -> Placing {
    match status {
        200 | 201 => {}
        400..=499 => return Placing::Refused(format!("HTTP {status}")),
        _ => return Placing::Unclear(format!("HTTP {status}")),
    }
    let Ok(answer) = serde_json::from_str::<CallAnswer>(body) else {
        return Placing::Unclear("the answer does not read".to_owned());
    };
    let Some(entry) = answer.entries.first() else {
        let message = answer.error_message.unwrap_or_default();
        return Placing::Refused(message.chars().take(100).collect());
    };
    let has_id = !matches!(entry.session_id.as_str(), "" | "None") && entry.session_id.len() <= 128;
    match entry.status.as_str() {
        "Queued" if has_id => Placing::Queued {
            session: entry.session_id.clone(),
        },
        "Queued" => Placing::Unclear("queued without an id".to_owned()),
        other => Placing::Refused(other.chars().take(100).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_queued_with_an_id_is_a_call() {
        let queued = r#"{"entries":[{"phoneNumber":"+254733000002","status":"Queued","sessionId":"ATVId_3e"}],"errorMessage":"None"}"#;
        assert_eq!(
            placing(200, queued),
            Placing::Queued {
                session: "ATVId_3e".to_owned()
            }
        );
        let refused = r#"{"entries":[{"phoneNumber":"+2547","status":"InvalidPhoneNumber","sessionId":"None"}],"errorMessage":"None"}"#;
        assert_eq!(
            placing(200, refused),
            Placing::Refused("InvalidPhoneNumber".to_owned())
        );
        let account = r#"{"entries":[],"errorMessage":"Invalid callerId: 1"}"#;
        assert_eq!(
            placing(200, account),
            Placing::Refused("Invalid callerId: 1".to_owned())
        );
        let nameless = r#"{"entries":[{"status":"Queued","sessionId":"None"}]}"#;
        for (status, body) in [(200, nameless), (200, "<html>"), (500, queued), (302, "")] {
            assert!(
                matches!(placing(status, body), Placing::Unclear(_)),
                "{status} {body}"
            );
        }
        assert_eq!(placing(401, ""), Placing::Refused("HTTP 401".to_owned()));
    }
}
