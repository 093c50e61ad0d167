//! Who is on which rung, and so who hears of a case next. Pure.
//!
//! The stage's coordinators on duty, then the zone's, then the region's, then the duty desk, then whoever is over it. A
//! phone stands on its nearest rung only, an empty rung is none, and the reporter stands on none: who calls for help is
//! not called for help. As long as the duty desk has a phone, the ladder has a rung.

use std::collections::HashSet;

use super::alerting::Recipient;
use super::model::Rung;
use crate::primitives::Msisdn;

/// People of a zone or a region who are told at once: further away, many more are a crowd and not a help.
const FAR_AWAY_MAX: usize = 40;

/// Everybody who may be told of a case, nearest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ladder {
    rungs: Vec<(Rung, Vec<Recipient>)>,
    /// The duty desk and whoever is over it, also those who stand on a nearer rung.
    last_resort: Vec<Recipient>,
}

/// What the store read: who is on duty near the case, and who answers for everything.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    pub stage: Vec<Recipient>,
    pub zone: Vec<Recipient>,
    pub region: Vec<Recipient>,
    /// The duty desk's phones: at least one, by configuration.
    pub duty_desk: Vec<Recipient>,
    /// Told last, when the desk does not answer either.
    pub admins: Vec<Recipient>,
}

impl Ladder {
    pub fn of(reporter: &Msisdn, candidates: Candidates) -> Ladder {
        let mut last_resort = candidates.duty_desk.clone();
        last_resort.extend(candidates.admins.iter().cloned());
        let mut seen = HashSet::new();
        last_resort.retain(|person| seen.insert(person.msisdn.clone()));
        let mut standing = HashSet::from([reporter.clone()]);
        let mut rungs = Vec::new();
        for (rung, people, max) in [
            (Rung::Stage, candidates.stage, usize::MAX),
            (Rung::Zone, candidates.zone, FAR_AWAY_MAX),
            (Rung::Region, candidates.region, FAR_AWAY_MAX),
            (Rung::DutyDesk, candidates.duty_desk, usize::MAX),
            (Rung::DutyDesk, candidates.admins, usize::MAX),
        ] {
            let new: Vec<Recipient> = people
                .into_iter()
                .filter(|person| standing.insert(person.msisdn.clone()))
                .take(max)
                .collect();
            if !new.is_empty() {
                rungs.push((rung, new));
            }
        }
        // The desk itself is in trouble and nobody else is there: its phone is told all the same, somebody may be beside it.
        if last_resort.iter().any(|person| person.msisdn != *reporter) {
            last_resort.retain(|person| person.msisdn != *reporter);
        }
        if rungs.is_empty() && !last_resort.is_empty() {
            rungs.push((Rung::DutyDesk, last_resort.clone()));
        }
        Ladder { rungs, last_resort }
    }

    /// Who hears of a case first. Nobody only where even the duty desk has no phone.
    pub fn first(&self) -> Option<&(Rung, Vec<Recipient>)> {
        self.rungs.first()
    }

    /// The rungs above everybody who was told so far.
    pub fn beyond(&self, told: &HashSet<&Msisdn>) -> &[(Rung, Vec<Recipient>)] {
        let reached = self
            .rungs
            .iter()
            .rposition(|(_, people)| people.iter().any(|person| told.contains(&person.msisdn)));
        &self.rungs[reached.map_or(0, |place| place + 1)..]
    }

    /// The duty desk and whoever is over it, wherever else they stand.
    pub fn last_resort(&self) -> &[Recipient] {
        &self.last_resort
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::Language;
    use proptest::prelude::*;

    fn person(number: u32) -> Recipient {
        Recipient {
            msisdn: Msisdn::parse(&format!("2547{number:08}")).unwrap(),
            language: Language::ENGLISH,
            name: None,
            member: None,
        }
    }

    fn people(numbers: &[u32]) -> Vec<Recipient> {
        numbers.iter().copied().map(person).collect()
    }

    fn numbers(ladder: &Ladder) -> Vec<(Rung, Vec<String>)> {
        let digits = |people: &[Recipient]| {
            let last = |person: &Recipient| person.msisdn.digits()[9..].to_owned();
            people.iter().map(last).collect()
        };
        ladder
            .rungs
            .iter()
            .map(|(rung, people)| (*rung, digits(people)))
            .collect()
    }

    fn candidates(rungs: [&[u32]; 5]) -> Candidates {
        let [stage, zone, region, duty_desk, admins] = rungs.map(people);
        Candidates {
            stage,
            zone,
            region,
            duty_desk,
            admins,
        }
    }

    #[test]
    fn each_stands_on_the_nearest_rung_and_empty_ones_are_left_out() {
        let all = candidates([&[1, 2], &[], &[2, 3], &[4, 1], &[5]]);
        let ladder = Ladder::of(&person(3).msisdn, all);
        let written =
            |numbers: &[&str]| numbers.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            numbers(&ladder),
            [
                (Rung::Stage, written(&["001", "002"])),
                (Rung::DutyDesk, written(&["004"])),
                (Rung::DutyDesk, written(&["005"])),
            ]
        );
        let told = person(2).msisdn;
        assert_eq!(ladder.beyond(&HashSet::from([&told])).len(), 2);
        assert_eq!(ladder.beyond(&HashSet::new()).len(), 3);
    }

    #[test]
    fn a_desk_that_calls_for_help_itself_is_told_when_it_is_all_there_is() {
        let ladder = Ladder::of(&person(4).msisdn, candidates([&[], &[], &[], &[4], &[]]));
        assert_eq!(numbers(&ladder), [(Rung::DutyDesk, vec!["004".to_owned()])]);
        let ladder = Ladder::of(&person(4).msisdn, candidates([&[1], &[], &[], &[4], &[]]));
        assert_eq!(numbers(&ladder), [(Rung::Stage, vec!["001".to_owned()])]);
    }

    proptest! {
        /// Whoever is on duty or not, and whoever reports: while the desk has a phone somebody is told, nobody stands twice,
        /// and walking up from any rung ends at the top.
        #[test]
        fn somebody_is_always_told(
            near in prop::collection::vec(prop::collection::vec(0_u32..12, 0..5), 3),
            desk in prop::collection::vec(0_u32..12, 1..3),
            admins in prop::collection::vec(0_u32..12, 0..3),
            reporter in 0_u32..12,
        ) {
            let all = candidates([&near[0], &near[1], &near[2], &desk, &admins]);
            let ladder = Ladder::of(&person(reporter).msisdn, all);
            let (_, first) = ladder.first().unwrap();
            prop_assert!(!first.is_empty());
            let mut seen = HashSet::new();
            for (_, people) in &ladder.rungs {
                prop_assert!(!people.is_empty());
                for person in people {
                    prop_assert!(seen.insert(person.msisdn.clone()), "{:?} stands twice", person.msisdn);
                }
            }
            let alone = seen.len() == 1 && seen.contains(&person(reporter).msisdn);
            prop_assert!(alone || !seen.contains(&person(reporter).msisdn));
            let mut told: HashSet<&Msisdn> = HashSet::new();
            let mut steps = 0;
            while let Some((_, people)) = ladder.beyond(&told).first() {
                told.extend(people.iter().map(|person| &person.msisdn));
                steps += 1;
            }
            prop_assert_eq!(steps, ladder.rungs.len());
        }
    }
}
