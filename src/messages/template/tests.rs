use std::path::Path;

use super::*;
use crate::primitives::Money;

fn globals() -> Globals {
    Globals {
        languages: vec![Language::ENGLISH, Language::SWAHILI],
        ussd: "*384*123#".into(),
        sms: "22384".into(),
    }
}

fn house() -> Templates {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("messages");
    Templates::load(&folder, globals()).unwrap_or_else(|mistakes| {
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    })
}

fn mistakes(source: &str) -> Vec<String> {
    let document = ("broken.xml".to_owned(), source.to_owned());
    let mistakes = Templates::of(&[document], globals())
        .err()
        .unwrap_or_default();
    mistakes.iter().map(ToString::to_string).collect()
}

#[test]
fn the_house_s_own_texts_are_sound_ascii_and_one_segment() {
    let templates = house();
    assert!(templates.names().count() > 30);
    for (name, template) in &templates.messages {
        for (language, text) in &template.texts {
            assert!(text.is_ascii(), "{name} {language}: {text}");
        }
    }
}

/// The sample values of the agreed payment texts.
fn sample() -> Values {
    Values::new()
        .money("amount", Money::from_shillings(1_500))
        .money("balance", Money::from_shillings(2_300))
        .code("receipt", "UK5A1B2C3D")
        .phrase("what", "what.contribution")
}

#[test]
fn payment_outcomes_are_told_in_the_agreed_words() {
    let templates = house();
    let said = |name: &str, language| templates.render(name, language, &sample()).unwrap();
    for (name, english, swahili) in [
        (
            "payment.paid",
            "Paid: KES 1,500 for stage welfare. M-PESA UK5A1B2C3D. KwaStage balance KES 2,300. Thank you.",
            "Imelipwa: KES 1,500 ya mfuko wa stage. M-PESA UK5A1B2C3D. Salio la KwaStage KES 2,300. Asante.",
        ),
        (
            "payment.low_balance",
            "Not paid: your M-PESA balance is too low for KES 1,500. Top up, then dial *384*123# to try again.",
            "Haijalipwa: salio lako la M-PESA halitoshi KES 1,500. Ongeza pesa kisha piga *384*123# ujaribu tena.",
        ),
        (
            "payment.cancelled",
            "Not paid: the M-PESA request was cancelled. No money was taken. Dial *384*123# to try again.",
            "Haijalipwa: ombi la M-PESA lilifutwa. Hakuna pesa iliyokatwa. Piga *384*123# ujaribu tena.",
        ),
        (
            "payment.checking",
            "No answer yet on the M-PESA request for KES 1,500. Please do not pay again. We are checking and will SMS you.",
            "Bado hatujapata jibu la M-PESA la KES 1,500. Tafadhali usilipe tena. Tunakagua na tutakutumia SMS.",
        ),
        (
            "payment.no_answer",
            "Not paid: the M-PESA request for KES 1,500 was not answered. No money was taken. Check your network, then dial *384*123#.",
            "Haijalipwa: ombi la M-PESA la KES 1,500 halikujibiwa. Hakuna pesa iliyokatwa. Kagua mtandao kisha piga *384*123#.",
        ),
        (
            "payment.busy",
            "Your line was busy. We will send the M-PESA request again in about 1 minute. Please do not dial any code until then.",
            "Laini yako ilikuwa na shughuli. Tutatuma ombi la M-PESA tena baada ya dakika 1. Usipige kodi yoyote kwa sasa.",
        ),
        (
            "payment.wrong_pin",
            "Not paid: wrong M-PESA PIN. After 3 wrong tries M-PESA locks the PIN. Dial *384*123# to try again.",
            "Haijalipwa: PIN ya M-PESA si sahihi. Ukikosea mara 3 PIN itafungwa. Piga *384*123# ujaribu tena.",
        ),
        (
            "payment.pin_locked",
            "Not paid: your M-PESA PIN is locked. Call 100 from your Safaricom line, then dial *384*123#.",
            "Haijalipwa: PIN yako ya M-PESA imefungwa. Piga 100 kwa laini yako ya Safaricom, kisha piga *384*123#.",
        ),
        (
            "payment.limit",
            "Not paid: KES 1,500 is outside your M-PESA limit for now. Try a smaller amount or try tomorrow.",
            "Haijalipwa: KES 1,500 imepita kiwango chako cha M-PESA kwa sasa. Jaribu kiasi kidogo au kesho.",
        ),
        (
            "payment.wait_two_minutes",
            "The same amount was requested just now. If you have paid, ignore this. If not, wait 2 minutes then dial *384*123#.",
            "Kiasi hicho kimeombwa sasa hivi. Kama umelipa, puuza. Kama hujalipa, subiri dakika 2 kisha piga *384*123#.",
        ),
        (
            "payment.wallet",
            "Not paid: M-PESA says your line cannot pay now. Call 100 from your Safaricom line, then dial *384*123#.",
            "Haijalipwa: M-PESA inasema laini yako haiwezi kulipa sasa. Piga 100 kwa laini yako, kisha piga *384*123#.",
        ),
        (
            "payment.system",
            "Sorry, M-PESA could not process the request. No money was taken. Please dial *384*123# again later.",
            "Samahani, M-PESA haikuweza kushughulikia ombi. Hakuna pesa iliyokatwa. Piga *384*123# tena baadaye.",
        ),
        (
            "payment.late",
            "Good news: your KES 1,500 for stage welfare is confirmed. M-PESA UK5A1B2C3D. Sorry for the delay. KwaStage",
            "Habari njema: KES 1,500 ya mfuko wa stage imethibitishwa. M-PESA UK5A1B2C3D. Samahani kwa kuchelewa. KwaStage",
        ),
        (
            "payment.twice",
            "We received KES 1,500 from you twice (UK5A1B2C3D). The extra is kept in your wallet. Reply HELP for a refund.",
            "Tumepokea KES 1,500 kutoka kwako mara mbili (UK5A1B2C3D). Ya ziada iko kwa pochi yako. Jibu HELP urudishiwe.",
        ),
        (
            "payment.unallocated",
            "We got KES 1,500 by paybill (UK5A1B2C3D) but not the account. Reply with your member number. KwaStage",
            "Tumepata KES 1,500 kwa paybill (UK5A1B2C3D) bila akaunti sahihi. Jibu kwa namba yako ya mwanachama. KwaStage",
        ),
    ] {
        assert_eq!(said(name, Language::ENGLISH), english);
        assert_eq!(said(name, Language::SWAHILI), swahili);
    }
}

