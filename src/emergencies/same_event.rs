//! When two reports tell of one event. Pure, and in doubt they do not: a second alarm costs people a message, a missed
//! one may cost a life.

use chrono::{DateTime, TimeDelta, Utc};

use super::model::{Case, CaseState, EmergencyKind};
use crate::stages::StageId;

/// What a report tells about its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// None of somebody who is no member.
    pub stage: Option<StageId>,
    pub kind: Option<EmergencyKind>,
    /// In the reporter's words; empty when not told.
    pub place: String,
    pub raised_at: DateTime<Utc>,
}

/// Further apart than this, two reports are of two events.
pub const ONE_EVENT_WITHIN: TimeDelta = TimeDelta::minutes(15);
/// So close together they are likelier to be of one.
const CLOSE_TOGETHER: TimeDelta = TimeDelta::minutes(5);
/// Points from which two reports are taken to be of one event.
const ENOUGH: u32 = 6;

/// Raised again by the same phone after this time, with nobody having said that they come, it is another emergency.
const UNANSWERED_FOR: TimeDelta = TimeDelta::minutes(30);
/// The same where somebody is on the case: help may be a long way off.
const ANSWERED_FOR: TimeDelta = TimeDelta::hours(3);
/// Nobody waits longer than this with anything.
const AT_LAST: TimeDelta = TimeDelta::hours(24);

/// Words that stand at many places, and so say nothing about which.
const COMMON_WORDS: [&str; 46] = [
    "across", "after", "along", "and", "area", "around", "avenue", "barabara", "before", "behind",
    "beside", "between", "boda", "bodaboda", "from", "hapa", "here", "home", "hosp", "hospital",
    "house", "juu", "karibu", "kati", "kwa", "mahali", "mbele", "mtaa", "near", "next", "njia",
    "nyuma", "nyumba", "nyumbani", "off", "opp", "opposite", "pale", "road", "stage", "steji",
    "street", "the", "town", "upande", "with",
];

/// Whether what a phone raises again is another emergency than its open case. `others_wait` says that reports of other
/// phones wait with it.
pub fn is_another(case: &Case, others_wait: bool, now: DateTime<Utc>) -> bool {
    let same_for = match case.state {
        _ if others_wait => AT_LAST,
        CaseState::Acknowledged | CaseState::Responding => ANSWERED_FOR,
        _ => UNANSWERED_FOR,
    };
    now >= case.raised_at + same_for
}

/// True when a report can hardly be of another event than the one before it.
pub fn are_one_event(one: &Report, other: &Report) -> bool {
    let apart = (one.raised_at - other.raised_at).abs();
    if apart > ONE_EVENT_WITHIN {
        return false;
    }
    let by_stage = match (one.stage, other.stage) {
        (Some(one), Some(other)) if one == other => 2,
        (Some(_), Some(_)) => return false,
        _ => 0,
    };
    let (Some(by_kind), Some(by_place)) = (
        kinds_agree(one.kind, other.kind),
        places_agree(&one.place, &other.place),
    ) else {
        return false;
    };
    let by_time = u32::from(apart <= CLOSE_TOGETHER);
    by_stage + by_kind + by_place + by_time >= ENOUGH
}

/// True when a report that was joined has since told what speaks against it.
pub fn speaks_against(joined: &Report, main: &Report) -> bool {
    let kinds = joined.kind.is_some()
        && main.kind.is_some()
        && kinds_agree(joined.kind, main.kind).is_none();
    let places = !words_of(&joined.place).is_empty()
        && !words_of(&main.place).is_empty()
        && places_agree(&joined.place, &main.place).is_none();
    kinds || places
}

/// Points for what happened; nothing when it cannot be the same, or is not known.
fn kinds_agree(one: Option<EmergencyKind>, other: Option<EmergencyKind>) -> Option<u32> {
    use EmergencyKind::{Accident, Death, Mechanical, Medical};
    let (one, other) = (one?, other?);
    match (one, other) {
        // Two that break down in one place are two that wait for a tow.
        (Mechanical, _) | (_, Mechanical) => None,
        _ if one == other => Some(2),
        // One who passes by sees people hurt, another a crash, a third somebody dead.
        (Accident | Medical | Death, Accident | Medical | Death) => Some(1),
        _ => None,
    }
}

/// Points for the words of the place; nothing when they share none that tells places apart.
fn places_agree(one: &str, other: &str) -> Option<u32> {
    let (one, other) = (words_of(one), words_of(other));
    let fewer = one.len().min(other.len());
    let shared = one
        .iter()
        .filter(|word| other.iter().any(|known| are_one_word(word, known)))
        .count();
    match shared {
        0 => None,
        2.. => Some(3),
        // The one landmark that one of them names is named by the other too.
        _ if fewer == 1 => Some(2),
        // A long road has many landmarks.
        _ => Some(0),
    }
}

