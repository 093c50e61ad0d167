//! Drawing the conclusions: one function, under one lock, whatever arrived and in whatever order.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::again::{self, Next};
use super::booking::judge_and_book;
use super::codes::TextKey;
use super::evidence::{NoPrompt, Pace};
use super::model::{
    Attempt, AttemptId, AttemptState, News, Obligation, ObligationId, ObligationState,
};
use super::rules::Rules;
use super::service::{self, AttendAttempt, plan_attempt};
use super::store;
use super::verdict::{Judgement, Verdict};
use crate::events::Event;
use crate::fault::Fault;
use crate::work::Work;

/// An attempt went on. Carries no number and no id that holds one.
#[derive(Serialize)]
struct AttemptChanged {
    attempt: AttemptId,
    obligation: ObligationId,
    from: &'static str,
    to: &'static str,
    /// Result code or reason, where there is one.
    by: Option<String>,
    /// How many pieces of evidence stand behind it.
    evidence: usize,
}

impl Event for AttemptChanged {
    const NAME: &'static str = "payment.attempt_changed";
    fn subject(&self) -> Uuid {
        self.obligation.0
    }
}

/// Judges everything known about an attempt, saves where that leads, and says what is new. Called again with
/// nothing new it says nothing. A question that is due is left to a job.
pub async fn apply(work: &mut Work, rules: &Rules, id: AttemptId) -> Result<Vec<News>, Fault> {
    let asks_at = work.now;
    Ok(conclude(work, rules, id, asks_at).await?.news)
}

/// As [`apply`], for who will ask the provider as soon as this is committed: also says which prompt to ask
/// about. Should the question be lost, it is asked again after [`QUESTION_PATIENCE`].
pub async fn attend(
    work: &mut Work,
    rules: &Rules,
    id: AttemptId,
    insist: bool,
) -> Result<(Vec<News>, Option<String>), Fault> {
    let now = work.now;
    if !insist && !store::is_due(work.conn(), id, now).await? {
        return Ok((vec![], None));
    }
    let Applied {
        news,
        question,
        attempt,
    } = conclude(work, rules, id, now + QUESTION_PATIENCE).await?;
    let Some(attempt) = attempt else {
        return Ok((news, None));
    };
    let is_certain = matches!(attempt.state, AttemptState::Paid { certain: true, .. });
    let known = attempt.state.ids().filter(|_| insist && !is_certain);
    Ok((news, question.or(known.map(|ids| ids.checkout.clone()))))
}

/// Longer than a question takes, with all its waits.
const QUESTION_PATIENCE: TimeDelta = TimeDelta::seconds(60);

struct Applied {
    news: Vec<News>,
    question: Option<String>,
    attempt: Option<Attempt>,
}

/// `asks_at` is when somebody should come to ask a question that is due, if it has not been asked by then.
async fn conclude(
    work: &mut Work,
    rules: &Rules,
    id: AttemptId,
    asks_at: DateTime<Utc>,
) -> Result<Applied, Fault> {
    let Some(mut obligation) = store::lock_obligation_of(work.conn(), id).await? else {
        return Ok(Applied {
            news: vec![],
            question: None,
            attempt: None,
        });
    };
    let before = store::attempt(work.conn(), id).await?;
    let evidence = store::evidence_of(work.conn(), id).await?;
    let mut news = vec![];

    let judgement =
        judge_and_book(work, rules, &mut obligation, &before, &evidence, &mut news).await?;
    for alarm in store::raise_once(work.conn(), id, &judgement.alarms).await? {
        news.push(News::Alarm {
            attempt: Some(id),
            alarm,
        });
    }
    let mut attempt = before
        .clone()
        .follow(&judgement.verdict, judgement.ids.clone());
    tell_check(
        work.now,
        rules,
        &obligation,
        &mut attempt,
        &judgement,
        &mut news,
    );
    let question_at = judgement.question.is_some().then_some(asks_at);
    let attend_at = [question_at, judgement.look_again_at]
        .into_iter()
        .flatten()
        .min();
    save(work, &attempt, attend_at).await?;

    if attempt.state.name() != before.state.name() {
        note_change(work, &before, &attempt, evidence.len()).await?;
        hold_pushes(work, rules, &judgement.verdict).await?;
        check_earlier_equal(work, rules, &attempt, &judgement.verdict).await?;
    }
    if before.state.is_open() && !attempt.state.is_open() {
        end_or_go_on(work, rules, &mut obligation, &attempt, &mut news).await?;
    }
    if obligation.state == ObligationState::Paid {
        withdraw_others(work, &obligation, id).await?;
    }
    Ok(Applied {
        news,
        question: judgement.question,
        attempt: Some(attempt),
    })
}

/// An attempt that could not be sent while the rider was still expecting it.
pub(super) async fn expire(
    work: &mut Work,
    obligation: Obligation,
    attempt: Attempt,
) -> Result<Vec<News>, Fault> {
    let before = attempt.clone();
    let attempt = attempt.follow(
        &Verdict::Refused {
            why: NoPrompt::TooLate,
        },
        None,
    );
    let now = work.now;
    store::save_attempt(work.conn(), &attempt, None, now).await?;
    note_change(work, &before, &attempt, 0).await?;
    store::close_obligation(work.conn(), obligation.id, ObligationState::Unpaid, now).await?;
    Ok(vec![not_paid(&obligation, TextKey::System)])
}