#[test]
fn nobody_is_told_that_no_money_was_taken_while_that_is_not_certain() {
    let templates = house();
    for name in ["payment.checking", "payment.unresolved", "payment.mismatch"] {
        for (language, text) in &templates.messages[name].texts {
            let denies = text.contains("No money") || text.contains("Hakuna pesa");
            assert!(!denies, "{name} {language}: {text}");
        }
    }
}

#[test]
fn a_receipt_ends_in_its_code() {
    let values = sample()
        .date("until", NaiveDate::from_ymd_opt(2026, 8, 3).unwrap())
        .code("code", "7K3M");
    let said = |language| {
        house()
            .render("receipt.paid_up", language, &values)
            .unwrap()
    };
    assert_eq!(
        said(Language::ENGLISH),
        "Received: KES 1,500 for stage welfare. M-PESA UK5A1B2C3D. You are paid up to 3 Aug 2026. Asante! Code 7K3M"
    );
    assert_eq!(
        said(Language::SWAHILI),
        "Tumepokea KES 1,500 ya mfuko wa stage. M-PESA UK5A1B2C3D. Umelipa hadi 3 Ago 2026. Asante! Code 7K3M"
    );
}

#[test]
fn names_are_folded_and_cut_and_large_amounts_said_all_the_same() {
    let templates = house();
    let values = Values::new()
        .words("name", "Wanjirũ Ng’ang’a wa Kamau Njoroge")
        .words("stage", "Kencom")
        .code("number", "KTS-2026-0001");
    let text = templates
        .render("member.welcome", Language::ENGLISH, &values)
        .unwrap();
    assert!(
        text.starts_with("Karibu KwaStage, Wanjiru Ng'ang'a wa! You are a member at Kencom."),
        "{text}"
    );
    let huge = sample().money("amount", Money::from_shillings(900_000_000));
    let text = templates
        .render("payment.limit", Language::ENGLISH, &huge)
        .unwrap();
    assert!(text.contains("KES 900,000,000 is outside"), "{text}");
}

