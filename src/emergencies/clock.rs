//! The answer clock: what to do about a case that too few people answer, and when to look again. Pure.
//!
//! It looks at how things stand, not at what it did when: looked at late, twice or by another process, a case gets the
//! round that is due and no other.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::alerting::Recipient;
use super::ladder::Ladder;
use super::model::{Alerted, Case, Priority, Rung};
use crate::primitives::{Language, Msisdn};

/// Calls of one wave: the nearest first, and no more than one line can place in a moment.
const CALLS_A_WAVE_MAX: usize = 20;
/// How often who said that they come is asked whether they are there, before nobody counts on them any more.
const ARRIVAL_ASKED_MAX: i32 = 2;
/// Minutes to the place for somebody who said none.
const MINUTES_UNSAID: i64 = 15;
/// A call of which nothing was heard by then is over.
pub const CALL_LOST_AFTER: TimeDelta = TimeDelta::seconds(180);
/// An open case is looked at so often at least, whatever is waited for.
const LOOK_AT_LEAST_EVERY: TimeDelta = TimeDelta::minutes(10);
/// What nobody's life hangs on is climbed for so many times more slowly.
const GENTLY: i32 = 3;

/// The periods of the clock, from the beginning of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The same people again, and the next rung with them.
    pub wider_after: TimeDelta,
    /// Voice calls, and one more rung.
    pub calls_after: TimeDelta,
    /// Everybody up to the duty desk and whoever is over it.
    pub desk_after: TimeDelta,
    /// From then on everybody again.
    pub again_every: TimeDelta,
    /// Between two waves of calls none of which was answered.
    pub call_again_after: TimeDelta,
    /// After this round the house shouts and goes silent.
    pub rounds_max: i32,
    pub waves_max: i32,
    /// Beyond the minutes that somebody promised.
    pub late_after: TimeDelta,
}

/// How far the alarm of a case has gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Climb {
    /// Since when people are missing; none while enough are on their way.
    pub waiting_since: Option<DateTime<Utc>>,
    /// How many were missing then.
    pub missing: i32,
    pub round: i32,
    /// Waves of calls in this wait.
    pub waves: i32,
    /// The number of the last wave there was.
    pub wave: i32,
    /// The house has shouted.
    pub shouted_at: Option<DateTime<Utc>>,
}

/// Somebody on the case, as the clock sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coming {
    pub msisdn: Msisdn,
    pub language: Language,
    pub accepted_at: DateTime<Utc>,
    pub minutes: Option<i32>,
    pub arrived: bool,
    /// How often they were asked whether they are there.
    pub asked: i32,
}

/// A call to somebody about the case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub msisdn: Msisdn,
    pub wave: i32,
    pub planned_at: DateTime<Utc>,
    pub ended: bool,
}

/// Everything that is known of a case when it is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub case: &'a Case,
    pub alerted: &'a [Alerted],
    /// Those who have not left.
    pub coming: &'a [Coming],
    pub calls: &'a [Call],
    pub ladder: &'a Ladder,
}

/// One thing to do about a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// These hear of it, for the first time or again.
    Alert(Rung, Vec<Recipient>),
    /// These are called, each once in this wave.
    Call { wave: i32, people: Vec<Recipient> },
    /// "Are you there?"
    AskArrival(Coming),
    /// The reporter hears that the house goes on, and whom to call meanwhile.
    ReassureReporter,
    /// The loud end: nobody answers, and the desk has to see to it.
    Shout(Vec<Recipient>),
}

/// What to do now, how far that brings the case, and when to look again; never, when it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    pub steps: Vec<Step>,
    pub climb: Climb,
    pub next: Option<DateTime<Utc>>,
}

impl Plan {
    /// A death or a breakdown is no less cared for, but nobody is rung out of bed within minutes for it.
    pub fn paced_for(self, priority: Priority) -> Plan {
        if priority >= Priority::High {
            return self;
        }
        Plan {
            wider_after: self.wider_after * GENTLY,
            calls_after: self.calls_after * GENTLY,
            desk_after: self.desk_after * GENTLY,
            again_every: self.again_every * GENTLY,
            ..self
        }
    }

    /// When a round is due, counted from the beginning of the wait.
    fn due_after(&self, round: i32) -> TimeDelta {
        match round {
            ..=0 => TimeDelta::zero(),
            1 => self.wider_after,
            2 => self.calls_after.max(self.wider_after),
            later => {
                self.desk_after.max(self.calls_after).max(self.wider_after)
                    + self.again_every * (later - 3)
            }
        }
    }