/// Tells the rider once that we are still checking, if the doubt has lasted and they still wait for an answer.
fn tell_check(
    now: DateTime<Utc>,
    rules: &Rules,
    obligation: &Obligation,
    attempt: &mut Attempt,
    judgement: &Judgement,
    news: &mut Vec<News>,
) {
    let Verdict::Unknown { since } = judgement.verdict else {
        return;
    };
    let is_waiting = obligation.state == ObligationState::Open && attempt.state.is_open();
    if is_waiting && attempt.check_told_at.is_none() && now >= since + rules.tell_check_after {
        attempt.check_told_at = Some(now);
        let Obligation {
            id,
            purpose,
            amount,
            ..
        } = obligation;
        news.push(News::StillChecking {
            obligation: *id,
            purpose: *purpose,
            amount: *amount,
        });
    }
}

async fn save(
    work: &mut Work,
    attempt: &Attempt,
    attend_at: Option<DateTime<Utc>>,
) -> Result<(), Fault> {
    let now = work.now;
    store::save_attempt(work.conn(), attempt, attend_at, now).await?;
    if let Some(at) = attend_at {
        work.enqueue_at(
            AttendAttempt {
                attempt: attempt.id,
                at,
                insist: false,
            },
            at,
        )
        .await?;
    }
    Ok(())
}

async fn note_change(
    work: &mut Work,
    before: &Attempt,
    after: &Attempt,
    evidence: usize,
) -> Result<(), Fault> {
    let by = match &after.state {
        AttemptState::Failed { code, .. } => Some(code.clone()),
        AttemptState::Refused { why } => Some(why.clone()),
        _ => None,
    };
    work.record(AttemptChanged {
        attempt: after.id,
        obligation: after.obligation,
        from: before.state.name(),
        to: after.state.name(),
        by,
        evidence,
    })
    .await
}

/// A refusal that would meet every other push as well stops them all for a while.
async fn hold_pushes(work: &mut Work, rules: &Rules, verdict: &Verdict) -> Result<(), Fault> {
    let Verdict::Refused { why } = verdict else {
        return Ok(());
    };
    let (length, words): (TimeDelta, &str) = match why {
        NoPrompt::Misconfigured { what } => (rules.pause_misconfigured, what),
        NoPrompt::TokenRefused => (rules.pause_misconfigured, "the access token is refused"),
        NoPrompt::Maintenance => (rules.pause_maintenance, "maintenance"),
        NoPrompt::SlowDown(Pace::Quota) => (rules.pause_quota, "quota used up"),
        NoPrompt::SlowDown(Pace::Rate) => (rules.pause_rate, "too many requests"),
        NoPrompt::BadPhone
        | NoPrompt::LineBusy
        | NoPrompt::SystemBusy
        | NoPrompt::Rejected
        | NoPrompt::TooLate => {
            return Ok(());
        }
    };
    service::pause(work, length, words).await
}

/// Code 17 says that the same amount was asked for moments ago: perhaps that one was paid, so ask.
async fn check_earlier_equal(
    work: &mut Work,
    rules: &Rules,
    attempt: &Attempt,
    verdict: &Verdict,
) -> Result<(), Fault> {
    let is_rule_limited = matches!(verdict, Verdict::NotPaid { code, .. } if code.as_str() == "17");
    if !is_rule_limited {
        return Ok(());
    }
    let since = attempt.created_at - rules.between_equal_pushes * 2;
    if let Some(earlier) = store::previous_equal_attempt(work.conn(), attempt, since).await? {
        let at = work.now;
        work.enqueue(AttendAttempt {
            attempt: earlier,
            at,
            insist: true,
        })
        .await?;
    }
    Ok(())
}

/// The attempt has ended: the obligation ends with it, or another attempt follows.
async fn end_or_go_on(
    work: &mut Work,
    rules: &Rules,
    obligation: &mut Obligation,
    attempt: &Attempt,
    news: &mut Vec<News>,
) -> Result<(), Fault> {
    if obligation.state != ObligationState::Open {
        return Ok(());
    }
    let now = work.now;
    let Obligation {
        id,
        purpose,
        amount,
        ..
    } = obligation.clone();
    let ended = match &attempt.state {
        AttemptState::Operator { .. } => {
            // Told with the money, if it was another amount that came.
            if !news
                .iter()
                .any(|news| matches!(news, News::Mismatch { .. }))
            {
                news.push(News::Unresolved {
                    obligation: id,
                    purpose,
                    amount,
                });
            }
            ObligationState::Operator
        }
        ended => {
            let all = store::attempts_of(work.conn(), id).await?;
            let earlier: Vec<&AttemptState> = all
                .iter()
                .filter(|other| other.id != attempt.id)
                .map(|other| &other.state)
                .collect();
            match again::next(ended, &earlier, obligation.created_at, rules, now) {
                Next::Again { after, tell_busy } => {
                    plan_attempt(work, obligation, now + after).await?;
                    if tell_busy {
                        news.push(News::Busy {
                            obligation: id,
                            purpose,
                            amount,
                        });
                    }
                    return Ok(());
                }
                Next::Told(text) => {
                    news.push(not_paid(obligation, text));
                    ObligationState::Unpaid
                }
            }
        }
    };
    obligation.state = ended;
    store::close_obligation(work.conn(), id, ended, now).await
}

fn not_paid(obligation: &Obligation, sms: TextKey) -> News {
    News::NotPaid {
        obligation: obligation.id,
        purpose: obligation.purpose,
        amount: obligation.amount,
        sms,
    }
}

async fn withdraw_others(
    work: &mut Work,
    obligation: &Obligation,
    paid: AttemptId,
) -> Result<(), Fault> {
    let now = work.now;
    for other in store::attempts_of(work.conn(), obligation.id).await? {
        if other.id != paid && other.state == AttemptState::Created {
            store::save_attempt(work.conn(), &other.withdraw(), None, now).await?;
        }
    }
    Ok(())
}
