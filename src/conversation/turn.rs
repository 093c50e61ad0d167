//! The turn itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tracing::Instrument;

use super::caller::Caller;
use super::journal::{Hop, HopOutcome};
use super::perform::Performer;
use super::rebuild;
use super::record::{Answered, Record};
use super::store::{Saved, Shelf};
use super::transcript::{Arrival, Mark, arrival};
use super::{Reply, Turn};
use crate::app::App;
use crate::fault::Fault;
use crate::menu::{self, Heard, Menus, Session};
use crate::primitives::Language;
use crate::telemetry::metric;

/// How often a hop overtaken by its twin is decided again. Two twins are already rare.
const OVERTAKEN_MAX: usize = 3;

/// What one turn came to.
pub(super) struct Answer {
    pub reply: Reply,
    pub outcome: HopOutcome,
    pub screen: String,
    pub heard: Option<String>,
    pub step: u16,
    pub menus: [u8; 8],
}

/// Answers one screen, always, within the hop's budget.
pub async fn turn(app: &App, turn: Turn, started: Instant) -> Reply {
    let at = app.clock.now();
    let menus = app.menus.current();
    let turn = Arc::new(turn);
    // A task of its own: a hop that was begun is ended, whoever stops waiting for it. Dropped half way it could leave a
    // connection with an open transaction behind.
    let hop = tokio::spawn({
        let (app, menus, turn) = (app.clone(), menus.clone(), turn.clone());
        // In the request's span, which a task of its own would leave.
        async move { hop(&app, &menus, &turn).await }.in_current_span()
    });
    let answer = match tokio::time::timeout(app.config.ussd.hop_budget, hop).await {
        Ok(Ok(Ok(answer))) => answer,
        Ok(Ok(Err(fault))) => {
            tracing::error!(%fault, "A hop failed");
            failed(&menus, "sorry")
        }
        Ok(Err(panicked)) => {
            tracing::error!(%panicked, "A hop broke");
            failed(&menus, "sorry")
        }
        // It goes on without us, so we may not say that nothing happened.
        Err(_elapsed) => {
            tracing::error!(budget = ?app.config.ussd.hop_budget, "A hop ran out of time");
            failed(&menus, "unsure")
        }
    };
    let duration = started.elapsed();
    metric::hop(answer.screen.clone(), answer.outcome.name(), duration);
    app.journal.note(Hop {
        session: turn.session.clone(),
        step: answer.step,
        msisdn: turn.msisdn.clone(),
        at,
        network: turn.network.clone(),
        menus: answer.menus,
        screen: answer.screen,
        heard: answer.heard,
        outcome: answer.outcome,
        duration,
    });
    answer.reply
}

/// What a rider sees when the request itself could not be read.
pub fn malformed(app: &App) -> Reply {
    failed(&app.menus.current(), "unreadable").reply
}

fn failed(menus: &Menus, phrase: &'static str) -> Answer {
    said(menus, menus.default_language(), phrase, HopOutcome::Failed)
}

/// A last screen of one phrase, outside the menus.
fn said(menus: &Menus, language: Language, phrase: &'static str, outcome: HopOutcome) -> Answer {
    Answer {
        reply: Reply {
            text: menus.phrase(phrase, language).to_owned(),
            end: true,
        },
        outcome,
        screen: format!("phrase.{phrase}"),
        heard: None,
        step: 0,
        menus: menus.digest().bytes(),
    }
}

async fn hop(app: &App, menus: &Arc<Menus>, turn: &Turn) -> Result<Answer, Fault> {
    let _mine = app.session_turns.take(&turn.session).await;
    for tries in 0..OVERTAKEN_MAX {
        if let Some(answer) = try_hop(app, menus, turn, tries > 0).await? {
            return Ok(answer);
        }
    }
    Err(Fault::broken("a session was overtaken again and again"))
}

