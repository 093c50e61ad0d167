//! Which case somebody means, and whether it is for them to answer.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::super::grammar::Says;
use super::super::model::{Case, EmergencyId};
use super::super::store::answers::{self, OpenCase};
use super::super::store::{alerts, cases};
use super::{AnswerError, Speaker};
use crate::fault::Fault;
use crate::members::{self, AtDial};
use crate::primitives::{Language, Msisdn};
use crate::stages::StageId;
use crate::work::Work;

/// The name of a phone of the duty desk whose owner is no member.
const DESK: &str = "KwaStage";

/// Which case is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// By its short number.
    Serial(i64),
    Id(EmergencyId),
    /// The only open one that can be meant.
    Theirs,
}

/// The open cases this phone may answer, oldest first: those it was alerted to or is on, and those of the stages it serves.
pub async fn open_for(conn: &mut PgConnection, who: &Msisdn) -> Result<Vec<OpenCase>, Fault> {
    let stages = stages_served(conn, who).await?;
    answers::open_for(conn, who, &stages).await
}

/// How many open cases this phone was alerted to.
pub async fn asked_count(conn: &mut PgConnection, who: &Msisdn) -> Result<i64, Fault> {
    answers::asked_count(conn, who).await
}

/// The short number of the case this phone was last alerted to since then, if it has ended.
pub async fn last_ended_for(
    conn: &mut PgConnection,
    who: &Msisdn,
    since: DateTime<Utc>,
) -> Result<Option<i64>, Fault> {
    answers::last_ended_for(conn, who, since).await
}

/// Finds the case and holds its row.
pub(super) async fn find(
    work: &mut Work,
    who: &Msisdn,
    which: Which,
    says: &Says,
) -> Result<(Case, Speaker), AnswerError> {
    let case = held(work, who, which, says).await?;
    let asked_for = case.number.serial;
    // A report that joined another case is answered there.
    let alerted_here = is_alerted(work, &case, who).await?;
    let case = match case.joined_to {
        Some(id) => cases::lock(work.conn(), id)
            .await?
            .ok_or(AnswerError::NoSuchCase(asked_for))?,
        None => case,
    };
    // One's own alarm is answered by others.
    if case.msisdn == *who {
        return Err(AnswerError::NotTheirs(asked_for));
    }
    let serves = match case.stage {
        Some(stage) => stages_served(work.conn(), who).await?.contains(&stage),
        None => false,
    };
    let knows_it = alerted_here
        || serves
        || is_alerted(work, &case, who).await?
        || was_on_it(work, &case, who).await?;
    if !knows_it {
        return Err(AnswerError::NotTheirs(asked_for));
    }
    let speaker = speaker(work, &case, who).await?;
    Ok((case, speaker))
}

/// As [`find`], for somebody who only wants to see.
pub(in super::super) async fn find_to_look(
    work: &mut Work,
    who: &Msisdn,
    which: Which,
) -> Result<Case, AnswerError> {
    let (case, _) = find(work, who, which, &Says::Note(String::new())).await?;
    Ok(case)
}

async fn held(
    work: &mut Work,
    who: &Msisdn,
    which: Which,
    says: &Says,
) -> Result<Case, AnswerError> {
    Ok(match which {
        Which::Serial(serial) => cases::lock_by_serial(work.conn(), serial)
            .await?
            .ok_or(AnswerError::NoSuchCase(serial))?,
        Which::Id(id) => cases::lock(work.conn(), id)
            .await?
            .ok_or_else(|| Fault::broken(format!("there is no emergency {}", id.0)))?,
        Which::Theirs => {
            let open = open_for(work.conn(), who).await?;
            let id = meant(&open, says)?;
            cases::lock(work.conn(), id)
                .await?
                .ok_or(AnswerError::NothingOpen)?
        }
    })
}

