//! What an input means: which screen comes next, and what must be known or done first.

use std::borrow::Cow;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::render;
use super::screens::{Choice, Deed, Form, Goto, Menus, Pick, Screen, ScreenId, TextId, Then, Typed};
use super::session::{Pending, Session, SessionRow, Site, is_resume_offer, is_worth_resuming};
use super::typed::{self, MASK, Type};
use super::vocabulary::Effect;
use crate::primitives::{Language, Secret};

/// What is known when somebody dials.
#[derive(Debug)]
pub struct Opening<'a> {
    pub language: Language,
    /// The day in Nairobi; ages and dates are reckoned from it.
    pub today: NaiveDate,
    /// Those of the vocabulary's conditions that hold.
    pub conditions: &'a [&'a str],
    pub globals: Vec<(Name, String)>,
    /// A session that was cut, to be offered again. Leave it out when digits were dialled behind the code: they say what is wanted.
    pub shelved: Option<Session>,
}

/// Where a session stands after a step, and what is wanted before it can be shown.
#[derive(Debug)]
#[must_use]
pub struct Moved {
    pub session: Session,
    pub wants: Wants,
    /// `None` when no input was taken: on opening, and for dialled digits, where it says that the rest is to be dropped.
    pub heard: Option<Heard>,
    /// The input was not understood.
    pub missed: bool,
}

#[derive(Debug)]
pub enum Wants {
    Nothing,
    /// Answer with [`supply`].
    Facts { fact: &'static str, needs: Vec<(&'static str, String)> },
    /// Answer with [`resolve`].
    Deed(Asked),
}

/// A deed to be done.
pub struct Asked {
    pub intent: &'static str,
    /// The kept values the intent needs, in its order.
    pub answers: Vec<(&'static str, String)>,
    /// The PIN just typed.
    pub secret: Option<Secret>,
}

impl Asked {
    /// The answer with this name; empty where the documents kept none, which their check rules out.
    pub fn answer(&self, name: &str) -> &str {
        self.answers.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.as_str())
    }
}

/// Names only: answers are people's data.
impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.answers.iter().map(|(name, _)| *name).collect();
        write!(f, "Asked({}, {names:?})", self.intent)
    }
}

/// What the journal may keep of an input: the screen it was typed on, and the input with secrets and people's data masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub screen: String,
    pub masked: String,
}

/// A name of the vocabulary.
pub type Name = Cow<'static, str>;

/// The facts a screen wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supplied {
    pub values: Vec<(Name, String)>,
    pub rows: Vec<Row>,
    pub conditions: Vec<(Name, bool)>,
}

/// One row of a list: what is kept when it is picked, and its columns by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub value: String,
    pub columns: Vec<(Name, String)>,
}

impl Supplied {
    pub fn value(mut self, name: &'static str, value: impl ToString) -> Supplied {
        self.values.push((name.into(), value.to_string()));
        self
    }

    pub fn condition(mut self, name: &'static str, holds: bool) -> Supplied {
        self.conditions.push((name.into(), holds));
        self
    }

    pub fn row(mut self, value: impl ToString, columns: impl IntoIterator<Item = (&'static str, String)>) -> Supplied {
        let columns = columns.into_iter().map(|(name, column)| (name.into(), column)).collect();
        self.rows.push(Row { value: value.to_string(), columns });
        self
    }
}

/// How a deed ended. It can be stored and given again, so that the same turn has the same end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub name: Name,
    /// Shown by texts or handed to later intents.
    pub values: Vec<(Name, String)>,
    pub conditions: Vec<(Name, bool)>,
    /// The language from here on, where the deed changed it.
    pub language: Option<Language>,
}

impl Outcome {
    pub fn new(name: &'static str) -> Outcome {
        Outcome { name: name.into(), values: Vec::new(), conditions: Vec::new(), language: None }
    }

    pub fn value(mut self, name: &'static str, value: impl ToString) -> Outcome {
        self.values.push((name.into(), value.to_string()));
        self
    }

    pub fn condition(mut self, name: &'static str, holds: bool) -> Outcome {
        self.conditions.push((name.into(), holds));
        self
    }

    pub fn language(mut self, language: Language) -> Outcome {
        self.language = Some(language);
        self
    }
}

