//! Writing the recipients of a broadcast and their messages, a batch at a time.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::model::{BroadcastId, Rules};
use super::store::{self, State};
use super::telling::values_of;
use crate::fault::Fault;
use crate::jobs::Job;
use crate::messages::{self, Message};
use crate::work::Work;

/// A broadcast wants its recipients written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WriteRecipients {
    pub broadcast: Uuid,
}

impl Job for WriteRecipients {
    const NAME: &'static str = "broadcasts.write";

    fn key(&self) -> Option<String> {
        Some(self.broadcast.to_string())
    }
}

/// Recipients of one transaction: some milliseconds of work, so that nobody waits for its locks.
const BATCH: i64 = 500;

/// Writes the next recipients and puts their messages into the outbox. Returns whether there are more.
///
/// How far it has come stands in the same transaction. So a writer that dies is followed by one that goes on where it
/// was, and two at once wait for each other and write different people.
pub async fn write_batch(work: &mut Work, rules: &Rules, id: BroadcastId) -> Result<bool, Fault> {
    let Some(broadcast) = store::lock(work.conn(), id).await? else {
        return Ok(false);
    };
    if broadcast.state != State::Sending {
        return Ok(false);
    }
    let now = work.now;
    let recipients = store::write_recipients(work.conn(), &broadcast, BATCH).await?;
    let values = values_of(work.conn(), &broadcast).await?;
    let class = broadcast.kind.class();
    let template = broadcast.kind.template(broadcast.author.is_none());
    let not_before = rules.quiet.not_before(class, now);
    let is_last = (recipients.len() as i64) < BATCH;
    let written_to = recipients.last().map(|recipient| recipient.member);
    let new = recipients.into_iter().filter(|recipient| recipient.is_new);
    let messages: Vec<Message> = new
        .map(|recipient| Message {
            key: Some(format!("broadcast:{id}:{}", recipient.member)),
            about: Some(id.0),
            not_before: Some(not_before),
            ..Message::new(
                recipient.msisdn,
                recipient.language,
                class,
                template,
                values.clone(),
            )
        })
        .collect();
    messages::send_all(work, &messages).await?;
    store::note_written(work.conn(), id, written_to, is_last.then_some(now)).await?;
    Ok(!is_last)
}
