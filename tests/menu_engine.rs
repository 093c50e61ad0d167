//! The engine on sample menus: what riders see, key by key, and what holds whatever they type.

#[path = "menus/vocabulary.rs"]
mod vocabulary;

use std::sync::LazyLock;

use chrono::NaiveDate;
use kwastage::menu::{
    self, Asked, Heard, Limits, Menus, Moved, Opening, Outcome, Page, Session, Supplied, Wants,
    decide, decide_dialled, gsm7, render, resolve, supply,
};
use kwastage::primitives::Language;
use proptest::prelude::*;

static MENUS: LazyLock<Menus> = LazyLock::new(|| load(Limits::default()));

fn load(limits: Limits) -> Menus {
    Menus::load("tests/menus/sample", &vocabulary::SAMPLE, limits)
        .unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, 2).unwrap()
}

fn opening<'a>(
    language: Language,
    conditions: &'a [&'a str],
    shelved: Option<Session>,
) -> Opening<'a> {
    let globals = vec![
        ("name".into(), "Amina".to_owned()),
        ("code".into(), "*384*123#".to_owned()),
    ];
    Opening {
        language,
        today: today(),
        conditions,
        globals,
        shelved,
    }
}

/// A caller whose facts and outcomes are given in advance.
struct Caller {
    menus: &'static Menus,
    session: Session,
    facts: Supplied,
    outcome: Outcome,
    asked: Vec<Asked>,
    heard: Option<Heard>,
}

impl Caller {
    fn dials(conditions: &[&str]) -> Caller {
        Caller::opens(opening(Language::ENGLISH, conditions, None))
    }

    fn opens(opening: Opening<'_>) -> Caller {
        let moved = menu::open(&MENUS, opening);
        let session = moved.session.clone();
        let mut caller = Caller {
            menus: &MENUS,
            session,
            facts: Supplied::default(),
            outcome: Outcome::new("done"),
            asked: Vec::new(),
            heard: None,
        };
        caller.settle(moved);
        caller
    }

    fn settle(&mut self, mut moved: Moved) {
        self.heard = moved.heard.take();
        loop {
            moved = match moved.wants {
                Wants::Nothing => break,
                Wants::Facts { .. } => supply(self.menus, moved.session, self.facts.clone()),
                Wants::Deed(asked) => {
                    self.asked.push(asked);
                    resolve(self.menus, moved.session, self.outcome.clone())
                }
            };
        }
        self.session = moved.session;
    }

    fn types(&mut self, input: &str) -> &mut Caller {
        let moved = decide(self.menus, self.session.clone(), input);
        self.settle(moved);
        self
    }

    fn dialled(&mut self, input: &str) -> &mut Caller {
        let moved = decide_dialled(self.menus, self.session.clone(), input);
        self.settle(moved);
        self
    }

    fn page(&self) -> Page {
        render(self.menus, &self.session)
    }

    #[track_caller]
    fn sees(&mut self, text: &str) -> &mut Caller {
        assert_eq!(self.page().text, text);
        self
    }

    fn screen(&self) -> &'static str {
        self.session.screen_name(self.menus)
    }
}

#[test]
fn options_are_numbered_over_what_is_visible_and_round_the_fixed_keys() {
    Caller::dials(&["member"])
        .sees("Karibu Amina.\n1 Contribute\n3 Movements\n4 About\n9 EMERGENCY");
    Caller::dials(&[]).sees("Karibu.\n1 Join\n2 English / Kiswahili\n3 About\n9 EMERGENCY");
    Caller::opens(opening(Language::SWAHILI, &["member"], None))
        .sees("Karibu Amina.\n1 Changia\n3 Miamala\n4 Kuhusu\n9 DHARURA");
}

