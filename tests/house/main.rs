//! The house checks itself: each test is one rule, and a failure names the file and the line that break it.
//!
//! The rules look at the text of the sources. Test code (`tests.rs`, `testing.rs`, a `mod tests` at the end) is free of
//! most of them; comments are free of all that speak of code.

mod lists;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use lists::{ELSEWHERE, FLOORS, PURE, READERS, SQL, UPWARD};

/// Where `unreachable!` may stand: an HMAC takes a key of any length.
const UNREACHABLE: &[&str] = &[
    "app.rs",
    "conversation/store/seal.rs",
    "conversation/transcript.rs",
];

/// Where `panic!` may stand: in a constant, where the compiler meets it and nobody else.
const PANIC_IN_A_CONSTANT: &str = "primitives/nairobi.rs";

const LINES_MAX: usize = 700;

/// Longer than [`LINES_MAX`]: one protocol case after the other, each to be found by its number.
const LONG: &[&str] = &["tests/payments/vectors.rs", "tests/menu_engine.rs"];

#[test]
fn arrows_go_down() {
    let mut broken = Vec::new();
    for file in code() {
        let from = ELSEWHERE
            .iter()
            .find(|(path, _)| *path == file.path)
            .map_or_else(|| floor_of(&file.room()), |(_, floor)| number_of(floor));
        for (line, text) in &file.lines {
            for to in rooms_named(text) {
                let allowed = UPWARD
                    .iter()
                    .any(|(path, room, _)| *path == file.path && *room == to);
                if floor_of(&to) < from && !allowed {
                    broken.push(file.at(*line, &format!("{to} is a floor above")));
                }
            }
        }
    }
    none(broken);
}

#[test]
fn two_features_never_know_each_other() {
    let mut knows: BTreeMap<(String, String), String> = BTreeMap::new();
    let features = FLOORS[number_of("deeds")].1;
    for file in code() {
        for (line, text) in &file.lines {
            for to in rooms_named(text) {
                if to != file.room()
                    && features.contains(&to.as_str())
                    && features.contains(&file.room().as_str())
                {
                    let here = file.at(*line, &format!("knows {to}"));
                    knows.entry((file.room(), to)).or_insert(here);
                }
            }
        }
    }
    let mutual = knows
        .iter()
        .filter(|((from, to), _)| knows.contains_key(&(to.clone(), from.clone())));
    none(mutual.map(|(_, here)| here.clone()).collect());
}

#[test]
fn rules_are_pure() {
    let words = [
        "sqlx",
        "tokio",
        "async ",
        ".await",
        "Utc::now",
        "PgConnection",
        "SystemTime::now",
        "Instant::now",
    ];
    for listed in PURE {
        assert!(
            source(listed).exists(),
            "{listed} is gone: strike it from PURE"
        );
    }
    let models = |path: &str| path.ends_with("/model.rs");
    let pure = |path: &str| models(path) || PURE.iter().any(|listed| path.starts_with(listed));
    none(holding(&words, |path| !pure(path)));
}

#[test]
fn only_the_clock_asks_the_time() {
    none(holding(
        &["Utc::now", "Local::now", "SystemTime::now"],
        |path| path == "clock.rs",
    ));
}

#[test]
fn nothing_gives_up_outside_tests() {
    let words = [".unwrap()", ".expect(\"", "todo!(", "unimplemented!("];
    none(holding(&words, |_| false));
    none(holding(&["panic!("], |path| path == PANIC_IN_A_CONSTANT));
    none(holding(&["unreachable!("], |path| {
        UNREACHABLE.contains(&path)
    }));
}

#[test]
fn sql_stands_in_the_stores() {
    let store =
        |path: &str| path.ends_with("/store.rs") || path.contains("/store/") || SQL.contains(&path);
    none(holding(&["sqlx::query"], store));
}

