//! Money by text. Nothing is shown without the KwaStage PIN, which no text ever carries, and nothing is moved without the
//! M-PESA PIN: a payment is asked for, balances are behind the code.

use chrono::TimeDelta;

use super::understand::Amount;
use super::{Answer, Text, standing};
use crate::contributing::{
    self, Contribute, ContributeError, Contributing, Destination, SHILLINGS_MAX, SHILLINGS_MIN,
};
use crate::fault::Fault;
use crate::members::{self, AtDial, StatusWord};
use crate::messages::{Values, inbox};
use crate::payouts::Rules;
use crate::primitives::{Money, nairobi_date};
use crate::questions::{self, Question};
use crate::receipts::{self, CheckCode};
use crate::wallet;
use crate::work::Work;

/// So long a bare number is taken for the amount we asked for.
const HOW_MUCH_IS_OPEN_FOR: TimeDelta = TimeDelta::minutes(15);

/// `BAL`: a phone is passed from hand to hand, and a text lies on it for everybody to read.
pub(super) async fn balance(work: &mut Work, text: &Text<'_>) -> Result<Answer, Fault> {
    Ok(match members::at_dial(work.conn(), &text.from).await? {
        AtDial::Member(member) if member.status == StatusWord::Active => {
            let code = &text.app.config.ussd.code;
            let values = Values::new().code("dial", dialled_through(code, "1"));
            Answer::say("balance", "balance.by_code", values)
        }
        AtDial::Member(member) => standing::not_active("balance", &member),
        AtDial::Stranger { .. } => standing::not_a_member("balance", text),
    })
}

/// `FREEZE`: nothing leaves the wallet any more, whoever asks. Opening it again takes the owner in person.
pub(super) async fn freeze(work: &mut Work, text: &Text<'_>) -> Result<Answer, Fault> {
    Ok(match members::at_dial(work.conn(), &text.from).await? {
        AtDial::Member(member) => {
            wallet::freeze(work, member.id.0).await?;
            Answer::about_money("freeze", "wallet.frozen", Values::new())
        }
        AtDial::Stranger { .. } => standing::not_a_member("freeze", text),
    })
}

/// `WITHDRAW 500`: money leaves behind the PIN alone, which is asked for behind the code.
pub(super) async fn withdraw(
    work: &mut Work,
    text: &Text<'_>,
    amount: Amount,
) -> Result<Answer, Fault> {
    Ok(match members::at_dial(work.conn(), &text.from).await? {
        AtDial::Member(member) if member.status == StatusWord::Active => {
            let asked = match amount {
                Amount::Clear(amount) if Rules::is_payable(amount) => {
                    format!("6*5*{}", amount.as_decimal().trunc())
                }
                _ => "6*5".to_owned(),
            };
            let code = &text.app.config.ussd.code;
            let values = Values::new().code("dial", dialled_through(code, &asked));
            Answer::say("withdraw", "withdraw.by_code", values)
        }
        AtDial::Member(member) => standing::not_active("withdraw", &member),
        AtDial::Stranger { .. } => standing::not_a_member("withdraw", text),
    })
}

