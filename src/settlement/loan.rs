//! Money that came by M-PESA for a loan.

use uuid::Uuid;

use crate::fault::Fault;
use crate::ledger::{self, Account};
use crate::loans;
use crate::messages::Values;
use crate::primitives::Money;
use crate::receipts::CheckCode;
use crate::work::Work;

/// Books it and gives the words of its receipt. Without a loan to pay back it is in the member's wallet, and said so.
pub(super) async fn repaid(
    work: &mut Work,
    payment: Uuid,
    member: Uuid,
    amount: Money,
    provider_receipt: &str,
    code: &CheckCode,
) -> Result<(&'static str, Values), Fault> {
    let repaid = loans::repaid_by_mpesa(work, payment, member, amount).await?;
    let balance = ledger::balance(work.conn(), Account::Wallet(member)).await?;
    let values = Values::new()
        .money("amount", amount)
        .code("receipt", provider_receipt)
        .code("code", code.as_str());
    Ok(match repaid {
        None => ("receipt.top_up", values.money("balance", balance)),
        Some(repaid) => {
            let values = values.code("number", &repaid.number);
            match repaid.next {
                Some(_) => ("receipt.loan", values.money("left", repaid.left)),
                None => ("receipt.loan_settled", values.money("over", repaid.over)),
            }
        }
    })
}
