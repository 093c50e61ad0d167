//! What menus may name of answering emergencies and of duty.

use super::{NAME, STAGE, outcome};
use crate::menu::{Effect, Fact, IntentSpec, Kind, OutcomeSpec, Variable};

const KIND: Kind = Kind::Words(12);
const PLACE: Kind = Kind::Words(30);
const SHORT_NUMBER: Kind = Kind::Code(6);

/// The cases this phone was alerted to or is on.
pub(super) const OPEN_CASES: Fact = Fact {
    name: "open_cases",
    needs: &[],
    supplies: &[],
    rows: Some(&[
        Variable::new("row_case", SHORT_NUMBER),
        Variable::new("row_kind", KIND),
        Variable::new("row_where", PLACE),
    ]),
    decides: &[],
};

/// One of them.
pub(super) const CASE: Fact = Fact {
    name: "case",
    needs: &["case_no"],
    supplies: &[
        Variable::new("case_short", SHORT_NUMBER),
        Variable::new("case_minutes", Kind::Count(9_999)),
        Variable::new("case_kind", KIND),
        Variable::new("case_who", NAME),
        Variable::new("case_phone", Kind::Code(10)),
        Variable::new("case_where", PLACE),
        Variable::new("case_people", Kind::Words(24)),
    ],
    rows: None,
    decides: &["case_over", "someone_comes", "on_case", "at_case"],
};

/// Who may take it over.
pub(super) const TAKERS: Fact = Fact {
    name: "takers",
    needs: &["case_no"],
    supplies: &[],
    rows: Some(&[Variable::new("row_taker", NAME)]),
    decides: &[],
};

/// The one of them who was picked.
pub(super) const TAKER: Fact = Fact {
    name: "taker",
    needs: &["taker"],
    supplies: &[Variable::new("taker_name", NAME)],
    rows: None,
    decides: &[],
};

pub(super) const DUTY: Fact = Fact {
    name: "duty",
    needs: &[],
    supplies: &[
        Variable::new("duty_stage", STAGE),
        Variable::new("duty_others", Kind::Count(999)),
    ],
    rows: None,
    decides: &["on_duty"],
};

/// The other coordinators of the member's stage.
pub(super) const COORDINATORS: Fact = Fact {
    name: "coordinators",
    needs: &[],
    supplies: &[],
    rows: Some(&[Variable::new("row_coordinator", NAME)]),
    decides: &[],
};

/// The one of them who was picked.
pub(super) const SWAP_WITH: Fact = Fact {
    name: "swap_with",
    needs: &["swap_to"],
    supplies: &[Variable::new("coordinator_name", NAME)],
    rows: None,
    decides: &[],
};

pub(super) const ACCEPT_CASE: IntentSpec = case("accept_case", &["case_no", "minutes"]);
pub(super) const ARRIVE_CASE: IntentSpec = case("arrive_case", &["case_no"]);
pub(super) const MORE_PEOPLE: IntentSpec = case("more_people", &["case_no", "people"]);
pub(super) const FINISH_CASE: IntentSpec = case("finish_case", &["case_no", "ended_how"]);
pub(super) const DECLINE_CASE: IntentSpec = case("decline_case", &["case_no"]);
pub(super) const NOTE_CASE: IntentSpec = case("note_case", &["case_no", "note"]);
pub(super) const HAND_OVER_CASE: IntentSpec =
    behind_a_confirm(case("hand_over_case", &["case_no", "taker"]));
pub(super) const CALL_CASE_FALSE: IntentSpec =
    behind_a_confirm(case("call_case_false", &["case_no"]));

pub(super) const GO_ON_DUTY: IntentSpec = IntentSpec {
    name: "go_on_duty",
    needs: &[],
    secret: false,
    effect: Effect::Direct,
    outcomes: &[outcome("on")],
};
/// The last one at a stage is asked once more.
pub(super) const GO_OFF_DUTY: IntentSpec = IntentSpec {
    name: "go_off_duty",
    needs: &[],
    secret: false,
    effect: Effect::Direct,
    outcomes: &[outcome("off"), outcome("last")],
};
pub(super) const GO_OFF_ANYWAY: IntentSpec = IntentSpec {
    name: "go_off_anyway",
    needs: &[],
    secret: false,
    effect: Effect::Writes,
    outcomes: &[outcome("off")],
};
pub(super) const ASK_SWAP: IntentSpec = IntentSpec {
    name: "ask_swap",
    needs: &["swap_to"],
    secret: false,
    effect: Effect::Writes,
    outcomes: &[outcome("asked"), outcome("not_possible")],
};

/// Somebody waits: what is said about a case waits for no confirm, but where it sends helpers home.
const fn case(name: &'static str, needs: &'static [&'static str]) -> IntentSpec {
    const OUTCOMES: &[OutcomeSpec] = &[outcome("done"), outcome("over"), outcome("not_possible")];
    IntentSpec {
        name,
        needs,
        secret: false,
        effect: Effect::Direct,
        outcomes: OUTCOMES,
    }
}

const fn behind_a_confirm(intent: IntentSpec) -> IntentSpec {
    IntentSpec {
        effect: Effect::Writes,
        ..intent
    }
}
