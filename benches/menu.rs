//! What one hop costs in the engine: `cargo bench --bench menu`.

#[path = "../tests/menus/vocabulary.rs"]
mod vocabulary;

use std::sync::LazyLock;

use chrono::NaiveDate;
use divan::{Bencher, black_box};
use kwastage::menu::{self, Limits, Menus, Opening, Session, Supplied, Wants};
use kwastage::primitives::Language;

static MENUS: LazyLock<Menus> = LazyLock::new(load_sample);

fn main() {
    divan::main();
}

fn load_sample() -> Menus {
    Menus::load("tests/menus/sample", &vocabulary::SAMPLE, Limits::default())
        .unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// A member at home.
fn at_home() -> Session {
    let globals = vec![
        ("name".into(), "Amina".to_owned()),
        ("code".into(), "*384*123#".to_owned()),
    ];
    let today = NaiveDate::from_ymd_opt(2026, 3, 2).unwrap();
    menu::open(
        &MENUS,
        Opening {
            language: Language::SWAHILI,
            today,
            conditions: &["member"],
            globals,
            shelved: None,
        },
    )
    .session
}

/// The same member, several inputs on.
fn further(inputs: &[&str]) -> Session {
    inputs.iter().fold(at_home(), |session, input| {
        let moved = menu::decide(&MENUS, session, input);
        match moved.wants {
            Wants::Facts { .. } => menu::supply(&MENUS, moved.session, twenty_movements()).session,
            _ => moved.session,
        }
    })
}

fn twenty_movements() -> Supplied {
    (0..20).fold(
        Supplied::default()
            .value("total", 125_000)
            .value("arrears", 250),
        |facts, row| {
            facts.row(
                "",
                [
                    ("day", "2026-03-01".to_owned()),
                    ("who", "Odhiambo".to_owned()),
                    ("moved", (100 + row).to_string()),
                ],
            )
        },
    )
}

#[divan::bench]
fn decide_a_choice(bencher: Bencher) {
    bencher
        .with_inputs(at_home)
        .bench_values(|session| menu::decide(&MENUS, session, black_box("4")));
}

#[divan::bench]
fn decide_a_typed_amount(bencher: Bencher) {
    bencher
        .with_inputs(|| further(&["1"]))
        .bench_values(|session| menu::decide(&MENUS, session, black_box("1,500")));
}

#[divan::bench]
fn render_home(bencher: Bencher) {
    let session = at_home();
    bencher.bench(|| menu::render(&MENUS, black_box(&session)));
}

#[divan::bench]
fn render_a_confirm(bencher: Bencher) {
    let session = further(&["1", "1500"]);
    bencher.bench(|| menu::render(&MENUS, black_box(&session)));
}

#[divan::bench]
fn render_the_second_page_of_twenty_rows(bencher: Bencher) {
    let session = further(&["3", "98"]);
    bencher.bench(|| menu::render(&MENUS, black_box(&session)));
}

/// A whole navigation hop: decide and render.
#[divan::bench]
fn hop(bencher: Bencher) {
    bencher.with_inputs(at_home).bench_values(|session| {
        let moved = menu::decide(&MENUS, session, black_box("4"));
        menu::render(&MENUS, &moved.session)
    });
}

#[divan::bench]
fn session_to_bytes_and_back(bencher: Bencher) {
    let session = further(&["1", "1500"]);
    bencher.bench(|| {
        let bytes = postcard::to_stdvec(black_box(&session)).expect("a session is plain data");
        postcard::from_bytes::<Session>(&bytes).expect("what was just written")
    });
}

/// Read, parse, compile and check the sample documents.
#[divan::bench]
fn load() -> Menus {
    load_sample()
}