/// A dial: shows home, or offers to go on where a call was cut.
pub fn open(menus: &Menus, opening: Opening<'_>) -> Moved {
    let mut session = Session::new(menus, opening.language, opening.today);
    for condition in opening.conditions {
        session.set_condition(menus, condition, true);
    }
    for (name, value) in opening.globals {
        session.keep(menus, &name, value);
    }
    let shelved = opening.shelved.filter(|shelved| is_worth_resuming(menus, shelved));
    match (menus.resume, shelved) {
        (Some(resume), Some(shelved)) => {
            session.shelved = Some(Box::new(Session { shelved: None, ..shelved }));
            enter(menus, session, resume, None)
        }
        _ => enter(menus, session, menus.home, None),
    }
}

/// One typed input.
pub fn decide(menus: &Menus, session: Session, input: &str) -> Moved {
    take(menus, session, input, Origin::Typed)
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
    take(menus, session, input, Origin::Dialled)
}

/// The facts that were wanted.
pub fn supply(menus: &Menus, mut session: Session, supplied: Supplied) -> Moved {
    if session.pending != Pending::Facts {
        return still(session);
    }
    session.pending = Pending::Nothing;
    learn(menus, &mut session, supplied.values, &supplied.conditions);
    let screen = menus.screen(session.screen);
    let columns = screen.facts.and_then(|fact| menus.vocabulary.facts[usize::from(fact)].rows).unwrap_or_default();
    session.rows = supplied.rows.into_iter().take(ROWS_MAX).map(|row| in_order(row, columns)).collect();
    match &screen.form {
        // The list itself is never seen, so it is no place to come back to.
        Form::List { empty, empty_goto: Some(goto), .. } if session.rows.is_empty() => go(menus, session, *goto, Some(*empty), Leaving::Unseen),
        _ => still(session),
    }
}

/// Rows beyond this are dropped: nobody pages so far, and keys have two digits.
const ROWS_MAX: usize = 90;

fn in_order(mut row: Row, columns: &[super::vocabulary::Variable]) -> SessionRow {
    let mut column = |name: &str| {
        let found = row.columns.iter_mut().find(|(known, _)| known == name);
        found.map(|(_, text)| std::mem::take(text)).unwrap_or_default()
    };
    let columns = columns.iter().map(|variable| column(variable.name)).collect();
    SessionRow { value: row.value, columns }
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
                let leaving = if intent.effect == Effect::Reads { Leaving::Seen } else { Leaving::Done };
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Typed,
    Dialled,
}

fn take(menus: &Menus, mut session: Session, input: &str, origin: Origin) -> Moved {
    if session.digest != menus.digest {
        return afresh(menus, session);
    }
    session.pending = Pending::Nothing;
    let screen = menus.screen(session.screen);
    if matches!(screen.form, Form::End(_) | Form::Do(_)) || origin == Origin::Dialled && needs_a_person(menus, &session, screen) {
        return still(session);
    }
    let tidy = typed::tidy(input);
    let masked = if tidy.len() <= 2 { tidy.to_owned() } else { MASK.to_owned() };
    let heard = |masked: String| Some(Heard { screen: screen.name.clone(), masked });
    let paged = tidy == "98" || matches!(screen.form, Form::Confirm { .. });
    let more = paged && render::has_more(menus, &session);
    let moved = match (tidy, &screen.form) {
        ("0", _) => back(menus, session),
        ("00", _) => enter(menus, session, menus.home, None),
        ("98", _) if more => turn_to(session, |page| page + 1),
        // A summary is answered where it ends, not before it was read.
        (_, Form::Confirm { hint, .. }) if more => return miss(menus, session, *hint, heard(MASK.to_owned()), origin),
        (_, Form::Choose { options, typed, taken }) => match option_meant(options, *taken, session.conditions, tidy) {
            Some(index) => choose(menus, session, index, &options[index], origin),
            None => match typed {
                Some(typed) => return answer(menus, session, typed, input, heard, origin),
                None => return miss(menus, session, menus.words.not_a_choice, heard(masked), origin),
            },
        },
        (_, Form::Ask(typed)) => return answer(menus, session, typed, input, heard, origin),
        (_, Form::Confirm { secret: true, hint, deed }) => {
            let pin = Type::Pin.read(input, session.day());
            return match pin {
                Some(pin) => {
                    let site = Site { screen: session.screen, option: None };
                    Moved { heard: heard(MASK.to_owned()), ..perform(menus, session, site, deed, Some(Secret::new(pin))) }
                }
                None => miss(menus, session, *hint, heard(MASK.to_owned()), origin),
            };
        }
        ("1", Form::Confirm { deed, .. }) => {
            let site = Site { screen: session.screen, option: None };
            perform(menus, session, site, deed, None)
        }
        ("2", Form::Confirm { .. }) => back(menus, session),
        (_, Form::Confirm { hint, .. }) => return miss(menus, session, *hint, heard(masked), origin),
        (_, Form::List { pick, .. }) => match row_meant(&session, pick.as_ref(), tidy) {
            Some((name, value, goto)) => {
                session.put(name, value);
                go(menus, session, goto, None, Leaving::Seen)
            }
            None => return miss(menus, session, menus.words.not_a_choice, heard(masked), origin),
        },
        (_, Form::Do(_) | Form::End(_)) => still(session),
    };
    Moved { heard: heard(masked), ..moved }
}

