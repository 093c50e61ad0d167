//! What a text answers that we asked before.
//!
//! A question takes only what can be its answer. Anything else is looked at as if nothing had been asked, and the question
//! stays open: a coordinator's `1` is no place, and `HELP` is no amount.

use super::understand::{Amount, Asked, amount, told_of_an_alarm};
use super::{Answer, Text, alarm, loans, money, recovery};
use crate::emergencies;
use crate::emergencies::grammar::{self, Order};
use crate::fault::Fault;
use crate::loans::LoanId;
use crate::messages::Values;
use crate::questions::{self, Question};
use crate::recovery::{ChangeId, ResetId};
use crate::settlement::{self, Whose};
use crate::work::Work;

/// The answer to an answer. None when nothing was asked, or not this.
pub(super) async fn answer(work: &mut Work, text: &Text<'_>) -> Result<Option<Answer>, Fault> {
    if matches!(
        text.meaning.asked,
        Asked::Help
            | Asked::NotMe
            | Asked::Stop
            | Asked::StopAutomatic
            | Asked::Start
            | Asked::Cancel
            | Asked::Freeze
    ) {
        return Ok(None);
    }
    let Some(question) = questions::open(work, &text.from).await? else {
        return Ok(None);
    };
    let cases = emergencies::open_numbers_of(work.conn(), &text.from).await?;
    if may_speak_of_a_case(text, &cases) {
        return Ok(None);
    }
    match question {
        Question::WhereAreYou { .. } => place(work, text).await,
        Question::HowMuch => how_much(work, text).await,
        Question::IsItThem { reset } => recovery::kin(work, text, ResetId(reset)).await,
        Question::IsYourNumber { change } => {
            recovery::own_number(work, text, ChangeId(change)).await
        }
        Question::WhoseMoney { receipt } => whose_money(work, text, &receipt).await,
        Question::Vouch { loan } => loans::vouch(work, text, LoanId(loan)).await,
    }
}

/// A phone that was alerted to open cases answers those first: with one of their numbers, a single digit, yes or no, or any
/// word of those who answer.
fn may_speak_of_a_case(text: &Text<'_>, cases: &[i64]) -> bool {
    if cases.is_empty() {
        return false;
    }
    let numbers = text
        .inbound
        .text
        .split(|c: char| !c.is_ascii_alphanumeric());
    let mut numbers = numbers.filter_map(|word| word.parse::<i64>().ok());
    matches!(text.meaning.asked, Asked::Yes | Asked::No)
        || numbers.any(|number| number < 10 || cases.contains(&number))
        || answers_a_case(&text.inbound.text, cases)
}

/// A number that is none of their cases may be what was asked: `200`.
fn answers_a_case(text: &str, cases: &[i64]) -> bool {
    match grammar::read(text) {
        Some(
            Order::Answer {
                case: Some(serial), ..
            }
            | Order::About(Some(serial))
            | Order::Split(serial),
        ) => cases.contains(&serial),
        Some(_) => true,
        None => false,
    }
}

/// `Kencom near the bank`.
async fn place(work: &mut Work, text: &Text<'_>) -> Result<Option<Answer>, Fault> {
    // A keyword by itself is one. In a sentence it may be the name of a place: Bima House.
    let is_one_word = text.inbound.text.split_whitespace().count() == 1;
    let is_keyword = match &text.meaning.asked {
        Asked::Unknown => false,
        Asked::Pay(Amount::Clear(_)) | Asked::Receipt(_) | Asked::Yes | Asked::No => true,
        _ => is_one_word,
    };
    if is_keyword {
        return Ok(None);
    }
    let told = told_of_an_alarm(&text.inbound.text);
    if told.place.is_none() || speaks_of_its_own_case(work, text).await? {
        return Ok(None);
    }
    questions::take(work, &text.from).await?;
    if !alarm::tell(work, text, &told).await? {
        // It was ended while we waited.
        let over = Answer::about_an_alarm("place", "alarm.over", Values::new());
        return Ok(Some(over));
    }
    let Some(own) = emergencies::own_alarm(work, &text.from).await? else {
        return Ok(Some(Answer::Done {
            understood: "place",
        }));
    };
    let values = Values::new().code("case", own.number.serial.to_string());
    Ok(Some(Answer::about_an_alarm(
        "place",
        "alarm.place_noted",
        values,
    )))
}

/// `DONE 11` from the phone that raised alarm 11 is no place. It ends nothing either: anybody may hold that phone.
async fn speaks_of_its_own_case(work: &mut Work, text: &Text<'_>) -> Result<bool, Fault> {
    let Some(Order::Answer {
        case: Some(serial), ..
    }) = grammar::read(&text.inbound.text)
    else {
        return Ok(false);
    };
    let own = emergencies::own_alarm(work, &text.from).await?;
    Ok(own.is_some_and(|own| own.number.serial == serial))
}

/// `KTS-2026-0001`, or a phone. What names nobody is asked again; what is no number at all is something else.
async fn whose_money(
    work: &mut Work,
    text: &Text<'_>,
    receipt: &str,
) -> Result<Option<Answer>, Fault> {
    let (app, said) = (text.app, &text.inbound.text);
    let values = || Values::new().code("receipt", receipt);
    if !settlement::names_somebody(said) {
        let digits = said.chars().filter(char::is_ascii_digit).count();
        let is_a_try = text.meaning.asked == Asked::Unknown && digits >= 4;
        let again = Answer::about_money("whose", "suspense.not_found", values());
        return Ok(is_a_try.then_some(again));
    }
    let whose = settlement::answer_whose(app, work, &text.from, receipt, said).await?;
    if whose != Whose::Nobody {
        questions::take(work, &text.from).await?;
    }
    Ok(Some(match whose {
        Whose::Nobody => Answer::about_money("whose", "suspense.not_found", values()),
        Whose::Settled => Answer::about_money("whose", "suspense.settled", values()),
        // The receipt is on its way to this very phone.
        Whose::Given { is_payer: true, .. } => Answer::Done {
            understood: "whose",
        },
        Whose::Given { person, amount, .. } => {
            let values = values()
                .money("amount", amount)
                .words("person", person.to_string());
            Answer::about_money("whose", "suspense.given", values)
        }
    }))
}

/// `200`.
async fn how_much(work: &mut Work, text: &Text<'_>) -> Result<Option<Answer>, Fault> {
    let said = match (&text.meaning.asked, amount(&text.inbound.text)) {
        (Asked::No, Amount::Missing) => {
            questions::take(work, &text.from).await?;
            let dropped = Answer::about_money("no", "pay.dropped", Values::new());
            return Ok(Some(dropped));
        }
        // `ksh200` looks like the code of a receipt as well.
        (Asked::Unknown | Asked::Receipt(_), Amount::Clear(amount)) => Amount::Clear(amount),
        (Asked::Unknown, Amount::Unclear) => Amount::Unclear,
        _ => return Ok(None),
    };
    questions::take(work, &text.from).await?;
    money::pay(work, text, said).await.map(Some)
}