    /// The last round that is due so long after the beginning.
    fn round_at(&self, waited: TimeDelta) -> i32 {
        (1..=self.rounds_max)
            .take_while(|round| self.due_after(*round) <= waited)
            .last()
            .unwrap_or(0)
    }
}

/// Looks at a case.
pub fn look(known: Known<'_>, climb: &Climb, plan: &Plan, now: DateTime<Utc>) -> Look {
    let mut steps = Vec::new();
    if !known.case.state.is_open() {
        let climb = Climb {
            wave: climb.wave,
            ..Climb::default()
        };
        return Look {
            steps,
            climb,
            next: None,
        };
    }
    let mut next = now + LOOK_AT_LEAST_EVERY;
    let mut on_their_way = 0;
    for person in known.coming {
        match standing(person, plan, now) {
            Standing::There => on_their_way += 1,
            Standing::Due(at) => {
                on_their_way += 1;
                next = next.min(at);
            }
            Standing::ToBeAsked => {
                on_their_way += 1;
                steps.push(Step::AskArrival(person.clone()));
                next = next.min(now + plan.again_every);
            }
            Standing::Lost => {}
        }
    }
    let missing = (known.case.needed - on_their_way).max(0);
    let climb = if missing == 0 {
        Climb {
            wave: climb.wave,
            ..Climb::default()
        }
    } else {
        let mut climb = waiting(climb, missing, &known, plan, now);
        climb_on(&known, &mut climb, plan, now, &mut steps, &mut next);
        climb
    };
    Look {
        steps,
        climb,
        next: Some(next),
    }
}

enum Standing {
    There,
    /// Expected until then.
    Due(DateTime<Utc>),
    ToBeAsked,
    /// Has not answered whether they are there, and is not counted on.
    Lost,
}

fn standing(person: &Coming, plan: &Plan, now: DateTime<Utc>) -> Standing {
    if person.arrived {
        return Standing::There;
    }
    let promised = TimeDelta::minutes(person.minutes.map_or(MINUTES_UNSAID, i64::from));
    let due = person.accepted_at + promised + plan.late_after + plan.again_every * person.asked;
    match (now < due, person.asked < ARRIVAL_ASKED_MAX) {
        (true, _) => Standing::Due(due),
        (false, true) => Standing::ToBeAsked,
        (false, false) => Standing::Lost,
    }
}

/// The wait that is on, or a new one when more people are missing than before.
fn waiting(
    climb: &Climb,
    missing: i32,
    known: &Known<'_>,
    plan: &Plan,
    now: DateTime<Utc>,
) -> Climb {
    if climb.waiting_since.is_some() && missing <= climb.missing {
        return climb.clone();
    }
    let first_alert = known.alerted.iter().map(|alerted| alerted.at).min();
    let never_answered = climb.waiting_since.is_none() && known.coming.is_empty();
    let waiting_since = match first_alert {
        // The alarm has just gone out, or the clock sees the case late.
        Some(at) if never_answered && known.case.acknowledged_at.is_none() => at.min(now),
        // Those who were told before came, or did not: now the next are told at once.
        _ => now - plan.wider_after,
    };
    Climb {
        waiting_since: Some(waiting_since),
        missing,
        wave: climb.wave,
        ..Climb::default()
    }
}

