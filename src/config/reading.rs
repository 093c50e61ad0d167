//! Collects keys and mistakes. The default file says which keys exist and of which type each is.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use reqwest::Url;
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox, SecretString};
use toml::{Table, Value};

use super::{DEFAULTS, Key, Mistake};
use crate::documents::distance;
use crate::primitives::{Carrier, Money, Msisdn};

const PREFIX: &str = "KWASTAGE_";
/// Names the configuration file, so it is no key in it.
const FILE_VARIABLE: &str = "KWASTAGE_CONFIG";

/// The merged settings by dotted key, each with the place it came from.
pub(super) struct Reader {
    settings: BTreeMap<String, Setting>,
    defaults: BTreeMap<String, Value>,
    /// Keys some section has asked for.
    pub(super) read: BTreeSet<String>,
    pub(super) mistakes: Vec<Mistake>,
}

struct Setting {
    value: Value,
    place: String,
}

impl Reader {
    pub(super) fn over_defaults() -> Reader {
        let mut reader = Reader {
            settings: BTreeMap::new(),
            defaults: BTreeMap::new(),
            read: BTreeSet::new(),
            mistakes: Vec::new(),
        };
        let place = "config/default.toml";
        match DEFAULTS.parse::<Table>() {
            Ok(table) => {
                for (key, value) in flattened(table) {
                    reader.defaults.insert(key.clone(), value.clone());
                    reader.settings.insert(
                        key,
                        Setting {
                            value,
                            place: place.into(),
                        },
                    );
                }
            }
            Err(error) => reader.note("defaults", place, error.to_string()),
        }
        reader
    }

    pub(super) fn overlay_file(&mut self, name: &str, text: &str) {
        match text.parse::<Table>() {
            Ok(table) => {
                for (key, value) in flattened(table) {
                    self.overlay(&key, value, name);
                }
            }
            // The parser's own message would quote the line, and the line may hold a secret.
            Err(error) => {
                let line = error.span().map_or(0, |span| {
                    text[..span.start.min(text.len())].matches('\n').count() + 1
                });
                self.note(
                    "file",
                    name,
                    format!("line {line} is not TOML: {}", error.message()),
                );
            }
        }
    }

    pub(super) fn overlay_variables(
        &mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) {
        let mut ours: Vec<_> = variables
            .into_iter()
            .filter(|(name, _)| name.starts_with(PREFIX) && name != FILE_VARIABLE)
            .collect();
        ours.sort();
        for (name, text) in ours {
            let key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
            let value = match self.settings.get(&key).map(|setting| &setting.value) {
                Some(Value::Integer(_)) => text
                    .trim()
                    .parse()
                    .map(Value::Integer)
                    .unwrap_or(Value::String(text)),
                Some(Value::Boolean(_)) => text
                    .trim()
                    .parse()
                    .map(Value::Boolean)
                    .unwrap_or(Value::String(text)),
                Some(Value::Array(_)) => {
                    let parts = text
                        .split(',')
                        .map(str::trim)
                        .filter(|part| !part.is_empty());
                    Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
                }
                _ => Value::String(text),
            };
            self.overlay(&key, value, &name);
        }
    }

    fn overlay(&mut self, key: &str, value: Value, place: &str) {
        let Some(setting) = self.settings.get_mut(key) else {
            let advice = match nearest(key, self.settings.keys().map(String::as_str)) {
                Some(near) => format!("there is no such key; did you mean {near}?"),
                None => "there is no such key; config/default.toml lists them all".into(),
            };
            return self.note(key, place, advice);
        };
        *setting = Setting {
            value,
            place: place.to_owned(),
        };
    }

    #[cfg(test)]
    pub(super) fn known(&self) -> impl Iterator<Item = &str> {
        self.defaults.keys().map(String::as_str)
    }

    /// Adds a mistake about a key at the place its value came from.
    pub(super) fn mistake(&mut self, key: &str, advice: impl Into<String>) {
        let place = self
            .settings
            .get(key)
            .map_or_else(String::new, |setting| setting.place.clone());
        self.note(key, &place, advice.into());
    }

