//! The clock against tables, and against thousands of random nights.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use super::*;
use crate::emergencies::ladder::Candidates;
use crate::emergencies::model::{CaseNumber, CaseState, EmergencyId};
use crate::stages::StageId;

const PLAN: Plan = Plan {
    wider_after: TimeDelta::seconds(180),
    calls_after: TimeDelta::seconds(360),
    desk_after: TimeDelta::seconds(600),
    again_every: TimeDelta::seconds(180),
    call_again_after: TimeDelta::seconds(60),
    rounds_max: 20,
    waves_max: 10,
    late_after: TimeDelta::seconds(600),
};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

fn person(number: u32) -> Recipient {
    Recipient {
        msisdn: Msisdn::parse(&format!("2547{number:08}")).unwrap(),
        language: Language::ENGLISH,
        name: None,
        member: None,
    }
}

fn people(numbers: impl IntoIterator<Item = u32>) -> Vec<Recipient> {
    numbers.into_iter().map(person).collect()
}

fn case(needed: i32) -> Case {
    Case {
        id: EmergencyId(Uuid::nil()),
        number: CaseNumber {
            year: 2026,
            serial: 42,
        },
        msisdn: person(99).msisdn,
        member: None,
        stage: Some(StageId(1)),
        kind: None,
        place: None,
        priority: Priority::High,
        injured: None,
        silent: false,
        needed,
        state: CaseState::Reported,
        raised_at: at(0),
        acknowledged_at: None,
        responding_at: None,
        resolved_at: None,
        joined_to: None,
        alerted_at: at(0),
    }
}

fn ladder(rungs: [&[u32]; 5]) -> Ladder {
    let [stage, zone, region, duty_desk, admins] = rungs.map(|rung| people(rung.iter().copied()));
    Ladder::of(
        &person(99).msisdn,
        Candidates {
            stage,
            zone,
            region,
            duty_desk,
            admins,
        },
    )
}

/// A case with its surroundings, to which steps are done as the clock's hands do them.
struct Night {
    case: Case,
    ladder: Ladder,
    alerted: Vec<Alerted>,
    coming: Vec<Coming>,
    calls: Vec<Call>,
    climb: Climb,
    plan: Plan,
}

impl Night {
    fn new(needed: i32, ladder: Ladder) -> Night {
        let mut night = Night {
            case: case(needed),
            ladder,
            alerted: Vec::new(),
            coming: Vec::new(),
            calls: Vec::new(),
            climb: Climb::default(),
            plan: PLAN,
        };
        let (rung, first) = night.ladder.first().cloned().unwrap();
        night.alert(rung, &first, at(0));
        night
    }

    fn alert(&mut self, rung: Rung, people: &[Recipient], now: DateTime<Utc>) {
        for person in people {
            let known = self
                .alerted
                .iter_mut()
                .find(|there| there.msisdn == person.msisdn);
            match known {
                Some(there) => (there.at, there.times) = (now, there.times + 1),
                None => self.alerted.push(Alerted {
                    msisdn: person.msisdn.clone(),
                    language: person.language,
                    name: None,
                    member: None,
                    rung,
                    at: now,
                    times: 1,
                    declined: false,
                }),
            }
        }
    }

    fn look(&mut self, now: DateTime<Utc>) -> Look {
        let known = Known {
            case: &self.case,
            alerted: &self.alerted,
            coming: &self.coming,
            calls: &self.calls,
            ladder: &self.ladder,
        };
        let look = look(known, &self.climb, &self.plan, now);
        self.climb = look.climb.clone();
        for step in &look.steps {
            match step {
                Step::Alert(rung, people) => self.alert(*rung, people, now),
                Step::Call { wave, people } => {
                    for person in people {
                        self.calls.push(Call {
                            msisdn: person.msisdn.clone(),
                            wave: *wave,
                            planned_at: now,
                            ended: false,
                        });
                    }
                }
                Step::AskArrival(asked) => {
                    let there = self
                        .coming
                        .iter_mut()
                        .find(|there| there.msisdn == asked.msisdn);
                    there.unwrap().asked += 1;
                }
                Step::ReassureReporter | Step::Shout(_) => {}
            }
        }
        look
    }

    fn comes(&mut self, number: u32, now: DateTime<Utc>, minutes: Option<i32>) {
        self.coming.push(Coming {
            msisdn: person(number).msisdn,
            language: Language::ENGLISH,
            accepted_at: now,
            minutes,
            arrived: false,
            asked: 0,
        });
        self.case.state = CaseState::Acknowledged;
        self.case.acknowledged_at.get_or_insert(now);
    }
}

