//! The words of loans.

use super::{AMOUNT, BUSY, LOCKED, NAME, PAYING_IN, WRONG_PIN, outcome};
use crate::menu::{Effect, Fact, IntentSpec, Kind, OutcomeSpec, Variable};

const NUMBER: Variable = Variable::new("loan_no", Kind::Code(10));
const LEFT: Variable = Variable::new("loan_left", AMOUNT);
const LIMIT: Variable = Variable::new("loan_limit", AMOUNT);
const VOUCHED: Variable = Variable::new("vouch_amount", AMOUNT);
const PRODUCT_LIMITS: [Variable; 2] = [
    Variable::new("product_least", AMOUNT),
    Variable::new("product_most", AMOUNT),
];
const OVER_LIMIT: OutcomeSpec = OutcomeSpec {
    name: "over_limit",
    supplies: &[LIMIT],
    decides: &[],
};

/// How the member's loan stands.
pub(super) const PLACE: Fact = Fact {
    name: "loan_place",
    needs: &[],
    supplies: &[
        NUMBER,
        LEFT,
        Variable::new("loan_due", AMOUNT),
        Variable::new("loan_day", Kind::Date),
        Variable::new("loan_principal", AMOUNT),
        Variable::new("loan_pledged", AMOUNT),
    ],
    rows: None,
    decides: &[
        "loan_runs",
        "loan_late",
        "loan_asked",
        "loan_waits",
        "vouch_asked",
    ],
};

/// How much somebody may borrow, and why.
pub(super) const MAY_BORROW: Fact = Fact {
    name: "loan_limit",
    needs: &[],
    supplies: &[
        LIMIT,
        Variable::new("loan_percent", Kind::Count(9_999)),
        Variable::new("loan_saved", AMOUNT),
        Variable::new("loan_held", AMOUNT),
        Variable::new("loan_lacks", AMOUNT),
        Variable::new("loan_from", Kind::Date),
    ],
    rows: None,
    decides: &[
        "limit_ok",
        "limit_held",
        "limit_has_loan",
        "limit_behind",
        "limit_too_short",
        "limit_too_little",
    ],
};

pub(super) const PRODUCTS: Fact = Fact {
    name: "loan_products",
    needs: &[],
    supplies: &[],
    rows: Some(&[
        Variable::new("product_name", Kind::Words(16)),
        Variable::new("product_least", AMOUNT),
        Variable::new("product_most", AMOUNT),
    ]),
    decides: &[],
};

/// How many instalments the picked product may have.
pub(super) const TERMS: Fact = Fact {
    name: "loan_terms",
    needs: &["loan_product"],
    supplies: &[],
    rows: Some(&[
        Variable::new("term_count", Kind::Count(104)),
        Variable::new("term_unit", Kind::Words(8)),
    ]),
    decides: &[],
};

/// Every charge, before the yes.
pub(super) const QUOTE: Fact = Fact {
    name: "loan_quote",
    needs: &["loan_product", "amount", "loan_term"],
    supplies: &[
        Variable::new("quote_fee", AMOUNT),
        Variable::new("quote_net", AMOUNT),
        Variable::new("quote_interest", AMOUNT),
        Variable::new("quote_total", AMOUNT),
        Variable::new("quote_count", Kind::Count(104)),
        Variable::new("quote_unit", Kind::Words(8)),
        Variable::new("quote_each", AMOUNT),
        Variable::new("quote_last", AMOUNT),
        Variable::new("quote_day", Kind::Date),
    ],
    rows: None,
    decides: &[],
};

/// What this member is asked to vouch for.
pub(super) const VOUCHING: Fact = Fact {
    name: "loan_vouching",
    needs: &[],
    supplies: &[],
    rows: Some(&[Variable::new("vouch_name", NAME), VOUCHED]),
    decides: &[],
};

/// The one of them that was picked.
pub(super) const VOUCH: Fact = Fact {
    name: "loan_vouch",
    needs: &["vouch_loan"],
    supplies: &[
        Variable::new("vouch_name", NAME),
        VOUCHED,
        Variable::new("vouch_principal", AMOUNT),
    ],
    rows: None,
    decides: &[],
};

