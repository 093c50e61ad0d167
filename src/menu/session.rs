//! Where a caller is: plain data, small, without a secret.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

use super::screens::{Digest, Form, Menus, ScreenId, Segment, TextId, VariableId};
use crate::primitives::Language;

/// One caller's way through the menus: exactly what deciding and rendering need.
///
/// It belongs to the [`Menus`] with its [`Session::digest`]; under any other it falls back to home.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub(super) digest: Digest,
    pub(super) language: Language,
    /// The day of the call in Nairobi, as days of the common era.
    pub(super) today: i32,
    pub(super) conditions: u128,
    pub(super) screen: ScreenId,
    pub(super) page: u8,
    /// Consecutive inputs not understood.
    pub(super) misses: u8,
    /// Screens behind this one, for going back.
    pub(super) trail: Vec<Step>,
    pub(super) values: Vec<(VariableId, String)>,
    /// A line above the screen's own text, and the page it was said on.
    pub(super) note: Option<(TextId, u8)>,
    pub(super) rows: Vec<SessionRow>,
    pub(super) pending: Pending,
    pub(super) shelved: Option<Box<Session>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Step {
    pub screen: ScreenId,
    pub page: u8,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SessionRow {
    pub value: String,
    pub columns: Vec<String>,
}

/// What was wanted and has not been given yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Pending {
    Nothing,
    Facts,
    Deed(Site),
}

/// Where in the documents a deed stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Site {
    pub screen: ScreenId,
    /// The option, where it is an option's.
    pub option: Option<u8>,
}

/// Steps remembered for going back; older ones are forgotten.
const TRAIL_MAX: usize = 16;

impl Session {
    pub(super) fn new(menus: &Menus, language: Language, today: NaiveDate) -> Session {
        Session {
            digest: menus.digest,
            language,
            today: today.num_days_from_ce(),
            conditions: 0,
            screen: menus.home,
            page: 0,
            misses: 0,
            trail: Vec::new(),
            values: Vec::new(),
            note: None,
            rows: Vec::new(),
            pending: Pending::Nothing,
            shelved: None,
        }
    }

    /// The version of the menus this session runs on.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The screen the caller stands at.
    pub fn screen_name<'m>(&self, menus: &'m Menus) -> &'m str {
        &menus.screen(self.screen).name
    }

    pub fn language(&self) -> Language {
        self.language
    }

    /// Keeps a value under a name the documents or the vocabulary know; any other name is nobody's and dropped.
    pub fn keep(&mut self, menus: &Menus, name: &str, value: impl Into<String>) {
        if let Some(variable) = menus.variable_named(name) {
            self.put(variable, value.into());
        }
    }

    /// The value kept under a name, if any is.
    pub fn kept(&self, menus: &Menus, name: &str) -> Option<&str> {
        self.value(menus.variable_named(name)?)
    }

    /// Sets a condition of the vocabulary; an unknown name changes nothing.
    pub fn set_condition(&mut self, menus: &Menus, name: &str, holds: bool) {
        if let Some(index) = menus.vocabulary.condition(name) {
            self.conditions = if holds {
                self.conditions | 1 << index
            } else {
                self.conditions & !(1 << index)
            };
        }
    }

    /// Whether a condition held when its fact or outcome was last told.
    pub fn holds(&self, menus: &Menus, condition: &str) -> bool {
        menus
            .vocabulary
            .condition(condition)
            .is_some_and(|index| self.conditions & 1 << index != 0)
    }

    pub(super) fn put(&mut self, variable: VariableId, value: String) {
        match self.values.iter_mut().find(|(known, _)| *known == variable) {
            Some((_, kept)) => *kept = value,
            None => self.values.push((variable, value)),
        }
    }

    pub(super) fn value(&self, variable: VariableId) -> Option<&str> {
        self.values
            .iter()
            .find(|(known, _)| *known == variable)
            .map(|(_, value)| value.as_str())
    }

    /// What a template comes to, values as kept.
    pub(super) fn fill(&self, template: &[Segment]) -> String {
        let mut filled = String::new();
        for segment in template {
            match segment {
                Segment::Words(words) => filled.push_str(words),
                Segment::Value(variable) => {
                    filled.push_str(self.value(*variable).unwrap_or_default())
                }
                Segment::Column(..) => {}
            }
        }
        filled
    }

    pub(super) fn day(&self) -> NaiveDate {
        NaiveDate::from_num_days_from_ce_opt(self.today).unwrap_or_default()
    }

    /// Home is a fresh start: what was kept on the way is forgotten, what holds for the whole call stays.
    pub(super) fn forget(&mut self, menus: &Menus) {
        self.trail.clear();
        self.values
            .retain(|(variable, _)| menus.variable(*variable).is_some_and(|known| known.global));
    }

    /// Remembers this screen before going to `next`. Going to a screen already behind us is going back to it.
    pub(super) fn leave_for(&mut self, next: ScreenId) {
        if let Some(behind) = self.trail.iter().position(|step| step.screen == next) {
            self.trail.truncate(behind);
        } else if self.screen != next {
            if self.trail.len() == TRAIL_MAX {
                self.trail.remove(1);
            }
            self.trail.push(Step {
                screen: self.screen,
                page: self.page,
            });
        }
    }
}

/// True when the session runs on these menus; under others it could only start again.
pub fn fits(menus: &Menus, session: &Session) -> bool {
    session.digest == menus.digest
}

/// True when the last screen was reached.
pub fn is_over(menus: &Menus, session: &Session) -> bool {
    matches!(menus.screen(session.screen).form, Form::End(_))
}

/// True on the first screen of a plain dial.
pub fn is_home(menus: &Menus, session: &Session) -> bool {
    session.screen == menus.home
}

/// True when picking the session up again saves more than the one key that the offer costs: a screen straight behind home
/// is not worth it. (With nothing behind it at all, something was done on the way.)
pub fn is_worth_resuming(menus: &Menus, session: &Session) -> bool {
    let is_one_key_away = session.trail.len() == 1;
    fits(menus, session)
        && !is_over(menus, session)
        && !is_home(menus, session)
        && !is_resume_offer(menus, session)
        && !is_one_key_away
}

/// True on the screen that offers to go on where a call was cut.
pub fn is_resume_offer(menus: &Menus, session: &Session) -> bool {
    Some(session.screen) == menus.resume
}

/// True on a screen whose answers are keys, so that a `*` in an input cannot have been meant.
pub fn expects_choice(menus: &Menus, session: &Session) -> bool {
    matches!(
        menus.screen(session.screen).form,
        Form::Choose { .. } | Form::List { .. } | Form::Confirm { secret: false, .. }
    )
}

/// Says where the caller is and nothing of what they typed.
impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("digest", &self.digest)
            .field("language", &self.language)
            .field("screen", &self.screen)
            .field("page", &self.page)
            .field("misses", &self.misses)
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}
