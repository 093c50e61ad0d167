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
        if told.by_call {
            // A call that nobody picked up has said no number: it belongs to the alarm that is on.
            let meant = number_in(&told.text).or_else(|| youngest_open(&alarms));
            if let Some(reading) = meant.and_then(|number| alarms.get_mut(&number)) {
                reading.reach(Station::Called, told);
            }
            continue;
        }
        let Some((number, station)) = read(&told.text) else {
            continue;
        };
        if matches!(station, Station::Raised | Station::Alerted) {
            alarms.entry(number.clone()).or_default();
        }
        if let Some(reading) = alarms.get_mut(&number) {
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
        let ends = [Station::Done, Station::Cancelled];
        ends.iter()
            .filter_map(|end| self.stations.get(end))
            .map(|end| end.at)
            .min()
    }

    fn alarm(self, number: String) -> Option<Alarm> {
        let raised_at = self.stations.values().map(|reached| reached.at).min()?;
        let over_at = self.over_at();
        let stations = self.stations.into_values().collect();
        Some(Alarm {
            number,
            raised_at,
            over_at,
            stations,
        })
    }
}

fn youngest_open(alarms: &BTreeMap<String, Reading>) -> Option<String> {
    let open = alarms
        .iter()
        .filter(|(_, reading)| reading.over_at().is_none());
    let began = |reading: &Reading| reading.stations.values().map(|reached| reached.at).min();
    open.max_by_key(|(_, reading)| began(reading))
        .map(|(number, _)| number.clone())
}

/// The words of each station in both languages, the most telling first: a message that says "arrived" may say "coming" too.
const WORDS: &[(Station, &[&str])] = &[
    (
        Station::Cancelled,
        &[
            "cancelled",
            "false alarm",
            "imefutwa",
            "imeghairiwa",
            "si kweli",
        ],
    ),
    (
        Station::Done,
        &[
            "is closed",
            "is done",
            "is over",
            "imefungwa",
            "imekwisha",
            "imeisha",
        ],
    ),
    (
        Station::Arrived,
        &["has arrived", "is there", "is with you", "amefika"],
    ),
    (
        Station::Coming,
        &[
            "is coming",
            "are coming",
            "on the way",
            "anakuja",
            "wanakuja",
            "yuko njiani",
        ],
    ),
    (Station::Raised, &["your alarm", "dharura yako"]),
];

/// The alarm a message is about and the station it tells of.
fn read(text: &str) -> Option<(String, Station)> {
    let number = number_in(text)?;
    let small = text.to_lowercase();
    let told = WORDS
        .iter()
        .find(|(_, words)| words.iter().any(|word| small.contains(word)));
    match told {
        Some((station, _)) => Some((number, *station)),
        None => small
            .starts_with("sos ")
            .then_some((number, Station::Alerted)),
    }
}

/// `42` in "SOS 42: …", "number 42", "namba 42" or "E-2026-00042".
fn number_in(text: &str) -> Option<String> {
    let small = text.to_lowercase();
    let words: Vec<&str> = small
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let named = words
        .windows(2)
        .find(|pair| {
            [
                "sos",
                "number",
                "namba",
                "case",
                "kesi",
                "emergency",
                "dharura",
            ]
            .contains(&pair[0])
                && is_number(pair[1])
        })
        .map(|pair| pair[1]);
    let whole = || {
        words
            .windows(3)
            .find(|parts| parts[0] == "e" && is_number(parts[1]) && is_number(parts[2]))
            .map(|parts| parts[2].trim_start_matches('0'))
    };
    named.or_else(whole).map(str::to_owned)
}

fn is_number(word: &str) -> bool {
    (2..=6).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
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
                "SOS 42: Amina 0711000001, stage Kencom, needs help NOW.",
            ),
            told(
                100,
                ODHIAMBO,
                "SOS 42: Amina 0711000001, stage Kencom, anahitaji msaada SASA.",
            ),
            told(
                101,
                AMINA,
                "We have your alarm, number 42. Keep this phone on.",
            ),
            told(130, WAMBUI, "SOS 42: ACCIDENT."),
            called(160, WAMBUI, ""),
            told(
                200,
                AMINA,
                "SOS 42: Odhiambo 0711000004 is coming, about 8 minutes.",
            ),
            told(200, WAMBUI, "SOS 42: Odhiambo anakuja."),
            told(500, AMINA, "SOS 42: Odhiambo has arrived."),
            told(900, AMINA, "SOS 42 is closed."),
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
        assert_eq!(
            alarm.stations[3].says,
            "SOS 42: Odhiambo 0711000004 is coming, about 8 minutes."
        );
        assert_eq!(
            alarm.over_at,
            Some(alarm.raised_at + TimeDelta::seconds(800))
        );
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
            called(3, AMINA, "KwaStage. Press 1."),
        ];
        assert_eq!(alarms(messages), []);
    }

    #[test]
    fn a_call_belongs_to_the_alarm_it_names_or_else_to_the_one_that_is_on() {
        let messages = vec![
            told(1, WAMBUI, "SOS 11: Amina needs help NOW."),
            told(2, WAMBUI, "SOS 12: Juma anahitaji msaada SASA."),
            called(3, WAMBUI, "Emergency 11. Press 1 if you are going."),
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