/// Dialled digits end where a person must read or say yes.
fn needs_a_person(menus: &Menus, session: &Session, screen: &Screen) -> bool {
    if session.note.is_some() {
        return true;
    }
    let typed = match &screen.form {
        Form::Confirm { .. } => return true,
        Form::Ask(typed) => typed,
        _ => return false,
    };
    typed.kind.is_secret() || matches!(&typed.then, Then::Do(deed) if menus.intent(deed).effect == Effect::Writes)
}

/// The option with this key or alias, among those now visible.
fn option_meant(options: &[Choice], taken: u128, conditions: u128, tidy: &str) -> Option<usize> {
    let number = read_key(tidy);
    let visible = keys(options, taken, conditions);
    let by_key = number.and_then(|number| visible.clone().find(|(key, _)| *key == number));
    let by_alias = || visible.clone().find(|(_, index)| options[*index].alias.as_deref().is_some_and(|alias| alias.eq_ignore_ascii_case(tidy)));
    by_key.or_else(by_alias).map(|(_, index)| index)
}

/// The visible options and their keys: fixed ones as written, the others numbered from 1 over the keys not taken.
pub(super) fn keys(options: &[Choice], taken: u128, conditions: u128) -> impl Iterator<Item = (u8, usize)> + Clone + '_ {
    let visible = options.iter().enumerate().filter(move |(_, option)| option.when.holds(conditions));
    visible.scan(0, move |last: &mut u8, (index, option)| {
        if let Some(key) = option.key {
            return Some((key, index));
        }
        *last += 1;
        while *last < 127 && taken & 1 << *last != 0 {
            *last += 1;
        }
        Some((*last, index))
    })
}

/// One or two digits, not beginning with 0.
pub(super) fn read_key(tidy: &str) -> Option<u8> {
    let plain = (1..=2).contains(&tidy.len()) && !tidy.starts_with('0') && tidy.bytes().all(|b| b.is_ascii_digit());
    if plain { tidy.parse().ok() } else { None }
}

fn row_meant(session: &Session, pick: Option<&Pick>, tidy: &str) -> Option<(super::screens::VariableId, String, Goto)> {
    let pick = pick?;
    let index = usize::from(read_key(tidy)?).checked_sub(1)?;
    let row = session.rows.get(index)?;
    Some((pick.name, row.value.clone(), pick.goto))
}

fn choose(menus: &Menus, mut session: Session, index: usize, option: &Choice, origin: Origin) -> Moved {
    for (variable, template) in &option.sets {
        let value = session.fill(template);
        session.put(*variable, value);
    }
    match &option.then {
        Then::Go(goto) => go(menus, session, *goto, None, Leaving::Seen),
        Then::Do(deed) if origin == Origin::Dialled && menus.intent(deed).effect == Effect::Writes => still(session),
        Then::Do(deed) => {
            let site = Site { screen: session.screen, option: u8::try_from(index).ok() };
            perform(menus, session, site, deed, None)
        }
    }
}

