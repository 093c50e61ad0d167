//! Twilio's status callbacks: what became of a message we sent.
//!
//! They are signed, over the address Twilio was told and every parameter, on top of the secret in the path. Twilio does not
//! repeat a callback by default, and a signed one can be replayed for ever: a report moves a message forward only, so that
//! the second time changes nothing.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRef, OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;

use super::reports_desk::ReportsDesk;
use super::webhook::{Fields, acknowledged, received};
use crate::integrations::twilio::{Sealed, Verifier, is_opted_out, may_pass_elsewhere};
use crate::messages::reports::{Report, Says};
use crate::primitives::Carrier;
use crate::telemetry::{SECURITY, metric};

/// What the webhook needs.
#[derive(Clone)]
pub struct TwilioState {
    pub reports: ReportsDesk,
    pub verifier: Arc<Verifier>,
}

/// More than any callback with its fields.
const BODY_BYTES_MAX: usize = 64 * 1024;

pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    TwilioState: FromRef<S>,
{
    Router::new()
        .route("/twilio/{key}/sms/report", post(report))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// The path below which Twilio is told to report, for a webhook key.
pub fn report_path(key: &str) -> String {
    format!("/twilio/{key}/sms/report")
}

async fn report(
    State(state): State<TwilioState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let parameters: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    let signature = headers.get("x-twilio-signature");
    let sealed = Sealed {
        path: uri.path_and_query().map_or("", |path| path.as_str()),
        parameters: &parameters,
        signature: signature
            .and_then(|it| it.to_str().ok())
            .unwrap_or_default(),
    };
    if !state.verifier.believes(sealed) {
        metric::refused_webhook("signature");
        tracing::warn!(target: SECURITY, "Refused a Twilio callback without a good signature");
        return StatusCode::FORBIDDEN;
    }
    match reported(&Fields::read(&body)) {
        Some(report) => received(&state.reports, report).await,
        None => acknowledged("report", "unreadable"),
    }
}

fn reported(fields: &Fields) -> Option<Report> {
    // Older callbacks have the two under the names of before.
    let status = fields
        .one("MessageStatus")
        .or_else(|| fields.one("SmsStatus"))?;
    let id = fields
        .one("MessageSid")
        .or_else(|| fields.one("SmsSid"))
        .filter(|id| id.chars().count() <= 100)?;
    let code = fields.one("ErrorCode");
    Some(Report {
        provider: Carrier::Twilio,
        provider_message_id: id.to_owned(),
        msisdn: fields.msisdn("To"),
        status: status.to_owned(),
        reason: code.map(|code| format!("code {code}")),
        says: says(status, code),
        fields: fields.to_json(),
    })
}

/// Twilio's message statuses and error codes.
fn says(status: &str, code: Option<&str>) -> Says {
    match status.trim().to_ascii_lowercase().as_str() {
        "accepted" | "scheduled" | "queued" | "sending" | "sent" => Says::Underway,
        "delivered" | "read" => Says::Delivered,
        "undelivered" | "failed" if code.is_some_and(is_opted_out) => Says::Blocked,
        "undelivered" | "failed" if code.is_some_and(may_pass_elsewhere) => Says::FailedHere,
        "undelivered" | "failed" | "canceled" => Says::Failed,
        _ => Says::Unclear,
    }
}

#[cfg(test)]
mod tests;
