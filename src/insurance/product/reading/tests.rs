use crate::documents::Mistake;
use crate::insurance::cover::Term;
use crate::insurance::rating::Answers;
use crate::insurance::{Product, Shelf};
use crate::primitives::{Language, Money};

const LANGUAGES: [Language; 2] = [Language::ENGLISH, Language::SWAHILI];
const SOLD: &str = include_str!("../../../../insurance/products.xml");

fn read(text: &str) -> Result<Shelf, Vec<Mistake>> {
    Shelf::read(&[("products.xml".to_owned(), text.to_owned())], &LANGUAGES)
}

fn mistakes(text: &str) -> Vec<String> {
    let mistakes = read(text).expect_err("a mistake");
    mistakes.iter().map(ToString::to_string).collect()
}

/// A product with one thing changed.
fn changed(from: &str, to: &str) -> String {
    const ONE: &str = r#"<insurance>
<insurer name="umoja" called="Umoja"/>
<category name="motor"><en>Motor</en><sw>Pikipiki</sw></category>
<product name="third_party" insurer="umoja" category="motor" pays="1000" commission="10" round="1" quote_days="7" refund="80" grace_hours="6" remind_hours="12" lapse_days="3" return_days="60">
<called><en>Third party</en><sw>Third party</sw></called>
<covers><en>Others</en><sw>Wengine</sw></covers>
<excludes><en>You</en><sw>Wewe</sw></excludes>
<price term="day" base="30"/>
<question name="engine"><asks><en>cc?</en><sw>cc?</sw></asks>
<band from="50" to="150" factor="1"/>
<band from="151" to="250" factor="1.2"/></question>
<levy percent="0.2"><en>Levy</en><sw>Ada</sw></levy>
</product>
</insurance>"#;
    assert!(ONE.contains(from), "{from}");
    ONE.replacen(from, to, 1)
}

#[test]
fn what_is_sold_holds_up() {
    let shelf = read(SOLD).unwrap();
    let categories: Vec<&str> = shelf.categories().map(|one| one.name.as_str()).collect();
    assert_eq!(categories, ["accident", "motor", "medical"]);
    let price = |product: &str, term, answers: &[(&str, &str)]| {
        let answers: Answers = answers
            .iter()
            .map(|(question, answer)| ((*question).to_owned(), (*answer).to_owned()))
            .collect();
        let product: &Product = shelf.product(product).unwrap();
        let rated = product.rating.rate(term, &answers).unwrap();
        (rated.price.cents(), rated.commission.cents())
    };
    assert_eq!(price("boda_day", Term::Day, &[]), (30_00, 3_00));
    let hired = [("engine", "200"), ("use", "hired")];
    assert_eq!(price("third_party", Term::Year, &hired), (533_700, 53_130));
    let family = [("age", "40"), ("family", "household")];
    assert_eq!(price("medical", Term::Month, &family), (272_000, 21_600));
    let day = shelf.product("boda_day").unwrap();
    assert_eq!(day.called.in_language(Language::SWAHILI), "Bima ya siku");
    assert_eq!(day.pays, Money::from_shillings(100_000));
}

#[test]
fn every_mistake_has_its_line_and_says_what_is_wrong() {
    assert!(read(&changed("<price", "<price")).is_ok());
    for (from, to, told) in [
        (
            r#"insurer="umoja""#,
            r#"insurer="umja""#,
            r#"4:1: there is no insurer "umja", did you mean "umoja"?"#,
        ),
        (
            r#"category="motor""#,
            r#"category="moto""#,
            r#"4:1: there is no category "moto", did you mean "motor"?"#,
        ),
        (
            r#"term="day""#,
            r#"term="dya""#,
            r#"8:1: there is no term "dya", did you mean "day"?"#,
        ),
        (
            r#"base="30""#,
            r#"base="-30""#,
            "8:1: base -30: an amount in shillings",
        ),
        (
            r#"base="30""#,
            r#"base="200000""#,
            "4:1: a day can cost KES 240,480, and M-PESA moves KES 150,000 at most",
        ),
        (
            r#"round="1""#,
            r#"round="0.50""#,
            "4:1: M-PESA moves whole shillings only: round to shillings",
        ),
        (
            r#"factor="1.2""#,
            r#"factor="20""#,
            "11:1: factor 20: 0.1 to 10, at most four places",
        ),
        (
            r#"from="151""#,
            r#"from="152""#,
            "11:1: the band before ends with 150, so this one begins with 151",
        ),
        (
            r#"to="250""#,
            r#"to="100""#,
            "11:1: a band from 151 to 100 holds nothing",
        ),
        (
            r#"percent="0.2""#,
            "",
            "12:1: a levy is a percent of the net, or an amount",
        ),
        (
            r#"commission="10""#,
            r#"commission="60""#,
            "4:1: commission 60: 0 to 50 per cent, at most two places",
        ),
        (
            r#"lapse_days="3""#,
            r#"lapse_days="90""#,
            "4:1: a policy cannot come back before it has lapsed: return_days is less than lapse_days",
        ),
        (
            r#"grace_hours="6""#,
            r#"grace_hours="100""#,
            "4:1: a policy lapses after its grace",
        ),
        (
            r#"quote_days="7""#,
            "",
            "4:1: this product has no quote_days",
        ),
        ("<sw>Wengine</sw>", "", "6:1: this is not said in sw"),
        (
            "<en>Others</en>",
            "<en>Oth\u{2019}ers</en>",
            "6:9: phones cannot show '\u{2019}'",
        ),
        (
            "<sw>Pikipiki</sw>",
            "<sw>Pikipiki na magari yote</sw>",
            "3:38: 1 to 20 characters, these are 23",
        ),
        (
            "<excludes><en>You</en><sw>Wewe</sw></excludes>",
            "",
            "4:1: a product says what it excludes",
        ),
        (
            "<price term=\"day\" base=\"30\"/>",
            "",
            "4:1: a product has a price",
        ),
        (
            r#"name="engine""#,
            r#"name="Engine""#,
            r#"9:1: "Engine" is no name: 2 to 32 small letters, digits and underscores"#,
        ),
        (
            "<levy",
            "<lvy",
            "12:1: lvy does not belong here, did you mean \"levy\"?",
        ),
    ] {
        // A closing tag follows its opening one.
        let text = changed(from, to);
        let text = if to == "<lvy" {
            text.replace("</levy>", "</lvy>")
        } else {
            text
        };
        let found = mistakes(&text);
        let wanted = format!("products.xml:{told}");
        assert!(found.contains(&wanted), "{wanted}\n{found:#?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = changed(r#"base="30""#, r#"base="x""#);
    let text = text.replace(r#"factor="1.2""#, r#"factor="y""#);
    let text = text.replace(r#"pays="1000""#, r#"pays="z""#);
    assert_eq!(mistakes(&text).len(), 3);
}
