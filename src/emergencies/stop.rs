//! A reporter who is safe stops the alarm. One who is made to say so only seems to.
//!
//! Whoever stands beside the reporter sees one thing in both: the same screens, the same text, and a new alarm under a
//! new number if the phone raises one again.

use serde::Serialize;
use uuid::Uuid;

use super::file;
use super::joining;
use super::kin;
use super::model::{Case, CaseNumber, CaseState, EmergencyId};
use super::report::lock_report_of;
use super::store::{alerts, cases, reports};
use super::telling::{tell, tell_own_reporter};
use crate::events::Event;
use crate::fault::Fault;
use crate::members::{self, AtDial};
use crate::messages::Values;
use crate::primitives::Msisdn;
use crate::work::Work;

/// Why an alarm is to be stopped, as the PIN told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The member's own PIN.
    Safe,
    /// The PIN that says: somebody makes me.
    UnderDuress,
}

#[derive(Serialize)]
struct EmergencyStopped {
    emergency: EmergencyId,
    under_duress: bool,
}

impl Event for EmergencyStopped {
    const NAME: &'static str = "emergency.stopped";
    fn subject(&self) -> Uuid {
        self.emergency.0
    }
}

/// Stops the open alarm of this phone. Its number, or nothing when none is open.
pub async fn stop(
    work: &mut Work,
    reporter: &Msisdn,
    why: Stop,
) -> Result<Option<CaseNumber>, Fault> {
    let Some(case) = lock_report_of(work, reporter).await? else {
        return Ok(None);
    };
    let values = Values::new().code("case", case.number.serial.to_string());
    tell_own_reporter(work, &case, "emergency.stopped_yours", values, "stopped").await?;
    match why {
        Stop::Safe => stop_it(work, &case).await?,
        Stop::UnderDuress => pretend(work, &case).await?,
    }
    work.record(EmergencyStopped {
        emergency: case.id,
        under_duress: why == Stop::UnderDuress,
    })
    .await?;
    Ok(Some(case.number))
}

/// A text from the phone says that its owner is safe. Anybody may hold the phone, so the people on the case are asked to
/// make sure. Nothing is said of an alarm that must not show.
pub async fn say_safe(work: &mut Work, reporter: &Msisdn) -> Result<Option<CaseNumber>, Fault> {
    let Some(case) = lock_report_of(work, reporter).await? else {
        return Ok(None);
    };
    file::note(work, case.id, "says_safe", Some(reporter), None).await?;
    let template = if case.silent {
        "emergency.says_safe_silent"
    } else {
        "emergency.says_safe"
    };
    // Said again, it is news again, but not with every text.
    let what = format!("says_safe:{}", work.now.timestamp().div_euclid(600));
    tell_everybody(work, &case, template, &what).await?;
    Ok((!case.silent).then_some(case.number))
}

async fn stop_it(work: &mut Work, case: &Case) -> Result<(), Fault> {
    let now = work.now;
    tell_everybody(work, case, "emergency.stopped", "stopped").await?;
    file::note(work, case.id, "stopped", Some(&case.msisdn), None).await?;
    // Others who reported it still wait.
    joining::go_on_without(work, case).await?;
    reports::cancel(work.conn(), case.id, now).await?;
    kin::tell_of_end(work, case).await
}

async fn pretend(work: &mut Work, case: &Case) -> Result<(), Fault> {
    let now = work.now;
    if let Some(main) = case.joined_to.filter(|_| case.state == CaseState::Joined) {
        joining::split_off(work, case, main, None).await?;
    }
    reports::under_duress(work.conn(), case.id, now).await?;
    file::note(work, case.id, "duress", Some(&case.msisdn), None).await?;
    tell_everybody(work, case, "emergency.duress", "duress").await
}

/// To everybody who was told of the case, or of the one it waits with.
async fn tell_everybody(
    work: &mut Work,
    case: &Case,
    template: &'static str,
    what: &str,
) -> Result<(), Fault> {
    let name = match members::at_dial(work.conn(), &case.msisdn).await? {
        AtDial::Member(member) => member.first_name.as_str().to_owned(),
        AtDial::Stranger { .. } => case.msisdn.national(),
    };
    let mut told = alerts::of_case(work.conn(), case.id).await?;
    if let Some(main) = case.joined_to {
        for one in alerts::of_case(work.conn(), main).await? {
            if !told.iter().any(|known| known.msisdn == one.msisdn) {
                told.push(one);
            }
        }
    }
    for to in told.iter().filter(|to| to.msisdn != case.msisdn) {
        let values = Values::new()
            .code("case", case.number.serial.to_string())
            .words("name", &name)
            .code("phone", case.msisdn.national());
        tell(
            work,
            &to.msisdn,
            to.language,
            template,
            values,
            case.id,
            what,
        )
        .await?;
    }
    Ok(())
}

/// Puts away what this phone raised so long ago that it raises another emergency now.
pub(super) async fn put_away(work: &mut Work, case: &Case) -> Result<(), Fault> {
    let now = work.now;
    file::note(work, case.id, "put_away", None, None).await?;
    cases::close(work.conn(), case.id, now).await
}
