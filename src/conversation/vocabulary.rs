//! Everything a menu document may name: conditions, variables, facts and intents. A document that names anything
//! else is refused when it is loaded.

mod coordinator;
mod dues;
mod insurance;
mod loans;
mod notices;
mod payouts;
mod plans;
mod recovery;
mod wallet;

use crate::menu::{Effect, Fact, IntentSpec, Kind, OutcomeSpec, Variable, Vocabulary};

/// The largest amount a screen has to hold, in shillings: KES 9,999,999.
const AMOUNT: Kind = Kind::Money(9_999_999);
const NAME: Kind = Kind::Words(12);
const STAGE: Kind = Kind::Words(20);

const fn outcome(name: &'static str) -> OutcomeSpec {
    OutcomeSpec {
        name,
        supplies: &[],
        decides: &[],
    }
}

/// The three ways a PIN can fail to open a door, the same at every door.
const WRONG_PIN: OutcomeSpec = OutcomeSpec {
    name: "wrong_pin",
    supplies: &[Variable::new("tries_left", Kind::Count(9))],
    decides: &[],
};
const LOCKED: OutcomeSpec = OutcomeSpec {
    name: "locked",
    supplies: &[Variable::new("wait_minutes", Kind::Count(99))],
    decides: &[],
};
const BUSY: OutcomeSpec = outcome("busy");

const PIN_CHOSEN: OutcomeSpec = OutcomeSpec {
    name: "accepted",
    supplies: &[
        Variable::new("pin_owner", Kind::Hidden),
        Variable::new("pin_verifier", Kind::Hidden),
    ],
    decides: &[],
};

const ALARM_RAISED: OutcomeSpec = OutcomeSpec {
    name: "raised",
    supplies: &[Variable::new("case", Kind::Code(5))],
    decides: &["alarm_out"],
};
/// On our disk, and on its way to the on-call phones.
const ALARM_SPOOLED: OutcomeSpec = OutcomeSpec {
    name: "spooled",
    supplies: &[Variable::new("duty_phone", Kind::Code(10))],
    decides: &[],
};
const ALARM_NOT_RECORDED: OutcomeSpec = OutcomeSpec {
    name: "not_recorded",
    supplies: &[Variable::new("duty_phone", Kind::Code(10))],
    decides: &[],
};

const ALREADY_ASKED: OutcomeSpec = OutcomeSpec {
    name: "already_asked",
    supplies: &[Variable::new("asked", AMOUNT)],
    decides: &[],
};
/// The same amount went to M-PESA moments ago and may have been paid.
const JUST_ASKED: OutcomeSpec = OutcomeSpec {
    name: "just_asked",
    supplies: &[Variable::new("asked", AMOUNT)],
    decides: &[],
};

/// How asking M-PESA for money ends, whatever it is for.
const PAYING_IN: [OutcomeSpec; 9] = [
    outcome("accepted"),
    outcome("accepted_later"),
    WRONG_PIN,
    LOCKED,
    BUSY,
    ALREADY_ASKED,
    JUST_ASKED,
    outcome("not_active"),
    outcome("not_possible"),
];

/// How many riders a screen may have to name.
const PEOPLE: Kind = Kind::Count(999_999);