pub(super) const STATEMENT: Fact = Fact {
    name: "loan_statement",
    needs: &[],
    supplies: &[],
    rows: Some(&[
        Variable::new("day", Kind::Date),
        Variable::new("loan_entry", Kind::Words(14)),
        Variable::new("moved", AMOUNT),
    ]),
    decides: &[],
};

pub(super) const CHECK_AMOUNT: IntentSpec = IntentSpec {
    name: "check_loan_amount",
    needs: &["loan_product", "amount"],
    secret: false,
    effect: Effect::Reads,
    outcomes: &[
        outcome("possible"),
        OutcomeSpec {
            name: "not_the_amount",
            supplies: &PRODUCT_LIMITS,
            decides: &[],
        },
        OVER_LIMIT,
        outcome("not_offered"),
    ],
};

pub(super) const APPLY: IntentSpec = IntentSpec {
    name: "apply_loan",
    needs: &["loan_product", "amount", "loan_term"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &[
        outcome("asked"),
        outcome("ready"),
        outcome("not_active"),
        outcome("not_offered"),
        OVER_LIMIT,
        outcome("has_one"),
        WRONG_PIN,
        LOCKED,
        BUSY,
    ],
};

pub(super) const ASK_GUARANTOR: IntentSpec = IntentSpec {
    name: "ask_guarantor",
    needs: &["recipient_id"],
    secret: false,
    effect: Effect::Writes,
    outcomes: &[
        OutcomeSpec {
            name: "asked_more",
            supplies: &[VOUCHED],
            decides: &[],
        },
        OutcomeSpec {
            name: "asked_all",
            supplies: &[VOUCHED],
            decides: &[],
        },
        outcome("asked_before"),
        outcome("enough"),
        outcome("nobody"),
        outcome("no_request"),
    ],
};

pub(super) const DROP: IntentSpec = IntentSpec {
    name: "drop_loan",
    needs: &[],
    secret: false,
    effect: Effect::Writes,
    outcomes: &[outcome("dropped"), outcome("too_late")],
};

pub(super) const ANSWER_VOUCH: IntentSpec = IntentSpec {
    name: "answer_vouch",
    needs: &["vouch_loan", "amount"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &[
        outcome("pledged"),
        OutcomeSpec {
            name: "too_much",
            supplies: &[VOUCHED],
            decides: &[],
        },
        outcome("too_little"),
        OutcomeSpec {
            name: "beyond_means",
            supplies: &[Variable::new("capacity", AMOUNT)],
            decides: &[],
        },
        outcome("over"),
        WRONG_PIN,
        LOCKED,
        BUSY,
    ],
};

/// It gives nothing away and waits for no confirm.
pub(super) const REFUSE_VOUCH: IntentSpec = IntentSpec {
    name: "refuse_vouch",
    needs: &["vouch_loan"],
    secret: false,
    effect: Effect::Direct,
    outcomes: &[outcome("declined"), outcome("over")],
};

pub(super) const REPAY: IntentSpec = IntentSpec {
    name: "repay_loan",
    needs: &["amount"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &[
        OutcomeSpec {
            name: "repaid",
            supplies: &[
                NUMBER,
                LEFT,
                Variable::new("amount", AMOUNT),
                Variable::new("wallet", AMOUNT),
            ],
            decides: &[],
        },
        OutcomeSpec {
            name: "settled",
            supplies: &[NUMBER, Variable::new("wallet", AMOUNT)],
            decides: &[],
        },
        super::wallet::NOT_ENOUGH,
        super::wallet::OVER_LIMIT,
        outcome("frozen"),
        outcome("not_active"),
        outcome("no_loan"),
        WRONG_PIN,
        LOCKED,
        BUSY,
    ],
};

pub(super) const REPAY_BY_MPESA: IntentSpec = IntentSpec {
    name: "repay_loan_by_mpesa",
    needs: &["amount"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &PAYING_IN_FOR_A_LOAN,
};

const PAYING_IN_FOR_A_LOAN: [OutcomeSpec; 10] = {
    let [a, b, c, d, e, f, g, h, i] = PAYING_IN;
    [a, b, c, d, e, f, g, h, i, outcome("no_loan")]
};

pub(super) const SEND_SCHEDULE: IntentSpec = IntentSpec {
    name: "send_loan_schedule",
    needs: &[],
    secret: false,
    effect: Effect::Direct,
    outcomes: &[outcome("sent"), outcome("no_loan")],
};
