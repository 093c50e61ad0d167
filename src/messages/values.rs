//! What fills a template.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::primitives::Money;

/// One value, by the kind of thing it is; the template declares the same kind and its greatest length.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Said as `1,250`, without the currency.
    Money(Money),
    /// Names and the like; folded to what every phone can show, and cut to the declared length.
    Words(String),
    /// Codes, receipts and member numbers: never cut.
    Code(String),
    Count(u32),
    /// Said as `30 Nov 2026`, the month in the language of the message.
    Date(NaiveDate),
    /// The name of a `<phrase>`, said in the language of the message.
    Phrase(String),
}

/// The values of one message, by name.
///
/// ```
/// use kwastage::messages::Values;
/// use kwastage::primitives::Money;
///
/// let values = Values::new().money("amount", Money::from_shillings(200)).phrase("what", "what.contribution");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Values(BTreeMap<String, Value>);

impl Values {
    pub fn new() -> Values {
        Values::default()
    }

    pub fn money(self, name: &str, amount: Money) -> Values {
        self.with(name, Value::Money(amount))
    }

    /// What a person typed or is called. It is folded and cut to its declared length.
    pub fn words(self, name: &str, words: impl Into<String>) -> Values {
        self.with(name, Value::Words(words.into()))
    }

    /// Made by a machine, and never cut: a receipt, a number, a check code.
    pub fn code(self, name: &str, code: impl Into<String>) -> Values {
        self.with(name, Value::Code(code.into()))
    }

    pub fn count(self, name: &str, count: u32) -> Values {
        self.with(name, Value::Count(count))
    }

    pub fn date(self, name: &str, day: NaiveDate) -> Values {
        self.with(name, Value::Date(day))
    }

    /// One of the phrases of `messages/*.xml`, by name, said in the reader's language.
    pub fn phrase(self, name: &str, phrase: impl Into<String>) -> Values {
        self.with(name, Value::Phrase(phrase.into()))
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    fn with(mut self, name: &str, value: Value) -> Values {
        self.0.insert(name.to_owned(), value);
        self
    }
}
