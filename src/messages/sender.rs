//! Empties the outbox, lane by lane: claims what is due, chooses a provider for it, and has it handed over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use sqlx::postgres::PgListener;
use sqlx::{PgConnection, PgPool};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::handing::{Handed, Left};
use super::model::{Class, Handover};
use super::outlets::Outlets;
use super::route::{self, Choice, Rest};
use super::store::attempts::{self, Try};
use super::store::batches::{self, Beginning};
use super::store::outbox::{self, Due};
use super::{Kind, Templates, Values, reports};
use crate::clock::Clock;
use crate::fault::Fault;
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
    outlets: Outlets,
}

/// A lost notification costs no more than this.
const POLL: Duration = Duration::from_secs(1);
const UPKEEP: Duration = Duration::from_secs(5);
/// Messages that one claim puts off to the end of the quiet hours.
const PUT_OFF_AT_ONCE: usize = 1000;
/// How long a stopping sender waits for answers.
const GRACE: Duration = Duration::from_secs(15);
/// After this nobody will tell us any more what became of a message.
const UNTOLD_MAX: TimeDelta = TimeDelta::hours(24);

/// Ten segments; nothing of ours comes near.
const TEXT_MAX: usize = 1530;

/// Messages of a lane on their way at the same time: so many that a provider which takes its time does not hold up a
/// lane, and fewer the less it matters, for they share the machine.
fn concurrency(class: Class) -> usize {
    match class {
        Class::Emergency => 32,
        Class::Money => 32,
        Class::Service => 24,
        Class::Promotion => 16,
    }
}

/// Longer than any answer is waited for and any turn at the bucket. Of an alert that a dead sender had, others must hear
/// sooner.
fn lease(class: Class) -> TimeDelta {
    match class {
        Class::Emergency => TimeDelta::seconds(20),
        _ => TimeDelta::seconds(60),
    }
}

