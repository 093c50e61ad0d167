//! What the process says about itself: logs in three streams, and metrics. Never a PIN, an id or a whole phone number.
//!
//! A log line is a sentence with fields, in JSON. Its target names its stream: [`SECURITY`] for who tried what,
//! [`FINANCIAL`] for what moved money, any other target for the app. By type nothing private can be printed
//! (a [`Msisdn`](crate::primitives::Msisdn) shows itself masked, a [`Secret`](crate::primitives::Secret) not at all);
//! the writer masks whole phone numbers once more, for the day a type is got around.

pub mod canary;
pub mod metric;
mod redaction;
mod streams;

use anyhow::Context;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Log;
use streams::Streams;

/// Target of lines about who tried what: wrong webhook keys, forged callbacks, locked PINs, staff deeds.
pub const SECURITY: &str = "security";
/// Target of lines about money: payments applied, receipts issued, ledger drift.
pub const FINANCIAL: &str = "financial";

/// Starts the log of this process, once.
///
/// # Errors
/// The folder cannot be written, or a log was started before.
pub fn start(log: &Log) -> anyhow::Result<()> {
    let streams = Streams::open(log.folder.as_deref()).context("cannot open the log")?;
    tracing_subscriber::registry()
        .with(filter(log)?)
        .with(lines(streams))
        .try_init()
        .context("a log is running already")
}

fn filter(log: &Log) -> anyhow::Result<EnvFilter> {
    EnvFilter::try_new(&log.level)
        .with_context(|| format!("log.level {:?} is no filter", log.level))
}

fn lines<S>(streams: Streams) -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_writer(streams)
}

/// Lets a test hear its lines whichever thread meets them first. While no process-wide subscriber is set, a line that
/// another test's thread meets first is taken for one that nobody listens to, and is switched off for all of them.
#[cfg(test)]
pub fn every_thread_listens() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::registry()
            .with(tracing_subscriber::filter::LevelFilter::INFO)
            .init();
    });
}

#[cfg(test)]
mod tests;
