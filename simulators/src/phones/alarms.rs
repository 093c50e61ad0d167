//! The clock of an alarm, read from nothing but what the phones were told. The outside knows no table of the gateway: a
//! station that no message and no call tells of was never reached, whatever the gateway believes.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Msisdn;

/// One alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// The number people say, such as `42`.
    pub number: String,
    pub raised_at: DateTime<Utc>,
    /// When the phones were told that it is over.
    pub over_at: Option<DateTime<Utc>>,
    /// What was reached, in the order of [`Station`]; each once.
    pub stations: Vec<Reached>,
}

/// Where an alarm can have got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Station {
    /// Whoever raised it holds its number.
    Raised,
    /// Phones were told to help.
    Alerted,
    /// Phones rang.
    Called,
    /// Somebody comes.
    Coming,
    /// Somebody is there.
    Arrived,
    Done,
    /// Withdrawn, or false.
    Cancelled,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reached {
    pub station: Station,
    /// When a phone first told of it.
    pub at: DateTime<Utc>,
    /// The phones that tell of it, each with the time it did so first.
    pub phones: Vec<Witness>,
    /// The words it was told in: those whoever raised the alarm read, or else the first.
    pub says: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Witness {
    pub msisdn: String,
    pub name: String,
    pub at: DateTime<Utc>,
}

/// Something a phone was told: a message, or a call with what it said.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub msisdn: Msisdn,
    pub name: String,
    pub at: DateTime<Utc>,
    pub text: String,
    pub by_call: bool,
}

/// Every alarm the phones tell of, the newest first.
pub(crate) fn alarms(mut told: Vec<Told>) -> Vec<Alarm> {
    told.sort_by_key(|told| told.at);
    let mut alarms: BTreeMap<String, Reading> = BTreeMap::new();
    for told in &told {
        let named = number_in(&told.text);
        let (number, station) = if told.by_call {
            // A call that nobody picked up has said no number: it belongs to the alarm that is on.
            (
                named.or_else(|| youngest(&alarms, |_| true)),
                Some(Station::Called),
            )
        } else {
            // Who raised an alarm is told of it without its number too.
            let own = || youngest(&alarms, |reading| reading.raised_by(&told.msisdn));
            (named.or_else(own), station_in(&told.text))
        };
        let Some(number) = number else { continue };
        if has(&told.text, GIVEN_UP) {
            if let Some(reading) = alarms.get_mut(&number) {
                reading.stations.remove(&Station::Coming);
            }
            continue;
        }
        let Some(station) = station else { continue };
        // An answer to a wrong number names an alarm that is none.
        if station == Station::Raised || has(&told.text, CRYING) {
            alarms.entry(number.clone()).or_default();
        }
        if let Some(reading) = alarms.get_mut(&number) {
            reading.forced |= has(&told.text, FORCED);
            reading.reach(station, told);
        }
    }
    let mut alarms: Vec<Alarm> = alarms
        .into_iter()
        .filter_map(|(number, reading)| reading.alarm(number))
        .collect();
    alarms.sort_by_key(|alarm| Reverse(alarm.raised_at));
    alarms
}

/// What has been read of one alarm so far.
#[derive(Default)]
struct Reading {
    stations: BTreeMap<Station, Reached>,
    /// Somebody was forced to call it off: it goes on, whatever their own phone was told.
    forced: bool,
}

impl Reading {
    fn reach(&mut self, station: Station, told: &Told) {
        let by_reporter = self.raised_by(&told.msisdn);
        if by_reporter && matches!(station, Station::Alerted | Station::Called) {
            return;
        }
        let witness = Witness {
            msisdn: told.msisdn.to_string(),
            name: told.name.clone(),
            at: told.at,
        };
        let reached = self.stations.entry(station).or_insert_with(|| Reached {
            station,
            at: told.at,
            phones: Vec::new(),
            says: told.text.clone(),
        });
        if by_reporter {
            reached.says.clone_from(&told.text);
        }
        if !reached
            .phones
            .iter()
            .any(|known| known.msisdn == witness.msisdn)
        {
            reached.phones.push(witness);
        }
    }

