//! What all the evidence together says about one attempt.
//!
//! Pure, and blind to the order in which the pieces were read and to repetitions: the same set of evidence gives
//! the same verdict at the same instant. Weakest to strongest: a result from anywhere, a result with the right
//! ids from a published address, the answer to our own question, a paybill confirmation.
//!
//! The right ids are those in the answer to our push. Where that was lost, a result may name any prompt, its own
//! invention or somebody else's, and a question about it is answered without amount or payer: such a result tells
//! us what to ask and no more. Only the paybill (its confirmation, or the provider's records) then proves money.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::codes::{self, Class, TextKey};
use super::evidence::{
    Evidence, NoPrompt, Pace, PaybillPayment, PromptIds, PromptResult, PushAnswer, QueryAnswer,
    Receipt, ResultCode, Said,
};
use super::model::Alarm;
use super::rules::Rules;
use super::schedule;
use crate::primitives::{Money, Msisdn};

/// What is known about an attempt without asking anybody.
#[derive(Clone, Debug)]
pub struct AttemptFacts {
    pub amount: Money,
    pub payer: Msisdn,
    pub submitted_at: Option<DateTime<Utc>>,
    /// Receipts that already belong to another payment.
    pub receipts_elsewhere: BTreeSet<Receipt>,
    /// Spreads the questions of many attempts.
    pub jitter_seed: u64,
}

/// Where the evidence leads.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Not pushed, or the push is under way.
    Waiting,
    Prompted {
        ids: PromptIds,
    },
    /// Money may have moved. Never push again from here.
    Unknown {
        since: DateTime<Utc>,
    },
    /// At least one payment of the amount asked for. The first in the list is the one that counts.
    Paid {
        payments: Vec<Payment>,
        certain: bool,
    },
    /// Paid, but never the amount asked for.
    Mismatched {
        payments: Vec<Payment>,
    },
    NotPaid {
        code: ResultCode,
        text: TextKey,
    },
    /// Provably without a prompt.
    Refused {
        why: NoPrompt,
    },
    /// In doubt for so long that a person takes over.
    Unresolved,
}

/// Money that came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Payment {
    /// None when only the provider's answer to our question tells of it.
    pub receipt: Option<Receipt>,
    pub amount: Money,
}

/// A verdict and what else follows from the evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    pub verdict: Verdict,
    /// Of the prompt, as the push's answer named it.
    pub ids: Option<PromptIds>,
    pub alarms: BTreeSet<Alarm>,
    /// The prompt to ask the provider about now.
    pub question: Option<String>,
    /// When time alone may change this judgement, or the next question is due.
    pub look_again_at: Option<DateTime<Utc>>,
}

/// Judges all the evidence there is about an attempt.
pub fn verdict(
    facts: &AttemptFacts,
    evidence: &[Evidence],
    rules: &Rules,
    now: DateTime<Utc>,
) -> Judgement {
    let sorted = Sorted::from(facts, evidence, rules);
    let (verdict, mut alarms) = sorted.decide(now);
    alarms.extend(&sorted.alarms);
    let plan = schedule::plan(&sorted.occasions(&verdict), facts.jitter_seed, rules, now);
    let question = match &sorted.ids {
        Some(ids) if plan.ask_now => Some(ids.checkout.clone()),
        _ => None,
    };
    Judgement {
        look_again_at: plan.look_again_at,
        ids: sorted.ids.filter(|_| sorted.named_by_push),
        verdict,
        alarms,
        question,
    }
}

/// A result code and when it was first heard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reading {
    code: ResultCode,
    at: DateTime<Utc>,
}

