//! What people are told about a case: each thing once to each phone, ahead of everything else.

use super::model::{Case, EmergencyId};
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

/// Tells the reporter how their case goes on, in their language. The one way to them from those who answer.
pub(super) async fn tell_reporter(
    work: &mut Work,
    case: &Case,
    template: &'static str,
    values: Values,
    what: &str,
) -> Result<(), Fault> {
    let known = members::caller_language(work.conn(), &case.msisdn).await?;
    let language = known.unwrap_or(Language::ENGLISH);
    tell(
        work,
        &case.msisdn,
        language,
        template,
        values,
        case.id,
        what,
    )
    .await
}