/// Steps in one line, such as `stage 1 2; zone 3; call#1 1 2 3`.
fn said(steps: &[Step]) -> String {
    let numbers = |people: &[Recipient]| {
        let number = |person: &Recipient| {
            person.msisdn.digits()[4..]
                .trim_start_matches('0')
                .to_owned()
        };
        people.iter().map(number).collect::<Vec<_>>().join(" ")
    };
    let lines = steps.iter().map(|step| match step {
        Step::Alert(rung, people) => format!("{} {}", rung.as_str(), numbers(people)),
        Step::Call { wave, people } => format!("call#{wave} {}", numbers(people)),
        Step::AskArrival(_) => "there?".to_owned(),
        Step::ReassureReporter => "reassure".to_owned(),
        Step::Shout(people) => format!("SHOUT {}", numbers(people)),
    });
    lines.collect::<Vec<_>>().join("; ")
}

/// Looks whenever the clock asks to, up to a time; what was done, each line with its second.
fn until(night: &mut Night, first: i64, last: i64) -> Vec<String> {
    let mut now = at(first);
    let mut done = Vec::new();
    while now <= at(last) {
        let look = night.look(now);
        if !look.steps.is_empty() {
            done.push(format!("{} {}", now.timestamp(), said(&look.steps)));
        }
        // Calls ring for half a minute and nobody picks up; the last of a wave to end wakes the clock.
        let ringing = night.calls.iter().any(|call| !call.ended);
        for call in &mut night.calls {
            call.ended = true;
        }
        let Some(next) = look.next else { break };
        assert!(next > now, "looks again at once");
        now = match ringing {
            true => next.min(now + TimeDelta::seconds(30)),
            false => next,
        };
    }
    done
}

#[test]
fn with_nobody_answering_it_goes_up_the_ladder_and_then_calls_everybody_again_and_again() {
    let mut night = Night::new(1, ladder([&[1, 2], &[3], &[4], &[5], &[6]]));
    night.plan.waves_max = 3;
    assert_eq!(
        until(&mut night, 1, 960),
        [
            "180 stage 1 2; zone 3",
            "360 stage 1 2; zone 3; region 4; call#1 1 2 3 4",
            "420 call#2 1 2 3 4",
            "480 call#3 1 2 3 4",
            "600 stage 1 2; zone 3; region 4; duty_desk 5; duty_desk 6; reassure",
            "780 stage 1 2; zone 3; region 4; duty_desk 5 6",
            "960 stage 1 2; zone 3; region 4; duty_desk 5 6",
        ]
    );
}

#[test]
fn where_only_the_desk_is_there_it_hears_it_at_every_round() {
    let mut night = Night::new(1, ladder([&[], &[], &[], &[5], &[]]));
    night.plan.rounds_max = 4;
    night.plan.waves_max = 1;
    assert_eq!(
        until(&mut night, 1, 4000),
        [
            "180 duty_desk 5",
            "360 duty_desk 5; call#1 5",
            "600 duty_desk 5; reassure",
            "780 duty_desk 5; SHOUT 5",
        ]
    );
    assert!(night.climb.shouted_at.is_some());
}

#[test]
fn a_look_that_comes_late_does_what_is_due_once() {
    let mut night = Night::new(1, ladder([&[1], &[3], &[4], &[5], &[]]));
    let late = night.look(at(650));
    assert_eq!(
        said(&late.steps),
        "stage 1; zone 3; region 4; duty_desk 5; call#1 1 3 4 5; reassure"
    );
    assert_eq!(said(&night.look(at(651)).steps), "");
}

#[test]
fn whoever_says_no_is_left_alone_and_the_next_rung_is_told_at_once() {
    let mut night = Night::new(1, ladder([&[1, 2], &[3], &[], &[5], &[]]));
    night.alerted[0].declined = true;
    assert_eq!(said(&night.look(at(20)).steps), "");
    night.alerted[1].declined = true;
    assert_eq!(said(&night.look(at(21)).steps), "zone 3");
    night.alerted[2].declined = true;
    assert_eq!(said(&night.look(at(22)).steps), "duty_desk 5; call#1 5");
    night.alerted[3].declined = true;
    assert_eq!(said(&night.look(at(23)).steps), "");
    // Everybody has said no. The desk hears it again all the same.
    assert_eq!(
        said(&night.look(at(600)).steps),
        "duty_desk 5; call#2 5; reassure"
    );
}

