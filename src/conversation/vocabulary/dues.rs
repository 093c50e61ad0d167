//! The words of membership and invoices.

use super::{ALREADY_ASKED, AMOUNT, BUSY, JUST_ASKED, LOCKED, WRONG_PIN, outcome};
use crate::menu::{Effect, Fact, IntentSpec, Kind, OutcomeSpec, Variable};

const CATEGORY: Kind = Kind::Words(16);
const REASON: Kind = Kind::Words(60);

pub(super) const MEMBERSHIP: Fact = Fact {
    name: "membership",
    needs: &[],
    supplies: &[
        Variable::new("category", CATEGORY),
        Variable::new("until", Kind::Date),
        Variable::new("due_amount", AMOUNT),
    ],
    rows: None,
    decides: &["member_due", "member_in_grace", "member_lapsed"],
};
pub(super) const RENEWALS: Fact = Fact {
    name: "renewals",
    needs: &[],
    supplies: &[],
    rows: Some(&[
        Variable::new("row_from", Kind::Date),
        Variable::new("row_until", Kind::Date),
    ]),
    decides: &[],
};
pub(super) const OWED: Fact = Fact {
    name: "owed",
    needs: &[],
    supplies: &[],
    rows: Some(&[
        Variable::new("row_amount", AMOUNT),
        Variable::new("row_day", Kind::Date),
    ]),
    decides: &[],
};
pub(super) const INVOICE: Fact = Fact {
    name: "invoice",
    needs: &["due"],
    supplies: &[
        Variable::new("due_amount", AMOUNT),
        Variable::new("due_day", Kind::Date),
        Variable::new("due_for", REASON),
    ],
    rows: None,
    decides: &["due_overdue", "due_renewal"],
};

const ANOTHER_AMOUNT: OutcomeSpec = OutcomeSpec {
    name: "another_amount",
    supplies: &[Variable::new("due_amount", AMOUNT)],
    decides: &[],
};
const NOT_DUE: OutcomeSpec = OutcomeSpec {
    name: "not_due",
    supplies: &[Variable::new("until", Kind::Date)],
    decides: &[],
};

pub(super) const PAY_DUE: IntentSpec = IntentSpec {
    name: "pay_due",
    needs: &["due", "due_amount"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &[
        outcome("accepted"),
        outcome("accepted_later"),
        ANOTHER_AMOUNT,
        NOT_DUE,
        outcome("not_open"),
        outcome("not_active"),
        ALREADY_ASKED,
        JUST_ASKED,
        WRONG_PIN,
        LOCKED,
        BUSY,
    ],
};

pub(super) const PAY_DUE_FROM_WALLET: IntentSpec = IntentSpec {
    name: "pay_due_from_wallet",
    needs: &["due", "due_amount"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &[
        OutcomeSpec {
            name: "paid",
            supplies: &[Variable::new("wallet", AMOUNT)],
            decides: &[],
        },
        ANOTHER_AMOUNT,
        NOT_DUE,
        outcome("not_open"),
        outcome("not_active"),
        OutcomeSpec {
            name: "not_enough",
            supplies: &[Variable::new("wallet", AMOUNT)],
            decides: &[],
        },
        OutcomeSpec {
            name: "over_limit",
            supplies: &[
                Variable::new("left_today", AMOUNT),
                Variable::new("once", AMOUNT),
            ],
            decides: &[],
        },
        outcome("frozen"),
        WRONG_PIN,
        LOCKED,
        BUSY,
    ],
};
