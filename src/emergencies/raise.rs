//! Raising an alarm: the case, its alerts and the reporter's confirmation, in one transaction.

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::alerting::{alert, first_rung};
use super::file;
use super::model::{Case, CaseNumber, CaseState, EmergencyId, Priority, Rung};
use super::report::lock_report_of;
use super::stop::put_away;
use super::store::{cases, climbs, reports};
use super::telling::tell_own_reporter;
use super::{joining, later, pranks, same_event};
use crate::events::Event;
use crate::fault::Fault;
use crate::members::{self, AtDial};
use crate::messages::Values;
use crate::primitives::{Language, Msisdn, nairobi_date};
use crate::work::Work;

/// A phone that raises it again has everybody alerted again, but not more often than this.
const BETWEEN_ALERTS: TimeDelta = TimeDelta::seconds(60);

/// Somebody needs help.
#[derive(Clone, Debug)]
pub struct Raise {
    /// Made where the report came in: a report that is passed on twice is one case.
    pub id: EmergencyId,
    pub msisdn: Msisdn,
    pub language: Language,
    /// When the report was made.
    pub at: DateTime<Utc>,
    /// Who is alerted where no coordinator is on duty. Never empty: see the configuration.
    pub duty_desk: Vec<Msisdn>,
    /// Nothing on the reporter's phone may show that an alarm was raised.
    pub silent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    pub id: EmergencyId,
    pub number: CaseNumber,
    /// This phone had raised it before.
    pub repeated: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum RaiseError {
    #[error("there is neither a coordinator on duty nor a duty desk")]
    NobodyToAlert,
    #[error(transparent)]
    Fault(#[from] Fault),
}

#[derive(Serialize)]
struct EmergencyRaised {
    emergency: EmergencyId,
    number: CaseNumber,
    stage: Option<i32>,
    /// The phone raised it before and was still waiting.
    repeated: bool,
    alerted: usize,
    by_duty_desk: bool,
}

impl Event for EmergencyRaised {
    const NAME: &'static str = "emergency.raised";
    fn subject(&self) -> Uuid {
        self.emergency.0
    }
}

/// Writes the case down and puts the alerts and the reporter's confirmation on their way, all in this transaction.
pub async fn raise(work: &mut Work, asked: Raise) -> Result<Raised, RaiseError> {
    let now = work.now;
    let reporter = members::at_dial(work.conn(), &asked.msisdn).await?;
    let (member, stage) = match &reporter {
        AtDial::Member(member) => (Some(member.id.0), Some(member.stage)),
        AtDial::Stranger { .. } => (None, None),
    };
    if let Some(before) = lock_report_of(work, &asked.msisdn).await?
        && before.id != asked.id
    {
        let others_wait = !reports::waiting_with(work.conn(), before.id)
            .await?
            .is_empty();
        if same_event::is_another(&before, others_wait, now) {
            put_away(work, &before).await?;
        }
    }
    let new = cases::NewCase {
        id: asked.id,
        year: nairobi_date(asked.at).year(),
        msisdn: &asked.msisdn,
        member,
        stage,
        priority: Priority::of(None, None, 1),
        silent: asked.silent,
        raised_at: asked.at,
    };
    let repeated = !cases::insert(work.conn(), &new).await?;
    let case = if repeated {
        match cases::lock(work.conn(), asked.id).await? {
            Some(case) => Some(case),
            None => lock_report_of(work, &asked.msisdn).await?,
        }
    } else {
        cases::lock(work.conn(), asked.id).await?
    };
    let mut case =
        case.ok_or_else(|| Fault::broken("an open emergency closed while it was raised again"))?;
    let raised = Raised {
        id: case.id,
        number: case.number,
        repeated,
    };
    if repeated && case.id != asked.id && case.silent != asked.silent {
        show_or_hide(work, &case, asked.silent).await?;
        case.silent = asked.silent;
    }
    // Who presses again still waits for somebody: the alert goes out once more, but not with every nervous key.
    if repeated && (!case.state.is_open() || now < case.alerted_at + BETWEEN_ALERTS) {
        if case.state == CaseState::Joined {
            joining::asks_again(work, &case).await?;
        }
        return Ok(raised);
    }
    let what = if repeated { "raised_again" } else { "raised" };
    file::note(work, case.id, what, Some(&asked.msisdn), None).await?;
    let (rung, recipients) = first_rung(work, &case, &asked.duty_desk, asked.language).await?;
    if recipients.is_empty() {
        return Err(RaiseError::NobodyToAlert);
    }
    alert(work, &case, rung, &recipients, &reporter).await?;
    pranks::tell_of_false_alarms(work, &case, &recipients).await?;
    // From here on the answer clock has the case.
    climbs::begin_again(work.conn(), case.id, now).await?;
    climbs::look_at(work.conn(), case.id, Some(now)).await?;
    let values = Values::new().code("case", case.number.serial.to_string());
    tell_own_reporter(work, &case, "emergency.received", values, "received").await?;
    work.record(EmergencyRaised {
        emergency: case.id,
        number: case.number,
        stage: case.stage.map(|stage| stage.0),
        repeated,
        alerted: recipients.len(),
        by_duty_desk: rung == Rung::DutyDesk,
    })
    .await?;
    Ok(raised)
}

/// An open alarm is raised again the other way: from now on it may show on the reporter's phone, or may not.
async fn show_or_hide(work: &mut Work, case: &Case, silent: bool) -> Result<(), Fault> {
    reports::set_silent(work.conn(), case.id, silent).await?;
    let what = if silent { "made_silent" } else { "made_open" };
    file::note(work, case.id, what, Some(&case.msisdn), None).await?;
    let changes = reports::changed(work.conn(), case.id, case.priority).await?;
    let case = Case {
        silent,
        ..case.clone()
    };
    if !silent {
        let values = Values::new().code("case", case.number.serial.to_string());
        tell_own_reporter(work, &case, "emergency.received", values, "received").await?;
    }
    later::tell_details_now(work, &case, changes).await
}
