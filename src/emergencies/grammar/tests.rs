use proptest::prelude::*;

use super::*;

fn says(case: Option<i64>, says: Says) -> Option<Order> {
    Some(Order::Answer { case, says })
}

fn coming(case: Option<i64>, minutes: Option<i32>) -> Option<Order> {
    says(case, Says::Accept { minutes })
}

fn phone(typed: &str) -> Option<Msisdn> {
    Some(Msisdn::parse(typed).unwrap())
}

#[test]
fn coming_as_people_write_it() {
    let any = None;
    let (c42, eight) = (Some(42), Some(8));
    for (text, wanted) in [
        ("1", coming(any, None)),
        (" 1. ", coming(any, None)),
        ("1 ok", coming(any, None)),
        ("1 42", coming(c42, None)),
        ("OK", coming(any, None)),
        ("ok!!", coming(any, None)),
        ("sawa", coming(any, None)),
        ("\u{1F44D}", coming(any, None)),
        ("\u{1F44D} 42", coming(c42, None)),
        ("42", coming(c42, None)),
        ("#42", coming(c42, None)),
        ("OK 42", coming(c42, None)),
        ("ok42", coming(c42, None)),
        ("42ok", coming(c42, None)),
        ("OK 00042", coming(c42, None)),
        ("Ok SOS 42", coming(c42, None)),
        ("SOS 42 ok 8", coming(c42, eight)),
        ("E-2026-00042", coming(c42, None)),
        ("OK E-2026-00042", coming(c42, None)),
        ("42 8", coming(c42, eight)),
        ("42, 8min", coming(c42, eight)),
        ("42 8 dakika", coming(c42, eight)),
        ("42 ok 8", coming(c42, eight)),
        ("ok 42 8", coming(c42, eight)),
        ("OK 42 15", coming(c42, Some(15))),
        ("8", coming(any, eight)),
        ("8 min", coming(any, eight)),
        ("OK 8", coming(any, eight)),
        ("NDIYO 42", coming(c42, None)),
        ("yes 42 8", coming(c42, eight)),
        ("Nakuja 42", coming(c42, None)),
        ("nakuja 42 dakika 8", coming(c42, eight)),
        ("nakuja sasa hivi", coming(any, None)),
        ("nakja 42", coming(c42, None)),
        ("coming in 8 min", coming(any, eight)),
        ("I am coming 42", coming(c42, None)),
        ("15 min", coming(any, Some(15))),
        ("dakika 15", coming(any, Some(15))),
        ("42 dakika 8", coming(c42, eight)),
        ("42 15 min", coming(c42, Some(15))),
        ("42 8 tafadhali", coming(c42, eight)),
        ("42 8 nakuja", coming(c42, eight)),
        ("OK 15 min", coming(any, Some(15))),
        ("nakuja dakika 15", coming(any, Some(15))),
        ("sawa nakuja sasa 42 8", coming(c42, eight)),
        ("on my way 42", coming(c42, None)),
        ("niko njiani 42 8", coming(c42, eight)),
        ("42 nakuja \u{1F64F} subiri", coming(c42, None)),
    ] {
        assert_eq!(read(text), wanted, "{text:?}");
    }
}

