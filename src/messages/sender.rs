//! Hands messages over, lane by lane: claim, send with no transaction open, write down what came of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use sqlx::postgres::PgListener;
use sqlx::{PgConnection, PgPool};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::bucket::Bucket;
use super::model::{Class, Handover, Next, next};
use super::store::outbox::{self, Due, Try};
use super::store::reports::lock as lock_reports_of;
use super::{QuietHours, Templates, Values, reports};
use crate::clock::Clock;
use crate::fault::Fault;
use crate::integrations::africastalking::Client;
use crate::primitives::gsm7;
use crate::telemetry::metric;
use crate::work;

/// The one that sends. Any number of them share the outbox, in one process or in many.
#[derive(Clone)]
pub struct Sender(Arc<Parts>);

struct Parts {
    pool: PgPool,
    clock: Clock,
    templates: Arc<Templates>,
    provider: Client,
    quiet: QuietHours,
    bucket: Mutex<Bucket>,
}

/// The name of the provider in our tables.
pub(crate) const PROVIDER: &str = "africastalking";
/// Longer than any answer is waited for and any turn at the bucket.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// A lost notification costs no more than this.
const POLL: Duration = Duration::from_secs(1);
const UPKEEP: Duration = Duration::from_secs(5);
/// Pauses before writing an outcome down is tried again: in all less than what is left of the lease.
const SETTLED_WITHIN: [Duration; 7] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(8),
];
/// Messages that one claim puts off to the end of the quiet hours.
const PUT_OFF_AT_ONCE: usize = 1000;
/// How long a stopping sender waits for answers.
const GRACE: Duration = Duration::from_secs(15);
/// After this nobody will tell us any more what became of a message.
const UNKNOWN_MAX: TimeDelta = TimeDelta::hours(24);

/// Ten segments; nothing of ours comes near.
const TEXT_MAX: usize = 1530;

/// Messages of a lane on their way at the same time.
fn concurrency(class: Class) -> usize {
    match class {
        Class::Emergency => 16,
        Class::Money => 8,
        Class::Service => 4,
        Class::Promotion => 2,
    }
}

impl Sender {
    /// Sends no more than `segments_per_second` through the provider, emergencies first and uncounted, and nothing that can
    /// wait in the quiet hours.
    pub fn new(
        pool: PgPool,
        clock: Clock,
        templates: Arc<Templates>,
        provider: Client,
        segments_per_second: u32,
        quiet: QuietHours,
    ) -> Sender {
        Sender(Arc::new(Parts {
            pool,
            clock,
            templates,
            provider,
            quiet,
            bucket: Mutex::new(Bucket::new(segments_per_second, Instant::now())),
        }))
    }

    /// Sends until `stop` is cancelled, then waits for the answers to what it has handed over.
    pub async fn run(self, stop: CancellationToken) {
        let woken: [Arc<Notify>; 4] = std::array::from_fn(|_| Arc::new(Notify::new()));
        let mut parts = JoinSet::new();
        for (class, woken) in Class::ALL.into_iter().zip(&woken) {
            parts.spawn(self.clone().lane(class, woken.clone(), stop.clone()));
        }
        parts.spawn(self.clone().listen(woken, stop.clone()));
        parts.spawn(self.clone().look_after(stop));
        while parts.join_next().await.is_some() {}
    }

    /// Sends by hand whatever is due, most urgent first, until nothing is; returns how many tries that took.
    pub async fn drain_due(&self) -> Result<usize, Fault> {
        self.upkeep().await?;
        let mut tries = 0;
        for class in Class::ALL {
            loop {
                let begun = self.begin(class, 1).await?;
                if begun.looked_at == 0 {
                    break;
                }
                for this in begun.tries {
                    self.perform(this).await;
                    tries += 1;
                }
            }
        }
        Ok(tries)
    }

