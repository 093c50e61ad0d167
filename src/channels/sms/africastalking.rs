//! Africa's Talking's SMS webhooks: inbound messages, delivery reports, opt-outs.
//!
//! They are not signed; the secret in the path stands for the sender, and the router has checked it. A message that is not answered with 200
//! comes again each minute for half a day: whatever comes is stored or counted and answered 200, unless our own
//! database is away.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRef, State};
use axum::http::StatusCode;
use axum::routing::post;
use chrono::{DateTime, NaiveDateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgPool;

use super::alarm;
use super::reports_desk::ReportsDesk;
use super::webhook::{Fields, acknowledged, ours, received};
use crate::clock::Clock;
use crate::fault::Fault;
use crate::messages::inbox::{self, Arrived};
use crate::messages::opt_out;
use crate::messages::reports::{Report, Says};
use crate::primitives::{Carrier, Language};
use crate::spool::Spool;
use crate::work::{Actor, Work};

/// What the webhooks of the messages room need.
#[derive(Clone)]
pub struct MessagesState {
    pub pool: PgPool,
    pub clock: Clock,
    pub reports: ReportsDesk,
    /// Takes an alarm that Postgres cannot.
    pub spool: Spool,
    /// Of a sender whom nobody can look up.
    pub language: Language,
}

/// More than any message with its fields.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// A Postgres that takes longer is away.
const STORING_PATIENCE: Duration = Duration::from_secs(3);

pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    MessagesState: FromRef<S>,
{
    Router::new()
        .route("/at/{key}/sms", post(inbound))
        .route("/at/{key}/sms/report", post(report))
        .route("/at/{key}/sms/opt-out", post(opted_out))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

async fn inbound(State(state): State<MessagesState>, body: Bytes) -> StatusCode {
    let fields = Fields::read(&body);
    let now = state.clock.now();
    let arrived = arrived(&fields, &body, now);
    let stored = async {
        let mut work = Work::begin(&state.pool, now, Actor::System).await?;
        let stored = inbox::receive(&mut work, &arrived).await?;
        work.commit().await?;
        Ok(stored.is_some())
    };
    let stored = tokio::time::timeout(STORING_PATIENCE, stored).await;
    match stored.unwrap_or_else(|_| Err(Fault::broken("Postgres does not answer in time"))) {
        Ok(is_new) => acknowledged("inbound", if is_new { "stored" } else { "again" }),
        Err(fault) => {
            // It comes again until it is stored, and a cry for help does not wait for that.
            if let Some(report) = alarm::report(&arrived, now, state.language)
                && let Err(why) = state.spool.take_report(report).await
            {
                tracing::error!(%why, "An emergency by SMS could not be kept; it is alerted all the same");
            }
            ours("an inbound message", &fault)
        }
    }
}

async fn report(State(state): State<MessagesState>, body: Bytes) -> StatusCode {
    let fields = Fields::read(&body);
    let Some(report) = reported(&fields) else {
        return acknowledged("report", "unreadable");
    };
    received(&state.reports, report).await
}

async fn opted_out(State(state): State<MessagesState>, body: Bytes) -> StatusCode {
    let fields = Fields::read(&body);
    let Some(msisdn) = fields.msisdn("phoneNumber") else {
        return acknowledged("opt_out", "unreadable");
    };
    let sender = fields.one("senderId").unwrap_or("an unnamed sender");
    let noted = async {
        let mut conn = state.pool.acquire().await?;
        opt_out(
            &mut conn,
            &msisdn,
            state.clock.now(),
            &format!("opt-out from {sender}"),
        )
        .await
    };
    match noted.await {
        Ok(()) => acknowledged("opt_out", "stored"),
        Err(fault) => ours("an opt-out", &fault),
    }
}

fn arrived(fields: &Fields, body: &[u8], now: DateTime<Utc>) -> Arrived {
    let id = fields.one("id").filter(|id| id.chars().count() <= 100);
    Arrived {
        provider: Carrier::AfricasTalking.as_str(),
        provider_id: id.map_or_else(
            || format!("sha256:{}", hex::encode(Sha256::digest(body))),
            ToOwned::to_owned,
        ),
        sent_at: fields.one("date").and_then(date).unwrap_or(now),
        // Without an id a repeat looks like a new message, so nobody is answered.
        from: id.and_then(|_| fields.msisdn("from")),
        to: fields.one("to").map(ToOwned::to_owned),
        text: fields.one("text").unwrap_or_default().to_owned(),
        fields: fields.to_json(),
    }
}

/// UTC in the forms that are seen: `2017-05-03T06:04:45Z`, the same with milliseconds, `2017-05-03 06:04:45`.
fn date(written: &str) -> Option<DateTime<Utc>> {
    let written = written.trim();
    let zoned = DateTime::parse_from_rfc3339(written).map(|at| at.to_utc());
    let bare =
        || NaiveDateTime::parse_from_str(written, "%Y-%m-%d %H:%M:%S%.f").map(|at| at.and_utc());
    zoned.or_else(|_| bare()).ok()
}

fn reported(fields: &Fields) -> Option<Report> {
    let status = fields.one("status")?;
    let reason = fields.one("failureReason");
    Some(Report {
        provider: Carrier::AfricasTalking,
        provider_message_id: fields
            .one("id")
            .filter(|id| id.chars().count() <= 100)?
            .to_owned(),
        msisdn: fields.msisdn("phoneNumber"),
        status: status.to_owned(),
        reason: reason.map(ToOwned::to_owned),
        says: says(status, reason),
        fields: fields.to_json(),
    })
}

/// Africa's Talking's delivery report statuses. A failure without a useful reason may be the way it took.
fn says(status: &str, reason: Option<&str>) -> Says {
    let is_one_of = |words: &[&str]| {
        let reason = reason.unwrap_or_default().trim();
        words.iter().any(|word| reason.eq_ignore_ascii_case(word))
    };
    let blocked = is_one_of(&["UserInBlackList", "DoNotDisturbRejection"]);
    let elsewhere = is_one_of(&["DeliveryFailure"]);
    match status.trim().to_ascii_lowercase().as_str() {
        "sent" | "submitted" | "buffered" => Says::Underway,
        "success" => Says::Delivered,
        "rejected" | "failed" if blocked => Says::Blocked,
        "rejected" | "failed" if elsewhere => Says::FailedHere,
        "rejected" | "failed" | "absentsubscriber" | "expired" => Says::Failed,
        _ => Says::Unclear,
    }
}

#[cfg(test)]
mod tests;
