//! Letting a payout leave: once under each id, and only while nothing speaks against it.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use super::asking::AttendAttempt;
use super::model::{Attempt, AttemptId, AttemptState, Payout, PayoutId, PayoutState, Purpose};
use super::rules::Rules;
use super::settling::{self, Back};
use super::{store, telling};
use crate::fault::Fault;
use crate::primitives::{Money, Msisdn, Secret};
use crate::wallet;
use crate::work::Work;

/// Whether a payout may be handed over now.
#[derive(Debug)]
pub enum Readiness {
    /// It is marked as handed over: commit, then hand it over exactly once.
    Go(PaymentOrder),
    Wait {
        until: DateTime<Utc>,
        why: &'static str,
    },
    /// It was handed over, or is not wanted any more.
    Over,
}

/// All that the payment has to say.
#[derive(Clone, Debug)]
pub struct PaymentOrder {
    pub attempt: AttemptId,
    /// Which handing over of this attempt it is, from one.
    pub handed: u32,
    pub originator: String,
    pub recipient: Msisdn,
    pub amount: Money,
    /// 2 to 100 characters, seen by the recipient.
    pub remarks: &'static str,
    /// The secret segment of the paths of its result, 32 lower-case hexadecimal digits.
    pub token: Secret,
}

/// A question about a payment.
#[derive(Clone, Debug)]
pub struct QuestionOrder {
    pub attempt: AttemptId,
    /// The OriginatorConversationID that is asked about.
    pub originator: String,
    pub token: Secret,
}

/// What M-PESA answers on a secret path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackKind {
    Payment,
    Question,
}

