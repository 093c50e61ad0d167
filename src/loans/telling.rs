//! What the deeds say to borrowers and guarantors. The words stand in `messages/loans.xml`.

use uuid::Uuid;

use super::model::LoanId;
use super::reading::standing_of;
use crate::fault::Fault;
use crate::members::{self, Member, MemberId};
use crate::messages::{self, Class, Message, Values};
use crate::work::Work;

/// One message of a kind about a loan, ever: `once` names it.
pub(super) async fn tell(
    work: &mut Work,
    member: Uuid,
    loan: LoanId,
    template: &'static str,
    values: Values,
    once: &str,
) -> Result<(), Fault> {
    let member = somebody(work, member).await?;
    let message = Message {
        key: Some(format!("loan:{loan}:{}:{template}:{once}", member.id)),
        about: Some(loan.0),
        ..Message::new(
            member.msisdn,
            member.language,
            Class::Money,
            template,
            values,
        )
    };
    messages::send(work, message).await?;
    Ok(())
}

pub(super) async fn somebody(work: &mut Work, member: Uuid) -> Result<Member, Fault> {
    members::load(work.conn(), MemberId(member))
        .await?
        .ok_or_else(|| Fault::broken(format!("member {member} of a loan has gone")))
}

/// Instalments in one message.
const IN_ONE: usize = 6;

/// Sends a member what of the loan is still to be paid and when, a few instalments a message. False when no loan runs.
/// `once` names the request.
pub async fn send_schedule(work: &mut Work, member: Uuid, once: &str) -> Result<bool, Fault> {
    let now = work.now;
    let standing = standing_of(work.conn(), member, now).await?;
    let Some((loan, running)) = standing.and_then(|one| Some((one.loan, one.running?))) else {
        return Ok(false);
    };
    let open: Vec<String> = running
        .book
        .instalments
        .iter()
        .filter(|one| running.book.asks(one))
        .map(|one| format!("{} {}", one.due_on.format("%-d/%-m"), one.open()))
        .collect();
    for (place, part) in open.chunks(IN_ONE).enumerate() {
        let values = Values::new()
            .code("number", loan.number.to_string())
            .words("instalments", part.join("; "));
        let once = format!("{once}:{place}");
        tell(work, member, loan.id, "loan.schedule", values, &once).await?;
    }
    Ok(true)
}

/// `Juma O.`: enough to know somebody by, at most fourteen characters.
pub fn short_name(member: &Member) -> String {
    let first: String = member.first_name.as_str().chars().take(11).collect();
    match member.last_name.as_str().chars().next() {
        Some(initial) => format!("{first} {initial}."),
        None => first,
    }
}
