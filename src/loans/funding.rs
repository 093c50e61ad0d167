//! Lenders: their money, and what they offer.

use uuid::Uuid;

use super::product::{Product, ProductId};
use super::store::{self, NewFunding};
use crate::fault::Fault;
use crate::ledger::{self, Account, Key, PostError, postings};
use crate::primitives::{Money, StaffName};
use crate::work::Work;

/// A transfer of a lender's into the trust account, as the bank shows it.
#[derive(Clone, Debug)]
pub struct Funding {
    /// 2 to 12 capital letters and digits.
    pub lender: String,
    /// Of a lender who is new.
    pub name: Option<String>,
    pub amount: Money,
    /// The bank's reference: 4 to 40 capital letters, digits, `/` and `-`. The same again is booked once.
    pub reference: String,
    pub by: StaffName,
}

/// Why nothing was booked, or nothing is offered.
#[derive(Debug, thiserror::Error)]
pub enum FundingError {
    #[error("there is no lender {0}; a new one needs a name of 2 to 60 characters")]
    NoLender(String),
    #[error("a code has 2 to 12 capital letters and digits, a reference 4 to 40 of those, / and -")]
    NotReadable,
    #[error("the amount is more than nothing and at most a thousand million shillings")]
    NotAnAmount,
    #[error("KES {booked} was booked under this reference")]
    BookedOtherwise { booked: Money },
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Books a lender's money and gives what may be lent now.
pub async fn fund(work: &mut Work, funding: Funding) -> Result<Money, FundingError> {
    let capital = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    let code_ok = (2..=12).contains(&funding.lender.len()) && funding.lender.chars().all(capital);
    let reference_ok = (4..=40).contains(&funding.reference.len())
        && funding.reference.starts_with(capital)
        && funding
            .reference
            .chars()
            .all(|c| capital(c) || c == '/' || c == '-');
    if !code_ok || !reference_ok {
        return Err(FundingError::NotReadable);
    }
    let name = funding.name.as_deref().map(str::trim);
    let named = name.filter(|name| (2..=60).contains(&name.chars().count()));
    let lender = store::lender(work.conn(), &funding.lender, named)
        .await?
        .ok_or_else(|| FundingError::NoLender(funding.lender.clone()))?;
    if let Some(booked) = store::funding_of(work.conn(), lender, &funding.reference).await? {
        return match booked == funding.amount {
            true => Ok(ledger::balance(work.conn(), Account::LoanFund(lender)).await?),
            false => Err(FundingError::BookedOtherwise { booked }),
        };
    }
    let name = format!("lender {lender} {}", funding.reference);
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes());
    let posting = postings::loans::lender_funded(id, lender, funding.amount)
        .map_err(|_| FundingError::NotAnAmount)?;
    let posted = ledger::post(work, posting, Key::of("lender_funded", id))
        .await
        .map_err(|error| match error {
            PostError::Fault(fault) => fault,
            other => Fault::broken(format!("the ledger refused a lender's money: {other}")),
        })?;
    let now = work.now;
    let new = NewFunding {
        id,
        lender,
        amount: funding.amount,
        reference: &funding.reference,
        by: funding.by.as_str(),
        journal: posted.journal,
    };
    store::insert_funding(work.conn(), new, now).await?;
    Ok(ledger::balance(work.conn(), Account::LoanFund(lender)).await?)
}

/// Offers a product from now on, in place of the one under the same code. Offered again as it stands, nothing changes.
pub async fn offer(
    work: &mut Work,
    lender: &str,
    product: &Product,
) -> Result<ProductId, FundingError> {
    let lender_id = store::lender(work.conn(), lender, None)
        .await?
        .ok_or_else(|| FundingError::NoLender(lender.to_owned()))?;
    let offered = store::offered(work.conn()).await?;
    if let Some(same) = offered
        .iter()
        .find(|one| one.lender == lender_id && one.product == *product)
    {
        return Ok(same.id);
    }
    let now = work.now;
    Ok(store::insert_product(work.conn(), lender_id, product, now).await?)
}
