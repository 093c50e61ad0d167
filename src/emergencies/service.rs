//! Raising an alarm, and telling more of it.

use chrono::{Datelike, TimeDelta};
use serde::Serialize;
use uuid::Uuid;

use super::model::{CaseNumber, EmergencyId, EmergencyKind};
use super::store;
use crate::events::Event;
use crate::fault::Fault;
use crate::members::{self, AtDial, Role};
use crate::messages::{self, Class, Message, Values};
use crate::primitives::{Language, Msisdn, nairobi_date};
use crate::work::Work;

/// Raised again by the same phone within this time, it is the same emergency.
const SAME_EMERGENCY_FOR: TimeDelta = TimeDelta::minutes(30);
/// A phone that raises it again has everybody alerted again, but not more often than this.
const BETWEEN_ALERTS: TimeDelta = TimeDelta::seconds(60);
/// The longest description of a place, in characters.
const PLACE_LENGTH_MAX: usize = 160;

/// Somebody needs help.
#[derive(Clone, Debug)]
pub struct Raise {
    pub msisdn: Msisdn,
    pub language: Language,
    /// Who is alerted where no coordinator is on duty. Never empty: see the configuration.
    pub duty_desk: Vec<Msisdn>,
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
    let year = nairobi_date(now).year();
    store::close_stale(work.conn(), &asked.msisdn, now - SAME_EMERGENCY_FOR, now).await?;
    let stage_id = stage.map(|stage| stage.0);
    let inserted = store::insert(work.conn(), &asked.msisdn, member, stage_id, year, now).await?;
    let (case, repeated) = match inserted {
        Some(case) => (case, false),
        None => {
            let open = store::lock_open(work.conn(), &asked.msisdn).await?;
            let gone = || Fault::broken("an open emergency closed while it was raised again");
            (open.ok_or_else(gone)?, true)
        }
    };
    let raised = Raised {
        id: case.id,
        number: case.number,
        repeated,
    };
    // Who presses again still waits for somebody: the alert goes out once more, but not with every nervous key.
    if repeated && now < case.alerted_at + BETWEEN_ALERTS {
        return Ok(raised);
    }
    let mut to_alert = match stage {
        Some(stage) => members::officers_on_duty(work.conn(), stage, Role::Coordinator).await?,
        None => Vec::new(),
    }
    .into_iter()
    .map(|officer| (officer.msisdn, officer.language))
    .filter(|(msisdn, _)| *msisdn != asked.msisdn)
    .collect::<Vec<_>>();
    let by_duty_desk = to_alert.is_empty();
    if by_duty_desk {
        for phone in asked.duty_desk {
            let language = members::caller_language(work.conn(), &phone).await?;
            to_alert.push((phone, language.unwrap_or(asked.language)));
        }
    }
    if to_alert.is_empty() {
        return Err(RaiseError::NobodyToAlert);
    }
    let phone = asked.msisdn.national();
    for (to, language) in &to_alert {
        store::note_alert(work.conn(), case.id, to, *language, now).await?;
        let values = Values::new()
            .code("case", case.number.serial.to_string())
            .code("phone", &phone);
        let (template, values) = match &reporter {
            AtDial::Member(member) => (
                "emergency.alert",
                values
                    .words("name", member.first_name.as_str())
                    .words("stage", &member.stage_name),
            ),
            AtDial::Stranger { .. } => ("emergency.alert_stranger", values),
        };
        let alert = format!("alert:{}", now.timestamp());
        tell(work, to, *language, template, values, case.id, &alert).await?;
    }
    let values = Values::new().code("case", case.number.serial.to_string());
    tell(
        work,
        &asked.msisdn,
        asked.language,
        "emergency.received",
        values,
        case.id,
        "received",
    )
    .await?;
    work.record(EmergencyRaised {
        emergency: case.id,
        number: case.number,
        stage: stage_id,
        repeated,
        alerted: to_alert.len(),
        by_duty_desk,
    })
    .await?;
    Ok(raised)
}

#[derive(Serialize)]
struct EmergencyClosed {
    emergency: EmergencyId,
}

impl Event for EmergencyClosed {
    const NAME: &'static str = "emergency.closed";
    fn subject(&self) -> Uuid {
        self.emergency.0
    }
}

/// Closes the open case with this short number. False when there is none.
pub async fn close(work: &mut Work, serial: i64) -> Result<bool, Fault> {
    let now = work.now;
    let Some(emergency) = store::close(work.conn(), serial, now).await? else {
        return Ok(false);
    };
    work.record(EmergencyClosed { emergency }).await?;
    Ok(true)
}

/// What happened, told after the alarm. Everybody alerted hears it. Without an open case there is nothing to add to.
pub async fn tell_kind(
    work: &mut Work,
    msisdn: &Msisdn,
    kind: EmergencyKind,
) -> Result<Option<CaseNumber>, Fault> {
    let Some(case) = store::lock_open(work.conn(), msisdn).await? else {
        return Ok(None);
    };
    store::set_kind(work.conn(), case.id, kind).await?;
    let values = |case: CaseNumber| {
        Values::new()
            .code("case", case.serial.to_string())
            .phrase("kind", kind.phrase())
    };
    for (to, language) in store::alerted(work.conn(), case.id).await? {
        tell(
            work,
            &to,
            language,
            "emergency.kind",
            values(case.number),
            case.id,
            &format!("kind:{}", kind.as_str()),
        )
        .await?;
    }
    Ok(Some(case.number))
}

/// Where it happened, in the reporter's words.
pub async fn tell_place(
    work: &mut Work,
    msisdn: &Msisdn,
    place: &str,
) -> Result<Option<CaseNumber>, Fault> {
    let Some(case) = store::lock_open(work.conn(), msisdn).await? else {
        return Ok(None);
    };
    let place: String = place.chars().take(PLACE_LENGTH_MAX).collect();
    store::set_place(work.conn(), case.id, &place).await?;
    for (to, language) in store::alerted(work.conn(), case.id).await? {
        let values = Values::new()
            .code("case", case.number.serial.to_string())
            .words("place", &place)
            .code("phone", msisdn.national());
        tell(
            work,
            &to,
            language,
            "emergency.place",
            values,
            case.id,
            &format!("place:{place}"),
        )
        .await?;
    }
    Ok(Some(case.number))
}

async fn tell(
    work: &mut Work,
    to: &Msisdn,
    language: Language,
    template: &'static str,
    values: Values,
    case: EmergencyId,
    what: &str,
) -> Result<(), Fault> {
    let message = Message {
        to: to.clone(),
        language,
        class: Class::Emergency,
        template,
        values,
        key: Some(format!("emergency:{}:{}:{what}", case.0, to.digits())),
        about: Some(case.0),
        not_before: None,
        not_after: None,
    };
    messages::send(work, message).await?;
    Ok(())
}
