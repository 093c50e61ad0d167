//! Looking at cases: as those who answer see one, as the desk sees all, and the case file from alarm to end.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::answer::{AnswerError, Which, find_to_look};
use super::model::{Alerted, Case, Responder};
use super::store::{alerts, cases, file};
use crate::fault::Fault;
use crate::members::{self, AtDial};
use crate::messages::{self, Said};
use crate::primitives::Msisdn;
use crate::work::Work;

/// A case and everybody around it.
#[derive(Clone, Debug)]
pub struct Look {
    pub case: Case,
    /// The reporter's first name and the name of their stage, where they are a member.
    pub reporter: Option<(String, String)>,
    /// Everybody who was alerted, in the order of the phones.
    pub alerted: Vec<Alerted>,
    /// Everybody who is on it now, first come first.
    pub people: Vec<Responder>,
}

/// One line of the case file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: DateTime<Utc>,
    /// A word such as `accepted`.
    pub what: String,
    /// None: the house's own doing.
    pub who: Option<Msisdn>,
    pub said: Option<String>,
}

/// A whole case file.
#[derive(Clone, Debug)]
pub struct CaseFile {
    pub look: Look,
    /// Everybody who is or was on it.
    pub responders: Vec<Responder>,
    pub entries: Vec<Entry>,
    /// Every message about it, oldest first.
    pub messages: Vec<Said>,
}

/// The case as somebody sees it who may answer it.
///
/// # Errors
/// As an answer to it: unknown, somebody else's, or none that can be meant.
pub async fn look(work: &mut Work, who: &Msisdn, which: Which) -> Result<Look, AnswerError> {
    let case = find_to_look(work, who, which).await?;
    Ok(around(work.conn(), case).await?)
}

/// Cases that somebody still waits in, and those that ended since then; oldest first.
pub async fn open_cases(
    conn: &mut PgConnection,
    ended_after: DateTime<Utc>,
) -> Result<Vec<Look>, Fault> {
    let mut looks = Vec::new();
    for case in cases::open_or_ended_after(conn, ended_after).await? {
        looks.push(around(conn, case).await?);
    }
    Ok(looks)
}

/// Everything about the case with this short number. None when there is none.
pub async fn file_of(conn: &mut PgConnection, serial: i64) -> Result<Option<CaseFile>, Fault> {
    let Some(case) = cases::by_serial(conn, serial).await? else {
        return Ok(None);
    };
    let id = case.id;
    Ok(Some(CaseFile {
        look: around(conn, case).await?,
        responders: alerts::responders(conn, id).await?,
        entries: file::of_case(conn, id).await?,
        messages: messages::about(conn, id.0).await?,
    }))
}

async fn around(conn: &mut PgConnection, case: Case) -> Result<Look, Fault> {
    let reporter = match members::at_dial(conn, &case.msisdn).await? {
        AtDial::Member(member) => Some((
            member.first_name.as_str().to_owned(),
            member.stage_name.clone(),
        )),
        AtDial::Stranger { .. } => None,
    };
    let alerted = alerts::of_case(conn, case.id).await?;
    let mut people = alerts::responders(conn, case.id).await?;
    people.retain(|one| one.left_at.is_none());
    Ok(Look {
        case,
        reporter,
        alerted,
        people,
    })
}