#[test]
fn hands_and_handsets_may_add_to_a_key() {
    for input in ["4", " 4 ", "4.", "4#", "*4", "4)", " *4# "] {
        assert_eq!(
            Caller::dials(&["member"]).types(input).screen(),
            "about",
            "{input}"
        );
    }
    for (alias, screen) in [("7", "movements"), ("SOS", "alarm.raised")] {
        let mut caller = Caller::dials(&["member"]);
        caller.outcome = Outcome::new("raised");
        assert_eq!(caller.types(alias).screen(), screen, "{alias}");
    }
    // An option that is not shown is not there.
    assert_eq!(Caller::dials(&[]).types("7").screen(), "home");
}

#[test]
fn a_suggestion_an_amount_or_another_amount() {
    let mut caller = Caller::dials(&["member"]);
    caller.facts = Supplied::default()
        .value("arrears", "1250.5")
        .condition("behind", true);
    caller
        .types("1")
        .sees("You are KES 1,250.50 behind.\n1 Clear it: 1,250.50\n2 Another amount\n0 Back");
    caller
        .types("1,500/=")
        .sees("KES 1,500 to the welfare fund. Enter your PIN to agree:\n0 Back\n00 Home");
    caller
        .types("0")
        .types("2")
        .sees("How much, in shillings?\n0 Back\n00 Home");
    // 98 shillings, for there is no page to turn.
    caller
        .types("98")
        .sees("KES 98 to the welfare fund. Enter your PIN to agree:\n0 Back\n00 Home");
    caller.types("00").types("1").types("9");
    assert_eq!(
        caller.heard,
        Some(Heard {
            screen: "contribute".to_owned(),
            masked: "9".to_owned()
        })
    );
    caller.sees("An amount from 10 to 150,000.\nYou are KES 1,250.50 behind.\n1 Clear it: 1,250.50\n2 Another amount\n0 Back");
}

#[test]
fn a_pin_goes_to_its_intent_and_nowhere_else() {
    let mut caller = Caller::dials(&["member"]);
    caller.outcome = Outcome::new("wrong_pin").value("tries_left", 2);
    caller.types("1").types("200").types("7391");
    let asked = caller.asked.pop().unwrap();
    assert_eq!(
        (asked.intent, asked.answer("amount")),
        ("contribute", "200")
    );
    assert_eq!(asked.secret.as_ref().unwrap().expose(), "7391");
    assert!(!format!("{asked:?}{:?}", caller.session).contains("7391"));
    assert_eq!(caller.heard.as_ref().unwrap().masked, "••••");
    let kept = postcard::to_stdvec(&caller.session).unwrap();
    assert!(!kept.windows(4).any(|bytes| bytes == b"7391"));
    caller.sees("Wrong PIN, 2 left.\nKES 200 to the welfare fund. Enter your PIN to agree:\n0 Back\n00 Home");
    caller.outcome = Outcome::new("accepted")
        .value("reference", "7K3M")
        .condition("behind", false);
    // What was done is not done again by going back.
    caller
        .types("7391")
        .sees("Asante. KES 200, 7K3M.\n1 Movements\n00 Home");
    assert_eq!(caller.types("0").screen(), "home");
    assert_eq!(caller.session.kept(&MENUS, "amount"), None);
    assert_eq!(caller.session.kept(&MENUS, "name"), Some("Amina"));
}

#[test]
fn the_journal_hears_no_secret_and_nobodys_data() {
    let mut caller = Caller::dials(&[]);
    let mut hears = |input: &str, masked: &str| {
        caller.types(input);
        let heard = caller.heard.take().unwrap();
        assert_eq!(heard.masked, masked, "{input} on {}", heard.screen);
        assert_eq!(heard.masked.chars().count(), input.chars().count());
    };
    hears("1", "1");
    hears("Amina Wanjiku", "Amina Wanjiku");
    hears("4826", "••••");
    hears("0712 345 678", "••••••••••••");
    hears("12*3*1990", "••*•*••••");
    // A PIN typed in the wrong place.
    hears("482601", "••••••");
    hears("98", "98");
}

