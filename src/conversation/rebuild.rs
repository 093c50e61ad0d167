//! A session whose state is lost, rebuilt from the transcript of the request and the journal, without repeating
//! any deed.
//!
//! The transcript has every input, the journal tells how they were cut and which menus were shown, the `deed` rows
//! tell what came of them. What cannot be rebuilt, such as a conversation taken off the shelf, goes on from home.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::caller::Caller;
use super::journal::HopOutcome;
use super::perform::Performer;
use super::turn::Next;
use super::{SessionId, Turn};
use crate::app::App;
use crate::fault::Fault;
use crate::menu::{self, Menus};

/// Rebuilds what the transcript tells, takes its last input as new, and answers it.
pub(super) async fn from_transcript(
    app: &App,
    menus: &Arc<Menus>,
    turn: &Turn,
) -> Result<Next, Fault> {
    // What the journal still holds back would be missing here.
    app.journal.flush().await;
    let journal = read_journal(app, &turn.session).await.unwrap_or_default();
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
    let caller = Caller::at_dial(app, &turn.msisdn).await?;
    let performer = Performer {
        app,
        menus,
        turn,
        caller: &caller,
        may_be_repeat: true,
        proved: AtomicBool::new(false),
    };
    let first_dialled = match journal.first() {
        // A first hop has heard nothing typed; where another one comes first, the first was not written down.
        Some(hop) if hop.heard.is_none() => usize::from(hop.step),
        Some(_) => 0,
        // Never heard of: digits dialled behind the code (form A), which stop in front of anything that counts.
        None => usize::MAX,
    };
    let mut inputs: Vec<String> = turn
        .dialled
        .iter()
        .flat_map(|dialled| dialled.split('*'))
        .map(str::to_owned)
        .collect();
    inputs.extend(cut(&turn.transcript, inputs.len(), &journal));
    let mut session = performer.settle(caller.open(app, menus, None), 0).await?;
    let mut heard = None;
    for (place, input) in inputs.iter().enumerate() {
        let step = u16::try_from(place + 1).unwrap_or(u16::MAX);
        if menu::is_over(menus, &session) {
            break;
        }
        let before = session.clone();
        let moved = match place < first_dialled {
            true => menu::decide_dialled(menus, session, input),
            false => menu::decide(menus, session, input),
        };
        heard = moved.heard.clone();
        let is_new = place + 1 == inputs.len();
        session = match is_new {
            true => performer.settle(moved, step).await?,
            false => match performer.replay(moved, step).await? {
                Some(session) => session,
                // The deed was never done, so the rider stands in front of it again.
                None => {
                    let steps = u16::try_from(inputs.len()).unwrap_or(u16::MAX);
                    return Ok(Next {
                        session: before,
                        proved: performer.proved.load(Ordering::Relaxed),
                        caller,
                        steps,
                        heard: None,
                        outcome: HopOutcome::Rebuilt,
                    });
                }
            },
        };
    }
    let steps = u16::try_from(inputs.len()).unwrap_or(u16::MAX);
    let (heard, outcome) = match journal.is_empty() {
        true => (None, HopOutcome::Shown),
        false => (heard, HopOutcome::Rebuilt),
    };
    Ok(Next {
        session,
        proved: performer.proved.load(Ordering::Relaxed),
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
    let caller = Caller::at_dial(app, &turn.msisdn).await?;
    let performer = Performer {
        app,
        menus,
        turn,
        caller: &caller,
        may_be_repeat: true,
        proved: AtomicBool::new(false),
    };
    let session = performer
        .settle(caller.open(app, menus, None), steps)
        .await?;
    Ok(Next {
        session,
        proved: performer.proved.load(Ordering::Relaxed),
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

async fn read_journal(app: &App, session: &SessionId) -> Result<Vec<Told>, Fault> {
    let rows = sqlx::query!(
        "select distinct on (step) step, screen, heard, menus from hop
         where session_id = $1 and outcome in ('shown', 'missed', 'rebuilt', 'ended') order by step, id",
        session.as_str()
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

/// Cuts a transcript into its inputs, of which `before` were dialled in front of it. `*` may stand inside an answer:
/// where the journal heard one at that step, its shape tells how far it goes.
fn cut(transcript: &str, before: usize, journal: &[Told]) -> Vec<String> {
    let mut inputs = Vec::new();
    let mut rest = transcript;
    loop {
        let step = before + inputs.len() + 1;
        let heard = journal
            .iter()
            .find(|hop| usize::from(hop.step) == step)
            .and_then(|hop| hop.heard.as_deref());
        let length = heard
            .and_then(|heard| length_as_heard(rest, heard))
            .unwrap_or_else(|| rest.find('*').unwrap_or(rest.len()));
        inputs.push(rest[..length].to_owned());
        match rest[length..].strip_prefix('*') {
            Some(behind) => rest = behind,
            None => return inputs,
        }
    }
}

/// How many bytes of the transcript are this input. A masked one has `•` for each character but `*`.
fn length_as_heard(rest: &str, heard: &str) -> Option<usize> {
    let mut typed = rest.char_indices();
    for kept in heard.chars() {
        let (_, character) = typed.next()?;
        let fits = character == kept || kept == '•' && character != '*';
        if !fits {
            return None;
        }
    }
    let length = typed.next().map_or(rest.len(), |(place, _)| place);
    let ends_here = rest[length..].is_empty() || rest[length..].starts_with('*');
    ends_here.then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(step: u16, heard: Option<&str>) -> Told {
        Told {
            step,
            screen: String::new(),
            heard: heard.map(str::to_owned),
            menus: Vec::new(),
        }
    }

    #[test]
    fn inputs_are_cut_as_they_were_typed() {
        let plain = |transcript| cut(transcript, 0, &[]);
        assert_eq!(plain("1"), ["1"]);
        assert_eq!(plain("2*200"), ["2", "200"]);
        assert_eq!(plain("1*"), ["1", ""]);
        let journal = [
            told(0, None),
            told(1, Some("3")),
            told(2, Some("A*B")),
            told(3, Some("••••")),
            told(4, Some("•*•")),
        ];
        assert_eq!(
            cut("3*A*B*4826*x*é*1", 0, &journal),
            ["3", "A*B", "4826", "x*é", "1"]
        );
    }

    #[test]
    fn what_was_dialled_and_what_the_journal_missed_shift_nothing() {
        let form_a = [told(2, None), told(3, Some("A*B"))];
        assert_eq!(cut("2*200*A*B*1", 0, &form_a), ["2", "200", "A*B", "1"]);
        let form_b = [told(2, None), told(3, Some("A*B"))];
        assert_eq!(cut("A*B*1", 2, &form_b), ["A*B", "1"]);
        let gap = [told(0, None), told(2, Some("A*B"))];
        assert_eq!(cut("3*A*B", 0, &gap), ["3", "A*B"]);
    }
}
