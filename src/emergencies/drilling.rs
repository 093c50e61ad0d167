//! Trying the chain with an alarm that is none: raised for a test phone, carried like any other, judged link by link.
//!
//! No coordinator hears of it, the answer clock leaves it alone, and nothing counts it.

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::alerting::Recipient;
use super::close::close;
use super::drill::{self, Link, Trial, Verdict};
use super::file;
use super::model::{CaseNumber, EmergencyId, Priority, Rung};
use super::store::{alerts, cases, drills};
use super::telling::tell;
use crate::events::Event;
use crate::fault::Fault;
use crate::members;
use crate::messages::{self, Class, Message, Values};
use crate::primitives::{Language, Msisdn, nairobi_date};
use crate::work::Work;

/// A trial to be begun.
#[derive(Clone, Debug)]
pub struct Drill {
    /// A phone of ours that nobody is woken by.
    pub phone: Msisdn,
    /// In whose name it is raised: a number of ours that nobody reads, because who is alerted cannot be who reports.
    pub reporter: Msisdn,
    pub language: Language,
    /// Ordered by a person.
    pub by_hand: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The first link: a case in this name is open already.
    #[error("another trial is on; it ends by itself within minutes")]
    OneIsOn,
    #[error(transparent)]
    Fault(#[from] Fault),
}

#[derive(Serialize)]
struct EmergencyDrilled {
    emergency: EmergencyId,
    broken_link: Option<&'static str>,
    said: String,
}

impl Event for EmergencyDrilled {
    const NAME: &'static str = "emergency.drilled";
    fn subject(&self) -> Uuid {
        self.emergency.0
    }
}

/// Raises the trial.
pub async fn begin_drill(
    work: &mut Work,
    drill: &Drill,
) -> Result<(EmergencyId, CaseNumber), DrillError> {
    let now = work.now;
    let id = EmergencyId::fresh();
    let new = cases::NewCase {
        id,
        year: nairobi_date(now).year(),
        msisdn: &drill.reporter,
        member: None,
        stage: None,
        priority: Priority::Low,
        silent: true,
        raised_at: now,
    };
    if !cases::insert(work.conn(), &new).await? {
        return Err(DrillError::OneIsOn);
    }
    drills::insert(work.conn(), id, drill.by_hand, now).await?;
    let case = cases::lock(work.conn(), id).await?;
    let case = case.ok_or_else(|| Fault::broken("a drill is gone right after it was raised"))?;
    let to = Recipient {
        msisdn: drill.phone.clone(),
        language: drill.language,
        name: None,
        member: None,
    };
    alerts::note(work.conn(), id, &to, Rung::DutyDesk, now).await?;
    file::note(work, id, "drill", None, None).await?;
    let values = Values::new().code("case", case.number.serial.to_string());
    let (template, what) = ("emergency.drill", "drill");
    tell(work, &to.msisdn, to.language, template, values, id, what).await?;
    Ok((id, case.number))
}

/// The night's drill, unless one has begun since.
pub async fn is_drill_due(work: &mut Work, since: DateTime<Utc>) -> Result<bool, Fault> {
    Ok(!drills::any_since(work.conn(), since).await?)
}

/// Trials that are on.
pub async fn open_drills(work: &mut Work) -> Result<Vec<EmergencyId>, Fault> {
    drills::open(work.conn()).await
}

/// Looks how a trial stands. Ended, it closes its case; with a broken link the desk hears which, in another lane than the
/// alarm's. Looked at again it says the same.
pub async fn watch_drill(
    work: &mut Work,
    id: EmergencyId,
    patience: TimeDelta,
    answer_wanted: bool,
    desk: &[Msisdn],
    language: Language,
) -> Result<Verdict, Fault> {
    let now = work.now;
    let case = cases::lock(work.conn(), id).await?;
    let (Some(case), Some(row)) = (case, drills::lock(work.conn(), id).await?) else {
        return Err(Fault::broken(format!("{} is no drill", id.0)));
    };
    if row.ended {
        let link = row.broken_link.as_deref().and_then(Link::parse);
        let said = row.said.unwrap_or_default();
        return Ok(link.map_or(Verdict::Whole, |link| Verdict::Broken { link, said }));
    }
    let alerted = alerts::of_case(work.conn(), id).await?;
    let mut messages = Vec::new();
    for phone in &alerted {
        messages.extend(messages::fates(work.conn(), id.0, &phone.msisdn).await?);
    }
    let trial = Trial {
        began_at: row.began_at,
        messages: &messages,
        answered: case.acknowledged_at.is_some(),
        answer_wanted,
    };
    let verdict = drill::verdict(&trial, patience, now);
    let (broken, said) = match &verdict {
        Verdict::Waiting(_) => return Ok(verdict),
        Verdict::Whole => (None, "the chain is whole"),
        Verdict::Broken { link, said } => (Some(*link), said.as_str()),
    };
    drills::end(work.conn(), id, broken, said, now).await?;
    if case.state.is_open() {
        close(work, case.number.serial).await?;
    }
    file::note(work, id, "drill_ended", None, Some(said)).await?;
    if broken.is_some() {
        alarm_desk(work, id, said, desk, language).await?;
    }
    work.record(EmergencyDrilled {
        emergency: id,
        broken_link: broken.map(Link::as_str),
        said: said.to_owned(),
    })
    .await?;
    Ok(verdict)
}

async fn alarm_desk(
    work: &mut Work,
    id: EmergencyId,
    said: &str,
    desk: &[Msisdn],
    language: Language,
) -> Result<(), Fault> {
    for phone in desk {
        let known = members::caller_language(work.conn(), phone).await?;
        let values = Values::new().words("what", said);
        let message = Message::new(
            phone.clone(),
            known.unwrap_or(language),
            Class::Service,
            "drill.broken",
            values,
        );
        let key = format!("drill:{}:{}", id.0, phone.digits());
        messages::send(
            work,
            Message {
                key: Some(key),
                about: Some(id.0),
                ..message
            },
        )
        .await?;
    }
    Ok(())
}