/// The evidence, each piece in the pile where it counts.
struct Sorted<'a> {
    facts: &'a AttemptFacts,
    rules: &'a Rules,
    push: Option<(DateTime<Utc>, PushAnswer)>,
    /// The prompt to ask about.
    ids: Option<PromptIds>,
    /// It is ours beyond doubt; otherwise only a result says so.
    named_by_push: bool,
    /// Results from the provider's addresses about this very prompt.
    results: Vec<(DateTime<Utc>, &'a PromptResult)>,
    /// Results from the provider's addresses about a prompt that nobody else has named.
    unproven: Vec<(DateTime<Utc>, &'a PromptResult)>,
    /// Results about this very prompt from elsewhere: worth a question, nothing more.
    hearsay: Vec<(DateTime<Utc>, &'a PromptResult)>,
    /// Answers to our questions about this very prompt.
    answers: Vec<Reading>,
    asked_at: Vec<DateTime<Utc>>,
    id_is_unusable: bool,
    paybill: Vec<&'a PaybillPayment>,
    /// When something arrived that only a question can settle.
    doubtful_arrivals: Vec<DateTime<Utc>>,
    alarms: BTreeSet<Alarm>,
}

impl<'a> Sorted<'a> {
    fn from(facts: &'a AttemptFacts, evidence: &'a [Evidence], rules: &'a Rules) -> Sorted<'a> {
        let mut sorted = Sorted {
            facts,
            rules,
            push: None,
            ids: None,
            named_by_push: false,
            results: vec![],
            unproven: vec![],
            hearsay: vec![],
            answers: vec![],
            asked_at: vec![],
            id_is_unusable: false,
            paybill: vec![],
            doubtful_arrivals: vec![],
            alarms: BTreeSet::new(),
        };
        let mut results = vec![];
        for piece in evidence {
            match &piece.said {
                Said::Push(answer) => sorted.hear_push(piece.at, answer),
                Said::Callback(result) => results.push((piece.at, piece.trusted, result)),
                Said::Paybill(payment) if piece.trusted => sorted.paybill.push(payment),
                Said::Paybill(_) => {
                    sorted.alarms.insert(Alarm::Forged);
                    sorted.doubtful_arrivals.push(piece.at);
                }
                Said::Unreadable => {
                    sorted.alarms.insert(Alarm::Unreadable);
                    sorted.doubtful_arrivals.push(piece.at);
                }
                Said::Query { .. } => {}
            }
        }
        sorted.find_ids(&results);
        for (at, trusted, result) in results {
            sorted.hear_result(at, trusted, result);
        }
        for piece in evidence {
            if let Said::Query { checkout, answer } = &piece.said {
                sorted.hear_answer(piece.at, checkout, answer);
            }
        }
        sorted
    }

    fn hear_push(&mut self, at: DateTime<Utc>, answer: &PushAnswer) {
        let weight = |answer: &PushAnswer| match answer {
            PushAnswer::Accepted(_) => 3,
            PushAnswer::Unknown { ids: Some(_) } => 2,
            PushAnswer::Unknown { ids: None } => 1,
            PushAnswer::NoPrompt(_) => 0,
        };
        if let PushAnswer::NoPrompt(NoPrompt::Misconfigured { .. } | NoPrompt::TokenRefused) =
            answer
        {
            self.alarms.insert(Alarm::Misconfigured);
        }
        if let PushAnswer::NoPrompt(NoPrompt::SlowDown(Pace::Quota)) = answer {
            self.alarms.insert(Alarm::Quota);
        }
        let is_stronger = self
            .push
            .as_ref()
            .is_none_or(|(_, known)| weight(answer) > weight(known));
        if is_stronger {
            self.push = Some((at, answer.clone()));
        }
    }

    /// The push's answer names the prompt. Was it lost, then the results tell which one to ask about, if they agree.
    fn find_ids(&mut self, results: &[(DateTime<Utc>, bool, &PromptResult)]) {
        if let Some((_, PushAnswer::Accepted(ids) | PushAnswer::Unknown { ids: Some(ids) })) =
            &self.push
        {
            self.ids = Some(ids.clone());
            self.named_by_push = true;
            return;
        }
        let named: BTreeSet<&PromptIds> = results
            .iter()
            .filter(|(_, trusted, result)| *trusted && self.is_about_the_payer(result))
            .map(|(_, _, result)| &result.ids)
            .collect();
        if named.len() > 1 {
            self.alarms.insert(Alarm::Conflict);
        } else {
            self.ids = named.first().copied().cloned();
        }
    }

    fn is_about_the_payer(&self, result: &PromptResult) -> bool {
        result
            .phone
            .as_ref()
            .is_none_or(|phone| phone.agrees_with(&self.facts.payer))
    }

    fn hear_result(&mut self, at: DateTime<Utc>, trusted: bool, result: &'a PromptResult) {
        let is_possible = self.facts.submitted_at.is_some() && self.is_about_the_payer(result);
        let is_ours = is_possible && self.named_by_push && self.ids.as_ref() == Some(&result.ids);
        match (is_ours, trusted) {
            (true, true) => {
                self.note_class(codes::meaning(&result.code).class);
                self.results.push((at, result));
            }
            (true, false) => {
                self.alarms.insert(Alarm::Forged);
                self.hearsay.push((at, result));
                self.doubtful_arrivals.push(at);
            }
            (false, true) if is_possible && !self.named_by_push => {
                self.unproven.push((at, result));
            }
            (false, _) => {
                self.alarms.insert(Alarm::Forged);
                self.doubtful_arrivals.push(at);
            }
        }
    }

    fn note_class(&mut self, class: Class) {
        match class {
            Class::Unknown => self.alarms.insert(Alarm::UnknownCode),
            Class::Configuration => self.alarms.insert(Alarm::Misconfigured),
            Class::Paid | Class::NotPaid | Class::Pending | Class::Ambiguous => false,
        };
    }

    fn hear_answer(&mut self, at: DateTime<Utc>, checkout: &str, answer: &QueryAnswer) {
        if self.ids.as_ref().is_none_or(|ids| ids.checkout != checkout) {
            return;
        }
        self.asked_at.push(at);
        match answer {
            QueryAnswer::Result(code) => match codes::meaning(code).class {
                Class::Pending => {}
                class => {
                    self.note_class(class);
                    self.answers.push(Reading {
                        code: code.clone(),
                        at,
                    });
                }
            },
            QueryAnswer::BadId => {
                self.id_is_unusable = true;
                if self.named_by_push {
                    self.alarms.insert(Alarm::Misconfigured);
                }
            }
            QueryAnswer::Misconfigured { .. } | QueryAnswer::TokenRefused => {
                self.alarms.insert(Alarm::Misconfigured);
            }
            QueryAnswer::NoAnswer | QueryAnswer::NotKnown | QueryAnswer::SlowDown(_) => {}
        }
    }

    fn decide(&self, now: DateTime<Utc>) -> (Verdict, BTreeSet<Alarm>) {
        let mut alarms = BTreeSet::new();
        let (payments, certain) = self.payments(now, &mut alarms);
        if !payments.is_empty() {
            if self.failures().next().is_some() {
                alarms.insert(Alarm::Conflict);
            }
            let (right, wrong): (Vec<Payment>, Vec<Payment>) = payments
                .into_iter()
                .partition(|payment| payment.amount == self.facts.amount);
            if !wrong.is_empty() {
                alarms.insert(Alarm::WrongAmount);
            }
            let verdict = match right.is_empty() {
                true => Verdict::Mismatched { payments: wrong },
                false => Verdict::Paid {
                    payments: right.into_iter().chain(wrong).collect(),
                    certain,
                },
            };
            return (verdict, alarms);
        }
        let verdict = self.without_money(now, &mut alarms);
        (verdict, alarms)
    }

    /// Every payment that counts, the prompt's own first, and whether two independent sources (or one that
    /// needs no second) stand behind it.
    fn payments(&self, now: DateTime<Utc>, alarms: &mut BTreeSet<Alarm>) -> (Vec<Payment>, bool) {
        let answered_paid = self.named_by_push && self.is_answered_paid();
        let mut by_paybill: BTreeMap<&Receipt, Money> = BTreeMap::new();
        for payment in &self.paybill {
            if self.facts.receipts_elsewhere.contains(&payment.receipt) {
                alarms.insert(Alarm::ReceiptTwice);
            } else {
                by_paybill.insert(&payment.receipt, payment.amount);
            }
        }
        let mut claims: BTreeMap<&Receipt, Money> = BTreeMap::new();
        let mut held_back = false;
        let claimed = self.results.iter().map(|claim| (claim, true));
        let weaker = self.hearsay.iter().chain(&self.unproven);
        let claimed = claimed.chain(weaker.map(|claim| (claim, false)));
        for ((at, result), trusted) in claimed {
            let (true, Some(receipt), Some(amount)) =
                (result.code.is_paid(), &result.receipt, result.amount)
            else {
                continue;
            };
            if self.facts.receipts_elsewhere.contains(receipt) {
                alarms.insert(Alarm::ReceiptTwice);
                held_back = true;
            } else if let Some(confirmed) = by_paybill.get(receipt) {
                if *confirmed != amount {
                    alarms.insert(Alarm::Conflict);
                }
                claims.insert(receipt, *confirmed);
            } else if answered_paid || (trusted && !self.is_held(*at, now)) {
                claims.insert(receipt, amount);
            }
        }
        // The prompt's own payment first: what else came in under its reference is extra.
        let mut payments: Vec<Payment> = claims
            .iter()
            .map(|(receipt, amount)| (*receipt, *amount))
            .chain(by_paybill.iter().map(|(r, amount)| (*r, *amount)))
            .map(|(receipt, amount)| Payment {
                receipt: Some(receipt.clone()),
                amount,
            })
            .collect();
        let mut seen = BTreeSet::new();
        payments.retain(|payment| seen.insert(payment.receipt.clone()));
        let is_in_full = |payment: &Payment| payment.amount == self.facts.amount;
        let told_by_answer_alone =
            answered_paid && !held_back && claims.is_empty() && !payments.iter().any(is_in_full);
        if told_by_answer_alone {
            let amount = self.claimed_amount().unwrap_or(self.facts.amount);
            payments.insert(
                0,
                Payment {
                    receipt: None,
                    amount,
                },
            );
        }
        let certain = payments
            .iter()
            .filter(|payment| is_in_full(payment))
            .any(|payment| {
                let Some(receipt) = &payment.receipt else {
                    return false;
                };
                let by_callback = claims.contains_key(receipt);
                match by_paybill.contains_key(receipt) {
                    true => {
                        by_callback
                            || answered_paid
                            || payment.amount <= self.rules.paybill_alone_up_to
                    }
                    false => by_callback && answered_paid,
                }
            });
        (payments, certain)
    }

    fn is_answered_paid(&self) -> bool {
        self.answers.iter().any(|reading| reading.code.is_paid())
    }

    /// The amount that a success without a usable receipt names.
    fn claimed_amount(&self) -> Option<Money> {
        let successes = self.results.iter().filter(|(_, r)| r.code.is_paid());
        successes.filter_map(|(_, result)| result.amount).min()
    }

    /// A success after a failure waits for its confirmation, for a while.
    fn is_held(&self, success_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let contradicted = self.failures().any(|failure| failure.at <= success_at);
        contradicted && now < success_at + self.rules.contradiction_hold
    }

    /// Every reading that says "not paid", settled or not.
    fn failures(&self) -> impl Iterator<Item = Reading> {
        let results = self.results.iter().map(|(at, result)| Reading {
            code: result.code.clone(),
            at: *at,
        });
        results
            .chain(self.answers.iter().cloned())
            .filter(|reading| !reading.code.is_paid())
    }

    /// When a result from the provider's addresses said that it was paid.
    fn successes(&self) -> impl Iterator<Item = DateTime<Utc>> {
        let results = self.results.iter().chain(&self.unproven);
        results
            .filter(|(_, result)| result.code.is_paid())
            .map(|(at, _)| *at)
    }

    fn without_money(&self, now: DateTime<Utc>, alarms: &mut BTreeSet<Alarm>) -> Verdict {
        let Some(submitted_at) = self.facts.submitted_at else {
            return Verdict::Waiting;
        };
        let is_over = now >= submitted_at + self.rules.give_up_after;
        let unknown = |since, alarms: &mut BTreeSet<Alarm>| match is_over {
            true => {
                alarms.insert(Alarm::Unresolved);
                Verdict::Unresolved
            }
            false => Verdict::Unknown { since },
        };

        // Somebody says that it was paid, and it is not proven: no failure can close that.
        if self.is_answered_paid() || self.successes().next().is_some() {
            if self.failures().next().is_some() {
                alarms.insert(Alarm::Conflict);
            }
            let results = self.results.iter().chain(&self.unproven);
            let answers = self.answers.iter().map(|reading| reading.at);
            let at = results.map(|(at, _)| *at).chain(answers).min();
            return unknown(at.unwrap_or(submitted_at), alarms);
        }
        if let Some(verdict) = self.final_failure() {
            return verdict;
        }
        let first_doubt = self.failures().map(|reading| reading.at).min();
        if let Some(since) = first_doubt {
            return unknown(since, alarms);
        }
        match &self.push {
            Some((_, PushAnswer::NoPrompt(why))) => Verdict::Refused { why: why.clone() },
            Some((_, PushAnswer::Accepted(ids))) => {
                let silent_at = submitted_at + self.rules.silent_after;
                match now < silent_at {
                    true => Verdict::Prompted { ids: ids.clone() },
                    false => unknown(silent_at, alarms),
                }
            }
            Some((at, PushAnswer::Unknown { .. })) => unknown(*at, alarms),
            None => {
                let lost_at = submitted_at + self.rules.lost_after;
                match now < lost_at {
                    true => Verdict::Waiting,
                    false => unknown(lost_at, alarms),
                }
            }
        }
    }

    /// A failure that needs no second word, or an unsettling one that was heard twice, far enough apart.
    fn final_failure(&self) -> Option<Verdict> {
        let is_final = |code: &ResultCode| {
            matches!(
                codes::meaning(code).class,
                Class::NotPaid | Class::Configuration
            )
        };
        let from_results = self.results.iter().map(|(_, result)| &result.code);
        let from_answers = self.answers.iter().map(|reading| &reading.code);
        let settled = from_results
            .filter(|code| is_final(code))
            .min()
            .or(from_answers.filter(|code| is_final(code)).min())
            .cloned();
        let code = settled.or_else(|| self.confirmed_doubt())?;
        let text = codes::meaning(&code).text;
        Some(Verdict::NotPaid { code, text })
    }

    fn confirmed_doubt(&self) -> Option<ResultCode> {
        let mut heard: BTreeMap<ResultCode, (DateTime<Utc>, DateTime<Utc>)> = BTreeMap::new();
        for reading in self.failures() {
            if codes::meaning(&reading.code).class == Class::Ambiguous {
                let (first, last) = heard
                    .entry(reading.code)
                    .or_insert((reading.at, reading.at));
                *first = reading.at.min(*first);
                *last = reading.at.max(*last);
            }
        }
        heard
            .into_iter()
            .find(|(_, (first, last))| *last - *first >= self.rules.closing_gap)
            .map(|(code, _)| code)
    }

    /// The moments from which questions and time limits count.
    fn occasions(&self, verdict: &Verdict) -> schedule::Occasions {
        let mut claims: Vec<DateTime<Utc>> = self.successes().collect();
        claims.extend(&self.doubtful_arrivals);
        if self.answers.is_empty() {
            claims.extend(self.unproven.iter().map(|(at, _)| *at));
        }
        let settled = match verdict {
            Verdict::Paid { certain, .. } => *certain,
            Verdict::Waiting | Verdict::Prompted { .. } | Verdict::Unknown { .. } => false,
            // Not even a failure, while somebody claims that money came.
            Verdict::NotPaid { .. } | Verdict::Refused { .. } => claims.is_empty(),
            Verdict::Mismatched { .. } | Verdict::Unresolved => true,
        };
        schedule::Occasions {
            submitted_at: self.facts.submitted_at,
            is_settled: settled,
            is_paid: matches!(verdict, Verdict::Paid { .. }),
            can_ask: self.ids.is_some() && !self.id_is_unusable,
            answered: self.push.is_some(),
            in_doubt_since: match verdict {
                Verdict::Unknown { since } => Some(*since),
                _ => None,
            },
            first_failure_at: self.failures().map(|reading| reading.at).min(),
            claims,
            last_asked_at: self.asked_at.iter().copied().max(),
        }
    }
}
