//! What staff decide about an applicant, and what the applicant hears of it.

use crate::app::App;
use crate::fault::Fault;
use crate::members::{
    self, ApproveError, Approved, Fee, Member, Reason, RefuseError, Refused, StatusWord, Who,
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
        "refused",
    )
    .await?;
    Ok(refused)
}

/// Gives new members their numbers, after the commit and without gaps, and welcomes them.
pub async fn number_members(app: App) -> Result<(), Fault> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
    for (id, number) in members::number_pending(&mut work).await? {
        let member = the_member(&mut work, id).await?;
        tell(
            &mut work,
            &member,
            "member.welcome",
            Values::new().code("number", number.to_string()),
            "welcome",
        )
        .await?;
    }
    work.commit().await
}

async fn the_member(work: &mut Work, id: members::MemberId) -> Result<Member, Fault> {
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
