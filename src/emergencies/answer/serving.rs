//! Coming, being there, asking for more people, and not being able to come.

use super::super::model::Case;
use super::super::moves::{Move, OnIt};
use super::super::nearby;
use super::super::store::{alerts, answers};
use super::super::telling::{tell, tell_reporter};
use super::{AnswerError, Did, Speaker, record, shift, staying};
use crate::fault::Fault;
use crate::messages::Values;
use crate::primitives::Msisdn;
use crate::work::Work;

/// People wanted on one spot, at most.
const NEEDED_MAX: i32 = 50;

/// Somebody comes. The others who were alerted hear of the first one; the reporter hears of everybody.
pub(super) async fn accept(
    work: &mut Work,
    case: &mut Case,
    speaker: &Speaker,
    minutes: Option<i32>,
) -> Result<Did, AnswerError> {
    let before = staying(work, case.id).await?;
    let own = before.iter().find(|one| one.msisdn == speaker.msisdn);
    let is_news = match own {
        None => true,
        Some(own) => own.arrived_at.is_none() && minutes.is_some() && own.minutes != minutes,
    };
    if is_news {
        join(work, case, speaker, minutes).await?;
        shift(work, case, Move::Accept, None).await?;
        let said = minutes.map(|minutes| format!("{minutes} min"));
        record(work, case, speaker, "accepted", said.as_deref()).await?;
        let mark = mark(work, speaker);
        let values = with_minutes(person(speaker), minutes);
        let template = match minutes {
            Some(_) => "emergency.helper_in",
            None => "emergency.helper_coming",
        };
        tell_reporter(work, case, template, values, &format!("coming:{mark}")).await?;
        if before.is_empty() {
            let values = with_minutes(person(speaker), minutes).code("case", serial(case));
            let template = match minutes {
                Some(_) => "emergency.coming_in",
                None => "emergency.coming",
            };
            tell_others(
                work,
                case,
                speaker,
                template,
                values,
                &format!("coming:{mark}"),
            )
            .await?;
        }
    }
    let place = before
        .iter()
        .position(|one| one.msisdn == speaker.msisdn)
        .unwrap_or(before.len());
    Ok(Did::Coming {
        place: place + 1,
        minutes: minutes.or(own.and_then(|own| own.minutes)),
    })
}

/// Somebody is there; whether they said before that they come does not matter.
pub(super) async fn arrive(
    work: &mut Work,
    case: &mut Case,
    speaker: &Speaker,
) -> Result<Did, AnswerError> {
    let now = work.now;
    let before = staying(work, case.id).await?;
    let is_there = before
        .iter()
        .any(|one| one.msisdn == speaker.msisdn && one.arrived_at.is_some());
    if is_there {
        return Ok(Did::There);
    }
    join(work, case, speaker, None).await?;
    answers::arrive(work.conn(), case.id, &speaker.msisdn, now).await?;
    shift(work, case, Move::Arrive, None).await?;
    record(work, case, speaker, "arrived", None).await?;
    let what = format!("there:{}", mark(work, speaker));
    tell_reporter(work, case, "emergency.helper_there", person(speaker), &what).await?;
    let values = person(speaker).code("case", serial(case));
    tell_others(work, case, speaker, "emergency.there", values, &what).await?;
    Ok(Did::There)
}

/// So many more people are needed than are on it now. Said twice while nobody joins, it is the same wish; the clock looks
/// at once, so that the alarm reaches further.
pub(super) async fn more(
    work: &mut Work,
    case: &mut Case,
    speaker: &Speaker,
    people: i32,
) -> Result<Did, AnswerError> {
    let now = work.now;
    let on_it = i32::try_from(staying(work, case.id).await?.len()).unwrap_or(NEEDED_MAX);
    let needed = case.needed.max(on_it + people).min(NEEDED_MAX);
    if needed > case.needed {
        case.needed = needed;
        answers::set_needed(work.conn(), case.id, needed).await?;
    }
    answers::look_by(work.conn(), case.id, now).await?;
    let said = people.to_string();
    record(work, case, speaker, "more", Some(&said)).await?;
    let wanted = (needed - on_it).max(1);
    let values = person(speaker)
        .code("case", serial(case))
        .count("people", wanted.unsigned_abs());
    let what = format!("more:{needed}:{on_it}");
    tell_others(work, case, speaker, "emergency.more", values, &what).await?;
    nearby::ask_nearby(work, case).await?;
    Ok(Did::MoreAsked { people: wanted })
}

