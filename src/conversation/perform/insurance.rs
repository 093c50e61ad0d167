//! Insurance on the phone.

use uuid::Uuid;

use super::{Performer, joining};
use crate::conversation::intent::{Insuring, Named, PayFrom, written_answers};
use crate::fault::Fault;
use crate::insurance::{
    self, Asker, Beneficiary, CancelError, PayError, Policy, PolicyId, PriceError, Proof,
    QuoteError, QuoteId, Quoting, Take, TakeError,
};
use crate::members::{self, AtDial, DialledMember, StatusWord};
use crate::menu::Outcome;
use crate::payments::{self, Purpose, Request, RequestError};
use crate::primitives::{Money, nairobi_date};
use crate::receipts::{self, Issue, IssueError};
use crate::wallet::{Spend, SpendError};
use crate::work::Work;

pub(super) async fn act(
    hands: &Performer<'_>,
    work: &mut Work,
    asked: Insuring,
    key: &str,
) -> Result<Outcome, Fault> {
    match asked {
        Insuring::Quote {
            product,
            term,
            answers,
        } => {
            let member = hands.member()?.id.0;
            let kept = written_answers(&answers);
            let quoting =
                insurance::quote(work, &hands.app.shelf, member, &product, term, answers).await;
            quoted(quoting, kept)
        }
        Insuring::Take {
            quote,
            beneficiary,
            from,
        } => take(hands, work, quote, beneficiary, from, key).await,
        Insuring::Pay {
            policy,
            terms,
            from,
        } => {
            let Some(member) = active_caller(hands, work).await? else {
                return Ok(Outcome::new("not_active"));
            };
            pay(hands, work, &member, policy, terms, from, key).await
        }
        Insuring::Cancel(policy) => cancel(hands, work, policy).await,
        Insuring::Check(typed) => {
            let asker = Asker::Phone(hands.turn.msisdn.clone());
            Ok(match insurance::prove(work, &asker, &typed).await? {
                Proof::Covered { until } => {
                    Outcome::new("yes").value("until_day", nairobi_date(until))
                }
                Proof::NotCovered => Outcome::new("no"),
                Proof::AskedTooOften => Outcome::new("too_many"),
            })
        }
    }
}

fn quoted(quoting: Result<Quoting<'_>, QuoteError>, kept: String) -> Result<Outcome, Fault> {
    Ok(match quoting {
        Ok(Quoting::Ask(_)) => Outcome::new("asks").value("answers", kept),
        Ok(Quoting::Quoted(quote)) => Outcome::new("quoted").value("quote", quote.id.0),
        // The documents have changed under the call.
        Err(QuoteError::NotSold | QuoteError::NotRated(_)) => Outcome::new("not_sold"),
        Err(QuoteError::Fault(fault)) => return Err(fault),
    })
}

async fn take(
    hands: &Performer<'_>,
    work: &mut Work,
    quote: QuoteId,
    beneficiary: Named,
    from: PayFrom,
    key: &str,
) -> Result<Outcome, Fault> {
    let Some(member) = active_caller(hands, work).await? else {
        return Ok(Outcome::new("not_active"));
    };
    let beneficiary = match beneficiary {
        Named::Other(name, msisdn) => Beneficiary { name, msisdn },
        Named::NextOfKin => {
            let kin = members::kin_of(work.conn(), member.id).await?;
            let kin = kin.ok_or_else(|| Fault::broken("a next of kin who has gone"))?;
            Beneficiary {
                name: kin.name,
                msisdn: kin.msisdn,
            }
        }
    };
    // A prompt that is out pays for the policy it was asked for, so that one must not give way to another.
    if from == PayFrom::Mpesa
        && let Some(asked) = open_premium(hands, work, &member).await?
    {
        return Ok(Outcome::new("already_asked").value("asked", asked.as_decimal()));
    }
    let asked = Take {
        member: member.id.0,
        quote,
        beneficiary,
    };
    let policy = match insurance::take(work, &hands.app.shelf, asked).await {
        Ok(policy) => policy,
        Err(TakeError::NotOffered) => return Ok(Outcome::new("over")),
        Err(TakeError::HasOne(_)) => return Ok(Outcome::new("has_one")),
        Err(TakeError::Fault(fault)) => return Err(fault),
    };
    pay(hands, work, &member, policy.id, 1, from, key).await
}

async fn pay(
    hands: &Performer<'_>,
    work: &mut Work,
    member: &DialledMember,
    policy: PolicyId,
    terms: u32,
    from: PayFrom,
    key: &str,
) -> Result<Outcome, Fault> {
    let (shelf, now) = (&hands.app.shelf, work.now);
    let price = insurance::price_of(work.conn(), shelf, member.id.0, policy, terms, now).await;
    let price = match price {
        Ok(price) => price,
        Err(PriceError::Fault(fault)) => return Err(fault),
        Err(_refused) => return Ok(Outcome::new("over")),
    };
    match from {
        PayFrom::Mpesa => by_mpesa(hands, work, member, policy, price.amount, key).await,
        PayFrom::Wallet => {
            from_wallet(hands, work, member, policy, (terms, price.amount), key).await
        }
    }
}

