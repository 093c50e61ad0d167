//! Staff pay out what concerns several rooms: support in an emergency, out of the fund of a stage.
//!
//! Payouts know no emergencies, and emergencies no money. They meet here.

use crate::app::App;
use crate::emergencies;
use crate::fault::Fault;
use crate::members::{self, MemberId};
use crate::payouts::{self, PayoutId, SupportAsked, SupportError};
use crate::primitives::{Money, StaffName};
use crate::work::Work;

/// Why no support was asked for. Nothing is to be committed after it.
#[derive(Debug, thiserror::Error)]
pub enum NoSupport {
    #[error("there is no emergency {0}")]
    NoSuchCase(i64),
    #[error("whoever raised the alarm is no member: no fund stands by them")]
    NoMember,
    #[error(transparent)]
    Refused(#[from] SupportError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Asks for money from the stage's fund for the member who raised this alarm, and writes it into the case file.
pub async fn support(
    app: &App,
    work: &mut Work,
    number: i64,
    amount: Money,
    by: &StaffName,
    reason: Option<String>,
) -> Result<(PayoutId, Money), NoSupport> {
    let file = emergencies::file_of(work.conn(), number)
        .await?
        .ok_or(NoSupport::NoSuchCase(number))?;
    let case = file.look.case;
    let member = case.member.ok_or(NoSupport::NoMember)?;
    let member = members::load(work.conn(), MemberId(member))
        .await?
        .ok_or(NoSupport::NoMember)?;
    let asked = SupportAsked {
        emergency: case.id.0,
        member: member.id.0,
        stage: member.stage.0,
        recipient: member.msisdn,
        language: member.language,
        amount,
        by: by.clone(),
        reason,
    };
    // The case file comes first, so that the ledger's locks are held for the commit alone.
    let said = format!("KES {amount} from the stage's fund, asked for by {by}");
    emergencies::note(work, case.id, "support_asked", None, Some(&said)).await?;
    let payout = payouts::support(work, &app.payout_rules, asked).await?;
    Ok((payout, amount))
}
