//! An alarm in a text: whether it is one, what happened, how many are hurt, and where.
//!
//! A missed alarm is worse than a false one. So the alarm words are looked for in the first words of any text, and a cry
//! for help beside a word of what happened is an alarm as well. What the words do not settle, people do: nothing that was
//! written is kept from the coordinators.

mod kinds;

use super::words::{Word, meant};
use crate::emergencies::EmergencyKind;
use kinds::{Kind, kind_of};

/// What a text tells of an emergency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub kind: Option<EmergencyKind>,
    /// How many people are hurt, where a number was given: 1 to 500.
    pub injured: Option<u16>,
    /// The words of the place, as they were written.
    pub place: Option<String>,
}

/// Raise an alarm by themselves, among the first [`FIRST_WORDS`].
const ALARMS: &str = "SOS DHARURA EMERGENCY MAYDAY EMERGENSI";
/// As people write them who write as they speak.
const ALARMS_BY_EAR: &str = "DHARULA THARURA ZARURA DARURA EMAGENCY IMERGENCY ES0ES";
/// Cries for help: an alarm beside a word of what happened, and a question about the service otherwise.
const CRIES: &str = "HELP HELPME MSAADA NISAIDIE NISAIDIENI SAIDIA SAIDIENI TUSAIDIE TUSAIDIENI SAIDIE OKOA NIOKOE TUOKOE";
const FIRST_WORDS: usize = 6;
/// `no emergency`, `si dharura`.
const DENIALS: &str = "NO NOT SI SIO HAKUNA SINA FALSE NEVER";
/// With a case number behind them they speak of a case there is: `DONE 42 emergency over`.
const ABOUT_A_CASE: &str = "OK SAWA YES NDIYO HERE HAPA NIMEFIKA MORE ZAIDI DONE IMEISHA NIMEMALIZA TAYARI FALSE UONGO NOTE ANDIKA \
    HANDOVER";
/// Texts about money speak of accidents that are over: `claim accident`.
const ABOUT_MONEY: &str = "CLAIM DAI MADAI PAY LIPA LOAN MKOPO POLICY COVER BIMA RECEIPT CONTRIBUTE CHANGA CHANGIA MCHANGO";
/// Say nothing of the place when they stand at its edge.
const BESIDE_THE_PLACE: &str = "A AN THE AT IN ON IS WAS AND NA YA WA NI WE I AM M VE THERE HAS HAVE HAD BEEN GOT KUNA NIKO TUKO IKO KO \
    HAPA HERE MIMI SISI ME US MY PLACE MAHALI LOCATION PLEASE PLZ PLS TAFADHALI HARAKA QUICK QUICKLY FAST NOW \
    SASA HIVI COME NJOO NJOONI KUJENI SEND TUMA TUMENI NIMEPATA TUMEPATA AMEPATA WAMEPATA NIMEKUWA IMETOKEA \
    HAPPENED HI HELLO HABARI SOMEONE SOMEBODY MTU NEED NAHITAJI NAOMBA CALL OF FOR OK OKAY SAWA ASANTE THANKS \
    THANK YOU YES NDIYO NDIO";
/// Greetings and the like in front of what somebody wants to say.
const BEFORE: &str = "PLEASE PLZ PLS TAFADHALI HI HELLO HEY HABARI WE I THERE IS KUNA NIMEPATA TUMEPATA AMEPATA AN A HAPA HERE \
    NIKO HAS";

/// The alarm in a text, if it is one.
pub(super) fn alarm(text: &str, words: &[Word]) -> Option<Alarm> {
    is_alarm(words).then(|| told(text, words))
}

/// What a text tells of an emergency that has been raised: the answer to where somebody is.
pub(super) fn told(text: &str, words: &[Word]) -> Alarm {
    let (roles, leading) = roles(words);
    let kinds = words.iter().filter_map(|word| kind_of(&word.upper));
    // Hidden in a sentence, a word that would make an alarm less urgent is not trusted with that.
    let mild = leading.and_then(|at| kind_of(&words[at].upper));
    let kind = kinds
        .filter(|kind| kind.is_grave)
        .chain(mild)
        .max_by_key(Kind::urgency);
    Alarm {
        kind: kind.map(|kind| kind.kind),
        injured: injured(words).map(|(count, _)| count),
        place: place(text, words, &roles),
    }
}

fn is_alarm(words: &[Word]) -> bool {
    let first = &words[..words.len().min(FIRST_WORDS)];
    if spelled_out(words) || first.first().is_some_and(is_call) {
        return true;
    }
    let about_a_case = matches!(first, [word, number, ..]
        if (word.is(ABOUT_A_CASE) && number.is_number())
            || (word.is_number() && word.upper.len() > 1 && number.is(ABOUT_A_CASE)));
    if about_a_case {
        return false;
    }
    // Right in front of the word only: `hakuna polisi, dharura!` denies no alarm.
    let denied = |at: usize| match &first[..at] {
        [.., denial, article] if article.is("A AN") => denial.is(DENIALS),
        [.., denial] => denial.is(DENIALS),
        [] => false,
    };
    if (0..first.len()).any(|at| is_call(&first[at]) && !denied(at)) {
        return true;
    }
    let happened = |at: usize| kind_of(&first[at].upper).is_some() && !denied(at);
    let about_money = first.iter().any(|word| word.is(ABOUT_MONEY));
    let cried = first.iter().take(3).any(is_cry);
    let leading = first
        .iter()
        .position(|word| !word.is(BEFORE) && !is_cry(word));
    let Some(leading) = leading.filter(|_| !about_money) else {
        return false;
    };
    let grave = |at: usize| kind_of(&first[at].upper).is_some_and(|kind| kind.is_grave);
    let speaks_for_itself = kind_of(&first[leading].upper).is_some_and(|kind| kind.is_alarm);
    (cried && (happened(leading) || (0..first.len()).any(|at| grave(at) && !denied(at))))
        || (speaks_for_itself && !denied(leading))
}

