//! The words of getting back in.

use super::{BUSY, LOCKED, NAME, WRONG_PIN, outcome};
use crate::menu::{Effect, Fact, IntentSpec, Kind, OutcomeSpec, Variable};

const PHONE: Kind = Kind::Code(10);
const HOURS: Variable = Variable::new("hours", Kind::Count(99));

pub(super) const PIN_RESET: Fact = Fact {
    name: "pin_reset",
    needs: &[],
    supplies: &[],
    rows: None,
    decides: &["reset_open", "reset_granted"],
};
/// Who of an official's stage waits for a word.
pub(super) const PIN_REQUESTS: Fact = Fact {
    name: "pin_requests",
    needs: &[],
    supplies: &[],
    rows: Some(&[
        Variable::new("asks_name", Kind::Words(24)),
        Variable::new("asks_phone", PHONE),
    ]),
    decides: &[],
};
pub(super) const PIN_REQUEST: Fact = Fact {
    name: "pin_request",
    needs: &["pin_request"],
    supplies: &[
        Variable::new("asks_name", Kind::Words(24)),
        Variable::new("asks_phone", PHONE),
    ],
    rows: None,
    decides: &[],
};

pub(super) const ASK_NEW_PIN: IntentSpec = IntentSpec {
    name: "ask_new_pin",
    needs: &[],
    secret: false,
    effect: Effect::Writes,
    outcomes: &[
        outcome("asked"),
        outcome("already_asked"),
        outcome("nobody"),
        outcome("too_often"),
    ],
};
pub(super) const CHOOSE_NEW_PIN: IntentSpec = IntentSpec {
    name: "choose_new_pin",
    needs: &["pin_owner", "pin_verifier"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &[
        outcome("changed"),
        outcome("different"),
        outcome("not_granted"),
        BUSY,
    ],
};
pub(super) const ANSWER_PIN_REQUEST: IntentSpec = IntentSpec {
    name: "answer_pin_request",
    needs: &["pin_request", "pin_answer"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &[
        outcome("waiting"),
        outcome("granted"),
        outcome("refused"),
        outcome("gone"),
        outcome("not_official"),
        WRONG_PIN,
        LOCKED,
        BUSY,
    ],
};
pub(super) const MOVE_TO: IntentSpec = IntentSpec {
    name: "move_to",
    needs: &["new_phone"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &[
        outcome("asked"),
        outcome("taken"),
        outcome("already_asked"),
        outcome("not_now"),
        WRONG_PIN,
        LOCKED,
        BUSY,
    ],
};
/// Which of the three was wrong is not said.
pub(super) const CLAIM_NUMBER: IntentSpec = IntentSpec {
    name: "claim_number",
    needs: &["old_member_no", "national_id"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &[
        OutcomeSpec {
            name: "asked",
            supplies: &[Variable::new("their_name", NAME), HOURS],
            decides: &[],
        },
        outcome("wrong"),
        outcome("too_many"),
        outcome("already_asked"),
        outcome("taken"),
        BUSY,
    ],
};
