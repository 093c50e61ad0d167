//! Everything a phone can ask for, read from its answers. The one list of it.

mod coordinator;
mod dues;
mod insurance;
mod loans;
mod plans;
mod recovery;

use uuid::Uuid;

use crate::broadcasts::{BroadcastId, Verdict};
use crate::emergencies::EmergencyKind;
use crate::fault::Fault;
use crate::loans::ProductId;
use crate::members::{Helping, Kin, MemberId, Name, NationalId, PinVerifier, Relation};
use crate::menu::Asked;
use crate::primitives::{Language, Money, Msisdn, Secret};
use crate::stages::StageCode;

pub(super) use coordinator::Coordinating;
pub(super) use dues::PayingDue;
pub(super) use insurance::{Insuring, Named, PayFrom, read_answers, written_answers};
pub(super) use loans::{Lending, Wanted};
pub(super) use plans::Planning;
pub(super) use recovery::{Claiming, Recovering};

/// One thing a phone asks for.
pub(super) struct Intent {
    /// The member's PIN, which has to be right before anything else.
    pub pin: Option<Secret>,
    pub what: What,
}

pub(super) enum What {
    Question(Question),
    Deed(Deed),
    /// A deed that goes by which of two PINs was typed.
    StopAlarm(Secret),
    /// A deed of somebody who is no member on this phone, and has a PIN on another.
    ClaimNumber(Claiming),
}

/// Changes nothing.
pub(super) enum Question {
    CheckNames(String),
    CheckKinName(String),
    CheckNationalId(NationalId),
    FindStage(StageCode),
    ChoosePin {
        national_id: Option<NationalId>,
        pin: Secret,
    },
    RepeatPin {
        chosen: ChosenPin,
        pin: Secret,
    },
    FindRecipient(String),
    WeighWithdrawal(Money),
    FindDebtor(String),
    LoanAmount {
        product: ProductId,
        amount: Money,
    },
    ProvePin,
    Balances,
}

/// Changes something, once.
pub(super) enum Deed {
    ChooseLanguage(Language),
    SendHelp,
    Join(Box<Joining>),
    PayFee,
    Contribute(Money),
    LookUpReceipt(String),
    ChangePin { chosen: ChosenPin, pin: Secret },
    ChangeKin(Kin),
    DraftBroadcast { to_sacco: bool, words: String },
    SendDraft(BroadcastId),
    DecidePost { number: u32, verdict: Verdict },
    TopUp(Money),
    SendMoney { to: MemberId, amount: Money },
    ContributeFromWallet(Money),
    Withdraw(Money),
    RaiseEmergency { silent: bool },
    TellEmergencyKind(EmergencyKind),
    TellEmergencyInjured(i32),
    TellEmergencyPlace(String),
    Coordinate(Coordinating),
    Recover(Recovering),
    PayDue(PayingDue),
    Plan(Planning),
    Lend(Lending),
    Insure(Insuring),
    SaySafe,
    OfferHelp(Helping),
}

/// A PIN chosen on the screen before: its verifier, and whose it is to be.
pub(super) struct ChosenPin {
    pub owner: MemberId,
    pub verifier: PinVerifier,
}

pub(super) struct Joining {
    pub names: String,
    pub national_id: NationalId,
    pub stage: StageCode,
    pub kin: Kin,
    pub chosen: ChosenPin,
    pub consent: String,
}

impl Intent {
    /// Reads what the menus asked for. The documents' check rules out what fails here, but for answers that were
    /// kept under another release.
    pub fn read(asked: Asked) -> Result<Intent, Fault> {
        let intent = asked.intent;
        read(asked).ok_or_else(|| {
            Fault::broken(format!("the answers of the intent {intent} make no sense"))
        })
    }
}

