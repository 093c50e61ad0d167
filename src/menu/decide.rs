//! The engine's five questions: what a dial, an input, dialled digits, facts and an outcome lead to.

use super::exchange::{Moved, Name, Opening, Outcome, Row, Supplied};
use super::input::{self, Origin};
use super::screens::{Deed, Form, Menus, Then};
use super::session::{Pending, Session, SessionRow, Site, is_resume_offer, is_worth_resuming};
use super::travel::{Leaving, arrive, enter, go, still};
use super::vocabulary::{Effect, Variable};

/// A dial: shows home, or offers to go on where a call was cut.
pub fn open(menus: &Menus, opening: Opening<'_>) -> Moved {
    let mut session = Session::new(menus, opening.language, opening.today);
    for condition in opening.conditions {
        session.set_condition(menus, condition, true);
    }
    for (name, value) in opening.globals {
        session.keep(menus, &name, value);
    }
    let shelved = opening
        .shelved
        .filter(|shelved| is_worth_resuming(menus, shelved));
    match (menus.resume, shelved) {
        (Some(resume), Some(shelved)) => {
            session.shelved = Some(Box::new(Session {
                shelved: None,
                ..shelved
            }));
            enter(menus, session, resume, None)
        }
        _ => enter(menus, session, menus.home, None),
    }
}

/// One typed input.
pub fn decide(menus: &Menus, session: Session, input: &str) -> Moved {
    input::take(menus, session, input, Origin::Typed)
}

/// One input dialled behind the code.
///
/// It stops before anything that needs a person's yes: at a confirm, a PIN, and any deed that is not [`Effect::Reads`] or
/// [`Effect::Direct`]. A digit that means nothing stops as well, counted as no miss, and so does any line the rider must
/// read first. `heard` is `None` where it stopped, and stays so for every digit behind.
pub fn decide_dialled(menus: &Menus, mut session: Session, input: &str) -> Moved {
    if is_resume_offer(menus, &session) && menus.screen(menus.home).facts.is_none() {
        session.shelved = None;
        session.screen = menus.home;
    }
    input::take(menus, session, input, Origin::Dialled)
}

/// The facts that were wanted.
pub fn supply(menus: &Menus, mut session: Session, supplied: Supplied) -> Moved {
    if session.pending != Pending::Facts {
        return still(session);
    }
    session.pending = Pending::Nothing;
    learn(menus, &mut session, supplied.values, &supplied.conditions);
    let screen = menus.screen(session.screen);
    let columns = screen
        .facts
        .and_then(|fact| menus.vocabulary.facts[usize::from(fact)].rows)
        .unwrap_or_default();
    session.rows = supplied
        .rows
        .into_iter()
        .take(ROWS_MAX)
        .map(|row| in_order(row, columns))
        .collect();
    match &screen.form {
        // The list itself is never seen, so it is no place to come back to.
        Form::List {
            empty,
            empty_goto: Some(goto),
            ..
        } if session.rows.is_empty() => go(menus, session, *goto, Some(*empty), Leaving::Unseen),
        _ => still(session),
    }
}

/// Rows beyond this are dropped: nobody pages so far, and keys have two digits.
const ROWS_MAX: usize = 90;

fn in_order(mut row: Row, columns: &[Variable]) -> SessionRow {
    let mut column = |name: &str| {
        let found = row.columns.iter_mut().find(|(known, _)| known == name);
        found
            .map(|(_, text)| std::mem::take(text))
            .unwrap_or_default()
    };
    let columns = columns
        .iter()
        .map(|variable| column(variable.name))
        .collect();
    SessionRow {
        value: row.value,
        columns,
    }
}

/// The outcome of the deed that was wanted.
pub fn resolve(menus: &Menus, mut session: Session, outcome: Outcome) -> Moved {
    let Pending::Deed(site) = session.pending else {
        return still(session);
    };
    session.pending = Pending::Nothing;
    learn(menus, &mut session, outcome.values, &outcome.conditions);
    if let Some(language) = outcome.language {
        session.language = language;
    }
    let Some(deed) = deed_at(menus, site) else {
        return enter(menus, session, menus.home, None);
    };
    if let Form::End(_) = menus.screen(site.screen).form {
        return arrive(menus, session, site.screen, 0, None);
    }
    let intent = menus.intent(deed);
    match deed.route(intent, &outcome.name) {
        // The check lets no outcome without a route pass; should one come, home is a safe place.
        None => enter(menus, session, menus.home, None),
        Some(route) => match route.goto {
            Some(goto) => {
                let leaving = if intent.effect == Effect::Reads {
                    Leaving::Seen
                } else {
                    Leaving::Done
                };
                go(menus, session, goto, route.line, leaving)
            }
            None => {
                session.misses = 0;
                session.page = 0;
                session.note = route.line.map(|line| (line, 0));
                still(session)
            }
        },
    }
}

fn learn(
    menus: &Menus,
    session: &mut Session,
    values: Vec<(Name, String)>,
    conditions: &[(Name, bool)],
) {
    for (name, value) in values {
        session.keep(menus, &name, value);
    }
    for (name, holds) in conditions {
        session.set_condition(menus, name, *holds);
    }
}

fn deed_at(menus: &Menus, site: Site) -> Option<&Deed> {
    let then = match (&menus.screen(site.screen).form, site.option) {
        (Form::Choose { options, .. }, Some(index)) => &options.get(usize::from(index))?.then,
        (
            Form::Choose {
                typed: Some(typed), ..
            }
            | Form::Ask(typed),
            None,
        ) => &typed.then,
        (Form::Confirm { deed, .. } | Form::Do(deed) | Form::End(Some(deed)), None) => {
            return Some(deed);
        }
        _ => return None,
    };
    match then {
        Then::Do(deed) => Some(deed),
        Then::Go(_) => None,
    }
}
