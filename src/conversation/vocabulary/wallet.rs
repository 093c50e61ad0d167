//! The words of the wallet.

use super::{AMOUNT, BUSY, LOCKED, PAYING_IN, STAGE, WRONG_PIN, outcome};
use crate::menu::{Effect, IntentSpec, Kind, OutcomeSpec, Variable};

/// The wallet holds less than was asked of it.
pub(super) const NOT_ENOUGH: OutcomeSpec = OutcomeSpec {
    name: "not_enough",
    supplies: &[Variable::new("wallet", AMOUNT)],
    decides: &[],
};
pub(super) const OVER_LIMIT: OutcomeSpec = OutcomeSpec {
    name: "over_limit",
    supplies: &[
        Variable::new("left_today", AMOUNT),
        Variable::new("once", AMOUNT),
    ],
    decides: &[],
};

pub(super) const TOP_UP: IntentSpec = IntentSpec {
    name: "top_up",
    needs: &["amount"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &PAYING_IN,
};

pub(super) const FIND_RECIPIENT: IntentSpec = IntentSpec {
    name: "find_recipient",
    needs: &["recipient"],
    secret: false,
    effect: Effect::Reads,
    outcomes: &[
        OutcomeSpec {
            name: "found",
            supplies: &[
                Variable::new("recipient_id", Kind::Hidden),
                Variable::new("their_name", Kind::Words(14)),
                Variable::new("their_stage", STAGE),
            ],
            decides: &[],
        },
        outcome("nobody"),
        outcome("oneself"),
    ],
};

pub(super) const SEND_MONEY: IntentSpec = IntentSpec {
    name: "send_money",
    needs: &["recipient_id", "amount"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &[
        OutcomeSpec {
            name: "sent",
            supplies: &[
                Variable::new("wallet", AMOUNT),
                Variable::new("left_today", AMOUNT),
            ],
            decides: &[],
        },
        NOT_ENOUGH,
        OVER_LIMIT,
        outcome("frozen"),
        outcome("not_active"),
        outcome("lapsed"),
        outcome("nobody"),
        WRONG_PIN,
        LOCKED,
        BUSY,
    ],
};

pub(super) const CONTRIBUTE_FROM_WALLET: IntentSpec = IntentSpec {
    name: "contribute_from_wallet",
    needs: &["amount"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &[
        OutcomeSpec {
            name: "paid",
            supplies: &[
                Variable::new("wallet", AMOUNT),
                Variable::new("left_today", AMOUNT),
            ],
            decides: &[],
        },
        NOT_ENOUGH,
        OVER_LIMIT,
        outcome("frozen"),
        outcome("not_active"),
        WRONG_PIN,
        LOCKED,
        BUSY,
    ],
};