    /// True when the key's value is what `config/default.toml` says for one of these keys.
    pub(super) fn holds_a_default_of(&self, key: &str, keys: &[&str]) -> bool {
        let value = self.settings.get(key).map(|setting| &setting.value);
        keys.iter()
            .any(|key| value.is_some() && value == self.defaults.get(*key))
    }

    fn note(&mut self, key: &str, place: &str, advice: String) {
        self.mistakes.push(Mistake {
            key: key.to_owned(),
            place: place.to_owned(),
            advice,
        });
    }

    fn value(&mut self, key: &'static str) -> Option<Value> {
        self.read.insert(key.to_owned());
        self.settings.get(key).map(|setting| setting.value.clone())
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        match self.value(key)? {
            Value::String(text) => Some(text),
            other => {
                self.mistake(
                    key,
                    format!("this is {}; write text in quotes", kind(&other)),
                );
                None
            }
        }
    }

    /// Text that passes a check. The value is quoted in the mistake: not for secrets.
    pub(super) fn matching(
        &mut self,
        key: &'static str,
        advice: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let text = self.text(key)?;
        if fits(&text) {
            return Some(text);
        }
        self.mistake(key, format!("{text:?} will not do: {advice}"));
        None
    }

    pub(super) fn parsed<T: FromStr>(&mut self, key: &'static str, advice: &str) -> Option<T> {
        let text = self.matching(key, advice, |text| text.parse::<T>().is_ok())?;
        text.parse().ok()
    }

