//! What a coordinator means by a text, woken at night, with cold thumbs, in English, Swahili or both.
//!
//! `1`, `OK 42`, `42 8`, `NIMEFIKA 42`, `MORE 42 2`, `imekwisha amepelekwa KNH`, `GIVE 42 0712...`. Cases have two digits at
//! least, so a single digit is always an answer. Whoever sends no number means the only case they can mean.

use crate::documents::distance;
use crate::primitives::Msisdn;

/// What a text from somebody who answers asks for. `case` is the short number, where one was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    Answer {
        case: Option<i64>,
        says: Says,
    },
    /// `YES` alone: to whatever was asked last.
    Yes,
    /// `NO` alone.
    No,
    /// `42?`: how does it stand?
    About(Option<i64>),
    /// `SPLIT 43`: the report is of another event.
    Split(i64),
    /// `CASES`.
    List,
    OnDuty,
    OffDuty,
    /// `SWAP`; the phone of whoever is to take over, where one could be read.
    Swap(Option<Msisdn>),
}

/// What somebody says about a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// I come; in so many minutes, where said.
    Accept { minutes: Option<i32> },
    /// I am there.
    Arrive,
    /// So many more people are needed.
    More(i32),
    /// It is over; their words, perhaps none.
    Done(String),
    /// There is no emergency; their words, perhaps none.
    FalseAlarm(String),
    /// I cannot come.
    Decline,
    /// Somebody else takes it: this phone, or whoever was alerted next.
    HandOver(Option<Msisdn>),
    /// For the case file.
    Note(String),
}

/// The longest time somebody may say they need, in minutes.
pub const MINUTES_MAX: i32 = 600;
/// People asked for with one text, at most.
const MORE_MAX: i32 = 20;
/// Words looked at; what comes behind only counts as somebody's own words.
const WORDS_MAX: usize = 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Accept,
    Arrive,
    More,
    Done,
    False,
    No,
    Give,
    Note,
    Yes,
    Split,
    About,
    Cases,
    On,
    Off,
    Swap,
}

#[rustfmt::skip]
const VERBS: &[(&str, Verb)] = &[
    ("OK", Verb::Accept), ("OKAY", Verb::Accept), ("COMING", Verb::Accept), ("ACCEPT", Verb::Accept), ("OMW", Verb::Accept), ("SAWA", Verb::Accept),
    ("NAKUJA", Verb::Accept), ("NINAKUJA", Verb::Accept), ("NAENDA", Verb::Accept), ("NINAENDA", Verb::Accept), ("NITAKUJA", Verb::Accept),
    ("YES", Verb::Yes), ("NDIYO", Verb::Yes), ("NDIO", Verb::Yes),
    ("HERE", Verb::Arrive), ("THERE", Verb::Arrive), ("ARRIVED", Verb::Arrive), ("NIMEFIKA", Verb::Arrive), ("NIKO", Verb::Arrive),
    ("MORE", Verb::More), ("ZAIDI", Verb::More), ("ONGEZA", Verb::More),
    ("DONE", Verb::Done), ("IMEKWISHA", Verb::Done), ("IMEISHA", Verb::Done), ("TAYARI", Verb::Done), ("MALIZA", Verb::Done), ("NIMEMALIZA", Verb::Done),
    ("FALSE", Verb::False), ("UONGO", Verb::False), ("PRANK", Verb::False),
    ("NO", Verb::No), ("HAPANA", Verb::No), ("SIWEZI", Verb::No), ("CANNOT", Verb::No), ("CANT", Verb::No), ("LA", Verb::No),
    ("GIVE", Verb::Give), ("PITISHA", Verb::Give), ("MPE", Verb::Give),
    ("SPLIT", Verb::Split), ("TENGANISHA", Verb::Split),
    ("NOTE", Verb::Note), ("ANDIKA", Verb::Note),
    ("INFO", Verb::About), ("WAPI", Verb::About), ("WHERE", Verb::About),
    ("CASES", Verb::Cases), ("KESI", Verb::Cases),
    ("ON", Verb::On), ("NIPO", Verb::On), ("NIPOKAZINI", Verb::On),
    ("OFF", Verb::Off), ("SIPO", Verb::Off),
    ("SWAP", Verb::Swap), ("BADILI", Verb::Swap), ("BADILISHA", Verb::Swap),
];