impl CallbackKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            CallbackKind::Payment => "payment",
            CallbackKind::Question => "question",
        }
    }

    pub(super) fn parse(word: &str) -> Option<CallbackKind> {
        [CallbackKind::Payment, CallbackKind::Question]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// Decides whether a payout may leave, and if so marks it as handed over. From that commit on nobody hands it over again
/// under another id before M-PESA has said that it did not pay: a crash before the answer leaves a doubt, not a second
/// payment.
pub async fn begin_send(work: &mut Work, rules: &Rules, id: PayoutId) -> Result<Readiness, Fault> {
    let Some(mut payout) = store::lock(work.conn(), id).await? else {
        return Ok(Readiness::Over);
    };
    let now = work.now;
    if payout.state != PayoutState::Ready {
        return Ok(Readiness::Over);
    }
    if let Some(back) = speaks_against(work, rules, &payout).await? {
        withdraw_attempt(work, id, back).await?;
        settling::give_back(work, payout, back).await?;
        return Ok(Readiness::Over);
    }
    if now < payout.not_before {
        return Ok(Readiness::Wait {
            until: payout.not_before,
            why: "not yet",
        });
    }
    let brake = store::brake(work.conn()).await?;
    if let Some((until, _)) = brake.holds(now) {
        telling::slow_once(work, &mut payout).await?;
        store::set_state(work.conn(), &payout, now).await?;
        return Ok(Readiness::Wait {
            until,
            why: "payouts are held",
        });
    }
    let equal_at = store::last_equal_handing(work.conn(), &payout).await?;
    if let Some(until) = equal_at
        .map(|at| at + rules.between_equal)
        .filter(|at| *at > now)
    {
        return Ok(Readiness::Wait {
            until,
            why: "the number was paid the same amount moments ago",
        });
    }
    payout.step(PayoutState::Sending)?;
    store::set_state(work.conn(), &payout, now).await?;
    let attempt = open_attempt(work, id).await?;
    let attend_at = now + rules.silent_after;
    store::mark_handed(work.conn(), attempt.id, attend_at, now).await?;
    attend_later(work, attempt.id, attend_at).await?;
    let token = new_callback(work, attempt.id, CallbackKind::Payment).await?;
    Ok(Readiness::Go(PaymentOrder {
        attempt: attempt.id,
        handed: attempt.handed + 1,
        originator: attempt.originator,
        recipient: payout.recipient,
        amount: payout.amount,
        remarks: remarks(&payout.purpose),
        token,
    }))
}

/// Asked again at the last moment: the member may have frozen the wallet, and nobody waits for ever.
async fn speaks_against(
    work: &mut Work,
    rules: &Rules,
    payout: &Payout,
) -> Result<Option<Back>, Fault> {
    if let Purpose::Withdrawal { member } = payout.purpose
        && wallet::is_frozen(work.conn(), member).await?
    {
        return Ok(Some(Back::Frozen));
    }
    let waited_since = payout.ready_since.unwrap_or(payout.asked_at);
    Ok((work.now >= waited_since + rules.waits_at_most).then_some(Back::Waited))
}

/// An id that was provably never taken is not used any more.
async fn withdraw_attempt(work: &mut Work, payout: PayoutId, back: Back) -> Result<(), Fault> {
    let now = work.now;
    let attempts = store::attempts_of(work.conn(), payout).await?;
    if let Some(last) = attempts.into_iter().next_back()
        && last.state == AttemptState::Created
    {
        let ended = Attempt {
            state: AttemptState::Failed,
            ended_by: Some(back.word().to_owned()),
            ..last
        };
        store::save_attempt(work.conn(), &ended, None, now).await?;
    }
    Ok(())
}

/// The id to hand over: the one that was provably not taken, or a new one after a failure.
async fn open_attempt(work: &mut Work, payout: PayoutId) -> Result<Attempt, Fault> {
    let attempts = store::attempts_of(work.conn(), payout).await?;
    match attempts.into_iter().next_back() {
        Some(last) if last.state == AttemptState::Created => Ok(last),
        Some(last) if last.state != AttemptState::Failed => Err(Fault::broken(format!(
            "payout {payout} is ready while its attempt is {}",
            last.state.as_str()
        ))),
        _ => {
            let id = Uuid::now_v7();
            let attempt = Attempt {
                id: AttemptId(id),
                payout,
                originator: format!("KS-{}", id.simple()),
                state: AttemptState::Created,
                handed: 0,
                handed_at: None,
                ended_by: None,
                receipt: None,
            };
            let now = work.now;
            store::insert_attempt(work.conn(), &attempt, now).await?;
            Ok(attempt)
        }
    }
}

/// Writes down a question about an attempt before it is asked.
pub(super) async fn begin_question(
    work: &mut Work,
    attempt: &Attempt,
) -> Result<QuestionOrder, Fault> {
    let token = new_callback(work, attempt.id, CallbackKind::Question).await?;
    Ok(QuestionOrder {
        attempt: attempt.id,
        originator: attempt.originator.clone(),
        token,
    })
}

pub(super) async fn attend_later(
    work: &mut Work,
    attempt: AttemptId,
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    work.enqueue_at(AttendAttempt { attempt, at }, at).await
}

async fn new_callback(
    work: &mut Work,
    attempt: AttemptId,
    kind: CallbackKind,
) -> Result<Secret, Fault> {
    let token = hex::encode(rand::random::<[u8; 16]>());
    let now = work.now;
    store::insert_callback(work.conn(), attempt, kind, &token_hash(&token), now).await?;
    Ok(Secret::new(token))
}

fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// What the path that ends in this secret is about. The secret is looked up by its hash: what a stranger can learn from
/// the time this takes is about a hash they cannot choose.
pub async fn callback_of_token(
    conn: &mut PgConnection,
    token: &str,
) -> Result<Option<(AttemptId, CallbackKind)>, Fault> {
    let is_token = token.len() == 32
        && token
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_token {
        return Ok(None);
    }
    store::callback_by_token(conn, &token_hash(token)).await
}

fn remarks(purpose: &Purpose) -> &'static str {
    match purpose {
        Purpose::Withdrawal { .. } => "KwaStage wallet",
        Purpose::Support { .. } => "KwaStage welfare fund",
        Purpose::Refund { .. } => "KwaStage refund",
    }
}
