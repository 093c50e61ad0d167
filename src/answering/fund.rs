//! The fund by text: what it holds is every member's to know. And the one word that ends automatic payments.

use super::{Answer, Text, standing};
use crate::fault::Fault;
use crate::members::{self, AtDial, StatusWord};
use crate::messages::Values;
use crate::schedules::{self, Channel, Choice, Mode, ModeError};
use crate::welfare;
use crate::work::Work;

/// `FUND`: the total, this month, and the last closed month with its code.
pub(super) async fn statement(work: &mut Work, text: &Text<'_>) -> Result<Answer, Fault> {
    let member = match members::at_dial(work.conn(), &text.from).await? {
        AtDial::Member(member) if member.status == StatusWord::Active => member,
        AtDial::Member(member) => return Ok(standing::not_active("fund", &member)),
        AtDial::Stranger { .. } => return Ok(standing::not_a_member("fund", text)),
    };
    let now = work.now;
    let statement = welfare::fund_statement(work.conn(), member.stage.0, now).await?;
    let months = welfare::months_of(work.conn(), member.stage.0, 1).await?;
    let values = Values::new()
        .words("stage", &member.stage_name)
        .money("balance", statement.balance)
        .money("in", statement.month_in)
        .money("out", statement.month_out);
    Ok(match months.first() {
        None => Answer::say("fund", "fund.statement", values),
        Some(month) => {
            let values = values
                .code("month", month.month.format("%-m/%Y").to_string())
                .money("month_in", month.money_in)
                .money("month_out", month.money_out)
                .code("code", month.hash.code());
            Answer::say("fund", "fund.statement_with_month", values)
        }
    })
}

/// `STOP AUTO`: M-PESA asks by itself no more. Everything else that is sent goes on. Whoever holds the phone may stop; nobody can
/// begin this way.
pub(super) async fn stop_automatic(work: &mut Work, text: &Text<'_>) -> Result<Answer, Fault> {
    let AtDial::Member(member) = members::at_dial(work.conn(), &text.from).await? else {
        return Ok(standing::not_a_member("stop_auto", text));
    };
    if schedules::mode_of(work.conn(), member.id.0).await? == Mode::Off {
        return Ok(Answer::say("stop_auto", "schedule.none", Values::new()));
    }
    let choice = Choice {
        member: member.id.0,
        mode: Mode::Off,
        words: "STOP AUTO".to_owned(),
        language: text.language,
        channel: Channel::Sms,
        key: format!("sms:{}", text.inbound.id),
        with_pin: false,
    };
    match schedules::choose(work, choice).await {
        Ok(_chosen) => {}
        Err(ModeError::Fault(fault)) => return Err(fault),
        Err(ModeError::NeedsPin) => return Err(Fault::broken("a stop asked for the PIN")),
    }
    Ok(Answer::about_money(
        "stop_auto",
        "schedule.stopped",
        Values::new(),
    ))
}
