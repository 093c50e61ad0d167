//! Through which provider a message goes, and what becomes of it after a try. Pure.
//!
//! A message is the sum of its tries. What may have been sent is never handed over again, alerts excepted: an alert
//! twice is a nuisance, an alert not at all may be a life.

use chrono::TimeDelta;

use super::model::{Class, Handover, Refusal, Remedy};
use crate::primitives::{Carrier, Money};

/// For each lane the providers in the order in which they are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes([Vec<Carrier>; 4]);

impl Routes {
    pub fn new(of: impl Fn(Class) -> Vec<Carrier>) -> Routes {
        Routes(Class::ALL.map(of))
    }

    pub fn of(&self, class: Class) -> &[Carrier] {
        let lane = Class::ALL.iter().position(|other| *other == class);
        lane.map_or(&[], |lane| &self.0[lane])
    }

    /// True when some lane goes through it.
    pub fn include(&self, carrier: Carrier) -> bool {
        self.0.iter().any(|route| route.contains(&carrier))
    }
}

/// What is known of one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tried {
    pub carrier: Carrier,
    pub fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It certainly did not leave: refused, or never handed over.
    NotSent,
    /// Handed over, and reported as not delivered.
    Undelivered,
    /// Handed over without an answer.
    InDoubt,
    /// The provider has it.
    Accepted,
}

impl Fate {
    pub fn may_have_arrived(self) -> bool {
        matches!(self, Fate::InDoubt | Fate::Accepted)
    }
}

/// Whom a message is handed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Through(Carrier),
    /// All who could are passed over at present.
    Later,
    /// Nobody is left who could.
    Nobody,
}

/// Chooses among the providers of a route: who was tried least, in the order of the route. `pass` lets a message
/// through to a provider or not, and takes its probe when it does; an emergency goes even if it lets nobody.
pub(super) fn choose(
    class: Class,
    route: &[Carrier],
    tried: &[Tried],
    mut pass: impl FnMut(Carrier) -> bool,
) -> Choice {
    let mut left = candidates(route, tried);
    left.sort_by_key(|carrier| tries_through(*carrier, tried));
    let through = left.iter().copied().find(|carrier| pass(*carrier));
    match (through, left.first()) {
        (Some(carrier), _) => Choice::Through(carrier),
        (None, Some(first)) if class == Class::Emergency => Choice::Through(*first),
        (None, Some(_)) => Choice::Later,
        (None, None) => Choice::Nobody,
    }
}

/// Who may be asked: not who could not bring it, and once somebody has it not who may have it too.
fn candidates(route: &[Carrier], tried: &[Tried]) -> Vec<Carrier> {
    let somebody_has_it = tried.iter().any(|one| one.fate == Fate::Accepted);
    let is_out = |carrier: &Carrier| {
        tried.iter().any(|one| {
            one.carrier == *carrier
                && (one.fate == Fate::Undelivered || somebody_has_it && one.fate.may_have_arrived())
        })
    };
    route
        .iter()
        .copied()
        .filter(|carrier| !is_out(carrier))
        .collect()
}

/// True when an accepted alert could still go through somebody else.
pub(super) fn somebody_is_left(route: &[Carrier], tried: &[Tried]) -> bool {
    !candidates(route, tried).is_empty()
}

fn tries_through(carrier: Carrier, tried: &[Tried]) -> usize {
    tried.iter().filter(|one| one.carrier == carrier).count()
}

/// Where a message stands when nothing more is tried: in the best that is known of any try.
pub(super) fn rest(tried: &[Tried]) -> Rest {
    let any = |fate| tried.iter().any(|one| one.fate == fate);
    if any(Fate::Accepted) {
        Rest::Sent
    } else if any(Fate::InDoubt) {
        Rest::Unknown
    } else {
        Rest::Failed
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    Sent,
    Unknown,
    Failed,
}

impl Rest {
    pub fn as_str(self) -> &'static str {
        match self {
            Rest::Sent => "sent",
            Rest::Unknown => "unknown",
            Rest::Failed => "failed",
        }
    }
}

