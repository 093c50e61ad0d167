//! What the news of a payment mean for everybody else: postings, the fund's book, receipts, and the words for the rider,
//! all in the transaction that found the news.
//!
//! The payments room knows neither funds nor members; they do not know payments. They meet here.

mod account_text;
mod loan;
mod paybill;
mod premiums;
mod whose;

use tracing::{error, info};

use crate::app::App;
use crate::dues;
use crate::fault::Fault;
use crate::invoices::InvoiceId;
use crate::ledger::{self, Account, Key, PostError, Posting, postings};
use crate::members::{self, FeePaid, MemberId, StatusWord};
use crate::messages::{self, Class, Message, Values};
use crate::payments::{self, News, ObligationId, Purpose, Receipt, TextKey};
use crate::primitives::{Money, nairobi_date};
use crate::receipts::{self, CheckCode, Issue, IssueError};
use crate::wallet::{self, Source};
use crate::welcome;
use crate::welfare::{self, ContributionReceived, FundError, PaidFrom, Status};
use crate::work::Work;

pub use paybill::{AllocateError, allocate_by_hand};
pub use whose::{Whose, answer_whose, flag_unclaimed, names_somebody};

/// Settles everything a piece of evidence has brought to light.
pub async fn settle(app: &App, work: &mut Work, news: Vec<News>) -> Result<(), Fault> {
    for piece in news {
        settle_one(app, work, piece).await?;
    }
    Ok(())
}

async fn settle_one(app: &App, work: &mut Work, news: News) -> Result<(), Fault> {
    match news {
        News::Paid {
            obligation,
            purpose,
            amount,
            receipt,
            provisional,
            late,
            from_suspense,
        } => {
            info!(target: "financial", { payment.id = %obligation, %amount, provisional, late }, "Payment received");
            if from_suspense {
                book(
                    work,
                    postings::suspense_released(obligation.0, amount),
                    Key::of("suspense_released", obligation),
                )
                .await?;
            }
            if late {
                tell_late(work, obligation, purpose, amount, receipt.as_ref()).await?;
            }
            paid(app, work, obligation, purpose, amount, receipt).await
        }
        News::Confirmed {
            obligation, amount, ..
        } => {
            info!(target: "financial", { payment.id = %obligation, %amount }, "Payment confirmed by a second source");
            Ok(())
        }
        News::NotPaid {
            obligation,
            amount,
            sms,
            ..
        } => {
            info!(target: "financial", { payment.id = %obligation, %amount, why = sms.as_str() }, "Payment ended unpaid");
            tell_outcome(work, obligation, amount, sms).await
        }
        News::StillChecking {
            obligation, amount, ..
        } => tell_outcome(work, obligation, amount, TextKey::Checking).await,
        News::Busy {
            obligation, amount, ..
        } => tell_outcome(work, obligation, amount, TextKey::Busy).await,
        News::Unresolved {
            obligation, amount, ..
        } => {
            error!(target: "financial", { payment.id = %obligation, %amount }, "A payment is unresolved after its day: a person has to look");
            tell_outcome(work, obligation, amount, TextKey::Unresolved).await
        }
        News::PaidTwice {
            obligation,
            purpose,
            amount,
            receipt,
            from_suspense,
        } => {
            if from_suspense {
                book(
                    work,
                    postings::suspense_released(obligation.0, amount),
                    Key::of("suspense_released_twice", obligation),
                )
                .await?;
            }
            if let Purpose::Premium { policy, .. } = purpose {
                let receipt = receipt.as_ref();
                return premiums::came_twice(app, work, obligation, policy, amount, receipt).await;
            }
            let key = receipt.as_ref().map_or_else(
                || obligation.to_string(),
                |receipt| receipt.as_str().to_owned(),
            );
            wallet::credit(
                work,
                purpose.member(),
                obligation.0,
                amount,
                Source::PaidTwice,
                Key::of("paid_twice", key),
            )
            .await?;
            let values = Values::new()
                .money("amount", amount)
                .code("receipt", shown(receipt.as_ref()));
            tell(work, obligation, "payment.twice", values, "twice").await
        }
        News::Mismatch {
            obligation,
            asked,
            paid,
            receipt,
            from_suspense,
            ..
        } => {
            error!(target: "financial", { payment.id = %obligation, %asked, %paid }, "Another amount than asked for arrived");
            if !from_suspense {
                let key = receipt.as_ref().map_or_else(
                    || obligation.to_string(),
                    |receipt| receipt.as_str().to_owned(),
                );
                book(
                    work,
                    postings::unallocated_received(obligation.0, paid),
                    Key::of("mismatch", key),
                )
                .await?;
            }
            let values = Values::new()
                .money("amount", paid)
                .code("receipt", shown(receipt.as_ref()));
            tell(work, obligation, "payment.mismatch", values, "mismatch").await
        }
        News::Unallocated {
            receipt,
            amount,
            account,
            phone,
        } => {
            if paybill::allocate(app, work, &receipt, amount, &account).await? {
                info!(target: "financial", { receipt = receipt.as_str(), %amount }, "A paybill payment found its member by its account");
                return Ok(());
            }
            error!(target: "financial", { receipt = receipt.as_str(), %amount }, "A paybill payment fits nobody: it waits in suspense");
            let cause = receipt.payment_id();
            book(
                work,
                postings::unallocated_received(cause, amount),
                Key::of("unallocated", receipt.as_str()),
            )
            .await?;
            whose::ask_payer(app, work, &receipt, amount, phone.as_ref()).await
        }
        News::Alarm { alarm, .. } => {
            error!(target: "financial", ?alarm, "A payment needs somebody's attention");
            Ok(())
        }
    }
}

