//! What somebody who was alerted says about a case, and what comes of it.
//!
//! Each deed holds the case's row, moves it by [`moves`](super::moves), writes the case file, and tells whoever has to know:
//! the others who were alerted, and the one who waits. The answer to the one who spoke is the caller's to put in words.
//! Said twice, everything is as after the first time.

mod ending;
mod finding;
mod handing;
mod serving;

use serde::Serialize;
use uuid::Uuid;

pub(super) use finding::find_to_look;
pub use finding::{Which, asked_count, last_ended_for, open_for};
pub use handing::takers;

use super::file;
use super::grammar::Says;
use super::model::{Case, CaseState, EmergencyId, Responder};
use super::moves::{Move, Over, moved};
use super::store::{alerts, answers};
use crate::events::Event;
use crate::fault::Fault;
use crate::primitives::{Language, Msisdn};
use crate::work::Work;

/// What came of what somebody said.
#[derive(Clone, Debug)]
pub struct Answered {
    /// As it stands now.
    pub case: Case,
    /// Everybody who is on it now, first come first.
    pub people: Vec<Responder>,
    pub did: Did,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did {
    /// They are coming. `place` among those who are, from 1.
    Coming {
        place: usize,
        minutes: Option<i32>,
    },
    There,
    /// So many people are wanted now, of whom some are on it.
    MoreAsked {
        people: i32,
    },
    Ended,
    CalledFalse,
    Declined,
    /// It is before this person now.
    Handed {
        name: String,
        msisdn: Msisdn,
    },
    Noted,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    #[error("there is no case {0}")]
    NoSuchCase(i64),
    #[error("no case is open that this phone may answer")]
    NothingOpen,
    /// Their short numbers, oldest first.
    #[error("several cases are open")]
    SeveralOpen(Vec<i64>),
    /// This phone was not alerted to it, is not on it, and serves no stage it is of; or it is their own alarm.
    #[error("case {0} is for others to answer")]
    NotTheirs(i64),
    #[error("case {0} has ended")]
    Over(i64),
    /// Handed over to nobody we know, to the reporter or to themselves.
    #[error("case {0} cannot be given to that phone")]
    CannotTake(i64),
    /// Handed over to whoever is next, and there is nobody.
    #[error("there is nobody left to take case {0}")]
    NobodyNext(i64),
    /// A note without a word.
    #[error("nothing was said")]
    NothingSaid(i64),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Whoever speaks, as the case knows them.
#[derive(Clone, Debug)]
struct Speaker {
    msisdn: Msisdn,
    language: Language,
    name: String,
    member: Option<Uuid>,
}

#[derive(Serialize)]
struct EmergencyAnswered {
    emergency: EmergencyId,
    /// The word of the case file, such as `accepted`.
    deed: &'static str,
    by: Option<Uuid>,
    state: CaseState,
    /// On the case now.
    people: usize,
    needed: i32,
    /// Since the alarm.
    seconds: i64,
}

impl Event for EmergencyAnswered {
    const NAME: &'static str = "emergency.answered";
    fn subject(&self) -> Uuid {
        self.emergency.0
    }
}

/// Does what somebody says about a case.
pub async fn answer(
    work: &mut Work,
    who: &Msisdn,
    which: Which,
    says: Says,
) -> Result<Answered, AnswerError> {
    let (mut case, speaker) = finding::find(work, who, which, &says).await?;
    let serial = case.number.serial;
    // Whoever ended it hears once more that it is done; to everybody else it is over.
    if let Some(did) = ended_so(&case, &says) {
        return answered(work, case, did).await;
    }
    if !case.state.is_open() && !matches!(says, Says::Note(_)) {
        return Err(AnswerError::Over(serial));
    }
    let did = match says {
        Says::Accept { minutes } => serving::accept(work, &mut case, &speaker, minutes).await?,
        Says::Arrive => serving::arrive(work, &mut case, &speaker).await?,
        Says::More(people) => serving::more(work, &mut case, &speaker, people).await?,
        Says::Decline => serving::decline(work, &mut case, &speaker).await?,
        Says::Done(said) => ending::done(work, &mut case, &speaker, &said).await?,
        Says::FalseAlarm(said) => ending::false_alarm(work, &mut case, &speaker, &said).await?,
        Says::HandOver(to) => handing::hand_over(work, &mut case, &speaker, to).await?,
        Says::Note(said) if said.trim().is_empty() => return Err(AnswerError::NothingSaid(serial)),
        Says::Note(said) => {
            file::note(work, case.id, "note", Some(&speaker.msisdn), Some(&said)).await?;
            Did::Noted
        }
    };
    answered(work, case, did).await
}

/// Somebody comes: from a call, or a rider nearby who said yes. As [`answer`] with [`Says::Accept`].
pub async fn accept(
    work: &mut Work,
    who: &Msisdn,
    which: Which,
    minutes: Option<i32>,
) -> Result<Answered, AnswerError> {
    answer(work, who, which, Says::Accept { minutes }).await
}

async fn answered(work: &mut Work, case: Case, did: Did) -> Result<Answered, AnswerError> {
    let people = staying(work, case.id).await?;
    Ok(Answered { case, people, did })
}

fn ended_so(case: &Case, says: &Says) -> Option<Did> {
    match (case.state, says) {
        (CaseState::Resolved, Says::Done(_)) => Some(Did::Ended),
        (CaseState::Cancelled, Says::FalseAlarm(_)) => Some(Did::CalledFalse),
        _ => None,
    }
}

/// Who is on the case, first come first.
async fn staying(work: &mut Work, id: EmergencyId) -> Result<Vec<Responder>, Fault> {
    let mut responders = alerts::responders(work.conn(), id).await?;
    responders.retain(|one| one.left_at.is_none());
    Ok(responders)
}

/// Moves the case and writes its new state down. The events follow with [`record`].
async fn shift(
    work: &mut Work,
    case: &mut Case,
    by: Move,
    outcome: Option<&str>,
) -> Result<(), AnswerError> {
    let state = moved(case.state, by).map_err(|Over| AnswerError::Over(case.number.serial))?;
    let now = work.now;
    answers::set_state(work.conn(), case.id, state, outcome, now).await?;
    case.state = state;
    Ok(())
}

/// The line of the case file and the event of one deed.
async fn record(
    work: &mut Work,
    case: &Case,
    speaker: &Speaker,
    deed: &'static str,
    said: Option<&str>,
) -> Result<(), Fault> {
    file::note(work, case.id, deed, Some(&speaker.msisdn), said).await?;
    let people = staying(work, case.id).await?.len();
    let seconds = (work.now - case.raised_at).num_seconds();
    work.record(EmergencyAnswered {
        emergency: case.id,
        deed,
        by: speaker.member,
        state: case.state,
        people,
        needed: case.needed,
        seconds,
    })
    .await
}
