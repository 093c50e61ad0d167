//! The words for what happened, English and Swahili.

use crate::answering::understand::words::one_slip_apart;
use crate::emergencies::EmergencyKind::{self, Accident, Death, Mechanical, Medical, Other, Theft};

/// What a word says about an emergency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub kind: EmergencyKind,
    /// An alarm without any word that calls for one, where it is the first thing said.
    pub is_alarm: bool,
    /// Makes no alarm less urgent than one of which nothing is known, so it counts wherever it stands.
    pub is_grave: bool,
}

impl Kind {
    /// Of several, the one that most needs somebody quickly.
    pub fn urgency(&self) -> u8 {
        match self.kind {
            Accident => 5,
            Medical => 4,
            Theft => 3,
            Other => 2,
            Death => 1,
            Mechanical => 0,
        }
    }
}

/// Alone at the front of a text they are an alarm.
const LOUD: [(EmergencyKind, &str); 4] = [
    (
        Accident,
        "ACCIDENT ACCIDENTS AJALI AJARI AJAL AXIDENT CRASH CRASHED COLLISION NIMEGONGWA AMEGONGWA TUMEGONGWA \
        WAMEGONGWA NIMEANGUKA AMEANGUKA TUMEANGUKA",
    ),
    (
        Medical,
        "BLEEDING UNCONSCIOUS COLLAPSED FAINTED DYING ANAKUFA AMEZIMIA AMEZIRAI NIMEUMIA AMEUMIA TUMEUMIA WAMEUMIA \
        MAJERUHI INJURED AMBULANCE AMBULENSI",
    ),
    (
        Theft,
        "WIZI MWIZI WEZI THIEF THIEVES THEFT ROBBERY ROBBED ROBBERS MUGGED ATTACKED NIMEIBIWA TUMEIBIWA IMEIBIWA \
        NIMEPORWA MAJAMBAZI JAMBAZI NIMESHAMBULIWA TUMESHAMBULIWA WANANIPIGA KIDNAPPED NIMETEKWA AMETEKWA",
    ),
    (Other, "FIRE MAFURIKO"),
];

/// They say what happened beside a word that calls for help, wherever they stand.
const GRAVE: [(EmergencyKind, &str); 4] = [
    (Accident, "KNOCKED GONGWA GONGANA HITANDRUN"),
    (
        Medical,
        "MGONJWA SICK HURT WOUNDED DAMU BLOOD LABOUR UCHUNGU PREGNANT MJAMZITO STROKE POISON SUMU SNAKEBITE \
        MAHUTUTI AMEVUNJIKA NIMEVUNJIKA BURNT ANAUMWA",
    ),
    (
        Theft,
        "STOLEN ATTACK KNIFE KISU GUN BUNDUKI PANGA HIJACKED VAMIA WAMEVAMIA",
    ),
    (Other, "MOTO FLOOD FIGHT RIOT VURUGU"),
];

/// They take the slower path, so they count only where they are the first thing said.
const MILD: [(EmergencyKind, &str); 2] = [
    (
        Death,
        "DEATH DIED KIFO AMEKUFA WAMEKUFA AMEFARIKI WAMEFARIKI MSIBA",
    ),
    (
        Mechanical,
        "BREAKDOWN MECHANICAL PUNCTURE PANCHA PANCHARI IMEHARIBIKA",
    ),
];

/// The word's kind. One slip is forgiven in words of seven letters and more: `chief` is no `thief`.
pub(super) fn kind_of(word: &str) -> Option<Kind> {
    let known = |is_near: &dyn Fn(&str) -> bool| {
        let find = |table: &[(EmergencyKind, &str)]| {
            table
                .iter()
                .find(|(_, words)| words.split(' ').any(is_near))
                .map(|(kind, _)| *kind)
        };
        let of = |kind, is_alarm, is_grave| Kind {
            kind,
            is_alarm,
            is_grave,
        };
        find(&LOUD)
            .map(|kind| of(kind, true, true))
            .or_else(|| find(&GRAVE).map(|kind| of(kind, false, true)))
            .or_else(|| find(&MILD).map(|kind| of(kind, false, false)))
    };
    known(&|known| known == word)
        .or_else(|| known(&|known| known.len() >= 7 && one_slip_apart(known, word)))
}
