//! The clock of an alarm as the phones tell it: the simulators know nothing of our tables, so whatever words we choose,
//! they must be able to read from them how far help has come.

use std::time::Duration;

use simulators::phones::alarms::{Alarm, Station};

use crate::world::{Sessions, World};

const AMINA: &str = "254711000001";
const JUMA: &str = "254711000002";
const WAMBUI: &str = "254711000003";
const ODHIAMBO: &str = "254711000004";
const SHORT_CODE: &str = "22384";
/// How often the phones are looked at, and how long each look waits for the reporter's next message.
const LOOKS: usize = 100;
const A_LOOK: Duration = Duration::from_millis(100);

/// The alarm, once the phones tell of exactly these stations, each with so many phones.
async fn told(world: &World, reporter: &str, expected: &[(Station, usize)]) -> Alarm {
    let phone = world.outside.phone(reporter).unwrap();
    let mut seen = Vec::new();
    for _ in 0..LOOKS {
        let read = phone.inbox(0, Duration::ZERO).await;
        world.settle().await;
        if let Some(alarm) = world.outside.alarms().pop() {
            seen = stations(&alarm);
            if seen == expected {
                return alarm;
            }
        }
        phone
            .inbox(read.last().map_or(0, |text| text.id), A_LOOK)
            .await;
    }
    assert_eq!(seen, expected);
    unreachable!("they were just unequal")
}

fn stations(alarm: &Alarm) -> Vec<(Station, usize)> {
    let reached = alarm.stations.iter();
    reached
        .map(|reached| (reached.station, reached.phones.len()))
        .collect()
}

async fn raised_by(world: &World, reporter: &str) -> Alarm {
    let phone = world.outside.phone(reporter).unwrap();
    phone.dial("*384*123*9#").await;
    phone.hang_up();
    told(
        world,
        reporter,
        &[(Station::Raised, 1), (Station::Alerted, 2)],
    )
    .await
}

fn text(world: &World, from: &str, text: &str) {
    let phone = world.outside.phone(from).unwrap();
    assert!(phone.text(SHORT_CODE, text).is_some());
}

#[tokio::test]
async fn every_station_is_told_in_both_languages() {
    for reporter in [AMINA, JUMA] {
        let world = World::new(Sessions::InProcess).await;
        let number = raised_by(&world, reporter).await.number;
        let mut expected = vec![(Station::Raised, 1), (Station::Alerted, 2)];
        // To the one who answers, to the other coordinator, and to whoever waits.
        for (says, station) in [
            ("8", Station::Coming),
            ("NIMEFIKA", Station::Arrived),
            ("TAYARI", Station::Done),
        ] {
            let answer = if says == "8" {
                format!("{number} 8")
            } else {
                format!("{says} {number}")
            };
            text(&world, ODHIAMBO, &answer);
            expected.push((station, 3));
            let alarm = told(&world, reporter, &expected).await;
            assert_eq!(alarm.over_at.is_some(), station == Station::Done);
            let reached = alarm.stations.last().unwrap();
            assert!(
                reached.says.contains("Odhiambo"),
                "the reporter's own words: {reached:?}"
            );
        }
        world.close().await;
    }
}

#[tokio::test]
async fn a_false_alarm_is_called_off_and_not_done() {
    let world = World::new(Sessions::InProcess).await;
    let number = raised_by(&world, JUMA).await.number;
    text(&world, WAMBUI, &format!("FALSE {number}"));
    let expected = [
        (Station::Raised, 1),
        (Station::Alerted, 2),
        (Station::Cancelled, 3),
    ];
    let alarm = told(&world, JUMA, &expected).await;
    assert!(alarm.over_at.is_some());
    world.close().await;
}
