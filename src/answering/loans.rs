//! Loans by text: how one stands, without an amount, and what a guarantor says.

use super::understand::{Amount, Asked, amount};
use super::{Answer, Text, money, standing as membership};
use crate::fault::Fault;
use crate::loans::{self, AnswerError, Answered, LoanId, Says, Stage};
use crate::members::{self, AtDial, StatusWord};
use crate::messages::Values;
use crate::questions;
use crate::work::Work;

/// `LOAN`: a text lies on the phone for everybody to read, so amounts are behind the code.
pub(super) async fn standing(work: &mut Work, text: &Text<'_>) -> Result<Answer, Fault> {
    let member = match members::at_dial(work.conn(), &text.from).await? {
        AtDial::Member(member) if member.status == StatusWord::Active => member,
        AtDial::Member(member) => return Ok(membership::not_active("loan", &member)),
        AtDial::Stranger { .. } => return Ok(membership::not_a_member("loan", text)),
    };
    let now = work.now;
    let dial = money::dialled_through(&text.app.config.ussd.code, "6*6");
    let values = Values::new().code("dial", dial);
    let Some(stands) = loans::standing_of(work.conn(), member.id.0, now).await? else {
        return Ok(Answer::about_money("loan", "loan.stands_none", values));
    };
    let values = values.code("number", stands.loan.number.to_string());
    let (template, values) = match (&stands.loan.stage, &stands.running) {
        (Stage::Asked { .. }, _) => ("loan.stands_asked", values),
        (_, Some(running)) if running.late.is_positive() => ("loan.stands_late", values),
        (_, Some(running)) => match running.next {
            Some((day, _)) => ("loan.stands", values.date("day", day)),
            None => ("loan.stands_none", values),
        },
        (_, None) => ("loan.stands_waiting", values),
    };
    Ok(Answer::about_money("loan", template, values))
}

/// `YES`, `3000` or `NO` of somebody who was asked to vouch. None for anything else: the question stays open.
pub(super) async fn vouch(
    work: &mut Work,
    text: &Text<'_>,
    loan: LoanId,
) -> Result<Option<Answer>, Fault> {
    let says = match (&text.meaning.asked, amount(&text.inbound.text)) {
        (Asked::No, _) => Says::No,
        (Asked::Yes, Amount::Missing) => Says::Yes(None),
        // `ksh200` looks like the code of a receipt as well.
        (Asked::Yes | Asked::Unknown | Asked::Receipt(_), Amount::Clear(part)) => {
            Says::Yes(Some(part))
        }
        (Asked::Yes | Asked::Unknown, Amount::Unclear) => {
            return Ok(Some(said("loan.vouch_unclear", Values::new())));
        }
        _ => return Ok(None),
    };
    let AtDial::Member(member) = members::at_dial(work.conn(), &text.from).await? else {
        return Ok(None);
    };
    let rules = text.app.loan_rules();
    let (template, values) = match loans::answer(work, &rules, member.id.0, loan, says).await {
        Ok(Answered::Pledged { amount, number }) => {
            questions::take(work, &text.from).await?;
            let values = Values::new().money("amount", amount).code("number", number);
            ("loan.you_vouch", values)
        }
        Ok(Answered::Declined { number }) => {
            questions::take(work, &text.from).await?;
            ("loan.you_refused", Values::new().code("number", number))
        }
        Err(AnswerError::Over) => {
            questions::take(work, &text.from).await?;
            ("loan.vouch_over", Values::new())
        }
        Err(AnswerError::TooMuch { .. } | AnswerError::TooLittle) => {
            ("loan.vouch_unclear", Values::new())
        }
        Err(AnswerError::BeyondMeans { capacity }) => (
            "loan.vouch_beyond",
            Values::new().money("capacity", capacity),
        ),
        Err(AnswerError::Fault(fault)) => return Err(fault),
    };
    Ok(Some(said(template, values)))
}

/// `YES` or `NO` of somebody who was asked to vouch and whose open question another has taken the place of. Of two requests
/// nobody could tell which one is meant: the menu lists them.
pub(super) async fn vouch_unasked(
    work: &mut Work,
    text: &Text<'_>,
) -> Result<Option<Answer>, Fault> {
    let AtDial::Member(member) = members::at_dial(work.conn(), &text.from).await? else {
        return Ok(None);
    };
    let now = work.now;
    let asked = loans::asked_of(work.conn(), member.id.0, now).await?;
    match asked.as_slice() {
        [only] => vouch(work, text, only.loan).await,
        _ => Ok(None),
    }
}

fn said(template: &'static str, values: Values) -> Answer {
    Answer::about_money("vouch", template, values)
}
