//! The keywords people text, English, Swahili and as they say it at the stage.

use super::words::{Word, meant};
use crate::primitives::Language;

/// What a keyword asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Keyword {
    Balance,
    Pay,
    Status,
    Join,
    Receipt,
    Claim,
    Loan,
    Policy,
    Yes,
    No,
    Help,
    Stop,
    Start,
    /// The fund of one's stage.
    Fund,
    /// No payments that are asked for by themselves.
    StopAuto,
    /// To stop one's own alarm.
    Cancel,
    /// To freeze one's wallet.
    Freeze,
    /// To take money out of one's wallet.
    Withdraw,
    /// To stop a change that somebody else asked for.
    NotMe,
    Renew,
    /// What the menu behind the code does, such as changing the PIN.
    OnTheMenu,
}

use Keyword::{
    Balance, Cancel, Claim, Freeze, Fund, Help, Join, Loan, No, NotMe, OnTheMenu, Pay, Policy,
    Receipt, Renew, Start, Status, Stop, StopAuto, Withdraw, Yes,
};

/// Every word in capitals, the usual ones first.
const ENGLISH: &[(Keyword, &str)] = &[
    (Balance, "BAL BALANCE BALANCES"),
    (Pay, "PAY CONTRIBUTE CONTRIBUTION"),
    (Status, "STATUS MEMBERSHIP"),
    (Join, "JOIN REGISTER REGISTRATION"),
    (Receipt, "RECEIPT RECEIPTS"),
    (Claim, "CLAIM CLAIMS"),
    (Loan, "LOAN LOANS BORROW"),
    (Policy, "COVER POLICY INSURANCE"),
    (Yes, "YES YEAH YEP"),
    (No, "NO NOPE"),
    (Help, "HELP HELPME INFO MENU COMMANDS"),
    (Stop, "STOP UNSUBSCRIBE STOPALL"),
    (Start, "START UNSTOP SUBSCRIBE"),
    (Cancel, "CANCEL"),
    (Freeze, "FREEZE"),
    (Withdraw, "WITHDRAW WITHDRAWAL CASHOUT"),
    (NotMe, "NOTME"),
    (Renew, "RENEW RENEWAL"),
    (Fund, "FUND FUNDS"),
    (StopAuto, "STOPAUTO AUTOSTOP"),
    (OnTheMenu, "PIN SETTINGS LANGUAGE KIN CHANGE"),
];

const SWAHILI: &[(Keyword, &str)] = &[
    (Balance, "SALIO MASALIO"),
    (
        Pay,
        "LIPA NILIPE KULIPA NALIPA NITALIPA LIPIA NILIPIE CHANGA CHANGIA NICHANGE KUCHANGA KUCHANGIA NACHANGA \
        MCHANGO",
    ),
    (Status, "HALI UANACHAMA"),
    (Join, "JIUNGE KUJIUNGA NIJIUNGE JIUNGA JISAJILI KUJISAJILI"),
    (Receipt, "RISITI STAKABADHI"),
    (Claim, "DAI MADAI FIDIA"),
    (Loan, "MKOPO MIKOPO KOPA NIKOPE NIKOPESHE KUKOPA"),
    (Policy, "BIMA"),
    (Yes, "NDIYO NDIO EEH"),
    (No, "HAPANA LA ZII"),
    (Help, "MSAADA USAIDIZI MAELEZO MENYU NISAIDIE SAIDIA"),
    (Stop, "ACHA ACHENI SIMAMISHA KOMESHA"),
    (Start, "ANZA ANZISHA"),
    (Cancel, "GHAIRI"),
    (Freeze, "FUNGA"),
    (Withdraw, "TOA NITOE KUTOA NATOA"),
    (NotMe, "SIOMIMI SIMIMI"),
    (Renew, "HUISHA KUHUISHA NIHUISHE"),
    (Fund, "MFUKO MIFUKO"),
    (StopAuto, "SIMAMISHAAUTO ACHAAUTO"),
    (OnTheMenu, "MIPANGILIO LUGHA"),
];

/// Said around a keyword out of politeness or habit: `hi, naomba salio langu`, `I want to pay 200`.
const AROUND: &str = "A AN THE MY ME I AM M TO WANT WANNA NEED LIKE WOULD CAN COULD LET PLEASE PLZ PLS KINDLY HI HELLO HEY GOOD \
    MORNING AFTERNOON EVENING CHECK SHOW GIVE SEND WHAT WHATS IS S HOW MUCH DO DOES NIKO TUKO NA TAFADHALI \
    NAOMBA NIPE NITUMIE NATAKA NINGEPENDA NIONYESHE ANGALIA HABARI MAMBO NIAJE SASA VIPI BOSS BRO BANA YANGU \
    LANGU WANGU MIMI KWASTAGE LEO MSEE OYA";

/// Where in the text the keyword stands, and the language it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub keyword: Keyword,
    pub language: Language,
    /// The number of the word.
    pub at: usize,
    /// Where the keyword ends, in bytes of the text.
    pub to: usize,
}