fn answer(menus: &Menus, mut session: Session, typed: &Typed, input: &str, heard: impl Fn(String) -> Option<Heard>, origin: Origin) -> Moved {
    let Some(value) = typed.kind.read(input, session.day()) else {
        return miss(menus, session, typed.hint, heard(MASK.to_owned()), origin);
    };
    let heard = heard(typed.kind.mask(&value));
    let secret = if typed.kind.is_secret() { Some(Secret::new(value.clone())) } else { None };
    if let Some(name) = typed.name {
        session.put(name, value);
    }
    let moved = match &typed.then {
        Then::Go(goto) => go(menus, session, *goto, None, Leaving::Seen),
        Then::Do(deed) => {
            let site = Site { screen: session.screen, option: None };
            perform(menus, session, site, deed, secret)
        }
    };
    Moved { heard, ..moved }
}

/// The same screen, asked more kindly; after too many misses, the last screen.
fn miss(menus: &Menus, mut session: Session, hint: TextId, heard: Option<Heard>, origin: Origin) -> Moved {
    session.note = Some((hint, session.page));
    if origin == Origin::Dialled {
        return Moved { missed: true, ..still(session) };
    }
    session.misses = session.misses.saturating_add(1);
    if session.misses >= menus.misses {
        return Moved { heard, missed: true, ..enter(menus, session, menus.gave_up, None) };
    }
    Moved { heard, missed: true, ..still(session) }
}

fn turn_to(mut session: Session, page: impl Fn(u8) -> u8) -> Moved {
    session.page = page(session.page);
    session.misses = 0;
    // A line on the first page belongs to its text and stays, or the pages behind it would shift.
    session.note = session.note.filter(|(_, said_on)| *said_on == 0);
    still(session)
}

/// The page before, or the screen before, or home.
fn back(menus: &Menus, session: Session) -> Moved {
    if session.page > 0 {
        return turn_to(session, |page| page - 1);
    }
    go(menus, session, Goto::Back, None, Leaving::Seen)
}

/// How a screen is left, and so whether going back leads to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaving {
    Seen,
    /// It was never shown.
    Unseen,
    /// Something was done there: nothing behind may be done twice by going back.
    Done,
}

fn go(menus: &Menus, mut session: Session, goto: Goto, line: Option<TextId>, leaving: Leaving) -> Moved {
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
    let Some(mut shelved) = session.shelved.take().filter(|shelved| shelved.digest == menus.digest) else {
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
fn enter(menus: &Menus, mut session: Session, next: ScreenId, line: Option<TextId>) -> Moved {
    match &menus.screen(next).form {
        Form::Do(deed) | Form::End(Some(deed)) => {
            session.note = None;
            perform(menus, session, Site { screen: next, option: None }, deed, None)
        }
        _ => arrive(menus, session, next, 0, line),
    }
}

fn arrive(menus: &Menus, mut session: Session, screen: ScreenId, page: u8, line: Option<TextId>) -> Moved {
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
    Moved { session, wants: Wants::Facts { fact: fact.name, needs }, heard: None, missed: false }
}

fn perform(menus: &Menus, mut session: Session, site: Site, deed: &Deed, secret: Option<Secret>) -> Moved {
    let intent = menus.intent(deed);
    session.pending = Pending::Deed(site);
    session.misses = 0;
    let answers = values_of(menus, &session, intent.needs);
    let secret = secret.filter(|_| intent.secret);
    Moved { session, wants: Wants::Deed(Asked { intent: intent.name, answers, secret }), heard: None, missed: false }
}

fn values_of(menus: &Menus, session: &Session, names: &'static [&'static str]) -> Vec<(&'static str, String)> {
    let value = |name| session.kept(menus, name).unwrap_or_default().to_owned();
    names.iter().map(|&name| (name, value(name))).collect()
}

fn learn(menus: &Menus, session: &mut Session, values: Vec<(Name, String)>, conditions: &[(Name, bool)]) {
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
        (Form::Choose { typed: Some(typed), .. } | Form::Ask(typed), None) => &typed.then,
        (Form::Confirm { deed, .. } | Form::Do(deed) | Form::End(Some(deed)), None) => return Some(deed),
        _ => return None,
    };
    match then {
        Then::Do(deed) => Some(deed),
        Then::Go(_) => None,
    }
}

/// A session of other menus: its numbers mean nothing here.
fn afresh(menus: &Menus, session: Session) -> Moved {
    let fresh = Session { conditions: session.conditions, ..Session::new(menus, session.language, session.day()) };
    enter(menus, fresh, menus.home, None)
}

fn still(session: Session) -> Moved {
    Moved { session, wants: Wants::Nothing, heard: None, missed: false }
}