    async fn lane(self, class: Class, woken: Arc<Notify>, stop: CancellationToken) {
        let mut on_their_way = JoinSet::new();
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut left_some_behind = false;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(_) = on_their_way.join_next() => if !left_some_behind { continue },
                () = woken.notified() => {}
                _ = poll.tick() => {}
            }
            let free = concurrency(class).saturating_sub(on_their_way.len());
            if free == 0 {
                left_some_behind = true;
                continue;
            }
            match self.begin(class, free as i64).await {
                Ok(begun) => {
                    left_some_behind = begun.looked_at >= free;
                    if left_some_behind && begun.tries.is_empty() {
                        woken.notify_one();
                    }
                    for this in begun.tries {
                        let sender = self.clone();
                        on_their_way.spawn(async move { sender.perform(this).await });
                    }
                }
                Err(fault) => {
                    tracing::warn!(lane = class.as_str(), %fault, "Could not look for due messages; looking again shortly")
                }
            }
        }
        // What is not answered by then keeps its lease and is taken back when it runs out.
        let _ = tokio::time::timeout(GRACE, async {
            while on_their_way.join_next().await.is_some() {}
        })
        .await;
    }

    async fn listen(self, woken: [Arc<Notify>; 4], stop: CancellationToken) {
        let listening = async {
            loop {
                if let Err(error) = self.listen_once(&woken).await {
                    tracing::warn!(%error, "Not listening for messages; polling until the connection is back");
                    tokio::time::sleep(POLL).await;
                }
            }
        };
        stop.run_until_cancelled(listening).await;
    }

    async fn listen_once(&self, woken: &[Arc<Notify>; 4]) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.0.pool).await?;
        listener.listen("outbox").await?;
        loop {
            let notification = listener.recv().await?;
            for (class, woken) in Class::ALL.into_iter().zip(woken) {
                if class.as_str() == notification.payload() {
                    woken.notify_one();
                }
            }
        }
    }

    async fn look_after(self, stop: CancellationToken) {
        let looking = async {
            loop {
                if let Err(fault) = self.upkeep().await {
                    tracing::warn!(%fault, "Could not look after the outbox; looking again shortly");
                }
                tokio::time::sleep(UPKEEP).await;
            }
        };
        stop.run_until_cancelled(looking).await;
    }

    /// Level-triggered: takes back what a lost sender had, joins late reports, ends what nobody reports on.
    async fn upkeep(&self) -> Result<(), Fault> {
        let now = self.0.clock.now();
        let reclaimed = outbox::reclaim(&self.0.pool, now).await?;
        if reclaimed > 0 {
            tracing::warn!(
                reclaimed,
                "Took back {reclaimed} messages whose sender did not finish"
            );
        }
        let mut transaction = work::begin(&self.0.pool).await?;
        reports::adopt(&mut transaction, now).await?;
        transaction.commit().await?;
        outbox::fail_unknown(&self.0.pool, now - UNKNOWN_MAX, now).await?;
        Ok(())
    }

    /// Claims due messages in one short transaction: makes their texts, writes each try down, drops what is stale.
    async fn begin(&self, class: Class, limit: i64) -> Result<Begun, Fault> {
        let now = self.0.clock.now();
        let mut transaction = work::begin(&self.0.pool).await?;
        let put_off = self.put_off(&mut transaction, class, now).await?;
        if put_off >= PUT_OFF_AT_ONCE || (put_off > 0 && class == Class::Promotion) {
            transaction.commit().await?;
            return Ok(Begun::nothing(put_off));
        }
        let due = outbox::lock_due(&mut transaction, class, now, limit).await?;
        let mut begun = Begun {
            looked_at: due.len(),
            tries: Vec::with_capacity(due.len()),
        };
        // What this claim says to a phone counts as well.
        let mut said: BTreeMap<String, i64> = BTreeMap::new();
        for mut due in due {
            let said = said.entry(due.to.digits().to_owned()).or_default();
            due.said_today += *said;
            let prepared = self.prepared(&due, now);
            *said += i64::from(prepared.is_ok());
            match prepared {
                Ok(text) => begun.tries.push(
                    outbox::begin_try(&mut transaction, due, text, PROVIDER, now, now + LEASE)
                        .await?,
                ),
                Err(dropped) => {
                    dropped.tell(&due);
                    outbox::drop_unsent(&mut transaction, due.id, dropped.state, &dropped.why, now)
                        .await?;
                }
            }
        }
        transaction.commit().await?;
        Ok(begun)
    }

    /// In the quiet hours: moves what is due and can wait to their end. Returns how many messages that were.
    async fn put_off(
        &self,
        conn: &mut PgConnection,
        class: Class,
        now: DateTime<Utc>,
    ) -> Result<usize, Fault> {
        let until = self.0.quiet.not_before(class, now);
        if until <= now {
            return Ok(0);
        }
        let some = match class {
            Class::Promotion => None,
            _ => Some(self.0.templates.that_wait(class)),
        };
        let most = PUT_OFF_AT_ONCE as i64;
        let put_off = outbox::put_off(conn, class, some.as_deref(), now, until, most).await?;
        Ok(usize::try_from(put_off).unwrap_or(usize::MAX))
    }

    /// The text and its segments, made at the first try and kept for the others.
    fn prepared(&self, due: &Due, now: DateTime<Utc>) -> Result<(String, i32), Dropped> {
        if now > due.not_after {
            return Err(Dropped {
                state: "expired",
                why: "too late to be worth saying".to_owned(),
                held_back_by: "time",
            });
        }
        if due.class == Class::Promotion && due.opted_out {
            return Err(Dropped {
                state: "failed",
                why: "wants no promotion".to_owned(),
                held_back_by: "stop",
            });
        }
        if due
            .class
            .a_day_max()
            .is_some_and(|max| due.said_today >= max)
        {
            return Err(Dropped {
                state: "failed",
                why: "too many to this phone within a day".to_owned(),
                held_back_by: "ceiling",
            });
        }
        if let Some(made) = &due.text {
            return Ok(made.clone());
        }
        let unsayable = |why: String| Dropped {
            state: "failed",
            why,
            held_back_by: OUR_MISTAKE,
        };
        let values =
            Values::deserialize(&due.fills).map_err(|error| unsayable(error.to_string()))?;
        let text = self
            .0
            .templates
            .render(&due.template, due.language, &values);
        let text = text.map_err(|error| unsayable(error.to_string()))?;
        if text.is_empty() || text.chars().count() > TEXT_MAX {
            return Err(unsayable(format!(
                "a text of {} characters",
                text.chars().count()
            )));
        }
        let segments = i32::try_from(gsm7::sms_length(&text).parts).unwrap_or(i32::MAX);
        Ok((text, segments))
    }

    /// Hands one message over and writes down what came of it.
    async fn perform(&self, this: Try) {
        let wait = self.turn(this.segments);
        if this.class != Class::Emergency {
            tokio::time::sleep(wait).await;
        }
        let handover = self
            .0
            .provider
            .send_sms(&this.to, &this.text, !this.without_name)
            .await;
        // What we do not write down is said twice, so a passing fault is waited out while the lease is ours.
        let mut pauses = SETTLED_WITHIN.iter();
        while let Err(fault) = self.settle(&this, handover.clone()).await {
            let Some(pause) = pauses.next().filter(|_| fault.is_passing()) else {
                tracing::error!(message.id = %this.id, %fault, "Could not write down how message {} went; its lease will run out", this.id);
                return;
            };
            tokio::time::sleep(*pause).await;
        }
    }

    fn turn(&self, segments: usize) -> Duration {
        let mut bucket = self.0.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(segments, Instant::now())
    }

    async fn settle(&self, this: &Try, handover: Handover) -> Result<(), Fault> {
        let now = self.0.clock.now();
        let mut transaction = work::begin(&self.0.pool).await?;
        let conn = &mut *transaction;
        let (outcome, detail) = told(&handover);
        outbox::end_attempt(conn, this, outcome, detail.as_deref(), now).await?;
        let (ours, state) = match next(this.class, this.attempts, !this.without_name, handover) {
            Next::Sent { id, cost } => {
                lock_reports_of(conn, &id).await?;
                let ours = outbox::mark_sent(conn, this, &id, cost, now).await?;
                if ours {
                    reports::apply_parked(conn, PROVIDER, &id, this.id, now).await?;
                }
                (ours, "sent")
            }
            Next::Again { after, .. } if now + after > this.not_after => {
                let why = "too late to be worth another try";
                let ours = outbox::mark_ended(conn, this, "expired", why, now).await?;
                (ours, "expired")
            }
            Next::Again {
                after,
                without_name,
                why,
            } => {
                let due = now + after;
                let ours = outbox::mark_queued(conn, this, due, without_name, &why, now).await?;
                (ours, "queued")
            }
            Next::Unknown { why } => {
                let ours = outbox::mark_ended(conn, this, "unknown", &why, now).await?;
                (ours, "unknown")
            }
            Next::Failed { why } => {
                let ours = outbox::mark_ended(conn, this, "failed", &why, now).await?;
                (ours, "failed")
            }
        };
        transaction.commit().await?;
        if ours {
            metric::message(this.class.as_str(), state);
        } else {
            tracing::warn!(message.id = %this.id, "Message {} was answered too late; another try has it", this.id);
        }
        Ok(())
    }
}

