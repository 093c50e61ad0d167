//! Becoming a member on the phone.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Performer;
use crate::conversation::intent::{ChosenPin, Joining};
use crate::fault::Fault;
use crate::members::{
    self, AtDial, Consent, DeskError, Join, JoinError, MemberId, Name, NationalId, PinOwner,
    StrongPin,
};
use crate::menu::Outcome;
use crate::messages::{self, Class, Message, Values};
use crate::payments::{self, Purpose, Request, RequestError, Requested};
use crate::primitives::Secret;
use crate::stages::{self, StageCode};
use crate::work::Work;

pub(super) fn check_names(names: &str) -> Outcome {
    Outcome::new(if two_names(names).is_some() {
        "understood"
    } else {
        "incomplete"
    })
}

pub(super) fn check_kin_name(name: &str) -> Outcome {
    Outcome::new(if Name::parse(name).is_ok() {
        "understood"
    } else {
        "unclear"
    })
}

/// The first word is the first name, the rest the last.
fn two_names(names: &str) -> Option<(Name, Name)> {
    let (first, last) = names.trim().split_once(char::is_whitespace)?;
    Some((Name::parse(first).ok()?, Name::parse(last).ok()?))
}

pub(super) async fn check_national_id(
    hands: &Performer<'_>,
    id: &NationalId,
) -> Result<Outcome, Fault> {
    let mut conn = hands.app.pool.acquire().await?;
    let taken = members::is_national_id_taken(
        &mut conn,
        &hands.app.member_keys,
        id,
        hands.caller.member.as_ref().map(|member| member.id),
    )
    .await?;
    Ok(Outcome::new(if taken { "taken" } else { "free" }))
}

pub(super) async fn find_stage(hands: &Performer<'_>, code: &StageCode) -> Result<Outcome, Fault> {
    let mut conn = hands.app.pool.acquire().await?;
    Ok(match stages::find_by_code(&mut conn, code).await? {
        Some(stage) => Outcome::new("found").value("their_stage", stage.name),
        None => Outcome::new("unknown"),
    })
}

/// The PIN goes no further than here: what is kept is a verifier, good for one owner.
pub(super) async fn choose_pin(
    hands: &Performer<'_>,
    national_id: Option<NationalId>,
    pin: Secret,
) -> Result<Outcome, Fault> {
    let (owner, known) = match &hands.caller.member {
        Some(member) => {
            let mut conn = hands.app.pool.acquire().await?;
            let known = members::pin_owner(&mut conn, &hands.app.member_keys, member.id).await?;
            (
                member.id,
                known.ok_or_else(|| Fault::broken(format!("member {} has gone", member.id)))?,
            )
        }
        None => {
            let nobody_yet = PinOwner {
                msisdn: hands.turn.msisdn.clone(),
                national_id,
                birth_date: None,
            };
            (MemberId(Uuid::now_v7()), nobody_yet)
        }
    };
    let Ok(strong) = StrongPin::choose(pin, &known) else {
        return Ok(Outcome::new("weak"));
    };
    match hands.app.pins.make(owner, strong).await {
        Ok(verifier) => Ok(Outcome::new("accepted")
            .value("pin_owner", owner)
            .value("pin_verifier", verifier.as_str())),
        Err(DeskError::Busy) => Ok(Outcome::new("busy")),
        Err(DeskError::Fault(fault)) => Err(fault),
    }
}

pub(super) async fn repeat_pin(
    hands: &Performer<'_>,
    chosen: ChosenPin,
    pin: Secret,
) -> Result<Outcome, Fault> {
    match hands
        .app
        .pins
        .verify(chosen.owner, Some(chosen.verifier), pin)
        .await
    {
        Ok(true) => Ok(Outcome::new("same")),
        Ok(false) => Ok(Outcome::new("different")),
        Err(DeskError::Busy) => Ok(Outcome::new("busy")),
        Err(DeskError::Fault(fault)) => Err(fault),
    }
}

