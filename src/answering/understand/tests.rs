use proptest::prelude::*;

use super::*;
use crate::primitives::Money;

fn receipt(code: &str) -> Asked {
    Asked::Receipt(code.to_owned())
}

fn pay(shillings: i64) -> Asked {
    Asked::Pay(Amount::Clear(Money::from_shillings(shillings)))
}

fn join(code: &str) -> Asked {
    Asked::Join(Some(code.to_owned()))
}

#[test]
fn what_people_write() {
    for (text, wanted) in [
        ("RECEIPT 7K3M", receipt("7K3M")),
        ("risiti 7k3m", receipt("7K3M")),
        ("  Reciept: 7K 3M. ", receipt("7K3M")),
        ("RECIPT code 7k3m", receipt("7K3M")),
        ("Risit 7K3M", receipt("7K3M")),
        ("receipt 2345", receipt("2345")),
        ("receipt kcdb", Asked::ReceiptWithoutCode),
        ("tafadhali risiti 7k3m", receipt("7K3M")),
        ("7k3m", receipt("7K3M")),
        ("7K3M.", receipt("7K3M")),
        ("Code 7K3M", receipt("7K3M")),
        ("kodi 7K3M", receipt("7K3M")),
        ("no 7K3M", receipt("7K3M")),
        ("7k 3m", receipt("7K3M")),
        ("7KOl", receipt("7KOL")),
        ("7K3M9XQ", receipt("7K3M9XQ")),
        ("receipt", Asked::ReceiptWithoutCode),
        ("risiti yangu iko wapi", Asked::ReceiptWithoutCode),
        ("HELP", Asked::Help),
        ("msaada tafadhali", Asked::Help),
        ("Msada", Asked::Help),
        ("hlep", Asked::Help),
        ("\u{1F198} HELP", Asked::Help),
        ("?", Asked::Help),
        ("i need help", Asked::Help),
        ("STOP", Asked::Stop),
        ("stop!", Asked::Stop),
        ("STOP ALL", Asked::Stop),
        ("please stop sending me this", Asked::Stop),
        ("acha", Asked::Stop),
        ("STOP AUTO", Asked::StopAutomatic),
        ("stop auto.", Asked::StopAutomatic),
        ("Simamisha auto", Asked::StopAutomatic),
        ("simamisha malipo ya auto", Asked::StopAutomatic),
        ("STOPAUTO", Asked::StopAutomatic),
        ("please stop automatic payments", Asked::StopAutomatic),
        ("ACHA OTOMATIKI", Asked::StopAutomatic),
        ("stop autumn adverts", Asked::Stop),
        ("FUND", Asked::Fund),
        ("mfuko", Asked::Fund),
        ("naomba mfuko wa stage", Asked::Fund),
        ("START", Asked::Start),
        ("anza", Asked::Start),
        ("smart", Asked::Unknown),
        ("NOTME", Asked::NotMe),
        ("notme!", Asked::NotMe),
        ("It was not me", Asked::NotMe),
        ("SIO MIMI", Asked::NotMe),
        ("siyo mimi bana", Asked::NotMe),
        ("siomimi", Asked::NotMe),
        ("RENEW", Asked::Renew),
        ("nataka kuhuisha", Asked::Renew),
        ("huisha", Asked::Renew),
        ("Salio", Asked::Balance),
        ("salio langu", Asked::Balance),
        ("BAL", Asked::Balance),
        ("ball", Asked::Balance),
        ("Balnce", Asked::Balance),
        ("naomba salio bana", Asked::Balance),
        ("niko na salio ngapi", Asked::Balance),
        ("how much is my balance?", Asked::Balance),
        ("what's my bal", Asked::Balance),
        ("LIPA 2k", pay(2_000)),
        ("PAY 200", pay(200)),
        ("pay200", pay(200)),
        ("LIPA2K", pay(2_000)),
        ("lipa500 tafadhali", pay(500)),
        ("nilipe 200", pay(200)),
        ("lipa mia mbili", pay(200)),
        ("Lipa ksh200 tafadhali", pay(200)),
        ("200 lipa", pay(200)),
        ("I want to pay 1,500/=", pay(1_500)),
        ("hi, nataka kulipa elfu moja na mia tano", pay(1_500)),
        ("\u{1F64F}changia 300\u{1F60A}", pay(300)),
        ("pay two hundred", pay(200)),
        ("PAY", Asked::Pay(Amount::Missing)),
        ("lpia", Asked::Pay(Amount::Missing)),
        ("lipa pesa", Asked::Pay(Amount::Missing)),
        ("PAY 200 300", Asked::Pay(Amount::Unclear)),
        ("PAY 1.500", Asked::Pay(Amount::Unclear)),
        ("don't pay 200", Asked::Unknown),
        ("usilipe 200", Asked::Unknown),
        ("pay loan 200", Asked::Loan),
        ("lipa bima 500", Asked::Policy),
        ("STATUS", Asked::Status),
        ("hali yangu", Asked::Status),
        ("sttus", Asked::Status),
        ("JOIN", Asked::Join(None)),
        ("Join 101", join("101")),
        ("nataka kujiunga stage 101", join("101")),
        ("how do i join", Asked::Join(None)),
        ("join 101 102", Asked::Join(None)),
        ("CLAIM", Asked::Claim),
        ("claim accident", Asked::Claim),
        ("dai", Asked::Claim),
        ("loan 5000", Asked::Loan),
        ("mkopo", Asked::Loan),
        ("nataka mkopo wa 5000", Asked::Loan),
        ("bima", Asked::Policy),
        ("cover", Asked::Policy),
        ("insurance please", Asked::Policy),
        ("COVER 7k3m9xpa", Asked::Cover("7K3M9XPA".into())),
        ("bima KSP-2026-00012", Asked::Cover("KSP202600012".into())),
        ("Cover code 7K3M 9XPA", Asked::Cover("7K3M9XPA".into())),
        ("bima 500", Asked::Policy),
        ("cover my bike", Asked::Policy),
        ("YES", Asked::Yes),
        ("ndio", Asked::Yes),
        ("no", Asked::No),
        ("hapana", Asked::No),
        ("WITHDRAW", Asked::Withdraw(Amount::Missing)),
        (
            "withdraw 500",
            Asked::Withdraw(Amount::Clear(Money::from_shillings(500))),
        ),
        (
            "naomba kutoa 1,000",
            Asked::Withdraw(Amount::Clear(Money::from_shillings(1_000))),
        ),
        ("toa 1.500", Asked::Withdraw(Amount::Unclear)),
        ("change pin", Asked::OnTheMenu),
        ("nimesahau pin yangu", Asked::OnTheMenu),
        ("", Asked::Unknown),
        ("...", Asked::Unknown),
        ("\u{1F600}", Asked::Unknown),
        ("asante", Asked::Unknown),
        ("sawa", Asked::Unknown),
        ("sote", Asked::Unknown),
        ("Win airtime now", Asked::Unknown),
        ("OK 42", Asked::Unknown),
        ("0712345678", Asked::Unknown),
        ("mama mboga", Asked::Unknown),
        ("4826", Asked::Unknown),
        ("200", Asked::Unknown),
        ("ksh200", Asked::Unknown),
        ("200bob", Asked::Unknown),
        ("2 bags", Asked::Unknown),
        ("KCDB", Asked::Unknown),
    ] {
        assert_eq!(understand(text).asked, wanted, "{text:?}");
    }
}

