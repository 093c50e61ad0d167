//! Handing a case over. Until the other one answers nobody has it, and everybody is told so.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::super::alerting::Recipient;
use super::super::model::{Case, Rung};
use super::super::moves::{Move, OnIt};
use super::super::store::{alerts, answers};
use super::super::telling::{tell, tell_reporter};
use super::finding::{Which, find_to_look};
use super::serving::{mark, serial};
use super::{AnswerError, Did, Speaker, record, shift, staying};
use crate::fault::Fault;
use crate::members::{self, AtDial, Role};
use crate::messages::Values;
use crate::primitives::Msisdn;
use crate::work::Work;

/// How long whoever it is handed to has for an answer before the clock looks.
const TO_ANSWER: TimeDelta = TimeDelta::minutes(3);

/// Puts the case before somebody else: this phone, or whoever was alerted and has not spoken yet. The speaker is off it.
pub(super) async fn hand_over(
    work: &mut Work,
    case: &mut Case,
    speaker: &Speaker,
    to: Option<Msisdn>,
) -> Result<Did, AnswerError> {
    let now = work.now;
    let taker = match to {
        Some(phone) => known(work, case, speaker, phone).await?,
        None => next(work, case, speaker).await?,
    };
    alerts::note(work.conn(), case.id, &taker, Rung::Stage, now).await?;
    answers::ask_again(work.conn(), case.id, &taker.msisdn).await?;
    answers::decline(work.conn(), case.id, &speaker.msisdn, now).await?;
    let left = staying(work, case.id).await?;
    shift(work, case, Move::Release(OnIt::of(&left)), None).await?;
    answers::look_by(work.conn(), case.id, now + TO_ANSWER).await?;
    let name = taker.name.clone().unwrap_or_default();
    record(work, case, speaker, "handed_over", Some(&name)).await?;

    let what = format!("handed:{}", mark(work, speaker));
    let place = place_of(work, case).await?;
    let values = Values::new()
        .code("case", serial(case))
        .words("giver", &speaker.name)
        .code("phone", case.msisdn.national())
        .words("place", place);
    tell(
        work,
        &taker.msisdn,
        taker.language,
        "emergency.handed",
        values,
        case.id,
        &what,
    )
    .await?;
    let values = Values::new()
        .words("giver", &speaker.name)
        .words("name", &name)
        .code("phone", taker.msisdn.national());
    tell_reporter(work, case, "emergency.helper_changes", values, &what).await?;
    Ok(Did::Handed {
        name,
        msisdn: taker.msisdn,
    })
}

/// Who may be asked to take a case over, by name and phone: those who were alerted to it and those on duty at its stage,
/// without the speaker and the reporter.
pub async fn takers(
    work: &mut Work,
    who: &Msisdn,
    which: Which,
) -> Result<Vec<(String, Msisdn)>, AnswerError> {
    let case = find_to_look(work, who, which).await?;
    let mut takers: BTreeMap<Msisdn, String> = BTreeMap::new();
    for one in alerts::of_case(work.conn(), case.id).await? {
        let name = one.name.unwrap_or_else(|| one.msisdn.national());
        takers.insert(one.msisdn, name);
    }
    if let Some(stage) = case.stage {
        for one in members::officers_on_duty(work.conn(), stage, Role::Coordinator).await? {
            takers.insert(one.msisdn, one.first_name.as_str().to_owned());
        }
    }
    takers.retain(|phone, _| phone != who && *phone != case.msisdn);
    Ok(takers
        .into_iter()
        .map(|(phone, name)| (name, phone))
        .collect())
}

/// Somebody by phone: who was alerted to it, or a member. Not the reporter, not the speaker, nobody we do not know.
async fn known(
    work: &mut Work,
    case: &Case,
    speaker: &Speaker,
    phone: Msisdn,
) -> Result<Recipient, AnswerError> {
    let refused = AnswerError::CannotTake(case.number.serial);
    if phone == case.msisdn || phone == speaker.msisdn {
        return Err(refused);
    }
    if let AtDial::Member(member) = members::at_dial(work.conn(), &phone).await? {
        return Ok(Recipient {
            msisdn: phone,
            language: member.language,
            name: Some(member.first_name.as_str().to_owned()),
            member: Some(member.id.0),
        });
    }
    let alerted = alerts::of_case(work.conn(), case.id).await?;
    match alerted.into_iter().find(|one| one.msisdn == phone) {
        Some(one) => Ok(Recipient {
            name: Some(one.name.unwrap_or_else(|| phone.national())),
            msisdn: phone,
            language: one.language,
            member: one.member,
        }),
        None => Err(refused),
    }
}

/// Whoever was alerted first and is neither on it nor has said that they cannot come.
async fn next(work: &mut Work, case: &Case, speaker: &Speaker) -> Result<Recipient, AnswerError> {
    let on_it = staying(work, case.id).await?;
    let mut waiting = alerts::of_case(work.conn(), case.id).await?;
    waiting.retain(|one| {
        one.msisdn != speaker.msisdn
            && !one.declined
            && !on_it.iter().any(|other| other.msisdn == one.msisdn)
    });
    waiting.sort_by_key(|one| (one.rung, one.at));
    let one = waiting
        .into_iter()
        .next()
        .ok_or(AnswerError::NobodyNext(case.number.serial))?;
    Ok(Recipient {
        name: Some(one.name.unwrap_or_else(|| one.msisdn.national())),
        msisdn: one.msisdn,
        language: one.language,
        member: one.member,
    })
}

/// Where to go: the reporter's words, or their stage.
async fn place_of(work: &mut Work, case: &Case) -> Result<String, Fault> {
    if let Some(place) = &case.place {
        return Ok(place.clone());
    }
    Ok(match members::at_dial(work.conn(), &case.msisdn).await? {
        AtDial::Member(member) => member.stage_name,
        AtDial::Stranger { .. } => "?".to_owned(),
    })
}
