//! Loans on the phone.

use uuid::Uuid;

use super::{Performer, money, wallet};
use crate::contributing::Destination;
use crate::conversation::intent::{Lending, Wanted};
use crate::fault::Fault;
use crate::loans::{
    self, AnswerError, Ask, AskError, DropError, GuarantorError, LoanId, Offered, ProductId,
    RepayError, Says,
};
use crate::members::MemberId;
use crate::menu::Outcome;
use crate::primitives::Money;
use crate::work::Work;

/// Whether so much of a product may be asked for by this member.
pub(super) async fn check_amount(
    hands: &Performer<'_>,
    product: ProductId,
    amount: Money,
) -> Result<Outcome, Fault> {
    let app = hands.app;
    let mut conn = app.pool.acquire().await?;
    let offers = loans::offers(&mut conn).await?;
    let Some(Offered { product, .. }) = offers.into_iter().find(|one| one.id == product) else {
        return Ok(Outcome::new("not_offered"));
    };
    if !product.takes(amount) {
        return Ok(Outcome::new("not_the_amount")
            .value("product_least", product.least.as_decimal())
            .value("product_most", product.most.as_decimal()));
    }
    let (member, now) = (hands.member()?.id.0, app.clock.now());
    let may = loans::limit_of(&mut conn, &app.loan_rules(), member, now).await?;
    Ok(match amount <= may.amount {
        true => Outcome::new("possible"),
        false => Outcome::new("over_limit").value("loan_limit", may.amount.as_decimal()),
    })
}

pub(super) async fn act(
    hands: &Performer<'_>,
    work: &mut Work,
    asked: Lending,
    key: String,
) -> Result<Outcome, Fault> {
    match asked {
        Lending::Apply(wanted) => apply(hands, work, wanted, key).await,
        Lending::AskGuarantor(guarantor) => ask_guarantor(hands, work, guarantor).await,
        Lending::DropRequest => match loans::drop_request(work, hands.member()?.id.0).await {
            Ok(_dropped) => Ok(Outcome::new("dropped")),
            Err(DropError::NoRequest | DropError::NotNow(_)) => Ok(Outcome::new("too_late")),
            Err(DropError::Fault(fault)) => Err(fault),
        },
        Lending::Vouch { loan, says } => vouch(hands, work, loan, says).await,
        Lending::Repay(amount) => repay(hands, work, amount, &key).await,
        Lending::RepayByMpesa(amount) => {
            let member = hands.member()?.id.0;
            let now = work.now;
            let standing = loans::standing_of(work.conn(), member, now).await?;
            match standing.and_then(|standing| standing.running) {
                Some(_running) => money::pay_in(hands, work, Destination::Loan, amount, key).await,
                None => Ok(Outcome::new("no_loan")),
            }
        }
        Lending::SendSchedule => {
            let member = hands.member()?.id;
            Ok(match loans::send_schedule(work, member.0, &key).await? {
                true => Outcome::new("sent"),
                false => Outcome::new("no_loan"),
            })
        }
    }
}

async fn apply(
    hands: &Performer<'_>,
    work: &mut Work,
    wanted: Wanted,
    key: String,
) -> Result<Outcome, Fault> {
    let ask = Ask {
        key,
        member: hands.member()?.id.0,
        product: wanted.product,
        principal: wanted.principal,
        instalments: wanted.instalments,
    };
    match loans::ask(work, &hands.app.loan_rules(), ask).await {
        Ok(asked) if asked.guarantors == 0 => Ok(Outcome::new("ready")),
        Ok(_asked) => Ok(Outcome::new("asked")),
        Err(AskError::NotActive) => Ok(Outcome::new("not_active")),
        Err(AskError::NotOffered | AskError::NotTheAmount { .. }) => {
            Ok(Outcome::new("not_offered"))
        }
        Err(AskError::OverLimit(may)) => {
            Ok(Outcome::new("over_limit").value("loan_limit", may.amount.as_decimal()))
        }
        Err(AskError::HasOne) => Ok(Outcome::new("has_one")),
        Err(AskError::Fault(fault)) => Err(fault),
    }
}

async fn ask_guarantor(
    hands: &Performer<'_>,
    work: &mut Work,
    guarantor: MemberId,
) -> Result<Outcome, Fault> {
    let (rules, borrower) = (hands.app.loan_rules(), hands.member()?.id.0);
    match loans::ask_guarantor(work, &rules, borrower, guarantor.0).await {
        Ok(asked) => {
            let outcome = match asked.wants_more {
                true => "asked_more",
                false => "asked_all",
            };
            Ok(Outcome::new(outcome).value("vouch_amount", asked.amount.as_decimal()))
        }
        Err(GuarantorError::NoRequest) => Ok(Outcome::new("no_request")),
        Err(GuarantorError::Oneself | GuarantorError::NotActive) => Ok(Outcome::new("nobody")),
        Err(GuarantorError::AskedBefore) => Ok(Outcome::new("asked_before")),
        Err(GuarantorError::EnoughAsked) => Ok(Outcome::new("enough")),
        Err(GuarantorError::Fault(fault)) => Err(fault),
    }
}

async fn vouch(
    hands: &Performer<'_>,
    work: &mut Work,
    loan: LoanId,
    says: Says,
) -> Result<Outcome, Fault> {
    let (rules, guarantor) = (hands.app.loan_rules(), hands.member()?.id.0);
    match loans::answer(work, &rules, guarantor, loan, says).await {
        Ok(loans::Answered::Pledged { .. }) => Ok(Outcome::new("pledged")),
        Ok(loans::Answered::Declined { .. }) => Ok(Outcome::new("declined")),
        Err(AnswerError::Over) => Ok(Outcome::new("over")),
        Err(AnswerError::TooMuch { asked }) => {
            Ok(Outcome::new("too_much").value("vouch_amount", asked.as_decimal()))
        }
        Err(AnswerError::TooLittle) => Ok(Outcome::new("too_little")),
        Err(AnswerError::BeyondMeans { capacity }) => {
            Ok(Outcome::new("beyond_means").value("capacity", capacity.as_decimal()))
        }
        Err(AnswerError::Fault(fault)) => Err(fault),
    }
}

async fn repay(
    hands: &Performer<'_>,
    work: &mut Work,
    amount: Money,
    key: &str,
) -> Result<Outcome, Fault> {
    let Some(member) = wallet::active_caller(hands, work).await? else {
        return Ok(Outcome::new("not_active"));
    };
    let id = Uuid::new_v5(&member.id.0, format!("loan repay {key}").as_bytes());
    let limits = hands.app.wallet_limits;
    match loans::repay_from_wallet(work, limits, member.id.0, id, amount).await {
        Ok((repaid, sent)) => {
            let outcome = match repaid.next {
                Some(_) => Outcome::new("repaid")
                    .value("loan_left", repaid.left.as_decimal())
                    .value("amount", repaid.taken.as_decimal()),
                None => Outcome::new("settled"),
            };
            Ok(outcome
                .value("loan_no", repaid.number)
                .value("wallet", sent.balance.as_decimal()))
        }
        Err(RepayError::NoLoan) => Ok(Outcome::new("no_loan")),
        Err(RepayError::Wallet(refused)) => wallet::refusal(refused),
        Err(RepayError::Fault(fault)) => Err(fault),
    }
}
