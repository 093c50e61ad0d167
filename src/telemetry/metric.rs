//! Every number the process publishes at `/metrics`: names, labels and units in one place.
//!
//! Labels are few and bounded: screens, outcomes, providers, queues. Never a person.

use std::time::Duration;

use metrics::{
    SharedString, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::primitives::Money;

const HOPS: &str = "kwastage_hops_total";
const HOP_TROUBLES: &str = "kwastage_hop_troubles_total";
const HOPS_NOT_JOURNALLED: &str = "kwastage_hops_not_journalled_total";
const SESSIONS_ENDED: &str = "kwastage_sessions_ended_total";
const HOP_SECONDS: &str = "kwastage_hop_duration_seconds";
const PAYMENTS: &str = "kwastage_payments_total";
const PAYOUTS: &str = "kwastage_payouts_total";
const PAYOUTS_STOPPED: &str = "kwastage_payouts_stopped";
const MESSAGES: &str = "kwastage_messages_total";
const MESSAGES_HELD_BACK: &str = "kwastage_messages_held_back_total";
const SPOOLED: &str = "kwastage_spooled_total";
const QUEUE_DEPTH: &str = "kwastage_queue_depth";
const PROVIDER_SECONDS: &str = "kwastage_provider_duration_seconds";
const PASSED_OVER: &str = "kwastage_sms_provider_passed_over";
const LEDGER_DRIFT: &str = "kwastage_ledger_drift_cents";
const REFUSED_WEBHOOKS: &str = "kwastage_refused_webhooks_total";
const EMERGENCY_SECONDS: &str = "kwastage_emergency_wait_seconds";
const EMERGENCIES_UNANSWERED: &str = "kwastage_emergencies_unanswered_total";
const EMERGENCY_DRILLS: &str = "kwastage_emergency_drills_total";
const VOICE_WEBHOOKS: &str = "kwastage_voice_webhooks_total";

/// Upper bounds in seconds: fine where a hop should be, coarse up to the network's limit.
const HOP_BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0,
];
const PROVIDER_BUCKETS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0];
/// From half a minute to the promise of thirty minutes, and beyond.
const EMERGENCY_BUCKETS: [f64; 9] = [
    30.0, 60.0, 180.0, 360.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
];

/// Starts recording and gives the handle that [`page`] renders.
///
/// # Errors
/// A recorder was installed before in this process.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = builder()?.install_recorder()?;
    describe();
    Ok(handle)
}

/// The page Prometheus reads.
pub fn page(handle: &PrometheusHandle) -> String {
    handle.render()
}