    fn raised_by(&self, msisdn: &Msisdn) -> bool {
        self.stations.get(&Station::Raised).is_some_and(|raised| {
            raised
                .phones
                .iter()
                .any(|phone| phone.msisdn == msisdn.digits())
        })
    }

    fn over_at(&self) -> Option<DateTime<Utc>> {
        let ends = [Station::Done, Station::Cancelled].into_iter();
        ends.filter_map(|end| self.stations.get(&end))
            .filter(|end| !(self.forced && end.station == Station::Cancelled))
            .map(|end| end.at)
            .min()
    }

    fn alarm(mut self, number: String) -> Option<Alarm> {
        let raised_at = self.began()?;
        let over_at = self.over_at();
        if self.forced {
            self.stations.remove(&Station::Cancelled);
        }
        let stations = self.stations.into_values().collect();
        Some(Alarm {
            number,
            raised_at,
            over_at,
            stations,
        })
    }

    fn began(&self) -> Option<DateTime<Utc>> {
        self.stations.values().map(|reached| reached.at).min()
    }
}

/// The open alarm that began last, among those meant.
fn youngest(
    alarms: &BTreeMap<String, Reading>,
    meant: impl Fn(&Reading) -> bool,
) -> Option<String> {
    let open = alarms
        .iter()
        .filter(|(_, reading)| reading.over_at().is_none() && meant(reading));
    open.max_by_key(|(_, reading)| reading.began())
        .map(|(number, _)| number.clone())
}

/// The words of each station in both languages. The first that is found counts: a message that closes an alarm as a false
/// one says "closed" as well.
#[rustfmt::skip]
const WORDS: &[(Station, &[&str])] = &[
    (Station::Cancelled, &["false alarm", "as a false one", "is stopped", "stopped the alarm", "si ya kweli", "dharura ya kweli", "imesimamishwa", "amesimamisha"]),
    (Station::Done, &["is closed", "is over", "imefungwa", "imekwisha"]),
    (Station::Arrived, &["is there now", "where you are. you do not", "noted that you are there", "amefika", "tumeandika umefika"]),
    (Station::Coming, &["is coming", "is on the way", "you are on sos", "anakuja", "yuko njiani", "uko kwa sos"]),
    (Station::Raised, &["your alarm", "dharura yako"]),
    (Station::Alerted, &["sos ", "nobody answered ", "hakuna aliyejibu ", "duress ", "hatari "]),
];
/// A first alert says one of these.
const CRYING: &[&str] = &[
    "needs help",
    "anahitaji msaada",
    "is in danger",
    "yuko hatarini",
];
/// Whoever was coming is not, and nobody else is.
const GIVEN_UP: &[&str] = &["we are calling others now", "tunaita wengine sasa"];
const FORCED: &[&str] = &["duress", "amelazimishwa"];
/// What stands before the number of an alarm.
#[rustfmt::skip]
const NAMING: &[&str] = &[
    "sos", "number", "namba", "alarm", "emergency", "dharura", "yako", "kimya", "answered", "aliyejibu", "duress", "hatari",
];

/// The station a message tells of.
fn station_in(text: &str) -> Option<Station> {
    let told = WORDS.iter().find(|(_, words)| has(text, words));
    told.map(|(station, _)| *station)
}

fn has(text: &str, words: &[&str]) -> bool {
    let small = text.to_lowercase();
    words.iter().any(|word| small.contains(word))
}

/// `42` in "SOS 42: ...", "number 42", "namba 42" and, spoken, "number 4 2".
fn number_in(text: &str) -> Option<String> {
    let small = text.to_lowercase();
    let words: Vec<&str> = small
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    words.iter().enumerate().find_map(|(place, word)| {
        let behind = NAMING.contains(word).then(|| &words[place + 1..])?;
        number_at(behind)
    })
}