/// The one case that can be meant by somebody who wrote no number. Who says that they come means one they are asked about;
/// who says anything else means one they are on. With a choice left they are asked which.
fn meant(open: &[OpenCase], says: &Says) -> Result<EmergencyId, AnswerError> {
    let asked = |case: &&OpenCase| case.asked && !case.on_it;
    let on_it = |case: &&OpenCase| case.on_it;
    let theirs = |case: &&OpenCase| case.asked || case.on_it;
    let fitting: Vec<&OpenCase> = match says {
        Says::Accept { .. } => open.iter().filter(asked).collect(),
        _ => open.iter().filter(on_it).collect(),
    };
    let known: Vec<&OpenCase> = open.iter().filter(theirs).collect();
    let all: Vec<&OpenCase> = open.iter().collect();
    for candidates in [fitting, known, all] {
        match candidates.as_slice() {
            [] => {}
            [only] => return Ok(only.id),
            several => {
                let serials = several.iter().map(|case| case.serial).collect();
                return Err(AnswerError::SeveralOpen(serials));
            }
        }
    }
    Err(AnswerError::NothingOpen)
}

/// The stages this phone's member serves, on duty or off.
async fn stages_served(conn: &mut PgConnection, who: &Msisdn) -> Result<Vec<StageId>, Fault> {
    let roles = members::roles_of(conn, who).await?;
    Ok(roles.into_iter().map(|role| role.stage).collect())
}

async fn is_alerted(work: &mut Work, case: &Case, who: &Msisdn) -> Result<bool, Fault> {
    let alerted = alerts::of_case(work.conn(), case.id).await?;
    Ok(alerted.iter().any(|one| one.msisdn == *who))
}

async fn was_on_it(work: &mut Work, case: &Case, who: &Msisdn) -> Result<bool, Fault> {
    let responders = alerts::responders(work.conn(), case.id).await?;
    Ok(responders.iter().any(|one| one.msisdn == *who))
}

async fn speaker(work: &mut Work, case: &Case, who: &Msisdn) -> Result<Speaker, Fault> {
    let alerted = alerts::of_case(work.conn(), case.id).await?;
    let as_alerted = alerted.into_iter().find(|one| one.msisdn == *who);
    Ok(match members::at_dial(work.conn(), who).await? {
        AtDial::Member(member) => Speaker {
            msisdn: who.clone(),
            language: member.language,
            name: member.first_name.as_str().to_owned(),
            member: Some(member.id.0),
        },
        AtDial::Stranger { language } => Speaker {
            msisdn: who.clone(),
            language: language
                .or(as_alerted.as_ref().map(|one| one.language))
                .unwrap_or(Language::ENGLISH),
            name: as_alerted
                .and_then(|one| one.name)
                .unwrap_or_else(|| DESK.to_owned()),
            member: None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(serial: i64, asked: bool, on_it: bool) -> OpenCase {
        OpenCase {
            id: EmergencyId(uuid::Uuid::from_u128(serial.unsigned_abs().into())),
            serial,
            kind: None,
            place: None,
            raised_at: "2026-11-20T09:00:00Z".parse().unwrap(),
            needed: 1,
            people: 0,
            asked,
            on_it,
        }
    }

    #[test]
    fn without_a_number_the_case_that_fits_what_is_said() {
        let accept = Says::Accept { minutes: None };
        let (asked, on_it, known) = (
            case(42, true, false),
            case(43, true, true),
            case(44, false, false),
        );
        let open = [asked.clone(), on_it.clone(), known.clone()];
        let serial = |open: &[OpenCase], says: &Says| {
            meant(open, says)
                .ok()
                .and_then(|id| open.iter().find(|case| case.id == id))
                .map(|case| case.serial)
        };
        assert_eq!(serial(&open, &accept), Some(42));
        assert_eq!(serial(&open, &Says::Arrive), Some(43));
        assert_eq!(serial(&open[2..], &accept), Some(44));
        assert_eq!(serial(&open[1..2], &accept), Some(43));
        let two = [asked, case(45, true, false)];
        assert!(
            matches!(meant(&two, &accept), Err(AnswerError::SeveralOpen(which)) if which == [42, 45])
        );
        assert!(matches!(meant(&[], &accept), Err(AnswerError::NothingOpen)));
    }
}
