//! What all the evidence about one attempt comes to. The order in which it arrived does not matter, nor how often.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::codes::{self, Class};
use super::evidence::{
    AskAnswer, Evidence, Failure, Fate, Found, NotTaken, PaymentResult, Said, SendAnswer,
    StatusResult,
};
use super::model::{Alarm, NotPaid};
use super::rules::Rules;
use super::schedule::{Occasions, plan};
use crate::payments::Receipt;
use crate::primitives::{Money, Msisdn};

/// What is known of an attempt beside the evidence.
#[derive(Clone, Debug)]
pub struct AttemptFacts<'a> {
    pub originator: &'a str,
    pub amount: Money,
    pub recipient: &'a Msisdn,
    /// How often it was handed over, and when last.
    pub handed: u32,
    pub handed_at: Option<DateTime<Utc>>,
    pub last_asked_at: Option<DateTime<Utc>>,
}

/// What became of an attempt, as far as anybody can tell now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Untouched,
    /// Handed over as often as it was refused, provably without effect; why the last time.
    NotTaken {
        why: NotTaken,
    },
    Submitting,
    Accepted,
    Unknown {
        since: DateTime<Utc>,
    },
    Paid {
        receipt: Option<Receipt>,
    },
    NotPaid {
        why: NotPaid,
        /// The code or word that says so.
        by: String,
    },
    /// A day has passed: only a person can find out.
    Person {
        since: DateTime<Utc>,
    },
}

/// A verdict with all that follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    pub verdict: Verdict,
    pub alarms: BTreeSet<Alarm>,
    /// The provider is to be asked now.
    pub ask: bool,
    pub look_again_at: Option<DateTime<Utc>>,
    /// Whom M-PESA knows under the number that was paid.
    pub name: Option<String>,
    /// What our account for payouts held, and when M-PESA said so last.
    pub float: Option<(DateTime<Utc>, Money)>,
}

/// Judges an attempt by everything that was said about it. A payment outweighs any number of failures, because money that
/// has left is a fact and a failure is an opinion about one; a failure outweighs every doubt.
pub fn verdict(
    facts: &AttemptFacts<'_>,
    evidence: &[Evidence],
    rules: &Rules,
    now: DateTime<Utc>,
) -> Judgement {
    let mut heard = Heard::default();
    let mut in_order: Vec<&Evidence> = evidence.iter().collect();
    in_order.sort_by_key(|piece| piece.at);
    for piece in in_order {
        heard.listen(facts, piece);
    }
    let unknown_since = heard.unknown_since(facts, rules, now);
    let verdict = heard.verdict(facts, unknown_since, rules, now);
    let is_settled = matches!(
        verdict,
        Verdict::Untouched
            | Verdict::NotTaken { .. }
            | Verdict::Paid { .. }
            | Verdict::NotPaid { .. }
            | Verdict::Person { .. }
    );
    let plan = plan(
        &Occasions {
            handed_at: facts.handed_at,
            is_settled,
            doubts: heard.doubts,
            unknown_since,
            last_asked_at: facts.last_asked_at,
        },
        rules,
        now,
    );
    if matches!(verdict, Verdict::Person { .. }) {
        heard.alarms.insert(Alarm::Unresolved);
    }
    Judgement {
        verdict,
        alarms: heard.alarms,
        ask: plan.ask_now,
        look_again_at: plan.look_again_at,
        name: heard.name,
        float: heard.float,
    }
}

/// Everything that was said, sorted by what it is worth.
#[derive(Default)]
struct Heard {
    answers: u32,
    accepted: bool,
    not_taken: Option<NotTaken>,
    taken_or_unknown: bool,
    paid: bool,
    receipt: Option<Receipt>,
    failure: Option<Failure>,
    doubts: Vec<DateTime<Utc>>,
    alarms: BTreeSet<Alarm>,
    name: Option<String>,
    float: Option<(DateTime<Utc>, Money)>,
}

impl Heard {
    fn listen(&mut self, facts: &AttemptFacts<'_>, piece: &Evidence) {
        match &piece.said {
            Said::Answer(answer) => self.answer(answer, piece.at),
            Said::Unreadable => {
                self.alarms.insert(Alarm::Unreadable);
                self.doubt(piece.at);
            }
            // An address that M-PESA does not publish: it proves nothing but makes us ask.
            _ if !piece.trusted => {
                self.alarms.insert(Alarm::Forged);
                self.doubt(piece.at);
            }
            Said::QueueTimeout => self.doubt(piece.at),
            Said::Result(result) => self.result(facts, result, piece.at),
            Said::Asked(answer) => self.asked(answer),
            Said::Status(status) => self.status(facts, status),
            Said::Found(Found::Paid { receipt }) => self.pay(Some(receipt)),
            Said::Found(Found::NotPaid) => self.fail(NotPaid::ByPerson, "by_person"),
        }
    }

