//! A USSD dialogue as the operator and Africa's Talking carry it: one form post per screen, an answer that must begin with
//! `CON ` or `END `, and a notice when it is over.

mod notice;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::faults::Fault;
use crate::phones::{Msisdn, Network, screen};
use crate::world::{State, World};

use super::form;
use notice::{Ending, finish, send_early_notice};
use wire::{Answer, Read, Shape, ask, compare, judge, request, screen_limits};

/// An open dialogue on one phone.
pub struct Session {
    pub(crate) id: String,
    service_code: String,
    started: DateTime<Utc>,
    inputs: Vec<String>,
    /// Requests answered so far, with their answers.
    answered: Vec<(String, String)>,
    hops: u32,
    /// Grows with each hop, so that an old inactivity clock does not end a newer screen.
    turn: u64,
    waiting: bool,
    pages: Vec<String>,
    page: usize,
    labels: Vec<String>,
    last_answer: String,
    notice_sent: bool,
}

/// What the handset shows after a key.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// Without `CON ` or `END `.
    pub screen: String,
    /// Whether a reply can be typed.
    pub open: bool,
}

/// Why the handset cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("no USSD session is open on this phone")]
    NoSession,
    #[error("the phone is still waiting for the network")]
    Waiting,
    #[error("one reply holds at most {0} characters")]
    TooLong(usize),
    #[error("this phone has sent no USSD request yet")]
    NothingSent,
}

/// A request as it left the phone, kept so that it can be delivered once more.
#[derive(Clone)]
pub struct Sent {
    body: String,
    label: Option<String>,
    network: Network,
}

/// What a network says when anything goes wrong.
const NETWORK_ERROR: &str = "Connection problem or invalid MMI code.";
const NO_NETWORK: &str = "No network.";
const EXPIRED: &str = "Session timed out.";

/// Dials a code. A session that was open is hung up first.
pub async fn dial(world: &Arc<World>, msisdn: &Msisdn, code: &str) -> Shown {
    let code: String = code
        .chars()
        .filter(|character| !character.is_whitespace())
        .collect();
    let now = world.now();
    let opened = {
        let mut state = world.state();
        let open = state.phone(msisdn, &world.settings).session.take();
        if let Some(session) = open {
            finish(world, &mut state, msisdn, session, Ending::Incomplete);
        }
        let off = state.strikes(Fault::PhoneOff, Some(msisdn), now);
        let extra = extra_digits(&code, &world.settings.service_code);
        let phone = state.phone(msisdn, &world.settings);
        if off {
            phone.screen = NO_NETWORK.into();
            None
        } else if extra.is_none() || phone.prompt.is_some() {
            phone.screen = NETWORK_ERROR.into();
            None
        } else {
            extra.map(|extra| open_session(world, &mut state, msisdn, &code, extra, now))
        }
    };
    world.tell(msisdn, "screen");
    match opened {
        Some(id) => carried(world, msisdn, id).await,
        None => shown(world, msisdn),
    }
}

/// Types a reply and sends it.
pub async fn type_keys(world: &Arc<World>, msisdn: &Msisdn, keys: &str) -> Result<Shown, Unusable> {
    let now = world.now();
    let id = {
        let mut state = world.state();
        let skipped = state.strikes(Fault::SkippedHop, Some(msisdn), now);
        let phone = state.phone(msisdn, &world.settings);
        let limit = phone.network.reply_limit();
        let session = phone.session.as_mut().ok_or(Unusable::NoSession)?;
        if session.waiting {
            return Err(Unusable::Waiting);
        }
        if keys.chars().count() > limit {
            return Err(Unusable::TooLong(limit));
        }
        // The network's own pages: the gateway never hears of these keys.
        let turned = match keys.trim() {
            "98" if session.page + 1 < session.pages.len() => Some(session.page + 1),
            "00" if session.page > 0 => Some(session.page - 1),
            _ => None,
        };
        if let Some(page) = turned {
            session.page = page;
            phone.screen = session.pages[page].clone();
            None
        } else {
            session.inputs.push(keys.to_owned());
            (!skipped).then(|| session.id.clone())
        }
    };
    match id {
        Some(id) => Ok(carried(world, msisdn, id).await),
        None => {
            world.tell(msisdn, "screen");
            Ok(shown(world, msisdn))
        }
    }
}

