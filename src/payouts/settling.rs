//! Drawing the conclusions from all the evidence about an attempt, under the lock of its payout.

use serde::Serialize;
use uuid::Uuid;

use super::asking::send_later;
use super::evidence::NotTaken;
use super::model::{
    Alarm, Attempt, AttemptId, AttemptState, NotPaid, Payout, PayoutId, PayoutState, Purpose,
};
use super::rules::Rules;
use super::verdict::{AttemptFacts, Judgement, Verdict, verdict};
use super::{brake, funding, names, sending, store, telling};
use crate::events::Event;
use crate::fault::Fault;
use crate::members::{self, MemberId};
use crate::payments::Pace;
use crate::telemetry::metric;
use crate::wallet;
use crate::work::Work;

/// What an application has left to do.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// M-PESA is to be asked about this attempt now.
    pub ask: Option<Attempt>,
}

/// Judges an attempt anew and does what follows: once, whatever arrives how often and in which order.
pub async fn apply(work: &mut Work, rules: &Rules, id: AttemptId) -> Result<Applied, Fault> {
    let Some(known) = store::attempt(work.conn(), id).await? else {
        return Ok(Applied::default());
    };
    let mut payout = store::lock(work.conn(), known.payout)
        .await?
        .ok_or_else(|| Fault::broken(format!("payout attempt {id} has no payout")))?;
    // Read again behind the lock: somebody else may have been here since.
    let before = store::attempt(work.conn(), id)
        .await?
        .ok_or_else(|| Fault::broken(format!("payout attempt {id} is gone")))?;
    let evidence = store::evidence_of(work.conn(), id).await?;
    let facts = AttemptFacts {
        originator: &before.originator,
        amount: payout.amount,
        recipient: &payout.recipient,
        handed: before.handed,
        handed_at: before.handed_at,
        last_asked_at: store::last_asked_at(work.conn(), id).await?,
    };
    let now = work.now;
    let judgement = verdict(&facts, &evidence, rules, now);
    raise(work, &payout, &before, &judgement).await?;
    if let Some((at, float)) = judgement.float {
        store::note_float(work.conn(), float, at).await?;
    }

    let attempt = follow(work, before.clone(), &judgement).await?;
    let holds = store::brake(work.conn())
        .await?
        .holds(now)
        .map(|(until, _)| until);
    let attend_at = match (judgement.ask, holds) {
        // A question that may not be asked now is asked when the brake is off.
        (true, Some(until)) => Some(judgement.look_again_at.map_or(until, |at| at.min(until))),
        _ => judgement.look_again_at,
    };
    store::save_attempt(work.conn(), &attempt, attend_at, now).await?;
    if let Some(at) = attend_at {
        sending::attend_later(work, id, at).await?;
    }
    if attempt.state != before.state {
        note_change(work, &before, &attempt, evidence.len()).await?;
    }
    proceed(work, rules, &mut payout, &before, &attempt, &judgement).await?;
    Ok(Applied {
        ask: (judgement.ask && holds.is_none()).then_some(attempt),
    })
}

/// The attempt as the verdict has it, with a receipt that no other attempt has.
async fn follow(work: &mut Work, before: Attempt, judgement: &Judgement) -> Result<Attempt, Fault> {
    // An attempt that was given up before it was ever taken stays so.
    let is_withdrawn = before.state == AttemptState::Failed
        && matches!(
            judgement.verdict,
            Verdict::Untouched | Verdict::NotTaken { .. }
        );
    if is_withdrawn {
        return Ok(before);
    }
    let mut attempt = before.follow(&judgement.verdict);
    if let Some(receipt) = &attempt.receipt
        && store::is_receipt_taken(work.conn(), attempt.id, receipt).await?
    {
        tracing::error!(target: "financial", { payout.id = %attempt.payout }, "M-PESA names one receipt for two payouts");
        attempt.receipt = None;
    }
    Ok(attempt)
}

