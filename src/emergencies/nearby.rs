//! Riders of the stage who offered to help, asked when somebody is hurt and those alerted are too few.

use chrono::{DateTime, TimeDelta, Timelike, Utc};

use super::alerting::Recipient;
use super::file;
use super::model::{Case, EmergencyKind, Rung};
use super::pranks;
use super::store::alerts;
use super::telling::tell;
use super::words;
use crate::fault::Fault;
use crate::members::{self, Helper};
use crate::messages::Values;
use crate::primitives::NAIROBI;
use crate::work::Work;

/// So many riders are asked for one case at a time.
const ASKED_MAX: usize = 10;
/// One rider is asked so often within a day.
const ASKED_A_DAY_MAX: i64 = 2;
/// Hours of the night in Nairobi, in which only those are asked who offered it.
const NIGHT_FROM_HOUR: u32 = 21;
const NIGHT_UNTIL_HOUR: u32 = 6;

/// Asks riders of the case's stage by SMS whether they can come, and says how many were asked. Nobody is asked about
/// what is not an accident or somebody sick, about an alarm that must not show, or by a phone of many false alarms;
/// nobody twice about one case.
pub async fn ask_nearby(work: &mut Work, case: &Case) -> Result<usize, Fault> {
    let now = work.now;
    let Some(stage) = case.stage.filter(|_| may_ask(case)) else {
        return Ok(0);
    };
    if pranks::has_pranked(work, &case.msisdn).await? {
        return Ok(0);
    }
    let known = alerts::of_case(work.conn(), case.id).await?;
    let mut asked = 0;
    for helper in members::helpers_of(work.conn(), stage).await? {
        if asked == ASKED_MAX {
            break;
        }
        let is_new =
            helper.msisdn != case.msisdn && !known.iter().any(|told| told.msisdn == helper.msisdn);
        if !is_new || !may_be_asked_at(&helper, now) {
            continue;
        }
        let since = now - TimeDelta::days(1);
        if alerts::asked_nearby_since(work.conn(), &helper.msisdn, since).await? >= ASKED_A_DAY_MAX
        {
            continue;
        }
        ask(work, case, helper).await?;
        asked += 1;
    }
    if asked > 0 {
        let said = asked.to_string();
        file::note(work, case.id, "nearby_asked", None, Some(&said)).await?;
    }
    Ok(asked)
}

async fn ask(work: &mut Work, case: &Case, helper: Helper) -> Result<(), Fault> {
    let now = work.now;
    let to = Recipient {
        msisdn: helper.msisdn,
        language: helper.language,
        name: Some(helper.first_name.as_str().to_owned()),
        member: Some(helper.id.0),
    };
    alerts::note(work.conn(), case.id, &to, Rung::Nearby, now).await?;
    let values = Values::new()
        .code("case", case.number.serial.to_string())
        .phrase("kind", words::kind_of(case.kind));
    let (template, values) = match &case.place {
        Some(place) => ("emergency.nearby", values.words("place", place)),
        None => ("emergency.nearby_somewhere", values),
    };
    tell(
        work,
        &to.msisdn,
        to.language,
        template,
        values,
        case.id,
        "nearby",
    )
    .await
}

fn may_ask(case: &Case) -> bool {
    let is_hurt = matches!(
        case.kind,
        Some(EmergencyKind::Accident | EmergencyKind::Medical)
    );
    is_hurt && !case.silent && case.state.is_open()
}

fn may_be_asked_at(helper: &Helper, now: DateTime<Utc>) -> bool {
    let hour = now.with_timezone(&NAIROBI).hour();
    helper.nights || (NIGHT_UNTIL_HOUR..NIGHT_FROM_HOUR).contains(&hour)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::members::{MemberId, Name};
    use crate::primitives::{Language, Msisdn};

    #[test]
    fn by_night_only_those_are_asked_who_offered_it() {
        let helper = |nights| Helper {
            id: MemberId(uuid::Uuid::nil()),
            first_name: Name::parse("Hassan").unwrap(),
            msisdn: Msisdn::parse("0711000101").unwrap(),
            language: Language::SWAHILI,
            nights,
        };
        // Nairobi is three hours ahead.
        for (utc, by_day) in [
            ("2026-11-20T02:59:00Z", false),
            ("2026-11-20T03:00:00Z", true),
            ("2026-11-20T17:59:00Z", true),
            ("2026-11-20T18:00:00Z", false),
            ("2026-11-20T21:30:00Z", false),
        ] {
            let now = utc.parse().unwrap();
            assert_eq!(may_be_asked_at(&helper(false), now), by_day, "{utc}");
            assert!(may_be_asked_at(&helper(true), now), "{utc}");
        }
    }
}
