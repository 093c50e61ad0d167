//! What documents may name: conditions, variables, facts and intents. The product writes one; the engine holds documents to it.

/// Everything a set of documents may refer to. A document naming anything else is refused.
#[derive(Debug)]
pub struct Vocabulary {
    /// At most 128.
    pub conditions: &'static [&'static str],
    /// Known from the first screen on, given at [`open`](super::open).
    pub globals: &'static [Variable],
    pub facts: &'static [Fact],
    pub intents: &'static [IntentSpec],
}

/// A name that texts may put between braces, and how long its value can be.
#[derive(Debug)]
pub struct Variable {
    pub name: &'static str,
    pub kind: Kind,
}

impl Variable {
    pub const fn new(name: &'static str, kind: Kind) -> Variable {
        Variable { name, kind }
    }
}

/// What a variable holds. A longer value than declared never breaks a screen, it only may cost it a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The largest amount, in whole shillings. Digits are shown with commas.
    Money(u64),
    /// The largest number.
    Count(u64),
    /// The greatest number of characters.
    Words(usize),
    /// Twelve digits, shown as people write them: `0712345678`.
    Phone,
    /// `2026-03-12`, shown as `12/3/2026`.
    Date,
    /// A reference or check code of so many characters.
    Code(usize),
    /// Kept for intents and facts (an id, a digest); no text may show it.
    Hidden,
}

impl Kind {
    /// The longest value as it would be shown, for measuring.
    pub fn longest(&self) -> String {
        match *self {
            Kind::Money(max) => with_commas(&max.to_string()),
            Kind::Count(max) => max.to_string(),
            Kind::Words(max) | Kind::Code(max) => "W".repeat(max),
            Kind::Phone => "0712345678".to_owned(),
            Kind::Date => "28/12/2026".to_owned(),
            Kind::Hidden => String::new(),
        }
    }
}

/// `1500` to `1,500`.
pub(super) fn with_commas(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Something a screen may need to know before it can be shown.
#[derive(Debug)]
pub struct Fact {
    pub name: &'static str,
    pub supplies: &'static [Variable],
    /// The columns of its rows, for lists; `None` when it has no rows.
    pub rows: Option<&'static [Variable]>,
    /// The conditions it sets.
    pub decides: &'static [&'static str],
    /// The kept values it reads, such as the region picked before.
    pub needs: &'static [&'static str],
}

/// Something a phone can ask for.
#[derive(Debug)]
pub struct IntentSpec {
    pub name: &'static str,
    /// The kept values it is given.
    pub needs: &'static [&'static str],
    /// It is given the PIN just typed.
    pub secret: bool,
    pub effect: Effect,
    pub outcomes: &'static [OutcomeSpec],
}

/// What an intent changes, and so how it may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Changes nothing a rider would mind: looks up, checks.
    Reads,
    /// Moves money or rights: only behind a confirm.
    Writes,
    /// Changes something, yet must not wait for a confirm: an emergency, a language, a call for help.
    Direct,
}

/// One way an intent can end.
#[derive(Debug)]
pub struct OutcomeSpec {
    pub name: &'static str,
    pub supplies: &'static [Variable],
    /// The conditions it sets.
    pub decides: &'static [&'static str],
}

impl Vocabulary {
    pub(super) fn condition(&self, name: &str) -> Option<usize> {
        self.conditions.iter().position(|&known| known == name)
    }
}
