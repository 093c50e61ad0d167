//! The words of what officials say to many.

use super::{AMOUNT, BUSY, LOCKED, NAME, PEOPLE, WRONG_PIN, outcome};
use crate::menu::{Effect, Fact, IntentSpec, Kind, OutcomeSpec, Variable};

const TOO_MANY_NOTICES: OutcomeSpec = OutcomeSpec {
    name: "too_many",
    supplies: &[Variable::new("most", Kind::Count(100))],
    decides: &[],
};

/// What a broadcast would be, before the yes.
const DRAFT: [Variable; 5] = [
    Variable::new("draft", Kind::Hidden),
    Variable::new("people", PEOPLE),
    Variable::new("parts", Kind::Count(4)),
    Variable::new("cost", AMOUNT),
    Variable::new("draft_says", Kind::Words(40)),
];

pub(super) const NOTICES: Fact = Fact {
    name: "notices",
    needs: &[],
    supplies: &[
        Variable::new("their_sacco", Kind::Words(20)),
        Variable::new("posts_waiting", Kind::Count(30)),
    ],
    rows: None,
    decides: &["has_sacco", "has_draft", "has_posts"],
};
pub(super) const DRAFTED: Fact = Fact {
    name: "draft",
    needs: &[],
    supplies: &DRAFT,
    rows: None,
    decides: &["has_draft"],
};
pub(super) const POSTS: Fact = Fact {
    name: "posts",
    needs: &[],
    supplies: &[],
    rows: Some(&[
        Variable::new("post_by", NAME),
        Variable::new("gist", Kind::Words(24)),
    ]),
    decides: &[],
};
pub(super) const POST: Fact = Fact {
    name: "post",
    needs: &["post"],
    supplies: &[
        Variable::new("post_by", NAME),
        Variable::new("post_says", Kind::Words(140)),
    ],
    rows: None,
    decides: &[],
};
pub(super) const SENT: Fact = Fact {
    name: "sent",
    needs: &[],
    supplies: &[],
    rows: Some(&[
        Variable::new("day", Kind::Date),
        Variable::new("messages", PEOPLE),
        Variable::new("delivered", PEOPLE),
        Variable::new("failed", PEOPLE),
    ]),
    decides: &[],
};

/// A draft goes to nobody; it takes the place of the one before.
pub(super) const DRAFT_BROADCAST: IntentSpec = IntentSpec {
    name: "draft_broadcast",
    needs: &["audience", "text"],
    secret: false,
    effect: Effect::Direct,
    outcomes: &[
        outcome("drafted"),
        outcome("too_short"),
        outcome("nobody"),
        TOO_MANY_NOTICES,
        outcome("not_official"),
    ],
};
pub(super) const SEND_DRAFT: IntentSpec = IntentSpec {
    name: "send_draft",
    needs: &["draft"],
    secret: true,
    effect: Effect::Writes,
    outcomes: &[
        OutcomeSpec {
            name: "sent",
            supplies: &[Variable::new("people", PEOPLE)],
            decides: &[],
        },
        OutcomeSpec {
            name: "sent_later",
            supplies: &[
                Variable::new("people", PEOPLE),
                Variable::new("hour", Kind::Code(5)),
            ],
            decides: &[],
        },
        WRONG_PIN,
        LOCKED,
        BUSY,
        TOO_MANY_NOTICES,
        outcome("gone"),
        outcome("not_official"),
    ],
};
pub(super) const DECIDE_POST: IntentSpec = IntentSpec {
    name: "decide_post",
    needs: &["post", "verdict"],
    secret: false,
    effect: Effect::Direct,
    outcomes: &[
        OutcomeSpec {
            name: "put_up",
            supplies: &[Variable::new("people", PEOPLE)],
            decides: &[],
        },
        outcome("refused"),
        outcome("already"),
        outcome("not_official"),
    ],
};