/// `S.O.S`, `s o s`.
fn spelled_out(words: &[Word]) -> bool {
    matches!(words, [s, o, z, ..] if s.is("S") && o.is("O 0") && z.is("S"))
}

fn is_call(word: &Word) -> bool {
    let upper = word.upper.trim_end_matches(|c: char| c.is_ascii_digit());
    word.is(ALARMS_BY_EAR)
        || matches!(upper, "S0S")
        || ALARMS.split(' ').any(|alarm| meant(alarm, upper))
        // Held keys: `SSOOSS`.
        || (upper.len() > 3 && upper.starts_with('S') && upper.ends_with('S')
            && upper.trim_matches('S').chars().all(|c| c == 'O') && upper.contains('O'))
}

fn is_cry(word: &Word) -> bool {
    CRIES.split(' ').any(|cry| meant(cry, &word.upper))
}

/// What a word is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// `SOS`, `nisaidie`.
    Call,
    /// What happened, or how many are hurt.
    What,
    Beside,
    /// Anything else: the place, and whatever there is to say about it.
    Where,
}

/// Each word's role, and which of them is the first thing said.
fn roles(words: &[Word]) -> (Vec<Role>, Option<usize>) {
    let hurt = injured(words).map_or(0..0, |(_, at)| at);
    let spelled = if spelled_out(words) { 3 } else { 0 };
    let role = |(at, word): (usize, &Word)| {
        if at < spelled || is_call(word) || is_cry(word) {
            Role::Call
        } else if hurt.contains(&at) || kind_of(&word.upper).is_some() {
            Role::What
        } else if word.is(BESIDE_THE_PLACE) {
            Role::Beside
        } else {
            Role::Where
        }
    };
    let mut roles: Vec<Role> = words.iter().enumerate().map(role).collect();
    let leading = roles
        .iter()
        .position(|role| matches!(role, Role::What | Role::Where));
    // What is not taken for the kind stays where people will read it.
    for (at, role) in roles.iter_mut().enumerate() {
        let is_mild = kind_of(&words[at].upper).is_some_and(|kind| !kind.is_grave);
        if is_mild && Some(at) != leading {
            *role = Role::Where;
        }
    }
    (roles, leading)
}

/// From the first word that may be of the place to the last, with everything between, and how many are hurt beside it: the
/// people alerted read that in the reporter's own words.
fn place(text: &str, words: &[Word], roles: &[Role]) -> Option<String> {
    let is_where = |role: &Role| *role == Role::Where;
    let first = roles.iter().position(is_where)?;
    let last = roles.iter().rposition(is_where)?;
    // `SOS 42` names no place.
    let letters = |word: &Word| word.upper.chars().filter(|c| c.is_alphabetic()).count();
    if words[first..=last].iter().map(letters).sum::<usize>() < 2 {
        return None;
    }
    let (first, last) = match injured(words) {
        Some((_, hurt)) => (first.min(hurt.start), last.max(hurt.end - 1)),
        None => (first, last),
    };
    let place = text.get(words.get(first)?.from..words.get(last)?.to)?;
    Some(place.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// How many are hurt, and the words that say so: `3 hurt`, `two people injured`, `watu 3 wameumia`.
fn injured(words: &[Word]) -> Option<(u16, std::ops::Range<usize>)> {
    const HURT: &str = "HURT INJURED INJURIES WOUNDED WAMEUMIA AMEUMIA WAMEJERUHIWA MAJERUHI CASUALTIES VICTIMS WALIOUMIA \
        WAGONJWA";
    const PEOPLE: &str = "PEOPLE PERSONS PERSON PASSENGERS WATU MTU ABIRIA RIDERS";
    let is = |at: usize, known: &str| words.get(at).is_some_and(|word| word.is(known));
    (0..words.len()).find_map(|at| {
        let count = count(&words[at].upper)?;
        // `watu 3`, `majeruhi wawili`.
        if at > 0 && is(at - 1, "WATU MTU ABIRIA MAJERUHI WAGONJWA") {
            let end = at + 1 + usize::from(is(at + 1, HURT));
            return Some((count, at - 1..end));
        }
        let people = usize::from(is(at + 1, PEOPLE));
        let are = usize::from(is(at + 1 + people, "ARE IS BADLY"));
        let end = at + 1 + people + are;
        is(end, HURT).then(|| (count, at..end + 1))
    })
}

fn count(word: &str) -> Option<u16> {
    const COUNTS: [(&str, u16); 20] = [
        ("ONE", 1),
        ("MMOJA", 1),
        ("MOJA", 1),
        ("TWO", 2),
        ("WAWILI", 2),
        ("THREE", 3),
        ("WATATU", 3),
        ("FOUR", 4),
        ("WANNE", 4),
        ("FIVE", 5),
        ("WATANO", 5),
        ("SIX", 6),
        ("SITA", 6),
        ("SEVEN", 7),
        ("SABA", 7),
        ("EIGHT", 8),
        ("WANANE", 8),
        ("NINE", 9),
        ("TISA", 9),
        ("KUMI", 10),
    ];
    let spelled = COUNTS.iter().find(|(known, _)| *known == word);
    let counted = spelled
        .map(|(_, count)| *count)
        .or_else(|| word.parse().ok());
    counted.filter(|count| (1..=500).contains(count))
}

#[cfg(test)]
mod tests;
