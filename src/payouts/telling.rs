//! What people are told about their money: once for each thing that happened to it.

use super::model::{NotPaid, Payout, Purpose};
use super::settling::Back;
use crate::fault::Fault;
use crate::ledger::{self, Account};
use crate::messages::{self, Class, Message, Values};
use crate::stages::{self, StageId};
use crate::work::Work;

/// M-PESA has paid.
pub(super) async fn paid(work: &mut Work, payout: &Payout) -> Result<(), Fault> {
    let receipt = payout
        .receipt
        .as_ref()
        .map_or_else(|| "-".to_owned(), |receipt| receipt.as_str().to_owned());
    let values = Values::new()
        .money("amount", payout.amount)
        .code("receipt", receipt);
    let (template, values) = match &payout.purpose {
        Purpose::Withdrawal { member } => {
            let balance = ledger::balance(work.conn(), Account::Wallet(*member)).await?;
            let values = values.money("fee", payout.fee).money("balance", balance);
            ("payout.withdrawn", values)
        }
        Purpose::Support { stage, .. } => {
            let stage = stages::find(work.conn(), StageId(*stage)).await?;
            let name = stage.map(|stage| stage.name).unwrap_or_default();
            ("payout.support_paid", values.words("stage", name))
        }
        Purpose::Refund { refunded } => (
            "payout.refunded",
            values.code("refunded", refunded.as_str()),
        ),
    };
    tell(work, payout, template, values, "paid").await
}

/// It takes longer than anybody should wait without a word. Said once.
pub(super) async fn slow_once(work: &mut Work, payout: &mut Payout) -> Result<(), Fault> {
    if payout.slow_told_at.is_some() {
        return Ok(());
    }
    payout.slow_told_at = Some(work.now);
    let values = Values::new().money("amount", payout.amount);
    let template = match payout.purpose {
        Purpose::Withdrawal { .. } => "payout.slow",
        Purpose::Support { .. } | Purpose::Refund { .. } => "payout.slow_for_others",
    };
    tell(work, payout, template, values, "slow").await
}

/// It was not paid, and the money is back where it came from.
pub(super) async fn given_back(work: &mut Work, payout: &Payout, back: Back) -> Result<(), Fault> {
    let values = Values::new()
        .money("amount", payout.amount)
        .phrase("why", why(back));
    match &payout.purpose {
        Purpose::Withdrawal { member } => {
            let balance = ledger::balance(work.conn(), Account::Wallet(*member)).await?;
            let values = values.money("balance", balance);
            tell(work, payout, "payout.returned", values, "returned").await
        }
        // What a second person refused was never promised.
        Purpose::Support { .. } if back != Back::Refused => {
            tell(work, payout, "payout.support_not_paid", values, "returned").await
        }
        // Staff see it; the payer never asked.
        Purpose::Support { .. } | Purpose::Refund { .. } => Ok(()),
    }
}

fn why(back: Back) -> &'static str {
    match back {
        Back::NotPaid(NotPaid::NoSuchRecipient) => "unpaid.no_mpesa",
        Back::NotPaid(NotPaid::RecipientFull) => "unpaid.mpesa_limit",
        Back::NotPaid(_) | Back::Waited => "unpaid.mpesa",
        Back::Refused => "unpaid.refused",
        Back::Frozen => "unpaid.frozen",
    }
}

async fn tell(
    work: &mut Work,
    payout: &Payout,
    template: &'static str,
    values: Values,
    what: &str,
) -> Result<(), Fault> {
    let message = Message {
        key: Some(format!("payout:{}:{what}", payout.id)),
        about: Some(payout.id.0),
        ..Message::new(
            payout.recipient.clone(),
            payout.language,
            Class::Money,
            template,
            values,
        )
    };
    messages::send(work, message).await.map(drop)
}
