//! `SOS accident Kenyatta market`: the alarm goes out, and whatever was told with it goes along.

use chrono::TimeDelta;

use super::understand::{Alarm, Asked};
use super::{Answer, Text};
use crate::emergencies::{self, EmergencyId, Raise, RaiseError, Raised};
use crate::fault::Fault;
use crate::jobs::JobFailure;
use crate::members;
use crate::messages::Values;
use crate::questions::{self, Question};
use crate::work::Work;

/// As long as a phone that raises an alarm again is taken to mean the same one: until then the place is worth waiting for.
const WHERE_IS_OPEN_FOR: TimeDelta = TimeDelta::minutes(30);

/// Sends the alarm out, if the text is one. Done again with the same text it is the same case.
pub(super) async fn raise(work: &mut Work, text: &Text<'_>) -> Result<Option<Raised>, JobFailure> {
    let Asked::Alarm(_) = &text.meaning.asked else {
        return Ok(None);
    };
    // Whatever else this phone hears of its alarm, it hears in the language it was raised in.
    if text.meaning.language == Some(text.language) {
        members::note_language(work, &text.from, text.language).await?;
    }
    let raise = Raise {
        // The text's own id: answered twice, it is one case.
        id: EmergencyId(text.inbound.id),
        msisdn: text.from.clone(),
        language: text.language,
        at: text.inbound.received_at,
        duty_desk: text.app.config.emergencies.duty_phones.clone(),
        silent: false,
    };
    match emergencies::raise(work, raise).await {
        Ok(raised) => Ok(Some(raised)),
        Err(RaiseError::Fault(fault)) => Err(fault.into()),
        Err(nobody @ RaiseError::NobodyToAlert) => Err(JobFailure::give_up(nobody.to_string())),
    }
}

/// Passes on what was told with an alarm that is out, and answers: where are you? Who has said so hears from those who take
/// care of the alarm.
pub(super) async fn answer(
    work: &mut Work,
    text: &Text<'_>,
    raised: Raised,
) -> Result<Answer, Fault> {
    if let Asked::Alarm(alarm) = &text.meaning.asked {
        tell(work, text, alarm).await?;
    }
    let shown = emergencies::own_alarm(work, &text.from).await?;
    let case = Values::new().code("case", raised.number.serial.to_string());
    Ok(match shown {
        // Not known on this phone, or known and with its place.
        None => Answer::Done { understood: "sos" },
        Some(own) if own.has_place => {
            answer_to_where(work, text).await?;
            match raised.repeated {
                false => Answer::Done { understood: "sos" },
                true => Answer::about_an_alarm("sos", "alarm.still_out", case),
            }
        }
        Some(_) => {
            let question = Question::WhereAreYou {
                emergency: raised.id.0,
            };
            questions::ask(work, &text.from, question, WHERE_IS_OPEN_FOR).await?;
            Answer::about_an_alarm("sos", "alarm.where", case)
        }
    })
}

/// Passes on what was told, to whoever is alerted. False when there is no alarm it could belong to.
pub(super) async fn tell(work: &mut Work, text: &Text<'_>, alarm: &Alarm) -> Result<bool, Fault> {
    let mut told = true;
    if let Some(kind) = alarm.kind {
        told = emergencies::tell_kind(work, &text.from, kind)
            .await?
            .is_some();
    }
    if let Some(injured) = alarm.injured {
        told = emergencies::tell_injured(work, &text.from, i32::from(injured))
            .await?
            .is_some();
    }
    if let Some(place) = &alarm.place {
        told = emergencies::tell_place(work, &text.from, place)
            .await?
            .is_some();
    }
    Ok(told)
}

/// Somebody in trouble has answered with something else than a place: what matters is still where they are.
pub(super) async fn asked_again(work: &mut Work, text: &Text<'_>) -> Result<Option<Answer>, Fault> {
    let Some(Question::WhereAreYou { .. }) = questions::open(work, &text.from).await? else {
        return Ok(None);
    };
    let own = emergencies::own_alarm(work, &text.from).await?;
    Ok(own.filter(|own| !own.has_place).map(|own| {
        let values = Values::new().code("case", own.number.serial.to_string());
        Answer::about_an_alarm("unknown", "alarm.where", values)
    }))
}

/// The place is known: nobody waits for it any more.
async fn answer_to_where(work: &mut Work, text: &Text<'_>) -> Result<(), Fault> {
    if let Some(Question::WhereAreYou { .. }) = questions::open(work, &text.from).await? {
        questions::take(work, &text.from).await?;
    }
    Ok(())
}

/// `CANCEL`: those who were called are asked to make sure, because anybody may hold the phone. The answer shows no alarm
/// that must not show.
pub(super) async fn says_safe(work: &mut Work, text: &Text<'_>) -> Result<Answer, Fault> {
    Ok(match emergencies::say_safe(work, &text.from).await? {
        Some(number) => {
            let values = Values::new().code("case", number.serial.to_string());
            Answer::about_an_alarm("cancel", "emergency.safe_heard", values)
        }
        None => Answer::about_an_alarm("cancel", "emergency.nothing_open", Values::new()),
    })
}
