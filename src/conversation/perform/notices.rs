//! Broadcasts on an official's phone: a draft, the yes with the PIN, and a word on members' posts.

use super::Performer;
use crate::broadcasts::{
    self, BroadcastId, ConfirmError, DecideError, Decided, Draft, DraftError, Verdict, Wording,
};
use crate::fault::Fault;
use crate::menu::Outcome;
use crate::primitives::NAIROBI;
use crate::work::Work;

pub(super) async fn draft(
    hands: &Performer<'_>,
    work: &mut Work,
    to_sacco: bool,
    typed: &str,
    key: String,
) -> Result<Outcome, Fault> {
    let Ok(words) = Wording::parse(typed) else {
        return Ok(Outcome::new("too_short"));
    };
    let draft = Draft {
        key,
        to_sacco,
        words,
    };
    let (app, phone) = (hands.app, &hands.turn.msisdn);
    let rules = app.broadcast_rules();
    Ok(
        match broadcasts::draft(work, &rules, &app.templates, phone, draft).await {
            Ok(_preview) => Outcome::new("drafted"),
            Err(DraftError::Nobody) => Outcome::new("nobody"),
            Err(DraftError::TooManyToday { max }) => Outcome::new("too_many").value("most", max),
            Err(DraftError::NotAnOfficial) => Outcome::new("not_official"),
            Err(DraftError::Fault(fault)) => return Err(fault),
        },
    )
}

pub(super) async fn send(
    hands: &Performer<'_>,
    work: &mut Work,
    id: BroadcastId,
) -> Result<Outcome, Fault> {
    let rules = hands.app.broadcast_rules();
    Ok(
        match broadcasts::confirm(work, &rules, &hands.turn.msisdn, id).await {
            Ok(confirmed) => match confirmed.later {
                None => Outcome::new("sent").value("people", confirmed.recipients),
                Some(at) => Outcome::new("sent_later")
                    .value("people", confirmed.recipients)
                    .value("hour", at.with_timezone(&NAIROBI).format("%H:%M")),
            },
            Err(ConfirmError::TooManyToday { max }) => Outcome::new("too_many").value("most", max),
            Err(ConfirmError::Gone) => Outcome::new("gone"),
            Err(ConfirmError::NotAnOfficial) => Outcome::new("not_official"),
            Err(ConfirmError::Fault(fault)) => return Err(fault),
        },
    )
}

pub(super) async fn decide(
    hands: &Performer<'_>,
    work: &mut Work,
    number: u32,
    verdict: Verdict,
) -> Result<Outcome, Fault> {
    let (app, phone) = (hands.app, &hands.turn.msisdn);
    let rules = app.broadcast_rules();
    let decided = broadcasts::decide(work, &rules, &app.templates, phone, number, verdict).await;
    Ok(match decided {
        Ok(Decided::PutUp { recipients }) => Outcome::new("put_up").value("people", recipients),
        Ok(Decided::Refused) => Outcome::new("refused"),
        Ok(Decided::Already) | Err(DecideError::NotFound) => Outcome::new("already"),
        Err(DecideError::NotAnOfficial) => Outcome::new("not_official"),
        Err(DecideError::Fault(fault)) => return Err(fault),
    })
}