#[test]
fn what_is_not_understood_is_asked_again_and_after_three_times_given_up() {
    let mut caller = Caller::dials(&["member"]);
    caller.types("").sees("Choose one of the numbers.\nKaribu Amina.\n1 Contribute\n3 Movements\n4 About\n9 EMERGENCY");
    caller.types("x").types("1").types("x").types("x");
    assert_eq!(caller.screen(), "contribute");
    caller.types("x");
    assert_eq!((caller.screen(), caller.asked.len()), ("gave_up", 1));
    assert_eq!(
        caller.page(),
        Page {
            text: "We are sending you an SMS that shows how. Dial *384*123# any time.".to_owned(),
            end: true
        }
    );
    // A last screen hears nothing.
    assert_eq!(
        (caller.types("1").screen(), caller.asked.len()),
        ("gave_up", 1)
    );
}

#[test]
fn a_long_text_is_paged_at_words() {
    let mut caller = Caller::dials(&["member"]);
    caller.types("4").sees(
        "Riders of a stage save together. When one of them has an accident, falls sick or dies, the fund helps and help is called. A \
         joining fee, and\n98 More\n0 Back",
    );
    caller.types("98").sees(
        "then a little each week from everyone.\n1 Main menu\n2 Where I was\n0 Back\n00 Home",
    );
    caller.types("98");
    assert!(
        caller
            .page()
            .text
            .starts_with("Choose one of the numbers.\nthen a little"),
        "{}",
        caller.page().text
    );
    caller.types("0");
    assert!(caller.page().text.starts_with("Riders of a stage"));
    assert_eq!(caller.types("0").screen(), "home");
}

#[test]
fn rows_are_numbered_over_all_pages_and_never_split() {
    let mut caller = Caller::dials(&[]);
    caller.facts = (1..=20).fold(Supplied::default(), |facts, row| {
        facts.row(
            format!("r{row}"),
            [("region_name", format!("Region number {row}"))],
        )
    });
    caller
        .types("1")
        .types("Amina Wanjiku")
        .types("0712345678")
        .types("12/3/1990");
    let mut rows = Vec::new();
    for page in 0..9 {
        let text = caller.page().text;
        assert_eq!(text.starts_with("Where do you work?"), page == 0);
        rows.extend(
            text.lines()
                .filter(|line| line.contains("Region"))
                .map(str::to_owned),
        );
        if !text.contains("98 More") {
            break;
        }
        caller.types("98");
    }
    let expected: Vec<String> = (1..=20)
        .map(|row| format!("{row} Region number {row}"))
        .collect();
    assert_eq!(rows, expected);
    // A row of another page can be picked as well.
    assert_eq!(caller.types("3").screen(), "join.stage");
    assert_eq!(caller.session.kept(&MENUS, "region"), Some("r3"));
}

#[test]
fn going_back_leads_to_the_page_that_was_left_if_there_still_is_one() {
    let regions = |count| {
        (1..=count).fold(Supplied::default(), |facts, row| {
            facts.row(row, [("region_name", format!("Region number {row}"))])
        })
    };
    let mut caller = Caller::dials(&[]);
    caller.facts = regions(20);
    caller
        .types("1")
        .types("Amina Wanjiku")
        .types("0712345678")
        .types("12/3/1990")
        .types("98")
        .types("98");
    let left = caller.page().text;
    caller.types("3").types("0");
    assert_eq!(caller.page().text, left);
    caller.types("3");
    caller.facts = regions(2);
    caller
        .types("0")
        .sees("Where do you work?\n1 Region number 1\n2 Region number 2\n0 Back\n00 Home");
    assert_eq!(caller.types("0").screen(), "join.born");
}