#[test]
fn a_caller_who_disagrees_with_the_template_is_told() {
    let templates = house();
    let render = |name: &str, values: &Values| templates.render(name, Language::SWAHILI, values);
    assert_eq!(
        render("payment.gone", &sample()),
        Err(NotRendered::NoTemplate("payment.gone".into()))
    );
    let unfit = |name: &str| {
        Err(NotRendered::Unfit {
            template: "payment.late".into(),
            name: name.into(),
        })
    };
    assert_eq!(
        render("payment.late", &sample().words("amount", "lots")),
        unfit("amount")
    );
    assert_eq!(
        render("payment.late", &sample().phrase("what", "what.nonsense")),
        unfit("what")
    );
    assert_eq!(
        render("payment.low_balance", &Values::new()),
        Err(NotRendered::Missing {
            template: "payment.low_balance".into(),
            name: "amount".into()
        })
    );
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let long = "x".repeat(161);
    for (source, told) in [
        (
            "<messages>\n  <message name=\"a.b\" class=\"money\"><en>Hi</en></message>\n</messages>".to_owned(),
            "broken.xml:2:3: no text in sw",
        ),
        (
            "<messages><message name=\"a.b\" class=\"loud\"><en>Hi</en><sw>Hi</sw></message></messages>".to_owned(),
            "broken.xml:1:11: a.b needs a class: emergency, money, service or promotion",
        ),
        (
            "<messages><message name=\"a.b\" class=\"money\"><en>Hi {who}</en><sw>Hi</sw></message></messages>".to_owned(),
            "broken.xml:1:45: {who} is not declared",
        ),
        (
            format!("<messages><message name=\"a.b\" class=\"money\"><en>Hi</en>\n<sw>{long}</sw></message></messages>"),
            "broken.xml:2:1: up to 161 characters: more than 1 message(s)",
        ),
        (
            "<messages><message name=\"a.b\" class=\"money\"><value name=\"n\" type=\"words\" max=\"160\"/><en>{n}</en><sw>{n}!</sw></message></messages>"
                .to_owned(),
            "broken.xml:1:97: up to 161 characters: more than 1 message(s)",
        ),
        (
            "<messages><message name=\"a.b\" class=\"money\"><en>Don’t</en><sw>Hi</sw></message></messages>".to_owned(),
            "broken.xml:1:45: '’' is not in the alphabet of text messages",
        ),
        (
            "<messages><message name=\"a.b\" class=\"money\"><value name=\"n\" type=\"number\"/><en>Hi</en><sw>Hi</sw></message></messages>".to_owned(),
            "broken.xml:1:45: a value needs a type: money, words, code, count, date or phrase",
        ),
        (
            "<messages><message name=\"a.b\" class=\"money\"><value name=\"n\" type=\"phrase\" of=\"what\"/><en>{n}</en><sw>{n}</sw></message></messages>"
                .to_owned(),
            "broken.xml:1:45: there is no phrase what.*",
        ),
        (
            "<messages><message name=\"a.b\" class=\"money\"><value name=\"n\" type=\"date\"/><en>{n}</en><sw>Hi</sw></message></messages>".to_owned(),
            "broken.xml:1:86: n is declared and not said",
        ),
        (
            "<messages><message name=\"a.b\" class=\"money\" lane=\"1\"><en>Hi</en><sw>Hi</sw></message></messages>".to_owned(),
            "broken.xml:1:45: message has no attribute lane",
        ),
        (
            "<messages><phrase name=\"a.b\"><en>Hi</en><sw>Hi</sw></phrase><phrase name=\"a.b\"><en>Hi</en><sw>Hi</sw></phrase></messages>".to_owned(),
            "broken.xml:1:61: the name a.b is taken",
        ),
        ("<messages><text/></messages>".to_owned(), "broken.xml:1:11: a text does not belong here"),
        ("<menus/>".to_owned(), "broken.xml:1:1: the root is menus, not messages"),
        ("<messages>".to_owned(), "broken.xml:1:1: the XML is malformed: <messages> is never closed"),
    ] {
        assert_eq!(mistakes(&source), [told], "{source}");
    }
    assert_eq!(mistakes("<messages><a></b></messages>").len(), 1);
}

#[test]
fn a_further_language_is_wanted_in_every_text_and_an_unwritten_one_is_said_in_the_first() {
    let luo = Language::parse("lu").unwrap();
    let source = "<messages><message name=\"a.b\" class=\"money\"><en>Hi</en><sw>Habari</sw></message></messages>";
    let documents = [("house.xml".to_owned(), source.to_owned())];
    let languages = vec![Language::SWAHILI, Language::ENGLISH, luo];
    let three = Globals {
        languages,
        ..globals()
    };
    let mistakes = Templates::of(&documents, three).unwrap_err();
    assert_eq!(mistakes[0].to_string(), "house.xml:1:11: no text in lu");
    let two = Templates::of(&documents, globals()).unwrap();
    let said = |language| two.render("a.b", language, &Values::new());
    assert_eq!(said(Language::SWAHILI).as_deref(), Ok("Habari"));
    assert_eq!(said(luo).as_deref(), Ok("Hi"));
}