/// Words that may stand before a case's number and say nothing.
const FILLERS: [&str; 8] = ["SOS", "CASE", "KESI", "NAMBA", "NUMBER", "YA", "NA", "E"];
const MINUTE_WORDS: [&str; 8] = [
    "MIN", "MINS", "MINUTE", "MINUTES", "DAKIKA", "DK", "DAK", "M",
];

/// Reads a text; none when it is nothing that people who answer say.
pub fn read(text: &str) -> Option<Order> {
    let words = words_of(text);
    if words.is_empty() && text.contains('\u{1F44D}') {
        return Some(accept(None, None));
    }
    let asks = text.trim_end().ends_with('?');
    let (case_in_front, from) = leading_case(&words);
    let rest = &words[from..];
    let Some(first) = rest.first() else {
        // `200/=` is money.
        let case = case_in_front.filter(|_| !text.contains('='))?;
        // `KESI 42` asks; `42` and `#42` answer.
        let names_it = ["CASE", "KESI"].contains(&words[0].upper.as_str());
        return Some(match asks || names_it {
            true => Order::About(Some(case)),
            false => accept(Some(case), None),
        });
    };
    if let Some(order) = of_numbers(case_in_front, rest) {
        return Some(order);
    }
    let (verb, taken) = verb_at(rest)?;
    // `on my way` is no duty; `niko njiani` is not there yet.
    let verb = match (verb, rest.get(1).map(|word| word.upper.as_str())) {
        (Verb::On, Some("MY")) => Verb::Accept,
        (Verb::Arrive, Some("NJIANI" | "NJIA")) => Verb::Accept,
        // `NIKO` alone is how a hundred sentences begin.
        (Verb::Arrive, next) if first.upper == "NIKO" && !arrives(next) => return None,
        (verb, _) => verb,
    };
    let behind = &rest[taken..];
    if case_in_front.is_some() {
        return order(text, verb, case_in_front, behind);
    }
    let (case, used) = leading_case(behind);
    let own_words = matches!(verb, Verb::Done | Verb::Note | Verb::Give | Verb::Swap);
    if case.is_some() || own_words {
        return order(text, verb, case, &behind[used..]);
    }
    // `nakuja sasa hivi 42`: the number may stand behind anything but somebody's own words.
    let later = (1..behind.len()).find_map(|place| {
        let (case, used) = leading_case(&behind[place..]);
        (case.is_some() && !is_time(behind.get(place - 1))).then_some((case, place + used))
    });
    match later {
        Some((case, from)) => order(text, verb, case, &behind[from..]),
        None => order(text, verb, None, behind),
    }
}

fn order(text: &str, verb: Verb, case: Option<i64>, behind: &[Word]) -> Option<Order> {
    let says = match verb {
        Verb::Accept => return Some(accept_in(case, behind)),
        Verb::Yes if case.is_none() && minutes_in(behind).is_none() => return Some(Order::Yes),
        Verb::Yes => return Some(accept_in(case, behind)),
        Verb::No if case.is_none() => return Some(Order::No),
        Verb::No => Says::Decline,
        Verb::Arrive => Says::Arrive,
        Verb::More => {
            let people = behind.iter().find_map(|word| word.number).unwrap_or(1);
            Says::More(i32::try_from(people).unwrap_or(1).clamp(1, MORE_MAX))
        }
        Verb::Done => Says::Done(said(text, behind)),
        Verb::False => Says::FalseAlarm(said(text, behind)),
        Verb::Note => Says::Note(said(text, behind)),
        Verb::Give => return Some(give(case, behind)),
        Verb::Split => return case.map(Order::Split),
        Verb::About => return Some(Order::About(case)),
        Verb::Cases => {
            return Some(match case {
                Some(case) => Order::About(Some(case)),
                None => Order::List,
            });
        }
        // `NIPO 42`: here, at the place.
        Verb::On if case.is_some() => Says::Arrive,
        Verb::On => return duty(behind).then_some(Order::OnDuty),
        Verb::Off if case.is_some() => Says::Decline,
        Verb::Off => return duty(behind).then_some(Order::OffDuty),
        Verb::Swap => return Some(Order::Swap(phone_in(case, behind))),
    };
    Some(Order::Answer { case, says })
}

