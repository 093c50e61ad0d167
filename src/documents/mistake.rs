//! What is wrong with a document, and where.

use std::fmt;

/// One mistake in a document. Prints as `menus/home.xml:12:5: there is no screen "contribut", did you mean "contribute"?`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// As given: the folder and the name of the file.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    pub sentence: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.file, self.line, self.column, self.sentence
        )
    }
}

/// A place in one of the documents read together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Index of the document among those read together.
    pub file: u16,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

/// The mistakes found so far in documents read together.
pub(crate) struct Findings<'d> {
    files: Vec<&'d str>,
    mistakes: Vec<Mistake>,
}

impl<'d> Findings<'d> {
    /// Nothing found yet in the documents of these names, in the order their [`Place`]s count them.
    pub fn in_files(files: impl IntoIterator<Item = &'d str>) -> Findings<'d> {
        Findings {
            files: files.into_iter().collect(),
            mistakes: Vec::new(),
        }
    }

    /// Notes a mistake at its place.
    pub fn wrong(&mut self, place: Place, sentence: impl Into<String>) {
        let file = self.files.get(usize::from(place.file)).copied();
        self.mistakes.push(Mistake {
            file: file.unwrap_or_default().to_owned(),
            line: place.line,
            column: place.column,
            sentence: sentence.into(),
        });
    }

    pub fn is_empty(&self) -> bool {
        self.mistakes.is_empty()
    }

    /// What was made of the documents if nothing is wrong with them, else every mistake.
    pub fn or<T>(self, made: T) -> Result<T, Vec<Mistake>> {
        if self.is_empty() {
            Ok(made)
        } else {
            Err(self.into_mistakes())
        }
    }

    /// Every mistake once, by file and line.
    pub fn into_mistakes(mut self) -> Vec<Mistake> {
        self.mistakes.sort();
        self.mistakes.dedup();
        self.mistakes
    }
}