fn climb_on(
    known: &Known<'_>,
    climb: &mut Climb,
    plan: &Plan,
    now: DateTime<Utc>,
    steps: &mut Vec<Step>,
    next: &mut DateTime<Utc>,
) {
    let (Some(since), None) = (climb.waiting_since, climb.shouted_at) else {
        return;
    };
    let told: HashSet<&Msisdn> = known
        .alerted
        .iter()
        .map(|alerted| &alerted.msisdn)
        .collect();
    let beyond = known.ladder.beyond(&told);
    let asked = still_asked(known);
    let mut due = plan.round_at(now - since);
    if asked.is_empty() && !beyond.is_empty() {
        // All who were told cannot come: nothing is to be waited for on this rung.
        due = due.max((climb.round + 1).min(plan.rounds_max));
    }
    if due > climb.round {
        let rungs_more = if due >= 3 {
            beyond.len()
        } else {
            usize::try_from(due - climb.round).unwrap_or(0)
        };
        let (again, wider) = (asked, &beyond[..rungs_more.min(beyond.len())]);
        let mut people: Vec<Recipient> = again.clone();
        for (rung, rest) in by_rung(known, again) {
            steps.push(Step::Alert(rung, rest));
        }
        for (rung, new) in wider {
            steps.push(Step::Alert(*rung, new.clone()));
            people.extend(new.iter().cloned());
        }
        if people.is_empty() {
            // Everybody has said no, the desk included. Somebody has to think of something.
            people = known.ladder.last_resort().to_vec();
            steps.push(Step::Alert(Rung::DutyDesk, people.clone()));
        }
        if due >= 2 {
            call(known, climb, plan, people, now, steps);
            // The end of the calls wakes the clock; should that get lost, it looks by itself.
            *next = (*next).min(now + CALL_LOST_AFTER);
        }
        if due >= 3 && climb.round < 3 && !known.case.silent {
            steps.push(Step::ReassureReporter);
        }
        if due >= plan.rounds_max {
            steps.push(Step::Shout(known.ladder.last_resort().to_vec()));
            climb.shouted_at = Some(now);
        }
        climb.round = due;
    } else if let Some(at) = wave_again_at(known, climb, plan, now) {
        if at <= now {
            let people = match asked.is_empty() {
                true => known.ladder.last_resort().to_vec(),
                false => asked,
            };
            call(known, climb, plan, people, now, steps);
            *next = (*next).min(now + CALL_LOST_AFTER);
        } else {
            *next = (*next).min(at);
        }
    }
    if climb.shouted_at.is_none() {
        *next = (*next)
            .min(since + plan.due_after(climb.round + 1))
            .max(now + TimeDelta::seconds(1));
    }
}

/// Who was told and may still say yes.
fn still_asked(known: &Known<'_>) -> Vec<Recipient> {
    let on_it: HashSet<&Msisdn> = known.coming.iter().map(|person| &person.msisdn).collect();
    let mut asked: Vec<&Alerted> = known
        .alerted
        .iter()
        .filter(|alerted| !alerted.declined && !on_it.contains(&alerted.msisdn))
        .collect();
    asked.sort_by_key(|alerted| alerted.rung);
    asked
        .into_iter()
        .map(|alerted| Recipient {
            msisdn: alerted.msisdn.clone(),
            language: alerted.language,
            name: alerted.name.clone(),
            member: alerted.member,
        })
        .collect()
}

/// The same people under the rung on which each was first told.
fn by_rung(known: &Known<'_>, people: Vec<Recipient>) -> Vec<(Rung, Vec<Recipient>)> {
    let rung_of = |person: &Recipient| {
        let alerted = known
            .alerted
            .iter()
            .find(|alerted| alerted.msisdn == person.msisdn);
        alerted.map_or(Rung::DutyDesk, |alerted| alerted.rung)
    };
    let mut groups: Vec<(Rung, Vec<Recipient>)> = Vec::new();
    for person in people {
        let rung = rung_of(&person);
        match groups.iter_mut().find(|(of, _)| *of == rung) {
            Some((_, group)) => group.push(person),
            None => groups.push((rung, vec![person])),
        }
    }
    groups
}

/// A wave of calls, to whoever is not in one of our calls already.
fn call(
    known: &Known<'_>,
    climb: &mut Climb,
    plan: &Plan,
    people: Vec<Recipient>,
    now: DateTime<Utc>,
    steps: &mut Vec<Step>,
) {
    if climb.waves >= plan.waves_max {
        return;
    }
    let people: Vec<Recipient> = people
        .into_iter()
        .filter(|person| {
            let theirs = |call: &&Call| call.msisdn == person.msisdn;
            !known
                .calls
                .iter()
                .filter(theirs)
                .any(|call| is_on(call, now))
        })
        .take(CALLS_A_WAVE_MAX)
        .collect();
    if !people.is_empty() {
        climb.wave += 1;
        climb.waves += 1;
        let wave = climb.wave;
        steps.push(Step::Call { wave, people });
    }
}

/// When the next wave may go out because nobody has answered the last one; none while it is still ringing.
fn wave_again_at(
    known: &Known<'_>,
    climb: &Climb,
    plan: &Plan,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    if climb.waves == 0 || climb.waves >= plan.waves_max {
        return None;
    }
    let last = known.calls.iter().filter(|call| call.wave == climb.wave);
    let planned_at = last.clone().map(|call| call.planned_at).max()?;
    let over = !last.clone().any(|call| is_on(call, now));
    let again = planned_at + plan.call_again_after;
    Some(if over {
        again
    } else {
        again.max(planned_at + CALL_LOST_AFTER)
    })
}

fn is_on(call: &Call, now: DateTime<Utc>) -> bool {
    !call.ended && now < call.planned_at + CALL_LOST_AFTER
}

#[cfg(test)]
mod tests;