#[test]
fn a_yes_stops_it_and_a_second_wanted_one_starts_it_again() {
    let mut night = Night::new(1, ladder([&[1, 2], &[3], &[], &[5], &[]]));
    night.comes(1, at(100), Some(8));
    let look = night.look(at(180));
    assert_eq!(
        (said(&look.steps), look.climb.waiting_since),
        (String::new(), None)
    );
    night.case.needed = 3;
    assert_eq!(said(&night.look(at(200)).steps), "stage 2; zone 3");
    night.comes(2, at(210), Some(5));
    assert_eq!(
        said(&night.look(at(211)).steps),
        "",
        "one more is wanted, and the wait goes on"
    );
    night.comes(3, at(220), Some(5));
    assert_eq!(night.look(at(221)).climb.waiting_since, None);
}

#[test]
fn who_does_not_arrive_is_asked_twice_and_then_not_counted_on() {
    let mut night = Night::new(1, ladder([&[1, 2], &[], &[], &[5], &[]]));
    night.comes(1, at(100), Some(8));
    let due = 100 + 8 * 60 + 600;
    assert_eq!(
        until(&mut night, 101, due + 400),
        [
            format!("{due} there?"),
            format!("{} there?", due + 180),
            format!("{} stage 2; duty_desk 5", due + 360),
        ]
    );
    night.coming[0].arrived = true;
    assert_eq!(night.look(at(due + 500)).climb.waiting_since, None);
}

#[test]
fn an_ended_case_is_never_looked_at_again() {
    for state in [
        CaseState::Resolved,
        CaseState::Closed,
        CaseState::Cancelled,
        CaseState::Joined,
    ] {
        let mut night = Night::new(1, ladder([&[1], &[], &[], &[5], &[]]));
        night.case.state = state;
        let look = night.look(at(9000));
        assert_eq!((look.steps, look.next), (Vec::new(), None), "{state:?}");
    }
}

#[test]
fn the_reporter_of_a_silent_alarm_hears_nothing() {
    let mut night = Night::new(1, ladder([&[1], &[], &[], &[5], &[]]));
    night.case.silent = true;
    let steps = night.look(at(650)).steps;
    assert!(!steps.contains(&Step::ReassureReporter), "{}", said(&steps));
}

#[test]
fn what_no_life_hangs_on_is_climbed_for_more_slowly() {
    let gently = PLAN.paced_for(Priority::Medium);
    assert_eq!(gently.wider_after, TimeDelta::minutes(9));
    assert_eq!(PLAN.paced_for(Priority::Critical), PLAN);
}

/// Thousands of nights with random people, answers, calls that ring or not, and looks that come late: the alarm is repeated
/// until it is answered or shouted out, nothing goes beyond its ceiling, and nobody is called twice in a wave.
#[test]
fn random_nights_keep_their_promises() {
    for seed in 0..2_000 {
        let mut dice = StdRng::seed_from_u64(seed);
        random_night(&mut dice, seed);
    }
}

fn random_night(dice: &mut StdRng, seed: u64) {
    let mut rung = |most: usize| {
        let count = dice.random_range(0..=most);
        (0..count)
            .map(|_| dice.random_range(0..12))
            .collect::<Vec<u32>>()
    };
    let (stage, zone, region, admins) = (rung(3), rung(3), rung(4), rung(1));
    let desk = [vec![50], rung(1)].concat();
    let ladder = ladder([&stage, &zone, &region, &desk, &admins]);
    let mut night = Night::new(dice.random_range(1..=2), ladder);
    night.plan.rounds_max = dice.random_range(3..=9);
    night.plan.waves_max = dice.random_range(0..=5);
    let willing = dice.random_bool(0.5);
    let mut now = 0;
    let (mut last_alert, mut shouts, mut waves_seen) = (0, 0, HashSet::new());
    for _ in 0..400 {
        let waited_for_nobody = missing(&night) > 0 && night.climb.shouted_at.is_none();
        let look = night.look(at(now));
        for step in &look.steps {
            match step {
                Step::Alert(_, people) => {
                    assert!(!people.is_empty(), "{seed}: an alert to nobody");
                    assert!(missing(&night) > 0, "{seed}: alerted although enough come");
                    last_alert = now;
                }
                Step::Call { wave, people } => {
                    for person in people {
                        let once = waves_seen.insert((*wave, person.msisdn.clone()));
                        assert!(once, "{seed}: called twice in wave {wave}");
                        let lines = night
                            .calls
                            .iter()
                            .filter(|call| call.msisdn == person.msisdn && is_on(call, at(now)));
                        assert_eq!(lines.count(), 1, "{seed}: called while in a call of ours");
                    }
                }
                Step::Shout(people) => {
                    assert!(!people.is_empty(), "{seed}: shouted at nobody");
                    shouts += 1;
                }
                Step::AskArrival(_) | Step::ReassureReporter => {}
            }
        }
        assert!(night.climb.round <= night.plan.rounds_max, "{seed}");
        assert!(night.climb.waves <= night.plan.waves_max, "{seed}");
        if waited_for_nobody && night.climb.shouted_at.is_none() && missing(&night) > 0 {
            // No look was later than two minutes, no period is longer than four.
            assert!(
                now - last_alert.max(became_missing(&night)) <= 240 + 120,
                "{seed}: silent since {last_alert} at {now}"
            );
        }
        for call in &mut night.calls {
            call.ended |= dice.random_bool(0.6);
        }
        let next = look.next.map_or(now + 60, |next| next.timestamp());
        // Something happens before the clock looks again, or the worker is late.
        now = match dice.random_bool(0.3) {
            true => dice.random_range(now + 1..=next.max(now + 1)),
            false => next + dice.random_range(0..120),
        };
        if willing && dice.random_bool(0.1) {
            answer(&mut night, dice, now);
        }
    }
    let told_desk = night
        .alerted
        .iter()
        .any(|there| there.msisdn == person(50).msisdn);
    if night.case.acknowledged_at.is_none() {
        assert_eq!(
            shouts, 1,
            "{seed}: nobody answered and the end was not loud, once"
        );
        assert!(told_desk, "{seed}: the desk never heard of it");
    }
}