/// What the new state of an attempt means for its payout.
async fn proceed(
    work: &mut Work,
    rules: &Rules,
    payout: &mut Payout,
    before: &Attempt,
    attempt: &Attempt,
    judgement: &Judgement,
) -> Result<(), Fault> {
    let now = work.now;
    let is_new = attempt.state != before.state;
    match &judgement.verdict {
        Verdict::Paid { .. } if is_new => paid(work, payout, attempt, judgement).await,
        Verdict::NotPaid { why, by } if is_new && payout.state.is_open() => {
            not_paid(work, rules, payout.clone(), *why, by).await
        }
        Verdict::NotTaken { why } if payout.state == PayoutState::Sending => {
            payout.step(PayoutState::Ready)?;
            payout.not_before = now + hold_back(work, rules, why).await?;
            store::set_state(work.conn(), payout, now).await?;
            send_later(work, payout).await
        }
        Verdict::Unknown { since } if payout.state == PayoutState::Sending => {
            if now >= *since + rules.tell_slow_after {
                telling::slow_once(work, payout).await?;
                store::set_state(work.conn(), payout, now).await?;
            }
            Ok(())
        }
        Verdict::Person { .. } if payout.state == PayoutState::Sending => {
            payout.step(PayoutState::Person)?;
            telling::slow_once(work, payout).await?;
            store::set_state(work.conn(), payout, now).await?;
            store::note(
                work.conn(),
                payout.id,
                None,
                "nobody could tell for a day whether it was paid: look in M-PESA's portal, then settle it",
                now,
            )
            .await
        }
        _ => Ok(()),
    }
}

async fn paid(
    work: &mut Work,
    payout: &mut Payout,
    attempt: &Attempt,
    judgement: &Judgement,
) -> Result<(), Fault> {
    let now = work.now;
    if !payout.state.is_open() {
        return paid_again(work, payout, attempt).await;
    }
    payout.step(PayoutState::Paid)?;
    payout.receipt = attempt.receipt.clone();
    payout.ended_by = Some("paid".to_owned());
    if judgement.alarms.contains(&Alarm::OtherRecipient)
        && let Purpose::Withdrawal { member } = payout.purpose
    {
        // Somebody else has the money; nothing more leaves before a person has looked.
        wallet::freeze(work, member).await?;
    }
    if let Some(theirs) = &judgement.name {
        note_name(work, payout, theirs).await?;
    }
    telling::paid(work, payout).await?;
    let journal = funding::settle(work, payout).await?;
    store::end(work.conn(), payout, journal, now).await?;
    metric::payout(payout.purpose.name(), "paid");
    tracing::info!(target: "financial", { payout.id = %payout.id, amount = %payout.amount }, "Payout paid");
    Ok(())
}

/// The money had been given back, or had been paid under another id: it has left twice.
async fn paid_again(work: &mut Work, payout: &Payout, attempt: &Attempt) -> Result<(), Fault> {
    let now = work.now;
    let newly = store::raise_once(work.conn(), attempt.id, [Alarm::PaidAgain].into_iter()).await?;
    if newly.is_empty() {
        return Ok(());
    }
    tracing::error!(target: "financial", { payout.id = %payout.id, amount = %payout.amount },
        "M-PESA has paid what had ended already: somebody owes it to us");
    let receipt = attempt
        .receipt
        .as_ref()
        .map_or("-", |receipt| receipt.as_str());
    let what = format!(
        "M-PESA paid it under a second id or after it was given back, receipt {receipt}: KES {} is owed to us",
        payout.amount
    );
    store::note(work.conn(), payout.id, None, &what, now).await?;
    if let Purpose::Withdrawal { member } = payout.purpose {
        wallet::freeze(work, member).await?;
    }
    funding::paid_again(work, payout, attempt).await.map(drop)
}

async fn not_paid(
    work: &mut Work,
    rules: &Rules,
    mut payout: Payout,
    why: NotPaid,
    by: &str,
) -> Result<(), Fault> {
    let now = work.now;
    if why == NotPaid::FloatEmpty {
        tracing::error!(target: "financial", { payout.id = %payout.id, amount = %payout.amount },
            "Our account for payouts holds too little: fill it");
        brake::pause(work, rules.pause_float, "the float is empty").await?;
    }
    if why.waits() && payout.state == PayoutState::Sending {
        payout.step(PayoutState::Ready)?;
        payout.not_before = match why {
            NotPaid::FloatEmpty => now + rules.pause_float,
            _ => now,
        };
        telling::slow_once(work, &mut payout).await?;
        store::set_state(work.conn(), &payout, now).await?;
        return send_later(work, &payout).await;
    }
    // Ready: another id has failed since, or is to follow; the hold stays with the payout.
    if payout.state == PayoutState::Ready {
        return Ok(());
    }
    payout.ended_by = Some(by.chars().take(60).collect());
    give_back(work, payout, Back::NotPaid(why)).await.map(drop)
}

