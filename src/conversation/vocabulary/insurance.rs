//! The words of insurance.

use super::{
    ALREADY_ASKED, AMOUNT, BUSY, JUST_ASKED, LOCKED, WRONG_PIN, outcome, wallet::NOT_ENOUGH,
    wallet::OVER_LIMIT,
};
use crate::insurance::{LINE_CHARS_MAX, NAME_CHARS_MAX};
use crate::menu::{Effect, Fact, IntentSpec, Kind, OutcomeSpec, Variable};

const PRODUCT_NAME: Kind = Kind::Words(NAME_CHARS_MAX);
const LINE: Kind = Kind::Words(LINE_CHARS_MAX);
/// The name of a term.
const TERM: Kind = Kind::Words(9);
const PRICE: Kind = Kind::Money(150_000);

/// What the member has, and was offered.
pub(super) const INSURANCE: Fact = Fact {
    name: "insurance",
    needs: &[],
    supplies: &[
        Variable::new("quote", Kind::Hidden),
        Variable::new("quoted_name", PRODUCT_NAME),
        Variable::new("quoted_price", PRICE),
    ],
    rows: None,
    decides: &["insured", "has_quote"],
};

pub(super) const CATEGORIES: Fact = Fact {
    name: "categories",
    needs: &[],
    supplies: &[],
    rows: Some(&[Variable::new("category_name", PRODUCT_NAME)]),
    decides: &[],
};

pub(super) const PRODUCTS: Fact = Fact {
    name: "products",
    needs: &["category"],
    supplies: &[],
    rows: Some(&[
        Variable::new("row_product", PRODUCT_NAME),
        Variable::new("row_price", PRICE),
        Variable::new("row_term", TERM),
    ]),
    decides: &[],
};

pub(super) const PRODUCT: Fact = Fact {
    name: "product",
    needs: &["product"],
    supplies: &[
        Variable::new("product_name", PRODUCT_NAME),
        Variable::new("insurer_name", PRODUCT_NAME),
        Variable::new("pays", AMOUNT),
    ],
    rows: None,
    decides: &[],
};

pub(super) const COVERS: Fact = lines("covers");
pub(super) const EXCLUDES: Fact = lines("excludes");

/// What it costs, by how long is paid for at once.
pub(super) const PRICES: Fact = Fact {
    name: "prices",
    needs: &["product"],
    supplies: &[],
    rows: Some(&[
        Variable::new("row_term", TERM),
        Variable::new("row_price", PRICE),
    ]),
    decides: &[],
};

/// The first question that is not answered yet.
pub(super) const QUESTION: Fact = Fact {
    name: "question",
    needs: &["product", "answers"],
    supplies: &[Variable::new("asks", LINE)],
    rows: Some(&[Variable::new("row_answer", PRODUCT_NAME)]),
    decides: &[],
};

pub(super) const QUOTE: Fact = Fact {
    name: "quote",
    needs: &["quote"],
    supplies: &[
        Variable::new("quoted_name", PRODUCT_NAME),
        Variable::new("quoted_term", TERM),
        Variable::new("quoted_price", PRICE),
        Variable::new("quoted_until", Kind::Date),
    ],
    rows: None,
    decides: &[],
};

pub(super) const BREAKDOWN: Fact = Fact {
    name: "breakdown",
    needs: &["quote"],
    supplies: &[],
    rows: Some(&[
        Variable::new("part", PRODUCT_NAME),
        Variable::new("worth", Kind::Words(14)),
    ]),
    decides: &[],
};

pub(super) const POLICIES: Fact = Fact {
    name: "policies",
    needs: &[],
    supplies: &[],
    rows: Some(&[
        Variable::new("row_policy", PRODUCT_NAME),
        Variable::new("row_until", Kind::Words(10)),
    ]),
    decides: &[],
};

pub(super) const POLICY: Fact = Fact {
    name: "policy",
    needs: &["policy"],
    supplies: &[
        Variable::new("policy_name", PRODUCT_NAME),
        Variable::new("policy_no", Kind::Code(18)),
        Variable::new("policy_term", TERM),
        Variable::new("policy_price", PRICE),
        Variable::new("until_day", Kind::Date),
        Variable::new("streak", Kind::Count(9_999)),
        Variable::new("refund", AMOUNT),
    ],
    rows: None,
    decides: &["covered", "takes_premium", "can_cancel"],
};

/// What so many terms cost, and until when they would cover.
pub(super) const PREMIUM: Fact = Fact {
    name: "premium",
    needs: &["policy", "terms"],
    supplies: &[
        Variable::new("premium", PRICE),
        Variable::new("until_day", Kind::Date),
    ],
    rows: None,
    decides: &["payable"],
};