fn missing(night: &Night) -> i32 {
    let counted = night
        .coming
        .iter()
        .filter(|there| there.arrived || there.asked < ARRIVAL_ASKED_MAX);
    night.case.needed - i32::try_from(counted.count()).unwrap()
}

fn became_missing(night: &Night) -> i64 {
    // A later wait begins as if the first period had gone by.
    night
        .climb
        .waiting_since
        .map_or(i64::MAX, |since| since.timestamp() + 180)
}

fn answer(night: &mut Night, dice: &mut StdRng, now: i64) {
    let asked: Vec<u32> = night
        .alerted
        .iter()
        .filter(|there| {
            night
                .coming
                .iter()
                .all(|coming| coming.msisdn != there.msisdn)
        })
        .map(|there| there.msisdn.digits()[4..].parse().unwrap())
        .collect();
    if asked.is_empty() {
        return;
    }
    let number = asked[dice.random_range(0..asked.len())];
    match dice.random_range(0..3) {
        0 => night.comes(number, at(now), Some(dice.random_range(0..20))),
        1 => {
            let there = night
                .alerted
                .iter_mut()
                .find(|there| there.msisdn == person(number).msisdn);
            there.unwrap().declined = true;
        }
        _ => {
            if let Some(coming) = night.coming.first_mut() {
                coming.arrived = true;
            }
        }
    }
}

/// A million cases at stages with anybody or nobody on duty, seen at any time: somebody is told at the raise, and when the
/// desk's time has come the desk is told too, whoever else is dead, off duty or has said no.
#[test]
fn never_nobody_in_a_million_cases() {
    let mut dice = StdRng::seed_from_u64(26);
    let crowd: Vec<Recipient> = people(0..4);
    let desk = people([50]);
    let case = case(1);
    for number in 0..1_000_000 {
        let mut rung = || -> Vec<Recipient> {
            let bits: u32 = dice.random_range(0..16) & dice.random_range(0..16);
            (0..4)
                .filter(|bit| bits & (1 << bit) != 0)
                .map(|bit| crowd[bit].clone())
                .collect()
        };
        let candidates = Candidates {
            stage: rung(),
            zone: if number % 4 == 0 { rung() } else { Vec::new() },
            region: Vec::new(),
            duty_desk: desk.clone(),
            admins: Vec::new(),
        };
        let ladder = Ladder::of(&case.msisdn, candidates);
        let (rung, first) = ladder.first().unwrap();
        assert!(!first.is_empty());
        if number % 10 != 0 {
            continue;
        }
        let alerted: Vec<Alerted> = first
            .iter()
            .map(|person| Alerted {
                msisdn: person.msisdn.clone(),
                language: person.language,
                name: None,
                member: None,
                rung: *rung,
                at: at(0),
                times: 1,
                declined: number % 20 == 0,
            })
            .collect();
        let known = Known {
            case: &case,
            alerted: &alerted,
            coming: &[],
            calls: &[],
            ladder: &ladder,
        };
        let look = look(known, &Climb::default(), &PLAN, at(600 + number % 500));
        let told_desk = look
            .steps
            .iter()
            .any(|step| matches!(step, Step::Alert(_, people) if people.contains(&desk[0])));
        assert!(told_desk, "case {number}: {}", said(&look.steps));
    }
}