/// What the menus of this release may say.
pub static VOCABULARY: Vocabulary = Vocabulary {
    // Known when a session opens, from one query about the caller.
    conditions: &[
        "registered",
        "active",
        "suspended",
        "refused",
        "fee_due",
        // Nobody can be looked up: the database is away.
        "offline",
        "behind",
        "suggests",
        "has_kin",
        // Who answers emergencies.
        "coordinator",
        "has_cases",
        "case_over",
        "someone_comes",
        "on_case",
        "at_case",
        "on_duty",
        "helps",
        "helps_at_night",
        // An alarm of this call is on its way.
        "alarm_out",
        // On duty as an official.
        "official",
        "has_sacco",
        "has_draft",
        "has_posts",
        // A new PIN was asked for, and may be chosen.
        "reset_open",
        "reset_granted",
        // How the membership stands, and an invoice.
        "member_due",
        "member_in_grace",
        "member_lapsed",
        "due_overdue",
        "due_renewal",
        // Due days, and what is forgiven.
        "pushes",
        "reminds",
        "by_week",
        "by_month",
        "somebody_behind",
        "was_forgiven",
        // What a phone is sent.
        "gets_reminders",
        "gets_fund_news",
        "gets_notices",
        // Loans: how one stands, and why somebody may borrow what.
        "loan_runs",
        "loan_late",
        "loan_asked",
        "loan_waits",
        "vouch_asked",
        "limit_ok",
        "limit_held",
        "limit_has_loan",
        "limit_behind",
        "limit_too_short",
        "limit_too_little",
        // Insurance.
        "insured",
        "has_quote",
        "covered",
        "takes_premium",
        "can_cancel",
        "payable",
    ],
    globals: &[
        Variable::new("name", NAME),
        Variable::new("stage", STAGE),
        Variable::new("member_no", Kind::Code(15)),
        Variable::new("code", Kind::Code(12)),
        Variable::new("fee", AMOUNT),
        Variable::new("open_cases", Kind::Count(99)),
    ],
    facts: &[
        coordinator::OPEN_CASES,
        coordinator::CASE,
        coordinator::TAKERS,
        coordinator::TAKER,
        coordinator::DUTY,
        coordinator::COORDINATORS,
        coordinator::SWAP_WITH,
        recovery::PIN_RESET,
        recovery::PIN_REQUESTS,
        recovery::PIN_REQUEST,
        dues::MEMBERSHIP,
        dues::RENEWALS,
        dues::OWED,
        dues::INVOICE,
        plans::SCHEDULE,
        plans::FUND_RULES,
        plans::FUND_MONTHS,
        plans::FORGIVEN,
        plans::STAGE_ARREARS,
        plans::PREFERENCES,
        loans::PLACE,
        loans::MAY_BORROW,
        loans::PRODUCTS,
        loans::TERMS,
        loans::QUOTE,
        loans::VOUCHING,
        loans::VOUCH,
        loans::STATEMENT,
        insurance::INSURANCE,
        insurance::CATEGORIES,
        insurance::PRODUCTS,
        insurance::PRODUCT,
        insurance::COVERS,
        insurance::EXCLUDES,
        insurance::PRICES,
        insurance::QUESTION,
        insurance::QUOTE,
        insurance::BREAKDOWN,
        insurance::POLICIES,
        insurance::POLICY,
        insurance::PREMIUM,
        insurance::PREMIUMS,
        Fact {
            name: "standing",
            needs: &[],
            supplies: &[
                Variable::new("arrears", AMOUNT),
                Variable::new("suggested", AMOUNT),
            ],
            rows: None,
            decides: &["behind", "suggests"],
        },
        Fact {
            name: "fund",
            needs: &[],
            supplies: &[
                Variable::new("fund_balance", AMOUNT),
                Variable::new("month_in", AMOUNT),
                Variable::new("month_out", AMOUNT),
            ],
            rows: Some(&[
                Variable::new("day", Kind::Date),
                Variable::new("who", NAME),
                Variable::new("moved", AMOUNT),
            ]),
            decides: &[],
        },
        Fact {
            name: "wallet",
            needs: &[],
            supplies: &[Variable::new("wallet", AMOUNT)],
            rows: Some(&[
                Variable::new("day", Kind::Date),
                Variable::new("who", STAGE),
                Variable::new("moved", AMOUNT),
            ]),
            decides: &[],
        },
        Fact {
            name: "recipients",
            needs: &[],
            supplies: &[],
            rows: Some(&[
                Variable::new("recent_name", Kind::Words(14)),
                Variable::new("recent_phone", Kind::Code(12)),
            ]),
            decides: &[],
        },
        Fact {
            name: "kin",
            needs: &[],
            supplies: &[Variable::new("kin_now", NAME)],
            rows: None,
            decides: &["has_kin"],
        },
        // What officials say to many.
        notices::NOTICES,
        notices::DRAFTED,
        notices::POSTS,
        notices::POST,
        notices::SENT,
        Fact {
            name: "helping",
            needs: &[],
            supplies: &[],
            rows: None,
            decides: &["helps", "helps_at_night"],
        },
        Fact {
            name: "regions",
            needs: &[],
            supplies: &[],
            rows: Some(&[Variable::new("region_name", Kind::Words(24))]),
            decides: &[],
        },
        Fact {
            name: "zones",
            needs: &["region"],
            supplies: &[],
            rows: Some(&[Variable::new("zone_name", Kind::Words(24))]),
            decides: &[],
        },
        Fact {
            name: "stages",
            needs: &["zone"],
            supplies: &[],
            rows: Some(&[
                Variable::new("stage_name", STAGE),
                Variable::new("stage_no", Kind::Code(5)),
            ]),
            decides: &[],
        },
    ],
    intents: &[
        IntentSpec {
            name: "choose_language",
            needs: &["language"],
            secret: false,
            effect: Effect::Direct,
            outcomes: &[outcome("done")],
        },
        IntentSpec {
            name: "send_help",
            needs: &[],
            secret: false,
            effect: Effect::Direct,
            outcomes: &[outcome("done")],
        },
        // Joining.
        IntentSpec {
            name: "check_names",
            needs: &["names"],
            secret: false,
            effect: Effect::Reads,
            outcomes: &[outcome("understood"), outcome("incomplete")],
        },
        IntentSpec {
            name: "check_national_id",
            needs: &["national_id"],
            secret: false,
            effect: Effect::Reads,
            outcomes: &[outcome("free"), outcome("taken")],
        },
        IntentSpec {
            name: "find_stage",
            needs: &["stage_code"],
            secret: false,
            effect: Effect::Reads,
            outcomes: &[
                OutcomeSpec {
                    name: "found",
                    supplies: &[Variable::new("their_stage", STAGE)],
                    decides: &[],
                },
                outcome("unknown"),
            ],
        },
        IntentSpec {
            name: "check_kin_name",
            needs: &["kin_name"],
            secret: false,
            effect: Effect::Reads,
            outcomes: &[outcome("understood"), outcome("unclear")],
        },
        // A chosen PIN goes on as its verifier only, good for one owner.
        IntentSpec {
            name: "choose_first_pin",
            needs: &["national_id"],
            secret: true,
            effect: Effect::Reads,
            outcomes: &[PIN_CHOSEN, outcome("weak"), BUSY],
        },
        IntentSpec {
            name: "choose_pin",
            needs: &[],
            secret: true,
            effect: Effect::Reads,
            outcomes: &[PIN_CHOSEN, outcome("weak"), BUSY],
        },
        IntentSpec {
            name: "repeat_pin",
            needs: &["pin_owner", "pin_verifier"],
            secret: true,
            effect: Effect::Reads,
            outcomes: &[outcome("same"), outcome("different"), BUSY],
        },
        IntentSpec {
            name: "join",
            needs: &[
                "names",
                "national_id",
                "stage_code",
                "kin_name",
                "kin_phone",
                "kin_relation",
                "consent",
                "pin_owner",
                "pin_verifier",
            ],
            secret: false,
            effect: Effect::Writes,
            outcomes: &[
                outcome("joined"),
                outcome("already_member"),
                outcome("id_taken"),
            ],
        },
        IntentSpec {
            name: "pay_fee",
            needs: &[],
            secret: false,
            effect: Effect::Writes,
            outcomes: &[
                outcome("accepted"),
                outcome("accepted_later"),
                ALREADY_ASKED,
                JUST_ASKED,
                outcome("nothing_due"),
            ],
        },
        // Money.
        IntentSpec {
            name: "balances",
            needs: &[],
            secret: true,
            effect: Effect::Reads,
            outcomes: &[
                OutcomeSpec {
                    name: "shown",
                    supplies: &[
                        Variable::new("arrears", AMOUNT),
                        Variable::new("since", Kind::Date),
                        Variable::new("paid_until", Kind::Date),
                        Variable::new("wallet", AMOUNT),
                        Variable::new("fund_balance", AMOUNT),
                        Variable::new("forgiven", AMOUNT),
                    ],
                    decides: &["behind", "was_forgiven"],
                },
                WRONG_PIN,
                LOCKED,
                BUSY,
            ],
        },
        IntentSpec {
            name: "contribute",
            needs: &["amount"],
            secret: true,
            effect: Effect::Writes,
            outcomes: &PAYING_IN,
        },
        IntentSpec {
            // Questions are counted per phone, so that codes cannot be guessed.
            name: "look_up_receipt",
            needs: &["receipt_code"],
            secret: false,
            effect: Effect::Direct,
            outcomes: &[
                OutcomeSpec {
                    name: "genuine",
                    supplies: &[
                        Variable::new("amount", AMOUNT),
                        Variable::new("who", NAME),
                        Variable::new("day", Kind::Date),
                    ],
                    decides: &[],
                },
                outcome("unknown"),
                outcome("too_many"),
            ],
        },
        // The wallet.
        wallet::TOP_UP,
        wallet::FIND_RECIPIENT,
        wallet::SEND_MONEY,
        wallet::CONTRIBUTE_FROM_WALLET,
        payouts::WEIGH_WITHDRAWAL,
        payouts::WITHDRAW,
        // Membership and invoices.
        dues::PAY_DUE,
        dues::PAY_DUE_FROM_WALLET,
        // Getting back in.
        recovery::ASK_NEW_PIN,
        recovery::CHOOSE_NEW_PIN,
        recovery::ANSWER_PIN_REQUEST,
        recovery::MOVE_TO,
        recovery::CLAIM_NUMBER,
        // Due days, forgiveness, preferences.
        plans::CHOOSE_SCHEDULE,
        plans::AGREE_AUTOMATIC,
        plans::FIND_DEBTOR,
        plans::FORGIVE_MEMBER,
        plans::FORGIVE_STAGE,
        plans::FORGIVE_EACH,
        plans::SET_PREFERENCE,
        // Loans.
        loans::CHECK_AMOUNT,
        loans::APPLY,
        loans::ASK_GUARANTOR,
        loans::DROP,
        loans::ANSWER_VOUCH,
        loans::REFUSE_VOUCH,
        loans::REPAY,
        loans::REPAY_BY_MPESA,
        loans::SEND_SCHEDULE,
        // Settings.
        IntentSpec {
            name: "prove_pin",
            needs: &[],
            secret: true,
            effect: Effect::Reads,
            outcomes: &[outcome("right"), WRONG_PIN, LOCKED, BUSY],
        },
        IntentSpec {
            name: "change_pin",
            needs: &["pin_owner", "pin_verifier"],
            secret: true,
            effect: Effect::Writes,
            outcomes: &[outcome("changed"), outcome("different"), BUSY],
        },
        IntentSpec {
            name: "change_kin",
            needs: &["kin_name", "kin_phone", "kin_relation"],
            secret: true,
            effect: Effect::Writes,
            outcomes: &[outcome("changed"), WRONG_PIN, LOCKED, BUSY],
        },
        // Broadcasts.
        notices::DRAFT_BROADCAST,
        notices::SEND_DRAFT,
        notices::DECIDE_POST,
        // Emergencies. No PIN, no membership, no confirmation.
        IntentSpec {
            name: "raise_emergency",
            needs: &[],
            secret: false,
            effect: Effect::Direct,
            outcomes: &[ALARM_RAISED, ALARM_SPOOLED, ALARM_NOT_RECORDED],
        },
        IntentSpec {
            // Nothing on the phone may show it.
            name: "raise_silently",
            needs: &[],
            secret: false,
            effect: Effect::Direct,
            outcomes: &[ALARM_RAISED, ALARM_SPOOLED, ALARM_NOT_RECORDED],
        },
        IntentSpec {
            name: "tell_emergency_kind",
            needs: &["kind"],
            secret: false,
            effect: Effect::Direct,
            outcomes: &[outcome("told")],
        },
        IntentSpec {
            name: "tell_emergency_injured",
            needs: &["injured"],
            secret: false,
            effect: Effect::Direct,
            outcomes: &[outcome("told")],
        },
        IntentSpec {
            // What to do now goes by what happened.
            name: "tell_emergency_place",
            needs: &["place"],
            secret: false,
            effect: Effect::Direct,
            outcomes: &[
                outcome("told"),
                outcome("accident"),
                outcome("medical"),
                outcome("theft"),
                outcome("death"),
                outcome("mechanical"),
                outcome("other"),
                OutcomeSpec {
                    name: "known",
                    supplies: &[Variable::new("main", Kind::Code(5))],
                    decides: &[],
                },
            ],
        },
        IntentSpec {
            name: "stop_alarm",
            needs: &[],
            secret: true,
            effect: Effect::Writes,
            outcomes: &[
                outcome("stopped"),
                outcome("nothing_open"),
                WRONG_PIN,
                LOCKED,
                BUSY,
            ],
        },
        IntentSpec {
            name: "say_safe",
            needs: &[],
            secret: false,
            effect: Effect::Direct,
            outcomes: &[outcome("told")],
        },
        IntentSpec {
            name: "offer_help",
            needs: &["helping"],
            secret: false,
            effect: Effect::Direct,
            outcomes: &[OutcomeSpec {
                name: "kept",
                supplies: &[],
                decides: &["helps", "helps_at_night"],
            }],
        },
        // Answering one, and being on duty.
        coordinator::ACCEPT_CASE,
        coordinator::ARRIVE_CASE,
        coordinator::MORE_PEOPLE,
        coordinator::FINISH_CASE,
        coordinator::DECLINE_CASE,
        coordinator::HAND_OVER_CASE,
        coordinator::NOTE_CASE,
        coordinator::CALL_CASE_FALSE,
        coordinator::GO_ON_DUTY,
        coordinator::GO_OFF_DUTY,
        coordinator::GO_OFF_ANYWAY,
        coordinator::ASK_SWAP,
        // Insurance.
        insurance::BEGIN_QUOTE,
        insurance::ANSWER_QUESTION,
        insurance::TAKE_BY_MPESA,
        insurance::TAKE_FROM_WALLET,
        insurance::PAY_PREMIUM_BY_MPESA,
        insurance::PAY_PREMIUM_FROM_WALLET,
        insurance::CANCEL_POLICY,
        insurance::CHECK_COVER,
    ],
};
