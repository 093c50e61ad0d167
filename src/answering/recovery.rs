//! What is answered to those who are asked whether somebody is who they say, and to `NOTME`.

use super::{Answer, Text};
use crate::answering::understand::Asked;
use crate::fault::Fault;
use crate::messages::Values;
use crate::questions;
use crate::recovery::{self, AnswerError, ChangeId, ResetId, Stopped, Voice};
use crate::wallet;
use crate::work::Work;

/// `NOTME`, `SIO MIMI`: whatever is being changed about this phone's member stops. Anybody who holds the phone may say so;
/// it harms nobody.
pub(super) async fn not_me(work: &mut Work, text: &Text<'_>) -> Result<Answer, Fault> {
    let template = match recovery::not_me(work, &text.from).await? {
        Stopped::Stopped => "recovery.stopped",
        Stopped::TooLate(member) => {
            wallet::freeze(work, member.0).await?;
            "recovery.stopped_too_late"
        }
        Stopped::Nothing => "recovery.nothing_to_stop",
    };
    Ok(Answer::say("not_me", template, Values::new()))
}

/// The next of kin says whether it is the member who has forgotten the PIN.
pub(super) async fn kin(
    work: &mut Work,
    text: &Text<'_>,
    reset: ResetId,
) -> Result<Option<Answer>, Fault> {
    let Some(says_yes) = yes_or_no(text) else {
        return Ok(None);
    };
    questions::take(work, &text.from).await?;
    let template = match recovery::answer_reset(work, reset, &Voice::Kin, says_yes).await {
        Ok(_) => "recovery.kin_thanked",
        Err(AnswerError::Fault(fault)) => return Err(fault),
        Err(_refused) => "recovery.too_late",
    };
    Ok(Some(Answer::say("kin_answer", template, Values::new())))
}

/// The phone that a member wants to move to says whether it is theirs.
pub(super) async fn own_number(
    work: &mut Work,
    text: &Text<'_>,
    change: ChangeId,
) -> Result<Option<Answer>, Fault> {
    let Some(says_yes) = yes_or_no(text) else {
        return Ok(None);
    };
    questions::take(work, &text.from).await?;
    let counted = recovery::confirm_change(work, change, &text.from, says_yes).await?;
    let template = match (counted, says_yes) {
        (true, true) => "recovery.number_confirmed",
        (true, false) => "recovery.kin_thanked",
        (false, _) => "recovery.too_late",
    };
    Ok(Some(Answer::say("own_number", template, Values::new())))
}

/// `1`, `yes`, `ndiyo`; `2`, `no`, `hapana`. Anything else answers nothing.
fn yes_or_no(text: &Text<'_>) -> Option<bool> {
    let bare = text
        .inbound
        .text
        .trim_matches(|c: char| !c.is_alphanumeric());
    match (&text.meaning.asked, bare) {
        (Asked::Yes, _) | (_, "1") => Some(true),
        (Asked::No, _) | (_, "2") => Some(false),
        _ => None,
    }
}
