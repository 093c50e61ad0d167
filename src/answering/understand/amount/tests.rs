use proptest::prelude::*;

use super::*;

fn shillings(shillings: i64) -> Amount {
    Amount::Clear(Money::from_shillings(shillings))
}

#[test]
fn amounts_as_people_write_them() {
    for (text, wanted) in [
        ("200", 200),
        (" 200 ", 200),
        ("200/=", 200),
        ("200/-", 200),
        ("200=", 200),
        ("KES 200", 200),
        ("Kes.200", 200),
        ("ksh200", 200),
        ("KSHS 200", 200),
        ("kshs.200/=", 200),
        ("200ksh", 200),
        ("200 bob", 200),
        ("200bob", 200),
        ("sh 1,500", 1_500),
        ("sh.1,500/=", 1_500),
        ("1,500.00", 1_500),
        ("12,500", 12_500),
        ("2k", 2_000),
        ("2K.", 2_000),
        ("2 k", 2_000),
        ("1.5k", 1_500),
        ("1.25K", 1_250),
        ("(200)", 200),
        ("200!!!", 200),
        ("\u{1F4B0}200\u{1F64F}", 200),
        ("200 please", 200),
        ("200 tafadhali boss", 200),
        ("200 sasa", 200),
        ("200 kwa stage", 200),
        ("200 mara moja", 200),
        ("200 (mia mbili)", 200),
        ("200 200", 200),
        ("mia mbili", 200),
        ("Mia Mbili tu", 200),
        ("mia", 100),
        ("mia moja", 100),
        ("mia mbili na hamsini", 250),
        ("mia mbili hamsini", 250),
        ("mia na tano", 105),
        ("mia tano", 500),
        ("mia tatu na ishirini na tano", 325),
        ("elfu", 1_000),
        ("elfu moja", 1_000),
        ("elfu moja na mia tano", 1_500),
        ("elfu moja mia tano", 1_500),
        ("elfu na mia tano", 1_500),
        ("elfu mbili na hamsini", 2_050),
        ("elfu kumi", 10_000),
        ("elfu kumi na hamsini", 10_050),
        ("elfu ishirini na mia tano", 20_500),
        ("hamsini", 50),
        ("hamsini na tano", 55),
        ("kumi na tano", 15),
        ("mia 2", 200),
        ("elfu 2", 2_000),
        ("soo", 100),
        ("soo mbili", 200),
        ("soo tano", 500),
        ("ngiri", 1_000),
        ("thao mbili", 2_000),
        ("finje", 50),
        ("mbao", 20),
        ("two hundred", 200),
        ("Two-hundred", 200),
        ("two hundred and fifty", 250),
        ("two hundred fifty five", 255),
        ("a hundred", 100),
        ("a thousand", 1_000),
        ("one thousand five hundred", 1_500),
        ("fifteen hundred", 1_500),
        ("one thousand two hundred and fifty", 1_250),
        ("twenty five thousand", 25_000),
        ("2 hundred", 200),
        ("2 thousand five hundred", 2_500),
        ("1.5 thousand", 1_500),
        ("fifty bob", 50),
        ("a sum of 200", 200),
        ("two hundred na asante", 200),
    ] {
        assert_eq!(amount(text), shillings(wanted), "{text:?}");
    }
    let with_cents = Amount::Clear(Money::from_cents(20_050));
    assert_eq!(amount("200.50"), with_cents);
}

#[test]
fn what_can_be_read_in_two_ways_is_asked_about() {
    for text in [
        "200 300",
        "200 or 300",
        "200 0712345678",
        "0200",
        "0712345678",
        "1 500",
        "1.500",
        "1.500k",
        "1,50",
        "15,00",
        "1,5k",
        "1.2.3",
        "2OO",
        "l00",
        "-200",
        "+200",
        "$200",
        "200%",
        "200 usd",
        "20/11",
        "2-3",
        "elfu mia tano",
        "elfu kumi na tano",
        "mia mbili tatu",
        "mia mbili mia tatu",
        "mia kumi",
        "hundred",
        "tw hundred",
        "mia mbl",
        "elfu kitu",
        "mia mbli",
        "mia mbilli na hamsni",
        "tw hundred mbilli elfu",
        "elfu moja na nusu",
        "nusu",
        "laki moja",
        "million",
        "two fifty",
        "one fifty",
        "twohundrd two hunderd",
        "200 mia tatu",
        "5 elfu",
        "\u{0662}\u{0660}\u{0660}",
        "99999999999999999999999",
        "7k3m",
        "0",
    ] {
        assert_eq!(amount(text), Amount::Unclear, "{text:?}");
    }
}

