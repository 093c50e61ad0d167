//! What people are told about a case: each thing once to each phone, ahead of everything else.

use super::model::{Case, EmergencyId};
use super::store::reports;
use crate::fault::Fault;
use crate::members;
use crate::messages::{self, Class, Message, Values};
use crate::primitives::{Language, Msisdn};
use crate::work::Work;

/// Sends one message about a case. `what` names it among the case's messages: the same to the same phone is said once.
pub(super) async fn tell(
    work: &mut Work,
    to: &Msisdn,
    language: Language,
    template: &'static str,
    values: Values,
    case: EmergencyId,
    what: &str,
) -> Result<(), Fault> {
    let message = Message {
        key: Some(format!("emergency:{}:{}:{what}", case.0, to.digits())),
        about: Some(case.0),
        ..Message::new(to.clone(), language, Class::Emergency, template, values)
    };
    messages::send(work, message).await?;
    Ok(())
}

/// The one door for words to whoever reported a case, and to those whose reports were joined to it. It knows their
/// languages, and says nothing to a phone on which nothing may show.
pub async fn tell_reporter(
    work: &mut Work,
    case: &Case,
    template: &'static str,
    values: Values,
    what: &str,
) -> Result<(), Fault> {
    for reporter in reports::reporters_of(work.conn(), case.id).await? {
        if !reporter.silent {
            let values = values.clone();
            tell_phone(work, &reporter.msisdn, case.id, template, values, what).await?;
        }
    }
    Ok(())
}

/// As [`tell_reporter`], to the phone that this very report came from and to no other.
pub(super) async fn tell_own_reporter(
    work: &mut Work,
    case: &Case,
    template: &'static str,
    values: Values,
    what: &str,
) -> Result<(), Fault> {
    if case.silent {
        return Ok(());
    }
    tell_phone(work, &case.msisdn, case.id, template, values, what).await
}

async fn tell_phone(
    work: &mut Work,
    to: &Msisdn,
    case: EmergencyId,
    template: &'static str,
    values: Values,
    what: &str,
) -> Result<(), Fault> {
    let known = members::caller_language(work.conn(), to).await?;
    let language = known.unwrap_or(Language::ENGLISH);
    tell(work, to, language, template, values, case, what).await
}
