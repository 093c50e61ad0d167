//! Letting a prompt leave: once, when the rider can see it, and while they still expect it.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::model::{AttemptId, AttemptState, News, ObligationState};
use super::rules::Rules;
use super::service::{AttendAttempt, spaced};
use super::{settling, store};
use crate::fault::Fault;
use crate::primitives::{Money, Msisdn, Secret};
use crate::work::Work;

/// Whether an attempt may be pushed now.
#[derive(Debug)]
pub enum Readiness {
    /// It is marked as pushed: commit, then send exactly once.
    Go(PushOrder),
    Wait {
        until: DateTime<Utc>,
        why: &'static str,
    },
    /// It was pushed, or is not wanted any more. The news is empty unless that was found out just now.
    Over(Vec<News>),
}

/// All that the push has to say.
#[derive(Clone, Debug)]
pub struct PushOrder {
    pub attempt: AttemptId,
    pub payer: Msisdn,
    pub amount: Money,
    pub account_reference: String,
    pub description: &'static str,
    /// The secret segment of the callback's path, 32 lower-case hexadecimal digits.
    pub token: Secret,
}

/// Decides whether an attempt may leave, and if so marks it as pushed. From that commit on nobody pushes it
/// again: a crash before the answer leaves an attempt in doubt, not a second prompt.
pub async fn begin_push(work: &mut Work, rules: &Rules, id: AttemptId) -> Result<Readiness, Fault> {
    let Some(obligation) = store::lock_obligation_of(work.conn(), id).await? else {
        return Ok(Readiness::Over(vec![]));
    };
    let attempt = store::attempt(work.conn(), id).await?;
    let now = work.now;
    if attempt.state != AttemptState::Created {
        return Ok(Readiness::Over(vec![]));
    }
    if obligation.state != ObligationState::Open {
        store::save_attempt(work.conn(), &attempt.withdraw(), None, now).await?;
        return Ok(Readiness::Over(vec![]));
    }
    if now >= obligation.created_at + rules.mandate {
        return Ok(Readiness::Over(
            settling::expire(work, obligation, attempt).await?,
        ));
    }
    if now < attempt.not_before {
        return Ok(Readiness::Wait {
            until: attempt.not_before,
            why: "not yet",
        });
    }
    if let Some(until) = store::paused_until(work.conn(), now).await? {
        let until = until.min(obligation.created_at + rules.mandate);
        return Ok(Readiness::Wait {
            until,
            why: "pushes are paused",
        });
    }
    store::take_turn(work.conn(), &attempt.payer).await?;
    let free_at = spaced(work, rules, &obligation, now).await?;
    if free_at > now {
        store::postpone(work.conn(), id, free_at).await?;
        return Ok(Readiness::Wait {
            until: free_at,
            why: "the number was pushed moments ago",
        });
    }
    let attempt = attempt
        .submit(now)
        .map_err(|error| Fault::broken(format!("attempt {id}: {error}")))?;
    let token = new_token();
    let attend_at = now + rules.lost_after;
    store::mark_submitting(work.conn(), id, &token_hash(&token), attend_at, now).await?;
    work.enqueue_at(
        AttendAttempt {
            attempt: id,
            at: attend_at,
            insist: false,
        },
        attend_at,
    )
    .await?;
    Ok(Readiness::Go(PushOrder {
        attempt: id,
        payer: attempt.payer,
        amount: attempt.amount,
        account_reference: attempt.account_reference,
        description: obligation.purpose.prompt_description(),
        token: Secret::new(token),
    }))
}

/// Ends an attempt that is still waiting although the rider has stopped expecting it.
pub async fn expire_if_late(
    work: &mut Work,
    rules: &Rules,
    id: AttemptId,
) -> Result<Option<Vec<News>>, Fault> {
    let Some(obligation) = store::lock_obligation_of(work.conn(), id).await? else {
        return Ok(None);
    };
    let attempt = store::attempt(work.conn(), id).await?;
    let is_late = work.now >= obligation.created_at + rules.mandate;
    let is_waiting =
        attempt.state == AttemptState::Created && obligation.state == ObligationState::Open;
    match is_late && is_waiting {
        true => settling::expire(work, obligation, attempt).await.map(Some),
        false => Ok(None),
    }
}

/// When the attempt wanted to leave, while it still waits: how long its session was waited for counts from here.
pub async fn waiting_push(
    conn: &mut PgConnection,
    id: AttemptId,
) -> Result<Option<(Msisdn, DateTime<Utc>)>, Fault> {
    let attempt = store::attempt(conn, id).await?;
    Ok((attempt.state == AttemptState::Created).then_some((attempt.payer, attempt.not_before)))
}

fn new_token() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}

fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The attempt whose callback path ends in this secret. The secret is looked up by its hash: what a stranger
/// can learn from the time this takes is about a hash they cannot choose.
pub async fn attempt_of_token(
    conn: &mut PgConnection,
    token: &str,
) -> Result<Option<AttemptId>, Fault> {
    let is_token = token.len() == 32
        && token
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_token {
        return Ok(None);
    }
    store::attempt_by_token(conn, &token_hash(token)).await
}
