//! The wallet on the phone.

use uuid::Uuid;

use super::Performer;
use crate::app::App;
use crate::fault::Fault;
use crate::ledger::{self, Account};
use crate::members::{self, AtDial, DialledMember, Member, MemberId, StatusWord, Who};
use crate::membership::{self, Doing};
use crate::menu::Outcome;
use crate::messages::{self, Class, Message, Values};
use crate::primitives::{Money, nairobi_date};
use crate::receipts::{self, Issue, IssueError};
use crate::stages;
use crate::wallet::{self, Sent, Spend, SpendError};
use crate::welfare::{self, Status};
use crate::work::Work;

/// Who is meant by a phone or member number: their first name, an initial and their stage, so that money does not go to a
/// stranger by one wrong digit.
pub(super) async fn find_recipient(hands: &Performer<'_>, typed: &str) -> Result<Outcome, Fault> {
    let caller = hands.member()?.id;
    let mut conn = hands.app.pool.acquire().await?;
    let found = match Who::parse(typed) {
        Some(who) => members::find(&mut conn, &who).await?,
        None => None,
    };
    let Some(member) = found.filter(|member| member.status.word() == StatusWord::Active) else {
        return Ok(Outcome::new("nobody"));
    };
    if member.id == caller {
        return Ok(Outcome::new("oneself"));
    }
    let stage = stages::find(&mut conn, member.stage).await?;
    let stage = stage.ok_or_else(|| Fault::broken("a member's stage is gone"))?;
    Ok(Outcome::new("found")
        .value("recipient_id", member.id.0)
        .value("their_name", short_name(&member))
        .value("their_stage", stage.name))
}

pub(super) async fn send(
    hands: &Performer<'_>,
    work: &mut Work,
    to: MemberId,
    amount: Money,
    key: &str,
) -> Result<Outcome, Fault> {
    let Some(sender) = active_caller(hands, work).await? else {
        return Ok(Outcome::new("not_active"));
    };
    let now = work.now;
    if let Some(membership) = membership::of(work.conn(), sender.id, now).await?
        && !membership::allows(membership.standing(nairobi_date(now)), Doing::SendMoney)
    {
        return Ok(Outcome::new("lapsed"));
    }
    let recipient = members::load(work.conn(), to).await?;
    let Some(recipient) = recipient.filter(|one| one.status.word() == StatusWord::Active) else {
        return Ok(Outcome::new("nobody"));
    };
    let spend = spend(hands.app, &sender, amount, "send", key);
    let after = match wallet::send(work, spend, to.0).await {
        Ok(after) => after,
        Err(refused) => return refusal(refused),
    };
    let sender_name = members::load(work.conn(), sender.id)
        .await?
        .map_or_else(String::new, |member| short_name(&member));
    let theirs = ledger::balance(work.conn(), Account::Wallet(to.0)).await?;
    let said = Values::new()
        .money("amount", amount)
        .words("to", short_name(&recipient))
        .money("balance", after.balance)
        .money("left", after.left_today);
    let heard = Values::new()
        .money("amount", amount)
        .words("from", sender_name)
        .money("balance", theirs);
    for (to, language, template, values) in [
        (
            hands.turn.msisdn.clone(),
            sender.language,
            "wallet.sent",
            said,
        ),
        (
            recipient.msisdn.clone(),
            recipient.language,
            "wallet.received",
            heard,
        ),
    ] {
        let message = Message {
            key: Some(format!("{template}:{}", spend.id)),
            about: Some(spend.id),
            ..Message::new(to, language, Class::Money, template, values)
        };
        messages::send(work, message).await?;
    }
    Ok(spent("sent", after))
}

pub(super) async fn contribute(
    hands: &Performer<'_>,
    work: &mut Work,
    amount: Money,
    key: &str,
) -> Result<Outcome, Fault> {
    let Some(member) = active_caller(hands, work).await? else {
        return Ok(Outcome::new("not_active"));
    };
    let spend = spend(hands.app, &member, amount, "contribute", key);
    let after = match wallet::contribute(work, spend, member.stage.0).await {
        Ok(after) => after,
        Err(refused) => return refusal(refused),
    };
    let issue = Issue {
        payment: spend.id,
        member: Some(member.id.0),
        amount,
        what: receipts::Purpose::Contribution,
        provider_receipt: "WALLET".to_owned(),
    };
    let receipt = receipts::issue(work, &hands.app.receipt_key, issue)
        .await
        .map_err(|error| match error {
            IssueError::Fault(fault) => fault,
            IssueError::IssuedOtherwise => {
                Fault::broken("a wallet's contribution has another receipt")
            }
        })?;
    let today = nairobi_date(work.now);
    let standing = welfare::standing_of(work.conn(), member.id.0, today).await?;
    let values = Values::new()
        .money("amount", amount)
        .money("balance", after.balance)
        .code("code", receipt.code.as_str());
    let (template, values) = match standing.map(|standing| standing.status) {
        Some(Status::Behind { by, .. }) => {
            ("wallet.contributed_behind", values.money("arrears", by))
        }
        Some(Status::PaidUp { until }) => ("wallet.contributed", values.date("until", until)),
        None => ("wallet.contributed", values.date("until", today)),
    };
    let message = Message {
        key: Some(format!("payment:{}:receipt", spend.id)),
        about: Some(spend.id),
        ..Message::new(
            hands.turn.msisdn.clone(),
            member.language,
            Class::Money,
            template,
            values,
        )
    };
    messages::send(work, message).await?;
    Ok(spent("paid", after))
}

/// Asked again at each deed: a member suspended since the session opened moves no money.
pub(super) async fn active_caller(
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

/// The deed's key makes its id, so that the same step of a call is the same movement for ever.
fn spend(app: &App, member: &DialledMember, amount: Money, what: &str, key: &str) -> Spend {
    let name = format!("wallet {what} {key}");
    Spend {
        id: Uuid::new_v5(&member.id.0, name.as_bytes()),
        member: member.id.0,
        amount,
        limits: app.wallet_limits,
    }
}

fn spent(outcome: &'static str, after: Sent) -> Outcome {
    Outcome::new(outcome)
        .value("wallet", after.balance.as_decimal())
        .value("left_today", after.left_today.as_decimal())
}

pub(super) fn refusal(refused: SpendError) -> Result<Outcome, Fault> {
    match refused {
        SpendError::NotEnough { balance } => {
            Ok(Outcome::new("not_enough").value("wallet", balance.as_decimal()))
        }
        SpendError::OverLimit { left_today, once } => Ok(Outcome::new("over_limit")
            .value("left_today", left_today.as_decimal())
            .value("once", once.as_decimal())),
        SpendError::Frozen => Ok(Outcome::new("frozen")),
        SpendError::ToOneself => Ok(Outcome::new("nobody")),
        SpendError::Fault(fault) => Err(fault),
    }
}

/// `Juma O.`: enough to know somebody by, at most fourteen characters.
pub(super) fn short_name(member: &Member) -> String {
    let first: String = member.first_name.as_str().chars().take(11).collect();
    match member.last_name.as_str().chars().next() {
        Some(initial) => format!("{first} {initial}."),
        None => first,
    }
}
