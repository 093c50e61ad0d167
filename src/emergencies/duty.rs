//! The duty of coordinators as they tell it by phone, and what others hear of it.

use super::alerting::{Recipient, alert};
use super::model::Rung;
use super::store::{answers, cases};
use crate::fault::Fault;
use crate::members::{self, Member, MemberId, NoSwap, Role, StageRole, WentOff, Who};
use crate::messages::{self, Class, Message, Values};
use crate::primitives::Msisdn;
use crate::stages;
use crate::work::Work;

/// What came of `ON` or `OFF`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duty {
    /// The phone is no coordinator's.
    NotTheirs,
    /// On duty at this stage, and perhaps others. Its open cases are before them now.
    On { stage: String, open: usize },
    /// Off duty; so many are left at the stage.
    Off { stage: String, left: usize },
    /// They are the last at this stage and still on duty: said again, they go off.
    Last { stage: String },
}

/// What came of `SWAP`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwapAsked {
    Asked { name: String, stage: String },
    Refused(NoSwap),
}

/// What came of an answer to somebody's `SWAP`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwapAnswer {
    /// Who had asked.
    pub name: String,
    pub stage: String,
    pub agreed: bool,
}

/// Puts this phone's member on duty wherever they are a coordinator, and the open cases there before them.
pub async fn go_on_duty(work: &mut Work, who: &Msisdn) -> Result<Duty, Fault> {
    let roles = coordinating(work, who).await?;
    let Some(first) = roles.first().cloned() else {
        return Ok(Duty::NotTheirs);
    };
    for role in &roles {
        members::go_on_duty(work, role.member, role.stage).await?;
    }
    let member = of(work, first.member).await?;
    let stages: Vec<_> = roles.iter().map(|role| role.stage).collect();
    let open = answers::open_for(work.conn(), who, &stages).await?;
    let me = Recipient {
        msisdn: who.clone(),
        language: member.language,
        name: Some(member.first_name.as_str().to_owned()),
        member: Some(member.id.0),
    };
    for case in open.iter().filter(|case| !case.asked && !case.on_it) {
        if let Some(case) = cases::lock(work.conn(), case.id).await? {
            let reporter = members::at_dial(work.conn(), &case.msisdn).await?;
            let only_me = std::slice::from_ref(&me);
            alert(work, &case, Rung::Stage, only_me, &reporter).await?;
        }
    }
    Ok(Duty::On {
        stage: first.stage_name,
        open: open.len(),
    })
}

/// Takes this phone's member off duty everywhere. Where they are the last one they are warned first.
pub async fn go_off_duty(work: &mut Work, who: &Msisdn, even_if_last: bool) -> Result<Duty, Fault> {
    let mut gone = Duty::NotTheirs;
    for role in coordinating(work, who).await? {
        let stage = role.stage_name;
        match members::go_off_duty(work, role.member, role.stage, even_if_last).await? {
            WentOff::IsLast => return Ok(Duty::Last { stage }),
            WentOff::Off { left } => gone = Duty::Off { stage, left },
            WentOff::WasOff => {
                if gone == Duty::NotTheirs {
                    let left =
                        members::officers_on_duty(work.conn(), role.stage, Role::Coordinator)
                            .await?
                            .len();
                    gone = Duty::Off { stage, left };
                }
            }
        }
    }
    Ok(gone)
}

/// Asks another coordinator of the stage, by SMS, to take over.
pub async fn ask_swap(work: &mut Work, who: &Msisdn, to: &Msisdn) -> Result<SwapAsked, Fault> {
    let swap = match members::ask_swap(work, who, to).await? {
        Ok(swap) => swap,
        Err(no) => return Ok(SwapAsked::Refused(no)),
    };
    let (asker, other) = (of(work, swap.from).await?, of(work, swap.to).await?);
    let values = Values::new()
        .words("name", asker.first_name.as_str())
        .code("phone", asker.msisdn.national())
        .words("stage", &swap.stage_name);
    let key = format!("duty_swap:{}:asked", swap.id);
    say(work, &other, "duty.swap_asked", values, key).await?;
    Ok(SwapAsked::Asked {
        name: other.first_name.as_str().to_owned(),
        stage: swap.stage_name,
    })
}

/// Yes or no to whoever asked this phone to take over last; they hear it. None when nobody has.
pub async fn answer_swap(
    work: &mut Work,
    who: &Msisdn,
    agreed: bool,
) -> Result<Option<SwapAnswer>, Fault> {
    let now = work.now;
    let Some(swap) = members::swap_asked_of(work.conn(), who, now).await? else {
        return Ok(None);
    };
    if !members::answer_swap(work, &swap, agreed).await? {
        return Ok(None);
    }
    let (asker, other) = (of(work, swap.from).await?, of(work, swap.to).await?);
    let values = Values::new()
        .words("name", other.first_name.as_str())
        .words("stage", &swap.stage_name);
    let template = match agreed {
        true => "duty.swap_agreed",
        false => "duty.swap_refused",
    };
    let key = format!("duty_swap:{}:answered", swap.id);
    say(work, &asker, template, values, key).await?;
    Ok(Some(SwapAnswer {
        name: asker.first_name.as_str().to_owned(),
        stage: swap.stage_name,
        agreed,
    }))
}

/// Tells the officials of each stage where a time without anybody on duty has begun, once for each such time.
pub async fn warn_of_gaps(work: &mut Work) -> Result<(), Fault> {
    let at = work.now.timestamp();
    for stage in members::note_gaps(work).await? {
        let name = stages::find(work.conn(), stage)
            .await?
            .map(|stage| stage.name)
            .unwrap_or_default();
        tracing::warn!(stage = stage.0, "Nobody is on duty at a stage");
        for official in members::officers_on_duty(work.conn(), stage, Role::Official).await? {
            let message = Message {
                key: Some(format!("duty_gap:{}:{at}:{}", stage.0, official.id)),
                ..Message::new(
                    official.msisdn,
                    official.language,
                    Class::Service,
                    "duty.gap",
                    Values::new().words("stage", &name),
                )
            };
            messages::send(work, message).await?;
        }
    }
    Ok(())
}

async fn coordinating(work: &mut Work, who: &Msisdn) -> Result<Vec<StageRole>, Fault> {
    let mut roles = members::roles_of(work.conn(), who).await?;
    roles.retain(|role| role.role == Role::Coordinator);
    Ok(roles)
}

async fn of(work: &mut Work, member: MemberId) -> Result<Member, Fault> {
    members::find(work.conn(), &Who::Id(member))
        .await?
        .ok_or_else(|| Fault::broken(format!("member {member} serves a stage and is gone")))
}

async fn say(
    work: &mut Work,
    to: &Member,
    template: &'static str,
    values: Values,
    key: String,
) -> Result<(), Fault> {
    let message = Message {
        key: Some(key),
        ..Message::new(
            to.msisdn.clone(),
            to.language,
            Class::Service,
            template,
            values,
        )
    };
    messages::send(work, message).await?;
    Ok(())
}
