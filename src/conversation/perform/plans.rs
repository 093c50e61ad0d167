//! Due days, forgiveness and preferences on the phone.

use uuid::Uuid;

use super::Performer;
use crate::conversation::intent::Planning;
use crate::fault::Fault;
use crate::members::{self, AtDial, DialledMember, MemberId, StageOfficial, StatusWord, Who};
use crate::menu::Outcome;
use crate::messages::{self, Class, Kind, Message, Values};
use crate::primitives::nairobi_date;
use crate::schedules::{self, Channel, Choice, Mode, ModeError};
use crate::welfare::{self, Because, Forgive, ForgiveError, Forgiven, Forgiver, Status};
use crate::work::Work;

pub(super) async fn act(
    hands: &Performer<'_>,
    work: &mut Work,
    asked: Planning,
    key: &str,
) -> Result<Outcome, Fault> {
    match asked {
        Planning::ChooseSchedule(mode) => choose(hands, work, mode, false, key).await,
        Planning::AgreeAutomatic => choose(hands, work, Mode::Push, true, key).await,
        Planning::ForgiveMember {
            debtor,
            amount,
            because,
        } => {
            let what = Forgiven::Amount(amount);
            forgive(hands, work, Some(debtor), what, because, key).await
        }
        Planning::ForgiveStage { because } => {
            let everything = welfare::everything(nairobi_date(work.now));
            forgive(hands, work, None, everything, because, key).await
        }
        Planning::ForgiveEach { amount, because } => {
            let what = Forgiven::Amount(amount);
            forgive(hands, work, None, what, because, key).await
        }
        Planning::SetPreference { kind, wanted } => set_preference(hands, work, kind, wanted).await,
    }
}

/// Takes the choice with the words that stood on the screen.
async fn choose(
    hands: &Performer<'_>,
    work: &mut Work,
    mode: Mode,
    with_pin: bool,
    key: &str,
) -> Result<Outcome, Fault> {
    let member = match members::at_dial(work.conn(), &hands.turn.msisdn).await? {
        // Whoever is on hold may still stop what they once agreed to.
        AtDial::Member(member) if member.status == StatusWord::Active || mode == Mode::Off => {
            *member
        }
        _ => return Ok(Outcome::new("not_active")),
    };
    let words = format!("consent.{}", mode.as_str());
    let choice = Choice {
        member: member.id.0,
        mode,
        words: hands.menus.phrase(&words, member.language).to_owned(),
        language: member.language,
        channel: Channel::Ussd,
        key: format!("ussd:{key}"),
        with_pin,
    };
    match schedules::choose(work, choice).await {
        Ok(_chosen) => {}
        Err(ModeError::Fault(fault)) => return Err(fault),
        Err(ModeError::NeedsPin) => return Ok(Outcome::new("not_active")),
    }
    let outcome = match mode {
        Mode::Off => "stopped",
        Mode::Remind => "reminds",
        Mode::Push => "agreed",
    };
    if mode == Mode::Push {
        let template = "schedule.agreed";
        tell(hands, work, &member, template, Values::new(), key).await?;
    }
    Ok(Outcome::new(outcome))
}

/// A member of the official's stage, and what they owe.
pub(super) async fn find_debtor(hands: &Performer<'_>, typed: &str) -> Result<Outcome, Fault> {
    let mut conn = hands.app.pool.acquire().await?;
    let Some(official) = members::official(&mut conn, &hands.turn.msisdn).await? else {
        return Ok(Outcome::new("not_official"));
    };
    let found = match Who::parse(typed) {
        Some(who) => members::find(&mut conn, &who).await?,
        None => None,
    };
    let Some(member) = found.filter(|member| member.stage == official.stage) else {
        return Ok(Outcome::new("nobody"));
    };
    if member.id == official.officer.id {
        return Ok(Outcome::new("oneself"));
    }
    let today = nairobi_date(hands.app.clock.now());
    let standing = welfare::standing_of(&mut conn, member.id.0, today).await?;
    let Some(Status::Behind { by, .. }) = standing.map(|standing| standing.status) else {
        return Ok(Outcome::new("owes_nothing"));
    };
    Ok(Outcome::new("found")
        .value("debtor_id", member.id.0)
        .value("their_name", super::wallet::short_name(&member))
        .value("their_arrears", by.as_decimal()))
}

async fn forgive(
    hands: &Performer<'_>,
    work: &mut Work,
    debtor: Option<MemberId>,
    what: Forgiven,
    because: Option<Because>,
    key: &str,
) -> Result<Outcome, Fault> {
    // Asked again, at the last moment.
    let official = members::official(work.conn(), &hands.turn.msisdn).await?;
    let Some(StageOfficial { officer, stage, .. }) = official else {
        return Ok(Outcome::new("not_official"));
    };
    let Some(because) = because else {
        return Ok(Outcome::new("not_possible"));
    };
    let asked = Forgive {
        id: Uuid::new_v5(&officer.id.0, format!("forgive {key}").as_bytes()),
        stage: stage.0,
        member: debtor.map(|debtor| debtor.0),
        what,
        because: because.clone(),
        by: Forgiver::Official(officer.id.0),
    };
    let forgave = match welfare::forgive(work, asked).await {
        Ok(forgave) => forgave,
        Err(ForgiveError::NothingOwed) => return Ok(Outcome::new("owes_nothing")),
        Err(ForgiveError::Oneself) => return Ok(Outcome::new("oneself")),
        Err(ForgiveError::OtherStage | ForgiveError::Amount) => {
            return Ok(Outcome::new("not_possible"));
        }
        Err(ForgiveError::Fault(fault)) => return Err(fault),
    };
    crate::fund_news::tell_forgiven(work, &forgave, &because).await?;
    Ok(Outcome::new("forgave")
        .value("people", forgave.members.len())
        .value("given", forgave.total().as_decimal()))
}

async fn set_preference(
    hands: &Performer<'_>,
    work: &mut Work,
    kind: Kind,
    wanted: bool,
) -> Result<Outcome, Fault> {
    messages::set_preference(work, &hands.turn.msisdn, kind, wanted).await?;
    Ok(Outcome::new("kept"))
}

async fn tell(
    hands: &Performer<'_>,
    work: &mut Work,
    member: &DialledMember,
    template: &'static str,
    values: Values,
    key: &str,
) -> Result<(), Fault> {
    let message = Message {
        key: Some(format!("{template}:{key}")),
        about: Some(member.id.0),
        ..Message::new(
            hands.turn.msisdn.clone(),
            member.language,
            Class::Money,
            template,
            values,
        )
    };
    messages::send(work, message).await?;
    Ok(())
}
