//! One turn of a call: find the session or rebuild it, decide, perform, render, remember.
//!
//! The door of the room. An operator's channel hands in a [`Turn`] and gets a [`Reply`], always, within the hop's
//! budget. A turn that comes twice gets the same reply twice and has one effect: deeds are named by session and
//! step in Postgres, answers are kept with the session.

mod caller;
mod deeds;
mod editions;
mod facts;
mod intent;
mod journal;
mod perform;
mod rebuild;
mod record;
mod session_end;
pub mod store;
mod transcript;
mod turn;
mod turns;
mod vocabulary;

pub use editions::MenuEditions;
pub use journal::Journal;
pub use record::{Answered, Record};
pub use session_end::{SessionEnd, has_open_session, session_ended};
pub use transcript::{Arrival, Mark, TRANSCRIPT_BYTES_MAX, TranscriptKey, arrival};
pub use turn::{malformed, turn};
pub use turns::SessionTurns;
pub use vocabulary::VOCABULARY;

use crate::primitives::Msisdn;

/// The operator's name for one call, 1 to 128 visible characters, opaque.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    pub fn parse(id: &str) -> Option<SessionId> {
        let shape_is_plain = (1..=128).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b'{' | b'}'));
        shape_is_plain.then(|| SessionId(id.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One request of an operator, whatever its wire.
#[derive(Debug, PartialEq, Eq)]
pub struct Turn {
    pub session: SessionId,
    pub msisdn: Msisdn,
    /// Mobile country and network code, where told.
    pub network: Option<String>,
    /// Digits dialled behind our code that the operator left in the service code, such as `2*200`.
    pub dialled: Option<String>,
    /// Everything typed so far, joined by `*`. Holds PINs: never logged, never stored.
    pub transcript: String,
}

/// One screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub text: String,
    /// The session is over with this screen.
    pub end: bool,
}