/// Ends the session, if one is open, and clears the screen.
pub fn hang_up(world: &Arc<World>, msisdn: &Msisdn) {
    let mut state = world.state();
    let phone = state.phone(msisdn, &world.settings);
    phone.screen.clear();
    if let Some(session) = phone.session.take() {
        finish(world, &mut state, msisdn, session, Ending::Incomplete);
    }
    drop(state);
    world.tell(msisdn, "screen");
}

/// Delivers the phone's last request once more, as a network does that lost the first answer. The handset shows nothing of
/// it; what it would have shown is given back.
pub async fn again(world: &Arc<World>, msisdn: &Msisdn) -> Result<Shown, Unusable> {
    let sent = world.state().phone(msisdn, &world.settings).sent.clone();
    let Sent {
        body,
        label,
        network,
    } = sent.ok_or(Unusable::NothingSent)?;
    let answer = ask(world, body, label).await;
    Ok(
        match answer.and_then(|answer| judge(world, msisdn, network, answer)) {
            Ok(read) => {
                let (septets_max, units_max) = screen_limits(world, network);
                let screen = screen::pages(&read.text, septets_max, units_max).swap_remove(0);
                Shown {
                    screen,
                    open: read.expects_input,
                }
            }
            Err(_) => Shown {
                screen: NETWORK_ERROR.into(),
                open: false,
            },
        },
    )
}

/// What the handset shows now.
pub fn shown(world: &World, msisdn: &Msisdn) -> Shown {
    let mut state = world.state();
    let phone = state.phone(msisdn, &world.settings);
    Shown {
        screen: phone.screen.clone(),
        open: phone.in_session(),
    }
}

/// The inputs behind our code in a dialled string; nothing when it is somebody else's code.
fn extra_digits(dialled: &str, service_code: &str) -> Option<Vec<String>> {
    let ours = service_code.strip_suffix('#')?;
    let rest = dialled.strip_suffix('#')?.strip_prefix(ours)?;
    match rest.strip_prefix('*') {
        Some(extra) if !extra.is_empty() => Some(extra.split('*').map(str::to_owned).collect()),
        _ => rest.is_empty().then(Vec::new),
    }
}

fn open_session(
    world: &Arc<World>,
    state: &mut State,
    msisdn: &Msisdn,
    code: &str,
    extra: Vec<String>,
    now: DateTime<Utc>,
) -> String {
    let form_b = !extra.is_empty() && state.strikes(Fault::DeepDialFormB, Some(msisdn), now);
    let two = state.strikes(Fault::TwoSessions, Some(msisdn), now);
    let (service_code, inputs) = if form_b {
        (code.to_owned(), Vec::new())
    } else {
        (world.settings.service_code.clone(), extra)
    };
    let mut session = || Session {
        id: format!("ATUid_{}", state.dice.hex(32)),
        service_code: service_code.clone(),
        started: now,
        inputs: inputs.clone(),
        answered: Vec::new(),
        hops: 0,
        turn: 0,
        waiting: false,
        pages: Vec::new(),
        page: 0,
        labels: Vec::new(),
        last_answer: String::new(),
        notice_sent: false,
    };
    let (seen, ghost) = (session(), two.then(&mut session));
    if let Some(ghost) = ghost {
        haunt(world, state, msisdn, ghost);
    }
    let id = seen.id.clone();
    let phone = state.phone(msisdn, &world.settings);
    phone.screen.clear();
    phone.session = Some(seen);
    end_after(
        world,
        msisdn,
        &id,
        None,
        world.settings.timings.session_limit,
    );
    id
}

