use super::super::words::words;
use super::*;
use EmergencyKind::{Accident, Death, Mechanical, Medical, Other, Theft};

fn read(text: &str) -> Option<Alarm> {
    alarm(text, &words(text))
}

#[test]
fn what_is_an_alarm() {
    for text in [
        "SOS",
        "sos!!!",
        "Sos.",
        "S.O.S",
        "s o s",
        "SOOOS",
        "SSOOSS",
        "sos1",
        "s0s",
        "\u{1F6A8}SOS\u{1F6A8}",
        "  dhaRura \n",
        "dharula",
        "darura",
        "dharrura",
        "Emergency",
        "emergncy",
        "MAYDAY",
        "help sos accident at kencom",
        "please help emergency kencom",
        "kuna dharura hapa stage",
        "help accident",
        "nisaidie ajali",
        "Msaada ajali kencom",
        "help me i have been robbed",
        "saidia mgonjwa",
        "nisaidieni majambazi",
        "ajali kencom",
        "Accident at kencom 3 hurt",
        "kuna ajali kencom",
        "nimeibiwa boda",
        "help puncture",
        "ok sos",
        "42 sos",
        "SOS 11",
        "STOP SOS",
        "30 people emergency kencom",
        "hakuna polisi hapa, dharura",
        "no one is helping, emergency kencom",
    ] {
        assert!(read(text).is_some(), "{text:?}");
    }
}

#[test]
fn what_is_none() {
    for text in [
        "",
        "HELP",
        "help me",
        "msaada",
        "nisaidie",
        "help with my pin",
        "nisaidie kulipa",
        "no emergency",
        "si dharura",
        "hakuna ajali",
        "not an emergency",
        "DONE 42 emergency over",
        "42 done emergency over",
        "OK 42",
        "claim accident",
        "dai la ajali",
        "help claim accident",
        "help me contribute for a sick friend",
        "kifo",
        "moto sana",
        "sosi",
        "Sospeter",
        "mgonjwa",
        "puncture",
        "STOP",
        "salio",
        "sawa",
        "I paid the fund of the stage in case of an emergency",
    ] {
        assert_eq!(read(text), None, "{text:?}");
    }
}

#[test]
fn what_and_where_are_told_apart() {
    for (text, kind, injured, place) in [
        ("SOS", None, None, None),
        ("SOS!!! \u{1F62D}", None, None, None),
        ("SOS 42", None, None, None),
        ("sos please come quickly", None, None, None),
        ("SOS Kencom", None, None, Some("Kencom")),
        (
            "SOS kencom near the bank",
            None,
            None,
            Some("kencom near the bank"),
        ),
        (
            "SOS accident Kenyatta market",
            Some(Accident),
            None,
            Some("Kenyatta market"),
        ),
        (
            "Dharura ajali Kenyatta market",
            Some(Accident),
            None,
            Some("Kenyatta market"),
        ),
        (
            "help sos accident at kencom",
            Some(Accident),
            None,
            Some("kencom"),
        ),
        ("nisaidie ajali", Some(Accident), None, None),
        (
            "SOS niko Kencom, nimepata ajali",
            Some(Accident),
            None,
            Some("Kencom"),
        ),
        (
            "SOS accident 3 hurt at Kencom",
            Some(Accident),
            Some(3),
            Some("3 hurt at Kencom"),
        ),
        (
            "dharura ajali watu 3 wameumia Ngong road",
            Some(Accident),
            Some(3),
            Some("watu 3 wameumia Ngong road"),
        ),
        (
            "dharura watu wawili Ngong road",
            None,
            Some(2),
            Some("watu wawili Ngong road"),
        ),
        ("sos two people are hurt", Some(Medical), Some(2), None),
        ("SOS wizi Kwa Njenga", Some(Theft), None, Some("Kwa Njenga")),
        ("sos fire at the market", Some(Other), None, Some("market")),
        ("sos moto Gikomba", Some(Other), None, Some("Gikomba")),
        ("sos mgonjwa Kibera", Some(Medical), None, Some("Kibera")),
        ("sos kifo nyumbani", Some(Death), None, Some("nyumbani")),
        ("dharura msiba", Some(Death), None, None),
        (
            "sos puncture ngong road",
            Some(Mechanical),
            None,
            Some("ngong road"),
        ),
        // Hidden in a sentence they would slow help down.
        (
            "sos Kencom my phone died",
            None,
            None,
            Some("Kencom my phone died"),
        ),
        (
            "sos accident 2 died Kencom",
            Some(Accident),
            None,
            Some("2 died Kencom"),
        ),
        (
            "sos boda accident kencom",
            Some(Accident),
            None,
            Some("boda accident kencom"),
        ),
        (
            "sos near Total\n  petrol  station",
            None,
            None,
            Some("near Total petrol station"),
        ),
        ("sos acident kencom", Some(Accident), None, Some("kencom")),
        ("sos chief camp", None, None, Some("chief camp")),
        ("sos 0 hurt", Some(Medical), None, None),
        ("sos 900 hurt", Some(Medical), None, None),
    ] {
        let wanted = Alarm {
            kind,
            injured,
            place: place.map(str::to_owned),
        };
        assert_eq!(read(text), Some(wanted), "{text:?}");
    }
}

#[test]
fn the_answer_to_where_somebody_is_may_tell_more() {
    let text = "Kencom near the bank, 2 hurt";
    let told = told(text, &words(text));
    assert_eq!(told.place.as_deref(), Some("Kencom near the bank, 2 hurt"));
    assert_eq!((told.kind, told.injured), (Some(Medical), Some(2)));
}