fn read(mut asked: Asked) -> Option<Intent> {
    let secret = asked.secret.take();
    let answer = |name: &str| asked.answer(name);
    let question = |question| {
        Some(Intent {
            pin: None,
            what: What::Question(question),
        })
    };
    let deed = |deed| {
        Some(Intent {
            pin: None,
            what: What::Deed(deed),
        })
    };
    match asked.intent {
        "choose_language" => deed(Deed::ChooseLanguage(
            Language::parse(answer("language")).ok()?,
        )),
        "send_help" => deed(Deed::SendHelp),

        "check_names" => question(Question::CheckNames(answer("names").to_owned())),
        "check_kin_name" => question(Question::CheckKinName(answer("kin_name").to_owned())),
        "check_national_id" => question(Question::CheckNationalId(
            NationalId::parse(answer("national_id")).ok()?,
        )),
        "find_stage" => question(Question::FindStage(
            StageCode::parse(answer("stage_code")).ok()?,
        )),
        "choose_pin" => question(Question::ChoosePin {
            national_id: None,
            pin: secret?,
        }),
        "choose_first_pin" => {
            let national_id = NationalId::parse(answer("national_id")).ok()?;
            question(Question::ChoosePin {
                national_id: Some(national_id),
                pin: secret?,
            })
        }
        "repeat_pin" => question(Question::RepeatPin {
            chosen: chosen_pin(&asked)?,
            pin: secret?,
        }),
        "join" => deed(Deed::Join(Box::new(Joining {
            names: answer("names").to_owned(),
            national_id: NationalId::parse(answer("national_id")).ok()?,
            stage: StageCode::parse(answer("stage_code")).ok()?,
            kin: kin(&asked)?,
            chosen: chosen_pin(&asked)?,
            consent: answer("consent").to_owned(),
        }))),
        "pay_fee" => deed(Deed::PayFee),

        "balances" => Some(Intent {
            pin: Some(secret?),
            what: What::Question(Question::Balances),
        }),
        "contribute" => {
            let amount = Money::parse_typed(answer("amount")).ok()?;
            Some(Intent {
                pin: Some(secret?),
                what: What::Deed(Deed::Contribute(amount)),
            })
        }
        "top_up" => {
            let amount = Money::parse_typed(answer("amount")).ok()?;
            Some(Intent {
                pin: Some(secret?),
                what: What::Deed(Deed::TopUp(amount)),
            })
        }
        "find_recipient" => question(Question::FindRecipient(answer("recipient").to_owned())),
        "send_money" => {
            let amount = Money::parse_typed(answer("amount")).ok()?;
            let to = MemberId(Uuid::parse_str(answer("recipient_id")).ok()?);
            Some(Intent {
                pin: Some(secret?),
                what: What::Deed(Deed::SendMoney { to, amount }),
            })
        }
        "contribute_from_wallet" => {
            let amount = Money::parse_typed(answer("amount")).ok()?;
            Some(Intent {
                pin: Some(secret?),
                what: What::Deed(Deed::ContributeFromWallet(amount)),
            })
        }
        "weigh_withdrawal" => question(Question::WeighWithdrawal(
            Money::parse_typed(answer("amount")).ok()?,
        )),
        "withdraw" => {
            let amount = Money::parse_typed(answer("amount")).ok()?;
            Some(Intent {
                pin: Some(secret?),
                what: What::Deed(Deed::Withdraw(amount)),
            })
        }
        "check_loan_amount" => {
            let (product, amount) = loans::wanted(&asked)?;
            question(Question::LoanAmount { product, amount })
        }
        "apply_loan"
        | "ask_guarantor"
        | "drop_loan"
        | "answer_vouch"
        | "refuse_vouch"
        | "repay_loan"
        | "repay_loan_by_mpesa"
        | "send_loan_schedule" => {
            let lending = loans::read(&asked)?;
            Some(Intent {
                pin: match lending.needs_pin() {
                    true => Some(secret?),
                    false => None,
                },
                what: What::Deed(Deed::Lend(lending)),
            })
        }
        "look_up_receipt" => deed(Deed::LookUpReceipt(answer("receipt_code").to_owned())),

        "prove_pin" => Some(Intent {
            pin: Some(secret?),
            what: What::Question(Question::ProvePin),
        }),
        "change_pin" => deed(Deed::ChangePin {
            chosen: chosen_pin(&asked)?,
            pin: secret?,
        }),
        "change_kin" => Some(Intent {
            pin: Some(secret?),
            what: What::Deed(Deed::ChangeKin(kin(&asked)?)),
        }),

        "draft_broadcast" => deed(Deed::DraftBroadcast {
            to_sacco: answer("audience") == "sacco",
            words: answer("text").to_owned(),
        }),
        "send_draft" => Some(Intent {
            pin: Some(secret?),
            what: What::Deed(Deed::SendDraft(BroadcastId(
                Uuid::parse_str(answer("draft")).ok()?,
            ))),
        }),
        "decide_post" => deed(Deed::DecidePost {
            number: answer("post").parse().ok()?,
            verdict: match answer("verdict") {
                "put_up" => Verdict::PutUp,
                "refuse" => Verdict::Refuse,
                _ => return None,
            },
        }),

        "raise_emergency" => deed(Deed::RaiseEmergency { silent: false }),
        "raise_silently" => deed(Deed::RaiseEmergency { silent: true }),
        "tell_emergency_kind" => deed(Deed::TellEmergencyKind(EmergencyKind::parse(answer(
            "kind",
        ))?)),
        "tell_emergency_injured" => {
            deed(Deed::TellEmergencyInjured(answer("injured").parse().ok()?))
        }
        "tell_emergency_place" => deed(Deed::TellEmergencyPlace(answer("place").to_owned())),
        "stop_alarm" => Some(Intent {
            pin: None,
            what: What::StopAlarm(secret?),
        }),
        "say_safe" => deed(Deed::SaySafe),
        "offer_help" => deed(Deed::OfferHelp(Helping::parse(answer("helping"))?)),
        "ask_new_pin" | "choose_new_pin" | "answer_pin_request" | "move_to" => {
            let (pin, recovering) = recovery::read(&asked, secret)?;
            Some(Intent {
                pin,
                what: What::Deed(Deed::Recover(recovering)),
            })
        }
        "claim_number" => Some(Intent {
            pin: None,
            what: What::ClaimNumber(recovery::read_claim(&asked, secret)?),
        }),
        "pay_due" | "pay_due_from_wallet" => Some(Intent {
            pin: Some(secret?),
            what: What::Deed(Deed::PayDue(dues::read(&asked)?)),
        }),
        "find_debtor" => question(Question::FindDebtor(answer("debtor").to_owned())),
        _ => {
            if let Some(planning) = plans::read(&asked) {
                let pin = match plans::asks_pin(&planning) {
                    true => Some(secret?),
                    false => None,
                };
                let what = What::Deed(Deed::Plan(planning));
                return Some(Intent { pin, what });
            }
            match insurance::read(&asked) {
                Some(insuring) => Some(Intent {
                    pin: secret,
                    what: What::Deed(Deed::Insure(insuring)),
                }),
                None => deed(Deed::Coordinate(coordinator::read(&asked)?)),
            }
        }
    }
}

fn chosen_pin(asked: &Asked) -> Option<ChosenPin> {
    let owner = Uuid::parse_str(asked.answer("pin_owner")).ok()?;
    Some(ChosenPin {
        owner: MemberId(owner),
        verifier: PinVerifier::parse(asked.answer("pin_verifier")).ok()?,
    })
}

fn kin(asked: &Asked) -> Option<Kin> {
    Some(Kin {
        name: Name::parse(asked.answer("kin_name")).ok()?,
        relation: Relation::parse(asked.answer("kin_relation")).ok()?,
        msisdn: Msisdn::parse(asked.answer("kin_phone")).ok()?,
    })
}