    fn answer(&mut self, answer: &SendAnswer, at: DateTime<Utc>) {
        self.answers += 1;
        match answer {
            SendAnswer::Accepted => {
                self.accepted = true;
                self.taken_or_unknown = true;
            }
            SendAnswer::Duplicate | SendAnswer::Unknown => {
                self.taken_or_unknown = true;
                self.doubt(at);
            }
            SendAnswer::NotTaken(why) => self.not_taken = Some(why.clone()),
        }
    }

    fn result(&mut self, facts: &AttemptFacts<'_>, result: &PaymentResult, at: DateTime<Utc>) {
        if result.originator != facts.originator {
            self.alarms.insert(Alarm::ForeignId);
            self.doubt(at);
            return;
        }
        self.taken_or_unknown = true;
        match codes::classify(&result.code) {
            Class::Paid => {
                if let Some(float) = result.float {
                    self.float = Some((at, float));
                }
                if result.amount.is_some_and(|amount| amount != facts.amount) {
                    self.alarms.insert(Alarm::OtherAmount);
                    self.doubt(at);
                    return;
                }
                let other_number = result
                    .recipient
                    .as_ref()
                    .is_some_and(|number| !number.agrees_with(facts.recipient));
                match other_number {
                    true => {
                        self.alarms.insert(Alarm::OtherRecipient);
                    }
                    false => self.name = self.name.take().or(result.name.clone()),
                }
                self.pay(result.receipt.as_ref());
            }
            Class::NotPaid(why) => self.fail(why, result.code.as_str()),
            Class::Pending | Class::Ambiguous => self.doubt(at),
        }
    }

    fn asked(&mut self, answer: &AskAnswer) {
        if let AskAnswer::NotTaken(NotTaken::Refused { .. }) = answer {
            self.alarms.insert(Alarm::QuestionRefused);
        }
    }

    fn status(&mut self, facts: &AttemptFacts<'_>, status: &StatusResult) {
        if !status.code.is_paid() {
            self.alarms.insert(Alarm::QuestionRefused);
            return;
        }
        if status.about.as_deref() != Some(facts.originator) {
            self.alarms.insert(Alarm::ForeignId);
            return;
        }
        self.taken_or_unknown = true;
        match status.fate {
            Some(Fate::Completed) if status.amount.is_some_and(|amount| amount != facts.amount) => {
                self.alarms.insert(Alarm::OtherAmount);
            }
            Some(Fate::Completed) => self.pay(status.receipt.as_ref()),
            Some(Fate::NotPaid) => self.fail(NotPaid::Declined, "declined"),
            Some(Fate::Undecided) | None => {}
        }
    }

    fn pay(&mut self, receipt: Option<&Receipt>) {
        self.paid = true;
        self.receipt = self.receipt.take().or(receipt.cloned());
        if self.failure.is_some() {
            self.alarms.insert(Alarm::Contradiction);
        }
    }

    fn fail(&mut self, why: NotPaid, by: &str) {
        self.failure.get_or_insert_with(|| (why, by.to_owned()));
        if self.paid {
            self.alarms.insert(Alarm::Contradiction);
        }
    }

    fn doubt(&mut self, at: DateTime<Utc>) {
        self.doubts.push(at);
    }

    /// Whether each handing over was answered, and each time with a refusal that proves that nothing was taken.
    fn is_provably_not_taken(&self, facts: &AttemptFacts<'_>) -> bool {
        !self.taken_or_unknown && self.doubts.is_empty() && self.answers >= facts.handed
    }

    fn unknown_since(
        &self,
        facts: &AttemptFacts<'_>,
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let silent = facts
            .handed_at
            .map(|at| at + rules.silent_after)
            .filter(|since| *since <= now);
        let doubted = self.doubts.iter().min().copied();
        [doubted, silent].into_iter().flatten().min()
    }

    fn verdict(
        &self,
        facts: &AttemptFacts<'_>,
        unknown_since: Option<DateTime<Utc>>,
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Verdict {
        if self.paid {
            return Verdict::Paid {
                receipt: self.receipt.clone(),
            };
        }
        if let Some((why, by)) = &self.failure {
            return Verdict::NotPaid {
                why: *why,
                by: by.clone(),
            };
        }
        let Some(handed_at) = facts.handed_at else {
            return Verdict::Untouched;
        };
        if self.is_provably_not_taken(facts) {
            return match &self.not_taken {
                Some(NotTaken::BadPhone) => Verdict::NotPaid {
                    why: NotPaid::NoSuchRecipient,
                    by: NotTaken::BadPhone.name().to_owned(),
                },
                Some(why) => Verdict::NotTaken { why: why.clone() },
                None => Verdict::Untouched,
            };
        }
        if now >= handed_at + rules.give_up_after {
            return Verdict::Person {
                since: handed_at + rules.give_up_after,
            };
        }
        match unknown_since {
            Some(since) => Verdict::Unknown { since },
            None if self.accepted => Verdict::Accepted,
            None => Verdict::Submitting,
        }
    }
}

#[cfg(test)]
mod tests;
