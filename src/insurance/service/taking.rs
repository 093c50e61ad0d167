//! A quote becomes a policy, which waits for its first premium.

use serde::Serialize;
use uuid::Uuid;

use super::product_of;
use super::quoting::QuoteId;
use crate::events::Event;
use crate::fault::Fault;
use crate::insurance::policy::{Beneficiary, Policy, PolicyId, Stage};
use crate::insurance::product::Shelf;
use crate::insurance::store;
use crate::work::Work;

/// What a member takes.
#[derive(Clone, Debug)]
pub struct Take {
    pub member: Uuid,
    pub quote: QuoteId,
    pub beneficiary: Beneficiary,
}

/// Why there is no new policy. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    #[error("there is no such quote, or it is valid no more")]
    NotOffered,
    /// A premium for it is what is wanted.
    #[error("the member has a policy of this product")]
    HasOne(PolicyId),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Makes the policy of a quote. Taken again before it is paid for, it is the same one; another quote of the product that
/// nobody has paid for gives way.
pub async fn take(work: &mut Work, shelf: &Shelf, asked: Take) -> Result<Policy, TakeError> {
    let quote = store::quotes::find(work.conn(), asked.member, asked.quote)
        .await?
        .ok_or(TakeError::NotOffered)?;
    let now = work.now;
    let is_sold = shelf
        .product(&quote.product)
        .is_some_and(|product| product.is_sold);
    if let Some(known) = store::policies::of_quote(work.conn(), quote.id).await? {
        return match known.stage {
            Stage::Pending if quote.valid_until > now => Ok(known),
            Stage::Active { .. } | Stage::Lapsed { .. } => Err(TakeError::HasOne(known.id)),
            _ => Err(TakeError::NotOffered),
        };
    }
    if quote.valid_until <= now || !is_sold {
        return Err(TakeError::NotOffered);
    }
    if let Some(before) =
        store::policies::lock_of_product(work.conn(), asked.member, &quote.product).await?
    {
        give_way(work, shelf, before).await?;
    }
    let policy = Policy {
        id: PolicyId(Uuid::now_v7()),
        member: asked.member,
        product: quote.product,
        insurer: quote.insurer,
        term: quote.term,
        price: quote.breakdown.price,
        commission: quote.breakdown.commission,
        beneficiary: asked.beneficiary,
        applied_at: now,
        stage: Stage::Pending,
    };
    if !store::policies::insert(work.conn(), &policy, quote.id).await? {
        // Another hand of the same member was faster.
        let there =
            store::policies::lock_of_product(work.conn(), policy.member, &policy.product).await?;
        return Err(there.map_or(TakeError::NotOffered, |there| TakeError::HasOne(there.id)));
    }
    work.record(Taken {
        policy: policy.id,
        product: policy.product.clone(),
    })
    .await?;
    Ok(policy)
}

/// A policy that a premium would keep, or bring back, stays; any other makes room.
async fn give_way(work: &mut Work, shelf: &Shelf, before: Policy) -> Result<(), TakeError> {
    let now = work.now;
    let until = store::premiums::last_end(work.conn(), before.id).await?;
    let rules = &product_of(shelf, &before)?.rules;
    let goes_on = match before.stage {
        Stage::Pending => false,
        _ => before.takes_premium(until, rules, now).is_ok(),
    };
    if goes_on {
        return Err(TakeError::HasOne(before.id));
    }
    // The clock has not been there yet.
    let before = match before.stage {
        Stage::Active { .. } => {
            let lapsed = before.lapse(now);
            let lapsed =
                lapsed.map_err(|why| Fault::broken(format!("a policy to lapse: {why}")))?;
            store::policies::save(work.conn(), &lapsed, None).await?;
            lapsed
        }
        _ => before,
    };
    let replaced = before
        .replace(now)
        .map_err(|why| Fault::broken(format!("a policy to replace: {why}")))?;
    Ok(store::policies::save(work.conn(), &replaced, None).await?)
}

/// A policy was taken; nothing is paid yet.
#[derive(Serialize)]
pub struct Taken {
    policy: PolicyId,
    product: String,
}

impl Event for Taken {
    const NAME: &'static str = "insurance.taken";
    fn subject(&self) -> Uuid {
        self.policy.0
    }
}
