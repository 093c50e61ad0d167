//! Putting the alarm before the people who are to answer it.

use uuid::Uuid;

use super::climbing::{Desks, ladder_of};
use super::file;
use super::model::{Case, Rung};
use super::store::alerts;
use super::telling::tell;
use crate::fault::Fault;
use crate::members::AtDial;
use crate::messages::Values;
use crate::primitives::{Language, Msisdn};
use crate::work::Work;

/// A phone that is to be alerted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    pub msisdn: Msisdn,
    pub language: Language,
    /// The first name; none for a phone of the duty desk.
    pub name: Option<String>,
    pub member: Option<Uuid>,
}

/// Who hears of a case first: the nearest rung of its ladder that has anybody. Never the reporter.
pub(super) async fn first_rung(
    work: &mut Work,
    case: &Case,
    duty_desk: &[Msisdn],
    fallback: Language,
) -> Result<(Rung, Vec<Recipient>), Fault> {
    let desks = Desks {
        duty: duty_desk.to_vec(),
        admins: Vec::new(),
        language: fallback,
    };
    let ladder = ladder_of(work, case.stage, &case.msisdn, &desks).await?;
    let first = ladder.first().cloned();
    Ok(first.unwrap_or((Rung::DutyDesk, Vec::new())))
}

/// Alerts each of them, for the first time or again: a line in the table of alerts, one in the case file, a message.
pub(super) async fn alert(
    work: &mut Work,
    case: &Case,
    rung: Rung,
    recipients: &[Recipient],
    reporter: &AtDial,
) -> Result<(), Fault> {
    let now = work.now;
    let phone = case.msisdn.national();
    let what = format!("alert:{}", now.timestamp());
    for to in recipients {
        alerts::note(work.conn(), case.id, to, rung, now).await?;
        file::note(work, case.id, "alerted", Some(&to.msisdn), None).await?;
        let values = Values::new()
            .code("case", case.number.serial.to_string())
            .code("phone", &phone);
        let (template, values) = match reporter {
            AtDial::Member(member) => (
                if case.silent {
                    "emergency.alert_silent"
                } else {
                    "emergency.alert"
                },
                values
                    .words("name", member.first_name.as_str())
                    .words("stage", &member.stage_name),
            ),
            AtDial::Stranger { .. } if case.silent => ("emergency.alert_silent_stranger", values),
            AtDial::Stranger { .. } => ("emergency.alert_stranger", values),
        };
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
    Ok(())
}
