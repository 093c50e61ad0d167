//! The one answer to each text that comes in.

mod coordinator;

use crate::app::App;
use crate::emergencies::{self, EmergencyId, Raise, RaiseError};
use crate::fault::Fault;
use crate::jobs::JobFailure;
use crate::members;
use crate::messages::inbox::{self, AnswerSms, Inbound};
use crate::messages::{self, Asked, Class, Message, Values};
use crate::primitives::{Language, Msisdn, nairobi_date};
use crate::receipts::{self, Answer, CheckCode};
use crate::work::{Actor, Work};

/// Understands an inbound message and answers it, once, in one transaction.
pub async fn answer_sms(app: App, job: AnswerSms) -> Result<(), JobFailure> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::Caller).await?;
    let Some(inbound) = inbox::load(work.conn(), job.inbox).await? else {
        return Ok(());
    };
    if inbound.handled {
        return Ok(());
    }
    // A sender with a name instead of a number is a machine, and is not answered.
    let Some(from) = inbound.from.clone() else {
        inbox::mark_handled(&mut work, inbound.id, "no_phone").await?;
        work.commit().await?;
        return Ok(());
    };
    let known = members::caller_language(work.conn(), &from).await?;
    let language = known.unwrap_or_else(|| app.menus.current().default_language());
    let asked = messages::understand(&inbound.text);
    if asked == Asked::Word("SOS")
        && !coordinator::means_a_case(&mut work, &from, &inbound.text).await?
    {
        alarm(&app, &mut work, &inbound, from, language).await?;
        work.commit().await?;
        return Ok(());
    }
    if let Some(reply) = coordinator::reply(&mut work, &from, &inbound.text).await? {
        let message = Message::new(from, language, reply.class, reply.template, reply.values);
        inbox::answer(&mut work, &inbound, reply.understood, message).await?;
        work.commit().await?;
        return Ok(());
    }
    let (understood, template, values) = words_for(&mut work, &from, asked).await?;
    let message = Message {
        to: from,
        language,
        class: Class::Service,
        template,
        values,
        key: None,
        about: None,
        not_before: None,
        not_after: None,
    };
    inbox::answer(&mut work, &inbound, understood, message).await?;
    work.commit().await?;
    Ok(())
}

/// `SOS accident Kenyatta market`: the alarm goes out, and whatever follows the word goes with it. The emergencies answer
/// the reporter themselves.
async fn alarm(
    app: &App,
    work: &mut Work,
    inbound: &Inbound,
    from: Msisdn,
    language: Language,
) -> Result<(), JobFailure> {
    let raise = Raise {
        // The text's own id: answered twice, it is one case.
        id: EmergencyId(inbound.id),
        msisdn: from.clone(),
        language,
        at: inbound.received_at,
        duty_desk: app.config.emergencies.duty_phones.clone(),
    };
    match emergencies::raise(work, raise).await {
        Ok(_raised) => {}
        Err(RaiseError::Fault(fault)) => return Err(fault.into()),
        Err(nobody @ RaiseError::NobodyToAlert) => {
            return Err(JobFailure::give_up(nobody.to_string()));
        }
    }
    let told = inbound
        .text
        .trim()
        .split_once(char::is_whitespace)
        .map_or("", |(_word, told)| told.trim());
    if !told.is_empty() {
        emergencies::tell_place(work, &from, told).await?;
    }
    inbox::mark_handled(work, inbound.id, "sos").await?;
    Ok(())
}

async fn words_for(
    work: &mut Work,
    from: &Msisdn,
    asked: Asked,
) -> Result<(&'static str, &'static str, Values), Fault> {
    Ok(match asked {
        Asked::Receipt(typed) => {
            let (template, values) = receipt(work, from, &typed).await?;
            ("receipt", template, values)
        }
        Asked::ReceiptWithoutCode => ("receipt", "receipt.no_code", Values::new()),
        Asked::Help => ("help", "help.menu", Values::new()),
        Asked::Stop => {
            let now = work.now;
            messages::opt_out(work.conn(), from, now, "sms").await?;
            ("stop", "promotions.stopped", Values::new())
        }
        Asked::Start => {
            messages::opt_in(work.conn(), from).await?;
            ("start", "promotions.started", Values::new())
        }
        Asked::Word(word) => (word, "help.by_phone", Values::new()),
        Asked::Unknown => ("unknown", "help.unknown", Values::new()),
    })
}

async fn receipt(
    work: &mut Work,
    from: &Msisdn,
    typed: &str,
) -> Result<(&'static str, Values), Fault> {
    let not_found = || ("receipt.not_found", Values::new().words("code", typed));
    let Ok(code) = CheckCode::parse(typed) else {
        return Ok(not_found());
    };
    Ok(match receipts::ask(work, from, &code).await? {
        Answer::Genuine(receipt) => {
            let what = match receipt.what {
                receipts::Purpose::Contribution => "what.contribution",
                receipts::Purpose::RegistrationFee => "what.registration_fee",
                receipts::Purpose::TopUp => "what.top_up",
            };
            let values = Values::new()
                .money("amount", receipt.amount)
                .phrase("what", what)
                .date("day", nairobi_date(receipt.at))
                .code("code", code.as_str());
            match receipt.payer {
                Some(payer) => ("receipt.genuine", values.words("payer", payer.to_string())),
                None => ("receipt.genuine_unnamed", values),
            }
        }
        Answer::Unknown => not_found(),
        Answer::AskedTooOften => ("receipt.too_many_questions", Values::new()),
    })
}
