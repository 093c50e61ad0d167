//! One input on one screen: what it means there, and what the journal may know of it.

use super::exchange::{Heard, Moved};
use super::keys::{option_meant, row_meant};
use super::render;
use super::screens::{Choice, Deed, Form, Goto, Menus, Screen, TextId, Then, Typed, VariableId};
use super::session::{Pending, Session, Site, is_over};
use super::travel::{Leaving, enter, go, perform, still};
use super::typed::{Type, tidy};
use super::vocabulary::Effect;
use crate::primitives::Secret;

/// Where an input comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Typed,
    /// Behind the code, before anything was shown.
    Dialled,
}

pub(super) fn take(menus: &Menus, mut session: Session, typed: &str, origin: Origin) -> Moved {
    if session.digest != menus.digest {
        return afresh(menus, session);
    }
    session.pending = Pending::Nothing;
    let screen = menus.screen(session.screen);
    let input = Input {
        menus,
        screen,
        typed,
        tidy: tidy(typed),
        origin,
    };
    if is_over(menus, &session) || origin == Origin::Dialled && input.needs_a_person(&session) {
        return still(session);
    }
    input.meaning(session)
}

/// A session of other menus: its numbers mean nothing here.
fn afresh(menus: &Menus, session: Session) -> Moved {
    let fresh = Session::new(menus, session.language, session.day());
    enter(
        menus,
        Session {
            conditions: session.conditions,
            ..fresh
        },
        menus.home,
        None,
    )
}

struct Input<'a> {
    menus: &'a Menus,
    screen: &'a Screen,
    typed: &'a str,
    /// What was typed, without what hands and handsets add.
    tidy: &'a str,
    origin: Origin,
}

