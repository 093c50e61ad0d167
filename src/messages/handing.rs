//! Hands one message over with no transaction open, and writes down what came of it.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::model::{Class, Handover};
use super::reports;
use super::route::{self, After, Next, Rest};
use super::sender::Sender;
use super::store::attempts::{self, Try};
use super::store::batches::{self, Accepted};
use super::store::reports as store;
use crate::fault::Fault;
use crate::telemetry::metric;
use crate::work;

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

/// What is left to do after a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    /// The message is due again at once, through somebody else.
    DueAgain,
}

/// What became of handing one message over.
pub(super) enum Handed {
    /// The provider has answered, or not; nothing is written down yet.
    Answered(Box<Try>, Handover),
    /// Everything is.
    Settled(Left),
}

impl Sender {
    /// Waits for its turn and hands the message over. An alert is settled at once; others can be settled together.
    pub(super) async fn hand_over(&self, this: Try, wait: Duration) -> Handed {
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
            match attempts::hand(self.pool(), &this, self.now()).await {
                Ok(true) => {}
                // Another has it by now, or will when the lease runs out: it has not left.
                Ok(false) => return Handed::Settled(Left::Nothing),
                Err(fault) => {
                    tracing::warn!(message.id = %this.id, %fault, "Left message {} for later", this.id);
                    return Handed::Settled(Left::Nothing);
                }
            }
        }
        let outlets = self.outlets();
        let mut sending = Box::pin(outlets.send(
            this.carrier,
            this.to.clone(),
            this.text.clone(),
            !this.without_name,
        ));
        if this.class != Class::Emergency {
            let handover = sending.await;
            return Handed::Answered(Box::new(this), handover);
        }
        let patience = outlets.pace.answer_within;
        if let Ok(handover) = tokio::time::timeout(patience, &mut sending).await {
            return Handed::Settled(self.settle_in_time(&this, handover).await);
        }
        // Nobody waits for it any longer; but its id is worth having, for a report may speak of it.
        let why = format!("no answer within {} seconds", patience.as_secs_f32());
        let left = self.settle_in_time(&this, Handover::Unknown { why }).await;
        let sender = self.clone();
        tokio::spawn(async move {
            let handover = sending.await;
            if let Err(fault) = sender.note_late(&this, &handover).await {
                tracing::warn!(message.id = %this.id, %fault, "Could not note a late answer for message {}", this.id);
            }
        });
        Handed::Settled(left)
    }

    /// Writes down what providers answered to messages of one lane that is not the emergencies': those accepted together,
    /// in one transaction, and whatever is not as it usually is one after the other.
    pub(super) async fn write_down(&self, answered: Vec<(Try, Handover)>) -> Left {
        let is_ordinary = |(this, handover): &(Try, Handover)| {
            this.class != Class::Emergency && matches!(handover, Handover::Accepted { .. })
        };
        let (ordinary, others): (Vec<_>, Vec<_>) = answered.into_iter().partition(is_ordinary);
        let (ordinary, mut others) = match self.settle_accepted(&ordinary).await {
            Ok(true) => (ordinary, others),
            Ok(false) => (Vec::new(), [others, ordinary].concat()),
            Err(fault) => {
                tracing::warn!(%fault, "Could not write {} outcomes down together; writing each of them", ordinary.len());
                (Vec::new(), [others, ordinary].concat())
            }
        };
        let now = self.now();
        for (this, handover) in &ordinary {
            let breakers = &self.outlets().breakers;
            breakers.heard(this.carrier, this.class, handover, now);
        }
        let mut left = Left::Nothing;
        for (this, handover) in others.drain(..) {
            if self.settle_in_time(&this, handover).await == Left::DueAgain {
                left = Left::DueAgain;
            }
        }
        left
    }

    /// Writes down that these were accepted. False, with nothing written, when one of them is not as usual: an id that is
    /// another try's, or a lease that was lost.
    async fn settle_accepted(&self, answered: &[(Try, Handover)]) -> Result<bool, Fault> {
        let accepted: Vec<Accepted<'_>> = answered
            .iter()
            .filter_map(|(this, handover)| match handover {
                Handover::Accepted { id, cost } => Some(Accepted {
                    this,
                    provider_id: id,
                    cost: *cost,
                }),
                _ => None,
            })
            .collect();
        if accepted.is_empty() {
            return Ok(true);
        }
        let ids: HashSet<_> = accepted
            .iter()
            .map(|one| (one.this.carrier, one.provider_id))
            .collect();
        if ids.len() < accepted.len() {
            return Ok(false);
        }
        let now = self.now();
        let mut transaction = work::begin(self.pool()).await?;
        let conn = &mut *transaction;
        batches::lock_reports(conn, &accepted).await?;
        if batches::any_is_anothers(conn, &accepted).await? {
            return Ok(false);
        }
        if batches::mark_sent(conn, &accepted, now).await?.len() < accepted.len() {
            return Ok(false);
        }
        for id in batches::reported_before(conn, &accepted).await? {
            for one in accepted.iter().filter(|one| one.provider_id == id) {
                reports::apply_parked(conn, one.this.carrier, &id, one.this.named(), now).await?;
            }
        }
        transaction.commit().await?;
        for one in &accepted {
            metric::message(one.this.class.as_str(), "sent");
        }
        Ok(true)
    }

    /// What we do not write down may be said twice, so a passing fault is waited out while the lease is ours.
    async fn settle_in_time(&self, this: &Try, handover: Handover) -> Left {
        let now = self.now();
        let breakers = &self.outlets().breakers;
        breakers.heard(this.carrier, this.class, &handover, now);
        let mut pauses = SETTLED_WITHIN.iter();
        loop {
            match self.settle(this, handover.clone()).await {
                Ok(left) => return left,
                Err(fault) => {
                    let Some(pause) = pauses.next().filter(|_| fault.is_passing()) else {
                        tracing::error!(message.id = %this.id, %fault, "Could not write down how message {} went; its lease will run out", this.id);
                        return Left::Nothing;
                    };
                    tokio::time::sleep(*pause).await;
                }
            }
        }
    }

    async fn settle(&self, this: &Try, handover: Handover) -> Result<Left, Fault> {
        let now = self.now();
        let mut transaction = work::begin(self.pool()).await?;
        let conn = &mut *transaction;
        let handover = ended(conn, this, handover, now).await?;
        let route = self.outlets().routes.of(this.class);
        let after = After {
            class: this.class,
            route,
            carrier: this.carrier,
            before: &this.before,
            under_our_name: !this.without_name,
        };
        let tried = route::with(&this.before, this.carrier, &handover);
        let lets_through = |carrier| {
            let breakers = &self.outlets().breakers;
            breakers.lets_through(carrier, this.class, now)
        };
        let mut left = Left::Nothing;
        let accepted = match &handover {
            Handover::Accepted { id, .. } => Some(id.clone()),
            _ => None,
        };
        let (ours, state) = match route::next(after, handover, lets_through) {
            Next::Sent { cost } => {
                let is_watched = this.class == Class::Emergency
                    && !this.is_repeated
                    && route::somebody_is_left(route, &tried);
                let report_due = is_watched.then(|| now + self.outlets().pace.report_within);
                let ours = attempts::mark_sent(conn, this, cost, report_due, now).await?;
                (ours, "sent")
            }
            Next::Again { after, .. } if this.began_at + after > this.not_after => {
                let state = match route::rest(&tried) {
                    Rest::Failed => "expired",
                    at => at.as_str(),
                };
                let why = "too late to be worth another try";
                let ours = attempts::mark_at_rest(conn, this, state, why, now).await?;
                (ours, state)
            }
            Next::Again {
                after,
                without_name,
                why,
            } => {
                let due = (this.began_at + after).max(now);
                let ours = attempts::mark_queued(conn, this, due, without_name, &why, now).await?;
                if ours && due <= now {
                    left = Left::DueAgain;
                }
                (ours, "queued")
            }
            Next::Rest { at, why } => {
                let ours = attempts::mark_at_rest(conn, this, at.as_str(), &why, now).await?;
                (ours, at.as_str())
            }
        };
        if let Some(id) = accepted {
            if !ours {
                store::move_message(conn, this.id, &["unknown"], "sent", None, now).await?;
            }
            reports::apply_parked(conn, this.carrier, &id, this.named(), now).await?;
        }
        transaction.commit().await?;
        if ours {
            metric::message(this.class.as_str(), state);
        } else {
            tracing::warn!(message.id = %this.id, "Message {} was answered too late; it has gone on", this.id);
        }
        Ok(left)
    }

    /// Notes the answer to a try that was given up: its id lets reports find the message, its refusal that no copy of it
    /// is on its way.
    async fn note_late(&self, this: &Try, handover: &Handover) -> Result<(), Fault> {
        if matches!(handover, Handover::Unknown { .. }) {
            return Ok(());
        }
        let now = self.now();
        let mut transaction = work::begin(self.pool()).await?;
        let conn = &mut *transaction;
        if let Handover::Accepted { id, .. } = ended(conn, this, handover.clone(), now).await? {
            // A message given up as unknown is so no more.
            store::move_message(conn, this.id, &["unknown"], "sent", None, now).await?;
            reports::apply_parked(conn, this.carrier, &id, this.named(), now).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// Writes down how the try ended. An id that is another try's already proves nothing, so the outcome is unknown then.
async fn ended(
    conn: &mut PgConnection,
    this: &Try,
    handover: Handover,
    now: DateTime<Utc>,
) -> Result<Handover, Fault> {
    let mut handover = handover;
    if let Handover::Accepted { id, .. } = &handover {
        store::lock(conn, id).await?;
        if attempts::is_anothers(conn, this, id).await? {
            tracing::error!(provider = %this.carrier, "{} gave the id of one message to another", this.carrier);
            handover = Handover::Unknown {
                why: "accepted under the id of another message".to_owned(),
            };
        }
    }
    let (outcome, provider_id, detail) = told(this, &handover);
    attempts::end(conn, this, outcome, provider_id, detail.as_deref(), now).await?;
    if handover == Handover::Refused(super::Refusal::Blocked) {
        store::opt_out_of(conn, this.id, now).await?;
    }
    Ok(handover)
}

/// How a try is kept, and an alarm for what somebody has to mend.
fn told<'a>(this: &Try, handover: &'a Handover) -> (&'static str, Option<&'a str>, Option<String>) {
    match handover {
        Handover::Accepted { id, .. } => ("accepted", Some(id), None),
        Handover::Unknown { why } => ("unknown", None, Some(why.clone())),
        Handover::Refused(refusal) => {
            if refusal.is_ours() {
                tracing::error!(%refusal, provider = %this.carrier, "{} refuses us: {refusal}", this.carrier);
            }
            ("refused", None, Some(refusal.to_string()))
        }
    }
}
