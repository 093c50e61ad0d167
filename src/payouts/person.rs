//! A person ends what nobody else could: with M-PESA's portal before them, and their name under it.

use serde_json::json;

use super::evidence::{Found, Said, Source};
use super::model::{AttemptState, PayoutId, PayoutState};
use super::rules::Rules;
use super::{hearing, store};
use crate::fault::Fault;
use crate::payments::Receipt;
use crate::primitives::StaffName;
use crate::work::Work;

/// What somebody found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ByPerson {
    /// It was paid; M-PESA's receipt says so.
    Paid(Receipt),
    /// It was not, and will not be.
    NotPaid,
}

/// Why nothing was settled.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    #[error("there is no such payout")]
    NotFound,
    #[error("it is not unknown what became of it: it is {}", .0.as_str())]
    NotUnknown(PayoutState),
    #[error("whoever asked for money does not settle it")]
    SamePerson,
    #[error("that receipt belongs to another payout")]
    ReceiptTaken,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Settles a payout of which nobody knows what became of it. What a person says is evidence like any other: should M-PESA
/// tell of a payment later, that is booked and shouted about.
pub async fn settle_by_person(
    work: &mut Work,
    rules: &Rules,
    id: PayoutId,
    found: ByPerson,
    by: &StaffName,
    reason: &str,
) -> Result<PayoutState, SettleError> {
    let payout = store::lock(work.conn(), id)
        .await?
        .ok_or(SettleError::NotFound)?;
    let attempt = store::attempts_of(work.conn(), id)
        .await?
        .into_iter()
        .next_back()
        .filter(|last| matches!(last.state, AttemptState::Unknown | AttemptState::Person));
    let Some(attempt) = attempt.filter(|_| payout.state.is_open()) else {
        return Err(SettleError::NotUnknown(payout.state));
    };
    if payout.asked_by.as_deref() == Some(by.as_str()) {
        return Err(SettleError::SamePerson);
    }
    let said = match &found {
        ByPerson::Paid(receipt) => {
            if store::is_receipt_taken(work.conn(), attempt.id, receipt).await? {
                return Err(SettleError::ReceiptTaken);
            }
            Found::Paid {
                receipt: receipt.clone(),
            }
        }
        ByPerson::NotPaid => Found::NotPaid,
    };
    let now = work.now;
    let what = match &found {
        ByPerson::Paid(receipt) => format!("found paid, receipt {receipt}: {reason}"),
        ByPerson::NotPaid => format!("found not paid: {reason}"),
    };
    store::note(work.conn(), id, Some(by), &what, now).await?;
    let body = json!({ "by": by, "reason": reason, "found": said }).to_string();
    let provider_id = format!("{}@{}", attempt.id, now.timestamp_micros());
    hearing::hear(
        work,
        rules,
        attempt.id,
        Source::Person,
        &provider_id,
        body.as_bytes(),
        Said::Found(said),
    )
    .await?;
    let after = store::lock(work.conn(), id)
        .await?
        .ok_or(SettleError::NotFound)?;
    Ok(after.state)
}
