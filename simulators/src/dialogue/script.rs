//! A dialogue: who holds the phones, what they do, what must come back.

use std::fmt;
use std::time::Duration;

use super::pattern::Pattern;

/// A dialogue, ready to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The file's name, for telling where something went wrong.
    pub file: String,
    /// The phones that take part. Steps that name none belong to the first.
    pub phones: Vec<Phone>,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    pub name: String,
    /// Digits only, in the network's form: `254711000001`.
    pub msisdn: String,
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub place: Place,
    /// The deed as it is written, without what it must bring.
    pub written: String,
    /// Which of the script's phones does it.
    pub phone: usize,
    /// Whether the line names its phone (`@juma`).
    pub named: bool,
    pub deed: Deed,
    pub expects: Option<Expectation>,
}

/// Where a step stands in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Line(usize),
    /// The formats that are no lists of lines count steps within a named session, from 1.
    Session {
        name: String,
        step: usize,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    Dial {
        code: String,
    },
    Type {
        keys: String,
    },
    /// The network lets go of the session.
    Drop,
    /// The last request of this phone reaches the gateway once more.
    Again,
    /// The gateway's session store loses what it knows of this phone.
    Forget,
    Wait {
        length: Duration,
    },
    Prompt {
        answer: Answer,
    },
    /// Money for the paybill by M-PESA's own menu, without having been asked for.
    Pay {
        shillings: u32,
        account: String,
    },
    Sms {
        to: String,
        text: String,
    },
    /// The next unread message is heard: the gateway's, or that of a sender named.
    SmsSays {
        from: Option<String>,
    },
    NoSms,
    /// Waits for a call, picks up, and listens until a key is expected or it is over.
    CallSays,
    /// Presses keys in the call that is on.
    Press {
        keys: String,
    },
    /// Ends the call, or rejects it while it rings.
    HangUp,
    /// Rings a number.
    Ring {
        number: String,
    },
    /// Nothing rings once all work is done.
    NoCall,
    Fault(Trouble),
    /// Somebody at the gateway's desk does something, in the desk's own words.
    Desk {
        words: String,
    },
}

/// What a person does when M-PESA asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Approve,
    Cancel,
    WrongPin,
    Ignore,
}

/// A trouble for the simulators to make; the kinds are theirs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub what: String,
    pub how_often: HowOften,
    pub how_long: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HowOften {
    Always,
    Once,
    /// One time in so many.
    OneIn(u32),
}

/// What a step must bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    pub session: SessionAfter,
    pub says: Pattern,
}

/// Whether the USSD session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionAfter {
    Open,
    Ended,
    /// Nothing is said about it (dialoguss files; messages and prompts).
    Either,
}

impl Script {
    pub fn phone(&self, step: &Step) -> &Phone {
        &self.phones[step.phone]
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(line) => write!(f, "{line}"),
            Place::Session { name, step } => write!(f, "session {name}, step {step}"),
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.session == SessionAfter::Ended {
            f.write_str("END ")?;
        }
        self.says.fmt(f)
    }
}

impl Answer {
    pub(super) const ALL: [Answer; 4] = [
        Answer::Approve,
        Answer::Cancel,
        Answer::WrongPin,
        Answer::Ignore,
    ];

    /// The word for it in files and in the control API.
    pub fn word(self) -> &'static str {
        match self {
            Answer::Approve => "approve",
            Answer::Cancel => "cancel",
            Answer::WrongPin => "wrong-pin",
            Answer::Ignore => "ignore",
        }
    }
}