/// Somebody cannot come. Who had said that they would is missed: the others and the reporter hear of it.
pub(super) async fn decline(
    work: &mut Work,
    case: &mut Case,
    speaker: &Speaker,
) -> Result<Did, AnswerError> {
    let now = work.now;
    let was_on_it = is_on_it(work, case, &speaker.msisdn).await?;
    answers::decline(work.conn(), case.id, &speaker.msisdn, now).await?;
    let left = staying(work, case.id).await?;
    shift(work, case, Move::Release(OnIt::of(&left)), None).await?;
    record(work, case, speaker, "declined", None).await?;
    let alerted = alerts::of_case(work.conn(), case.id).await?;
    if left.is_empty() && (was_on_it || alerted.iter().all(|one| one.declined)) {
        // Nobody comes any more: the clock has nothing to wait for.
        answers::look_by(work.conn(), case.id, now).await?;
    }
    if was_on_it {
        let what = format!("left:{}", mark(work, speaker));
        match left.first() {
            Some(other) => {
                let values = Values::new()
                    .words("name", &speaker.name)
                    .words("other", &other.first_name)
                    .code("phone", other.msisdn.national());
                let template = "emergency.helper_left_other";
                tell_reporter(work, case, template, values, &what).await?;
            }
            None => {
                let values = Values::new().words("name", &speaker.name);
                tell_reporter(work, case, "emergency.helper_left", values, &what).await?;
                let values = Values::new()
                    .code("case", serial(case))
                    .words("name", &speaker.name)
                    .code("phone", case.msisdn.national());
                tell_others(work, case, speaker, "emergency.left", values, &what).await?;
            }
        }
    }
    Ok(Did::Declined)
}

async fn join(
    work: &mut Work,
    case: &Case,
    speaker: &Speaker,
    minutes: Option<i32>,
) -> Result<(), Fault> {
    let now = work.now;
    let joining = answers::Joining {
        msisdn: &speaker.msisdn,
        member: speaker.member,
        first_name: &speaker.name,
        language: speaker.language,
        minutes,
    };
    answers::join(work.conn(), case.id, &joining, now).await
}

pub(super) async fn is_on_it(work: &mut Work, case: &Case, phone: &Msisdn) -> Result<bool, Fault> {
    let people = staying(work, case.id).await?;
    Ok(people.iter().any(|one| one.msisdn == *phone))
}

/// Everybody else who was alerted and has not said that they cannot come.
pub(super) async fn tell_others(
    work: &mut Work,
    case: &Case,
    speaker: &Speaker,
    template: &'static str,
    values: Values,
    what: &str,
) -> Result<(), Fault> {
    for to in alerts::of_case(work.conn(), case.id).await? {
        if to.msisdn == speaker.msisdn || to.declined {
            continue;
        }
        let values = values.clone();
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

/// Names a saying of somebody at some time, so that a message of it goes out once.
pub(super) fn mark(work: &Work, speaker: &Speaker) -> String {
    format!("{}:{}", speaker.msisdn.digits(), work.now.timestamp())
}

pub(super) fn person(speaker: &Speaker) -> Values {
    Values::new()
        .words("name", &speaker.name)
        .code("phone", speaker.msisdn.national())
}

pub(super) fn serial(case: &Case) -> String {
    case.number.serial.to_string()
}

fn with_minutes(values: Values, minutes: Option<i32>) -> Values {
    match minutes {
        Some(minutes) => values.count("minutes", minutes.unsigned_abs()),
        None => values,
    }
}
