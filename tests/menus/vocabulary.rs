//! A small vocabulary for sample menus.

use kwastage::menu::{Effect, Fact, IntentSpec, Kind, OutcomeSpec, Variable, Vocabulary};

const SHILLINGS: Kind = Kind::Money(999_999);
const NAME: Kind = Kind::Words(12);

const fn plain(name: &'static str) -> OutcomeSpec {
    OutcomeSpec {
        name,
        supplies: &[],
        decides: &[],
    }
}

pub static SAMPLE: Vocabulary = Vocabulary {
    conditions: &["member", "behind"],
    globals: &[
        Variable::new("name", NAME),
        Variable::new("code", Kind::Code(12)),
    ],
    facts: &[
        Fact {
            name: "standing",
            needs: &[],
            supplies: &[Variable::new("arrears", SHILLINGS)],
            rows: None,
            decides: &["behind"],
        },
        Fact {
            name: "movements",
            needs: &[],
            supplies: &[Variable::new("total", SHILLINGS)],
            rows: Some(&[
                Variable::new("day", Kind::Date),
                Variable::new("who", NAME),
                Variable::new("moved", SHILLINGS),
            ]),
            decides: &[],
        },
        Fact {
            name: "regions",
            needs: &[],
            supplies: &[],
            rows: Some(&[Variable::new("region_name", Kind::Words(24))]),
            decides: &[],
        },
        Fact {
            name: "stages",
            needs: &["region"],
            supplies: &[],
            rows: Some(&[Variable::new("stage_name", Kind::Words(20))]),
            decides: &[],
        },
    ],
    intents: &[
        IntentSpec {
            name: "raise_alarm",
            needs: &[],
            secret: false,
            effect: Effect::Direct,
            outcomes: &[OutcomeSpec {
                name: "raised",
                supplies: &[Variable::new("case", Kind::Code(5))],
                decides: &[],
            }],
        },
        IntentSpec {
            name: "choose_language",
            needs: &["language"],
            secret: false,
            effect: Effect::Direct,
            outcomes: &[plain("done")],
        },
        IntentSpec {
            name: "send_help",
            needs: &[],
            secret: false,
            effect: Effect::Direct,
            outcomes: &[plain("done")],
        },
        IntentSpec {
            name: "find_stage",
            needs: &["stage"],
            secret: false,
            effect: Effect::Reads,
            outcomes: &[
                OutcomeSpec {
                    name: "found",
                    supplies: &[Variable::new("their_stage", Kind::Words(20))],
                    decides: &[],
                },
                plain("unknown"),
            ],
        },
        IntentSpec {
            name: "choose_pin",
            needs: &[],
            secret: true,
            effect: Effect::Reads,
            outcomes: &[
                OutcomeSpec {
                    name: "accepted",
                    supplies: &[Variable::new("pin_print", Kind::Hidden)],
                    decides: &[],
                },
                plain("weak"),
            ],
        },
        IntentSpec {
            name: "join",
            needs: &["names", "phone", "born", "stage", "pin_print"],
            secret: false,
            effect: Effect::Writes,
            outcomes: &[
                OutcomeSpec {
                    name: "joined",
                    supplies: &[],
                    decides: &["member"],
                },
                plain("refused"),
            ],
        },
        IntentSpec {
            name: "leave",
            needs: &[],
            secret: false,
            effect: Effect::Writes,
            outcomes: &[plain("left")],
        },
        IntentSpec {
            name: "contribute",
            needs: &["amount"],
            secret: true,
            effect: Effect::Writes,
            outcomes: &[
                OutcomeSpec {
                    name: "accepted",
                    supplies: &[Variable::new("reference", Kind::Code(8))],
                    decides: &["behind"],
                },
                OutcomeSpec {
                    name: "wrong_pin",
                    supplies: &[Variable::new("tries_left", Kind::Count(9))],
                    decides: &[],
                },
                plain("locked"),
            ],
        },
    ],
};
