//! One request to a provider of messages or calls, and how it ended.

use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, redirect};

use crate::fault::Fault;
use crate::messages::{Handover, Refusal};
use crate::telemetry::metric::{self, CallEnd};

/// A client that waits no longer than `timeout` for a whole answer, and follows nobody elsewhere.
pub(super) fn client(headers: HeaderMap, timeout: Duration) -> Result<reqwest::Client, Fault> {
    reqwest::Client::builder()
        .default_headers(headers)
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(5)))
        .redirect(redirect::Policy::none())
        .build()
        .map_err(|error| Fault::broken(format!("the HTTP client: {error}")))
}

/// Hands one message over and reads the answer's status and body with `read`. Never fails: whatever cannot be read is an
/// unknown outcome.
pub(super) async fn hand_over(
    provider: &'static str,
    request: RequestBuilder,
    read: impl FnOnce(u16, &str) -> Handover,
) -> Handover {
    let began = Instant::now();
    let handover = match request.send().await {
        // The connection never stood, so nothing left us.
        Err(error) if error.is_connect() => Handover::Refused(Refusal::Unreachable),
        Err(error) => Handover::Unknown { why: told(&error) },
        Ok(answer) => {
            let status = answer.status().as_u16();
            match answer.text().await {
                Ok(body) => read(status, &body),
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
    metric::provider_call(provider, "sms", end, began.elapsed());
    handover
}

/// The kind of error, without the address it names.
pub(super) fn told(error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() {
        "no answer in time"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "the connection broke"
    };
    kind.to_owned()
}
