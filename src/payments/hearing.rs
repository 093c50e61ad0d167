//! Writing down what anybody says about a payment: first the bytes, then what they mean.

use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::evidence::{PaybillPayment, PushAnswer, QueryAnswer, Said, Source};
use super::model::{Alarm, AttemptId, News};
use super::rules::Rules;
use super::service::ApplyEvidence;
use super::settling::apply;
use super::store::{self, NewEvidence, NewInflow, Share};
use crate::fault::Fault;
use crate::work::Work;

/// A body as it came from outside.
#[derive(Clone, Debug)]
pub struct Received<'a> {
    pub source: Source,
    /// The attempt that the path named, if it did.
    pub attempt: Option<AttemptId>,
    /// What the provider calls the thing this is about: bodies with the same name and content are one.
    pub provider_id: &'a str,
    pub body: &'a [u8],
    /// It came from an address that the provider publishes.
    pub trusted: bool,
}

/// Stores a body before anybody tries to understand it, and writes down that it must be read.
pub async fn receive(work: &mut Work, received: Received<'_>) -> Result<(), Fault> {
    let new = NewEvidence {
        attempt: received.attempt,
        source: received.source,
        provider_id: received.provider_id,
        content_hash: &Sha256::digest(received.body),
        body: received.body,
        trusted: received.trusted,
        at: work.now,
    };
    let (evidence, is_unread) = store::insert_evidence(work.conn(), new).await?;
    if is_unread {
        work.enqueue(ApplyEvidence { evidence }).await?;
    }
    Ok(())
}

/// A stored body that nobody has read yet.
#[derive(Clone, Debug)]
pub struct Unread {
    pub source: Source,
    pub body: Vec<u8>,
}

/// Evidence whose bytes are stored and which nobody has read yet.
pub async fn unread(conn: &mut PgConnection, evidence: i64) -> Result<Option<Unread>, Fault> {
    let row = store::evidence(conn, evidence).await?;
    Ok(row.filter(|row| !row.is_applied).map(|row| Unread {
        source: row.source,
        body: row.body,
    }))
}

/// Keeps what a stored body says and draws the conclusions.
pub async fn understand(
    work: &mut Work,
    rules: &Rules,
    evidence: i64,
    said: Said,
) -> Result<Vec<News>, Fault> {
    let Some(row) = store::evidence(work.conn(), evidence).await? else {
        return Ok(vec![]);
    };
    if row.is_applied {
        return Ok(vec![]);
    }
    let attempt = match (&said, row.attempt) {
        (Said::Paybill(payment), None) if payment.shortcode == rules.shortcode => {
            attempt_of_payment(work, payment).await?
        }
        (_, attempt) => attempt,
    };
    let now = work.now;
    store::understand(
        work.conn(),
        evidence,
        &serde_json::to_value(&said)?,
        attempt,
        now,
    )
    .await?;
    match (attempt, said) {
        (Some(attempt), _) => apply(work, rules, attempt).await,
        (None, Said::Paybill(payment)) => keep_in_suspense(work, rules, payment, row.trusted).await,
        (None, _) => Ok(vec![News::Alarm {
            attempt: None,
            alarm: Alarm::Unreadable,
        }]),
    }
}

/// By our own reference first, by the receipt that a callback has already told otherwise.
async fn attempt_of_payment(
    work: &mut Work,
    payment: &PaybillPayment,
) -> Result<Option<AttemptId>, Fault> {
    if let Some(attempt) = store::attempt_by_reference(work.conn(), &payment.account).await? {
        return Ok(Some(attempt));
    }
    let inflow = store::lock_inflow(work.conn(), &payment.receipt).await?;
    Ok(inflow.and_then(|inflow| inflow.attempt))
}

async fn keep_in_suspense(
    work: &mut Work,
    rules: &Rules,
    payment: PaybillPayment,
    trusted: bool,
) -> Result<Vec<News>, Fault> {
    let alarm = |alarm| {
        Ok(vec![News::Alarm {
            attempt: None,
            alarm,
        }])
    };
    if payment.shortcode != rules.shortcode {
        return alarm(Alarm::ForeignShortcode);
    }
    if !trusted {
        return alarm(Alarm::Forged);
    }
    let payer_hint = payment.phone.as_ref().map(|phone| phone.masked());
    let new = NewInflow {
        receipt: Some(&payment.receipt),
        amount: payment.amount,
        of: None,
        payer_hint: payer_hint.as_deref(),
        account: Some(&payment.account),
        share: Share::Suspense,
        at: work.now,
    };
    if !store::insert_inflow(work.conn(), new).await? {
        return Ok(vec![]);
    }
    let PaybillPayment {
        receipt,
        amount,
        account,
        phone,
        ..
    } = payment;
    Ok(vec![News::Unallocated {
        receipt,
        amount,
        account,
        phone,
    }])
}

/// Takes in a payment that only the provider's own records name: what its lost confirmation would have said. Said again it is
/// nothing new.
pub async fn recorded(
    work: &mut Work,
    rules: &Rules,
    payment: PaybillPayment,
) -> Result<Vec<News>, Fault> {
    let said = Said::Paybill(payment.clone());
    let raw = serde_json::to_vec(&said)?;
    let new = NewEvidence {
        attempt: None,
        source: Source::Records,
        provider_id: payment.receipt.as_str(),
        content_hash: &Sha256::digest(&raw),
        body: &raw,
        trusted: true,
        at: work.now,
    };
    let (evidence, is_unread) = store::insert_evidence(work.conn(), new).await?;
    match is_unread {
        true => understand(work, rules, evidence, said).await,
        false => Ok(vec![]),
    }
}

/// Writes down what the provider answered to the push, and draws the conclusions.
pub async fn push_answered(
    work: &mut Work,
    rules: &Rules,
    attempt: AttemptId,
    raw: &[u8],
    answer: PushAnswer,
) -> Result<Vec<News>, Fault> {
    hear(
        work,
        rules,
        attempt,
        Source::Push,
        &attempt.to_string(),
        raw,
        Said::Push(answer),
    )
    .await
}

/// Writes down what the provider answered to a question asked at `work.now`, and draws the conclusions.
pub async fn query_answered(
    work: &mut Work,
    rules: &Rules,
    attempt: AttemptId,
    checkout: &str,
    raw: &[u8],
    answer: QueryAnswer,
) -> Result<Vec<News>, Fault> {
    // Each question is its own piece of evidence, even if the answers are alike.
    let provider_id = format!("{attempt}@{}", work.now.timestamp_micros());
    let said = Said::Query {
        checkout: checkout.to_owned(),
        answer,
    };
    hear(work, rules, attempt, Source::Query, &provider_id, raw, said).await
}

async fn hear(
    work: &mut Work,
    rules: &Rules,
    attempt: AttemptId,
    source: Source,
    provider_id: &str,
    raw: &[u8],
    said: Said,
) -> Result<Vec<News>, Fault> {
    let raw = &raw[..raw.len().min(BODY_BYTES_MAX)];
    let new = NewEvidence {
        attempt: Some(attempt),
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
        store::understand(
            work.conn(),
            evidence,
            &serde_json::to_value(&said)?,
            None,
            now,
        )
        .await?;
    }
    apply(work, rules, attempt).await
}

/// The most of a body that is kept.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
