//! The deeds of insurance, each over an open work.

pub mod ending;
pub mod paying;
pub mod proving;
pub mod quoting;
pub mod taking;
pub mod watching;

use crate::fault::Fault;
use crate::insurance::policy::Policy;
use crate::insurance::product::{Product, Shelf};
use crate::ledger::PostError;

/// A product of which there are policies never leaves the documents.
pub(super) fn product_of<'s>(shelf: &'s Shelf, policy: &Policy) -> Result<&'s Product, Fault> {
    shelf.product(&policy.product).ok_or_else(|| {
        Fault::broken(format!(
            "policy {} is of the product {}, which has gone from the documents",
            policy.id, policy.product
        ))
    })
}

fn refused(error: PostError) -> Fault {
    match error {
        PostError::Fault(fault) => fault,
        other => Fault::broken(format!("the ledger refused a premium: {other}")),
    }
}