#[test]
fn a_list_without_rows_says_so_or_leads_on() {
    let mut caller = Caller::dials(&["member"]);
    caller.types("3").sees("Nothing has moved yet.\n0 Back");
    caller.facts = Supplied::default().value("total", 5000).row(
        "",
        [
            ("who", "Juma".to_owned()),
            ("day", "2026-03-01".to_owned()),
            ("moved", "-300".to_owned()),
        ],
    );
    caller
        .types("0")
        .types("3")
        .sees("Fund: KES 5,000. Last:\n1/3/2026 Juma -300\n0 Back");

    let mut caller = Caller::dials(&[]);
    caller
        .types("1")
        .types("Amina Wanjiku")
        .types("0712345678")
        .types("12/3/1990");
    caller.sees("No regions yet.\nThe code of your stage:\n0 Back\n00 Home");
    // The list was never seen: back is the question before it.
    assert_eq!(caller.types("0").screen(), "join.born");
}

#[test]
fn a_long_summary_is_answered_on_its_last_page() {
    let mut caller = Caller::dials(&[]);
    caller
        .types("1")
        .types("Wanjikũ wa Kamau-Odhiambo")
        .types("0712345678")
        .types("12/3/1990");
    caller.outcome = Outcome::new("found").value("their_stage", "Kencom, City Square");
    caller.types("101");
    caller.outcome = Outcome::new("accepted").value("pin_print", "…");
    caller.types("4826");
    assert_eq!(caller.screen(), "join.confirm");
    let first = caller.page().text;
    assert!(first.starts_with("Wanjiku wa Kamau-Odhiambo\nBorn 12/3/1990\nStage: Kencom, City Square\nNext of kin: 0712345678\n"), "{first}");
    assert!(first.ends_with("\n98 More\n0 Back\n00 Home"), "{first}");
    let done = caller.asked.len();
    assert_eq!(
        (caller.types("1").screen(), caller.asked.len()),
        ("join.confirm", done)
    );
    caller.outcome = Outcome::new("joined").condition("member", true);
    caller.types("98").types("1");
    assert_eq!(caller.asked.last().unwrap().answer("born"), "1990-03-12");
    caller.sees("Karibu Amina.\n1 Contribute\n3 Movements\n4 About\n9 EMERGENCY");
}

#[test]
fn an_age_is_reckoned_from_the_day_of_the_call() {
    let mut caller = Caller::dials(&[]);
    caller
        .types("1")
        .types("Amina Wanjiku")
        .types("0712345678")
        .types("3/3/2008");
    caller.sees("You must be 18 or older, like 12/3/1990.\nYour date of birth:\n0 Back\n00 Home");
    assert_eq!(caller.types("2/3/2008").screen(), "join.code");
}

#[test]
fn digits_behind_the_code_stop_where_a_person_must_agree() {
    let mut caller = Caller::dials(&["member"]);
    caller.dialled("1").dialled("200");
    assert_eq!(caller.screen(), "contribute.confirm");
    caller.dialled("4826");
    assert_eq!(
        (caller.screen(), caller.asked.len(), caller.heard.clone()),
        ("contribute.confirm", 0, None)
    );
    // Nor does anything behind it: the rest is dropped.
    caller.dialled("0").dialled("00");
    assert_eq!(caller.screen(), "contribute.confirm");
    // A PIN is never taken from a number that was dialled.
    let mut caller = Caller::dials(&[]);
    for input in ["1", "Amina Wanjiku", "0712345678", "12/3/1990"] {
        caller.types(input);
    }
    caller.outcome = Outcome::new("found");
    caller.types("101").dialled("4826").dialled("0");
    assert_eq!((caller.screen(), caller.asked.len()), ("join.pin", 1));
    // An emergency goes straight in.
    let mut caller = Caller::dials(&[]);
    caller.outcome = Outcome::new("raised").value("case", 12);
    caller
        .dialled("9")
        .dialled("1")
        .sees("Help is being called. Number 12.");
    assert_eq!(caller.asked.len(), 1);
    // A digit that means nothing stops all that follow, and is no miss.
    let mut caller = Caller::dials(&["member"]);
    caller.dialled("8").dialled("1").dialled("200");
    assert_eq!((caller.screen(), caller.heard.clone()), ("home", None));
    assert_eq!(caller.types("x").types("x").screen(), "home");
}

