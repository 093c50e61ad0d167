//! What menus may name of due days, of what a fund is for, of what is forgiven, and of what a phone is sent.

use super::{AMOUNT, BUSY, LOCKED, PEOPLE, STAGE, WRONG_PIN, outcome};
use crate::menu::{Effect, Fact, IntentSpec, Kind, OutcomeSpec, Variable};

const BECAUSE: Kind = Kind::Words(60);

/// What the member chose about due days, and the plan they pay by.
pub(super) const SCHEDULE: Fact = Fact {
    name: "schedule",
    needs: &[],
    supplies: &[Variable::new("plan_amount", AMOUNT)],
    rows: None,
    decides: &["pushes", "reminds", "by_week", "by_month"],
};

/// What the fund pays for.
pub(super) const FUND_RULES: Fact = Fact {
    name: "fund_rules",
    needs: &[],
    supplies: &[],
    rows: Some(&[
        Variable::new("event_name", Kind::Words(16)),
        Variable::new("pays", AMOUNT),
        Variable::new("times", Kind::Count(12)),
    ]),
    decides: &[],
};

/// The closed months of its book.
pub(super) const FUND_MONTHS: Fact = Fact {
    name: "fund_months",
    needs: &[],
    supplies: &[],
    rows: Some(&[
        Variable::new("month_no", Kind::Code(7)),
        Variable::new("came_in", AMOUNT),
        Variable::new("went_out", AMOUNT),
        Variable::new("month_code", Kind::Code(8)),
    ]),
    decides: &[],
};

/// What was forgiven at the stage.
pub(super) const FORGIVEN: Fact = Fact {
    name: "forgiven",
    needs: &[],
    supplies: &[],
    rows: Some(&[
        Variable::new("day", Kind::Date),
        Variable::new("who", STAGE),
        Variable::new("given", AMOUNT),
        Variable::new("because", BECAUSE),
    ]),
    decides: &[],
};

/// What the members of an official's stage owe together.
pub(super) const STAGE_ARREARS: Fact = Fact {
    name: "stage_arrears",
    needs: &[],
    supplies: &[
        Variable::new("people_behind", PEOPLE),
        Variable::new("behind_by", AMOUNT),
    ],
    rows: None,
    decides: &["somebody_behind"],
};

pub(super) const PREFERENCES: Fact = Fact {
    name: "preferences",
    needs: &[],
    supplies: &[],
    rows: None,
    decides: &["gets_reminders", "gets_fund_news", "gets_notices"],
};

/// Reminders, or none of it any more. Nothing is taken by either.
pub(super) const CHOOSE_SCHEDULE: IntentSpec = IntentSpec {
    name: "choose_schedule",
    needs: &["schedule_mode"],
    secret: false,
    effect: Effect::Direct,
    outcomes: &[
        outcome("reminds"),
        outcome("stopped"),
        outcome("not_active"),
    ],
};

/// The consent to be asked by M-PESA on due days.
pub(super) const AGREE_AUTOMATIC: IntentSpec = IntentSpec {
    name: "agree_automatic",
    needs: &[],
    secret: true,
    effect: Effect::Writes,
    outcomes: &[
        outcome("agreed"),
        outcome("not_active"),
        WRONG_PIN,
        LOCKED,
        BUSY,
    ],
};

pub(super) const FIND_DEBTOR: IntentSpec = IntentSpec {
    name: "find_debtor",
    needs: &["debtor"],
    secret: false,
    effect: Effect::Reads,
    outcomes: &[
        OutcomeSpec {
            name: "found",
            supplies: &[
                Variable::new("debtor_id", Kind::Hidden),
                Variable::new("their_name", Kind::Words(14)),
                Variable::new("their_arrears", AMOUNT),
            ],
            decides: &[],
        },
        outcome("nobody"),
        outcome("oneself"),
        outcome("owes_nothing"),
        outcome("not_official"),
    ],
};

const FORGAVE: OutcomeSpec = OutcomeSpec {
    name: "forgave",
    supplies: &[
        Variable::new("people", PEOPLE),
        Variable::new("given", AMOUNT),
    ],
    decides: &[],
};

const FORGIVING: [OutcomeSpec; 8] = [
    FORGAVE,
    outcome("owes_nothing"),
    outcome("oneself"),
    outcome("not_official"),
    outcome("not_possible"),
    WRONG_PIN,
    LOCKED,
    BUSY,
];

pub(super) const FORGIVE_MEMBER: IntentSpec = IntentSpec {
    name: "forgive_member",
    needs: &["debtor_id", "forgive_amount", "because"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &FORGIVING,
};

pub(super) const FORGIVE_STAGE: IntentSpec = IntentSpec {
    name: "forgive_stage",
    needs: &["because"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &FORGIVING,
};

pub(super) const FORGIVE_EACH: IntentSpec = IntentSpec {
    name: "forgive_each",
    needs: &["forgive_amount", "because"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &FORGIVING,
};

pub(super) const SET_PREFERENCE: IntentSpec = IntentSpec {
    name: "set_preference",
    needs: &["message_kind", "wanted"],
    secret: false,
    effect: Effect::Direct,
    outcomes: &[outcome("kept")],
};
