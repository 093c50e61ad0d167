//! Writing down what anybody says about a payout: first the bytes, then what they mean.

use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::asking::ReadEvidence;
use super::codes;
use super::evidence::{AskAnswer, Said, SendAnswer, Source};
use super::model::AttemptId;
use super::rules::Rules;
use super::settling::{Applied, apply};
use super::store::{self, NewEvidence};
use super::{brake, sending};
use crate::fault::Fault;
use crate::payments::BODY_BYTES_MAX;
use crate::work::Work;

/// A body as it came from outside, on a path that named its attempt.
#[derive(Clone, Debug)]
pub struct Received<'a> {
    pub source: Source,
    pub attempt: AttemptId,
    pub body: &'a [u8],
    /// It came from an address that the provider publishes.
    pub trusted: bool,
}

/// Stores a body before anybody tries to understand it, and writes down that it must be read.
pub async fn receive(work: &mut Work, received: Received<'_>) -> Result<(), Fault> {
    let new = NewEvidence {
        attempt: received.attempt,
        source: received.source,
        provider_id: &received.attempt.to_string(),
        content_hash: &Sha256::digest(received.body),
        body: received.body,
        trusted: received.trusted,
        at: work.now,
    };
    let (evidence, is_unread) = store::insert_evidence(work.conn(), new).await?;
    if is_unread {
        work.enqueue(ReadEvidence { evidence }).await?;
    }
    Ok(())
}

/// A stored body that nobody has read yet.
#[derive(Clone, Debug)]
pub(super) struct Unread {
    pub source: Source,
    pub body: Vec<u8>,
}

pub(super) async fn unread(
    conn: &mut PgConnection,
    evidence: i64,
) -> Result<Option<Unread>, Fault> {
    let row = store::evidence(conn, evidence).await?;
    Ok(row.filter(|row| !row.is_applied).map(|row| Unread {
        source: row.source,
        body: row.body,
    }))
}

/// Keeps what a stored body says and draws the conclusions, once.
pub async fn understand(
    work: &mut Work,
    rules: &Rules,
    evidence: i64,
    said: Said,
) -> Result<(), Fault> {
    let Some(row) = store::evidence(work.conn(), evidence).await? else {
        return Ok(());
    };
    let now = work.now;
    if !store::understand(work.conn(), evidence, &serde_json::to_value(&said)?, now).await? {
        return Ok(());
    }
    conclude(work, rules, row.attempt, &said, row.trusted).await?;
    Ok(())
}

/// Writes down what M-PESA answered to a payment.
pub(super) async fn answered(
    work: &mut Work,
    rules: &Rules,
    order: &sending::PaymentOrder,
    raw: &[u8],
    answer: SendAnswer,
) -> Result<(), Fault> {
    // Each handing over has its own answer, even if the answers are alike.
    let provider_id = format!("{}#{}", order.attempt, order.handed);
    let said = Said::Answer(answer);
    hear(
        work,
        rules,
        order.attempt,
        Source::Answer,
        &provider_id,
        raw,
        said,
    )
    .await
    .map(drop)
}

/// Writes down what M-PESA answered to a question asked at `work.now`.
pub(super) async fn question_answered(
    work: &mut Work,
    rules: &Rules,
    attempt: AttemptId,
    raw: &[u8],
    answer: AskAnswer,
) -> Result<(), Fault> {
    let provider_id = format!("{attempt}@{}", work.now.timestamp_micros());
    let said = Said::Asked(answer);
    hear(
        work,
        rules,
        attempt,
        Source::QuestionAnswer,
        &provider_id,
        raw,
        said,
    )
    .await
    .map(drop)
}

/// Stores and understands in one go what was heard by ourselves.
pub(super) async fn hear(
    work: &mut Work,
    rules: &Rules,
    attempt: AttemptId,
    source: Source,
    provider_id: &str,
    raw: &[u8],
    said: Said,
) -> Result<Applied, Fault> {
    let raw = &raw[..raw.len().min(BODY_BYTES_MAX)];
    let new = NewEvidence {
        attempt,
        source,
        provider_id,
        content_hash: &Sha256::digest(raw),
        body: raw,
        trusted: true,
        at: work.now,
    };
    let now = work.now;
    let (evidence, is_unread) = store::insert_evidence(work.conn(), new).await?;
    if is_unread {
        store::understand(work.conn(), evidence, &serde_json::to_value(&said)?, now).await?;
    }
    conclude(work, rules, attempt, &said, true).await
}

async fn conclude(
    work: &mut Work,
    rules: &Rules,
    attempt: AttemptId,
    said: &Said,
    trusted: bool,
) -> Result<Applied, Fault> {
    if let Some(why) = codes::stops_everything(said).filter(|_| trusted) {
        brake::stop(work, &why).await?;
    }
    apply(work, rules, attempt).await
}