#[test]
fn a_table_belongs_to_one_room() {
    let tables = tables();
    let mut rooms: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    for file in code() {
        for (line, sql) in file.sql() {
            for table in named_in(&sql, &tables) {
                let known = READERS
                    .iter()
                    .any(|(read, room, _)| *read == table && *room == file.room());
                if !known {
                    let here = file.at(line, &format!("names {table}"));
                    rooms
                        .entry(table)
                        .or_default()
                        .entry(file.room())
                        .or_insert(here);
                }
            }
        }
    }
    let shared = rooms.values().filter(|rooms| rooms.len() > 1);
    none(shared.flat_map(|rooms| rooms.values().cloned()).collect());
}

#[test]
fn no_file_is_too_long() {
    let mut broken = Vec::new();
    for path in tree(&["src", "tests", "simulators", "services", "benches"]) {
        let name = name_of(&path);
        let lines = read(&path).lines().count();
        if name.ends_with(".rs") && lines > LINES_MAX && !LONG.contains(&name.as_str()) {
            broken.push(format!("{name}:{lines}: more than {LINES_MAX} lines"));
        }
    }
    none(broken);
}

#[test]
fn no_file_speaks_of_one_machine() {
    // Written in halves, so that this file does not break its own rule.
    let words: Vec<String> = [
        ("/wo", "rk/"),
        ("/ho", "me/"),
        ("/Us", "ers/"),
        ("pypi", ".org"),
        ("files.python", "hosted"),
        ("registry.npm", "js"),
        ("index.crates", ".io"),
        ("static.crates", ".io"),
        ("proxy.gol", "ang"),
    ]
    .iter()
    .map(|(front, back)| format!("{front}{back}"))
    .collect();
    let mut broken = Vec::new();
    let folders = [
        "benches",
        "config",
        "docs",
        "insurance",
        "load",
        "menus",
        "messages",
        "migrations",
        "scripts",
        "services",
        "simulators",
        "src",
        "tests",
        "Cargo.toml",
        "Dockerfile",
        "Makefile",
        "README.md",
        "build.rs",
        "compose.yaml",
    ];
    for path in tree(&folders) {
        for (index, line) in read(&path).lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(word.as_str())) {
                broken.push(format!("{}:{}: {word}", name_of(&path), index + 1));
            }
        }
    }
    none(broken);
}

#[test]
fn a_migration_has_a_number_of_its_own() {
    let mut numbers = BTreeMap::new();
    let mut broken = Vec::new();
    for path in tree(&["migrations"]) {
        let name = name_of(&path);
        let number = name
            .trim_start_matches("migrations/")
            .split('_')
            .next()
            .unwrap_or_default()
            .to_owned();
        if let Some(other) = numbers.insert(number, name.clone()) {
            broken.push(format!("{name}:1: has the number of {other}"));
        }
    }
    none(broken);
}

/// One source file below `src/`, without tests and comments.
struct Source {
    /// Below `src/`, such as `payments/verdict.rs`.
    path: String,
    /// Numbered from 1.
    lines: Vec<(usize, String)>,
}

impl Source {
    fn room(&self) -> String {
        let first = self.path.split('/').next().unwrap_or_default();
        first.trim_end_matches(".rs").to_owned()
    }

    fn at(&self, line: usize, what: &str) -> String {
        format!("src/{}:{line}: {what}", self.path)
    }

    /// The texts in quotes that are SQL, each with the line it begins on.
    fn sql(&self) -> Vec<(usize, String)> {
        let mut texts = Vec::new();
        // The text that is open, and what closes it.
        let mut open: Option<(usize, String, &str)> = None;
        for (line, text) in &self.lines {
            // A quote in a character or behind a backslash opens and closes nothing.
            let text = text.replace("'\"'", "").replace("\\\"", "");
            let mut rest = text.as_str();
            loop {
                match open.take() {
                    Some((from, mut said, end)) => match rest.split_once(end) {
                        Some((last, after)) => {
                            texts.push((from, said + last));
                            rest = after;
                        }
                        None => {
                            said.push_str(rest);
                            said.push(' ');
                            open = Some((from, said, end));
                            break;
                        }
                    },
                    None => match rest.split_once('"') {
                        Some((before, after)) => {
                            let end = if before.ends_with("r#") { "\"#" } else { "\"" };
                            open = Some((*line, String::new(), end));
                            rest = after;
                        }
                        None => break,
                    },
                }
            }
        }
        let verbs = ["select ", "insert ", "update ", "delete ", "with ", "lock "];
        texts.retain(|(_, said)| {
            verbs
                .iter()
                .any(|verb| said.trim_start().to_lowercase().starts_with(verb))
        });
        texts
    }
}

