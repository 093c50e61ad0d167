//! Drawing the conclusions: one function, under one lock, whatever arrived and in whatever order.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::again::{self, Next};
use super::codes::TextKey;
use super::evidence::{Evidence, NoPrompt, Pace, Receipt, Said};
use super::model::{
    Alarm, Attempt, AttemptId, AttemptState, News, Obligation, ObligationId, ObligationState,
};
use super::rules::Rules;
use super::service::{self, AttendAttempt, plan_attempt};
use super::store::{self, NewInflow, Share};
use super::verdict::{self, AttemptFacts, Judgement, Payment, Verdict};
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

async fn judge(
    work: &mut Work,
    rules: &Rules,
    attempt: &Attempt,
    evidence: &[Evidence],
) -> Result<Judgement, Fault> {
    let named: Vec<String> = receipts_in(evidence)
        .map(|receipt| receipt.as_str().to_owned())
        .collect();
    let receipts_elsewhere = match named.is_empty() {
        true => BTreeSet::new(),
        false => store::receipts_elsewhere(work.conn(), &named, attempt.id).await?,
    };
    let facts = AttemptFacts {
        amount: attempt.amount,
        payer: attempt.payer.clone(),
        submitted_at: attempt.submitted_at,
        receipts_elsewhere,
        jitter_seed: attempt.id.0.as_u64_pair().1,
    };
    Ok(verdict::verdict(&facts, evidence, rules, work.now))
}

fn receipts_in(evidence: &[Evidence]) -> impl Iterator<Item = &Receipt> {
    evidence.iter().filter_map(|piece| match &piece.said {
        Said::Callback(result) => result.receipt.as_ref(),
        Said::Paybill(payment) => Some(&payment.receipt),
        _ => None,
    })
}

/// Judges, and books each payment that is not booked yet. When another transaction took a receipt in between,
/// the judgement is made again knowing that.
async fn judge_and_book(
    work: &mut Work,
    rules: &Rules,
    obligation: &mut Obligation,
    attempt: &Attempt,
    evidence: &[Evidence],
    news: &mut Vec<News>,
) -> Result<Judgement, Fault> {
    loop {
        let judgement = judge(work, rules, attempt, evidence).await?;
        let (payments, certain) = match &judgement.verdict {
            Verdict::Paid { payments, certain } => (payments.as_slice(), *certain),
            Verdict::Mismatched { payments } => (payments.as_slice(), false),
            _ => (&[][..], false),
        };
        let mut booking = Booking {
            obligation: &mut *obligation,
            attempt,
            certain,
            news: &mut *news,
            named: None,
        };
        let mut is_taken = false;
        for payment in payments {
            is_taken |= !booking.book(work, payment).await?;
        }
        if is_taken {
            continue;
        }
        let named = booking.named.take();
        let newly_certain =
            certain && matches!(attempt.state, AttemptState::Paid { certain: false, .. });
        if named.is_some() || newly_certain {
            confirm(work, obligation, attempt, news).await?;
        }
        return Ok(judgement);
    }
}

struct Booking<'a> {
    obligation: &'a mut Obligation,
    attempt: &'a Attempt,
    certain: bool,
    news: &'a mut Vec<News>,
    /// The receipt that a payment booked without one has got.
    named: Option<Receipt>,
}

