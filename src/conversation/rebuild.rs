//! A session whose state is lost, rebuilt from the transcript of the request and the journal, without repeating
//! any deed.
//!
//! The transcript has every input, the journal tells how they were cut and which menus were shown, the `deed` rows
//! tell what came of them. What cannot be rebuilt, such as a conversation taken off the shelf, goes on from home.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;

use super::Turn;
use super::caller::Caller;
use super::journal::HopOutcome;
use super::perform::Performer;
use super::turn::{Next, take};
use crate::app::App;
use crate::fault::Fault;
use crate::menu::{self, Heard, Menus, Session};

/// Looking into the journal may take this part of a hop's budget.
const PART_OF_THE_BUDGET: u32 = 6;
/// The network ends a session after minutes.
const LONGER_THAN_A_SESSION: TimeDelta = TimeDelta::hours(1);

/// Rebuilds what the transcript tells, takes its last input as new, and answers it.
pub(super) async fn from_transcript(
    app: &App,
    menus: &Arc<Menus>,
    turn: &Turn,
) -> Result<Next, Fault> {
    // Without Postgres there is no journal, and an alarm behind the code must not wait for it.
    let patience = app.config.ussd.hop_budget / PART_OF_THE_BUDGET;
    let journal = tokio::time::timeout(patience, async {
        // What the journal still holds back would be missing here.
        app.journal.flush().await;
        read_journal(app, turn).await
    });
    let journal = journal.await.ok().and_then(Result::ok).unwrap_or_default();
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
        proved: AtomicBool::new(false),
    };
    let transcript = retrace(turn, &journal);
    let inputs_told = usize::from(journal.last().map_or(0, |hop| hop.step));
    let mut session = performer.settle(caller.open(app, menus, None), 0).await?;
    let mut heard = None;
    let mut steps = 0;
    // What came in one request is one group; what was typed on its own stands alone.
    let groups = transcript
        .walked
        .chunk_by(|one, next| one.came == next.came && one.came != Came::Alone);
    for group in groups {
        if menu::is_over(menus, &session) {
            break;
        }
        let [
            Input {
                text,
                came: Came::Alone,
            },
        ] = group
        else {
            let inputs = group.iter().map(|input| input.text.as_str());
            (session, steps) = performer.walk(session, steps, inputs).await?;
            heard = None;
            continue;
        };
        steps = steps.saturating_add(1);
        let before = session.clone();
        let moved = menu::decide(menus, session, text);
        heard = moved.heard.clone();
        // A step long past is recalled and never done; the one the request is about may not have been done yet.
        let is_asked = steps == transcript.steps();
        session = if is_asked || usize::from(steps) > inputs_told {
            performer.settle(moved, steps).await?
        } else if let Some(session) = performer.replay(moved, steps).await? {
            session
        } else {
            // The deed was never done, so the rider stands in front of it again.
            steps = transcript.steps();
            return Ok(rebuilt(before, &performer, steps, None));
        };
    }
    if let Some(new) = &transcript.new
        && !menu::is_over(menus, &session)
    {
        let taken = take(&performer, session, steps, new).await?;
        (session, steps, heard) = (taken.session, taken.steps, taken.heard);
    }
    if journal.is_empty() {
        // Digits dialled behind the code (form A), as the first that is heard of a session.
        let next = rebuilt(session, &performer, steps, None);
        return Ok(Next {
            outcome: HopOutcome::Shown,
            ..next
        });
    }
    Ok(rebuilt(session, &performer, steps, heard))
}

fn rebuilt(session: Session, performer: &Performer<'_>, steps: u16, heard: Option<Heard>) -> Next {
    Next {
        session,
        proved: performer.proved.load(Ordering::Relaxed),
        caller: performer.caller.clone(),
        steps,
        heard,
        outcome: HopOutcome::Rebuilt,
    }
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
        proved: AtomicBool::new(false),
    };
    let session = performer
        .settle(caller.open(app, menus, None), steps)
        .await?;
    Ok(rebuilt(session, &performer, steps, None))
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

/// A transcript as the journal tells that it was typed.
#[derive(Debug, Default)]
struct Transcript {
    walked: Vec<Input>,
    /// Behind all that the journal tells, and not cut: `*` may stand inside it.
    new: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Input {
    text: String,
    came: Came,
}

/// How an input reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Alone,
    /// With others in one request, told as this hop: dialled behind the code, or because a request before was lost. They
    /// were only walked.
    Together {
        hop: u16,
    },
}

impl Transcript {
    fn steps(&self) -> u16 {
        u16::try_from(self.walked.len() + usize::from(self.new.is_some())).unwrap_or(u16::MAX)
    }
}

