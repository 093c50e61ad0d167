//! Language, PIN and next of kin on the phone.

use chrono::{DateTime, Utc};

use super::Performer;
use crate::conversation::intent::ChosenPin;
use crate::emergencies;
use crate::fault::Fault;
use crate::members::{self, ChangePinError, DeskError, Helping, Kin, MemberId};
use crate::menu::Outcome;
use crate::messages::{self, Class, Message, Values};
use crate::primitives::{Language, Secret};
use crate::work::{Actor, Work};

pub(super) async fn choose_language(
    hands: &Performer<'_>,
    work: &mut Work,
    language: Language,
) -> Result<Outcome, Fault> {
    members::change_language(work, &hands.turn.msisdn, language).await?;
    Ok(Outcome::new("done").language(language))
}

/// After too many inputs that were not understood: how it works, by SMS.
pub(super) async fn send_help(hands: &Performer<'_>, work: &mut Work) -> Result<Outcome, Fault> {
    // Who is in trouble and cannot hit the keys needs no lesson in it.
    if emergencies::has_open(work.conn(), &hands.turn.msisdn).await? {
        return Ok(Outcome::new("done"));
    }
    let known = members::caller_language(work.conn(), &hands.turn.msisdn).await?;
    let language = known.unwrap_or_else(|| hands.menus.default_language());
    tell(
        hands,
        work,
        language,
        "help.misses",
        Values::new(),
        format!("help:{}", hands.turn.session.as_str()),
    )
    .await?;
    Ok(Outcome::new("done"))
}

/// The refusal when the PIN typed again is another one.
pub(super) async fn differs(
    hands: &Performer<'_>,
    chosen: &ChosenPin,
    pin: &Secret,
) -> Result<Option<Outcome>, Fault> {
    match hands
        .app
        .pins
        .verify(chosen.owner, Some(chosen.verifier.clone()), pin.clone())
        .await
    {
        Ok(true) => Ok(None),
        Ok(false) => Ok(Some(Outcome::new("different"))),
        Err(DeskError::Busy) => Ok(Some(Outcome::new("busy"))),
        Err(DeskError::Fault(fault)) => Err(fault),
    }
}

pub(super) async fn change_pin(
    hands: &Performer<'_>,
    work: &mut Work,
    chosen: ChosenPin,
) -> Result<Outcome, Fault> {
    let member = hands.member()?;
    let changed = members::change_pin(work, member.id, &chosen.verifier)
        .await
        .map_err(|refused| match refused {
            ChangePinError::NotFound => Fault::broken(format!("member {} has gone", member.id)),
            ChangePinError::Fault(fault) => fault,
        })?;
    // The rider hears of it even when it was somebody else's doing.
    tell(
        hands,
        work,
        changed.language,
        "pin.changed",
        Values::new(),
        format!("pin:{}", hands.turn.session.as_str()),
    )
    .await?;
    Ok(Outcome::new("changed"))
}

pub(super) async fn change_kin(
    hands: &Performer<'_>,
    work: &mut Work,
    kin: &Kin,
) -> Result<Outcome, Fault> {
    let member = hands.member()?;
    members::change_kin(work, member.id, kin).await?;
    let language = members::caller_language(work.conn(), &hands.turn.msisdn)
        .await?
        .unwrap_or_else(|| hands.menus.default_language());
    tell(
        hands,
        work,
        language,
        "kin.changed",
        Values::new().words("kin", kin.name.as_str()),
        format!("kin:{}", hands.turn.session.as_str()),
    )
    .await?;
    Ok(Outcome::new("changed"))
}

/// Somebody may be guessing: the rider hears of each lock once, on their own phone.
pub(super) async fn tell_of_lock(
    hands: &Performer<'_>,
    member: MemberId,
    until: DateTime<Utc>,
    minutes: i64,
) -> Result<(), Fault> {
    let app = hands.app;
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
    let known = members::caller_language(work.conn(), &hands.turn.msisdn).await?;
    let language = known.unwrap_or_else(|| hands.menus.default_language());
    let minutes = u32::try_from(minutes).unwrap_or(u32::MAX);
    let values = Values::new().count("minutes", minutes);
    let once = format!("pin_locked:{member}:{}", until.timestamp());
    tell(hands, &mut work, language, "pin.locked", values, once).await?;
    work.commit().await
}

pub(super) async fn offer_help(
    hands: &Performer<'_>,
    work: &mut Work,
    helping: Helping,
) -> Result<Outcome, Fault> {
    members::offer_help(work, hands.member()?.id, helping).await?;
    Ok(Outcome::new("kept")
        .condition("helps", helping != Helping::Never)
        .condition("helps_at_night", helping == Helping::Always))
}

async fn tell(
    hands: &Performer<'_>,
    work: &mut Work,
    language: Language,
    template: &'static str,
    values: Values,
    key: String,
) -> Result<(), Fault> {
    let message = Message {
        to: hands.turn.msisdn.clone(),
        language,
        class: Class::Service,
        template,
        values,
        key: Some(key),
        about: hands.caller.member.as_ref().map(|member| member.id.0),
        not_before: None,
        not_after: None,
    };
    messages::send(work, message).await?;
    Ok(())
}
