//! The money of a payout in the ledger: settled or given back, each hold once, and the books beside the ledger with it.

use super::model::{Attempt, Payout, Purpose};
use crate::fault::Fault;
use crate::ledger::{self, JournalId, Key, NotAPosting, PostError, Posting, postings};
use crate::work::Work;
use crate::{payments, wallet, welfare};

/// M-PESA has it: the hold is settled.
pub(super) async fn settle(work: &mut Work, payout: &Payout) -> Result<JournalId, Fault> {
    let posting =
        postings::payouts::payout_paid(payout.id.0, payout.hold, payout.amount, payout.fee);
    post(work, posting, Key::of("payout_paid", payout.id)).await
}

/// M-PESA does not have it and will not: the money is back where it came from.
pub(super) async fn give_back(work: &mut Work, payout: &Payout) -> Result<JournalId, Fault> {
    let (id, hold) = (payout.id.0, payout.hold);
    match &payout.purpose {
        Purpose::Withdrawal { member } => {
            wallet::withdrawal_returned(work, *member, id, payout.held(), hold).await
        }
        Purpose::Support { member, stage, .. } => {
            welfare::support_returned(work, *member, *stage, id, payout.amount, hold).await
        }
        Purpose::Refund { refunded } => {
            if !payments::put_back_into_suspense(work, refunded).await? {
                return Err(Fault::broken(format!(
                    "payout {id}: what it refunds is not being refunded"
                )));
            }
            let posting = postings::payouts::refund_returned(id, hold, payout.amount);
            post(work, posting, Key::of("payout_returned", id)).await
        }
    }
}

/// M-PESA has paid under an id that we had counted as failed: the money is gone from our account, and somebody owes it.
pub(super) async fn paid_again(
    work: &mut Work,
    payout: &Payout,
    attempt: &Attempt,
) -> Result<JournalId, Fault> {
    let posting = postings::payouts::payout_paid_again(payout.id.0, payout.amount);
    post(work, posting, Key::of("payout_paid_again", attempt.id)).await
}

pub(super) async fn post(
    work: &mut Work,
    posting: Result<Posting, NotAPosting>,
    key: Key,
) -> Result<JournalId, Fault> {
    let posting = posting
        .map_err(|error| Fault::broken(format!("a payout that cannot be posted: {error}")))?;
    match ledger::post(work, posting, key).await {
        Ok(posted) => Ok(posted.journal),
        Err(PostError::Fault(fault)) => Err(fault),
        Err(refused) => Err(Fault::broken(format!(
            "the ledger refused a payout's movement: {refused}"
        ))),
    }
}
