//! Whether a phone that writes to us is another machine, so that two machines do not talk for ever. Pure.
//!
//! Nobody can tell from one text. What gives a machine away is that it writes the same again and again, or that it
//! writes something nobody has a word for, each time within seconds of our answer. Who is met with silence is answered
//! again as soon as they behave otherwise: a machine that only ever answers has then stopped by itself.

use chrono::{DateTime, TimeDelta, Utc};

/// One text of a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub at: DateTime<Utc>,
    pub text: String,
    /// We had a word for it.
    pub understood: bool,
    /// When we answered it, or decided not to; the same as `at` for one that is just being looked at.
    pub handled_at: DateTime<Utc>,
}

/// Why a text is left unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The same text has come too often.
    SameAgain,
    /// It answers each of our answers within seconds, with nothing we understand.
    PingPong,
}

impl Silence {
    /// A word for the inbox and the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Silence::SameAgain => "same_again",
            Silence::PingPong => "ping_pong",
        }
    }
}

/// The same text is answered so many times within [`SAME_WITHIN`].
const SAME_MAX: usize = 4;
/// A person may ask for their balance again; what nobody understands is remembered for longer.
const SAME_WITHIN: TimeDelta = TimeDelta::minutes(10);
const SAME_UNKNOWN_WITHIN: TimeDelta = TimeDelta::hours(1);
/// So many texts on end, each within [`QUICK`] of our answer to the one before, are a machine's.
const QUICK_MAX: usize = 4;
/// Nobody reads an SMS and writes one within this time.
const QUICK: TimeDelta = TimeDelta::seconds(10);

/// How far back [`silence`] looks.
pub const REMEMBERED: TimeDelta = SAME_UNKNOWN_WITHIN;

/// Decides about a text, given what the phone wrote before it, the newest first.
pub fn silence(new: &Heard, before: &[Heard]) -> Option<Silence> {
    let within = if new.understood {
        SAME_WITHIN
    } else {
        SAME_UNKNOWN_WITHIN
    };
    let same = before
        .iter()
        .filter(|heard| new.at - heard.at < within && is_same(&heard.text, &new.text));
    if same.count() >= SAME_MAX {
        return Some(Silence::SameAgain);
    }
    let chain = std::iter::once(new).chain(before);
    let quick = chain
        .zip(before)
        .take_while(|(later, earlier)| {
            !later.understood && !earlier.understood && later.at - earlier.handled_at <= QUICK
        })
        .count();
    (quick + 1 >= QUICK_MAX).then_some(Silence::PingPong)
}

/// The same but for case, spaces and signs.
fn is_same(one: &str, other: &str) -> bool {
    letters(one).eq(letters(other))
}

fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn start() -> DateTime<Utc> {
        "2026-11-20T09:00:00Z".parse().unwrap()
    }

    /// Lets somebody write: after so many seconds since our last answer (or their last text, unanswered) comes this text.
    /// Returns how many were answered.
    fn answered(texts: impl Iterator<Item = (i64, String, bool)>) -> Vec<bool> {
        let mut before: Vec<Heard> = Vec::new();
        let mut now = start();
        let mut answers = Vec::new();
        for (seconds, text, understood) in texts {
            now += TimeDelta::seconds(seconds);
            let new = Heard {
                at: now,
                text,
                understood,
                handled_at: now,
            };
            answers.push(silence(&new, &before).is_none());
            before.insert(0, new);
        }
        answers
    }

    fn count(answers: &[bool]) -> usize {
        answers.iter().filter(|answered| **answered).count()
    }

    #[test]
    fn a_machine_that_says_the_same_is_left_alone_after_four() {
        let away = (0..50).map(|_| (40, "I am away. I will call you back!".to_owned(), false));
        assert_eq!(count(&answered(away)), SAME_MAX);
        let helpful = (0..8).map(|_| (30, "HELP is on its way".to_owned(), true));
        assert_eq!(count(&answered(helpful)), SAME_MAX);
    }

    #[test]
    fn a_machine_that_numbers_its_answers_is_left_alone_after_three() {
        let tickets = (0..50).map(|n| (2, format!("Thank you. Your ticket is {n}."), false));
        assert_eq!(count(&answered(tickets)), QUICK_MAX - 1);
    }

    #[test]
    fn it_is_answered_again_when_it_no_longer_behaves_like_a_machine() {
        let ticket = |n| (2, format!("Ticket {n}"), false);
        let then_a_person = [(60, "habari".to_owned(), false)];
        let said = answered((0..6).map(ticket).chain(then_a_person));
        assert_eq!(said, [true, true, true, false, false, false, true]);
        let asked_later = (0..6).map(|_| (0, "BAL".to_owned(), true));
        let later = [(700, "BAL".to_owned(), true)];
        let said = answered(asked_later.chain(later));
        assert_eq!(said, [true, true, true, true, false, false, true]);
    }

    #[test]
    fn people_are_answered() {
        // Quick, but with words we know; and slow, with words we do not.
        let words = [
            "BAL",
            "RECEIPT 7K3M",
            "RECEIPT 7K3N",
            "HELP",
            "STOP",
            "START",
        ];
        let quick = words.iter().map(|word| (0, (*word).to_owned(), true));
        assert!(answered(quick).into_iter().all(|answered| answered));
        let lost = (0..10).map(|n| (25, format!("niambie {n}"), false));
        assert!(answered(lost).into_iter().all(|answered| answered));
        assert!(is_same("Salio?", "SALIO"));
        assert!(!is_same("RECEIPT 2345", "RECEIPT 2346"));
    }

    proptest! {
        /// Whatever a machine says that only ever answers us, within seconds: if it is never understood, it gets a few.
        #[test]
        fn two_machines_stop_after_a_few(texts in prop::collection::vec((0_i64..=10, ".{0,40}"), 1..40)) {
            let mut before: Vec<Heard> = Vec::new();
            let mut now = start();
            let mut answers = 0;
            for (seconds, text) in texts {
                now += TimeDelta::seconds(seconds);
                let new = Heard { at: now, text, understood: false, handled_at: now };
                if silence(&new, &before).is_some() {
                    // Nothing is said, and a machine that answers has nothing to answer.
                    break;
                }
                answers += 1;
                before.insert(0, new);
            }
            prop_assert!(answers < QUICK_MAX, "{answers}");
        }

        /// Nobody is silenced by their first texts.
        #[test]
        fn the_first_three_are_always_answered(texts in prop::collection::vec((0_i64..100_000, ".{0,20}", any::<bool>()), 1..=3)) {
            prop_assert!(answered(texts.into_iter()).into_iter().all(|answered| answered));
        }
    }
}