impl Booking<'_> {
    /// False when the receipt turned out to be another payment's.
    async fn book(&mut self, work: &mut Work, payment: &Payment) -> Result<bool, Fault> {
        let own = store::inflows_of(work.conn(), self.attempt.id).await?;
        let Some(receipt) = &payment.receipt else {
            if !own.iter().any(|inflow| inflow.amount == payment.amount) {
                self.insert(work, payment).await?;
            }
            return Ok(true);
        };
        if own
            .iter()
            .any(|inflow| inflow.receipt.as_ref() == Some(receipt))
        {
            return Ok(true);
        }
        if let Some(nameless) = own
            .iter()
            .find(|inflow| inflow.receipt.is_none() && inflow.amount == payment.amount)
        {
            match store::name_inflow(work.conn(), nameless.id, receipt).await? {
                true => self.named = Some(receipt.clone()),
                false => self.alarm(work, Alarm::ReceiptTwice).await?,
            }
            return Ok(true);
        }
        match store::lock_inflow(work.conn(), receipt).await? {
            None => self.insert(work, payment).await,
            Some(known) if known.attempt.is_some() => Ok(false),
            Some(known) if known.amount != payment.amount => {
                self.alarm(work, Alarm::Conflict).await?;
                Ok(true)
            }
            Some(in_suspense) => {
                let share = self.share_of(payment);
                let (obligation, attempt) = (self.obligation.id, self.attempt.id);
                store::claim_inflow(work.conn(), in_suspense.id, obligation, attempt, share)
                    .await?;
                self.tell(work, payment, share, true).await?;
                Ok(true)
            }
        }
    }

    async fn insert(&mut self, work: &mut Work, payment: &Payment) -> Result<bool, Fault> {
        let share = self.share_of(payment);
        let payer_hint = self.attempt.payer.to_string();
        let new = NewInflow {
            receipt: payment.receipt.as_ref(),
            amount: payment.amount,
            of: Some((self.obligation.id, self.attempt.id)),
            payer_hint: Some(&payer_hint),
            account: Some(&self.attempt.account_reference),
            share,
            at: work.now,
        };
        let is_new = store::insert_inflow(work.conn(), new).await?;
        if is_new {
            self.tell(work, payment, share, false).await?;
        }
        Ok(is_new)
    }

    fn share_of(&self, payment: &Payment) -> Share {
        match (
            payment.amount == self.obligation.amount,
            self.obligation.state,
        ) {
            (false, _) => Share::Suspense,
            (true, ObligationState::Paid) => Share::Extra,
            (true, _) => Share::Allocated,
        }
    }

    async fn tell(
        &mut self,
        work: &mut Work,
        payment: &Payment,
        share: Share,
        from_suspense: bool,
    ) -> Result<(), Fault> {
        let now = work.now;
        let Payment { receipt, amount } = payment.clone();
        let (obligation, purpose) = (self.obligation.id, self.obligation.purpose);
        self.news.push(match share {
            Share::Allocated => {
                let late = self.obligation.state != ObligationState::Open
                    || self.attempt.check_told_at.is_some();
                store::close_obligation(work.conn(), obligation, ObligationState::Paid, now)
                    .await?;
                self.obligation.state = ObligationState::Paid;
                let provisional = !self.certain;
                News::Paid {
                    obligation,
                    purpose,
                    amount,
                    receipt,
                    provisional,
                    late,
                    from_suspense,
                }
            }
            Share::Extra => News::PaidTwice {
                obligation,
                purpose,
                amount,
                receipt,
                from_suspense,
            },
            Share::Suspense => {
                let asked = self.obligation.amount;
                News::Mismatch {
                    obligation,
                    purpose,
                    asked,
                    paid: amount,
                    receipt,
                    from_suspense,
                }
            }
        });
        Ok(())
    }

    async fn alarm(&mut self, work: &mut Work, alarm: Alarm) -> Result<(), Fault> {
        let attempt = self.attempt.id;
        for alarm in store::raise_once(work.conn(), attempt, &BTreeSet::from([alarm])).await? {
            self.news.push(News::Alarm {
                attempt: Some(attempt),
                alarm,
            });
        }
        Ok(())
    }
}

/// Only for the payment that counts: an extra one is the member's already.
async fn confirm(
    work: &mut Work,
    obligation: &Obligation,
    attempt: &Attempt,
    news: &mut Vec<News>,
) -> Result<(), Fault> {
    let own = store::inflows_of(work.conn(), attempt.id).await?;
    if let Some(credit) = own.into_iter().find(|inflow| inflow.is_credit) {
        news.push(News::Confirmed {
            obligation: obligation.id,
            purpose: obligation.purpose,
            amount: credit.amount,
            receipt: credit.receipt,
        });
    }
    Ok(())
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