/// A second session of the same number that nobody looks at: one hop, then cut.
fn haunt(world: &Arc<World>, state: &mut State, msisdn: &Msisdn, mut ghost: Session) {
    let network = state.phone(msisdn, &world.settings).network;
    ghost.hops = 1;
    let body = form::escaped(&request(&ghost, msisdn, network));
    let (haunting, msisdn) = (world.clone(), msisdn.clone());
    world.later(Duration::ZERO, async move {
        if let Ok(answer) = ask(&haunting, body, None).await {
            ghost.last_answer = answer.text();
        }
        let mut state = haunting.state();
        finish(&haunting, &mut state, &msisdn, ghost, Ending::Incomplete);
    });
}

/// Ends a session that is still on the same screen (or still open at all) after some time.
fn end_after(world: &Arc<World>, msisdn: &Msisdn, id: &str, turn: Option<u64>, limit: Duration) {
    let (ending, msisdn, id) = (world.clone(), msisdn.clone(), id.to_owned());
    world.later(limit, async move {
        let mut state = ending.state();
        let phone = state.phone(&msisdn, &ending.settings);
        let same = |session: &mut Session| {
            session.id == id && turn.is_none_or(|turn| session.turn == turn && !session.waiting)
        };
        if let Some(session) = phone.session.take_if(same) {
            phone.screen = EXPIRED.into();
            finish(&ending, &mut state, &msisdn, session, Ending::Incomplete);
            drop(state);
            ending.tell(&msisdn, "screen");
        }
    });
}

/// What is wrong with the way of one hop.
struct Trouble {
    duplicate: bool,
    late_duplicate: bool,
    older: Option<(String, String)>,
    lost_request: bool,
    lost_answer: bool,
    cut: bool,
    early_notice: bool,
    slow: bool,
}

struct Hop {
    body: String,
    label: Option<String>,
    network: Network,
    trouble: Trouble,
}

/// One hop, to its end: the network goes on although whoever pressed the key may have left.
async fn carried(world: &Arc<World>, msisdn: &Msisdn, id: String) -> Shown {
    let (carrying, msisdn) = (world.clone(), msisdn.clone());
    world
        .see_through(async move { hop(&carrying, &msisdn, &id).await })
        .await
}

/// Carries the session's present transcript to the gateway and its answer to the screen.
async fn hop(world: &Arc<World>, msisdn: &Msisdn, id: &str) -> Shown {
    let Some(hop) = prepare(world, msisdn, id) else {
        return shown(world, msisdn);
    };
    if hop.trouble.slow {
        world.clock.sleep(world.settings.timings.slow_network).await;
    }
    if hop.trouble.early_notice {
        send_early_notice(world, msisdn, id).await;
    }
    let answer = if hop.trouble.lost_request {
        Err("Request to the application could not be delivered".to_owned())
    } else if hop.trouble.duplicate {
        let (first, second) = tokio::join!(
            ask(world, hop.body.clone(), hop.label.clone()),
            ask(world, hop.body.clone(), hop.label.clone())
        );
        compare(world, msisdn, "duplicate-hop", &first, &second);
        first
    } else {
        ask(world, hop.body.clone(), hop.label.clone()).await
    };
    repeat_later(world, msisdn, &hop, &answer);
    let read = match answer {
        Ok(_) if hop.trouble.lost_answer => Err("Application did not answer in time".to_owned()),
        Ok(answer) => judge(world, msisdn, hop.network, answer),
        Err(reason) => Err(reason),
    };
    apply(world, msisdn, id, hop, read);
    world.tell(msisdn, "screen");
    shown(world, msisdn)
}