/// Folds what histograms have gathered, for ever. Without it they grow until somebody reads `/metrics`.
pub async fn keep_folding(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

/// One answered hop of a call: the screen it ended on, how it ended (`continued`, `ended`, `late`, `failed`), our time for it.
pub fn hop(screen: impl Into<SharedString>, outcome: &'static str, took: Duration) {
    let screen = screen.into();
    counter!(HOPS, "screen" => screen.clone(), "outcome" => outcome).increment(1);
    histogram!(HOP_SECONDS, "screen" => screen).record(took);
}

/// A hop or notice that something was wrong with, such as `field_twice`, `another_phone`, `divergent`, `store_away`, `overtaken`.
pub fn hop_trouble(what: &'static str) {
    counter!(HOP_TROUBLES, "what" => what).increment(1);
}

/// Hops that the journal could not keep: its queue was full or the database away.
pub fn hops_not_journalled(hops: u64) {
    counter!(HOPS_NOT_JOURNALLED).increment(hops);
}

/// An end-of-session notice, by the operator's word for how the call went.
pub fn session_ended(status: &str) {
    let status = match status {
        "Success" => "success",
        "Incomplete" => "incomplete",
        "Failed" => "failed",
        _ => "other",
    };
    counter!(SESSIONS_ENDED, "status" => status).increment(1);
}

/// One piece of news about a payment, such as `paid`, `confirmed`, `unpaid_cancel`, `checking`.
pub fn payment(outcome: impl Into<SharedString>) {
    counter!(PAYMENTS, "outcome" => outcome.into()).increment(1);
}

/// One payout that ended, by what it was for and how: `paid` or `returned`.
pub fn payout(purpose: &'static str, outcome: &'static str) {
    counter!(PAYOUTS, "purpose" => purpose, "outcome" => outcome).increment(1);
}

/// Whether all payouts are stopped until a person lifts it. Anything but zero pages somebody.
pub fn payouts_stopped(stopped: bool) {
    gauge!(PAYOUTS_STOPPED).set(f64::from(stopped));
}

/// What became of an emergency report that Postgres could not take: `kept`, `not_kept`, `alerted`, `drained` and the like.
pub fn spooled(outcome: &'static str) {
    counter!(SPOOLED, "outcome" => outcome).increment(1);
}

/// One message that reached a state (`queued` means: once more), by lane (`emergency`, `money`, `service`, `promotion`).
pub fn message(lane: &'static str, outcome: &'static str) {
    counter!(MESSAGES, "lane" => lane, "outcome" => outcome).increment(1);
}

/// One message that was not sent although it was due, by lane and by what held it back: `ceiling` (too many to this phone
/// within a day), `stop`, `time` (too late to be worth saying), `mistake` (ours, in a text).
pub fn held_back(lane: &'static str, by: &'static str) {
    counter!(MESSAGES_HELD_BACK, "lane" => lane, "by" => by).increment(1);
}

/// How many wait in a queue: jobs that are due, messages in the outbox, payments without an end.
pub fn queue_depth(queue: &'static str, depth: u64) {
    // Exact up to 2^53, far beyond any queue.
    gauge!(QUEUE_DEPTH, "queue" => queue).set(depth as f64);
}

/// How a call to a provider ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnd {
    Ok,
    /// Answered, and not done.
    Refused,
    /// It left, and what came of it is not known: no answer in time, or none that can be read.
    Unclear,
    /// It never left: there was no connection, or no access token.
    Unsent,
}

impl CallEnd {
    fn name(self) -> &'static str {
        match self {
            CallEnd::Ok => "ok",
            CallEnd::Refused => "refused",
            CallEnd::Unclear => "unclear",
            CallEnd::Unsent => "unsent",
        }
    }
}

/// One call to a provider, how it ended and how long that took.
pub fn provider_call(
    provider: &'static str,
    operation: &'static str,
    end: CallEnd,
    took: Duration,
) {
    histogram!(PROVIDER_SECONDS, "provider" => provider, "operation" => operation, "outcome" => end.name()).record(took);
}

/// Whether a lane's messages pass a provider over because it does not work.
pub fn provider_passed_over(provider: &'static str, lane: &'static str, is_passed_over: bool) {
    gauge!(PASSED_OVER, "provider" => provider, "lane" => lane).set(f64::from(is_passed_over));
}

/// What the ledger's accounts sum to. Anything but zero pages somebody.
pub fn ledger_drift(drift: Money) {
    gauge!(LEDGER_DRIFT).set(drift.cents() as f64);
}

/// A webhook that was turned away: a wrong `key`, or a payment `token` that is nobody's.
pub fn refused_webhook(reason: &'static str) {
    counter!(REFUSED_WEBHOOKS, "reason" => reason).increment(1);
}

/// How long somebody in trouble waited until a person had `answered` (said that they come) or `arrived`.
pub fn emergency_waited(until: &'static str, seconds: u32) {
    histogram!(EMERGENCY_SECONDS, "until" => until).record(f64::from(seconds));
}

/// An alarm that went up the whole ladder again and again, and nobody answered.
pub fn emergency_unanswered() {
    counter!(EMERGENCIES_UNANSWERED).increment(1);
}

/// A trial of the emergency chain: `whole`, or the link that broke.
pub fn emergency_drill(outcome: &'static str) {
    counter!(EMERGENCY_DRILLS, "outcome" => outcome).increment(1);
}

