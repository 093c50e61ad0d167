use proptest::prelude::*;

use super::*;

const FIRST: Carrier = Carrier::AfricasTalking;
const SECOND: Carrier = Carrier::Twilio;
const BOTH: [Carrier; 2] = [FIRST, SECOND];

fn tried(tries: &[(Carrier, Fate)]) -> Vec<Tried> {
    let one = |(carrier, fate): &(Carrier, Fate)| Tried {
        carrier: *carrier,
        fate: *fate,
    };
    tries.iter().map(one).collect()
}

#[test]
fn the_first_choice_first_and_whom_was_tried_least_next() {
    use Fate::*;
    let all = |_| true;
    for (tries, wanted) in [
        (vec![], FIRST),
        (vec![(FIRST, NotSent)], SECOND),
        (vec![(FIRST, NotSent), (SECOND, NotSent)], FIRST),
        (vec![(FIRST, Undelivered)], SECOND),
        (vec![(FIRST, NotSent), (SECOND, Undelivered)], FIRST),
    ] {
        let choice = choose(Class::Money, &BOTH, &tried(&tries), all);
        assert_eq!(choice, Choice::Through(wanted), "{tries:?}");
    }
    let given_up = tried(&[(FIRST, Undelivered), (SECOND, Undelivered)]);
    assert_eq!(choose(Class::Money, &BOTH, &given_up, all), Choice::Nobody);
    assert_eq!(choose(Class::Money, &[], &[], all), Choice::Nobody);
}

#[test]
fn who_is_passed_over_is_asked_only_by_alerts_and_only_if_nobody_else_is_left() {
    let second_only = |carrier| carrier == SECOND;
    let nobody = |_| false;
    for class in Class::ALL {
        assert_eq!(
            choose(class, &BOTH, &[], second_only),
            Choice::Through(SECOND)
        );
        let without_any = choose(class, &BOTH, &[], nobody);
        let wanted = match class {
            Class::Emergency => Choice::Through(FIRST),
            _ => Choice::Later,
        };
        assert_eq!(without_any, wanted);
    }
}

#[test]
fn an_alert_goes_to_nobody_twice_once_somebody_has_it() {
    use Fate::*;
    let all = |_| true;
    for (tries, wanted) in [
        (vec![(FIRST, Accepted)], Choice::Through(SECOND)),
        (vec![(FIRST, InDoubt), (SECOND, Accepted)], Choice::Nobody),
        (
            vec![(FIRST, InDoubt), (SECOND, InDoubt)],
            Choice::Through(FIRST),
        ),
    ] {
        assert_eq!(
            choose(Class::Emergency, &BOTH, &tried(&tries), all),
            wanted,
            "{tries:?}"
        );
    }
}

fn after(class: Class, before: &[Tried]) -> After<'_> {
    After {
        class,
        route: &BOTH,
        carrier: FIRST,
        before,
        under_our_name: true,
    }
}