#[test]
fn everything_else_about_a_case() {
    let c42 = Some(42);
    let done = |said: &str| Says::Done(said.to_owned());
    for (text, wanted) in [
        ("HERE 42", says(c42, Says::Arrive)),
        ("here", says(None, Says::Arrive)),
        ("42 here", says(c42, Says::Arrive)),
        ("Nimefika 42", says(c42, Says::Arrive)),
        ("nimefka", says(None, Says::Arrive)),
        ("niko hapa 42", says(c42, Says::Arrive)),
        ("NIPO 42", says(c42, Says::Arrive)),
        ("MORE 42 2", says(c42, Says::More(2))),
        ("more 2", says(None, Says::More(2))),
        ("ZAIDI 42", says(c42, Says::More(1))),
        ("42 more 3 people", says(c42, Says::More(3))),
        ("42 2 more", says(c42, Says::More(2))),
        ("MORE 42 99", says(c42, Says::More(20))),
        (
            "DONE 42 taken to KNH, 2 hurt",
            says(c42, done("taken to KNH, 2 hurt")),
        ),
        ("done", says(None, done(""))),
        (
            "Imekwisha amepelekwa Hospitali",
            says(None, done("amepelekwa Hospitali")),
        ),
        ("42 tayari: sawa sasa", says(c42, done("sawa sasa"))),
        ("MALIZA 42", says(c42, done(""))),
        ("imekwsha 42", says(c42, done(""))),
        (
            "DONE 2 taken to hospital",
            says(None, done("2 taken to hospital")),
        ),
        ("FALSE 42", says(c42, Says::FalseAlarm(String::new()))),
        ("false alarm 42", says(c42, Says::FalseAlarm(String::new()))),
        (
            "UONGO 42 watoto",
            says(c42, Says::FalseAlarm("watoto".to_owned())),
        ),
        ("42 si kweli", says(c42, Says::FalseAlarm(String::new()))),
        ("SI KWELI 42", says(c42, Says::FalseAlarm(String::new()))),
        ("NO 42", says(c42, Says::Decline)),
        ("SIWEZI 42", says(c42, Says::Decline)),
        ("hapana 42 niko mbali", says(c42, Says::Decline)),
        ("42 can't come", says(c42, Says::Decline)),
        (
            "GIVE 42 0712345678",
            says(c42, Says::HandOver(phone("0712345678"))),
        ),
        (
            "PITISHA 42 0712 345 678",
            says(c42, Says::HandOver(phone("0712345678"))),
        ),
        (
            "give 42 +254 712 345678",
            says(c42, Says::HandOver(phone("0712345678"))),
        ),
        (
            "GIVE 0712345678",
            says(None, Says::HandOver(phone("0712345678"))),
        ),
        ("GIVE 42", says(c42, Says::HandOver(None))),
        ("give", says(None, Says::HandOver(None))),
        (
            "NOTE 42 Blue Bajaj, KMFX 123",
            says(c42, Says::Note("Blue Bajaj, KMFX 123".to_owned())),
        ),
        ("ANDIKA 42", says(c42, Says::Note(String::new()))),
        ("42?", Some(Order::About(c42))),
        ("42 ?", Some(Order::About(c42))),
        ("INFO 42", Some(Order::About(c42))),
        ("Wapi 42", Some(Order::About(c42))),
        ("KESI 42", Some(Order::About(c42))),
        ("CASES", Some(Order::List)),
        ("kesi", Some(Order::List)),
        ("NDIYO", Some(Order::Yes)),
        ("yes please", Some(Order::Yes)),
        ("No", Some(Order::No)),
        ("hapana", Some(Order::No)),
    ] {
        assert_eq!(read(text), wanted, "{text:?}");
    }
}

#[test]
fn duty() {
    for (text, wanted) in [
        ("ON", Some(Order::OnDuty)),
        ("on duty", Some(Order::OnDuty)),
        ("NIPO", Some(Order::OnDuty)),
        ("Nipo kazini", Some(Order::OnDuty)),
        ("OFF", Some(Order::OffDuty)),
        ("off tena", Some(Order::OffDuty)),
        ("SIPO", Some(Order::OffDuty)),
        ("SIPO 42", says(Some(42), Says::Decline)),
        ("SWAP 0711000004", Some(Order::Swap(phone("0711000004")))),
        (
            "badili 0711 000 004",
            Some(Order::Swap(phone("0711000004"))),
        ),
        ("SWAP 711000004", Some(Order::Swap(phone("0711000004")))),
        ("BADILI", Some(Order::Swap(None))),
        ("swap odhiambo", Some(Order::Swap(None))),
        ("on sale now: airtime", None),
    ] {
        assert_eq!(read(text), wanted, "{text:?}");
    }
}

#[test]
fn what_is_for_others_is_left_to_them() {
    for text in [
        "",
        "...",
        "?",
        "HELP",
        "MSAADA",
        "STOP",
        "ACHA",
        "START",
        "ANZA",
        "BAL",
        "BALANCE",
        "SALIO",
        "PAY 200",
        "LIPA 200",
        "ksh200",
        "2k",
        "200/=",
        "CLAIM",
        "DAI",
        "LOAN",
        "MKOPO",
        "POLICY",
        "BIMA",
        "STATUS",
        "HALI",
        "JOIN",
        "JIUNGE 101",
        "RECEIPT 7K3M",
        "RISITI 7K3M",
        "STAKABADHI",
        "7K3M",
        "SOS",
        "SOS accident Kenyatta market",
        "SOS 42 Moi Avenue",
        "Dharura ajali Kenyatta market",
        "0712345678",
        "42 0712345678",
        "asante",
        "habari yako",
        "niko na shida",
        "mama mboga",
        "0",
    ] {
        assert_eq!(read(text), None, "{text:?}");
    }
}