#[test]
fn most_texts_hold_no_amount() {
    for text in [
        "",
        "   ",
        "asante sana",
        "sana tena",
        "how much",
        "a boda",
        "stage and fund",
        "na mimi",
        "sasa hivi",
        "there is no money for me",
        "\u{1F600}",
        "...",
    ] {
        assert_eq!(amount(text), Amount::Missing, "{text:?}");
    }
}

fn in_swahili(number: i64) -> String {
    const UNITS: [&str; 10] = [
        "", "moja", "mbili", "tatu", "nne", "tano", "sita", "saba", "nane", "tisa",
    ];
    const TENS: [&str; 10] = [
        "",
        "kumi",
        "ishirini",
        "thelathini",
        "arobaini",
        "hamsini",
        "sitini",
        "sabini",
        "themanini",
        "tisini",
    ];
    let mut parts = Vec::new();
    let (thousands, rest) = (number / 1_000, number % 1_000);
    match thousands {
        0 => {}
        1..10 => parts.push(format!("elfu {}", UNITS[thousands as usize])),
        _ => parts.push(format!("elfu {}", TENS[thousands as usize / 10])),
    }
    if rest >= 100 {
        parts.push(format!("mia {}", UNITS[rest as usize / 100]));
    }
    let (tens, units) = (rest as usize % 100 / 10, rest as usize % 10);
    if tens > 0 {
        parts.push(TENS[tens].to_owned());
    }
    if units > 0 {
        parts.push(UNITS[units].to_owned());
    }
    parts.join(" na ")
}

fn in_english(number: i64) -> String {
    const SMALL: [&str; 20] = [
        "",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 10] = [
        "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    let below_hundred = |number: i64| match number {
        0..20 => SMALL[number as usize].to_owned(),
        _ => format!(
            "{} {}",
            TENS[number as usize / 10],
            SMALL[number as usize % 10]
        ),
    };
    let mut parts = Vec::new();
    if number >= 1_000 {
        parts.push(format!("{} thousand", below_hundred(number / 1_000)));
    }
    if number % 1_000 >= 100 {
        parts.push(format!(
            "{} hundred",
            SMALL[(number % 1_000) as usize / 100]
        ));
    }
    if number % 100 > 0 {
        parts.push(below_hundred(number % 100));
    }
    parts.join(" and ").trim().to_owned()
}

proptest! {
    #[test]
    fn an_amount_in_figures_is_read_back(number in 1_i64..1_000_000, style in 0..9) {
        let money = Money::from_shillings(number);
        let text = match style {
            0 => format!("{number}"),
            1 => format!("{money}/="),
            2 => format!("KES {money}"),
            3 => format!("ksh{number}"),
            4 => format!("{number} bob"),
            5 => format!("tafadhali {number} ya stage"),
            6 => format!("{number}.00"),
            7 => format!("sh.{money}/-"),
            _ => format!("{number}, asante!"),
        };
        prop_assert_eq!(amount(&text), shillings(number), "{}", text);
    }

    #[test]
    fn an_amount_in_words_is_read_back(number in 1_i64..10_000) {
        prop_assert_eq!(amount(&in_english(number)), shillings(number), "{}", in_english(number));
        prop_assert_eq!(amount(&in_swahili(number)), shillings(number), "{}", in_swahili(number));
    }

    #[test]
    fn round_thousands_are_read_back(tens in 1_i64..10, hundreds in 1_i64..10) {
        let number = tens * 10_000 + hundreds * 100;
        prop_assert_eq!(amount(&in_swahili(number)), shillings(number), "{}", in_swahili(number));
        prop_assert_eq!(amount(&in_english(number)), shillings(number), "{}", in_english(number));
    }

    #[test]
    fn any_text_is_survived_and_an_amount_is_positive(text in ".{0,400}") {
        if let Amount::Clear(money) = amount(&text) {
            prop_assert!(money.is_positive(), "{money}");
        }
    }

    #[test]
    fn two_different_amounts_are_never_one(one in 1_i64..100_000, other in 1_i64..100_000) {
        prop_assume!(one != other);
        prop_assert_eq!(amount(&format!("{one} {other}")), Amount::Unclear);
    }
}