#[test]
fn the_language_shows_in_the_words() {
    for (text, wanted) in [
        ("salio", Some(Language::SWAHILI)),
        ("BAL", Some(Language::ENGLISH)),
        ("join", Some(Language::ENGLISH)),
        ("jiunge", Some(Language::SWAHILI)),
        ("dharura", Some(Language::SWAHILI)),
        ("emergency at kencom", Some(Language::ENGLISH)),
        ("nisaidie ajali", Some(Language::SWAHILI)),
        ("sos", None),
        ("xyz", None),
        ("7k3m", None),
    ] {
        assert_eq!(understand(text).language, wanted, "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_understood_as_something_and_codes_are_codes(text in ".*") {
        if let Asked::Receipt(code) = understand(&text).asked {
            prop_assert!(may_be_code(&code), "{code}");
        }
    }

    #[test]
    fn whatever_stands_behind_it_an_sos_is_an_alarm(behind in "[ -~]{0,80}", case in any::<bool>()) {
        let word = if case { "SOS" } else { "dharura" };
        let text = format!("{word} {behind}");
        prop_assert!(matches!(understand(&text).asked, Asked::Alarm(_)), "{text}");
    }

    #[test]
    fn one_wrong_letter_in_a_long_word_is_forgiven(at in 0_usize..7, letter in "[a-z]") {
        for word in ["dharura", "risiti", "salio", "jiunge", "status", "balance", "mkopo", "policy"] {
            let mut typed: Vec<char> = word.chars().collect();
            let at = at % typed.len();
            typed[at] = letter.chars().next().unwrap();
            let typed: String = typed.into_iter().collect();
            let (wanted, got) = (understand(word).asked, understand(&typed).asked);
            let alike = std::mem::discriminant(&wanted) == std::mem::discriminant(&got);
            prop_assert!(alike, "{typed}: {got:?}");
        }
    }
}
