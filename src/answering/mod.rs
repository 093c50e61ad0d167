//! The one answer to each text that comes in.
//!
//! Who may answer is asked in order, and the first one does: an alarm before everything, then what we asked this phone
//! ourselves, then what those who answer emergencies say about a case, then notices to many, then the keywords, and for the rest a few words
//! of help.

mod alarm;
mod coordinator;
mod cover;
mod dues;
mod fund;
mod keyword;
mod loans;
mod money;
mod notices;
mod open_question;
mod recovery;
mod standing;
pub(crate) mod understand;

use crate::app::App;
use crate::emergencies::Raised;
use crate::fault::Fault;
use crate::jobs::JobFailure;
use crate::members;
use crate::messages::inbox::{self, AnswerSms, Inbound};
use crate::messages::{Class, Message, Values};
use crate::primitives::{Language, Msisdn};
use crate::work::{Actor, Work};
use understand::{Meaning, understand};

/// Understands an inbound message and answers it, once, in one transaction. An alarm has one of its own before that: nothing
/// that was written beside it may keep it from going out.
pub async fn answer_sms(app: App, job: AnswerSms) -> Result<(), JobFailure> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::Caller).await?;
    let Some(inbound) = unanswered(&mut work, &job).await? else {
        return Ok(());
    };
    // A sender with a name instead of a number is a machine, and is not answered.
    let Some(from) = inbound.from.clone() else {
        inbox::mark_handled(&mut work, inbound.id, "no_phone").await?;
        work.commit().await?;
        return Ok(());
    };
    let meaning = understand(&inbound.text);
    let language = language_for(&app, &mut work, &from, &meaning).await?;
    let text = Text {
        app: &app,
        inbound: &inbound,
        from,
        language,
        meaning,
    };
    // `SOS 42 ok`, from somebody who was alerted to it, raises no alarm.
    let raised = match coordinator::means_a_case(&mut work, &text.from, &inbound.text).await? {
        true => None,
        false => alarm::raise(&mut work, &text).await?,
    };
    if raised.is_some() {
        work.commit().await?;
        work = Work::begin(&app.pool, app.clock.now(), Actor::Caller).await?;
        if unanswered(&mut work, &job).await?.is_none() {
            return Ok(());
        }
    }
    match answer(&mut work, &text, raised).await? {
        Answer::Say {
            understood,
            class,
            template,
            values,
        } => {
            let message = Message::new(text.from.clone(), language, class, template, values);
            inbox::answer(&mut work, &inbound, understood, message).await?;
        }
        Answer::Done { understood } => {
            inbox::mark_handled(&mut work, inbound.id, understood).await?;
        }
    }
    work.commit().await?;
    Ok(())
}

/// The message, locked until the end of the work. None when it has been handled.
async fn unanswered(work: &mut Work, job: &AnswerSms) -> Result<Option<Inbound>, JobFailure> {
    let inbound = inbox::load(work.conn(), job.inbox).await?;
    Ok(inbound.filter(|inbound| !inbound.handled))
}

async fn answer(work: &mut Work, text: &Text<'_>, raised: Option<Raised>) -> Result<Answer, Fault> {
    if let Some(raised) = raised {
        return alarm::answer(work, text, raised).await;
    }
    if let Some(answer) = open_question::answer(work, text).await? {
        return Ok(answer);
    }
    if let Some(reply) = coordinator::reply(work, &text.from, &text.inbound.text).await? {
        return Ok(Answer::Say {
            understood: reply.understood,
            class: reply.class,
            template: reply.template,
            values: reply.values,
        });
    }
    if let Some((understood, template, values)) = notices::answer(work, text).await? {
        return Ok(Answer::say(understood, template, values));
    }
    keyword::answer(work, text).await
}

/// A text that waits for its answer, and what is known of it.
struct Text<'a> {
    app: &'a App,
    inbound: &'a Inbound,
    from: Msisdn,
    language: Language,
    meaning: Meaning,
}

/// What a text was understood as, and what is said to it.
enum Answer {
    Say {
        /// For the inbox.
        understood: &'static str,
        class: Class,
        template: &'static str,
        values: Values,
    },
    /// Nothing more: what was done has told people itself, or nothing is to be said.
    Done { understood: &'static str },
}

impl Answer {
    fn say(understood: &'static str, template: &'static str, values: Values) -> Answer {
        Answer::Say {
            understood,
            class: Class::Service,
            template,
            values,
        }
    }

    fn about_money(understood: &'static str, template: &'static str, values: Values) -> Answer {
        Answer::Say {
            understood,
            class: Class::Money,
            template,
            values,
        }
    }

    fn about_an_alarm(understood: &'static str, template: &'static str, values: Values) -> Answer {
        Answer::Say {
            understood,
            class: Class::Emergency,
            template,
            values,
        }
    }
}

/// The language the member chose, or whoever called before; of somebody new, the one they write in.
async fn language_for(
    app: &App,
    work: &mut Work,
    from: &Msisdn,
    meaning: &Meaning,
) -> Result<Language, Fault> {
    if let Some(known) = members::caller_language(work.conn(), from).await? {
        return Ok(known);
    }
    let menus = app.menus.current();
    let written = meaning
        .language
        .filter(|written| menus.languages().any(|(language, _)| language == *written));
    Ok(written.unwrap_or_else(|| menus.default_language()))
}
