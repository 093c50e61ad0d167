//! A session whose state is lost, rebuilt from the transcript of the request and the journal, without repeating
//! any deed.
//!
//! The transcript has every input, the journal tells how they were cut and which menus were shown, the `deed` rows
//! tell what came of them. What cannot be rebuilt, such as a conversation taken off the shelf, goes on from home.

use std::sync::Arc;

use chrono::TimeDelta;

use super::Turn;
use super::caller::Caller;
use super::journal::HopOutcome;
use super::perform::Performer;
use super::turn::Next;
use crate::app::App;
use crate::fault::Fault;
use crate::menu::{self, Menus};

/// The network ends a session after minutes.
const LONGER_THAN_A_SESSION: TimeDelta = TimeDelta::hours(1);

/// Rebuilds what the transcript tells, takes its last input as new, and answers it.
pub(super) async fn from_transcript(
    app: &App,
    menus: &Arc<Menus>,
    turn: &Turn,
) -> Result<Next, Fault> {
    // What the journal still holds back would be missing here.
    app.journal.flush().await;
    let journal = read_journal(app, turn).await.unwrap_or_default();
    if journal
        .iter()
        .any(|hop| hop.menus != menus.digest().bytes() || hop.screen == "resume")
    {
        return at_home(
            app,
            menus,
            turn,
            journal.last().map_or(1, |hop| hop.step + 1),
        )
        .await;
    }
    let caller = Caller::at_dial(app, &turn.msisdn).await;
    let performer = Performer {
        app,
        menus,
        turn,
        caller: &caller,
        may_be_repeat: true,
    };
    let first_dialled = match journal.first() {
        Some(hop) => usize::from(hop.step),
        // Never heard of: digits dialled behind the code (form A), which stop in front of anything that counts.
        None => usize::MAX,
    };
    let behind_the_code = turn
        .dialled
        .iter()
        .flat_map(|dialled| dialled.split('*'))
        .map(str::to_owned);
    let inputs: Vec<String> = behind_the_code
        .chain(cut(&turn.transcript, &journal))
        .collect();
    let (dialled, typed) = inputs.split_at(first_dialled.min(inputs.len()));
    let session = performer.settle(caller.open(app, menus, None), 0).await?;
    let dialled = dialled.iter().map(String::as_str);
    let (mut session, mut step) = performer.walk(session, 0, dialled).await?;
    let mut heard = None;
    for (place, input) in typed.iter().enumerate() {
        if menu::is_over(menus, &session) {
            break;
        }
        step = step.saturating_add(1);
        let before = session.clone();
        let moved = menu::decide(menus, session, input);
        heard = moved.heard.clone();
        let is_new = place + 1 == typed.len();
        session = match is_new {
            true => performer.settle(moved, step).await?,
            false => match performer.replay(moved, step).await? {
                Some(session) => session,
                // The deed was never done, so the rider stands in front of it again.
                None => {
                    (session, heard) = (before, None);
                    break;
                }
            },
        };
    }
    let steps = u16::try_from(inputs.len()).unwrap_or(u16::MAX);
    let outcome = if journal.is_empty() {
        HopOutcome::Shown
    } else {
        HopOutcome::Rebuilt
    };
    Ok(Next {
        session,
        caller,
        steps,
        heard,
        outcome,
    })
}

/// From home, whatever was typed before.
pub(super) async fn at_home(
    app: &App,
    menus: &Arc<Menus>,
    turn: &Turn,
    steps: u16,
) -> Result<Next, Fault> {
    let caller = Caller::at_dial(app, &turn.msisdn).await;
    let performer = Performer {
        app,
        menus,
        turn,
        caller: &caller,
        may_be_repeat: true,
    };
    let session = performer
        .settle(caller.open(app, menus, None), steps)
        .await?;
    Ok(Next {
        session,
        caller,
        steps,
        heard: None,
        outcome: HopOutcome::Rebuilt,
    })
}

/// What the journal tells of one hop.
#[derive(Debug)]
struct Told {
    step: u16,
    screen: String,
    heard: Option<String>,
    menus: Vec<u8>,
}

/// Found by the phone, which the journal has an index of: another phone's hops under this session id are none of its own.
async fn read_journal(app: &App, turn: &Turn) -> Result<Vec<Told>, Fault> {
    let rows = sqlx::query!(
        "select distinct on (step) step, screen, heard, menus from hop
         where msisdn = $1 and at > $2 and session_id = $3 and outcome in ('shown', 'missed', 'rebuilt', 'ended')
         order by step, id",
        turn.msisdn.digits(),
        app.clock.now() - LONGER_THAN_A_SESSION,
        turn.session.as_str()
    )
    .fetch_all(&app.pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Told {
            step: row.step as u16,
            screen: row.screen,
            heard: row.heard,
            menus: row.menus,
        })
        .collect())
}

/// Cuts a transcript into its inputs. `*` may stand inside an answer, so an input is as long as the journal says: what
/// is masked there keeps its length. Where the journal is silent, an input ends at the next `*`.
fn cut(transcript: &str, journal: &[Told]) -> Vec<String> {
    let mut inputs = Vec::new();
    let mut rest = transcript;
    let mut hops = journal.iter().skip(1);
    loop {
        let told = hops
            .next()
            .and_then(|hop| hop.heard.as_deref())
            .map(|heard| length_of(rest, heard.chars().count()))
            .filter(|length| matches!(rest.as_bytes().get(*length), None | Some(b'*')));
        let length = told.unwrap_or_else(|| rest.find('*').unwrap_or(rest.len()));
        inputs.push(rest[..length].to_owned());
        match rest[length..].strip_prefix('*') {
            Some(behind) => rest = behind,
            None => return inputs,
        }
    }
}

/// The bytes that the first so many characters take.
fn length_of(text: &str, characters: usize) -> usize {
    text.char_indices()
        .nth(characters)
        .map_or(text.len(), |(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(heard: Option<&str>) -> Told {
        Told {
            step: 0,
            screen: String::new(),
            heard: heard.map(str::to_owned),
            menus: Vec::new(),
        }
    }

    #[test]
    fn inputs_are_cut_as_they_were_typed() {
        let plain = |transcript| cut(transcript, &[]);
        assert_eq!(plain("1"), ["1"]);
        assert_eq!(plain("2*200"), ["2", "200"]);
        assert_eq!(plain("1*"), ["1", ""]);
        let journal = [
            told(None),
            told(Some("3")),
            told(Some("A*B")),
            told(Some("••*•*••••")),
            told(Some("••••")),
        ];
        assert_eq!(
            cut("3*A*B*12*3*1990*4826*1", &journal),
            ["3", "A*B", "12*3*1990", "4826", "1"]
        );
        // A journal that tells of something else is not believed.
        assert_eq!(cut("31*2", &[told(None), told(Some("3"))]), ["31", "2"]);
    }
}
