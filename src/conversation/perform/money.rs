//! Balances, contributions and receipts on the phone.

use super::{Performer, joining};
use crate::contributing::{self, Contribute, ContributeError, Contributing, Destination};
use crate::fault::Fault;
use crate::ledger::{self, Account};
use crate::menu::Outcome;
use crate::primitives::{Money, nairobi_date};
use crate::receipts::{self, Answer, CheckCode};
use crate::welfare::{self, Status};
use crate::work::Work;

pub(super) async fn balances(hands: &Performer<'_>) -> Result<Outcome, Fault> {
    let member = hands.member()?;
    let today = nairobi_date(hands.app.clock.now());
    let mut conn = hands.app.pool.acquire().await?;
    let standing = welfare::standing_of(&mut conn, member.id.0, today).await?;
    let accounts = [Account::Wallet(member.id.0), Account::Fund(member.stage.0)];
    let [wallet, fund] = ledger::balances(&mut conn, accounts).await?;
    let forgiven = welfare::forgiven_to(&mut conn, member.id.0).await?;
    let shown = Outcome::new("shown")
        .value("forgiven", forgiven.as_decimal())
        .condition("was_forgiven", forgiven.is_positive())
        .value("wallet", wallet.as_decimal())
        .value("fund_balance", fund.as_decimal());
    Ok(match standing.map(|standing| standing.status) {
        Some(Status::Behind { by, since }) => shown
            .value("arrears", by.as_decimal())
            .value("since", since)
            .value("paid_until", "")
            .condition("behind", true),
        Some(Status::PaidUp { until }) => shown
            .value("arrears", "0")
            .value("since", "")
            .value("paid_until", until)
            .condition("behind", false),
        // A stage without a plan asks nothing of anybody: paid up to today.
        None => shown
            .value("arrears", "0")
            .value("since", "")
            .value("paid_until", today)
            .condition("behind", false),
    })
}

/// Asks M-PESA for money into the fund or the wallet; the prompt comes when the call is over.
pub(super) async fn pay_in(
    hands: &Performer<'_>,
    work: &mut Work,
    into: Destination,
    amount: Money,
    key: String,
) -> Result<Outcome, Fault> {
    let asked = Contribute {
        into,
        payer: hands.turn.msisdn.clone(),
        amount,
        key,
        ussd_session: Some(hands.turn.session.as_str().to_owned()),
    };
    match contributing::contribute(work, &hands.app.payment_rules, asked).await {
        Ok(Contributing { requested, .. }) => Ok(joining::asked(work.now, requested)),
        Err(ContributeError::NotAMember | ContributeError::NotActive(_)) => {
            Ok(Outcome::new("not_active"))
        }
        Err(ContributeError::NotPossible) => Ok(Outcome::new("not_possible")),
        Err(ContributeError::JustAsked { amount }) => {
            Ok(Outcome::new("just_asked").value("asked", amount.as_decimal()))
        }
        Err(ContributeError::AlreadyAsked { amount }) => {
            Ok(Outcome::new("already_asked").value("asked", amount.as_decimal()))
        }
        Err(ContributeError::Fault(fault)) => Err(fault),
    }
}

pub(super) async fn look_up_receipt(
    hands: &Performer<'_>,
    work: &mut Work,
    typed: &str,
) -> Result<Outcome, Fault> {
    let Ok(code) = CheckCode::parse(typed) else {
        return Ok(Outcome::new("unknown"));
    };
    Ok(
        match receipts::ask(work, &hands.turn.msisdn, &code).await? {
            Answer::Genuine(receipt) => Outcome::new("genuine")
                .value("amount", receipt.amount.as_decimal())
                .value(
                    "who",
                    receipt
                        .payer
                        .map_or_else(|| "M-PESA".to_owned(), |payer| payer.to_string()),
                )
                .value("day", nairobi_date(receipt.at)),
            Answer::Unknown => Outcome::new("unknown"),
            Answer::AskedTooOften => Outcome::new("too_many"),
        },
    )
}