#[test]
fn a_call_that_was_cut_is_offered_again() {
    let mut caller = Caller::dials(&["member"]);
    caller.types("1").types("200");
    let cut = caller.session.clone();
    let mut caller = Caller::opens(opening(Language::SWAHILI, &["member"], Some(cut.clone())));
    caller.sees("Uendelee ulipoachia?\n1 Endelea\n2 Anza upya\n00 Mwanzo");
    caller
        .types("1")
        .sees("KES 200 kwa mfuko. Weka PIN ukikubali:\n0 Rudi\n00 Mwanzo");
    // Digits behind the code say what is wanted; nothing is offered.
    let mut caller = Caller::opens(opening(Language::ENGLISH, &["member"], Some(cut)));
    assert_eq!(caller.dialled("4").screen(), "about");
    // At home there is nothing to go on with.
    let home = Caller::dials(&["member"]).session;
    assert_eq!(
        Caller::opens(opening(Language::ENGLISH, &["member"], Some(home))).screen(),
        "home"
    );
}

#[test]
fn a_deed_can_change_the_language() {
    let mut caller = Caller::dials(&[]);
    caller.outcome = Outcome::new("done").language(Language::SWAHILI);
    caller
        .types("2")
        .types("2")
        .sees("Karibu.\n1 Jiunge\n2 English / Kiswahili\n3 Kuhusu\n9 DHARURA");
    assert_eq!(caller.asked[0].answer("language"), "sw");
}

#[test]
fn sorry_leaves_the_session_as_it_is() {
    let caller = Caller::dials(&["member"]);
    let page = menu::sorry(&MENUS, &caller.session, "sorry");
    assert_eq!(
        page,
        Page {
            text: "Sorry Amina, please dial *384*123# again.".to_owned(),
            end: true
        }
    );
    assert!(MENUS.has_phrase("sorry") && !MENUS.has_phrase("nothing"));
    assert_eq!(MENUS.phrase("yes", Language::SWAHILI), "Ndio");
}

#[test]
fn names_are_folded_and_a_value_beyond_its_length_breaks_nothing() {
    let mut long = opening(Language::ENGLISH, &["member"], None);
    long.globals[0].1 = "Ng’ang’a ".repeat(40);
    let mut caller = Caller::opens(long);
    let text = caller.page().text;
    assert!(
        text.starts_with("Karibu Ng'ang'a Ng'ang'a") && text.ends_with("98 More"),
        "{text}"
    );
    assert_eq!(caller.types("1").screen(), "contribute");
}

#[test]
fn an_outcome_nobody_routed_leads_home() {
    let mut caller = Caller::dials(&["member"]);
    caller.outcome = Outcome::new("struck_by_lightning");
    assert_eq!(
        caller.types("1").types("200").types("4826").screen(),
        "home"
    );
}

#[test]
fn a_session_of_other_menus_starts_again_at_home() {
    let mut caller = Caller::dials(&["member"]);
    caller.types("1").types("200");
    let roomy = load(Limits {
        screen_septets: 182,
        ..Limits::default()
    });
    assert_ne!(roomy.digest(), MENUS.digest());
    assert!(!menu::fits(&roomy, &caller.session));
    let moved = decide(&roomy, caller.session.clone(), "4826");
    assert_eq!(moved.session.screen_name(&roomy), "home");
    assert!(matches!(moved.wants, Wants::Nothing));
}