/// The way to answer stands in our own texts: in each, every word that is said to be sent is understood as what it is said
/// to mean.
#[test]
fn what_our_texts_say_to_send_is_understood() {
    let texts = include_str!("../../../messages/coordinators.xml").to_owned()
        + include_str!("../../../messages/emergencies.xml");
    let texts = texts.replace("{case}", "42").replace("{first}", "42");
    for (promised, wanted) in [
        ("Reply 1 = I come", ("1", coming(None, None))),
        ("Jibu 1 = nakuja", ("1", coming(None, None))),
        ("42 8 = there in 8 min", ("42 8", coming(Some(42), Some(8)))),
        (
            "42 8 = nafika kwa dakika 8",
            ("42 8", coming(Some(42), Some(8))),
        ),
        ("Reply 42", ("42", coming(Some(42), None))),
        ("Jibu 42", ("42", coming(Some(42), None))),
        ("HERE 42", ("HERE 42", says(Some(42), Says::Arrive))),
        ("NIMEFIKA 42", ("NIMEFIKA 42", says(Some(42), Says::Arrive))),
        (
            "DONE 42",
            ("DONE 42", says(Some(42), Says::Done(String::new()))),
        ),
        (
            "TAYARI 42",
            ("TAYARI 42", says(Some(42), Says::Done(String::new()))),
        ),
        ("NO 42", ("NO 42", says(Some(42), Says::Decline))),
        ("HAPANA 42", ("HAPANA 42", says(Some(42), Says::Decline))),
        ("MORE 42 2", ("MORE 42 2", says(Some(42), Says::More(2)))),
        ("ZAIDI 42 2", ("ZAIDI 42 2", says(Some(42), Says::More(2)))),
        (
            "GIVE 42 0712345678",
            (
                "GIVE 42 0712345678",
                says(Some(42), Says::HandOver(phone("0712345678"))),
            ),
        ),
        (
            "PITISHA 42 0712345678",
            (
                "PITISHA 42 0712345678",
                says(Some(42), Says::HandOver(phone("0712345678"))),
            ),
        ),
        ("42?", ("42?", Some(Order::About(Some(42))))),
        ("CASES", ("CASES", Some(Order::List))),
        ("KESI", ("KESI", Some(Order::List))),
        ("send ON", ("ON", Some(Order::OnDuty))),
        ("atume NIPO", ("NIPO", Some(Order::OnDuty))),
        ("Send OFF", ("OFF", Some(Order::OffDuty))),
        ("Tuma SIPO", ("SIPO", Some(Order::OffDuty))),
        (
            "SWAP 0712345678",
            ("SWAP 0712345678", Some(Order::Swap(phone("0712345678")))),
        ),
        (
            "BADILI 0712345678",
            ("BADILI 0712345678", Some(Order::Swap(phone("0712345678")))),
        ),
        ("Reply YES", ("YES", Some(Order::Yes))),
        ("Jibu NDIYO", ("NDIYO", Some(Order::Yes))),
    ] {
        assert!(
            texts.contains(promised),
            "no text says {promised:?} any more"
        );
        assert_eq!(read(wanted.0), wanted.1, "{promised:?}");
    }
}

proptest! {
    /// Any text at all is read without a stumble, and what is read holds to its bounds.
    #[test]
    fn any_text(text in ".*") {
        if let Some(Order::Answer { case, says }) = read(&text) {
            prop_assert!(case.is_none_or(|case| (10..=999_999).contains(&case)));
            match says {
                Says::Accept { minutes } => prop_assert!(minutes.is_none_or(|m| (1..=MINUTES_MAX).contains(&m))),
                Says::More(people) => prop_assert!((1..=20).contains(&people)),
                _ => {}
            }
        }
    }

    /// The same with words that mean something, in any order and pasted together.
    #[test]
    fn any_heap_of_known_words(words in proptest::collection::vec(
        prop::sample::select(vec!["42", "8", "1", "OK", "ok42", "SOS", "E", "2026", "00042", "HERE", "MORE", "DONE", "SI", "KWELI", "NO",
            "GIVE", "0712345678", "0712", "NOTE", "ON", "MY", "OFF", "SWAP", "42?", "dakika", "min", "\u{1F6A8}", "n'go", "ß", "é8", "۴۲"]), 0..8),
        glue in prop::sample::select(vec![" ", "", ", ", "\n"])) {
        let _ = read(&words.join(glue));
    }

    /// Whatever stands in front of and behind it, a case's number is that number.
    #[test]
    fn the_number_is_read_as_written(case in 10_i64..999_999, minutes in 1_i32..=600, zeros in 0_usize..3) {
        let width = case.to_string().len() + zeros;
        if width <= 6 {
            prop_assert_eq!(read(&format!("ok {case:0width$}")), coming(Some(case), None));
        }
        if !format!("{case}").starts_with("254") {
            prop_assert_eq!(read(&format!("{case} {minutes}")), coming(Some(case), Some(minutes)));
        }
        prop_assert_eq!(read(&format!("E-2026-{case:05} nakuja {minutes}")), coming(Some(case), Some(minutes)));
    }
}