/// The number these words begin with, in one word or digit by digit.
fn number_at(words: &[&str]) -> Option<String> {
    let digits = |word: &&&str| word.bytes().all(|byte| byte.is_ascii_digit());
    let first = words.first().filter(digits)?;
    let number: String = if first.len() > 1 {
        (*first).to_owned()
    } else {
        words
            .iter()
            .take_while(|word| word.len() == 1 && digits(word))
            .copied()
            .collect()
    };
    (2..=6).contains(&number.len()).then_some(number)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const AMINA: &str = "254711000001";
    const WAMBUI: &str = "254711000003";
    const ODHIAMBO: &str = "254711000004";

    fn told(second: i64, msisdn: &str, text: &str) -> Told {
        Told {
            msisdn: Msisdn::parse(msisdn).unwrap(),
            name: format!("phone {}", &msisdn[9..]),
            at: DateTime::UNIX_EPOCH + TimeDelta::seconds(second),
            text: text.to_owned(),
            by_call: false,
        }
    }

    fn called(second: i64, msisdn: &str, text: &str) -> Told {
        Told {
            by_call: true,
            ..told(second, msisdn, text)
        }
    }

    fn reached(alarm: &Alarm) -> Vec<(Station, i64, usize)> {
        let stations = alarm.stations.iter();
        stations
            .map(|reached| {
                (
                    reached.station,
                    (reached.at - alarm.raised_at).num_seconds(),
                    reached.phones.len(),
                )
            })
            .collect()
    }

    #[test]
    fn an_alarm_is_read_from_its_messages_in_any_order() {
        let mut messages = vec![
            told(
                100,
                WAMBUI,
                "SOS 42: Amina 0711000001, stage Kencom, needs help NOW. Reply 1 = I come, 42 8 = there in 8 min.",
            ),
            told(
                100,
                ODHIAMBO,
                "SOS 42: Amina 0711000001, stage Kencom, anahitaji msaada SASA. Jibu 1 = nakuja, 42 8 = nafika kwa dakika 8.",
            ),
            told(
                101,
                AMINA,
                "We have your alarm, number 42. People near you have been told and will call this phone. Keep it on.",
            ),
            told(
                130,
                WAMBUI,
                "SOS 42: ACCIDENT. Place: Kencom. 0711000001: call now.",
            ),
            called(160, WAMBUI, ""),
            told(
                200,
                AMINA,
                "Odhiambo is coming to you, there in about 8 min. Phone 0711000004. Stay where you are if it is safe.",
            ),
            told(
                200,
                WAMBUI,
                "SOS 42: Odhiambo 0711000004 is coming, there in 8 min. Can you help too? Reply 42.",
            ),
            told(
                300,
                ODHIAMBO,
                "Dharura 42: umefika? Jibu NIMEFIKA 42. Kama bado uko njiani, jibu 42 na dakika zilizobaki.",
            ),
            told(
                500,
                AMINA,
                "Odhiambo says they are where you are. You do not see them? Call 0711000004.",
            ),
            told(
                900,
                AMINA,
                "Odhiambo says you have been helped; alarm 42 is closed. Still need help? Dial *384*123# and press 9.",
            ),
        ];
        messages.reverse();
        let [alarm] = &alarms(messages)[..] else {
            panic!("one alarm")
        };
        assert_eq!(alarm.number, "42");
        let expected = [
            (Station::Raised, 1, 1),
            (Station::Alerted, 0, 2),
            (Station::Called, 60, 1),
            (Station::Coming, 100, 2),
            (Station::Arrived, 400, 1),
            (Station::Done, 800, 1),
        ];
        assert_eq!(reached(alarm), expected);
        assert!(
            alarm.stations[3]
                .says
                .starts_with("Odhiambo is coming to you")
        );
        assert_eq!(
            alarm.over_at,
            Some(alarm.raised_at + TimeDelta::seconds(800))
        );
    }

    #[test]
    fn each_way_of_saying_it_is_one_station() {
        let cases = [
            (
                "SILENT SOS 42: Amina 0711000001, stage Kencom, is in danger.",
                Station::Alerted,
            ),
            (
                "SOS YA KIMYA 42: Amina 0711000001, yuko hatarini.",
                Station::Alerted,
            ),
            ("HAKUNA ALIYEJIBU 42. Tumeacha kupiga.", Station::Alerted),
            ("Tumepokea dharura yako, namba 42.", Station::Raised),
            (
                "SOS 42: Odhiambo 0711000004 yuko njiani. Unaweza kusaidia pia? Jibu 42.",
                Station::Coming,
            ),
            ("Uko kwa SOS 42. Piga 0711000001: Kencom.", Station::Coming),
            ("SOS 42: Odhiambo 0711000004 amefika.", Station::Arrived),
            (
                "SOS 42: tumeandika umefika. Unahitaji watu? ZAIDI 42 2.",
                Station::Arrived,
            ),
            ("SOS 42 imekwisha, asema Odhiambo. Asante.", Station::Done),
            (
                "Odhiambo anasema umesaidiwa; dharura 42 imefungwa.",
                Station::Done,
            ),
            (
                "SOS 42 is closed as a false alarm. Everybody has been told, the caller too.",
                Station::Cancelled,
            ),
            (
                "Odhiambo amefunga dharura yako 42 kuwa si ya kweli.",
                Station::Cancelled,
            ),
            (
                "Your alarm 42 is stopped. We are glad you are safe.",
                Station::Cancelled,
            ),
        ];
        for (text, station) in cases {
            assert_eq!(
                (number_in(text).as_deref(), station_in(text)),
                (Some("42"), Some(station)),
                "{text}"
            );
        }
        assert_eq!(
            number_in("Hapa ni Kwa Stage. Kuna dharura, namba 4 2. Amina").as_deref(),
            Some("42")
        );
    }

    #[test]
    fn who_was_forced_to_stop_an_alarm_has_not_stopped_it() {
        let messages = vec![
            told(1, AMINA, "We have your alarm, number 42."),
            told(
                5,
                AMINA,
                "Your alarm 42 is stopped. We are glad you are safe.",
            ),
            told(
                5,
                WAMBUI,
                "DURESS 42: Amina 0711000001 was FORCED to stop the alarm. Do NOT believe it.",
            ),
        ];
        let alarms = alarms(messages);
        assert_eq!(
            reached(&alarms[0]),
            [(Station::Raised, 0, 1), (Station::Alerted, 4, 1)]
        );
        assert_eq!(alarms[0].over_at, None);
    }

    #[test]
    fn who_cannot_come_after_all_is_not_coming() {
        let mut messages = vec![
            told(1, AMINA, "We have your alarm, number 42."),
            told(5, AMINA, "Odhiambo is coming to you. Phone 0711000004."),
            told(
                9,
                AMINA,
                "Odhiambo cannot come after all. We are calling others now. If you are in danger call 999 or 112.",
            ),
        ];
        assert_eq!(
            reached(&alarms(messages.clone())[0]),
            [(Station::Raised, 0, 1)]
        );
        messages.push(told(
            12,
            AMINA,
            "Wambui is coming to you. Phone 0711000003.",
        ));
        assert_eq!(reached(&alarms(messages)[0])[1], (Station::Coming, 11, 1));
    }

    #[test]
    fn a_number_nobody_raised_is_no_alarm() {
        let messages = vec![
            told(
                1,
                AMINA,
                "Received: KES 200. Account number 600123. Code C2HR",
            ),
            told(2, AMINA, "SOS 11 is closed."),
            told(
                2,
                WAMBUI,
                "SOS 99 is not open for this phone. Send CASES for those that are.",
            ),
            called(3, AMINA, "KwaStage. Press 1."),
        ];
        assert_eq!(alarms(messages), []);
    }

    #[test]
    fn a_call_belongs_to_the_alarm_it_names_or_else_to_the_one_that_is_on() {
        let messages = vec![
            told(1, WAMBUI, "SOS 11: Amina needs help NOW."),
            told(2, WAMBUI, "SOS 12: Juma anahitaji msaada SASA."),
            called(
                3,
                WAMBUI,
                "Emergency number 1 1. If you are going, press 1.",
            ),
            called(4, ODHIAMBO, ""),
        ];
        let alarms = alarms(messages);
        let rung: Vec<_> = alarms
            .iter()
            .map(|alarm| {
                (
                    alarm.number.as_str(),
                    alarm.stations[1].phones[0].msisdn.as_str(),
                )
            })
            .collect();
        assert_eq!(rung, [("12", ODHIAMBO), ("11", WAMBUI)]);
    }
}