impl Sender {
    /// Sends through these outlets, and nothing that can wait in their quiet hours.
    pub fn new(pool: PgPool, clock: Clock, templates: Arc<Templates>, outlets: Outlets) -> Sender {
        Sender(Arc::new(Parts {
            pool,
            clock,
            templates,
            outlets,
        }))
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    pub(super) fn outlets(&self) -> &Outlets {
        &self.0.outlets
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
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
                for (this, wait) in begun.tries {
                    if let Handed::Answered(this, handover) = self.hand_over(this, wait).await {
                        self.write_down(vec![(*this, handover)]).await;
                    }
                    tries += 1;
                }
            }
        }
        Ok(tries)
    }

    async fn lane(self, class: Class, woken: Arc<Notify>, stop: CancellationToken) {
        let mut on_their_way = JoinSet::new();
        // What providers have answered to is written down together: the longer that takes, the more is there next time.
        let (mut answered, mut writing) = (Vec::new(), JoinSet::new());
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut left_some_behind = false;
        loop {
            let mut due_again = false;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(done) = writing.join_next() => due_again |= matches!(done, Ok(Left::DueAgain)),
                Some(done) = on_their_way.join_next() => due_again |= noted(done, &mut answered),
                () = woken.notified() => due_again = true,
                _ = poll.tick() => due_again = true,
            }
            while let Some(done) = on_their_way.try_join_next() {
                due_again |= noted(done, &mut answered);
            }
            if writing.is_empty() && !answered.is_empty() {
                let (sender, answered) = (self.clone(), std::mem::take(&mut answered));
                writing.spawn(async move { sender.write_down(answered).await });
            }
            if !left_some_behind && !due_again {
                continue;
            }
            let busy = on_their_way.len() + answered.len();
            let free = concurrency(class).saturating_sub(busy);
            if free == 0 {
                left_some_behind = true;
                continue;
            }
            match self.begin(class, free).await {
                Ok(begun) => {
                    left_some_behind = begun.looked_at >= free;
                    if left_some_behind && begun.tries.is_empty() {
                        woken.notify_one();
                    }
                    for (this, wait) in begun.tries {
                        let sender = self.clone();
                        on_their_way.spawn(async move { sender.hand_over(this, wait).await });
                    }
                }
                Err(fault) => {
                    tracing::warn!(lane = class.as_str(), %fault, "Could not look for due messages; looking again shortly")
                }
            }
        }
        // What is not answered by then keeps its lease and is taken back when it runs out.
        let _ = tokio::time::timeout(GRACE, async {
            while let Some(done) = on_their_way.join_next().await {
                noted(done, &mut answered);
            }
            while writing.join_next().await.is_some() {}
            self.write_down(answered).await;
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
        let reclaimed = attempts::reclaim(&self.0.pool, now).await?;
        if reclaimed > 0 {
            tracing::warn!(
                reclaimed,
                "Took back {reclaimed} messages whose sender did not finish"
            );
        }
        let mut transaction = work::begin(&self.0.pool).await?;
        reports::adopt(&mut transaction, now).await?;
        transaction.commit().await?;
        outbox::fail_untold(&self.0.pool, now - UNTOLD_MAX, now).await?;
        Ok(())
    }

    /// Claims due messages in one short transaction: makes their texts, chooses their providers, writes each try down,
    /// drops what is stale.
    async fn begin(&self, class: Class, free: usize) -> Result<Begun, Fault> {
        let now = self.now();
        let room = self.outlets().room(class, now, free);
        if room == 0 {
            return Ok(Begun::default());
        }
        let mut transaction = work::begin(&self.0.pool).await?;
        let put_off = self.put_off(&mut transaction, class, now).await?;
        if put_off >= PUT_OFF_AT_ONCE || (put_off > 0 && class == Class::Promotion) {
            transaction.commit().await?;
            return Ok(Begun::nothing(put_off));
        }
        if class == Class::Emergency {
            for overdue in attempts::repeat_overdue(&mut transaction, now).await? {
                if let Some(carrier) = overdue.carrier.filter(|_| overdue.is_silent) {
                    self.outlets().breakers.heard_nothing(carrier, class, now);
                }
            }
        }
        let due = outbox::lock_due(&mut transaction, class, now, room as i64).await?;
        let mut begun = Begun::nothing(due.len());
        let (mut beginnings, mut waits) = (Vec::new(), Vec::new());
        // What this claim says to a phone counts as well.
        let mut said: BTreeMap<String, i64> = BTreeMap::new();
        for mut due in due {
            let said = said.entry(due.to.digits().to_owned()).or_default();
            due.said_today += *said;
            let text = match self.prepared(&due, now) {
                Ok(text) => {
                    *said += 1;
                    text
                }
                Err(dropped) => {
                    let state = dropped.tell(&due);
                    outbox::give_up(&mut transaction, due.id, state, &dropped.why, now).await?;
                    continue;
                }
            };
            match self.outlets().choose(class, &due.tried, now) {
                Choice::Through(carrier) => {
                    let (text, segments) = text;
                    let turns = usize::try_from(segments).unwrap_or(1);
                    let wait = self.outlets().turn(carrier, class, turns);
                    waits.push(wait);
                    beginnings.push(Beginning {
                        due,
                        text,
                        segments,
                        carrier,
                        at_once: wait.is_zero(),
                    });
                }
                Choice::Later => {
                    let until = self.outlets().next_chance(class, now);
                    outbox::postpone(&mut transaction, due.id, until, now).await?;
                }
                Choice::Nobody => {
                    let state = route::rest(&due.tried).as_str();
                    let why = due.why.as_deref().unwrap_or("no provider is left");
                    metric::message(class.as_str(), state);
                    outbox::give_up(&mut transaction, due.id, state, why, now).await?;
                }
            }
        }
        let until = now + lease(class);
        let tries = batches::begin(&mut transaction, beginnings, now, until).await?;
        begun.tries = tries.into_iter().zip(waits).collect();
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
        let until = self.outlets().pace.quiet.not_before(class, now);
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
        if Kind::of(&due.template)
            .is_some_and(|kind| due.unwanted.iter().any(|no| no == kind.as_str()))
        {
            return Err(Dropped {
                state: "failed",
                why: "wants none of this kind".to_owned(),
                held_back_by: "preference",
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
}

/// Takes up what came of a try. True when its message is due again at once.
fn noted(done: Result<Handed, JoinError>, answered: &mut Vec<(Try, Handover)>) -> bool {
    match done {
        Ok(Handed::Answered(this, handover)) => {
            answered.push((*this, handover));
            false
        }
        Ok(Handed::Settled(left)) => left == Left::DueAgain,
        // It panicked: its lease runs out.
        Err(_) => false,
    }
}

/// What a claim took.
#[derive(Default)]
struct Begun {
    /// Messages that were due, those dropped included.
    looked_at: usize,
    /// Each with how long it waits for its turn at its provider.
    tries: Vec<(Try, Duration)>,
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
    /// Says it, and the state the message ends in: an earlier try may have brought it.
    fn tell(&self, due: &Due) -> &'static str {
        let state = match route::rest(&due.tried) {
            Rest::Failed => self.state,
            at => at.as_str(),
        };
        metric::message(due.class.as_str(), state);
        metric::held_back(due.class.as_str(), self.held_back_by);
        if self.held_back_by == OUR_MISTAKE {
            tracing::error!(message.id = %due.id, why = self.why, "Could not make the text of message {}", due.id);
        } else {
            tracing::info!(message.id = %due.id, why = self.why, "Sent message {} no further", due.id);
        }
        state
    }
}