/// Asks M-PESA for a premium; the prompt comes when the call is over.
async fn by_mpesa(
    hands: &Performer<'_>,
    work: &mut Work,
    member: &DialledMember,
    policy: PolicyId,
    amount: Money,
    key: &str,
) -> Result<Outcome, Fault> {
    let request = Request {
        key: key.to_owned(),
        purpose: Purpose::Premium {
            member: member.id.0,
            policy: policy.0,
        },
        amount,
        payer: hands.turn.msisdn.clone(),
        language: member.language,
        ussd_session: Some(hands.turn.session.as_str().to_owned()),
    };
    match payments::request(work, &hands.app.payment_rules, request).await {
        Ok(requested) => Ok(joining::asked(work.now, requested)),
        Err(RequestError::JustAsked { amount, .. }) => {
            Ok(Outcome::new("just_asked").value("asked", amount.as_decimal()))
        }
        Err(RequestError::AlreadyAsked { amount }) => {
            Ok(Outcome::new("already_asked").value("asked", amount.as_decimal()))
        }
        Err(RequestError::Fault(fault)) => Err(fault),
        Err(refused) => Err(Fault::broken(format!(
            "a premium that cannot be asked for: {refused}"
        ))),
    }
}

async fn open_premium(
    hands: &Performer<'_>,
    work: &mut Work,
    member: &DialledMember,
) -> Result<Option<Money>, Fault> {
    let purpose = Purpose::Premium {
        member: member.id.0,
        policy: Uuid::nil(),
    };
    payments::open_request(work, &hands.app.payment_rules, &purpose).await
}

async fn from_wallet(
    hands: &Performer<'_>,
    work: &mut Work,
    member: &DialledMember,
    policy: PolicyId,
    (terms, amount): (u32, Money),
    key: &str,
) -> Result<Outcome, Fault> {
    let app = hands.app;
    // The deed's key makes its id, so that the same step of a call is the same premium for ever.
    let spend = Spend {
        id: Uuid::new_v5(&member.id.0, format!("premium {key}").as_bytes()),
        member: member.id.0,
        amount,
        limits: app.wallet_limits,
    };
    let paid = insurance::pay_from_wallet(work, &app.shelf, spend, policy, terms).await;
    let paid = match paid {
        Ok(paid) => paid,
        Err(PayError::Spend(refused)) => return refusal(refused),
        Err(PayError::Price(PriceError::Fault(fault)) | PayError::Fault(fault)) => {
            return Err(fault);
        }
        Err(PayError::Price(_)) => return Ok(Outcome::new("over")),
    };
    let issue = Issue {
        payment: spend.id,
        member: Some(member.id.0),
        amount,
        what: receipts::Purpose::Premium,
        provider_receipt: "WALLET".to_owned(),
    };
    let receipt = receipts::issue(work, &app.receipt_key, issue)
        .await
        .map_err(|error| match error {
            IssueError::Fault(fault) => fault,
            IssueError::IssuedOtherwise => Fault::broken("a wallet's premium has another receipt"),
        })?;
    let (code, once) = (receipt.code.as_str(), spend.id.to_string());
    insurance::tell_of_premium(work, &app.shelf, &paid.came, amount, code, &once).await?;
    let until = paid.came.period.map_or(work.now, |period| period.ends_at);
    Ok(Outcome::new("covered")
        .value("policy_no", number(&paid.came.policy))
        .value("until_day", nairobi_date(until))
        .value("wallet", paid.wallet.balance.as_decimal()))
}

async fn cancel(
    hands: &Performer<'_>,
    work: &mut Work,
    policy: PolicyId,
) -> Result<Outcome, Fault> {
    let member = hands.member()?.id.0;
    match insurance::cancel(work, &hands.app.shelf, policy, Some(member)).await {
        Ok(cancelled) => {
            let refund = cancelled.refund.amount;
            Ok(Outcome::new("cancelled").value("refund", refund.as_decimal()))
        }
        Err(CancelError::NoSuchPolicy | CancelError::NotNow(_)) => Ok(Outcome::new("over")),
        Err(CancelError::Fault(fault)) => Err(fault),
    }
}

/// Asked again at each deed: a member suspended since the session opened moves no money.
async fn active_caller(
    hands: &Performer<'_>,
    work: &mut Work,
) -> Result<Option<DialledMember>, Fault> {
    Ok(
        match members::at_dial(work.conn(), &hands.turn.msisdn).await? {
            AtDial::Member(member) if member.status == StatusWord::Active => Some(*member),
            _ => None,
        },
    )
}

fn refusal(refused: SpendError) -> Result<Outcome, Fault> {
    match refused {
        SpendError::NotEnough { balance } => {
            Ok(Outcome::new("not_enough").value("wallet", balance.as_decimal()))
        }
        SpendError::OverLimit { left_today, once } => Ok(Outcome::new("over_limit")
            .value("left_today", left_today.as_decimal())
            .value("once", once.as_decimal())),
        SpendError::Frozen => Ok(Outcome::new("frozen")),
        SpendError::ToOneself => Err(Fault::broken("a premium to oneself")),
        SpendError::Fault(fault) => Err(fault),
    }
}

fn number(policy: &Policy) -> String {
    let issued = policy.stage.issued();
    issued.map_or_else(String::new, |issued| issued.number.to_string())
}
