//! Whether two names can be one person's. M-PESA writes them in capitals, all of them, and in any order.

/// True when no word of ours stands in theirs. Nothing to compare is no difference.
pub(super) fn differ(ours: &[&str], theirs: &str) -> bool {
    let words = |name: &str| -> Vec<String> {
        name.split(|c: char| !c.is_alphanumeric())
            .filter(|word| word.chars().count() > 1)
            .map(str::to_uppercase)
            .collect()
    };
    let theirs = words(theirs);
    let ours: Vec<String> = ours.iter().flat_map(|name| words(name)).collect();
    !theirs.is_empty() && !ours.is_empty() && ours.iter().all(|word| !theirs.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_in_common_is_enough() {
        for (ours, theirs, different) in [
            (["Amina", "Wanjiku"], "AMINA WANJIKU", false),
            (["Amina", "Wanjiku"], "WANJIKU  AMINA NJERI", false),
            (["Amina", "Wanjiku"], "AMINA OTIENO", false),
            (["Amina", "Wanjiku"], "SOMEONE ELSE", true),
            (["Amina", "Wanjiku"], "A W", false),
            (["Amina", "Wanjiku"], "", false),
        ] {
            assert_eq!(differ(&ours, theirs), different, "{theirs}");
        }
    }
}