    pub(super) fn one_of<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let text = self.matching(key, &format!("write {}", names.join(" or ")), |text| {
            names.contains(&text)
        })?;
        choices
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, choice)| *choice)
    }

    pub(super) fn number(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let advice = format!(
            "write a whole number from {} to {}",
            range.start(),
            range.end()
        );
        match self.value(key)? {
            Value::Integer(number) => match u32::try_from(number)
                .ok()
                .filter(|number| range.contains(number))
            {
                Some(number) => return Some(number),
                None => self.mistake(key, format!("{number} will not do: {advice}")),
            },
            other => self.mistake(key, format!("this is {}; {advice}", kind(&other))),
        }
        None
    }

    pub(super) fn yes_or_no(&mut self, key: &'static str) -> Option<bool> {
        match self.value(key)? {
            Value::Boolean(answer) => Some(answer),
            other => {
                self.mistake(
                    key,
                    format!("this is {}; write true or false", kind(&other)),
                );
                None
            }
        }
    }

    pub(super) fn money(&mut self, key: &'static str) -> Option<Money> {
        let text = self.matching(key, "write shillings in quotes, such as \"200\"", |text| {
            Money::parse_typed(text).is_ok_and(|amount| amount >= Money::ZERO)
        })?;
        Money::parse_typed(&text).ok()
    }

    pub(super) fn http_url(&mut self, key: &'static str) -> Option<Url> {
        let advice = "write scheme and host without a path behind a user name, such as https://api.example.com";
        let text = self.matching(key, advice, |text| {
            text.parse::<Url>().is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.has_host()
                    && url.username().is_empty()
                    && url.query().is_none()
            })
        })?;
        text.parse().ok()
    }

    pub(super) fn addresses(&mut self, key: &'static str) -> Option<Vec<IpAddr>> {
        let mut addresses = Vec::new();
        for text in self.texts(key)? {
            match text.parse() {
                Ok(address) => addresses.push(address),
                Err(_) => self.mistake(
                    key,
                    format!("{text:?} is not an address; write such as 196.201.214.200"),
                ),
            }
        }
        Some(addresses)
    }

    /// Phone numbers, or none.
    pub(super) fn phones_or_none(&mut self, key: &'static str) -> Option<Vec<Msisdn>> {
        let texts = self.texts(key)?;
        let phones: Vec<Msisdn> = texts
            .iter()
            .filter_map(|text| Msisdn::parse(text).ok())
            .collect();
        if phones.len() < texts.len() {
            self.mistake(
                key,
                "write phone numbers, such as 254711000005, or an empty list",
            );
            return None;
        }
        Some(phones)
    }

    /// At least one phone number.
    pub(super) fn phones(&mut self, key: &'static str) -> Option<Vec<Msisdn>> {
        let texts = self.texts(key)?;
        let phones: Vec<Msisdn> = texts
            .iter()
            .filter_map(|text| Msisdn::parse(text).ok())
            .collect();
        if phones.is_empty() || phones.len() < texts.len() {
            self.mistake(key, "write at least one phone number, such as 254711000005");
            return None;
        }
        Some(phones)
    }

    /// At least one provider of text messages, each once.
    pub(super) fn carriers(&mut self, key: &'static str) -> Option<Vec<Carrier>> {
        let texts = self.texts(key)?;
        let carriers: Vec<Carrier> = texts
            .iter()
            .filter_map(|text| Carrier::parse(text))
            .collect();
        let distinct: BTreeSet<&Carrier> = carriers.iter().collect();
        if texts.is_empty() || carriers.len() < texts.len() || distinct.len() < carriers.len() {
            let known = Carrier::ALL.map(Carrier::as_str).join(", ");
            self.mistake(key, format!("write at least one of {known}, each once"));
            return None;
        }
        Some(carriers)
    }

    pub(super) fn secret(&mut self, key: &'static str) -> Option<SecretString> {
        let text = self.text(key)?;
        if text.is_empty() {
            self.mistake(key, "it is empty; write the secret");
            return None;
        }
        Some(SecretString::from(text))
    }

    pub(super) fn secrets(&mut self, key: &'static str) -> Option<Vec<SecretString>> {
        let texts = self.texts(key)?;
        let safe = |text: &String| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if texts.is_empty() || !texts.iter().all(safe) {
            self.mistake(
                key,
                "write at least one, each of letters, digits, - and _ only",
            );
            return None;
        }
        Some(texts.into_iter().map(SecretString::from).collect())
    }

    /// An address that may hold a password.
    pub(super) fn secret_url(
        &mut self,
        key: &'static str,
        schemes: &[&str],
    ) -> Option<SecretString> {
        let text = self.text(key)?;
        if text
            .parse::<Url>()
            .is_ok_and(|url| schemes.contains(&url.scheme()))
        {
            return Some(SecretString::from(text));
        }
        self.mistake(
            key,
            format!(
                "this is not an address beginning with {}://",
                schemes.join(":// or ")
            ),
        );
        None
    }

    pub(super) fn key(&mut self, key: &'static str) -> Option<Key> {
        let mut bytes = SecretBox::new(Box::new([0; 32]));
        let text = SecretString::from(self.text(key)?);
        if hex::decode_to_slice(text.expose_secret(), bytes.expose_secret_mut()).is_ok() {
            return Some(bytes);
        }
        self.mistake(
            key,
            "this is not 64 hex digits; make one with `openssl rand -hex 32`",
        );
        None
    }

    fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        match self.value(key)? {
            Value::Array(values) if values.iter().all(Value::is_str) => Some(
                values
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
            ),
            _ => {
                self.mistake(key, "write a list of texts, such as [\"one\", \"two\"]");
                None
            }
        }
    }
}

/// `{http: {bind: ...}}` as `http.bind`.
fn flattened(table: Table) -> Vec<(String, Value)> {
    let mut pairs = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => pairs.extend(
                flattened(inner)
                    .into_iter()
                    .map(|(rest, value)| (format!("{key}.{rest}"), value)),
            ),
            value => pairs.push((key, value)),
        }
    }
    pairs
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Array(_) => "a list",
        Value::Datetime(_) => "a date",
        Value::Table(_) => "a section",
    }
}

/// The known key a typing slip away from this one, if there is one.
fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let last = |key: &str| key.rsplit('.').next().map(str::to_owned);
    let (steps, near) = known
        .map(|candidate| {
            // The right name under the wrong section is a slip too.
            let moved = if last(candidate) == last(key) {
                1
            } else {
                usize::MAX
            };
            (distance(key, candidate).min(moved), candidate)
        })
        .min_by_key(|(steps, _)| *steps)?;
    (steps <= 2.max(key.len() / 4)).then_some(near)
}