/// What a claim took.
struct Begun {
    /// Messages that were due, those dropped included.
    looked_at: usize,
    tries: Vec<Try>,
}

impl Begun {
    fn nothing(looked_at: usize) -> Begun {
        Begun {
            looked_at,
            tries: Vec::new(),
        }
    }
}

/// Why a message is not sent at all.
struct Dropped {
    state: &'static str,
    why: String,
    /// In a word, for the metrics.
    held_back_by: &'static str,
}

/// The caller and the template disagree.
const OUR_MISTAKE: &str = "mistake";

impl Dropped {
    fn tell(&self, due: &Due) {
        metric::message(due.class.as_str(), self.state);
        metric::held_back(due.class.as_str(), self.held_back_by);
        if self.held_back_by == OUR_MISTAKE {
            tracing::error!(message.id = %due.id, why = self.why, "Could not make the text of message {}", due.id);
        } else {
            tracing::info!(message.id = %due.id, why = self.why, "Dropped message {} unsent", due.id);
        }
    }
}

/// How a try is kept, and an alarm for what somebody has to mend.
fn told(handover: &Handover) -> (&'static str, Option<String>) {
    match handover {
        Handover::Accepted { .. } => ("accepted", None),
        Handover::Unknown { why } => ("unknown", Some(why.clone())),
        Handover::Refused(refusal) => {
            if refusal.is_ours() {
                tracing::error!(%refusal, "The SMS provider refuses us: {refusal}");
            }
            ("refused", Some(refusal.to_string()))
        }
    }
}