/// Texts that begin with a number or a time: `1`, `8`, `42 8`, `15 min`, `42 dakika 8`, `42 2 more`.
fn of_numbers(case: Option<i64>, rest: &[Word]) -> Option<Order> {
    let led_by_time = usize::from(is_time(rest.first()));
    let rest = &rest[led_by_time..];
    let number = rest.first()?.number?;
    let others = &rest[1..];
    let only_time = others.iter().all(|word| is_time(Some(word)));
    let is_minutes = led_by_time > 0 || is_time(others.first());
    let verb = verb_at(others).map(|(verb, _)| verb);
    match (case, number, verb) {
        (Some(_), people, Some(Verb::More)) => {
            let says = Says::More(i32::try_from(people).unwrap_or(1).clamp(1, MORE_MAX));
            Some(Order::Answer { case, says })
        }
        (Some(_), _, None | Some(Verb::Accept | Verb::Yes)) => {
            Some(accept(case, Some(minutes(number)?)))
        }
        (None, _, _) if is_minutes && only_time => Some(accept(None, Some(minutes(number)?))),
        // `1` and nothing else is the shortest yes there is.
        (None, 1, None) if others.is_empty() => Some(accept(None, None)),
        (None, 2..=9, None) if others.is_empty() => Some(accept(None, minutes(number))),
        (None, 1, Some(Verb::Accept | Verb::Yes)) => Some(accept(None, None)),
        (None, 1, _) => Some(accept(Some(leading_case(others).0?), None)),
        _ => None,
    }
}

fn accept(case: Option<i64>, minutes: Option<i32>) -> Order {
    let says = Says::Accept { minutes };
    Order::Answer { case, says }
}

fn accept_in(case: Option<i64>, behind: &[Word]) -> Order {
    accept(case, minutes_in(behind))
}

/// The first number behind the case: `8`, `dakika 10`, `in 8 min`.
fn minutes_in(words: &[Word]) -> Option<i32> {
    minutes(words.iter().find_map(|word| word.number)?)
}

fn minutes(number: i64) -> Option<i32> {
    i32::try_from(number)
        .ok()
        .filter(|minutes| (1..=MINUTES_MAX).contains(minutes))
}

/// `GIVE 42 0712 345 678`, `GIVE 0712345678`, `GIVE 42`.
fn give(case: Option<i64>, behind: &[Word]) -> Order {
    // `GIVE 712 345 678`: no case at all.
    if let (None, Some(phone)) = (phone_in(None, behind), phone_in(case, behind)) {
        let says = Says::HandOver(Some(phone));
        return Order::Answer { case: None, says };
    }
    let says = Says::HandOver(phone_in(None, behind));
    Order::Answer { case, says }
}

/// A phone number in one piece or several. What was read as a case in front of it may be its beginning.
fn phone_in(case: Option<i64>, words: &[Word]) -> Option<Msisdn> {
    let digits: String = words
        .iter()
        .filter(|word| word.upper.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|word| word.upper.as_str())
        .collect();
    let whole = Msisdn::parse(&digits).ok();
    whole.or_else(|| Msisdn::parse(&format!("{}{digits}", case?)).ok())
}

/// Nothing behind, or words such as `duty`, `kazini`, `tena`: not the beginning of a sentence about something else.
fn duty(behind: &[Word]) -> bool {
    behind.iter().all(|word| {
        [
            "DUTY", "SHIFT", "KAZINI", "ZAMU", "TENA", "AGAIN", "NOW", "SASA", "LEO", "TODAY",
        ]
        .contains(&word.upper.as_str())
    })
}