/// `None` when another hop of this session was saved in between.
async fn try_hop(
    app: &App,
    menus: &Arc<Menus>,
    turn: &Turn,
    is_retry: bool,
) -> Result<Option<Answer>, Fault> {
    let received = app.transcript_key.mark(&turn.transcript);
    let found = find(app, turn).await;
    let Some(record) = found.record else {
        let may_be_shelved = found.may_be_shelved;
        let next = match turn.transcript.is_empty() {
            true => open(app, menus, turn, found.shelved).await?,
            false => rebuild::from_transcript(app, menus, turn).await?,
        };
        let before = Before::nothing(may_be_shelved);
        return finish(app, menus, turn, received, before, next).await;
    };
    if record.msisdn != turn.msisdn {
        tracing::warn!(target: "security", "A session id came back with another number");
        metric::hop_trouble("another_phone");
        return Ok(Some(said(
            menus,
            menus.default_language(),
            "unreadable",
            HopOutcome::Refused,
        )));
    }
    let language = record.session.language();
    match arrival(
        &app.transcript_key,
        record.seen,
        record.answers.iter().map(|answered| answered.to),
        &turn.transcript,
    ) {
        Arrival::Same => Ok(Some(repeated(menus, &record, received))),
        Arrival::Older(mark) => Ok(Some(repeated(menus, &record, mark))),
        Arrival::Divergent => {
            metric::hop_trouble("divergent");
            Ok(Some(said(menus, language, "over", HopOutcome::Refused)))
        }
        Arrival::Next(_) if record.ended => {
            Ok(Some(said(menus, language, "over", HopOutcome::Refused)))
        }
        Arrival::Next(input) => {
            // A running session goes on with the menus it began with; only an edition long gone sends it home.
            let Some(began_with) = app.menus.edition(record.session.digest()) else {
                let next = rebuild::at_home(app, menus, turn, record.steps + 1).await?;
                return finish(app, menus, turn, received, Before::of(&record), next).await;
            };
            let may_be_repeat = is_retry || !found.at_hand;
            let next = advance(app, &began_with, turn, &record, input, may_be_repeat).await?;
            finish(app, &began_with, turn, received, Before::of(&record), next).await
        }
    }
}

/// Where a turn has led, before it is rendered and saved.
pub(super) struct Next {
    pub session: Session,
    /// The member's PIN was right at this hop.
    pub proved: bool,
    pub caller: Caller,
    pub steps: u16,
    pub heard: Option<Heard>,
    pub outcome: HopOutcome,
}

struct Found {
    record: Option<Arc<Record>>,
    /// It is this process's own copy: nobody else has had this turn.
    at_hand: bool,
    shelved: Option<Session>,
    /// False when the shelf was looked at and is empty.
    may_be_shelved: bool,
}

/// What a turn's record goes on from.
struct Before {
    /// Zero for a new session.
    version: u32,
    answers: Vec<Answered>,
    shelved: bool,
    /// A PIN was right since the caller left home.
    proved: bool,
}

impl Before {
    fn nothing(shelved: bool) -> Before {
        Before {
            version: 0,
            answers: Vec::new(),
            shelved,
            proved: false,
        }
    }

    fn of(record: &Record) -> Before {
        Before {
            version: record.version,
            answers: record.answers.clone(),
            shelved: record.shelved,
            proved: record.proved,
        }
    }
}

/// The session from this process's own copy, else from the store. A store that is away is a session lost:
/// it is rebuilt from the transcript.
async fn find(app: &App, turn: &Turn) -> Found {
    if let Some(record) = app.sessions_at_hand.get(&turn.session) {
        return Found {
            record: Some(record),
            at_hand: true,
            shelved: None,
            may_be_shelved: true,
        };
    }
    let is_plain_dial = turn.transcript.is_empty() && turn.dialled.is_none();
    let loaded = match is_plain_dial {
        true => {
            app.sessions
                .load_for_dial(&turn.session, &turn.msisdn)
                .await
        }
        false => app
            .sessions
            .load(&turn.session)
            .await
            .map(|record| (record, None)),
    };
    match loaded {
        Ok((record, shelved)) => Found {
            record: record.map(Arc::new),
            at_hand: false,
            may_be_shelved: !is_plain_dial || shelved.is_some(),
            shelved,
        },
        Err(fault) => {
            metric::hop_trouble("store_away");
            tracing::warn!(%fault, "The session store is away");
            Found {
                record: None,
                at_hand: false,
                shelved: None,
                may_be_shelved: true,
            }
        }
    }
}

/// A dial, plain or with digits left in the service code (form B).
async fn open(
    app: &App,
    menus: &Arc<Menus>,
    turn: &Turn,
    shelved: Option<Session>,
) -> Result<Next, Fault> {
    let caller = Caller::at_dial(app, &turn.msisdn).await;
    let shelved = shelved.filter(|session| menu::fits(menus, session));
    let performer = Performer {
        app,
        menus,
        turn,
        caller: &caller,
        may_be_repeat: false,
        proved: AtomicBool::new(false),
    };
    let session = performer
        .settle(caller.open(app, menus, shelved), 0)
        .await?;
    let dialled = turn.dialled.iter().flat_map(|dialled| dialled.split('*'));
    let (session, steps) = performer.walk(session, 0, dialled).await?;
    Ok(Next {
        session,
        proved: performer.proved.load(Ordering::Relaxed),
        caller,
        steps,
        heard: None,
        outcome: HopOutcome::Shown,
    })
}