/// `PAY 200`: M-PESA asks for its PIN. Without an amount, or an amount that is not clear, we ask.
pub(super) async fn pay(work: &mut Work, text: &Text<'_>, amount: Amount) -> Result<Answer, Fault> {
    // What could not be answered any more is not done either.
    if inbox::has_had_enough(work, &text.from).await? {
        return Ok(Answer::about_money("pay", "pay.how_much", limits()));
    }
    // Who cannot pay is not asked how much.
    match members::at_dial(work.conn(), &text.from).await? {
        AtDial::Member(member) if member.status == StatusWord::Active => {}
        AtDial::Member(member) => return Ok(standing::not_active("pay", &member)),
        AtDial::Stranger { .. } => return Ok(standing::not_a_member("pay", text)),
    }
    let amount = match amount {
        Amount::Clear(amount) => amount,
        Amount::Missing => return how_much(work, text, "pay.how_much").await,
        Amount::Unclear => return how_much(work, text, "pay.unclear").await,
    };
    let asked = Contribute {
        into: Destination::Fund,
        payer: text.from.clone(),
        amount,
        // The text's own id: answered twice, it is one request.
        key: format!("sms:{}", text.inbound.id),
        ussd_session: None,
    };
    let now = work.now;
    match contributing::contribute(work, &text.app.payment_rules, asked).await {
        Ok(Contributing { member, requested }) => {
            let values = Values::new()
                .money("amount", amount)
                .words("stage", &member.stage_name);
            let template = match requested.comes_at_once(now) {
                true => "pay.asked",
                false => "pay.asked_later",
            };
            Ok(Answer::about_money("pay", template, values))
        }
        Err(ContributeError::NotPossible) => how_much(work, text, "pay.not_possible").await,
        // Neither says how much it was: what shows money is behind the PIN.
        Err(ContributeError::AlreadyAsked { .. }) => Ok(refused("pay.already_asked")),
        Err(ContributeError::JustAsked { .. }) => Ok(refused("pay.just_asked")),
        Err(ContributeError::NotActive(member)) => Ok(standing::not_active("pay", &member)),
        Err(ContributeError::NotAMember) => Ok(standing::not_a_member("pay", text)),
        Err(ContributeError::Fault(fault)) => Err(fault),
    }
}

fn refused(template: &'static str) -> Answer {
    Answer::about_money("pay", template, Values::new())
}

/// Asks, and remembers that we did.
async fn how_much(
    work: &mut Work,
    text: &Text<'_>,
    template: &'static str,
) -> Result<Answer, Fault> {
    questions::ask(work, &text.from, Question::HowMuch, HOW_MUCH_IS_OPEN_FOR).await?;
    Ok(Answer::about_money("pay", template, limits()))
}

fn limits() -> Values {
    Values::new()
        .money("least", Money::from_shillings(SHILLINGS_MIN))
        .money("most", Money::from_shillings(SHILLINGS_MAX))
}

/// `RECEIPT 7K3M`.
pub(super) async fn receipt(
    work: &mut Work,
    text: &Text<'_>,
    typed: &str,
) -> Result<Answer, Fault> {
    let not_found = || {
        let values = Values::new().words("code", typed);
        Answer::say("receipt", "receipt.not_found", values)
    };
    let Ok(code) = CheckCode::parse(typed) else {
        return Ok(not_found());
    };
    Ok(match receipts::ask(work, &text.from, &code).await? {
        receipts::Answer::Genuine(receipt) => {
            let what = match receipt.what {
                receipts::Purpose::Contribution => "what.contribution",
                receipts::Purpose::RegistrationFee => "what.registration_fee",
                receipts::Purpose::TopUp => "what.top_up",
                receipts::Purpose::Dues => "what.dues",
                receipts::Purpose::LoanRepayment => "what.loan_repayment",
                receipts::Purpose::Premium => "what.premium",
            };
            let values = Values::new()
                .money("amount", receipt.amount)
                .phrase("what", what)
                .date("day", nairobi_date(receipt.at))
                .code("code", code.as_str());
            match receipt.payer {
                Some(payer) => {
                    let values = values.words("payer", payer.to_string());
                    Answer::say("receipt", "receipt.genuine", values)
                }
                None => Answer::say("receipt", "receipt.genuine_unnamed", values),
            }
        }
        receipts::Answer::Unknown => not_found(),
        receipts::Answer::AskedTooOften => {
            Answer::say("receipt", "receipt.too_many_questions", Values::new())
        }
    })
}

/// The code with digits behind it that lead further: `*384*123*1#`.
pub(super) fn dialled_through(code: &str, digits: &str) -> String {
    let open = code.strip_suffix('#').unwrap_or(code);
    format!("{open}*{digits}#")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_go_behind_the_code() {
        assert_eq!(dialled_through("*384*123#", "1"), "*384*123*1#");
        assert_eq!(dialled_through("*144#", "2*200"), "*144*2*200#");
    }
}
