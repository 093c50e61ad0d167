//! What a member asks for about due days and messages, and an official about arrears.

use uuid::Uuid;

use crate::members::MemberId;
use crate::menu::Asked;
use crate::messages::Kind;
use crate::primitives::Money;
use crate::schedules::Mode;
use crate::welfare::Because;

/// One of them.
pub(in crate::conversation) enum Planning {
    ChooseSchedule(Mode),
    AgreeAutomatic,
    ForgiveMember {
        debtor: MemberId,
        amount: Money,
        because: Option<Because>,
    },
    /// All that everybody at the stage owes.
    ForgiveStage {
        because: Option<Because>,
    },
    /// So much of what everybody at the stage owes.
    ForgiveEach {
        amount: Money,
        because: Option<Because>,
    },
    SetPreference {
        kind: Kind,
        wanted: bool,
    },
}

/// None for what is asked by nobody here.
pub(super) fn read(asked: &Asked) -> Option<Planning> {
    let answer = |name: &str| asked.answer(name);
    let amount = || Money::parse_typed(answer("forgive_amount")).ok();
    // Too few words are for the deed to refuse.
    let because = || Because::parse(answer("because"));
    Some(match asked.intent {
        "choose_schedule" => Planning::ChooseSchedule(Mode::parse(answer("schedule_mode"))?),
        "agree_automatic" => Planning::AgreeAutomatic,
        "forgive_member" => Planning::ForgiveMember {
            debtor: MemberId(Uuid::parse_str(answer("debtor_id")).ok()?),
            amount: amount()?,
            because: because(),
        },
        "forgive_stage" => Planning::ForgiveStage { because: because() },
        "forgive_each" => Planning::ForgiveEach {
            amount: amount()?,
            because: because(),
        },
        "set_preference" => Planning::SetPreference {
            kind: Kind::parse(answer("message_kind"))?,
            wanted: answer("wanted") == "yes",
        },
        _ => return None,
    })
}

/// Whether this deed is done behind the PIN.
pub(super) fn asks_pin(planning: &Planning) -> bool {
    !matches!(
        planning,
        Planning::ChooseSchedule(_) | Planning::SetPreference { .. }
    )
}
