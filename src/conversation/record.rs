//! What is stored of a running session between two hops.

use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::transcript::Mark;
use crate::menu::Session;
use crate::primitives::Msisdn;

/// How many answers are kept to be given again. Later repeats than that were never seen.
pub const ANSWERS_KEPT: usize = 4;

/// One session. Holds no PIN and nothing typed in clear but what the menus keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Counts saves, from 1. The store's compare-and-set goes by it.
    #[serde(skip)]
    pub version: u32,
    /// Who began the session. Another number under the same session id is refused.
    pub msisdn: Msisdn,
    /// The mark of the whole transcript seen so far.
    pub seen: Mark,
    /// Inputs taken so far; names the next deed.
    pub steps: u16,
    /// Who is calling, as known when the session opened.
    pub caller: Caller,
    pub session: Session,
    /// The member's PIN was right, and home was not reached since: what is shown may not be shown to another call.
    pub proved: bool,
    /// The session has shown its last screen.
    pub ended: bool,
    /// Something of this phone may be on the shelf: what this session put there, or what it has offered to go on with.
    pub shelved: bool,
    /// The latest answers, newest last, each with the transcript it answered.
    pub answers: Vec<Answered>,
}

/// An answer that was given, to be given again word for word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    pub to: Mark,
    pub text: String,
    pub end: bool,
}

impl Record {
    /// Remembers the answer to the newest transcript and forgets the oldest beyond [`ANSWERS_KEPT`].
    pub fn answer(&mut self, answered: Answered) {
        if self.answers.len() == ANSWERS_KEPT {
            self.answers.remove(0);
        }
        self.answers.push(answered);
    }

    /// The answer given to this very transcript.
    pub fn answer_to(&self, mark: Mark) -> Option<&Answered> {
        self.answers
            .iter()
            .rev()
            .find(|answered| answered.to == mark)
    }
}