impl Input<'_> {
    /// Dialled digits end where a person must read or say yes.
    fn needs_a_person(&self, session: &Session) -> bool {
        match &self.screen.form {
            _ if session.note.is_some() => true,
            Form::Confirm { .. } => true,
            Form::Ask(typed) => self.is_out_of_reach(&typed.then, typed.kind.is_secret()),
            _ => false,
        }
    }

    /// What only a person at this screen may do: hand over a PIN, or change something that would have needed a yes.
    fn is_out_of_reach(&self, then: &Then, is_secret: bool) -> bool {
        let writes =
            matches!(then, Then::Do(deed) if self.menus.intent(deed).effect == Effect::Writes);
        self.origin == Origin::Dialled && (writes || is_secret)
    }

    fn meaning(&self, mut session: Session) -> Moved {
        let menus = self.menus;
        let is_paged = self.tidy == "98"
            || session.page > 0
            || matches!(self.screen.form, Form::Confirm { .. });
        let last = if is_paged {
            render::pages(menus, &session) - 1
        } else {
            0
        };
        // The screen may have fewer pages than when this one was turned.
        session.page = session.page.min(u8::try_from(last).unwrap_or(u8::MAX));
        let more = usize::from(session.page) < last;
        match (self.tidy, &self.screen.form) {
            // Where it is a number that people mean, such as how many are hurt.
            ("0", Form::Ask(typed)) if typed.kind.takes_zero() => self.answer(session, typed),
            ("0", _) => self.heard(back(menus, session)),
            ("00", _) => self.heard(enter(menus, session, menus.home, None)),
            ("98", _) if more => self.heard(turn_to(session, |page| page + 1)),
            (
                _,
                Form::Choose {
                    options,
                    typed,
                    taken,
                },
            ) => {
                match (
                    option_meant(options, *taken, session.conditions, self.tidy),
                    typed,
                ) {
                    (Some(index), _) => self.choose(session, index, &options[index]),
                    (None, Some(typed)) => self.answer(session, typed),
                    (None, None) => self.miss(session, menus.words.not_a_choice),
                }
            }
            (_, Form::Ask(typed)) => self.answer(session, typed),
            // A summary is answered where it ends, not before it was read.
            (_, Form::Confirm { hint, .. }) if more => self.miss(session, *hint),
            (
                _,
                Form::Confirm {
                    secret: true,
                    hint,
                    deed,
                },
            ) => match Type::Pin.read(self.typed, session.day()) {
                Some(pin) => {
                    self.heard_masked(self.perform(session, None, deed, Some(Secret::new(pin))))
                }
                None => self.miss(session, *hint),
            },
            ("1", Form::Confirm { deed, .. }) => {
                self.heard(self.perform(session, None, deed, None))
            }
            ("2", Form::Confirm { .. }) => self.heard(back(menus, session)),
            (_, Form::Confirm { hint, .. }) => self.miss(session, *hint),
            (_, Form::List { pick, .. }) => match row_meant(&session, pick.as_ref(), self.tidy) {
                Some((name, value, goto)) => self.heard(self.pick(session, name, value, goto)),
                None => self.miss(session, menus.words.not_a_choice),
            },
            (_, Form::Do(_) | Form::End(_)) => still(session),
        }
    }

    fn choose(&self, mut session: Session, index: usize, option: &Choice) -> Moved {
        if self.is_out_of_reach(&option.then, false) {
            return self.miss(session, self.menus.words.not_a_choice);
        }
        for (variable, template) in &option.sets {
            let value = session.fill(template);
            session.put(*variable, value);
        }
        match &option.then {
            Then::Go(goto) => self.heard(go(self.menus, session, *goto, None, Leaving::Seen)),
            Then::Do(deed) => {
                self.heard(self.perform(session, u8::try_from(index).ok(), deed, None))
            }
        }
    }

    fn pick(&self, mut session: Session, name: VariableId, value: String, goto: Goto) -> Moved {
        session.put(name, value);
        go(self.menus, session, goto, None, Leaving::Seen)
    }

    fn answer(&self, mut session: Session, typed: &Typed) -> Moved {
        if self.is_out_of_reach(&typed.then, typed.kind.is_secret()) {
            return self.miss(session, typed.hint);
        }
        let Some(value) = typed.kind.read(self.typed, session.day()) else {
            return self.miss(session, typed.hint);
        };
        let secret = typed.kind.is_secret().then(|| Secret::new(value.clone()));
        if let Some(name) = typed.name {
            session.put(name, value);
        }
        let moved = match &typed.then {
            Then::Go(goto) => go(self.menus, session, *goto, None, Leaving::Seen),
            Then::Do(deed) => self.perform(session, None, deed, secret),
        };
        if typed.kind.is_private() {
            self.heard_masked(moved)
        } else {
            self.heard(moved)
        }
    }

    fn perform(
        &self,
        session: Session,
        option: Option<u8>,
        deed: &Deed,
        secret: Option<Secret>,
    ) -> Moved {
        let site = Site {
            screen: session.screen,
            option,
        };
        perform(self.menus, session, site, deed, secret)
    }

    /// The same screen, asked more kindly; after too many misses, the last screen.
    fn miss(&self, mut session: Session, hint: TextId) -> Moved {
        session.note = Some((hint, session.page));
        if self.origin == Origin::Dialled {
            return Moved {
                missed: true,
                ..still(session)
            };
        }
        session.misses = session.misses.saturating_add(1);
        let moved = match session.misses >= self.menus.misses {
            true => enter(self.menus, session, self.menus.gave_up, None),
            false => still(session),
        };
        // A PIN typed in the wrong place is a PIN all the same.
        let is_a_key = self.tidy.len() <= 2 && !self.asks_for_a_secret();
        let moved = if is_a_key {
            self.heard(moved)
        } else {
            self.heard_masked(moved)
        };
        Moved {
            missed: true,
            ..moved
        }
    }

    fn asks_for_a_secret(&self) -> bool {
        match &self.screen.form {
            Form::Ask(typed) => typed.kind.is_secret(),
            Form::Confirm { secret, .. } => *secret,
            _ => false,
        }
    }

    fn heard(&self, moved: Moved) -> Moved {
        self.noted(moved, self.typed.chars().take(NOTED_MAX).collect())
    }

    fn heard_masked(&self, moved: Moved) -> Moved {
        let mask = |c| if c == '*' { '*' } else { '•' };
        self.noted(
            moved,
            self.typed.chars().take(NOTED_MAX).map(mask).collect(),
        )
    }

    fn noted(&self, moved: Moved, masked: String) -> Moved {
        Moved {
            heard: Some(Heard {
                screen: self.screen.name.clone(),
                masked,
            }),
            ..moved
        }
    }
}

/// More characters than a phone can send in one reply.
const NOTED_MAX: usize = 200;

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
