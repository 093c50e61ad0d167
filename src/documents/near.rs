//! What was perhaps meant by a word nobody knows.

/// `, did you mean "x"?` when one of the known names is near, else nothing.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
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
pub(crate) fn distance(from: &str, to: &str) -> usize {
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
