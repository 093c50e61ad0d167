//! Fees and fines, as the desk issues and cancels them. The member is told each time.

use chrono::Days;
use uuid::Uuid;

use crate::fault::Fault;
use crate::invoices::{self, CancelError, Invoice, InvoiceId, Issue, What};
use crate::members::{self, Member, StatusWord, Who};
use crate::messages::{self, Class, Message, Values};
use crate::primitives::{Money, nairobi_date};
use crate::work::Work;

/// The most one invoice of the desk may ask for, in shillings.
const SHILLINGS_MAX: i64 = 50_000;
/// As much as fits beside the rest of the text that tells it.
const REASON_MAX: usize = 60;

/// Why nobody is asked to pay.
#[derive(Debug, thiserror::Error)]
pub enum FineError {
    #[error("there is no such member")]
    NotFound,
    #[error("only a member can be asked to pay; this one is {0}")]
    NotAMember(StatusWord),
    #[error("an amount is KES 1 to {SHILLINGS_MAX}, without cents")]
    Amount,
    #[error("a reason has 1 to {REASON_MAX} characters")]
    Reason,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Asks a member to pay, for `what`, within so many days, and tells them why.
pub async fn fine(
    work: &mut Work,
    who: &Who,
    what: What,
    amount: Money,
    within_days: u32,
    by: &str,
) -> Result<Invoice, FineError> {
    let allowed = Money::from_shillings(1)..=Money::from_shillings(SHILLINGS_MAX);
    if !allowed.contains(&amount) || !amount.is_whole_shillings() {
        return Err(FineError::Amount);
    }
    let reason = what.reason().unwrap_or_default().to_owned();
    if !(1..=REASON_MAX).contains(&reason.chars().count()) {
        return Err(FineError::Reason);
    }
    let member = members::find(work.conn(), who)
        .await?
        .ok_or(FineError::NotFound)?;
    match member.status.word() {
        StatusWord::Active | StatusWord::Suspended => {}
        other => return Err(FineError::NotAMember(other)),
    }
    let today = nairobi_date(work.now);
    let due_on = today
        .checked_add_days(Days::new(u64::from(within_days)))
        .unwrap_or(today);
    let issue = Issue {
        key: format!("desk:{}", Uuid::now_v7()),
        member: member.id,
        what,
        amount,
        due_on,
        by: Some(by.to_owned()),
    };
    let (invoice, _fresh) = invoices::issue(work, issue).await?;
    let values = Values::new()
        .money("amount", amount)
        .words("reason", reason)
        .date("due", due_on);
    tell(work, &member, &invoice, "invoice.issued", values).await?;
    Ok(invoice)
}

/// Nothing is to be paid any more, and the member is told.
pub async fn cancel(work: &mut Work, id: InvoiceId, reason: &str) -> Result<Invoice, CancelError> {
    let invoice = invoices::cancel(work, id, reason).await?;
    let member = members::load(work.conn(), invoice.member)
        .await?
        .ok_or_else(|| Fault::broken(format!("member {} has gone", invoice.member)))?;
    let values = Values::new()
        .money("amount", invoice.amount)
        .words("reason", reason);
    tell(work, &member, &invoice, "invoice.cancelled", values).await?;
    Ok(invoice)
}

async fn tell(
    work: &mut Work,
    member: &Member,
    invoice: &Invoice,
    template: &'static str,
    values: Values,
) -> Result<(), Fault> {
    let message = Message {
        key: Some(format!("invoice:{}:{template}", invoice.id)),
        about: Some(invoice.id.0),
        ..Message::new(
            member.msisdn.clone(),
            member.language,
            Class::Service,
            template,
            values,
        )
    };
    messages::send(work, message).await?;
    Ok(())
}
