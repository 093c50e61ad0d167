//! Getting back in, on the phone.

use super::Performer;
use crate::conversation::deeds::{self, Claim as Claimed};
use crate::conversation::intent::{ChosenPin, Claiming, Recovering};
use crate::fault::Fault;
use crate::members::{self, Member, MemberNumber};
use crate::menu::Outcome;
use crate::primitives::Msisdn;
use crate::recovery::{
    self, AnswerError, AskChangeError, AskResetError, AskedFrom, ChangeAsked, Claim, Moving, Proof,
    ResetId, Verdict, Voice,
};
use crate::work::{Actor, Work};

pub(super) async fn act(
    hands: &Performer<'_>,
    work: &mut Work,
    asked: Recovering,
    key: &str,
) -> Result<Outcome, Fault> {
    match asked {
        Recovering::AskNewPin => ask_new_pin(hands, work, key).await,
        Recovering::ChooseNewPin { chosen, .. } => choose_new_pin(hands, work, chosen).await,
        Recovering::AnswerPinRequest { reset, says_yes } => {
            answer_request(hands, work, reset, says_yes).await
        }
        Recovering::MoveTo(to) => move_to(hands, work, to, key).await,
    }
}

async fn ask_new_pin(hands: &Performer<'_>, work: &mut Work, key: &str) -> Result<Outcome, Fault> {
    let member = caller(hands, work).await?;
    Ok(match recovery::ask_reset(work, &member, key).await {
        Ok(_) => Outcome::new("asked"),
        Err(AskResetError::AlreadyAsked | AskResetError::AlreadyGranted) => {
            Outcome::new("already_asked")
        }
        Err(AskResetError::NobodyToAsk) => Outcome::new("nobody"),
        Err(AskResetError::TooOften) => Outcome::new("too_often"),
        Err(AskResetError::Fault(fault)) => return Err(fault),
    })
}

async fn choose_new_pin(
    hands: &Performer<'_>,
    work: &mut Work,
    chosen: ChosenPin,
) -> Result<Outcome, Fault> {
    let member = caller(hands, work).await?;
    if chosen.owner != member.id {
        return Err(Fault::broken("a PIN was chosen for somebody else"));
    }
    Ok(
        match recovery::use_reset(work, member.id, &chosen.verifier).await? {
            true => Outcome::new("changed"),
            false => Outcome::new("not_granted"),
        },
    )
}

/// Asked again at this moment: somebody dismissed since the session opened speaks for no stage, and an official speaks for
/// their own alone.
async fn answer_request(
    hands: &Performer<'_>,
    work: &mut Work,
    reset: ResetId,
    says_yes: bool,
) -> Result<Outcome, Fault> {
    let Some(official) = members::official(work.conn(), &hands.turn.msisdn).await? else {
        return Ok(Outcome::new("not_official"));
    };
    let (id, now) = (official.officer.id, work.now);
    let waiting = recovery::waiting_for(work.conn(), id, official.stage, now).await?;
    if !waiting.iter().any(|one| one.reset == reset) {
        return Ok(Outcome::new("gone"));
    }
    Ok(
        match recovery::answer_reset(work, reset, &Voice::Official(id), says_yes).await {
            Ok(Verdict::Waiting) => Outcome::new("waiting"),
            Ok(Verdict::Granted) => Outcome::new("granted"),
            Ok(Verdict::Refused) => Outcome::new("refused"),
            Err(AnswerError::Gone | AnswerError::SamePerson | AnswerError::Oneself) => {
                Outcome::new("gone")
            }
            Err(AnswerError::Fault(fault)) => return Err(fault),
        },
    )
}

async fn move_to(
    hands: &Performer<'_>,
    work: &mut Work,
    to: Msisdn,
    key: &str,
) -> Result<Outcome, Fault> {
    let member = caller(hands, work).await?;
    let moving = Moving {
        key: key.to_owned(),
        to,
        from: AskedFrom::OldPhone,
        by: None,
    };
    Ok(match recovery::ask_change(work, &member, moving).await {
        Ok(_) => Outcome::new("asked"),
        Err(AskChangeError::Taken) => Outcome::new("taken"),
        Err(AskChangeError::AlreadyAsked | AskChangeError::SamePerson) => {
            Outcome::new("already_asked")
        }
        Err(AskChangeError::NotNow) => Outcome::new("not_now"),
        Err(AskChangeError::Fault(fault)) => return Err(fault),
    })
}

/// Somebody on a number nobody knows says who they are. The tries are counted whatever becomes of the deed.
pub(super) async fn claim(
    hands: &Performer<'_>,
    claiming: Claiming,
    name: &'static str,
    step: u16,
) -> Result<Outcome, Fault> {
    let (app, turn) = (hands.app, hands.turn);
    let now = app.clock.now();
    let Ok(number) = MemberNumber::parse(&claiming.number) else {
        return hands.note(name, step, Outcome::new("wrong")).await;
    };
    let claim = Claim {
        from: turn.msisdn.clone(),
        number,
        card: claiming.card,
        pin: claiming.pin,
    };
    let proof = recovery::prove(&app.pool, &app.member_keys, &app.pins, claim, now).await?;
    let id = match proof {
        Proof::It(id) => id,
        Proof::Wrong => return hands.note(name, step, Outcome::new("wrong")).await,
        Proof::TooMany => return hands.note(name, step, Outcome::new("too_many")).await,
        Proof::Busy => return hands.note(name, step, Outcome::new("busy")).await,
    };
    let mut work = Work::begin(&app.pool, now, Actor::Member { id: id.0 }).await?;
    if let Claimed::Done(outcome) =
        deeds::claim(&mut work, &turn.session, step, &turn.msisdn, name).await?
    {
        return Ok(outcome);
    }
    let member = members::load(work.conn(), id)
        .await?
        .ok_or_else(|| Fault::broken(format!("member {id} has gone")))?;
    let moving = Moving {
        key: format!("{}:{step}", turn.session.as_str()),
        to: turn.msisdn.clone(),
        from: AskedFrom::NewPhone,
        by: None,
    };
    let outcome = match recovery::ask_change(&mut work, &member, moving).await {
        Ok(ChangeAsked::Cooling { hours }) => Outcome::new("asked")
            .value("their_name", member.first_name.as_str())
            .value("hours", hours),
        Ok(ChangeAsked::ToBeConfirmed) => {
            return Err(Fault::broken("a claim waits for a confirmation"));
        }
        Err(AskChangeError::Taken) => Outcome::new("taken"),
        Err(AskChangeError::AlreadyAsked | AskChangeError::NotNow | AskChangeError::SamePerson) => {
            Outcome::new("already_asked")
        }
        Err(AskChangeError::Fault(fault)) => return Err(fault),
    };
    deeds::keep(&mut work, &turn.session, step, &outcome).await?;
    work.commit().await?;
    Ok(outcome)
}

/// The member as of this moment, found by the phone: who moved away since the session opened is nobody here.
async fn caller(hands: &Performer<'_>, work: &mut Work) -> Result<Member, Fault> {
    let id = hands.member()?.id;
    let member = members::load(work.conn(), id).await?;
    member
        .filter(|member| member.msisdn == hands.turn.msisdn)
        .ok_or_else(|| Fault::broken(format!("member {id} is not on this phone any more")))
}