pub(super) const PREMIUMS: Fact = Fact {
    name: "premiums",
    needs: &["policy"],
    supplies: &[],
    rows: Some(&[
        Variable::new("day", Kind::Date),
        Variable::new("moved", AMOUNT),
        Variable::new("row_until", Kind::Words(10)),
    ]),
    decides: &[],
};

const LINE_ROW: [Variable; 1] = [Variable::new("line", LINE)];

const fn lines(name: &'static str) -> Fact {
    Fact {
        name,
        needs: &["product"],
        supplies: &[],
        rows: Some(&LINE_ROW),
        decides: &[],
    }
}

/// How asking for a price goes on.
const QUOTING: [OutcomeSpec; 3] = [
    OutcomeSpec {
        name: "asks",
        supplies: &[Variable::new("answers", Kind::Hidden)],
        decides: &[],
    },
    OutcomeSpec {
        name: "quoted",
        supplies: &[Variable::new("quote", Kind::Hidden)],
        decides: &[],
    },
    outcome("not_sold"),
];

pub(super) const BEGIN_QUOTE: IntentSpec = IntentSpec {
    name: "begin_quote",
    needs: &["product", "term"],
    secret: false,
    effect: Effect::Reads,
    outcomes: &QUOTING,
};
pub(super) const ANSWER_QUESTION: IntentSpec = IntentSpec {
    name: "answer_question",
    needs: &["product", "term", "answers", "answer"],
    secret: false,
    effect: Effect::Reads,
    outcomes: &QUOTING,
};

const COVERED: OutcomeSpec = OutcomeSpec {
    name: "covered",
    supplies: &[
        Variable::new("policy_no", Kind::Code(18)),
        Variable::new("until_day", Kind::Date),
        Variable::new("wallet", AMOUNT),
    ],
    decides: &[],
};

const TAKING: &[&str] = &["quote", "beneficiary", "kin_name", "kin_phone"];
const PAYING: &[&str] = &["policy", "terms"];

/// As every payment by M-PESA ends; `over` where there is nothing to pay for any more, `has_one` where there is such a policy.
const BY_MPESA: [OutcomeSpec; 10] = [
    outcome("accepted"),
    outcome("accepted_later"),
    WRONG_PIN,
    LOCKED,
    BUSY,
    ALREADY_ASKED,
    JUST_ASKED,
    outcome("not_active"),
    outcome("over"),
    outcome("has_one"),
];
const FROM_WALLET: [OutcomeSpec; 10] = [
    COVERED,
    WRONG_PIN,
    LOCKED,
    BUSY,
    NOT_ENOUGH,
    OVER_LIMIT,
    outcome("frozen"),
    outcome("not_active"),
    outcome("over"),
    outcome("has_one"),
];

pub(super) const TAKE_BY_MPESA: IntentSpec = IntentSpec {
    name: "take_by_mpesa",
    needs: TAKING,
    secret: true,
    effect: Effect::Writes,
    outcomes: &BY_MPESA,
};
pub(super) const TAKE_FROM_WALLET: IntentSpec = IntentSpec {
    name: "take_from_wallet",
    needs: TAKING,
    secret: true,
    effect: Effect::Writes,
    outcomes: &FROM_WALLET,
};
pub(super) const PAY_PREMIUM_BY_MPESA: IntentSpec = IntentSpec {
    name: "pay_premium_by_mpesa",
    needs: PAYING,
    secret: true,
    effect: Effect::Writes,
    outcomes: &BY_MPESA,
};
pub(super) const PAY_PREMIUM_FROM_WALLET: IntentSpec = IntentSpec {
    name: "pay_premium_from_wallet",
    needs: PAYING,
    secret: true,
    effect: Effect::Writes,
    outcomes: &FROM_WALLET,
};

pub(super) const CANCEL_POLICY: IntentSpec = IntentSpec {
    name: "cancel_policy",
    needs: &["policy"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &[
        OutcomeSpec {
            name: "cancelled",
            supplies: &[Variable::new("refund", AMOUNT)],
            decides: &[],
        },
        outcome("over"),
        WRONG_PIN,
        LOCKED,
        BUSY,
    ],
};

pub(super) const CHECK_COVER: IntentSpec = IntentSpec {
    name: "check_cover",
    needs: &["cover_code"],
    secret: false,
    effect: Effect::Reads,
    outcomes: &[
        OutcomeSpec {
            name: "yes",
            supplies: &[Variable::new("until_day", Kind::Date)],
            decides: &[],
        },
        outcome("no"),
        outcome("too_many"),
    ],
};
