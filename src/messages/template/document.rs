//! Reading `messages/*.xml`: elements with their places, nothing of their meaning.

use std::fmt;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Something wrong in a document, at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.file, self.line, self.column, self.what
        )
    }
}

/// An element, its texts joined and its white space folded.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub text: String,
    pub children: Vec<Element>,
    /// Bytes from the start of the document.
    pub at: usize,
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(attribute, _)| attribute == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A document, for telling places in it.
#[derive(Clone, Copy)]
pub(super) struct Document<'a> {
    pub file: &'a str,
    pub source: &'a str,
}

impl Document<'_> {
    pub fn mistake(self, at: usize, what: impl Into<String>) -> Mistake {
        let before = self.source.get(..at).unwrap_or(self.source);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Mistake {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            what: what.into(),
        }
    }

    /// Reads the document into its root element.
    pub fn read(self) -> Result<Element, Mistake> {
        let mut reader = Reader::from_str(self.source);
        let mut open: Vec<Element> = Vec::new();
        loop {
            let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let event = reader
                .read_event()
                .map_err(|error| self.mistake(at, error.to_string()))?;
            let closed = match event {
                Event::Start(start) => {
                    open.push(self.element(&start, at)?);
                    None
                }
                Event::Empty(start) => Some(self.element(&start, at)?),
                Event::End(_) => open.pop(),
                Event::Text(text) => {
                    self.add_text(&mut open, &text, at)?;
                    None
                }
                Event::CData(text) => {
                    self.add_text(&mut open, &text, at)?;
                    None
                }
                Event::GeneralRef(reference) => {
                    let written = format!("&{};", &*reference);
                    let meant = quick_xml::escape::unescape(&written);
                    let meant = meant
                        .map_err(|error| self.mistake(at, error.to_string()))?
                        .into_owned();
                    self.add_text(&mut open, &meant, at)?;
                    None
                }
                Event::Eof => {
                    return Err(self.mistake(at, "the document ends before its root element does"));
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => None,
            };
            if let Some(mut element) = closed {
                element.text = element
                    .text
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ");
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => return Ok(element),
                }
            }
        }
    }

    fn element(self, start: &BytesStart<'_>, at: usize) -> Result<Element, Mistake> {
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| self.mistake(at, error.to_string()))?;
            let value = quick_xml::escape::unescape(&attribute.value)
                .map_err(|error| self.mistake(at, error.to_string()))?;
            attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
        }
        Ok(Element {
            name: start.name().as_ref().to_owned(),
            attributes,
            at,
            ..Element::default()
        })
    }

    fn add_text(self, open: &mut [Element], text: &str, at: usize) -> Result<(), Mistake> {
        match open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(self.mistake(at, "text outside of the root element")),
        }
        Ok(())
    }
}