async fn paid(
    app: &App,
    work: &mut Work,
    obligation: ObligationId,
    purpose: Purpose,
    amount: Money,
    receipt: Option<Receipt>,
) -> Result<(), Fault> {
    let provider_receipt = shown(receipt.as_ref());
    // The receipt row and the fund's book come first, so that the ledger's locks are held for the commit alone.
    let what = match purpose {
        Purpose::RegistrationFee { .. } => receipts::Purpose::RegistrationFee,
        Purpose::Contribution { .. } => receipts::Purpose::Contribution,
        Purpose::TopUp { .. } => receipts::Purpose::TopUp,
        Purpose::Invoice { .. } => receipts::Purpose::Dues,
        Purpose::LoanRepayment { .. } => receipts::Purpose::LoanRepayment,
        Purpose::Premium { .. } => receipts::Purpose::Premium,
    };
    let issue = Issue {
        payment: obligation.0,
        member: Some(purpose.member()),
        amount,
        what,
        provider_receipt: provider_receipt.clone(),
    };
    let code = match receipts::issue(work, &app.receipt_key, issue).await {
        Ok(issued) => issued.code,
        Err(IssueError::Fault(fault)) => return Err(fault),
        Err(IssueError::IssuedOtherwise) => {
            return Err(Fault::broken(format!(
                "payment {obligation} has a receipt that says something else"
            )));
        }
    };
    match purpose {
        Purpose::RegistrationFee { member } => {
            fee_paid(
                work,
                obligation,
                MemberId(member),
                amount,
                &provider_receipt,
                &code,
            )
            .await
        }
        Purpose::Contribution { member, stage } => {
            let received = ContributionReceived {
                member,
                stage,
                amount,
                payment: obligation.0,
                provider_receipt: provider_receipt.clone(),
                from: PaidFrom::Mpesa,
            };
            match welfare::contribution_received(work, received).await {
                Ok(_booked) => {}
                Err(FundError::Fault(fault)) => return Err(fault),
                Err(refused) => {
                    return Err(Fault::broken(format!(
                        "contribution {obligation}: {refused}"
                    )));
                }
            }
            let (template, values) =
                contribution_words(work, member, amount, &provider_receipt, &code).await?;
            tell(work, obligation, template, values, "receipt").await
        }
        Purpose::TopUp { member } => {
            let key = Key::of("payment", obligation);
            wallet::credit(work, member, obligation.0, amount, Source::TopUp, key).await?;
            let balance = ledger::balance(work.conn(), Account::Wallet(member)).await?;
            let values = Values::new()
                .money("amount", amount)
                .code("receipt", provider_receipt)
                .money("balance", balance)
                .code("code", code.as_str());
            tell(work, obligation, "receipt.top_up", values, "receipt").await
        }
        Purpose::Invoice { invoice, .. } => {
            let invoice = InvoiceId(invoice);
            dues::received(work, obligation, invoice, amount, &provider_receipt, &code).await
        }
        Purpose::LoanRepayment { member } => {
            let payment = obligation.0;
            let (template, values) =
                loan::repaid(work, payment, member, amount, &provider_receipt, &code).await?;
            tell(work, obligation, template, values, "receipt").await
        }
        Purpose::Premium { policy, .. } => {
            premiums::came(app, work, obligation, policy, amount, code.as_str()).await
        }
    }
}