pub(super) async fn join(
    hands: &Performer<'_>,
    work: &mut Work,
    asked: Joining,
    key: String,
) -> Result<Outcome, Fault> {
    let app = hands.app;
    let (first_name, last_name) = two_names(&asked.names)
        .ok_or_else(|| Fault::broken("names that were understood no longer are"))?;
    let stage = stages::find_by_code(work.conn(), &asked.stage)
        .await?
        .ok_or_else(|| Fault::broken("a stage that was found is gone"))?;
    let language = match members::caller_language(work.conn(), &hands.turn.msisdn).await? {
        Some(chosen) => chosen,
        None => hands.menus.default_language(),
    };
    let joined = members::join(
        work,
        &app.member_keys,
        Join {
            id: asked.chosen.owner,
            key: key.clone(),
            msisdn: hands.turn.msisdn.clone(),
            language,
            first_name: first_name.clone(),
            last_name,
            national_id: asked.national_id,
            birth_date: None,
            stage: stage.id,
            kin: asked.kin,
            pin_verifier: asked.chosen.verifier,
            consent: Consent {
                version: asked.consent,
                channel: "ussd".to_owned(),
                session: hands.turn.session.as_str().to_owned(),
            },
        },
    )
    .await;
    let member = match joined {
        Ok(joined) => joined.id,
        Err(JoinError::AlreadyMember) => return Ok(Outcome::new("already_member")),
        Err(JoinError::NationalIdTaken) => return Ok(Outcome::new("id_taken")),
        Err(JoinError::Fault(fault)) => return Err(fault),
    };
    let message = Message {
        to: hands.turn.msisdn.clone(),
        language,
        class: Class::Service,
        template: "joining.received",
        values: Values::new()
            .words("name", first_name.as_str())
            .words("stage", &stage.name)
            .money("fee", app.config.fees.registration),
        key: Some(format!("joined:{key}")),
        about: Some(member.0),
        not_before: None,
        not_after: None,
    };
    messages::send(work, message).await?;
    match request_fee(hands, work, member, language, key).await? {
        Ok(_) | Err(RequestError::AlreadyAsked { .. } | RequestError::JustAsked { .. }) => {
            Ok(Outcome::new("joined"))
        }
        Err(refusal) => Err(Fault::broken(format!(
            "the registration fee cannot be asked for: {refusal}"
        ))),
    }
}

pub(super) async fn pay_fee(
    hands: &Performer<'_>,
    work: &mut Work,
    key: String,
) -> Result<Outcome, Fault> {
    // Asked again here: the fee may have been paid since the session opened.
    let AtDial::Member(member) = members::at_dial(work.conn(), &hands.turn.msisdn).await? else {
        return Ok(Outcome::new("nothing_due"));
    };
    if member.fee_paid {
        return Ok(Outcome::new("nothing_due"));
    }
    match request_fee(hands, work, member.id, member.language, key).await? {
        Ok(requested) => Ok(asked(work.now, requested)),
        Err(RequestError::JustAsked { amount, .. }) => {
            Ok(Outcome::new("just_asked").value("asked", amount.as_decimal()))
        }
        Err(RequestError::AlreadyAsked { amount }) => {
            Ok(Outcome::new("already_asked").value("asked", amount.as_decimal()))
        }
        Err(refusal) => Err(Fault::broken(format!(
            "the registration fee cannot be asked for: {refusal}"
        ))),
    }
}

/// A prompt that leaves within seconds, or one that has to keep its distance from the last.
pub(super) fn asked(now: DateTime<Utc>, requested: Requested) -> Outcome {
    Outcome::new(if requested.comes_at_once(now) {
        "accepted"
    } else {
        "accepted_later"
    })
}

async fn request_fee(
    hands: &Performer<'_>,
    work: &mut Work,
    member: MemberId,
    language: crate::primitives::Language,
    key: String,
) -> Result<Result<Requested, RequestError>, Fault> {
    let request = Request {
        key,
        purpose: Purpose::RegistrationFee { member: member.0 },
        amount: hands.app.config.fees.registration,
        payer: hands.turn.msisdn.clone(),
        language,
        ussd_session: Some(hands.turn.session.as_str().to_owned()),
    };
    match payments::request(work, &hands.app.payment_rules, request).await {
        Ok(requested) => Ok(Ok(requested)),
        Err(RequestError::Fault(fault)) => Err(fault),
        Err(refusal) => Ok(Err(refusal)),
    }
}
