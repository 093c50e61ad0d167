//! A member moves to another number. The phone we know is told at once and can stop it; then everything moves in one transaction.

use serde::Serialize;
use tracing::{error, info};
use uuid::Uuid;

use super::may_be_asked;
use super::rules::{AskedFrom, CONFIRMED_WITHIN};
use super::store::phone as store;
use super::store::phone::{Change, New};
use crate::emergencies;
use crate::events::Event;
use crate::fault::Fault;
use crate::members::{self, ChangePhoneError, Member, MemberId, Who};
use crate::messages::{self, Class, Message, Values};
use crate::primitives::{Language, Msisdn, StaffName};
use crate::questions::{self, Question};
use crate::work::Work;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ChangeId(pub Uuid);

/// What a change of phone waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeAsked {
    /// The end of its cooling-off, in so many hours.
    Cooling { hours: i64 },
    /// A word from the new phone, or from a second of the staff.
    ToBeConfirmed,
}

/// Where a change of phone is to lead.
#[derive(Clone, Debug)]
pub struct Moving {
    /// The same key again is the same request.
    pub key: String,
    pub to: Msisdn,
    pub from: AskedFrom,
    /// Who of the staff asks, where staff do.
    pub by: Option<StaffName>,
}

/// Why a phone is not changed.
#[derive(Debug, thiserror::Error)]
pub enum AskChangeError {
    #[error("the number belongs to a member, or is being given to one")]
    Taken,
    #[error("another change of this member's phone is on its way")]
    AlreadyAsked,
    #[error("the new phone has another question of ours to answer first")]
    NotNow,
    #[error("it takes two different people of the staff")]
    SamePerson,
    #[error(transparent)]
    Fault(#[from] Fault),
}

#[derive(Serialize)]
struct PhoneChangeAsked {
    member: MemberId,
    change: ChangeId,
    from: &'static str,
}

impl Event for PhoneChangeAsked {
    const NAME: &'static str = "phone_change.asked";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

/// Whoever holds the phone we know did not ask.
#[derive(Serialize)]
pub(super) struct Stopping {
    pub member: MemberId,
}

impl Event for Stopping {
    const NAME: &'static str = "recovery.stopped";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

/// Begins a change of phone and tells the phone we know. Who proves to be the member from the new phone cools off from now on;
/// from the old phone the new one has to answer first; at the desk a second of the staff has to.
pub async fn ask_change(
    work: &mut Work,
    member: &Member,
    moving: Moving,
) -> Result<ChangeAsked, AskChangeError> {
    let now = work.now;
    store::expire(work.conn(), member.id, &moving.to, now).await?;
    if member.msisdn == moving.to
        || members::find(work.conn(), &Who::Phone(moving.to.clone()))
            .await?
            .is_some()
    {
        return Err(AskChangeError::Taken);
    }
    if moving.from == AskedFrom::OldPhone && !may_be_asked(work, &moving.to).await? {
        return Err(AskChangeError::NotNow);
    }
    let change = ChangeId(Uuid::now_v7());
    let cools_at_once = moving.from == AskedFrom::NewPhone;
    let due_at = cools_at_once.then(|| now + moving.from.cools_for());
    let new = New {
        id: change,
        member: member.id,
        old: &member.msisdn,
        moving: &moving,
        now,
        expires_at: now + CONFIRMED_WITHIN,
        due_at,
    };
    if !store::insert(work.conn(), &new).await? {
        return Err(AskChangeError::AlreadyAsked);
    }
    work.record(PhoneChangeAsked {
        member: member.id,
        change,
        from: moving.from.as_str(),
    })
    .await?;
    tell_old(work, member, change, &moving.to, moving.from).await?;
    if moving.from == AskedFrom::OldPhone {
        let question = Question::IsYourNumber { change: change.0 };
        questions::ask(work, &moving.to, question, CONFIRMED_WITHIN).await?;
        let values = Values::new().words("name", member.first_name.as_str());
        let to = (&moving.to, member.language);
        let once = format!("phone_change:{}:is_yours", change.0);
        tell(work, to, "recovery.is_your_number", values, once).await?;
    }
    Ok(match cools_at_once {
        true => ChangeAsked::Cooling {
            hours: moving.from.cools_for().num_hours(),
        },
        false => ChangeAsked::ToBeConfirmed,
    })
}

/// One of the staff has seen the member: the first asks, the second, who is another one, lets it cool off.
pub async fn second_by_staff(
    work: &mut Work,
    member: &Member,
    to: &Msisdn,
    name: &StaffName,
) -> Result<ChangeAsked, AskChangeError> {
    let now = work.now;
    let waiting = store::lock_asked_by_staff(work.conn(), member.id, to, now).await?;
    let Some((change, first_by)) = waiting else {
        let moving = Moving {
            key: format!("staff:{}", Uuid::now_v7()),
            to: to.clone(),
            from: AskedFrom::Staff,
            by: Some(name.clone()),
        };
        return ask_change(work, member, moving).await;
    };
    if first_by == name.as_str() {
        return Err(AskChangeError::SamePerson);
    }
    let due_at = now + AskedFrom::Staff.cools_for();
    store::confirm(work.conn(), change, Some(name.as_str()), due_at).await?;
    Ok(ChangeAsked::Cooling {
        hours: AskedFrom::Staff.cools_for().num_hours(),
    })
}

/// The new phone says whether the change is its owner's wish. False when nothing waits for that any more.
pub async fn confirm_change(
    work: &mut Work,
    change: ChangeId,
    phone: &Msisdn,
    says_yes: bool,
) -> Result<bool, Fault> {
    let now = work.now;
    if !store::lock_asked(work.conn(), change, phone, now).await? {
        return Ok(false);
    }
    match says_yes {
        true => {
            let due_at = now + AskedFrom::OldPhone.cools_for();
            store::confirm(work.conn(), change, None, due_at).await?;
        }
        false => store::end(work.conn(), change, "stopped", now).await?,
    }
    Ok(true)
}

/// Makes the change whose cooling-off is over, the one due longest. False when there is none. What a crash leaves undone the
/// next call finds again; done twice it cannot be, since it is then no longer cooling.
pub async fn move_next(work: &mut Work) -> Result<bool, Fault> {
    let now = work.now;
    let Some(change) = store::lock_due(work.conn(), now).await? else {
        return Ok(false);
    };
    let Change {
        id,
        member,
        old,
        new,
    } = change;
    let before = match members::change_phone(work, member, &new).await {
        Ok(before) => before,
        Err(ChangePhoneError::Fault(fault)) => return Err(fault),
        Err(ChangePhoneError::Taken) => {
            store::end(work.conn(), id, "taken", now).await?;
            let known = members::caller_language(work.conn(), &old).await?;
            let to = (&old, known.unwrap_or(Language::ENGLISH));
            let once = format!("phone_change:{}:taken", id.0);
            tell(work, to, "recovery.number_taken", Values::new(), once).await?;
            return Ok(true);
        }
        Err(ChangePhoneError::NotFound) => {
            error!(change.id = %id.0, "A phone is to be changed of a member who has gone");
            store::end(work.conn(), id, "stopped", now).await?;
            return Ok(true);
        }
    };
    store::end(work.conn(), id, "done", now).await?;
    emergencies::move_phone(work, &old, &new).await?;
    if messages::is_opted_out(work.conn(), &old).await? {
        messages::opt_out(work.conn(), &new, now, "moved from the old number").await?;
    }
    for (phone, template) in [(&old, "recovery.moved_away"), (&new, "recovery.moved_here")] {
        let values = Values::new().code("ending", ending(&new));
        let once = format!("phone_change:{}:{template}", id.0);
        tell(work, (phone, before.language), template, values, once).await?;
    }
    info!(target: "security", { member.id = %member }, "A member moved to another number");
    Ok(true)
}

async fn tell_old(
    work: &mut Work,
    member: &Member,
    change: ChangeId,
    to: &Msisdn,
    from: AskedFrom,
) -> Result<(), Fault> {
    let hours = u32::try_from(from.cools_for().num_hours()).unwrap_or(1);
    let values = Values::new()
        .code("ending", ending(to))
        .count("hours", hours);
    let once = format!("phone_change:{}:asked", change.0);
    let phone = (&member.msisdn, member.language);
    tell(work, phone, "recovery.phone_asked", values, once).await
}

/// `07..345`: enough for its owner to know it by.
fn ending(phone: &Msisdn) -> String {
    let national = phone.national();
    let last = &national[national.len().saturating_sub(3)..];
    format!("07..{last}")
}

async fn tell(
    work: &mut Work,
    to: (&Msisdn, Language),
    template: &'static str,
    values: Values,
    once: String,
) -> Result<(), Fault> {
    let message = Message {
        key: Some(once),
        ..Message::new(to.0.clone(), to.1, Class::Service, template, values)
    };
    messages::send(work, message).await?;
    Ok(())
}
