//! What is wrong with a document, where, and what was perhaps meant.

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

/// `, did you mean "x"?` when one of the known names is near, else nothing.
pub(super) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let far = (word.chars().count() / 3).max(1);
    let nearest = known
        .into_iter()
        .map(|name| (distance(word, name), name))
        .min();
    match nearest {
        Some((steps, name)) if steps <= far => format!(", did you mean \"{name}\"?"),
        _ => String::new(),
    }
}

/// Edit distance: letters added, dropped or exchanged, and neighbours swapped.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![(0..=to.len()).collect::<Vec<usize>>()];
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let same = from[i - 1] == to[j - 1];
            let mut steps = (rows[i - 1][j] + 1)
                .min(row[j - 1] + 1)
                .min(rows[i - 1][j - 1] + usize::from(!same));
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                steps = steps.min(rows[i - 2][j - 2] + 1);
            }
            row.push(steps);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["contribute", "contribute.done", "home"];
        assert_eq!(
            did_you_mean("contribut", known),
            ", did you mean \"contribute\"?"
        );
        assert_eq!(did_you_mean("hmoe", known), ", did you mean \"home\"?");
        assert_eq!(did_you_mean("settings", known), "");
    }
}