/// Cuts a transcript into its inputs. `*` may stand inside an answer: where the journal heard one at that step, its
/// shape tells how far it goes.
fn retrace(turn: &Turn, journal: &[Told]) -> Transcript {
    let first_hop = journal.first().map_or(0, |hop| hop.step);
    let together = |text: &str| Input {
        text: text.to_owned(),
        came: Came::Together { hop: first_hop },
    };
    let behind_the_code = turn.dialled.iter().flat_map(|dialled| dialled.split('*'));
    let mut transcript = Transcript {
        walked: behind_the_code.map(together).collect(),
        new: None,
    };
    if journal.is_empty() {
        let pieces = turn.transcript.split('*').map(together);
        transcript.walked.extend(pieces);
        return transcript;
    }
    let mut rest = turn.transcript.as_str();
    loop {
        let step = transcript.walked.len() + 1;
        let Some(hop) = journal.iter().find(|hop| usize::from(hop.step) >= step) else {
            transcript.new = Some(rest.to_owned());
            return transcript;
        };
        let heard = hop.heard.as_deref();
        let length = heard
            .filter(|_| usize::from(hop.step) == step)
            .and_then(|heard| length_as_heard(rest, heard))
            .unwrap_or_else(|| rest.find('*').unwrap_or(rest.len()));
        transcript.walked.push(Input {
            text: rest[..length].to_owned(),
            came: match heard {
                Some(_) => Came::Alone,
                None => Came::Together { hop: hop.step },
            },
        });
        match rest[length..].strip_prefix('*') {
            Some(behind) => rest = behind,
            None => return transcript,
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
    use crate::conversation::SessionId;
    use crate::primitives::Msisdn;

    fn told(step: u16, heard: Option<&str>) -> Told {
        Told {
            step,
            screen: String::new(),
            heard: heard.map(str::to_owned),
            menus: Vec::new(),
        }
    }

    fn turn(dialled: Option<&str>, transcript: &str) -> Turn {
        Turn {
            session: SessionId::parse("S1").unwrap(),
            msisdn: Msisdn::parse("254711000001").unwrap(),
            network: None,
            dialled: dialled.map(str::to_owned),
            transcript: transcript.to_owned(),
        }
    }

    /// What was walked, `+` in front of what came together, and what is new.
    fn retraced(dialled: Option<&str>, transcript: &str, journal: &[Told]) -> (String, String) {
        let retraced = retrace(&turn(dialled, transcript), journal);
        let walked = retraced.walked.iter().map(|input| match input.came {
            Came::Alone => input.text.clone(),
            Came::Together { .. } => format!("+{}", input.text),
        });
        let walked: Vec<String> = walked.collect();
        (walked.join(" "), retraced.new.unwrap_or_default())
    }

    #[test]
    fn inputs_are_cut_as_they_were_typed() {
        let journal = [
            told(0, None),
            told(1, Some("3")),
            told(2, Some("A*B")),
            told(3, Some("••••")),
            told(4, Some("•*•")),
        ];
        for (transcript, walked, new) in [
            ("3*A*B*4826*x*é*1", "3 A*B 4826 x*é", "1"),
            ("3*A*B*4826*x*é*A*B", "3 A*B 4826 x*é", "A*B"),
            ("3*A*B*4826*x*é", "3 A*B 4826 x*é", ""),
            ("3*A*B", "3 A*B", ""),
        ] {
            let expected = (walked.to_owned(), new.to_owned());
            assert_eq!(
                retraced(None, transcript, &journal),
                expected,
                "{transcript}"
            );
        }
    }

    #[test]
    fn what_came_together_is_told_from_what_was_typed() {
        let skipped = [told(0, None), told(2, None), told(3, Some("4"))];
        let form_a = [told(2, None), told(3, Some("A*B"))];
        let gap = [told(0, None), told(2, Some("A*B"))];
        for (dialled, transcript, journal, walked, new) in [
            (None, "2*200", &[][..], "+2 +200", ""),
            (Some("2*200"), "1", &[][..], "+2 +200 +1", ""),
            (None, "1*2*4*5", &skipped[..], "+1 +2 4", "5"),
            (None, "2*200*A*B*1", &form_a[..], "+2 +200 A*B", "1"),
            (Some("2*200"), "A*B*1", &form_a[..], "+2 +200 A*B", "1"),
            (None, "3*A*B", &gap[..], "3 A*B", ""),
        ] {
            let expected = (walked.to_owned(), new.to_owned());
            assert_eq!(
                retraced(dialled, transcript, journal),
                expected,
                "{transcript}"
            );
        }
    }
}