/// A refusal that would meet every other payout as well holds them all for a while; how long this one waits.
async fn hold_back(
    work: &mut Work,
    rules: &Rules,
    why: &NotTaken,
) -> Result<chrono::TimeDelta, Fault> {
    let (length, words) = match why {
        NotTaken::Unreachable | NotTaken::BadPhone => return Ok(rules.unreachable_again_after),
        // The brake was pulled when this was heard.
        NotTaken::Refused { .. } => return Ok(rules.unreachable_again_after),
        NotTaken::TokenRefused => (rules.pause_maintenance, "the access token is refused"),
        NotTaken::Maintenance => (rules.pause_maintenance, "maintenance"),
        NotTaken::SlowDown(Pace::Quota) => (rules.pause_quota, "quota used up"),
        NotTaken::SlowDown(Pace::Rate) => (rules.pause_rate, "too many requests"),
    };
    brake::pause(work, length, words).await?;
    Ok(length)
}

/// Why money went back to where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Back {
    NotPaid(NotPaid),
    /// A second person said no.
    Refused,
    /// Its owner has frozen the wallet meanwhile.
    Frozen,
    /// It could not be handed over for too long.
    Waited,
}

impl Back {
    pub(super) fn word(self) -> &'static str {
        match self {
            Back::NotPaid(_) => "not_paid",
            Back::Refused => "refused",
            Back::Frozen => "frozen",
            Back::Waited => "waited",
        }
    }
}

/// Ends a payout that is provably not paid: the money is back, and whoever waits for it is told.
pub(super) async fn give_back(
    work: &mut Work,
    mut payout: Payout,
    back: Back,
) -> Result<Payout, Fault> {
    let now = work.now;
    payout.step(PayoutState::Returned)?;
    payout
        .ended_by
        .get_or_insert_with(|| back.word().to_owned());
    let journal = funding::give_back(work, &payout).await?;
    store::end(work.conn(), &payout, journal, now).await?;
    telling::given_back(work, &payout, back).await?;
    metric::payout(payout.purpose.name(), "returned");
    tracing::info!(target: "financial", { payout.id = %payout.id, amount = %payout.amount, why = payout.ended_by.as_deref() },
        "Payout given back");
    Ok(payout)
}

async fn raise(
    work: &mut Work,
    payout: &Payout,
    attempt: &Attempt,
    judgement: &Judgement,
) -> Result<(), Fault> {
    let now = work.now;
    let alarms = judgement.alarms.iter().copied();
    for alarm in store::raise_once(work.conn(), attempt.id, alarms).await? {
        tracing::error!(target: "financial", { payout.id = %payout.id, alarm = alarm.as_str() }, "A payout needs somebody's attention");
        let what = format!("alarm: {}", alarm.as_str());
        store::note(work.conn(), payout.id, None, &what, now).await?;
    }
    Ok(())
}

/// M-PESA knows the number under a name; another one than the member's is no failure, and somebody should know.
async fn note_name(work: &mut Work, payout: &Payout, theirs: &str) -> Result<(), Fault> {
    let Some(member) = payout.purpose.member() else {
        return Ok(());
    };
    let Some(member) = members::load(work.conn(), MemberId(member)).await? else {
        return Ok(());
    };
    let ours = [member.first_name.as_str(), member.last_name.as_str()];
    if names::differ(&ours, theirs) {
        let now = work.now;
        let what = format!("M-PESA knows the number as {theirs}, not as the member");
        store::note(work.conn(), payout.id, None, &what, now).await?;
    }
    Ok(())
}

async fn note_change(
    work: &mut Work,
    before: &Attempt,
    after: &Attempt,
    evidence: usize,
) -> Result<(), Fault> {
    work.record(PayoutAttemptChanged {
        payout: after.payout,
        attempt: after.id,
        from: before.state.as_str(),
        to: after.state.as_str(),
        by: after.ended_by.clone(),
        evidence,
    })
    .await
}

#[derive(Serialize)]
struct PayoutAttemptChanged {
    payout: PayoutId,
    attempt: AttemptId,
    from: &'static str,
    to: &'static str,
    by: Option<String>,
    evidence: usize,
}

impl Event for PayoutAttemptChanged {
    const NAME: &'static str = "payout.attempt_changed";
    fn subject(&self) -> Uuid {
        self.payout.0
    }
}
