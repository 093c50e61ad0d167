//! Documents as trees of elements, each with the place it stands at.

use std::path::Path;

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use super::mistake::{Findings, Mistake, Place};

/// One document: its root element.
pub(crate) struct Document {
    pub file: String,
    pub root: Element,
}

#[derive(Debug)]
pub(crate) struct Element {
    pub name: String,
    pub place: Place,
    pub attributes: Vec<Attribute>,
    pub children: Vec<Element>,
    /// Its own text, entities resolved, white space as written.
    pub text: String,
}

#[derive(Debug)]
pub(crate) struct Attribute {
    pub name: String,
    pub value: String,
    pub place: Place,
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes
            .iter()
            .find(|attribute| attribute.name == name)
    }

    pub fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Its text with every run of white space as one blank, and none around it.
    pub fn folded_text(&self) -> String {
        let words: Vec<&str> = self.text.split_whitespace().collect();
        words.join(" ")
    }
}

/// The `*.xml` files of a folder by name, each with its text.
pub(crate) fn read_folder(dir: &Path) -> Result<Vec<(String, String)>, Vec<Mistake>> {
    let unreadable = |path: &Path, why: &dyn std::fmt::Display| {
        vec![Mistake {
            file: path.display().to_string(),
            line: 1,
            column: 1,
            sentence: format!("cannot be read: {why}"),
        }]
    };
    let entries = std::fs::read_dir(dir).map_err(|why| unreadable(dir, &why))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|why| unreadable(dir, &why))?.path();
        if path.extension().is_some_and(|extension| extension == "xml") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(unreadable(dir, &"there is no .xml file in this folder"));
    }
    let (mut documents, mut mistakes) = (Vec::new(), Vec::new());
    for path in paths {
        match std::fs::read_to_string(&path) {
            Ok(text) => documents.push((path.display().to_string(), text)),
            Err(why) => mistakes.extend(unreadable(&path, &why)),
        }
    }
    if mistakes.is_empty() {
        Ok(documents)
    } else {
        Err(mistakes)
    }
}

/// Parses every document, given as file name and text, or tells what is malformed in each.
pub(crate) fn parse_all(documents: &[(String, String)]) -> Result<Vec<Document>, Vec<Mistake>> {
    let mut findings = Findings::in_files(documents.iter().map(|(file, _)| file.as_str()));
    let mut trees = Vec::new();
    for (index, (file, text)) in documents.iter().enumerate() {
        match parse(&Source::of(text, u16::try_from(index).unwrap_or(u16::MAX))) {
            Ok(root) => trees.push(Document {
                file: file.clone(),
                root,
            }),
            Err((place, sentence)) => findings.wrong(place, sentence),
        }
    }
    findings.or(trees)
}

/// Elements nested deeper than this are neither a menu nor a message.
const DEPTH_MAX: usize = 16;

fn parse(source: &Source<'_>) -> Result<Element, (Place, String)> {
    let mut reader = Reader::from_str(source.text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let start = reader.buffer_position() as usize;
        let event = reader.read_event().map_err(|error| {
            let at = (reader.error_position() as usize).max(start);
            (source.place(at), format!("the XML is malformed: {error}"))
        })?;
        let malformed = |sentence: &str| {
            (
                source.place(start),
                format!("the XML is malformed: {sentence}"),
            )
        };
        match event {
            Event::Start(tag) => {
                if open.len() >= DEPTH_MAX {
                    return Err(malformed("elements are nested too deep"));
                }
                open.push(element(source, start, &tag)?);
            }
            Event::Empty(tag) => {
                let closed = element(source, start, &tag)?;
                attach(closed, &mut open, &mut root).map_err(malformed)?;
            }
            Event::End(_) => {
                let closed = open
                    .pop()
                    .ok_or_else(|| malformed("an element ends that never began"))?;
                attach(closed, &mut open, &mut root).map_err(malformed)?;
            }
            Event::Text(text) => {
                let text = text.xml10_content();
                match open.last_mut() {
                    Some(parent) => parent.text.push_str(&text),
                    None if text.trim().is_empty() => {}
                    None => return Err(malformed("text stands outside the root element")),
                }
            }
            Event::CData(data) => {
                if let Some(parent) = open.last_mut() {
                    parent.text.push_str(&data.xml10_content());
                }
            }
            Event::GeneralRef(reference) => {
                let c = match reference.resolve_char_ref() {
                    Ok(Some(c)) => Some(c),
                    _ => named_entity(&reference.xml10_content()),
                };
                let c = c.ok_or_else(|| malformed("an unknown entity; only &amp; &lt; &gt; &quot; &apos; and character numbers are known"))?;
                if let Some(parent) = open.last_mut() {
                    parent.text.push(c);
                }
            }
            Event::DocType(_) => return Err(malformed("a document type has no place here")),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => {
                return match open.pop() {
                    Some(unclosed) => Err((
                        unclosed.place,
                        format!("the XML is malformed: <{}> is never closed", unclosed.name),
                    )),
                    None => root.ok_or_else(|| malformed("there is no root element")),
                };
            }
        }
    }
}

fn attach(
    closed: Element,
    open: &mut [Element],
    root: &mut Option<Element>,
) -> Result<(), &'static str> {
    match open.last_mut() {
        Some(parent) => parent.children.push(closed),
        None if root.is_none() => *root = Some(closed),
        None => return Err("there is a second root element"),
    }
    Ok(())
}

fn named_entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

fn element(
    source: &Source<'_>,
    start: usize,
    tag: &BytesStart<'_>,
) -> Result<Element, (Place, String)> {
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| {
            (
                source.place(start),
                format!("the XML is malformed: {error}"),
            )
        })?;
        let name = attribute.key.as_ref();
        let place = source.place(source.offset_of(name).unwrap_or(start));
        let value = attribute
            .normalized_value(XmlVersion::Explicit1_0)
            .map_err(|error| (place, format!("the XML is malformed: {error}")))?;
        attributes.push(Attribute {
            name: name.to_owned(),
            value: value.into_owned(),
            place,
        });
    }
    Ok(Element {
        name: tag.name().as_ref().to_owned(),
        place: source.place(start),
        attributes,
        children: Vec::new(),
        text: String::new(),
    })
}

struct Source<'a> {
    text: &'a str,
    file: u16,
    /// The byte each line begins at.
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    fn of(text: &'a str, file: u16) -> Source<'a> {
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Source { text, file, lines }
    }

    fn place(&self, at: usize) -> Place {
        let at = (0..=at.min(self.text.len()))
            .rev()
            .find(|at| self.text.is_char_boundary(*at))
            .unwrap_or(0);
        let line = self.lines.partition_point(|start| *start <= at) - 1;
        let column = self.text[self.lines[line]..at].chars().count() + 1;
        Place {
            file: self.file,
            line: u32::try_from(line + 1).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }

    /// Where a piece borrowed from this text stands. The reader borrows names, so that the address tells the place.
    fn offset_of(&self, piece: &str) -> Option<usize> {
        let offset = (piece.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        (offset + piece.len() <= self.text.len()).then_some(offset)
    }
}
