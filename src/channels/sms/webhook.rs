//! What the webhooks of all providers have in common: forms of any bytes, and answers that never invite a storm.

use std::collections::BTreeMap;

use axum::http::StatusCode;

use super::reports_desk::ReportsDesk;
use crate::fault::Fault;
use crate::messages::reports::{Applied, Report, Says};
use crate::primitives::Msisdn;

/// Stores a delivery report and says whether it is to come again.
pub(super) async fn received(desk: &ReportsDesk, report: Report) -> StatusCode {
    let is_unclear = report.says == Says::Unclear;
    match desk.store(report).await {
        Ok(_) if is_unclear => acknowledged("report", "unclear"),
        Ok(Applied::Moved(_)) => acknowledged("report", "moved"),
        Ok(Applied::Unchanged) => acknowledged("report", "unchanged"),
        Ok(Applied::Parked) => acknowledged("report", "parked"),
        Err(fault) => ours("a delivery report", &fault),
    }
}

pub(super) fn acknowledged(webhook: &'static str, outcome: &'static str) -> StatusCode {
    metrics::counter!("kwastage_sms_webhooks_total", "webhook" => webhook, "outcome" => outcome)
        .increment(1);
    StatusCode::OK
}

/// The one case in which we want it to come again.
pub(super) fn ours(what: &str, fault: &Fault) -> StatusCode {
    tracing::error!(%fault, "Could not store {what}");
    StatusCode::SERVICE_UNAVAILABLE
}

/// The fields of a form, any bytes. What Postgres cannot hold (the zero character) is left out.
pub(super) struct Fields(BTreeMap<String, Vec<String>>);

impl Fields {
    pub fn read(body: &[u8]) -> Fields {
        let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            fields
                .entry(name.replace('\0', ""))
                .or_default()
                .push(value.replace('\0', ""));
        }
        Fields(fields)
    }

    /// The field's value, if it is not empty and there is no doubt which.
    pub fn one(&self, name: &str) -> Option<&str> {
        match self.0.get(name)?.as_slice() {
            [first, rest @ ..]
                if !first.trim().is_empty() && rest.iter().all(|other| other == first) =>
            {
                Some(first)
            }
            _ => None,
        }
    }

    pub fn msisdn(&self, name: &str) -> Option<Msisdn> {
        Msisdn::parse(self.one(name)?.trim()).ok()
    }

    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!(self.0)
    }
}
