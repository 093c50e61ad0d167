//! What staff decide about an applicant, and what the applicant hears of it.

use crate::app::App;
use crate::fault::Fault;
use crate::members::{
    self, ApproveError, Approved, Fee, Member, MemberId, Reason, RefuseError, Refused, StatusWord,
    SuspendError, Who,
};
use crate::messages::{self, Class, Message, Values};
use crate::primitives::Money;
use crate::stages;
use crate::work::{Actor, Work};

/// Approves an applicant and tells them, in one transaction.
pub async fn approve(
    work: &mut Work,
    who: &Who,
    fee: Fee,
    fee_due: Money,
) -> Result<Approved, ApproveError> {
    let approved = members::approve(work, who, fee).await?;
    let member = the_member(work, approved.id).await?;
    let (template, values) = match approved.status {
        StatusWord::Active => ("member.approved", Values::new()),
        _ => ("joining.fee_pending", Values::new().money("fee", fee_due)),
    };
    tell(work, &member, template, values, "approved").await?;
    Ok(approved)
}

/// Refuses an applicant and tells them why.
pub async fn refuse(work: &mut Work, who: &Who, reason: Reason) -> Result<Refused, RefuseError> {
    let refused = members::refuse(work, who, reason).await?;
    let member = the_member(work, refused.id).await?;
    tell(
        work,
        &member,
        "joining.refused",
        Values::new().words("reason", refused.reason.as_str()),
        // Who asks again may be refused again.
        &format!("refused:{}", member.joined_at.timestamp()),
    )
    .await?;
    Ok(refused)
}

/// Takes a member's rights for a while, and tells them why.
pub async fn suspend(work: &mut Work, who: &Who, reason: Reason) -> Result<Member, SuspendError> {
    let member = members::suspend(work, who, reason.clone()).await?;
    let values = Values::new().words("reason", reason.as_str());
    tell_anew(work, &member, "member.suspended", values).await?;
    Ok(member)
}

/// Gives them back, and tells the member.
pub async fn reinstate(work: &mut Work, who: &Who) -> Result<Member, SuspendError> {
    let member = members::reinstate(work, who).await?;
    tell_anew(work, &member, "member.reinstated", Values::new()).await?;
    Ok(member)
}

/// Something that may happen to a member more than once.
async fn tell_anew(
    work: &mut Work,
    member: &Member,
    template: &'static str,
    values: Values,
) -> Result<(), Fault> {
    let values = values.words("name", member.first_name.as_str());
    let message = Message {
        about: Some(member.id.0),
        ..Message::new(
            member.msisdn.clone(),
            member.language,
            Class::Service,
            template,
            values,
        )
    };
    messages::send(work, message).await?;
    Ok(())
}

/// Gives new members their numbers, after the commit and without gaps, and welcomes them.
pub async fn number_members(app: App) -> Result<(), Fault> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
    for (id, _number) in members::number_pending(&mut work).await? {
        greet(&mut work, id).await?;
    }
    work.commit().await
}

/// Welcomes a member, once, as soon as both hold: the number is given and the fee is paid.
pub async fn greet(work: &mut Work, id: MemberId) -> Result<(), Fault> {
    let member = the_member(work, id).await?;
    match member.number {
        Some(number) if member.status.word() == StatusWord::Active => {
            let values = Values::new().code("number", number.to_string());
            tell(work, &member, "member.welcome", values, "welcome").await
        }
        _ => Ok(()),
    }
}

async fn the_member(work: &mut Work, id: MemberId) -> Result<Member, Fault> {
    members::load(work.conn(), id)
        .await?
        .ok_or_else(|| Fault::broken(format!("member {id} has gone")))
}

/// One message of a kind for each member, ever. Every one of them may name the member and the stage.
async fn tell(
    work: &mut Work,
    member: &Member,
    template: &'static str,
    values: Values,
    once: &str,
) -> Result<(), Fault> {
    let stage = stages::find(work.conn(), member.stage).await?;
    let values = values
        .words("name", member.first_name.as_str())
        .words("stage", stage.map(|stage| stage.name).unwrap_or_default());
    let message = Message {
        to: member.msisdn.clone(),
        language: member.language,
        class: Class::Service,
        template,
        values,
        key: Some(format!("member:{}:{once}", member.id)),
        about: Some(member.id.0),
        not_before: None,
        not_after: None,
    };
    messages::send(work, message).await?;
    Ok(())
}
