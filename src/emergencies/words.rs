//! Which words say what is known of a case. Pure; the words themselves stand in `messages/emergencies.xml`.

use super::model::{Case, EmergencyKind};
use crate::messages::Values;

/// What a reporter has told, as far as others hear of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Details {
    kind: Option<EmergencyKind>,
    /// None when nobody is, or nobody said.
    injured: Option<u32>,
    place: Option<String>,
    silent: bool,
}

impl Details {
    pub fn of(case: &Case) -> Details {
        let injured = case.injured.and_then(|injured| u32::try_from(injured).ok());
        Details {
            kind: case.kind,
            injured: injured.filter(|injured| *injured > 0),
            place: case.place.clone(),
            silent: case.silent,
        }
    }
}

/// The message to the people alerted that says all that was told, and its values.
pub(super) fn details(case: &Case) -> (&'static str, Values) {
    let Details {
        kind,
        injured,
        place,
        silent: _,
    } = Details::of(case);
    let template = match (kind, injured, &place) {
        (_, Some(_), Some(_)) => "emergency.kind_hurt_place",
        (_, Some(_), None) => "emergency.kind_hurt",
        (Some(_), None, Some(_)) => "emergency.kind_place",
        (Some(_), None, None) => "emergency.kind",
        (None, None, Some(_)) => "emergency.place",
        (None, None, None) => "emergency.how",
    };
    let values = Values::new()
        .code("case", case.number.serial.to_string())
        .phrase("kind", kind_of(kind))
        .count("injured", injured.unwrap_or(0))
        .words("place", place.unwrap_or_default())
        .code("phone", case.msisdn.national())
        .phrase("how", how(case));
    (template, values)
}

pub(super) fn kind_of(kind: Option<EmergencyKind>) -> &'static str {
    kind.map_or("emergency.unclear", EmergencyKind::phrase)
}

/// What the next of kin reads behind "asked for help after".
pub(super) fn kind_of_kin(kind: Option<EmergencyKind>) -> &'static str {
    match kind {
        Some(EmergencyKind::Accident) => "kin.accident",
        Some(EmergencyKind::Medical) => "kin.medical",
        _ => "kin.trouble",
    }
}

/// How the reporter's phone is to be treated.
pub(super) fn how(case: &Case) -> &'static str {
    match case.kind {
        _ if case.silent => "how.silent",
        Some(EmergencyKind::Death) => "how.gently",
        _ => "how.call",
    }
}

/// What to do until somebody comes. Where each line comes from stands in `docs/reporting.md`.
pub(super) fn advice(kind: EmergencyKind) -> &'static str {
    match kind {
        EmergencyKind::Accident => "emergency.advice_accident",
        EmergencyKind::Medical => "emergency.advice_medical",
        EmergencyKind::Death => "emergency.advice_death",
        EmergencyKind::Theft => "emergency.advice_theft",
        EmergencyKind::Mechanical => "emergency.advice_mechanical",
        EmergencyKind::Other => "emergency.advice_other",
    }
}
