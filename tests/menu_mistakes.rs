//! Each mistake a document can have, told with its place and in a sentence. One broken sample a mistake, in `tests/menus/broken`.

#[path = "menus/vocabulary.rs"]
mod vocabulary;

use std::collections::BTreeSet;
use std::fs;

use kwastage::documents::Mistake;
use kwastage::menu::{Limits, Menus};
use proptest::prelude::*;

fn document(path: &str) -> (String, String) {
    let file = format!("tests/menus/{path}.xml");
    let text = fs::read_to_string(&file).unwrap_or_else(|why| panic!("{file}: {why}"));
    (format!("{path}.xml"), text)
}

/// What is found in a broken journey beside sound documents.
fn mistakes_in(sample: &str) -> Vec<Mistake> {
    let documents = [
        document("base/common"),
        document("base/home"),
        document(&format!("broken/{sample}")),
    ];
    Menus::of(&documents, &vocabulary::SAMPLE, Limits::default())
        .err()
        .unwrap_or_default()
}

const MISTAKES: &[(&str, u32, u32, &str)] = &[
    (
        "dead_end",
        2,
        3,
        "dead end: from the screen \"start\" no way leads to an end",
    ),
    (
        "deed_without_confirm",
        6,
        3,
        "the deed \"leave\" on the screen \"pay\" can be reached without a <confirm>",
    ),
    (
        "duplicate_key",
        5,
        27,
        "the key \"4\" belongs to the option \"first\" already",
    ),
    (
        "hidden_shown",
        7,
        23,
        "the variable \"pin_print\" is kept for intents and never shown",
    ),
    (
        "last_say_conditional",
        2,
        3,
        "the last <say> of <end> must have no \"when\"",
    ),
    (
        "limit_out_of_range",
        2,
        45,
        "\"many\" is not a whole number from 1 to 80",
    ),
    (
        "lone_brace",
        2,
        24,
        "a brace stands alone; a variable is written {name}",
    ),
    (
        "malformed",
        3,
        19,
        "the XML is malformed: ill-formed document: expected `</en>`, but `</em>` was found",
    ),
    (
        "missing_attribute",
        4,
        5,
        "<option> needs the attribute \"name\"",
    ),
    ("missing_language", 2, 19, "<say> has no text in <sw>"),
    (
        "need_unset",
        2,
        3,
        "the intent \"contribute\" needs \"amount\", which is not set on every way here",
    ),
    (
        "not_seven_bit",
        2,
        24,
        "\"’\" is not in the seven-bit alphabet of phones, write \"'\"",
    ),
    (
        "nothing_to_choose",
        2,
        3,
        "dead end: the screen \"start\" offers nothing when !member",
    ),
    (
        "option_too_long",
        5,
        7,
        "this option can take 146 septets with every variable at its longest; there is room for 133",
    ),
    (
        "outcome_unrouted",
        2,
        3,
        "the outcome \"raised\" of the intent \"raise_alarm\" leads nowhere",
    ),
    (
        "page_too_long",
        7,
        7,
        "this page can take 163 septets with every variable at its longest; there is room for 156",
    ),
    (
        "path_too_long",
        16,
        3,
        "the way home > start > step1 > step2 > step3 > step4 > step5 > step6 > step7 > step8 > step9 > step10 > step11 takes about 212 seconds; the network allows 180",
    ),
    (
        "pin_kept",
        2,
        3,
        "a PIN is never kept: it needs an \"intent\" to be handed to",
    ),
    (
        "pin_not_asked",
        2,
        23,
        "the intent \"choose_pin\" needs a PIN, which nobody types here",
    ),
    (
        "reserved_key",
        4,
        26,
        "the key \"98\" is the engine's own: 0 back, 00 home, 98 more",
    ),
    (
        "unshown_without_key",
        5,
        27,
        "an option is shown unless it says shown=\"no\", and then it needs a key",
    ),
    (
        "round_without_a_screen",
        2,
        3,
        "dead end: from \"start\" a way leads round without ever showing a screen",
    ),
    ("screen_twice", 3, 8, "a screen \"start\" exists already"),
    (
        "shelved_elsewhere",
        2,
        3,
        "only the screen \"resume\" may lead to \"@shelved\"",
    ),
    (
        "text_outside_a_language",
        2,
        19,
        "<say> has text of its own; texts stand in <en>, <sw> and the like",
    ),
    ("text_twice", 2, 54, "<en> says this a second time"),
    (
        "two_deeds_at_once",
        2,
        3,
        "after \"raise_alarm\" the screen \"second\" would do a second thing on the same input",
    ),
    (
        "unclosed",
        1,
        1,
        "the XML is malformed: <journey> is never closed",
    ),
    (
        "unknown_attribute",
        5,
        13,
        "<option> has no attribute \"gotto\", did you mean \"goto\"?",
    ),
    (
        "unknown_condition",
        2,
        24,
        "there is no condition \"membr\", did you mean \"member\"?",
    ),
    (
        "unknown_element",
        4,
        5,
        "<opton> is not known here, did you mean \"option\"?",
    ),
    (
        "unknown_fact",
        2,
        19,
        "there is no fact \"standng\", did you mean \"standing\"?",
    ),
    (
        "unknown_intent",
        2,
        23,
        "there is no intent \"contribut\", did you mean \"contribute\"?",
    ),
    (
        "unknown_language",
        3,
        40,
        "the language \"fr\" is not declared in <common>; declared are en, sw",
    ),
    (
        "unknown_outcome",
        4,
        9,
        "the intent \"raise_alarm\" has no outcome \"rised\", did you mean \"raised\"?",
    ),
    (
        "unknown_screen",
        4,
        23,
        "there is no screen \"hom\", did you mean \"home\"?",
    ),
    (
        "unknown_type",
        2,
        32,
        "there is no type \"word\", did you mean \"words\"?",
    ),
    (
        "unknown_variable",
        3,
        5,
        "there is no variable \"nam\", did you mean \"name\"?",
    ),
    (
        "unreachable_screen",
        3,
        3,
        "no way leads to the screen \"island\"",
    ),
    (
        "variable_unset",
        9,
        5,
        "the variable \"amount\" is not set on every way here: not when coming from \"start\"",
    ),
];

