//! From screen to screen: forward, back, home, and what is wanted on arrival.

use super::exchange::{Asked, Moved, Wants};
use super::screens::{Deed, Form, Goto, Menus, ScreenId, TextId};
use super::session::{Pending, Session, Site};
use crate::primitives::Secret;

/// How a screen is left, and so whether going back leads to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    Seen,
    /// It was never shown.
    Unseen,
    /// Something was done there: nothing behind may be done twice by going back.
    Done,
}

pub(super) fn go(
    menus: &Menus,
    mut session: Session,
    goto: Goto,
    line: Option<TextId>,
    leaving: Leaving,
) -> Moved {
    match goto {
        Goto::Screen(next) => {
            let shown = !matches!(menus.screen(next).form, Form::Do(_));
            match leaving {
                Leaving::Seen if shown => session.leave_for(next),
                Leaving::Done => session.trail.clear(),
                Leaving::Seen | Leaving::Unseen => {}
            }
            enter(menus, session, next, line)
        }
        Goto::Back => match session.trail.pop() {
            Some(step) => arrive(menus, session, step.screen, step.page, line),
            None => enter(menus, session, menus.home, line),
        },
        Goto::Again => {
            let (screen, page) = (session.screen, session.page);
            arrive(menus, session, screen, page, line)
        }
        Goto::Shelved => unshelve(menus, session),
    }
}

/// Goes on where a call was cut, knowing what this call knows.
fn unshelve(menus: &Menus, mut session: Session) -> Moved {
    let Some(mut shelved) = session
        .shelved
        .take()
        .filter(|shelved| shelved.digest == menus.digest)
    else {
        return enter(menus, session, menus.home, None);
    };
    shelved.language = session.language;
    shelved.today = session.today;
    shelved.conditions = shelved.conditions & menus.decided | session.conditions;
    for (variable, value) in session.values {
        shelved.put(variable, value);
    }
    let (screen, page) = (shelved.screen, shelved.page);
    arrive(menus, *shelved, screen, page, None)
}

/// A screen's door: what is done on the way in comes first.
pub(super) fn enter(
    menus: &Menus,
    mut session: Session,
    next: ScreenId,
    line: Option<TextId>,
) -> Moved {
    match &menus.screen(next).form {
        Form::Do(deed) | Form::End(Some(deed)) => {
            session.note = None;
            perform(
                menus,
                session,
                Site {
                    screen: next,
                    option: None,
                },
                deed,
                None,
            )
        }
        _ => arrive(menus, session, next, 0, line),
    }
}

pub(super) fn arrive(
    menus: &Menus,
    mut session: Session,
    screen: ScreenId,
    page: u8,
    line: Option<TextId>,
) -> Moved {
    session.screen = screen;
    session.page = if line.is_some() { 0 } else { page };
    session.misses = 0;
    session.note = line.map(|line| (line, 0));
    session.rows.clear();
    session.pending = Pending::Nothing;
    if screen == menus.home {
        session.forget(menus);
    }
    let Some(fact) = menus.screen(screen).facts else {
        return still(session);
    };
    let fact = &menus.vocabulary.facts[usize::from(fact)];
    session.pending = Pending::Facts;
    let needs = values_of(menus, &session, fact.needs);
    Moved {
        session,
        wants: Wants::Facts {
            fact: fact.name,
            needs,
        },
        heard: None,
        missed: false,
    }
}

pub(super) fn perform(
    menus: &Menus,
    mut session: Session,
    site: Site,
    deed: &Deed,
    secret: Option<Secret>,
) -> Moved {
    let intent = menus.intent(deed);
    session.pending = Pending::Deed(site);
    session.misses = 0;
    let answers = values_of(menus, &session, intent.needs);
    let secret = secret.filter(|_| intent.secret);
    Moved {
        session,
        wants: Wants::Deed(Asked {
            intent: intent.name,
            answers,
            secret,
        }),
        heard: None,
        missed: false,
    }
}

fn values_of(
    menus: &Menus,
    session: &Session,
    names: &'static [&'static str],
) -> Vec<(&'static str, String)> {
    let value = |name| session.kept(menus, name).unwrap_or_default().to_owned();
    names.iter().map(|&name| (name, value(name))).collect()
}

pub(super) fn still(session: Session) -> Moved {
    Moved {
        session,
        wants: Wants::Nothing,
        heard: None,
        missed: false,
    }
}
