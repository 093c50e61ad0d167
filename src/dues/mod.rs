//! What a member owes the association, and paying it: from M-PESA or from the wallet, asked for behind the code or by text.
//!
//! Renewals, fees and fines are all invoices, so there is one way. Whoever pays holds the membership first (of a renewal), then
//! the invoice, then the wallet, then the ledger's accounts: always in that order.

mod desk;
mod tending;

pub use desk::{FineError, cancel, fine};
pub use tending::{tend, tend_at};

use chrono::NaiveDate;
use uuid::Uuid;

use crate::fault::Fault;
use crate::invoices::{self, Invoice, InvoiceId, InvoiceState, Issue, PaidFrom, What};
use crate::ledger::{self, JournalId, Key, PostError, postings};
use crate::members::{self, AtDial, DialledMember, MemberId, StatusWord};
use crate::membership::{self, RenewError};
use crate::messages::{self, Class, Message, Values};
use crate::payments::{self, ObligationId, Purpose, Request, RequestError, Requested};
use crate::primitives::{Language, Money, Msisdn, nairobi_date};
use crate::receipts::{self, CheckCode, IssueError};
use crate::wallet::{self, Sent, Source, Spend, SpendError};
use crate::work::Work;

/// What is to be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// One more period of membership.
    Renewal,
    Invoice(InvoiceId),
}

/// What a member asks to pay.
#[derive(Clone, Debug)]
pub struct PayDue {
    pub payer: Msisdn,
    pub due: Due,
    /// The amount they were shown and said yes to; nothing where none was shown.
    pub shown: Option<Money>,
    /// Of the turn or the text that asks: the same key again is the same payment.
    pub key: String,
}

/// M-PESA will ask for it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub amount: Money,
    pub requested: Requested,
}

