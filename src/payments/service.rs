//! Asking a rider to pay, and what must follow from it later.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::evidence::{PhoneHint, Receipt};
use super::model::{AttemptId, AttemptState, Obligation, ObligationId, ObligationState, Purpose};
use super::rules::Rules;
use super::store::{self, NewObligation};
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

impl Requested {
    /// Whether the prompt comes while the rider still holds the phone; otherwise it keeps its distance from the last
    /// one, and the rider is told so.
    pub fn comes_at_once(&self, now: DateTime<Utc>) -> bool {
        self.not_before - now <= TimeDelta::seconds(20)
    }
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
    let in_doubt_since = work.now - rules.doubt_blocks_for;
    store::set_aside_doubts(work.conn(), &request.purpose, in_doubt_since).await?;
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

/// The amount that this member was asked for the same purpose and may still pay, if there is such a request.
pub async fn open_request(
    work: &mut Work,
    rules: &Rules,
    purpose: &Purpose,
) -> Result<Option<Money>, Fault> {
    let in_doubt_since = work.now - rules.doubt_blocks_for;
    store::set_aside_doubts(work.conn(), purpose, in_doubt_since).await?;
    let open = store::open_obligation_of(work.conn(), purpose).await?;
    Ok(open.map(|open| open.amount))
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

/// What is known of an obligation: for whoever writes to its payer.
pub async fn obligation(
    conn: &mut PgConnection,
    id: ObligationId,
) -> Result<Option<Obligation>, Fault> {
    store::obligation(conn, id).await
}

/// Whether this member has been asked for money and it is not known yet what became of it.
pub async fn is_anything_open(conn: &mut PgConnection, member: Uuid) -> Result<bool, Fault> {
    store::is_anything_open(conn, member).await
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
pub(super) async fn spaced(
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

/// Takes a payment out of suspense for this member; the amount, or none when no payment with this receipt waits there. Once
/// taken it can belong to nothing else: neither staff nor a late result find it in suspense.
pub async fn take_from_suspense(
    work: &mut Work,
    receipt: &Receipt,
    member: Uuid,
) -> Result<Option<Money>, Fault> {
    let now = work.now;
    store::give_to_member(work.conn(), receipt, member, now).await
}

/// Money in suspense that is to go back to its payer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToRefund {
    pub amount: Money,
    payer_hint: Option<String>,
}

impl ToRefund {
    /// True unless what the provider has shown of the payer's number contradicts this one.
    pub fn may_be_of(&self, payer: &Msisdn) -> bool {
        let hint = self.payer_hint.as_deref().map(PhoneHint::new);
        hint.is_none_or(|hint| hint.agrees_with(payer))
    }
}

/// Takes a payment out of suspense for its payer; none when no payment with this receipt waits there. Until it is put back it
/// can belong to nothing else.
pub async fn take_for_refund(
    work: &mut Work,
    receipt: &Receipt,
) -> Result<Option<ToRefund>, Fault> {
    let taken = store::take_for_refund(work.conn(), receipt).await?;
    Ok(taken.map(|(amount, payer_hint)| ToRefund { amount, payer_hint }))
}

/// What could not be paid back waits in suspense again. False when it was not on its way back.
pub async fn put_back_into_suspense(work: &mut Work, receipt: &Receipt) -> Result<bool, Fault> {
    store::put_back(work.conn(), receipt).await
}

/// Marks money that nobody has claimed since before then as owed back to its payer; the receipts of what is new. It can still find
/// its owner until it is paid back.
pub async fn flag_unclaimed(work: &mut Work, before: DateTime<Utc>) -> Result<Vec<String>, Fault> {
    let now = work.now;
    store::flag_unclaimed(work.conn(), before, now).await
}

/// Takes a request back whose prompt has not left. False when M-PESA may know of it already: then it takes its course.
pub async fn withdraw_unsent(work: &mut Work, id: ObligationId) -> Result<bool, Fault> {
    let attempts = store::attempts_of(work.conn(), id).await?;
    let Some(latest) = attempts.last() else {
        return Ok(false);
    };
    let Some(obligation) = store::lock_obligation_of(work.conn(), latest.id).await? else {
        return Ok(false);
    };
    // Read again under the lock.
    let attempts = store::attempts_of(work.conn(), id).await?;
    let mut open = attempts.iter().filter(|attempt| attempt.state.is_open());
    if obligation.state != ObligationState::Open
        || open.any(|attempt| attempt.state != AttemptState::Created)
    {
        return Ok(false);
    }
    let now = work.now;
    for attempt in attempts {
        if attempt.state == AttemptState::Created {
            store::save_attempt(work.conn(), &attempt.withdraw(), None, now).await?;
        }
    }
    store::close_obligation(work.conn(), id, ObligationState::Unpaid, now).await?;
    Ok(true)
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
