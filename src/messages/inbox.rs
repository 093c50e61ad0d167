//! What people write to us: stored before it is understood, answered at most once.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::loop_guard::{self, Heard};
use super::store::inbox as store;
use super::{Class, Message, MessageId, send};
use crate::fault::Fault;
use crate::jobs::Job;
use crate::primitives::Msisdn;
use crate::work::Work;

/// An inbound message as a provider brings it.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub provider: &'static str,
    /// The provider's own id: the second one with the same id changes nothing.
    pub provider_id: String,
    pub sent_at: DateTime<Utc>,
    /// None when the sender is no phone.
    pub from: Option<Msisdn>,
    pub to: Option<String>,
    pub text: String,
    /// Everything that came, by name.
    pub fields: serde_json::Value,
}

/// Names made of a provider and its id.
const MESSAGES: Uuid = Uuid::from_u128(0x2b8e_90c4_11d7_4f6a_b3a5_7e0f_6d21_c948);

impl Arrived {
    /// The same each time the message is delivered, and known before anything is stored.
    pub fn id(&self) -> Uuid {
        let name = format!("{}:{}", self.provider, self.provider_id);
        Uuid::new_v5(&MESSAGES, name.as_bytes())
    }
}

/// An inbound message as it is kept.
#[derive(Clone, Debug)]
pub struct Inbound {
    pub id: Uuid,
    /// None when the sender is no phone: never to be answered.
    pub from: Option<Msisdn>,
    pub text: String,
    pub received_at: DateTime<Utc>,
    pub handled: bool,
}

/// An inbound message wants understanding and its one answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AnswerSms {
    pub inbox: Uuid,
}

impl Job for AnswerSms {
    const NAME: &'static str = "messages.answer";

    fn key(&self) -> Option<String> {
        Some(self.inbox.to_string())
    }
}

/// Stores an inbound message and, when a phone sent it, the job of answering. None for one we have already.
pub async fn receive(work: &mut Work, arrived: &Arrived) -> Result<Option<Uuid>, Fault> {
    let now = work.now;
    let inserted = store::insert(work.conn(), arrived, now).await?;
    if let (Some(inbox), Some(_)) = (inserted, &arrived.from) {
        work.enqueue(AnswerSms { inbox }).await?;
    }
    Ok(inserted)
}

/// Locks an inbound message for answering.
pub async fn load(conn: &mut PgConnection, id: Uuid) -> Result<Option<Inbound>, Fault> {
    store::lock(conn, id).await
}

/// Marks an inbound message as handled: what was understood, and that nothing is said.
pub async fn mark_handled(work: &mut Work, id: Uuid, understood: &str) -> Result<(), Fault> {
    let now = work.now;
    store::mark_handled(work.conn(), id, understood, false, now).await
}

/// Answers an inbound message, once: marks it and sends the message, or says nothing when it was handled before, when
/// the phone behaves like a machine ([`loop_guard`]), or when it has had [`ANSWERS_PER_HOUR_MAX`] answers within the hour.
///
/// What belongs to an emergency is answered whatever came before.
pub async fn answer(
    work: &mut Work,
    inbound: &Inbound,
    understood: &str,
    message: Message,
) -> Result<Option<MessageId>, Fault> {
    let now = work.now;
    let Some(from) = inbound.from.as_ref().filter(|_| !inbound.handled) else {
        return Ok(None);
    };
    let silence = match message.class {
        // Whoever answers emergencies writes more often, and is not to be left without a word.
        Class::Emergency => {
            let answers =
                store::answers_since(work.conn(), from, now - TimeDelta::hours(1)).await?;
            (answers >= EMERGENCY_ANSWERS_PER_HOUR_MAX).then_some("too_many")
        }
        _ => unanswered_because(work, from, inbound, understood).await?,
    };
    if let Some(why) = silence {
        tracing::warn!(inbox.id = %inbound.id, why, "Left message {} unanswered", inbound.id);
        metrics::counter!("kwastage_sms_unanswered_total", "why" => why).increment(1);
        store::mark_handled(work.conn(), inbound.id, why, false, now).await?;
        return Ok(None);
    }
    store::mark_handled(work.conn(), inbound.id, understood, true, now).await?;
    let message = Message {
        key: Some(format!("inbox:{}", inbound.id)),
        ..message
    };
    Ok(Some(send(work, message).await?))
}

/// Whether this phone has had its answers of the hour and gets no more. Whatever happens without an answer is better not
/// begun for it, alarms excepted.
pub async fn has_had_enough(work: &mut Work, from: &Msisdn) -> Result<bool, Fault> {
    let since = work.now - TimeDelta::hours(1);
    Ok(store::answers_since(work.conn(), from, since).await? >= ANSWERS_PER_HOUR_MAX)
}

async fn unanswered_because(
    work: &mut Work,
    from: &Msisdn,
    inbound: &Inbound,
    understood: &str,
) -> Result<Option<&'static str>, Fault> {
    let now = work.now;
    let new = Heard {
        at: inbound.received_at,
        text: inbound.text.clone(),
        understood: understood != UNKNOWN,
        handled_at: now,
    };
    let since = inbound.received_at - loop_guard::REMEMBERED;
    let before = store::heard_before(work.conn(), inbound.id, from, since).await?;
    if let Some(silence) = loop_guard::silence(&new, &before) {
        return Ok(Some(silence.as_str()));
    }
    let answers = store::answers_since(work.conn(), from, now - TimeDelta::hours(1)).await?;
    Ok((answers >= ANSWERS_PER_HOUR_MAX).then_some("too_many"))
}

/// What a text is marked with that nobody has a word for.
pub const UNKNOWN: &str = "unknown";

/// Answers one phone gets within an hour: a few more than it may ask about receipts, so that it is told to wait.
pub const ANSWERS_PER_HOUR_MAX: i64 = 12;
/// The same, for answers about emergencies.
pub const EMERGENCY_ANSWERS_PER_HOUR_MAX: i64 = 60;

#[cfg(test)]
mod tests;