async fn fee_paid(
    work: &mut Work,
    obligation: ObligationId,
    member: MemberId,
    amount: Money,
    provider_receipt: &str,
    code: &CheckCode,
) -> Result<(), Fault> {
    match members::fee_paid(work, member, obligation.0).await? {
        // Somebody refused while the prompt was on the phone is owed the money back, by a person.
        FeePaid::Now {
            status: StatusWord::Refused,
        } => {
            error!(target: "financial", { payment.id = %obligation, %amount }, "A refused applicant has paid the fee: it is owed back");
            let posting = postings::unallocated_received(obligation.0, amount);
            book(work, posting, Key::of("payment", obligation)).await?;
            let values = Values::new()
                .money("amount", amount)
                .code("receipt", provider_receipt);
            tell(work, obligation, "payment.mismatch", values, "receipt").await
        }
        told @ (FeePaid::Now { .. } | FeePaid::Repeated) => {
            let posting = postings::registration_fee_received(obligation.0, amount);
            book(work, posting, Key::of("payment", obligation)).await?;
            let is_member = matches!(
                told,
                FeePaid::Now {
                    status: StatusWord::Active
                }
            );
            let (template, values) = fee_paid_words(is_member, amount, provider_receipt, code);
            tell(work, obligation, template, values, "receipt").await?;
            welcome::greet(work, member).await
        }
        // A second fee is the member's own money.
        FeePaid::PaidBefore { .. } => {
            wallet::credit(
                work,
                member.0,
                obligation.0,
                amount,
                Source::PaidTwice,
                Key::of("payment", obligation),
            )
            .await?;
            let values = Values::new()
                .money("amount", amount)
                .code("receipt", provider_receipt);
            tell(work, obligation, "payment.twice", values, "receipt").await
        }
    }
}

/// The receipt of a joining fee. Approved before the fee came, nothing is left to wait for.
fn fee_paid_words(
    is_member: bool,
    amount: Money,
    provider_receipt: &str,
    code: &CheckCode,
) -> (&'static str, Values) {
    let values = Values::new()
        .money("amount", amount)
        .code("receipt", provider_receipt)
        .code("code", code.as_str());
    match is_member {
        true => ("receipt.registration_fee_of_member", values),
        false => ("receipt.registration_fee", values),
    }
}

/// The receipt of a contribution, with the standing it leads to.
async fn contribution_words(
    work: &mut Work,
    member: uuid::Uuid,
    amount: Money,
    provider_receipt: &str,
    code: &CheckCode,
) -> Result<(&'static str, Values), Fault> {
    let today = nairobi_date(work.now);
    let standing = welfare::standing_of(work.conn(), member, today).await?;
    let values = Values::new()
        .money("amount", amount)
        .phrase("what", "what.contribution")
        .code("receipt", provider_receipt)
        .code("code", code.as_str());
    Ok(match standing.map(|standing| standing.status) {
        Some(Status::Behind { by, .. }) => ("receipt.behind", values.money("arrears", by)),
        Some(Status::PaidUp { until }) => ("receipt.paid_up", values.date("until", until)),
        None => ("receipt.paid_up", values.date("until", today)),
    })
}

