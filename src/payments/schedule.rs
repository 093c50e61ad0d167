//! When to ask the provider about a prompt, and when time alone changes what we think of it.

use chrono::{DateTime, TimeDelta, Utc};

use super::rules::Rules;

/// The moments that count for one attempt.
#[derive(Clone, Debug, Default)]
pub struct Occasions {
    pub submitted_at: Option<DateTime<Utc>>,
    /// Nothing that we could ask would change anything.
    pub is_settled: bool,
    pub is_paid: bool,
    /// The provider's id of the prompt is known and usable.
    pub can_ask: bool,
    /// The push itself was answered.
    pub answered: bool,
    pub in_doubt_since: Option<DateTime<Utc>>,
    pub first_failure_at: Option<DateTime<Utc>>,
    /// Arrivals that only a question can settle: claims of success, forged or unreadable results.
    pub claims: Vec<DateTime<Utc>>,
    pub last_asked_at: Option<DateTime<Utc>>,
}

/// What to do now and when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub ask_now: bool,
    pub look_again_at: Option<DateTime<Utc>>,
}

/// Level-triggered: a question that was missed is asked at the next look, and one question covers all that
/// were due before it.
pub fn plan(occasions: &Occasions, seed: u64, rules: &Rules, now: DateTime<Utc>) -> Plan {
    let Some(submitted_at) = occasions.submitted_at else {
        return Plan {
            ask_now: false,
            look_again_at: None,
        };
    };
    if occasions.is_settled {
        return Plan {
            ask_now: false,
            look_again_at: None,
        };
    }
    let due = questions(occasions, submitted_at, seed, rules);
    let next_question = due
        .into_iter()
        .filter(|due| occasions.last_asked_at.is_none_or(|asked| *due > asked))
        .min();
    let ask_now = next_question.is_some_and(|due| due <= now);

    let turns = [
        (!occasions.answered).then_some(submitted_at + rules.lost_after),
        Some(submitted_at + rules.silent_after),
        occasions
            .in_doubt_since
            .map(|since| since + rules.tell_check_after),
        Some(submitted_at + rules.give_up_after),
    ];
    let turns = turns.into_iter().flatten().filter(|_| !occasions.is_paid);
    let holds = occasions
        .claims
        .iter()
        .map(|claim| *claim + rules.contradiction_hold);
    let later = turns.chain(holds).filter(|turn| *turn > now);
    let question_later = next_question.filter(|due| *due > now);
    Plan {
        ask_now,
        look_again_at: later.chain(question_later).min(),
    }
}

fn questions(
    occasions: &Occasions,
    submitted_at: DateTime<Utc>,
    seed: u64,
    rules: &Rules,
) -> Vec<DateTime<Utc>> {
    if !occasions.can_ask {
        return vec![];
    }
    let regular = rules.questions.iter().zip(0u64..);
    let regular = regular.map(|(after, step)| submitted_at + jittered(*after, seed, step));
    let on_claims = occasions
        .claims
        .iter()
        .flat_map(|at| rules.questions_after_claim.iter().map(|after| *at + *after));
    let on_doubt = occasions.first_failure_at.into_iter().flat_map(|at| {
        rules
            .questions_after_doubt
            .iter()
            .map(move |after| at + *after)
    });
    regular.chain(on_claims).chain(on_doubt).collect()
}

/// Up to a fifth earlier or later, the same for the same seed and step.
fn jittered(after: TimeDelta, seed: u64, step: u64) -> TimeDelta {
    let spread = after.num_milliseconds() / 5;
    let drawn = splitmix(seed.wrapping_add(step.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    let offset = (drawn % (2 * spread.unsigned_abs() + 1)) as i64 - spread;
    after + TimeDelta::milliseconds(offset)
}

/// One step of the SplitMix64 generator: spreads neighbouring seeds over the whole range.
fn splitmix(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn prompted() -> Occasions {
        Occasions {
            submitted_at: Some(asked_at(0)),
            can_ask: true,
            answered: true,
            ..Occasions::default()
        }
    }

    #[test]
    fn a_silent_prompt_is_asked_about_seven_times_and_then_left_to_a_person() {
        let rules = Rules::for_shortcode("600123");
        for seed in 0..200 {
            let mut occasions = prompted();
            let (mut now, mut asked) = (asked_at(0), vec![]);
            while let Some(next) = plan(&occasions, seed, &rules, now).look_again_at {
                now = next;
                if plan(&occasions, seed, &rules, now).ask_now {
                    occasions.last_asked_at = Some(now);
                    asked.push((now - asked_at(0)).num_seconds() as f64);
                }
            }
            assert_eq!(now, asked_at(24 * 3600), "seed {seed}");
            let wanted = [45.0, 90.0, 180.0, 600.0, 1800.0, 7200.0, 43_200.0];
            assert_eq!(asked.len(), wanted.len(), "seed {seed}: {asked:?}");
            for (asked, wanted) in asked.iter().zip(wanted) {
                assert!((asked - wanted).abs() <= wanted * 0.2 + 1.0, "seed {seed}");
            }
        }
    }

    #[test]
    fn a_claim_of_success_is_asked_about_at_once_and_a_doubt_twice() {
        let rules = Rules::for_shortcode("600123");
        let claim = Occasions {
            claims: vec![asked_at(10)],
            ..prompted()
        };
        assert!(plan(&claim, 1, &rules, asked_at(10)).ask_now);
        let asked = Occasions {
            last_asked_at: Some(asked_at(10)),
            ..claim
        };
        let next = plan(&asked, 1, &rules, asked_at(10));
        assert_eq!(
            (next.ask_now, next.look_again_at),
            (false, Some(asked_at(15)))
        );

        let doubt = Occasions {
            first_failure_at: Some(asked_at(200)),
            last_asked_at: Some(asked_at(199)),
            ..prompted()
        };
        assert!(!plan(&doubt, 1, &rules, asked_at(229)).ask_now);
        assert!(plan(&doubt, 1, &rules, asked_at(230)).ask_now);
    }

    #[test]
    fn what_is_settled_is_left_alone() {
        let rules = Rules::for_shortcode("600123");
        let settled = Occasions {
            is_settled: true,
            ..prompted()
        };
        let plan = plan(&settled, 1, &rules, asked_at(100));
        assert_eq!(
            plan,
            Plan {
                ask_now: false,
                look_again_at: None
            }
        );
    }
}