/// What becomes of a message after a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Sent {
        cost: Option<Money>,
    },
    Again {
        /// Counted from the begin of the try, so that waiting for an answer is not added to it.
        after: TimeDelta,
        without_name: bool,
        why: String,
    },
    /// Nothing more is tried. With [`Rest::Unknown`] or [`Rest::Sent`] only a report will tell.
    Rest {
        at: Rest,
        why: String,
    },
}

/// What the decision after a try rests on.
pub(super) struct After<'a> {
    pub class: Class,
    pub route: &'a [Carrier],
    pub carrier: Carrier,
    /// All tries before this one, oldest first.
    pub before: &'a [Tried],
    pub under_our_name: bool,
}

/// Decides after a try. `lets_through` says which providers are not passed over at present.
///
/// A refusal that may pass is tried again for as long as the message is worth sending; the caller checks that.
pub(super) fn next(
    after: After<'_>,
    handover: Handover,
    lets_through: impl Fn(Carrier) -> bool,
) -> Next {
    let tried = with(after.before, after.carrier, &handover);
    let rest = |why: String| Next::Rest {
        at: rest(&tried),
        why,
    };
    let again = |after_try: TimeDelta, without_name: bool, why: String| Next::Again {
        after: after_try,
        without_name,
        why,
    };
    let refusal = match handover {
        Handover::Accepted { cost, .. } => return Next::Sent { cost },
        Handover::Unknown { why } => {
            let copies = tried.iter().filter(|one| one.fate.may_have_arrived());
            let is_repeated = after.class == Class::Emergency && copies.count() < COPIES_MAX;
            return if is_repeated && rest_is_unknown(&tried) {
                again(UNKNOWN_FOR, !after.under_our_name, why)
            } else {
                rest(why)
            };
        }
        Handover::Refused(refusal) => refusal,
    };
    let here = tries_through(after.carrier, &tried);
    let somebody_else = candidates(after.route, &tried).into_iter().any(|other| {
        other != after.carrier && tries_through(other, &tried) < here && lets_through(other)
    });
    let why = refusal.to_string();
    if refusal.remedy() == Remedy::Nothing {
        return rest(why);
    }
    if refusal == Refusal::SenderName && after.under_our_name {
        return again(TimeDelta::zero(), true, why);
    }
    if somebody_else {
        return again(TimeDelta::zero(), !after.under_our_name, why);
    }
    let first_seconds = match refusal.remedy() {
        Remedy::Nothing | Remedy::Elsewhere => return rest(why),
        Remedy::Soon => 1,
        Remedy::Later if matches!(refusal, Refusal::Other(_)) && here >= TRIES_UNEXPLAINED_MAX => {
            return rest(why);
        }
        Remedy::Later => 30,
    };
    let wait = backed_off(after.class, first_seconds, here);
    again(wait, !after.under_our_name, why)
}

fn rest_is_unknown(tried: &[Tried]) -> bool {
    rest(tried) == Rest::Unknown
}

/// The tries with this one.
pub(super) fn with(before: &[Tried], carrier: Carrier, handover: &Handover) -> Vec<Tried> {
    let fate = match handover {
        Handover::Accepted { .. } => Fate::Accepted,
        Handover::Unknown { .. } => Fate::InDoubt,
        Handover::Refused(_) => Fate::NotSent,
    };
    let mut tried = before.to_vec();
    tried.push(Tried { carrier, fate });
    tried
}

/// How long an alert may be in doubt before the next provider says it as well.
pub(super) const UNKNOWN_FOR: TimeDelta = TimeDelta::seconds(5);
/// So many copies of one alert at most, when no answer ever comes.
pub(super) const COPIES_MAX: usize = 4;
const TRIES_UNEXPLAINED_MAX: usize = 5;
const EMERGENCY_AGAIN_WITHIN: TimeDelta = TimeDelta::seconds(5);

/// Doubles up to 15 minutes; an emergency never waits longer than 5 seconds.
fn backed_off(class: Class, first_seconds: i64, tries: usize) -> TimeDelta {
    let doublings = tries.saturating_sub(1).min(10) as u32;
    let after = TimeDelta::seconds((first_seconds << doublings).min(900));
    if class == Class::Emergency {
        after.min(EMERGENCY_AGAIN_WITHIN)
    } else {
        after
    }
}

#[cfg(test)]
mod tests;