/// A third language is a matter of texts alone.
#[test]
fn a_third_language_needs_texts_and_nothing_else() {
    let mut documents = Vec::new();
    for name in ["common", "home", "join", "money"] {
        let text = std::fs::read_to_string(format!("tests/menus/sample/{name}.xml")).unwrap();
        let text = text.replace(
            "<language code=\"sw\" name=\"Kiswahili\"/>",
            "<language code=\"sw\" name=\"Kiswahili\"/><language code=\"so\" name=\"Soomaali\"/>",
        );
        documents.push((
            format!("{name}.xml"),
            text.replace("</sw>", "</sw><so>Haa {name}</so>")
                .replace("<so>Haa {name}</so></phrase>", "<so>Haa</so></phrase>"),
        ));
    }
    let menus = Menus::of(&documents, &vocabulary::SAMPLE, Limits::default()).unwrap();
    let somali = Language::parse("so").unwrap();
    assert_eq!(
        menus.languages().map(|(_, name)| name).collect::<Vec<_>>(),
        ["English", "Kiswahili", "Soomaali"]
    );
    let session = menu::open(&menus, opening(somali, &[], None)).session;
    assert!(
        render(&menus, &session)
            .text
            .starts_with("Haa Amina\n1 Haa Amina\n2 English / Kiswahili")
    );
}

#[test]
fn both_pictures_name_every_screen() {
    let (svg, mermaid) = (MENUS.svg(), MENUS.mermaid());
    for screen in MENUS.screens() {
        assert!(
            svg.contains(&format!(">{screen}<")) && mermaid.contains(screen),
            "{screen}"
        );
    }
    assert!(
        mermaid.contains("-->|\"9 alarm\"|")
            && svg.starts_with("<svg")
            && svg.ends_with("</svg>\n")
    );
}

/// Everything that can come from outside between two screens.
#[derive(Clone, Debug)]
struct Turn {
    input: String,
    dialled: bool,
    rows: usize,
    text: String,
    holds: bool,
    outcome: usize,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let key = prop::sample::select(vec![
        "0",
        "00",
        "98",
        "1",
        "2",
        "3",
        "4",
        "9",
        "10",
        "200",
        "4826",
        "0712345678",
        "12/3/1990",
        "Amina Wanjiku",
        "",
        "1*2",
        "##",
    ]);
    let input =
        prop_oneof![6 => key.prop_map(str::to_owned), 1 => ".{0,200}", 1 => any::<String>()];
    let turn = (
        input,
        prop::bool::weighted(0.1),
        0usize..40,
        prop_oneof!["[a-zA-Z ’ũ]{0,30}", ".{0,300}"],
        any::<bool>(),
        any::<usize>(),
    );
    let turn = turn.prop_map(|(input, dialled, rows, text, holds, outcome)| Turn {
        input,
        dialled,
        rows,
        text,
        holds,
        outcome,
    });
    prop::collection::vec(turn, 0..25)
}

fn facts(turn: &Turn) -> Supplied {
    let columns = ["day", "who", "moved", "region_name", "stage_name"];
    let facts = Supplied::default()
        .value("arrears", &turn.text)
        .value("total", &turn.text)
        .condition("behind", turn.holds);
    (0..turn.rows).fold(facts, |facts, row| {
        facts.row(row, columns.map(|column| (column, turn.text.clone())))
    })
}

fn outcome(intent: &str, turn: &Turn) -> Outcome {
    let spec = vocabulary::SAMPLE
        .intents
        .iter()
        .find(|spec| spec.name == intent)
        .unwrap();
    let chosen = &spec.outcomes[turn.outcome % spec.outcomes.len()];
    let outcome = chosen
        .supplies
        .iter()
        .fold(Outcome::new(chosen.name), |outcome, variable| {
            outcome.value(variable.name, &turn.text)
        });
    chosen.decides.iter().fold(outcome, |outcome, condition| {
        outcome.condition(condition, turn.holds)
    })
}

