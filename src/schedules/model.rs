//! The choices a member has about due days.

use crate::fault::Fault;
use crate::primitives::Language;
use uuid::Uuid;

/// What happens on a due day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Off,
    /// An SMS with the amount and how to pay.
    Remind,
    /// M-PESA asks for the amount by itself; the member types the M-PESA PIN, as always.
    Push,
}

/// How a choice reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Ussd,
    Sms,
    Staff,
}

/// A member's choice, with the words they agreed to.
#[derive(Clone, Debug)]
pub struct Choice {
    pub member: Uuid,
    pub mode: Mode,
    /// As they stood on the screen or in the text, in the member's language.
    pub words: String,
    pub language: Language,
    pub channel: Channel,
    /// Of the hop or text that chose: the same again is the same choice.
    pub key: String,
    /// The KwaStage PIN was asked for and was right.
    pub with_pin: bool,
}

/// What a choice has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub before: Mode,
    pub now: Mode,
}

/// Why a choice was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ModeError {
    /// M-PESA asks by itself only where the member has agreed with the PIN, behind the code.
    #[error("automatic payments are agreed to with the PIN")]
    NeedsPin,
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Off => "off",
            Mode::Remind => "remind",
            Mode::Push => "push",
        }
    }

    pub fn parse(word: &str) -> Option<Mode> {
        [Mode::Off, Mode::Remind, Mode::Push]
            .into_iter()
            .find(|mode| mode.as_str() == word)
    }
}

impl Channel {
    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Ussd => "ussd",
            Channel::Sms => "sms",
            Channel::Staff => "staff",
        }
    }
}