fn arrives(next: Option<&str>) -> bool {
    matches!(next, Some("HAPA" | "HAPO" | "HUKU"))
        || next.is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The verb at the front, and the words it takes.
fn verb_at(words: &[Word]) -> Option<(Verb, usize)> {
    let first = words.first()?.upper.as_str();
    let second = words.get(1).map(|word| word.upper.as_str());
    match (first, second) {
        ("SI", Some("KWELI")) | ("NI", Some("UONGO")) => return Some((Verb::False, 2)),
        ("FALSE", Some("ALARM")) => return Some((Verb::False, 2)),
        ("CAN", Some("T" | "NOT")) => return Some((Verb::No, 2)),
        ("I", Some("AM")) | ("I", Some("M")) => {
            return verb_at(&words[2..]).map(|(verb, taken)| (verb, taken + 2));
        }
        _ => {}
    }
    let exact = VERBS.iter().find(|(word, _)| *word == first);
    // One slip of the thumb is forgiven in words long enough not to be taken for another word.
    let near = || {
        VERBS.iter().find(|(word, _)| {
            word.len() >= 5 && first.chars().count() >= 4 && distance(word, first) == 1
        })
    };
    exact.or_else(near).map(|(_, verb)| (*verb, 1))
}

/// The case's number at the front of these words, and how many words that took: `42`, `SOS 42`, `E 2026 00042`.
fn leading_case(words: &[Word]) -> (Option<i64>, usize) {
    let fillers = words
        .iter()
        .take_while(|word| FILLERS.contains(&word.upper.as_str()))
        .count();
    let numbers: Vec<&Word> = words[fillers..]
        .iter()
        .take(3)
        .take_while(|word| word.number.is_some())
        .collect();
    let is_long = fillers > 0 && words[fillers - 1].upper == "E";
    match numbers.as_slice() {
        [year, serial, ..] if is_long && year.upper.len() == 4 && is_case(serial) => {
            (serial.number, fillers + 2)
        }
        [number, next, ..] if starts_a_phone(number) && next.upper.len() >= 3 => (None, 0),
        // `15 min` is a time.
        [number, ..] if is_case(number) && !is_minutes(&words[fillers + 1..]) => {
            (number.number, fillers + 1)
        }
        _ => (None, 0),
    }
}

/// `min` behind a number, and no other number behind that: `15 min`, but not `42 dakika 8`.
fn is_minutes(behind: &[Word]) -> bool {
    is_time(behind.first()) && behind.get(1).is_none_or(|word| word.number.is_none())
}

fn is_time(word: Option<&Word>) -> bool {
    word.is_some_and(|word| MINUTE_WORDS.contains(&word.upper.as_str()))
}

/// Two digits at least, and too few for a phone.
fn is_case(word: &Word) -> bool {
    (2..=6).contains(&word.upper.len()) && word.number.is_some_and(|number| number >= 10)
}

/// `0712 345 678` in pieces.
fn starts_a_phone(word: &Word) -> bool {
    (word.upper.starts_with("07") || word.upper.starts_with("01") || word.upper == "254")
        && word.upper.len() >= 3
}

/// What stands behind, as it was written.
fn said(text: &str, behind: &[Word]) -> String {
    behind
        .first()
        .map_or("", |word| &text[word.at..])
        .trim()
        .to_owned()
}

/// A word of a text.
#[derive(Clone, Debug)]
struct Word {
    upper: String,
    number: Option<i64>,
    /// Where it begins in the text, in bytes.
    at: usize,
}

fn words_of(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut start = None;
    let ends = text
        .char_indices()
        .chain(std::iter::once((text.len(), ' ')));
    for (at, c) in ends {
        match (c.is_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                pieces(&text[from..at], from, &mut words);
                start = None;
            }
            _ => {}
        }
        if words.len() >= WORDS_MAX {
            break;
        }
    }
    words
}

/// `ok42` and `8min` are two words each; `7K3M` is one, and a receipt's.
fn pieces(whole: &str, at: usize, words: &mut Vec<Word>) {
    let upper: String = whole.chars().take(24).collect::<String>().to_uppercase();
    let border = |digit_first: bool| {
        whole
            .char_indices()
            .find(|(_, c)| c.is_ascii_digit() != digit_first)
            .map(|(border, _)| border)
    };
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(border) = border(false).filter(|border| *border > 0) {
        let (front, back) = whole.split_at(border);
        let front_upper = front.to_uppercase();
        let is_known = VERBS.iter().any(|(verb, _)| *verb == front_upper)
            || FILLERS.contains(&front_upper.as_str());
        if is_known && is_number(back) {
            words.push(word(front_upper, at));
            words.push(word(back.to_owned(), at + border));
            return;
        }
    }
    if let Some(border) = border(true).filter(|border| *border > 0) {
        let (front, back) = whole.split_at(border);
        let back_upper = back.to_uppercase();
        let is_known = MINUTE_WORDS.contains(&back_upper.as_str())
            || VERBS.iter().any(|(verb, _)| *verb == back_upper);
        if is_known {
            words.push(word(front.to_owned(), at));
            words.push(word(back_upper, at + border));
            return;
        }
    }
    words.push(word(upper, at));
}

fn word(upper: String, at: usize) -> Word {
    let is_number = (1..=12).contains(&upper.len()) && upper.bytes().all(|b| b.is_ascii_digit());
    let number = is_number.then(|| upper.parse().ok()).flatten();
    Word { upper, number, at }
}

#[cfg(test)]
mod tests;