/// One turn to its end: the session, and how many deeds it asked for.
fn play(menus: &Menus, session: Session, turn: &Turn) -> (Session, usize) {
    let mut moved = if turn.dialled {
        decide_dialled(menus, session, &turn.input)
    } else {
        decide(menus, session, &turn.input)
    };
    let mut deeds = 0;
    for _ in 0..10 {
        moved = match moved.wants {
            Wants::Nothing => return (moved.session, deeds),
            Wants::Facts { .. } => supply(menus, moved.session, facts(turn)),
            Wants::Deed(asked) => {
                deeds += 1;
                let outcome = outcome(asked.intent, turn);
                resolve(menus, moved.session, outcome)
            }
        };
    }
    panic!(
        "a turn never came to an end on {}",
        moved.session.screen_name(menus)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_typed_there_is_a_page_that_fits(
        turns in turns(),
        swahili in any::<bool>(),
        member in any::<bool>(),
        name in ".{0,60}",
        cut in any::<bool>(),
    ) {
        let menus = &*MENUS;
        let language = if swahili { Language::SWAHILI } else { Language::ENGLISH };
        let conditions: &[&str] = if member { &["member"] } else { &[] };
        let mut opening = opening(language, conditions, None);
        opening.globals[0].1 = name;
        let first = menu::open(menus, opening).session;
        let (mut session, mut sessions) = (first.clone(), Vec::new());
        for turn in &turns {
            let (next, deeds) = play(menus, session.clone(), turn);
            prop_assert!(deeds <= 1, "{} deeds on one input", deeds);
            let page = render(menus, &next);
            let septets = gsm7::septets(&page.text);
            prop_assert!(septets.is_some_and(|septets| septets + 4 <= 160), "{:?} septets: {}", septets, page.text);
            prop_assert_eq!(&render(menus, &next), &page);
            prop_assert_eq!(page.end, menu::is_over(menus, &next));
            let kept = postcard::to_stdvec(&next).unwrap();
            let read: Session = postcard::from_bytes(&kept).unwrap();
            prop_assert_eq!(&read, &next);
            // A session taken up again is offered, whatever it is.
            if cut {
                let offered = menu::open(menus, Opening { shelved: Some(next.clone()), ..self::opening(language, conditions, None) });
                prop_assert!(gsm7::septets(&render(menus, &offered.session).text).is_some());
            }
            session = next;
            sessions.push(session.clone());
        }
        let mut again = first;
        for (turn, expected) in turns.iter().zip(&sessions) {
            again = play(menus, again, turn).0;
            prop_assert_eq!(&again, expected);
        }
    }

    /// Answers that were never asked for, and answers that never came, change nothing for the worse.
    #[test]
    fn answers_out_of_order_do_no_harm(turns in turns(), order in any::<u64>()) {
        let menus = &*MENUS;
        let mut session = menu::open(menus, opening(Language::ENGLISH, &["member"], None)).session;
        for (place, turn) in turns.iter().enumerate() {
            let moved = match order >> (place % 32 * 2) & 3 {
                0 => supply(menus, session, facts(turn)),
                1 => resolve(menus, session, Outcome::new("accepted")),
                _ => decide(menus, session, &turn.input),
            };
            session = moved.session;
            let page = render(menus, &session);
            prop_assert!(gsm7::septets(&page.text).is_some_and(|septets| septets + 4 <= 160), "{}", page.text);
        }
    }
}

#[test]
fn a_session_is_small() {
    let bytes = |caller: &Caller| postcard::to_stdvec(&caller.session).unwrap().len();
    let mut caller = Caller::dials(&[]);
    caller.facts = (1..=20).fold(Supplied::default(), |facts, row| {
        facts.row(row, [("region_name", format!("Region number {row}"))])
    });
    caller
        .types("1")
        .types("Wanjikũ wa Kamau-Odhiambo")
        .types("0712345678")
        .types("12/3/1990");
    assert!(bytes(&caller) < 700, "{} bytes", bytes(&caller));
    // Rows are kept while they are shown and no longer.
    caller.types("00");
    assert!(bytes(&caller) < 100, "{} bytes", bytes(&caller));
}