#[test]
fn every_mistake_is_told_with_its_place() {
    for (sample, line, column, sentence) in MISTAKES {
        let expected = vec![format!("broken/{sample}.xml:{line}:{column}: {sentence}")];
        let told: Vec<String> = mistakes_in(sample).iter().map(Mistake::to_string).collect();
        assert_eq!(told, expected, "{sample}");
    }
    let listed: BTreeSet<String> = MISTAKES
        .iter()
        .map(|(sample, ..)| format!("{sample}.xml"))
        .collect();
    let written = fs::read_dir("tests/menus/broken").unwrap();
    let written: BTreeSet<String> = written
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(listed, written, "every broken sample is in the table");
}

#[test]
fn what_the_engine_says_itself_must_be_written() {
    let (file, common) = document("base/common");
    let without_more = common
        .lines()
        .filter(|line| !line.contains("\"more\""))
        .collect::<Vec<_>>()
        .join("\n");
    let documents = [
        (file, without_more),
        document("base/home"),
        document("sample/money"),
    ];
    let mistakes = Menus::of(&documents, &vocabulary::SAMPLE, Limits::default()).unwrap_err();
    let told = mistakes
        .iter()
        .map(Mistake::to_string)
        .find(|told| told.contains("phrase"));
    assert_eq!(
        told.as_deref(),
        Some("base/common.xml:2:1: the phrase \"more\" is missing: the engine says it")
    );
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_documents() {
    let documents = ["unknown_screen", "missing_language", "unknown_fact"]
        .map(|sample| document(&format!("broken/{sample}")));
    let documents = [
        vec![document("base/common"), document("base/home")],
        documents.to_vec(),
    ]
    .concat();
    let told = Menus::of(&documents, &vocabulary::SAMPLE, Limits::default()).unwrap_err();
    let files: Vec<&str> = told.iter().map(|mistake| mistake.file.as_str()).collect();
    assert!(files.is_sorted() && told.len() >= 3, "{told:?}");
    for sample in ["unknown_screen", "missing_language", "unknown_fact"] {
        assert!(
            files.contains(&format!("broken/{sample}.xml").as_str()),
            "{sample}"
        );
    }
}

#[test]
fn a_folder_that_cannot_be_read_is_a_mistake_too() {
    let told = Menus::load(
        "tests/menus/nowhere",
        &vocabulary::SAMPLE,
        Limits::default(),
    )
    .unwrap_err();
    assert_eq!(
        (told.len(), told[0].file.as_str()),
        (1, "tests/menus/nowhere")
    );
}

/// Things a slip of the hand leaves behind.
const SLIPS: [&str; 16] = [
    "",
    " ",
    "<",
    ">",
    "\"",
    "/",
    "{",
    "}",
    "&amp;",
    "’",
    "<en>",
    "</en>",
    " key=\"1\"",
    "<on/>",
    "home",
    "\u{0}",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is damaged, reading either succeeds or tells at least one mistake in a place that exists.
    #[test]
    fn damage_is_told_or_harmless(
        at in any::<prop::sample::Index>(),
        which in 0usize..4,
        length in 0usize..40,
        slip in prop::sample::select(SLIPS.to_vec()),
    ) {
        let mut documents = ["common", "home", "join", "money"].map(|name| document(&format!("sample/{name}")));
        let damaged = &mut documents[which].1;
        let characters: Vec<char> = damaged.chars().collect();
        let from = at.index(characters.len());
        let behind = (from + length).min(characters.len());
        *damaged = characters[..from].iter().chain(slip.chars().collect::<Vec<_>>().iter()).chain(&characters[behind..]).collect();
        if let Err(mistakes) = Menus::of(&documents, &vocabulary::SAMPLE, Limits::default()) {
            prop_assert!(!mistakes.is_empty());
            for mistake in mistakes {
                let text = documents.iter().find(|(file, _)| *file == mistake.file).map(|(_, text)| text.as_str());
                let lines = text.unwrap_or_default().lines().count().max(1);
                prop_assert!((1..=lines + 1).contains(&(mistake.line as usize)) && mistake.column >= 1, "{}", mistake);
            }
        }
    }
}