async fn tell_late(
    work: &mut Work,
    obligation: ObligationId,
    purpose: Purpose,
    amount: Money,
    receipt: Option<&Receipt>,
) -> Result<(), Fault> {
    let values = Values::new()
        .money("amount", amount)
        .phrase("what", what_phrase(purpose))
        .code("receipt", shown(receipt));
    tell(work, obligation, "payment.late", values, "late").await
}

fn what_phrase(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::RegistrationFee { .. } => "what.registration_fee",
        Purpose::Contribution { .. } => "what.contribution",
        Purpose::TopUp { .. } => "what.top_up",
        Purpose::Invoice { .. } => "what.dues",
        Purpose::LoanRepayment { .. } => "what.loan_repayment",
        Purpose::Premium { .. } => "what.premium",
    }
}

/// M-PESA's receipt number; a dash while only the answer to our question told of the payment.
fn shown(receipt: Option<&Receipt>) -> String {
    receipt.map_or_else(|| "-".to_owned(), |receipt| receipt.as_str().to_owned())
}

async fn book(
    work: &mut Work,
    posting: Result<Posting, ledger::NotAPosting>,
    key: Key,
) -> Result<(), Fault> {
    let posting = posting
        .map_err(|error| Fault::broken(format!("a payment that cannot be posted: {error}")))?;
    match ledger::post(work, posting, key).await {
        Ok(_posted) => Ok(()),
        Err(PostError::Fault(fault)) => Err(fault),
        Err(refused) => Err(Fault::broken(format!(
            "the ledger refused a payment: {refused}"
        ))),
    }
}

/// What became of a payment that did not go through at once, in the agreed words.
async fn tell_outcome(
    work: &mut Work,
    obligation: ObligationId,
    amount: Money,
    outcome: TextKey,
) -> Result<(), Fault> {
    let with_amount = || Values::new().money("amount", amount);
    let (template, values) = match outcome {
        TextKey::LowBalance => ("payment.low_balance", with_amount()),
        TextKey::Cancelled => ("payment.cancelled", Values::new()),
        TextKey::Checking => ("payment.checking", with_amount()),
        TextKey::NoAnswer => ("payment.no_answer", with_amount()),
        TextKey::Busy => ("payment.busy", Values::new()),
        TextKey::WrongPin => ("payment.wrong_pin", Values::new()),
        TextKey::PinLocked => ("payment.pin_locked", Values::new()),
        TextKey::Limit => ("payment.limit", with_amount()),
        TextKey::WaitTwoMinutes => ("payment.wait_two_minutes", Values::new()),
        TextKey::Wallet => ("payment.wallet", Values::new()),
        TextKey::BadPhone => ("payment.bad_phone", Values::new()),
        TextKey::Unresolved => ("payment.unresolved", with_amount()),
        TextKey::System => ("payment.system", Values::new()),
        // Said with the receipt, by the deeds above.
        TextKey::Paid | TextKey::Late | TextKey::Twice | TextKey::Mismatch => return Ok(()),
    };
    tell(work, obligation, template, values, outcome.as_str()).await
}

/// One message of a kind for each payment, ever.
async fn tell(
    work: &mut Work,
    id: ObligationId,
    template: &'static str,
    values: Values,
    once: &str,
) -> Result<(), Fault> {
    let obligation = payments::obligation(work.conn(), id)
        .await?
        .ok_or_else(|| Fault::broken(format!("obligation {id} has gone")))?;
    let message = Message {
        to: obligation.payer,
        language: obligation.language,
        class: Class::Money,
        template,
        values,
        key: Some(format!("payment:{id}:{once}")),
        about: Some(id.0),
        not_before: None,
        not_after: None,
    };
    messages::send(work, message).await?;
    Ok(())
}