/// The keyword of a text: its first word, but for what people say around it.
pub(super) fn keyword(words: &[Word]) -> Option<Found> {
    // What stands first is meant even where it is a word of politeness elsewhere.
    let leading = || {
        let around =
            |word: &Word| word.is(AROUND) || word.upper.starts_with(|c: char| c.is_ascii_digit());
        words.iter().position(|word| !around(word))
    };
    let found = found(words, 0).or_else(|| found(words, leading()?))?;
    // `pay loan 200` pays nothing into the welfare fund.
    match found.keyword {
        Pay => Some(named(&words[found.at + 1..], &[Loan, Policy, Claim]).unwrap_or(found)),
        _ => Some(found),
    }
}

/// `SIO MIMI`, `it was not me`: in two words, wherever they stand in a short text.
pub(super) fn not_me(words: &[Word]) -> Option<Found> {
    let first = &words[..words.len().min(6)];
    first.windows(2).enumerate().find_map(|(at, pair)| {
        let [not, me] = pair else { return None };
        let language = match () {
            () if not.is("NOT") && me.is("ME") => Language::ENGLISH,
            () if not.is("SIO SI SIYO") && me.is("MIMI") => Language::SWAHILI,
            () => return None,
        };
        Some(Found {
            keyword: NotMe,
            language,
            at,
            to: me.to,
        })
    })
}

/// A keyword somewhere in the first words of a sentence, of those whose answer only tells something.
pub(super) fn mentioned(words: &[Word]) -> Option<Found> {
    let first = &words[..words.len().min(6)];
    named(
        first,
        &[Balance, Status, Join, Claim, Loan, Policy, Fund, OnTheMenu],
    )
}

/// `PAY200`, in one piece.
pub(super) fn payment_in_one_piece(words: &[Word]) -> Option<Found> {
    let word = words.first()?;
    let letters = word.upper.trim_end_matches('K');
    let letters = letters.trim_end_matches(|c: char| c.is_ascii_digit());
    let (keyword, language) = exactly(letters).filter(|(keyword, _)| *keyword == Pay)?;
    (letters.len() < word.upper.len()).then_some(Found {
        keyword,
        language,
        at: 0,
        to: word.from + letters.len(),
    })
}

fn found(words: &[Word], at: usize) -> Option<Found> {
    let word = words.get(at)?;
    let (keyword, language) = known(&word.upper)?;
    Some(Found {
        keyword,
        language,
        at,
        to: word.to,
    })
}

/// The first of the words that is one of these keywords to the letter.
fn named(words: &[Word], wanted: &[Keyword]) -> Option<Found> {
    (0..words.len()).find_map(|at| {
        let (keyword, language) = exactly(&words[at].upper)?;
        wanted.contains(&keyword).then_some(Found {
            keyword,
            language,
            at,
            to: words[at].to,
        })
    })
}

fn known(word: &str) -> Option<(Keyword, Language)> {
    // Promotions are asked for by the word itself, and not by one that is near to it.
    exactly(word)
        .or_else(|| find(&|known| meant(known, word)).filter(|(keyword, _)| *keyword != Start))
}

fn exactly(word: &str) -> Option<(Keyword, Language)> {
    find(&|known| known == word)
}

fn find(is_it: &dyn Fn(&str) -> bool) -> Option<(Keyword, Language)> {
    let tables = [(ENGLISH, Language::ENGLISH), (SWAHILI, Language::SWAHILI)];
    tables.into_iter().find_map(|(table, language)| {
        table
            .iter()
            .find(|(_, words)| words.split(' ').any(is_it))
            .map(|(keyword, _)| (*keyword, language))
    })
}

/// The language a sentence is in, by its small words. None when they do not say.
pub(super) fn language_of(words: &[Word]) -> Option<Language> {
    const SWAHILI_WORDS: &str = "NA YA WA KWA NI NIKO TUKO KUNA HAPA SASA TAFADHALI NAOMBA NATAKA HABARI YANGU LANGU WATU MTU KARIBU \
        HARAKA DHARURA DHARULA ZARURA DARURA MSAADA NISAIDIE SAIDIA TUSAIDIE OKOA AJALI AJARI MGONJWA WIZI MWIZI \
        KIFO MOTO NIMEPATA AMEUMIA ASANTE SAWA";
    const ENGLISH_WORDS: &str = "THE A AN AT IN ON IS I MY ME TO AND NEAR PLEASE HELP ACCIDENT HURT WE FROM WANT EMERGENCY THANKS HELLO \
        WITH";
    let counted = |known: &str| words.iter().filter(|word| word.is(known)).count();
    match counted(SWAHILI_WORDS).cmp(&counted(ENGLISH_WORDS)) {
        std::cmp::Ordering::Greater => Some(Language::SWAHILI),
        std::cmp::Ordering::Less => Some(Language::ENGLISH),
        std::cmp::Ordering::Equal => None,
    }
}
