//! What may be said by text about where somebody stands: that they are a member or how to become one, never an amount.

use super::{Answer, Text};
use crate::emergencies;
use crate::fault::Fault;
use crate::members::{self, AtDial, DialledMember, StatusWord};
use crate::membership::{self, Standing};
use crate::messages::Values;
use crate::payments;
use crate::primitives::nairobi_date;
use crate::stages::{self, StageCode};
use crate::work::Work;

/// `STATUS`: the membership, its number, an alarm that is open, a payment that is on its way.
pub(super) async fn status(work: &mut Work, text: &Text<'_>) -> Result<Answer, Fault> {
    let alarm = emergencies::own_alarm(work, &text.from).await?;
    let member = match members::at_dial(work.conn(), &text.from).await? {
        AtDial::Member(member) => Some(member),
        AtDial::Stranger { .. } => None,
    };
    let is_paying = match &member {
        Some(member) => payments::is_anything_open(work.conn(), member.id.0).await?,
        None => false,
    };
    let membership = match &member {
        Some(member) if member.status == StatusWord::Active => standing_of(work, member).await?,
        Some(member) => phrase_of(member),
        None => "membership.none",
    };
    let values = Values::new().phrase("membership", membership).phrase(
        "payment",
        match is_paying {
            true => "payment.underway",
            false => "payment.none",
        },
    );
    Ok(match (alarm, member) {
        (Some(alarm), _) => Answer::about_an_alarm(
            "status",
            "status.alarm",
            values.code("case", alarm.number.serial.to_string()),
        ),
        (None, Some(member)) => {
            let values = values
                .words("name", member.first_name.as_str())
                .words("stage", &member.stage_name);
            match member.number {
                Some(number) => {
                    let values = values.code("number", number.to_string());
                    Answer::say("status", "status.member", values)
                }
                None => Answer::say("status", "status.applicant", values),
            }
        }
        (None, None) => not_a_member("status", text),
    })
}

/// Of an active member: how the year stands, as far as it is worth saying.
async fn standing_of(work: &mut Work, member: &DialledMember) -> Result<&'static str, Fault> {
    let now = work.now;
    let membership = membership::of(work.conn(), member.id, now).await?;
    let standing = membership.map(|membership| membership.standing(nairobi_date(now)));
    Ok(match standing {
        Some(Standing::Due { .. } | Standing::Grace { .. }) => "membership.due",
        Some(Standing::Lapsed { .. }) => "membership.lapsed",
        Some(Standing::Active) | None => phrase_of(member),
    })
}

/// `JOIN 101`: joining is done behind the code; the stage is named, so that its code is known to be right.
pub(super) async fn join(
    work: &mut Work,
    text: &Text<'_>,
    stage: Option<&str>,
) -> Result<Answer, Fault> {
    if let AtDial::Member(member) = members::at_dial(work.conn(), &text.from).await? {
        let values = Values::new()
            .words("name", member.first_name.as_str())
            .words("stage", &member.stage_name)
            .phrase("membership", phrase_of(&member));
        return Ok(Answer::say("join", "join.member_already", values));
    }
    let Some(code) = stage.and_then(|code| StageCode::parse(code).ok()) else {
        return Ok(not_a_member("join", text));
    };
    let values = Values::new()
        .code("code", code.as_str())
        .money("fee", text.app.config.fees.registration);
    Ok(match stages::find_by_code(work.conn(), &code).await? {
        Some(stage) => Answer::say("join", "join.stage", values.words("stage", stage.name)),
        None => Answer::say(
            "join",
            "join.no_stage",
            Values::new().code("code", code.as_str()),
        ),
    })
}

/// To a phone that is nobody's yet: how to join.
pub(super) fn not_a_member(understood: &'static str, text: &Text<'_>) -> Answer {
    let values = Values::new().money("fee", text.app.config.fees.registration);
    Answer::say(understood, "join.how", values)
}

/// To a member who can do nothing with money at present: why.
pub(super) fn not_active(understood: &'static str, member: &DialledMember) -> Answer {
    let values = Values::new()
        .words("name", member.first_name.as_str())
        .phrase("membership", phrase_of(member));
    Answer::say(understood, "membership.not_active", values)
}

fn phrase_of(member: &DialledMember) -> &'static str {
    match (member.status, member.fee_paid) {
        (StatusWord::Active, _) => "membership.active",
        (StatusWord::Suspended, _) => "membership.suspended",
        (StatusWord::Refused, _) => "membership.refused",
        (StatusWord::Pending | StatusWord::Approved, false) => "membership.fee_due",
        (StatusWord::Pending | StatusWord::Approved, true) => "membership.checked",
    }
}
