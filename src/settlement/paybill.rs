//! Money that was sent to the paybill without being asked for: to the member its account names, or by staff out of suspense.

use super::account_text::{self, Meant};
use super::{contribution_words, fee_paid_words};
use crate::app::App;
use crate::contributing::Destination;
use crate::fault::Fault;
use crate::ledger::{self, Account, Key, postings};
use crate::members::{self, FeePaid, Member, StatusWord, Who};
use crate::messages::{self, Class, Message, Values};
use crate::payments::{self, Receipt};
use crate::primitives::Money;
use crate::receipts::{self, CheckCode, Issue, IssueError, Purpose};
use crate::wallet::{self, Source};
use crate::welcome;
use crate::welfare::{self, ContributionReceived, FundError, PaidFrom};
use crate::work::Work;

/// Why staff's allocation was not made. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum AllocateError {
    #[error("no payment with this receipt waits in suspense")]
    NotInSuspense,
    #[error("no member is known by that")]
    NoMember,
    #[error("{0} is no active member, and the amount is not an open joining fee")]
    NotForThem(String),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Gives the money to the member whom the account names. False when it names nobody who can have it: it stays in suspense.
pub(super) async fn allocate(
    app: &App,
    work: &mut Work,
    receipt: &Receipt,
    amount: Money,
    account: &str,
) -> Result<bool, Fault> {
    let Some(Meant { who, into }) = account_text::read(account) else {
        return Ok(false);
    };
    let Some(member) = members::find(work.conn(), &who).await? else {
        return Ok(false);
    };
    let Some(target) = target(app, &member, amount, into) else {
        return Ok(false);
    };
    if payments::take_from_suspense(work, receipt, member.id.0)
        .await?
        .is_none()
    {
        return Ok(false);
    }
    credit(app, work, receipt, amount, &member, target).await?;
    Ok(true)
}

/// Staff, or the payer, give money out of suspense to a member. A refusal leaves the transaction as it was.
pub async fn allocate_by_hand(
    app: &App,
    work: &mut Work,
    receipt: &Receipt,
    who: &Who,
    into: Destination,
) -> Result<(Member, Money), AllocateError> {
    let member = members::find(work.conn(), who)
        .await?
        .ok_or(AllocateError::NoMember)?;
    let waiting = payments::waiting_in_suspense(work.conn(), receipt).await?;
    let amount = waiting.ok_or(AllocateError::NotInSuspense)?;
    let Some(target) = target(app, &member, amount, into) else {
        let name = member.first_name.as_str().to_owned();
        return Err(AllocateError::NotForThem(name));
    };
    payments::take_from_suspense(work, receipt, member.id.0)
        .await?
        .ok_or(AllocateError::NotInSuspense)?;
    let released = postings::suspense_released(receipt.payment_id(), amount);
    super::book(work, released, Key::of("suspense_released", receipt)).await?;
    credit(app, work, receipt, amount, &member, target).await?;
    Ok((member, amount))
}

/// What a member's money is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Contribution,
    Wallet,
    Loan,
    RegistrationFee,
}

/// Only active members have a wallet and a fund to pay into; of the others only the joining fee is taken, to the shilling.
fn target(app: &App, member: &Member, amount: Money, into: Destination) -> Option<Target> {
    match (member.status.word(), into) {
        (StatusWord::Active, Destination::Fund) => Some(Target::Contribution),
        (StatusWord::Active, Destination::Wallet) => Some(Target::Wallet),
        (StatusWord::Active, Destination::Loan) => Some(Target::Loan),
        (StatusWord::Pending | StatusWord::Approved, _)
            if member.fee_paid_at.is_none() && amount == app.config.fees.registration =>
        {
            Some(Target::RegistrationFee)
        }
        _ => None,
    }
}

async fn credit(
    app: &App,
    work: &mut Work,
    receipt: &Receipt,
    amount: Money,
    member: &Member,
    target: Target,
) -> Result<(), Fault> {
    let payment = receipt.payment_id();
    let code = issued(app, work, receipt, amount, member, target).await?;
    let (template, values) = match target {
        Target::Contribution => {
            let received = ContributionReceived {
                member: member.id.0,
                stage: member.stage.0,
                amount,
                payment,
                provider_receipt: receipt.as_str().to_owned(),
                from: PaidFrom::Mpesa,
            };
            welfare::contribution_received(work, received)
                .await
                .map_err(|error| match error {
                    FundError::Fault(fault) => fault,
                    refused => Fault::broken(format!("paybill payment {payment}: {refused}")),
                })?;
            contribution_words(work, member.id.0, amount, receipt.as_str(), &code).await?
        }
        Target::Wallet => {
            let key = Key::of("payment", payment);
            wallet::credit(work, member.id.0, payment, amount, Source::TopUp, key).await?;
            let balance = ledger::balance(work.conn(), Account::Wallet(member.id.0)).await?;
            let values = Values::new()
                .money("amount", amount)
                .code("receipt", receipt.as_str())
                .money("balance", balance)
                .code("code", code.as_str());
            ("receipt.top_up", values)
        }
        Target::Loan => {
            let member = member.id.0;
            super::loan::repaid(work, payment, member, amount, receipt.as_str(), &code).await?
        }
        Target::RegistrationFee => {
            let told = members::fee_paid(work, member.id, payment).await?;
            let posting = postings::registration_fee_received(payment, amount);
            super::book(work, posting, Key::of("payment", payment)).await?;
            let is_member = matches!(
                told,
                FeePaid::Now {
                    status: StatusWord::Active
                }
            );
            fee_paid_words(is_member, amount, receipt.as_str(), &code)
        }
    };
    let message = Message {
        key: Some(format!("payment:{payment}:receipt")),
        about: Some(payment),
        ..Message::new(
            member.msisdn.clone(),
            member.language,
            Class::Money,
            template,
            values,
        )
    };
    messages::send(work, message).await?;
    match target {
        Target::RegistrationFee => welcome::greet(work, member.id).await,
        Target::Contribution | Target::Wallet | Target::Loan => Ok(()),
    }
}

async fn issued(
    app: &App,
    work: &mut Work,
    receipt: &Receipt,
    amount: Money,
    member: &Member,
    target: Target,
) -> Result<CheckCode, Fault> {
    let issue = Issue {
        payment: receipt.payment_id(),
        member: Some(member.id.0),
        amount,
        what: match target {
            Target::Contribution => Purpose::Contribution,
            Target::Wallet => Purpose::TopUp,
            Target::Loan => Purpose::LoanRepayment,
            Target::RegistrationFee => Purpose::RegistrationFee,
        },
        provider_receipt: receipt.as_str().to_owned(),
    };
    match receipts::issue(work, &app.receipt_key, issue).await {
        Ok(issued) => Ok(issued.code),
        Err(IssueError::Fault(fault)) => Err(fault),
        Err(IssueError::IssuedOtherwise) => Err(Fault::broken(
            "a paybill payment has a receipt that says something else",
        )),
    }
}