#[test]
fn what_follows_a_refusal() {
    let refused = Handover::Refused;
    let nobody_else = |_| false;
    let seconds = |next: Next| match next {
        Next::Again { after, .. } => Some(after.num_seconds()),
        _ => None,
    };
    for (refusal, with_another, alone) in [
        (Refusal::NoRoute, Some(0), Some(30)),
        (Refusal::NoCredit, Some(0), Some(30)),
        (Refusal::Key, Some(0), Some(30)),
        (Refusal::HeldBack, Some(0), Some(30)),
        (Refusal::Other("30007".into()), Some(0), Some(30)),
        (Refusal::Throttled, Some(0), Some(1)),
        (Refusal::Unreachable, Some(0), Some(1)),
        (Refusal::Request("to".into()), Some(0), None),
        (Refusal::Number, None, None),
        (Refusal::Blocked, None, None),
    ] {
        let next_with = next(after(Class::Money, &[]), refused(refusal.clone()), |_| true);
        assert_eq!(seconds(next_with), with_another, "{refusal}");
        let next_alone = next(
            after(Class::Money, &[]),
            refused(refusal.clone()),
            nobody_else,
        );
        assert_eq!(seconds(next_alone), alone, "{refusal}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// What the next handover comes to, and whether each provider is let through.
    Try(Handover, bool, bool),
    /// A report of failure on the try with this number, and whether another provider may help.
    Failed(usize, bool),
    /// The delivery clock runs out.
    Overdue,
}

fn step() -> impl Strategy<Value = Step> {
    let handover = prop_oneof![
        Just(Handover::Accepted {
            id: "id".into(),
            cost: None
        }),
        Just(Handover::Unknown { why: "?".into() }),
        Just(Handover::Refused(Refusal::NoRoute)),
        Just(Handover::Refused(Refusal::Throttled)),
        Just(Handover::Refused(Refusal::SenderName)),
        Just(Handover::Refused(Refusal::Request("?".into()))),
        Just(Handover::Refused(Refusal::Other("?".into()))),
        Just(Handover::Refused(Refusal::Number)),
    ];
    prop_oneof![
        4 => (handover, any::<bool>(), any::<bool>()).prop_map(|(how, first, second)| Step::Try(how, first, second)),
        1 => (0..6_usize, any::<bool>()).prop_map(|(number, here)| Step::Failed(number, here)),
        1 => Just(Step::Overdue),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Queued,
    Resting(Rest),
}

proptest! {
    /// The rules alone, as the sender and the reports use them.
    #[test]
    fn nothing_goes_twice_but_an_alert_and_that_not_for_ever(
        steps in prop::collection::vec(step(), 1..60),
        lane in 0..4_usize,
    ) {
        let class = Class::ALL[lane];
        let mut tries: Vec<Tried> = Vec::new();
        let (mut state, mut under_our_name, mut repeated) = (State::Queued, true, false);
        for step in steps {
            match step {
                Step::Try(how, first, second) if state == State::Queued => {
                    let lets = |carrier| if carrier == FIRST { first } else { second };
                    let carrier = match choose(class, &BOTH, &tries, lets) {
                        Choice::Through(carrier) => carrier,
                        Choice::Later => { prop_assert!(class != Class::Emergency); continue }
                        Choice::Nobody => { state = State::Resting(rest(&tries)); continue }
                    };
                    if class != Class::Emergency {
                        prop_assert!(lets(carrier), "through one that is passed over");
                        prop_assert!(!tries.iter().any(|one| one.fate.may_have_arrived()), "twice: {:?}", tries);
                    }
                    let decided = next(
                        After { class, route: &BOTH, carrier, before: &tries, under_our_name },
                        how.clone(),
                        lets,
                    );
                    tries = with(&tries, carrier, &how);
                    state = match decided {
                        Next::Sent { .. } => State::Resting(Rest::Sent),
                        Next::Rest { at, .. } => State::Resting(at),
                        Next::Again { without_name, .. } => {
                            under_our_name = !without_name;
                            State::Queued
                        }
                    };
                }
                Step::Failed(number, here) => {
                    if let Some(one) = tries.get_mut(number)
                        && one.fate.may_have_arrived()
                    {
                        one.fate = Fate::Undelivered;
                        if matches!(state, State::Resting(_)) && (here || class == Class::Emergency) {
                            state = State::Queued;
                        }
                    }
                }
                Step::Overdue if class == Class::Emergency && !repeated && state == State::Resting(Rest::Sent) => {
                    repeated = true;
                    state = State::Queued;
                }
                _ => {}
            }
            let copies = tries.iter().filter(|one| one.fate.may_have_arrived()).count();
            // The delivery clock adds one.
            prop_assert!(copies <= COPIES_MAX + 1, "{:?}", tries);
            for carrier in BOTH {
                let accepted = tries.iter().filter(|one| one.carrier == carrier && one.fate == Fate::Accepted);
                prop_assert!(accepted.count() <= 1, "accepted twice by one: {:?}", tries);
            }
        }
    }
}