/// Why nothing is paid.
#[derive(Debug, thiserror::Error)]
pub enum PayError {
    #[error("the phone is no active member's")]
    NotActive(Option<Box<DialledMember>>),
    #[error("the membership is paid until {until}, a whole period ahead")]
    NotDue { until: NaiveDate },
    #[error("there is no such open invoice")]
    NotOpen,
    /// It has become another amount since it was shown.
    #[error("it is KES {amount} by now")]
    AnotherAmount { amount: Money },
    #[error("KES {amount} was asked for and is still open")]
    AlreadyAsked { amount: Money },
    #[error("KES {amount} was asked for just now")]
    JustAsked { amount: Money },
    #[error(transparent)]
    Spend(#[from] SpendError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Asks M-PESA for the money. Nothing is taken before the member types their M-PESA PIN.
pub async fn by_push(
    work: &mut Work,
    rules: &payments::Rules,
    asked: PayDue,
    ussd_session: Option<String>,
) -> Result<Asked, PayError> {
    let (member, invoice) = invoice_of(work, &asked).await?;
    let request = Request {
        key: asked.key,
        purpose: Purpose::Invoice {
            member: member.id.0,
            invoice: invoice.id.0,
        },
        amount: invoice.amount,
        payer: asked.payer,
        language: member.language,
        ussd_session,
    };
    match payments::request(work, rules, request).await {
        Ok(requested) => Ok(Asked {
            amount: invoice.amount,
            requested,
        }),
        Err(RequestError::AlreadyAsked { amount }) => Err(PayError::AlreadyAsked { amount }),
        Err(RequestError::JustAsked { amount, .. }) => Err(PayError::JustAsked { amount }),
        Err(RequestError::Fault(fault)) => Err(fault.into()),
        Err(refused) => Err(Fault::broken(format!("invoice {}: {refused}", invoice.id)).into()),
    }
}

/// Pays from the member's wallet, at once.
pub async fn from_wallet(
    work: &mut Work,
    limits: wallet::Limits,
    receipt_key: &receipts::CodeKey,
    asked: PayDue,
) -> Result<Sent, PayError> {
    let (member, invoice) = invoice_of(work, &asked).await?;
    let name = format!("wallet dues {}", asked.key);
    let payment = Uuid::new_v5(&member.id.0, name.as_bytes());
    let spend = Spend {
        id: payment,
        member: member.id.0,
        amount: invoice.amount,
        limits,
    };
    let (after, journal) = wallet::pay_dues(work, spend).await?;
    invoices::paid(work, &invoice, payment, PaidFrom::Wallet, journal).await?;
    let issue = receipts::Issue {
        payment,
        member: Some(member.id.0),
        amount: invoice.amount,
        what: receipts::Purpose::Dues,
        provider_receipt: WALLET.to_owned(),
    };
    let receipt = receipts::issue(work, receipt_key, issue)
        .await
        .map_err(|error| match error {
            IssueError::Fault(fault) => fault,
            IssueError::IssuedOtherwise => Fault::broken("a wallet's dues have another receipt"),
        })?;
    let asked_on = nairobi_date(work.now);
    let (template, values) = follow(work, &invoice, asked_on).await?;
    let values = values
        .code("receipt", WALLET)
        .code("code", receipt.code.as_str());
    let to = (asked.payer, member.language);
    tell(work, to, template, values, payment).await?;
    Ok(after)
}

/// What stands where M-PESA's receipt number would.
const WALLET: &str = "WALLET";

/// M-PESA has paid an invoice. What cannot pay it any more is the member's own money, in the wallet: never lost, never twice.
pub async fn received(
    work: &mut Work,
    obligation: ObligationId,
    id: InvoiceId,
    amount: Money,
    provider_receipt: &str,
    code: &CheckCode,
) -> Result<(), Fault> {
    let told = invoices::find(work.conn(), id)
        .await?
        .ok_or_else(|| Fault::broken(format!("invoice {id} has gone")))?;
    let asked_on = nairobi_date(told.issued_at);
    let to_pay = match still_to_pay(work, told.clone(), obligation).await? {
        Some(invoice) if invoice.amount == amount => invoice,
        _ => {
            let key = Key::of("payment", obligation);
            let member = told.member.0;
            wallet::credit(work, member, obligation.0, amount, Source::PaidTwice, key).await?;
            let values = Values::new()
                .money("amount", amount)
                .code("receipt", provider_receipt);
            return tell_payer(work, obligation, "payment.twice", values).await;
        }
    };
    let posting = postings::dues::dues_received(obligation.0, amount)
        .map_err(|error| Fault::broken(format!("dues that cannot be posted: {error}")))?;
    let journal = posted(ledger::post(work, posting, Key::of("payment", obligation)).await)?;
    invoices::paid(work, &to_pay, obligation.0, PaidFrom::Mpesa, journal).await?;
    let (template, values) = follow(work, &to_pay, asked_on).await?;
    let values = values
        .code("receipt", provider_receipt)
        .code("code", code.as_str());
    tell_payer(work, obligation, template, values).await
}

/// The invoice as it can still be paid. A renewal that gave way to another amount while its prompt was on the phone is honoured
/// at the price that was told: it is issued once more.
async fn still_to_pay(
    work: &mut Work,
    told: Invoice,
    obligation: ObligationId,
) -> Result<Option<Invoice>, Fault> {
    let What::Renewal { .. } = told.what else {
        let invoice = invoices::lock(work, told.id).await?;
        return Ok(invoice.filter(|invoice| invoice.state == InvoiceState::Open));
    };
    let Some(membership) = membership::lock(work, told.member).await? else {
        return Ok(None);
    };
    let now = invoices::lock(work, told.id)
        .await?
        .ok_or_else(|| Fault::broken(format!("invoice {} has gone", told.id)))?;
    match now.state {
        InvoiceState::Open => Ok(Some(now)),
        InvoiceState::Paid => Ok(None),
        // Another payment has renewed it meanwhile.
        InvoiceState::Cancelled
            if told.what
                != (What::Renewal {
                    after_day: membership.until,
                }) =>
        {
            Ok(None)
        }
        InvoiceState::Cancelled => {
            invoices::replace(work, told.member, |_| false).await?;
            let again = Issue {
                key: format!("renewal:told:{obligation}"),
                member: told.member,
                what: told.what,
                amount: told.amount,
                due_on: told.due_on,
                by: None,
            };
            let (invoice, _fresh) = invoices::issue(work, again).await?;
            Ok(Some(invoice))
        }
    }
}

/// What is to be paid by whoever asks, held until the end of the work.
async fn invoice_of(
    work: &mut Work,
    asked: &PayDue,
) -> Result<(Box<DialledMember>, Invoice), PayError> {
    let member = match members::at_dial(work.conn(), &asked.payer).await? {
        AtDial::Member(member) if member.status == StatusWord::Active => member,
        AtDial::Member(member) => return Err(PayError::NotActive(Some(member))),
        AtDial::Stranger { .. } => return Err(PayError::NotActive(None)),
    };
    let invoice = match asked.due {
        Due::Renewal => renewal(work, member.id).await?,
        Due::Invoice(id) => {
            let known = invoices::find(work.conn(), id).await?;
            let known = known.filter(|invoice| invoice.member == member.id);
            match known.ok_or(PayError::NotOpen)?.what {
                // Its price is today's.
                What::Renewal { .. } => renewal(work, member.id).await?,
                What::Fee { .. } | What::Fine { .. } => {
                    let locked = invoices::lock(work, id).await?;
                    let open = locked.filter(|invoice| invoice.state == InvoiceState::Open);
                    open.ok_or(PayError::NotOpen)?
                }
            }
        }
    };
    match asked.shown {
        Some(shown) if shown != invoice.amount => Err(PayError::AnotherAmount {
            amount: invoice.amount,
        }),
        _ => Ok((member, invoice)),
    }
}

async fn renewal(work: &mut Work, member: MemberId) -> Result<Invoice, PayError> {
    match membership::renewal_invoice(work, member).await {
        Ok(invoice) => Ok(invoice),
        Err(RenewError::NoMembership) => Err(PayError::NotOpen),
        Err(RenewError::NotDue { until }) => Err(PayError::NotDue { until }),
        Err(RenewError::Fault(fault)) => Err(fault.into()),
    }
}

/// What follows from a paid invoice, and the words for it but for the receipts.
async fn follow(
    work: &mut Work,
    invoice: &Invoice,
    asked_on: NaiveDate,
) -> Result<(&'static str, Values), Fault> {
    let values = Values::new().money("amount", invoice.amount);
    Ok(match invoice.what.reason() {
        None => {
            let renewal = membership::renewed(work, invoice, asked_on).await?;
            let template = match renewal.returned {
                true => "receipt.returned",
                false => "receipt.renewed",
            };
            (template, values.date("until", renewal.last_day))
        }
        Some(reason) => ("receipt.invoice", values.words("reason", reason)),
    })
}

fn posted(answer: Result<ledger::Posted, PostError>) -> Result<JournalId, Fault> {
    match answer {
        Ok(posted) => Ok(posted.journal),
        Err(PostError::Fault(fault)) => Err(fault),
        Err(refused) => Err(Fault::broken(format!("the ledger refused dues: {refused}"))),
    }
}

async fn tell_payer(
    work: &mut Work,
    obligation: ObligationId,
    template: &'static str,
    values: Values,
) -> Result<(), Fault> {
    let asked = payments::obligation(work.conn(), obligation)
        .await?
        .ok_or_else(|| Fault::broken(format!("obligation {obligation} has gone")))?;
    let to = (asked.payer, asked.language);
    tell(work, to, template, values, obligation.0).await
}

/// One receipt for each payment, ever.
async fn tell(
    work: &mut Work,
    (to, language): (Msisdn, Language),
    template: &'static str,
    values: Values,
    payment: Uuid,
) -> Result<(), Fault> {
    let message = Message {
        key: Some(format!("payment:{payment}:receipt")),
        about: Some(payment),
        ..Message::new(to, language, Class::Money, template, values)
    };
    messages::send(work, message).await?;
    Ok(())
}
