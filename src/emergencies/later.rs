//! What follows a report after a pause: all that was told, in one message; and the riders nearby, when nobody comes.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::alerting::Recipient;
use super::model::{Case, CaseState, EmergencyId, Rung};
use super::nearby;
use super::store::{alerts, cases, reports};
use super::telling::tell;
use super::words;
use crate::fault::Fault;
use crate::jobs::Job;
use crate::work::Work;

/// Who goes on telling is heard out for so long, and the people alerted get one message instead of three.
const HEARD_OUT_FOR: TimeDelta = TimeDelta::seconds(10);
/// Nobody of those alerted has said in this time that they come.
const UNANSWERED_FOR: TimeDelta = TimeDelta::seconds(60);

/// Tell what the reporter has told, unless more was told since.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TellDetails {
    pub emergency: EmergencyId,
    pub changes: i32,
}

impl Job for TellDetails {
    const NAME: &'static str = "emergencies.tell_details";
    fn key(&self) -> Option<String> {
        Some(format!("{}:{}", self.emergency.0, self.changes))
    }
}

/// Ask the riders nearby, if nobody comes by then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AskNearby {
    pub emergency: EmergencyId,
}

impl Job for AskNearby {
    const NAME: &'static str = "emergencies.ask_nearby";
    fn key(&self) -> Option<String> {
        Some(self.emergency.0.to_string())
    }
}

/// Does what was left for after a pause.
pub async fn tell_details(work: &mut Work, job: &TellDetails) -> Result<(), Fault> {
    let Some(case) = cases::lock(work.conn(), job.emergency).await? else {
        return Ok(());
    };
    let changes = reports::changes(work.conn(), case.id).await?;
    if !case.state.is_open() || changes != job.changes {
        return Ok(());
    }
    tell_details_now(work, &case, changes).await
}

/// Asks the riders nearby when still nobody comes.
pub async fn ask_nearby_unless_answered(work: &mut Work, job: &AskNearby) -> Result<(), Fault> {
    match cases::lock(work.conn(), job.emergency).await? {
        Some(case) if case.state == CaseState::Reported => {
            nearby::ask_nearby(work, &case).await?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// To everybody who was alerted and has not said that they cannot come, and whoever is on the case.
pub(super) async fn tell_details_now(
    work: &mut Work,
    case: &Case,
    changes: i32,
) -> Result<(), Fault> {
    let on_it = alerts::responders(work.conn(), case.id).await?;
    let (template, values) = words::details(case);
    let what = format!("details:{changes}");
    for to in alerts::of_case(work.conn(), case.id).await? {
        let is_on_it = on_it
            .iter()
            .any(|one| one.msisdn == to.msisdn && one.left_at.is_none());
        if is_on_it || (!to.declined && to.rung != Rung::Nearby) {
            let values = values.clone();
            tell(
                work,
                &to.msisdn,
                to.language,
                template,
                values,
                case.id,
                &what,
            )
            .await?;
        }
    }
    Ok(())
}

/// To somebody who is alerted late: what the others have heard meanwhile. The same is never said twice to one phone.
pub(super) async fn tell_details_to(
    work: &mut Work,
    case: &Case,
    to: &Recipient,
) -> Result<(), Fault> {
    if case.kind.is_none() && case.place.is_none() && case.injured.is_none() {
        return Ok(());
    }
    let changes = reports::changes(work.conn(), case.id).await?;
    let (template, values) = words::details(case);
    let what = format!("details:{changes}");
    tell(
        work,
        &to.msisdn,
        to.language,
        template,
        values,
        case.id,
        &what,
    )
    .await
}

pub(super) async fn tell_details_soon(
    work: &mut Work,
    emergency: EmergencyId,
    changes: i32,
) -> Result<(), Fault> {
    let due = work.now + HEARD_OUT_FOR;
    work.enqueue_at(TellDetails { emergency, changes }, due)
        .await
}

pub(super) async fn ask_nearby_if_unanswered(
    work: &mut Work,
    emergency: EmergencyId,
) -> Result<(), Fault> {
    let due = work.now + UNANSWERED_FOR;
    work.enqueue_at(AskNearby { emergency }, due).await
}