/// A request about a call, and what it was.
pub fn voice_webhook(outcome: &'static str) {
    counter!(VOICE_WEBHOOKS, "outcome" => outcome).increment(1);
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(HOP_SECONDS.into()), &HOP_BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(EMERGENCY_SECONDS.into()), &EMERGENCY_BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(PROVIDER_SECONDS.into()), &PROVIDER_BUCKETS)
}

fn describe() {
    describe_counter!(HOPS, "Answered hops by screen and outcome");
    describe_counter!(HOP_TROUBLES, "Hops with something wrong, by what");
    describe_counter!(HOPS_NOT_JOURNALLED, "Hops the journal could not keep");
    describe_counter!(SESSIONS_ENDED, "End-of-session notices by status");
    describe_histogram!(HOP_SECONDS, "Our time for a hop by screen");
    describe_counter!(PAYMENTS, "Payments that reached a state");
    describe_counter!(PAYOUTS, "Payouts that ended, by purpose and outcome");
    describe_gauge!(
        PAYOUTS_STOPPED,
        "1 while all payouts are stopped; a person lifts it"
    );
    describe_counter!(MESSAGES, "Messages that reached a state, by lane");
    describe_counter!(
        MESSAGES_HELD_BACK,
        "Messages dropped unsent, by what held them back"
    );
    describe_counter!(SPOOLED, "Emergency reports Postgres could not take");
    describe_gauge!(QUEUE_DEPTH, "What waits, by queue");
    describe_histogram!(
        PROVIDER_SECONDS,
        "Calls to providers by operation and outcome"
    );
    describe_gauge!(
        PASSED_OVER,
        "1 while a lane's messages pass a provider over"
    );
    describe_gauge!(
        LEDGER_DRIFT,
        "Sum of all accounts; zero or somebody is paged"
    );
    describe_counter!(REFUSED_WEBHOOKS, "Webhooks turned away by reason");
    describe_histogram!(
        EMERGENCY_SECONDS,
        "From an alarm to the first yes and the first arrival"
    );
    describe_counter!(EMERGENCIES_UNANSWERED, "Alarms that nobody answered");
    describe_counter!(EMERGENCY_DRILLS, "Trials of the emergency chain by outcome");
    describe_counter!(VOICE_WEBHOOKS, "Requests about calls by what they were");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_stands_on_the_page() {
        let recorder = builder().unwrap().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            describe();
            hop("home", "continued", Duration::from_millis(3));
            hop(
                String::from("home"),
                "continued",
                Duration::from_micros(700),
            );
            payment("paid");
            message("money", "delivered");
            queue_depth("outbox", 12);
            provider_call("mpesa", "push", CallEnd::Ok, Duration::from_millis(300));
            ledger_drift(Money::from_cents(-5));
            refused_webhook("key");
        });
        let page = page(&handle);
        for line in [
            "kwastage_hops_total{screen=\"home\",outcome=\"continued\"} 2",
            "kwastage_hop_duration_seconds_bucket{screen=\"home\",le=\"0.001\"} 1",
            "kwastage_hop_duration_seconds_bucket{screen=\"home\",le=\"0.005\"} 2",
            "kwastage_payments_total{outcome=\"paid\"} 1",
            "kwastage_messages_total{lane=\"money\",outcome=\"delivered\"} 1",
            "kwastage_queue_depth{queue=\"outbox\"} 12",
            "kwastage_provider_duration_seconds_bucket{provider=\"mpesa\",operation=\"push\",outcome=\"ok\",le=\"0.25\"} 0",
            "kwastage_provider_duration_seconds_bucket{provider=\"mpesa\",operation=\"push\",outcome=\"ok\",le=\"0.5\"} 1",
            "kwastage_ledger_drift_cents -5",
            "kwastage_refused_webhooks_total{reason=\"key\"} 1",
            "# HELP kwastage_hops_total Answered hops by screen and outcome",
        ] {
            assert!(page.lines().any(|shown| shown == line), "{line}\n{page}");
        }
    }
}
