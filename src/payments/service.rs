//! The deeds of payments: asking a rider to pay, pushing once, and writing down what anybody says about it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use super::evidence::{PaybillPayment, PushAnswer, QueryAnswer, Said, Source};
use super::model::{
    Alarm, AttemptId, AttemptState, News, Obligation, ObligationId, ObligationState, Purpose,
};
use super::rules::Rules;
use super::settling::{self, apply};
use super::store::{self, NewEvidence, NewInflow, NewObligation, Share};
use crate::events::Event;
use crate::fault::Fault;
use crate::jobs::Job;
use crate::primitives::{Language, Money, Msisdn};
use crate::work::Work;

/// The largest amount M-PESA moves in one go, in shillings; the smallest is one.
const SHILLINGS_MAX: i64 = 250_000;

/// What a rider agreed to pay.
#[derive(Clone, Debug)]
pub struct Request {
    /// `session:step` of the turn that asked: the same key again is the same request.
    pub key: String,
    pub purpose: Purpose,
    pub amount: Money,
    pub payer: Msisdn,
    pub language: Language,
    /// The session that must end before a prompt can appear on the handset.
    pub ussd_session: Option<String>,
}

/// A request that stands, and when its prompt will leave at the earliest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requested {
    pub obligation: ObligationId,
    pub attempt: AttemptId,
    pub not_before: DateTime<Utc>,
}

/// Why a rider is not asked to pay.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error("M-PESA moves whole shillings only")]
    NotWholeShillings,
    #[error("M-PESA moves KES {min} to KES {max}")]
    OutsideLimits { min: Money, max: Money },
    /// A payment for the same purpose is still open.
    #[error("KES {amount} was asked for and is still open")]
    AlreadyAsked { amount: Money },
    /// The same amount was prompted moments ago and may be paid: M-PESA would refuse, or charge twice.
    #[error("KES {amount} was asked for just now; not again before {again_at}")]
    JustAsked {
        amount: Money,
        again_at: DateTime<Utc>,
    },
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Sends the prompt of an attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PushAttempt {
    pub attempt: AttemptId,
    /// Several of these may exist for one attempt; whichever comes first pushes, the others find it done.
    pub not_before: DateTime<Utc>,
}

impl Job for PushAttempt {
    const NAME: &'static str = "payments.push";
    fn key(&self) -> Option<String> {
        Some(format!(
            "{}@{}",
            self.attempt,
            self.not_before.timestamp_millis()
        ))
    }
}

/// Looks at an attempt again: time has passed, or the provider has to be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AttendAttempt {
    pub attempt: AttemptId,
    pub at: DateTime<Utc>,
    /// Ask the provider even if no question is due.
    pub insist: bool,
}

impl Job for AttendAttempt {
    const NAME: &'static str = "payments.attend";
    fn key(&self) -> Option<String> {
        let insist = if self.insist { "!" } else { "" };
        Some(format!(
            "{}@{}{insist}",
            self.attempt,
            self.at.timestamp_millis()
        ))
    }
}

/// Reads a stored body and applies it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplyEvidence {
    pub evidence: i64,
}

impl Job for ApplyEvidence {
    const NAME: &'static str = "payments.apply";
}

#[derive(Serialize)]
struct PaymentRequested {
    obligation: ObligationId,
    purpose: Purpose,
    amount: Money,
}

impl Event for PaymentRequested {
    const NAME: &'static str = "payment.requested";
    fn subject(&self) -> Uuid {
        self.obligation.0
    }
}

/// Writes down that a rider is to be asked for money, and that a push must follow. Calls nobody.
pub async fn request(
    work: &mut Work,
    rules: &Rules,
    request: Request,
) -> Result<Requested, RequestError> {
    if let Some(known) = store::obligation_by_key(work.conn(), &request.key).await? {
        return repeated(work, known).await;
    }
    let limits = (
        Money::from_shillings(1),
        Money::from_shillings(SHILLINGS_MAX),
    );
    if request.amount < limits.0 || request.amount > limits.1 {
        return Err(RequestError::OutsideLimits {
            min: limits.0,
            max: limits.1,
        });
    }
    if !request.amount.is_whole_shillings() {
        return Err(RequestError::NotWholeShillings);
    }
    if let Some(open) = store::open_obligation_of(work.conn(), &request.purpose).await? {
        return Err(RequestError::AlreadyAsked {
            amount: open.amount,
        });
    }
    if let Some(again_at) = possibly_paid_moments_ago(work, rules, &request).await? {
        return Err(RequestError::JustAsked {
            amount: request.amount,
            again_at,
        });
    }

    let obligation = Obligation {
        id: ObligationId(Uuid::now_v7()),
        purpose: request.purpose,
        amount: request.amount,
        payer: request.payer,
        language: request.language,
        state: ObligationState::Open,
        created_at: work.now,
    };
    let new = NewObligation {
        obligation: &obligation,
        key: &request.key,
        ussd_session: request.ussd_session.as_deref(),
    };
    if !store::insert_obligation(work.conn(), new).await? {
        // Another turn was faster; it holds either this key or this purpose.
        return match store::obligation_by_key(work.conn(), &request.key).await? {
            Some(known) => repeated(work, known).await,
            None => Err(RequestError::AlreadyAsked {
                amount: obligation.amount,
            }),
        };
    }
    let not_before = spaced(
        work,
        rules,
        &obligation,
        work.now + rules.push_after_request,
    )
    .await?;
    let attempt = plan_attempt(work, &obligation, not_before).await?;
    let (purpose, amount) = (obligation.purpose, obligation.amount);
    work.record(PaymentRequested {
        obligation: obligation.id,
        purpose,
        amount,
    })
    .await?;
    Ok(Requested {
        obligation: obligation.id,
        attempt,
        not_before,
    })
}

