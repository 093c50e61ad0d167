//! The words of money out.

use super::wallet::OVER_LIMIT;
use super::{AMOUNT, BUSY, LOCKED, WRONG_PIN, outcome};
use crate::menu::{Effect, IntentSpec, Kind, OutcomeSpec, Variable};

/// A time of day, such as `14:05`.
const TIME: Kind = Kind::Code(5);

/// No money leaves yet: the PIN, phone or SIM is too new.
const COOLING_TODAY: OutcomeSpec = OutcomeSpec {
    name: "cooling_today",
    supplies: &[Variable::new("until_time", TIME)],
    decides: &[],
};
const COOLING_TOMORROW: OutcomeSpec = OutcomeSpec {
    name: "cooling_tomorrow",
    supplies: &[Variable::new("until_time", TIME)],
    decides: &[],
};
const COOLING_LONGER: OutcomeSpec = OutcomeSpec {
    name: "cooling_longer",
    supplies: &[Variable::new("until_day", Kind::Date)],
    decides: &[],
};

pub(super) const WEIGH_WITHDRAWAL: IntentSpec = IntentSpec {
    name: "weigh_withdrawal",
    needs: &["amount"],
    secret: false,
    effect: Effect::Reads,
    outcomes: &[
        OutcomeSpec {
            name: "weighed",
            supplies: &[Variable::new("fee", AMOUNT), Variable::new("total", AMOUNT)],
            decides: &[],
        },
        COOLING_TODAY,
        COOLING_TOMORROW,
        COOLING_LONGER,
        outcome("frozen"),
        outcome("not_possible"),
    ],
};

pub(super) const WITHDRAW: IntentSpec = IntentSpec {
    name: "withdraw",
    needs: &["amount"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &[
        OutcomeSpec {
            name: "on_its_way",
            supplies: &[Variable::new("wallet", AMOUNT)],
            decides: &[],
        },
        OutcomeSpec {
            name: "slow",
            supplies: &[Variable::new("wallet", AMOUNT)],
            decides: &[],
        },
        OutcomeSpec {
            name: "to_be_approved",
            supplies: &[Variable::new("wallet", AMOUNT)],
            decides: &[],
        },
        OutcomeSpec {
            name: "not_enough",
            supplies: &[
                Variable::new("wallet", AMOUNT),
                Variable::new("total", AMOUNT),
            ],
            decides: &[],
        },
        OVER_LIMIT,
        outcome("frozen"),
        COOLING_TODAY,
        COOLING_TOMORROW,
        COOLING_LONGER,
        outcome("not_active"),
        outcome("not_possible"),
        WRONG_PIN,
        LOCKED,
        BUSY,
    ],
};
