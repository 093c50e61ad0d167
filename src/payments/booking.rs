//! Booking what the verdict counts as money, each payment once.

use std::collections::BTreeSet;

use super::evidence::{Evidence, Receipt, Said};
use super::model::{Alarm, Attempt, AttemptState, News, Obligation, ObligationState};
use super::rules::Rules;
use super::store::{self, NewInflow, Share};
use super::verdict::{self, AttemptFacts, Judgement, Payment, Verdict};
use crate::fault::Fault;
use crate::work::Work;

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
pub(super) async fn judge_and_book(
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
            Some(known) if known.attempt.is_some() || known.is_direct => Ok(false),
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