/// All of `src/` but its tests and its map.
fn code() -> Vec<Source> {
    let mut sources = Vec::new();
    for path in tree(&["src"]) {
        let name = name_of(&path).trim_start_matches("src/").to_owned();
        let test = name.contains("/tests/")
            || name.ends_with("/tests.rs")
            || name.ends_with("/testing.rs");
        if test || name == "lib.rs" || !name.ends_with(".rs") {
            continue;
        }
        let text = read(&path);
        let code = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        let lines = code
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .map(|(index, line)| (index + 1, line.to_owned()))
            .collect();
        sources.push(Source { path: name, lines });
    }
    assert!(sources.len() > 100, "the sources were not found");
    sources
}

/// Places outside of these files that hold one of the words.
fn holding(words: &[&str], may: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in code().into_iter().filter(|file| !may(&file.path)) {
        for (line, text) in &file.lines {
            for word in words.iter().filter(|word| text.contains(**word)) {
                found.push(file.at(*line, &format!("holds {word}")));
            }
        }
    }
    found
}

/// The rooms behind each `crate::` of a line.
fn rooms_named(line: &str) -> BTreeSet<String> {
    let behind = line.split("crate::").skip(1);
    let named = behind.map(|rest| {
        rest.split(|c: char| !c.is_ascii_lowercase() && c != '_')
            .next()
            .unwrap_or_default()
    });
    named
        .filter(|room| !room.is_empty())
        .map(str::to_owned)
        .collect()
}

fn floor_of(room: &str) -> usize {
    FLOORS
        .iter()
        .position(|(_, rooms)| rooms.contains(&room))
        .unwrap_or_else(|| {
            panic!(
                "the room {room} stands on no floor: add it to FLOORS and to the map in src/lib.rs"
            )
        })
}

fn number_of(floor: &str) -> usize {
    FLOORS
        .iter()
        .position(|(name, _)| *name == floor)
        .expect("a floor of FLOORS")
}

/// Every table that a migration creates; those of the ledger with their schema.
fn tables() -> Vec<String> {
    let mut tables = Vec::new();
    for path in tree(&["migrations"]) {
        for line in read(&path).lines() {
            if let Some(rest) = line.trim_start().strip_prefix("create table ") {
                tables.extend(
                    words_of(rest)
                        .into_iter()
                        .find(|word| !["if", "not", "exists"].contains(&word.as_str())),
                );
            }
        }
    }
    assert!(tables.len() > 20, "the tables were not found");
    tables
}

/// The tables that stand in a statement where a table stands.
fn named_in<'t>(sql: &str, tables: &'t [String]) -> Vec<&'t str> {
    let words = words_of(&sql.to_lowercase());
    let mut named = Vec::new();
    for pair in words.windows(2) {
        if ["from", "into", "update", "join", "only", "table"].contains(&pair[0].as_str()) {
            named.extend(
                tables
                    .iter()
                    .filter(|table| **table == pair[1])
                    .map(String::as_str),
            );
        }
    }
    named
}

fn words_of(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The files of these folders, or these files, by name; what is built or fetched is left out.
fn tree(names: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open: Vec<PathBuf> = names.iter().map(|name| root().join(name)).collect();
    while let Some(path) = open.pop() {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if ["target", "node_modules", "__pycache__"].contains(&name) {
            continue;
        }
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a readable folder");
            open.extend(entries.map(|entry| entry.expect("a readable entry").path()));
        } else if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).expect("a readable file")).into_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn source(path: &str) -> PathBuf {
    root().join("src").join(path)
}

fn name_of(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

#[track_caller]
fn none(broken: Vec<String>) {
    assert!(
        broken.is_empty(),
        "the house rule is broken:\n{}",
        broken.join("\n")
    );
}
