//! Member numbers, given after the approval has been committed.

use serde::Serialize;
use uuid::Uuid;

use crate::events::Event;
use crate::fault::Fault;
use crate::members::model::MemberId;
use crate::members::number::{MemberNumber, number_in_order, numbering_year};
use crate::members::store;
use crate::work::Work;

/// How many one call numbers at most; whoever gets a full batch calls again.
const BATCH: i64 = 500;

#[derive(Serialize)]
struct MemberNumbered {
    member: MemberId,
    number: MemberNumber,
}

impl Event for MemberNumbered {
    const NAME: &'static str = "member.numbered";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

/// Numbers whoever is approved and has no number yet, in the order of approval, and says whom.
///
/// A number taken inside the approval's own transaction would be lost with it, or would make approvals queue for each
/// other. Here one caller at a time hands them out; a batch that is not committed has not happened, and leaves no gap.
pub async fn number_pending(work: &mut Work) -> Result<Vec<(MemberId, MemberNumber)>, Fault> {
    store::lock_numbering(work.conn()).await?;
    let approved = store::lock_unnumbered(work.conn(), BATCH).await?;
    let years: Vec<i32> = approved
        .iter()
        .map(|(_, approved_at)| numbering_year(*approved_at))
        .collect();
    let last_taken = store::last_numbers(work.conn(), &years).await?;
    let numbered = number_in_order(approved, &last_taken);
    store::save_numbers(work.conn(), &numbered).await?;
    for (member, number) in &numbered {
        work.record(MemberNumbered {
            member: *member,
            number: *number,
        })
        .await?;
    }
    Ok(numbered)
}
