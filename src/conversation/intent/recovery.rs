//! Getting back in: a forgotten PIN, a new number.

use uuid::Uuid;

use super::{ChosenPin, chosen_pin};
use crate::members::NationalId;
use crate::menu::Asked;
use crate::primitives::{Msisdn, Secret};
use crate::recovery::ResetId;

/// What a member, or an official about a member, asks for.
pub(in crate::conversation) enum Recovering {
    AskNewPin,
    ChooseNewPin { chosen: ChosenPin, pin: Secret },
    AnswerPinRequest { reset: ResetId, says_yes: bool },
    MoveTo(Msisdn),
}

/// Who somebody on an unknown number says they are.
pub(in crate::conversation) struct Claiming {
    /// As typed: whether it is a member number is not told apart from whether it is theirs.
    pub number: String,
    pub card: NationalId,
    pub pin: Secret,
}

/// With the PIN that has to be right first, where one was asked for.
pub(super) fn read(asked: &Asked, secret: Option<Secret>) -> Option<(Option<Secret>, Recovering)> {
    Some(match asked.intent {
        "ask_new_pin" => (None, Recovering::AskNewPin),
        "choose_new_pin" => (
            None,
            Recovering::ChooseNewPin {
                chosen: chosen_pin(asked)?,
                pin: secret?,
            },
        ),
        "answer_pin_request" => (
            Some(secret?),
            Recovering::AnswerPinRequest {
                reset: ResetId(Uuid::parse_str(asked.answer("pin_request")).ok()?),
                says_yes: match asked.answer("pin_answer") {
                    "yes" => true,
                    "no" => false,
                    _ => return None,
                },
            },
        ),
        "move_to" => (
            Some(secret?),
            Recovering::MoveTo(Msisdn::parse(asked.answer("new_phone")).ok()?),
        ),
        _ => return None,
    })
}

pub(super) fn read_claim(asked: &Asked, secret: Option<Secret>) -> Option<Claiming> {
    Some(Claiming {
        number: asked.answer("old_member_no").to_owned(),
        card: NationalId::parse(asked.answer("national_id")).ok()?,
        pin: secret?,
    })
}