async fn repeated(work: &mut Work, known: Obligation) -> Result<Requested, RequestError> {
    let attempts = store::attempts_of(work.conn(), known.id).await?;
    let latest = attempts
        .last()
        .ok_or_else(|| Fault::broken(format!("obligation {} has no attempt", known.id)))?;
    Ok(Requested {
        obligation: known.id,
        attempt: latest.id,
        not_before: latest.not_before,
    })
}

async fn possibly_paid_moments_ago(
    work: &mut Work,
    rules: &Rules,
    request: &Request,
) -> Result<Option<DateTime<Utc>>, Fault> {
    let since = work.now - rules.between_equal_pushes;
    let pushed_at =
        store::latest_possibly_paid(work.conn(), &request.payer, request.amount, since).await?;
    Ok(pushed_at.map(|pushed_at| pushed_at + rules.between_equal_pushes))
}

/// Writes down a new attempt and its push.
pub(super) async fn plan_attempt(
    work: &mut Work,
    obligation: &Obligation,
    not_before: DateTime<Utc>,
) -> Result<AttemptId, Fault> {
    let attempt = AttemptId(Uuid::now_v7());
    let now = work.now;
    store::insert_attempt(work.conn(), obligation, attempt, not_before, now).await?;
    work.enqueue_at(
        PushAttempt {
            attempt,
            not_before,
        },
        not_before,
    )
    .await?;
    Ok(attempt)
}

/// The earliest moment from `wanted` on at which M-PESA takes another push for this number.
async fn spaced(
    work: &mut Work,
    rules: &Rules,
    obligation: &Obligation,
    wanted: DateTime<Utc>,
) -> Result<DateTime<Utc>, Fault> {
    let latest = store::latest_pushes(work.conn(), &obligation.payer, obligation.amount).await?;
    let after_any = latest.any.map(|at| at + rules.between_pushes);
    let after_equal = latest.equal.map(|at| at + rules.between_equal_pushes);
    Ok([after_any, after_equal]
        .into_iter()
        .flatten()
        .fold(wanted, DateTime::max))
}

/// The rider's session is over: prompts that waited for it may leave sooner.
pub async fn session_ended(
    work: &mut Work,
    rules: &Rules,
    ussd_session: &str,
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    let not_before = at + rules.push_after_session_end;
    for attempt in store::draw_forward(work.conn(), ussd_session, not_before).await? {
        work.enqueue_at(
            PushAttempt {
                attempt,
                not_before,
            },
            not_before,
        )
        .await?;
    }
    Ok(())
}

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
    pub token: String,
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
        token,
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
        ..
    } = payment;
    Ok(vec![News::Unallocated {
        receipt,
        amount,
        account,
        payer_hint,
    }])
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

/// Stops pushes and questions for a while: the provider refuses our configuration or is overrun.
pub async fn pause(work: &mut Work, length: TimeDelta, why: &str) -> Result<(), Fault> {
    let until = work.now + length;
    store::pause(work.conn(), until, why).await
}

/// Until when nothing is sent, if pushes and questions are stopped.
pub async fn paused_until(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Fault> {
    store::paused_until(conn, now).await
}

/// Finds whatever should have happened by now and has not, and writes its job down again. Safe to run at any
/// time and as often as one likes: it looks at the state, not at what was missed.
pub async fn sweep(work: &mut Work) -> Result<usize, Fault> {
    let now = work.now;
    let overdue = store::overdue(work.conn(), now - SWEEP_GRACE).await?;
    let found = overdue.to_push.len() + overdue.to_attend.len() + overdue.to_read.len();
    // What has arrived is read before anybody concludes from its absence.
    for evidence in overdue.to_read {
        work.enqueue(ApplyEvidence { evidence }).await?;
    }
    for attempt in overdue.to_push {
        work.enqueue(PushAttempt {
            attempt,
            not_before: now,
        })
        .await?;
    }
    for attempt in overdue.to_attend {
        work.enqueue(AttendAttempt {
            attempt,
            at: now,
            insist: false,
        })
        .await?;
    }
    Ok(found)
}

/// Longer than any job waits of its own accord, so that the sweep repairs and does not race.
const SWEEP_GRACE: TimeDelta = TimeDelta::seconds(90);