/// The words that tell this place from others, each once.
fn words_of(place: &str) -> Vec<String> {
    let mut words: Vec<String> = place
        .split(|c: char| !c.is_alphanumeric())
        .map(str::to_lowercase)
        .filter(|word| {
            let says_something =
                word.chars().count() >= 3 || word.chars().any(|c| c.is_ascii_digit());
            says_something && !COMMON_WORDS.contains(&word.as_str())
        })
        .take(20)
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// The same word, or one letter of a long one mistyped.
fn are_one_word(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let (shorter, longer) = if one.len() <= other.len() {
        (&one, &other)
    } else {
        (&other, &one)
    };
    if shorter.len() < 6 || longer.len() - shorter.len() > 1 {
        return false;
    }
    let front = shorter
        .iter()
        .zip(longer.iter())
        .take_while(|(a, b)| a == b)
        .count();
    let back = shorter
        .iter()
        .rev()
        .zip(longer.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    front + back + 1 >= longer.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn report(stage: i32, kind: &str, place: &str, minute: i64) -> Report {
        Report {
            stage: (stage > 0).then_some(StageId(stage)),
            kind: EmergencyKind::parse(kind),
            place: place.to_owned(),
            raised_at: DateTime::UNIX_EPOCH + TimeDelta::minutes(minute),
        }
    }

    #[test]
    fn two_reports_are_of_one_event_only_when_all_speaks_for_it() {
        let first = report(1, "accident", "Moi Avenue near Ambassadeur", 0);
        for (other, wanted) in [
            // The same crash, seen by the next rider.
            (report(1, "accident", "Ambassadeur Moi avenue", 2), true),
            (report(1, "accident", "ambassader", 10), true),
            (report(1, "medical", "Moi Ave, Ambassadeur", 3), true),
            (report(1, "death", "moi avenue ambassadeur", 14), true),
            // A passer-by who is no member, with the same words and soon.
            (
                report(0, "accident", "Moi Avenue Ambassadeur hotel", 3),
                true,
            ),
            (report(0, "accident", "Ambassadeur", 3), false),
            (report(0, "accident", "Moi Avenue Ambassadeur", 9), false),
            // Another place, time, stage or kind.
            (report(1, "accident", "Moi Avenue near Bata", 2), false),
            (report(1, "accident", "Haile Selassie", 1), false),
            (report(1, "accident", "near the stage", 1), false),
            (report(1, "accident", "", 1), false),
            (report(1, "accident", "Moi Avenue Ambassadeur", 16), false),
            (report(2, "accident", "Moi Avenue Ambassadeur", 1), false),
            (report(1, "theft", "Moi Avenue Ambassadeur", 1), false),
            (report(1, "other", "Moi Avenue Ambassadeur", 1), false),
            (report(1, "", "Moi Avenue Ambassadeur", 1), false),
        ] {
            assert_eq!(are_one_event(&first, &other), wanted, "{other:?}");
        }
        let breakdown = report(1, "mechanical", "Globe roundabout", 0);
        assert!(!are_one_event(&breakdown, &breakdown));
        let at_home = report(1, "death", "nyumbani", 0);
        assert!(!are_one_event(&at_home, &at_home));
    }

    #[test]
    fn what_is_told_later_may_speak_against_it() {
        let main = report(1, "accident", "Moi Avenue Ambassadeur", 0);
        for (joined, wanted) in [
            (report(1, "medical", "Ambassadeur", 1), false),
            (report(1, "", "Ambassadeur", 1), false),
            (report(1, "accident", "", 1), false),
            (report(1, "accident", "near the stage", 1), false),
            (report(1, "theft", "Ambassadeur", 1), true),
            (report(1, "accident", "Globe roundabout", 1), true),
        ] {
            assert_eq!(speaks_against(&joined, &main), wanted, "{joined:?}");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_which_came_first(
            stages in prop::array::uniform2(0..3_i32),
            kinds in prop::array::uniform2(0..7_usize),
            places in prop::array::uniform2("(moi|globe|kencom|ambassadeur|near|42|bata){0,4}|\\PC{0,30}"),
            minutes in prop::array::uniform2(0..40_i64),
        ) {
            let of = |n: usize| report(
                stages[n],
                EmergencyKind::ALL.get(kinds[n]).map_or("", |kind| kind.as_str()),
                &places[n],
                minutes[n],
            );
            prop_assert_eq!(are_one_event(&of(0), &of(1)), are_one_event(&of(1), &of(0)));
            // What speaks against it was not for it either.
            prop_assert!(!(are_one_event(&of(0), &of(1)) && speaks_against(&of(0), &of(1))));
        }
    }
}
