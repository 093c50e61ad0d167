//! From a call for help to its end, with nobody answering at first.

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::phone::Phone;
use super::scene::Scene;
use super::{AMINA, SHORT_CODE, Step, typed};

const WAMBUI: &str = "254711000003";
const ODHIAMBO: &str = "254711000004";
/// Coordinator at the next stage of the zone.
const SAMUEL: &str = "254711000113";
const ALARM: &str = "*384*123*9#";

/// What Amina tells when the alarm is already out.
const TELLS: [Step; 3] = [
    typed("1", "an accident", &["how many"]),
    typed("2", "two people are hurt", &["where"]),
    typed("Kencom near the bank", "where they are", &["bleeding"]),
];

/// Where the phones must have seen the alarm get to, in this order. Its number she reads on the screen first, and by
/// message perhaps after the others have theirs.
const STATIONS: [&str; 4] = ["alerted", "coming", "arrived", "done"];

/// Amina calls for help. Neither coordinator of her stage answers, the next stage's hears of it, and then Odhiambo goes.
pub(super) async fn raised_and_answered(url: &str) -> anyhow::Result<()> {
    let mut amina = Phone::pick_up(url, AMINA, Scene::of("Amina", AMINA)).await?;
    let mut wambui = Phone::pick_up(url, WAMBUI, Scene::of("Wambui", WAMBUI)).await?;
    let mut odhiambo = Phone::pick_up(url, ODHIAMBO, Scene::of("Odhiambo", ODHIAMBO)).await?;
    let mut samuel = Phone::pick_up(url, SAMUEL, Scene::of("Samuel", SAMUEL)).await?;

    amina
        .scene
        .title("Amina has an accident and dials for help");
    let screen = amina.dial(ALARM, &["number"]).await?;
    let number = case_number(&screen).with_context(|| format!("no number in {screen:?}"))?;
    let sos = format!("sos {number}");
    for coordinator in [&mut wambui, &mut odhiambo] {
        coordinator.scene.turn();
        coordinator.await_message(&[&sos, "amina"]).await?;
    }
    amina.scene.turn();
    super::walk(&mut amina, &TELLS, true).await?;
    amina.await_message(&[&number]).await?;

    samuel
        .scene
        .title("Nobody answers: the alarm goes out again, and to the next stage");
    samuel
        .await_messages(&[&[&sos, "amina"], &[&sos, "near the bank"]])
        .await?;

    odhiambo
        .scene
        .title("Odhiambo answers that he is there in eight minutes");
    odhiambo.text(SHORT_CODE, &format!("{number} 8")).await?;
    odhiambo.await_message(&[&number, "nimefika"]).await?;
    for other in [&mut wambui, &mut samuel] {
        other.scene.turn();
        other.await_message(&[&sos, "odhiambo", "8"]).await?;
    }
    amina.scene.turn();
    amina.await_message(&["odhiambo", "8 min"]).await?;

    odhiambo.scene.title("He is there, and then it is over");
    odhiambo
        .text(SHORT_CODE, &format!("NIMEFIKA {number}"))
        .await?;
    amina.scene.turn();
    amina.await_message(&["odhiambo", "where you are"]).await?;
    odhiambo.scene.turn();
    let over = format!("TAYARI {number} amepelekwa KNH");
    odhiambo.text(SHORT_CODE, &over).await?;
    amina.scene.turn();
    amina.await_message(&[&number, "closed"]).await?;
    wambui.scene.turn();
    wambui.await_message(&[&sos, "over"]).await?;
    clock_of(url, &number, &amina.scene).await
}

/// The number on a screen: two digits or more.
fn case_number(screen: &str) -> Option<String> {
    let mut words = screen.split(|character: char| !character.is_ascii_digit());
    words.find(|word| word.len() >= 2).map(str::to_owned)
}

#[derive(Deserialize)]
struct Alarm {
    number: String,
    raised_at: chrono::DateTime<chrono::Utc>,
    stations: Vec<Reached>,
}

#[derive(Deserialize)]
struct Reached {
    station: String,
    at: chrono::DateTime<chrono::Utc>,
    phones: Vec<serde_json::Value>,
}

/// The clock of the alarm as the phones tell of it, shown, and complete.
async fn clock_of(url: &str, number: &str, scene: &Scene) -> anyhow::Result<()> {
    let answer = reqwest::get(format!("{url}/alarms")).await?;
    let alarms: Vec<Alarm> = answer
        .json()
        .await
        .context("the alarms have another shape")?;
    let alarm = alarms.iter().find(|alarm| alarm.number == number);
    let alarm = alarm.with_context(|| format!("the phones know no alarm {number}"))?;
    let shown = alarm.stations.iter().map(|reached| {
        let seconds = (reached.at - alarm.raised_at).num_seconds();
        format!(
            "{} after {seconds} s ({})",
            reached.station,
            reached.phones.len()
        )
    });
    scene.said("clock", &shown.collect::<Vec<_>>().join(", "));
    let mut before = alarm.raised_at;
    for name in STATIONS {
        let reached = alarm
            .stations
            .iter()
            .find(|reached| reached.station == name);
        let reached =
            reached.with_context(|| format!("no phone was told that the alarm is {name}"))?;
        ensure!(
            reached.at >= before,
            "the phones were told {name} before what comes first"
        );
        before = reached.at;
        ensure!(
            name != "alerted" || reached.phones.len() >= 3,
            "the alarm never went wider than its stage"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_on_the_screen() {
        assert_eq!(
            case_number("Help is being called. Number 42. What happened?\n1 Accident"),
            Some("42".into())
        );
        assert_eq!(case_number("1 Accident\n2 Sick"), None);
    }
}
