//! When to ask the provider about a payment, and when time alone changes what we think of it.

use chrono::{DateTime, Utc};

use super::rules::Rules;

/// The moments that count for one attempt.
#[derive(Clone, Debug, Default)]
pub struct Occasions {
    pub handed_at: Option<DateTime<Utc>>,
    /// Nothing that we could ask would change anything.
    pub is_settled: bool,
    /// Arrivals that only a question can settle: lost answers, duplicates, timeouts, odd or forged results.
    pub doubts: Vec<DateTime<Utc>>,
    /// Since when it is unknown what became of it.
    pub unknown_since: Option<DateTime<Utc>>,
    pub last_asked_at: Option<DateTime<Utc>>,
}

/// What to do now and when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub ask_now: bool,
    pub look_again_at: Option<DateTime<Utc>>,
}

/// Level-triggered: a question that was missed is asked at the next look, and one question covers all that were due
/// before it. After a day nothing is asked any more.
pub fn plan(occasions: &Occasions, rules: &Rules, now: DateTime<Utc>) -> Plan {
    let nothing = Plan {
        ask_now: false,
        look_again_at: None,
    };
    let Some(handed_at) = occasions.handed_at.filter(|_| !occasions.is_settled) else {
        return nothing;
    };
    let end = handed_at + rules.give_up_after;
    if now >= end {
        return nothing;
    }
    let regular = rules.questions.iter().map(|after| handed_at + *after);
    let on_doubts = occasions
        .doubts
        .iter()
        .flat_map(|at| rules.questions_after_doubt.iter().map(|after| *at + *after));
    let questions: Vec<DateTime<Utc>> = regular.chain(on_doubts).collect();
    let is_unasked = |due: &DateTime<Utc>| occasions.last_asked_at.is_none_or(|asked| *due > asked);
    let turns = [
        Some(handed_at + rules.silent_after),
        occasions
            .unknown_since
            .map(|since| since + rules.tell_slow_after),
        Some(end),
    ];
    let later = turns.into_iter().flatten().chain(questions.iter().copied());
    Plan {
        ask_now: questions.iter().any(|due| *due <= now && is_unasked(due)),
        look_again_at: later.filter(|turn| *turn > now).min(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_silent_payment_is_asked_about_seven_times_and_then_left_to_a_person() {
        let rules = Rules::default();
        let mut occasions = Occasions {
            handed_at: Some(at(0)),
            ..Occasions::default()
        };
        let (mut now, mut asked) = (at(0), vec![]);
        while let Some(next) = plan(&occasions, &rules, now).look_again_at {
            now = next;
            if plan(&occasions, &rules, now).ask_now {
                occasions.last_asked_at = Some(now);
                asked.push((now - at(0)).num_minutes());
            }
        }
        assert_eq!(asked, [2, 5, 15, 60, 180, 480, 1200]);
        assert_eq!(now, at(24 * 3600));
    }

    #[test]
    fn a_doubt_is_asked_about_soon_and_once_more() {
        let rules = Rules::default();
        let mut occasions = Occasions {
            handed_at: Some(at(0)),
            doubts: vec![at(10)],
            ..Occasions::default()
        };
        assert!(!plan(&occasions, &rules, at(14)).ask_now);
        assert!(plan(&occasions, &rules, at(15)).ask_now);
        occasions.last_asked_at = Some(at(15));
        assert_eq!(
            plan(&occasions, &rules, at(15)),
            Plan {
                ask_now: false,
                look_again_at: Some(at(120))
            }
        );
    }

    #[test]
    fn what_is_settled_or_never_left_is_not_asked_about() {
        let rules = Rules::default();
        let nothing = Plan {
            ask_now: false,
            look_again_at: None,
        };
        let settled = Occasions {
            handed_at: Some(at(0)),
            is_settled: true,
            ..Occasions::default()
        };
        assert_eq!(plan(&settled, &rules, at(500)), nothing);
        assert_eq!(plan(&Occasions::default(), &rules, at(500)), nothing);
    }
}