fn prepare(world: &World, msisdn: &Msisdn, id: &str) -> Option<Hop> {
    let now = world.now();
    let mut state = world.state();
    let mut strikes = |what| state.strikes(what, Some(msisdn), now);
    let mut trouble = Trouble {
        duplicate: strikes(Fault::DuplicateHop),
        late_duplicate: strikes(Fault::LateDuplicate),
        older: None,
        lost_request: strikes(Fault::LostRequest),
        lost_answer: strikes(Fault::LostAnswer),
        cut: strikes(Fault::CutAfterCon),
        early_notice: strikes(Fault::EarlyEndNotice),
        slow: strikes(Fault::SlowNetwork),
    };
    let shape = Shape {
        bare: strikes(Fault::UnescapedBody),
        permuted: strikes(Fault::PermutedFields),
        no_network: strikes(Fault::MissingNetworkCode),
        no_plus: strikes(Fault::MissingPlus),
        no_text: strikes(Fault::MissingText),
        sandbox: strikes(Fault::SandboxNetwork),
    };
    let phone = state.phone(msisdn, &world.settings);
    let network = phone.network;
    let session = phone.session.as_mut().filter(|session| session.id == id)?;
    session.waiting = true;
    session.turn += 1;
    session.hops += 1;
    let body = shape.written(request(session, msisdn, network));
    let label = session.labels.last().cloned();
    let earlier = session.answered.clone();
    if !earlier.is_empty() && state.strikes(Fault::OlderHop, Some(msisdn), now) {
        let place = state.dice.below(earlier.len() as u64) as usize;
        trouble.older = earlier.into_iter().nth(place);
    }
    state.phone(msisdn, &world.settings).sent = Some(Sent {
        body: body.clone(),
        label: label.clone(),
        network,
    });
    Some(Hop {
        body,
        label,
        network,
        trouble,
    })
}

fn apply(world: &Arc<World>, msisdn: &Msisdn, id: &str, hop: Hop, read: Result<Read, String>) {
    let mut state = world.state();
    let (septets_max, units_max) = screen_limits(world, hop.network);
    let phone = state.phone(msisdn, &world.settings);
    // The rider may have hung up or dialled again meanwhile: the answer reaches nobody.
    let Some(mut session) = phone.session.take_if(|session| session.id == id) else {
        return;
    };
    session.waiting = false;
    match read {
        Err(reason) => {
            phone.screen = NETWORK_ERROR.into();
            finish(world, &mut state, msisdn, session, Ending::Failed(reason));
        }
        Ok(read) => {
            session.answered.push((hop.body, read.raw.clone()));
            session.last_answer = read.raw;
            session.labels.extend(read.label);
            session.pages = screen::pages(&read.text, septets_max, units_max);
            session.page = 0;
            phone.screen = session.pages[0].clone();
            if !read.expects_input {
                finish(world, &mut state, msisdn, session, Ending::Success);
            } else if hop.trouble.cut || session.notice_sent {
                finish(world, &mut state, msisdn, session, Ending::Incomplete);
            } else {
                let patience = world
                    .settings
                    .timings
                    .inactivity
                    .unwrap_or(Duration::from_secs(hop.network.inactivity_seconds()));
                end_after(world, msisdn, id, Some(session.turn), patience);
                phone.session = Some(session);
            }
        }
    }
}

/// Sends again what was ordered to come again, and checks that the gateway says the same as before.
fn repeat_later(world: &Arc<World>, msisdn: &Msisdn, hop: &Hop, answer: &Result<Answer, String>) {
    let mut again = Vec::new();
    if let Some((body, said)) = &hop.trouble.older {
        again.push(("older-hop", Duration::ZERO, body.clone(), said.clone()));
    }
    if let (true, Ok(answer)) = (hop.trouble.late_duplicate, answer) {
        again.push((
            "late-duplicate",
            world.settings.timings.stray_after,
            hop.body.clone(),
            answer.text(),
        ));
    }
    for (kind, delay, body, said) in again {
        let (repeating, msisdn, label) = (world.clone(), msisdn.clone(), hop.label.clone());
        world.later(delay, async move {
            let said_again = ask(&repeating, body, label).await;
            let said = Ok(Answer {
                status: 200,
                body: said.into_bytes(),
                content_type: String::new(),
                encoded: false,
                label: None,
            });
            compare(&repeating, &msisdn, kind, &said, &said_again);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::extra_digits;

    #[test]
    fn knows_its_own_code_segment_by_segment() {
        let extra = |dialled| extra_digits(dialled, "*384*123#");
        assert_eq!(extra("*384*123#"), Some(vec![]));
        assert_eq!(
            extra("*384*123*2*200#"),
            Some(vec!["2".to_owned(), "200".to_owned()])
        );
        assert_eq!(extra("*384*1234#"), None);
        assert_eq!(extra("*384*123"), None);
        assert_eq!(extra("*144#"), None);
    }
}