async fn advance(
    app: &App,
    menus: &Arc<Menus>,
    turn: &Turn,
    record: &Record,
    input: &str,
    may_be_repeat: bool,
) -> Result<Next, Fault> {
    let caller = record.caller.clone();
    let performer = Performer {
        app,
        menus,
        turn,
        caller: &caller,
        may_be_repeat,
        proved: AtomicBool::new(false),
    };
    let taken = take(&performer, record.session.clone(), record.steps, input).await?;
    Ok(Next {
        session: taken.session,
        proved: performer.proved.load(Ordering::Relaxed),
        caller,
        steps: taken.steps,
        heard: taken.heard,
        outcome: match taken.missed {
            true => HopOutcome::Missed,
            false => HopOutcome::Shown,
        },
    })
}

/// Where new input leads.
pub(super) struct Taken {
    pub session: Session,
    pub steps: u16,
    pub heard: Option<Heard>,
    pub missed: bool,
}

pub(super) async fn take(
    performer: &Performer<'_>,
    session: Session,
    mut steps: u16,
    input: &str,
) -> Result<Taken, Fault> {
    let menus = performer.menus;
    // The request of a hop in between was lost on its way to us: what came together is walked as navigation only.
    if input.contains('*') && menu::expects_choice(menus, &session) {
        let (session, steps) = performer.walk(session, steps, input.split('*')).await?;
        return Ok(Taken {
            session,
            steps,
            heard: None,
            missed: false,
        });
    }
    steps += 1;
    let moved = menu::decide(menus, session, input);
    let (heard, missed) = (moved.heard.clone(), moved.missed);
    Ok(Taken {
        session: performer.settle(moved, steps).await?,
        steps,
        heard,
        missed,
    })
}

/// Renders, saves and answers. `before` is what the decision was made from.
async fn finish(
    app: &App,
    menus: &Arc<Menus>,
    turn: &Turn,
    received: Mark,
    before: Before,
    next: Next,
) -> Result<Option<Answer>, Fault> {
    let page = menu::render(menus, &next.session);
    let screen = next.session.screen_name(menus).to_owned();
    let mut record = Record {
        version: before.version + 1,
        msisdn: turn.msisdn.clone(),
        seen: received,
        steps: next.steps,
        caller: next.caller,
        proved: (next.proved || before.proved) && !menu::is_home(menus, &next.session),
        session: next.session,
        ended: page.end,
        shelved: before.shelved,
        answers: before.answers,
    };
    record.answer(Answered {
        to: received,
        text: page.text.clone(),
        end: page.end,
    });
    let shelf = shelf(menus, &record);
    if let Some(change) = &shelf {
        record.shelved = matches!(change, Shelf::Keep(_));
    }
    match app
        .sessions
        .save(&turn.session, &record, shelf.as_ref())
        .await
    {
        Ok(Saved::Done) => app
            .sessions_at_hand
            .insert(turn.session.clone(), Arc::new(record)),
        Ok(Saved::Overtaken) => {
            app.sessions_at_hand.remove(&turn.session);
            metric::hop_trouble("overtaken");
            return Ok(None);
        }
        // The rider still gets the answer; the next hop is answered from our own copy or rebuilt.
        Err(fault) => {
            metric::hop_trouble("store_away");
            tracing::warn!(%fault, "A session could not be saved");
            app.sessions_at_hand
                .insert(turn.session.clone(), Arc::new(record));
        }
    }
    // However it came to its last screen, the call is over and an M-PESA prompt can show.
    let outcome = if page.end {
        HopOutcome::Ended
    } else {
        next.outcome
    };
    Ok(Some(Answer {
        reply: Reply {
            text: page.text,
            end: page.end,
        },
        outcome,
        screen,
        heard: next.heard.map(|heard| heard.masked),
        step: next.steps,
        menus: menus.digest().bytes(),
    }))
}

/// Only a journey begun is worth picking up again, and only a change of that is worth a write.
fn shelf(menus: &Menus, record: &Record) -> Option<Shelf> {
    if record.ended || record.proved {
        return record.shelved.then_some(Shelf::Clear);
    }
    if menu::is_worth_resuming(menus, &record.session) {
        return Some(Shelf::Keep(Box::new(record.session.clone())));
    }
    // At home by the first hop there is nothing of this session on the shelf; an offer not taken stays.
    let has_moved_on = record.version > 1 && !menu::is_resume_offer(menus, &record.session);
    (record.shelved && has_moved_on).then_some(Shelf::Clear)
}

fn repeated(menus: &Menus, record: &Record, mark: Mark) -> Answer {
    let answered = record.answer_to(mark).or_else(|| record.answers.last());
    let reply = match answered {
        Some(answered) => Reply {
            text: answered.text.clone(),
            end: answered.end,
        },
        None => Reply {
            text: menus.phrase("over", record.session.language()).to_owned(),
            end: true,
        },
    };
    Answer {
        reply,
        outcome: HopOutcome::Repeated,
        screen: record.session.screen_name(menus).to_owned(),
        heard: None,
        step: record.steps,
        menus: menus.digest().bytes(),
    }
}
