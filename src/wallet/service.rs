//! The deeds of the wallet. A refusal is known before the ledger is asked, so that the deed's transaction goes on.

use chrono::Datelike;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{Line, Recipient, Sent, Source, Spend, SpendError, What};
use super::store::{self, NewLine};
use crate::events::Event;
use crate::fault::Fault;
use crate::ledger::{self, Account, JournalId, Key, PostError, Posting, postings};
use crate::primitives::{Money, nairobi_date, nairobi_day_start};
use crate::welfare::{self, ContributionReceived, FundError, PaidFrom};
use crate::work::Work;

/// Money comes in from outside. `key` is the payment's own; the same again changes nothing.
pub async fn credit(
    work: &mut Work,
    member: Uuid,
    payment: Uuid,
    amount: Money,
    source: Source,
    key: Key,
) -> Result<(), Fault> {
    let posting = postings::wallet::wallet_topped_up(payment, member, amount)
        .map_err(|error| Fault::broken(format!("a payment that cannot be posted: {error}")))?;
    let posted = ledger::post(work, posting, key).await.map_err(refused)?;
    if posted.fresh {
        let now = work.now;
        let line = NewLine {
            member,
            what: source.into(),
            amount,
            other: None,
            journal: posted.journal,
        };
        store::insert(work.conn(), &line, now).await?;
        moved(work, member, What::from(source), amount).await?;
    }
    Ok(())
}

/// The member pays into the fund of a stage out of the wallet.
pub async fn contribute(work: &mut Work, spend: Spend, stage: i32) -> Result<Sent, SpendError> {
    let after = allowed(work, &spend).await?;
    let received = ContributionReceived {
        member: spend.member,
        stage,
        amount: spend.amount,
        payment: spend.id,
        provider_receipt: "WALLET".to_owned(),
        from: PaidFrom::Wallet,
    };
    let outcome = welfare::contribution_received(work, received)
        .await
        .map_err(|error| match error {
            FundError::Fault(fault) => fault,
            other => Fault::broken(format!("a contribution from a wallet: {other}")),
        })?;
    let welfare::Outcome::Booked(journal) = outcome else {
        return Ok(after);
    };
    let now = work.now;
    let line = NewLine {
        member: spend.member,
        what: What::Contribution,
        amount: spend.amount,
        other: None,
        journal,
    };
    store::insert(work.conn(), &line, now).await?;
    moved(work, spend.member, What::Contribution, spend.amount).await?;
    Ok(after)
}

/// The member pays the association out of the wallet. The journal is for the invoice that it pays.
pub async fn pay_dues(work: &mut Work, spend: Spend) -> Result<(Sent, JournalId), SpendError> {
    let after = allowed(work, &spend).await?;
    let posting = postings::dues::dues_from_wallet(spend.id, spend.member, spend.amount)
        .map_err(|error| Fault::broken(format!("dues that cannot be posted: {error}")))?;
    let posted = ledger::post(work, posting, Key::of("dues_from_wallet", spend.id))
        .await
        .map_err(refused)?;
    if posted.fresh {
        let now = work.now;
        let line = NewLine {
            member: spend.member,
            what: What::Dues,
            amount: spend.amount,
            other: None,
            journal: posted.journal,
        };
        store::insert(work.conn(), &line, now).await?;
        moved(work, spend.member, What::Dues, spend.amount).await?;
    }
    Ok((after, posted.journal))
}

/// One member sends money to another. It costs nothing.
pub async fn send(work: &mut Work, spend: Spend, to: Uuid) -> Result<Sent, SpendError> {
    if to == spend.member {
        return Err(SpendError::ToOneself);
    }
    let after = allowed(work, &spend).await?;
    let posting: Posting = postings::wallet::wallet_sent(spend.id, spend.member, to, spend.amount)
        .map_err(|error| Fault::broken(format!("money that cannot be sent: {error}")))?;
    let posted = ledger::post(work, posting, Key::of("wallet_sent", spend.id))
        .await
        .map_err(refused)?;
    if posted.fresh {
        let now = work.now;
        for (member, what, other) in [
            (spend.member, What::Sent, to),
            (to, What::Received, spend.member),
        ] {
            let line = NewLine {
                member,
                what,
                amount: spend.amount,
                other: Some(other),
                journal: posted.journal,
            };
            store::insert(work.conn(), &line, now).await?;
        }
        moved(work, spend.member, What::Sent, spend.amount).await?;
    }
    Ok(after)
}

/// Money leaves the wallet for the member's own M-PESA: it is held until it has arrived. The amount is all that is taken.
pub async fn withdraw(work: &mut Work, spend: Spend) -> Result<(Sent, JournalId), SpendError> {
    let after = allowed(work, &spend).await?;
    let posting = postings::payouts::withdrawal_held(spend.id, spend.member, spend.amount)
        .map_err(|error| Fault::broken(format!("money that cannot be withdrawn: {error}")))?;
    let posted = ledger::post(work, posting, Key::of("payout_held", spend.id))
        .await
        .map_err(refused)?;
    if posted.fresh {
        let now = work.now;
        let line = NewLine {
            member: spend.member,
            what: What::Withdrawn,
            amount: spend.amount,
            other: None,
            journal: posted.journal,
        };
        store::insert(work.conn(), &line, now).await?;
        moved(work, spend.member, What::Withdrawn, spend.amount).await?;
    }
    Ok((after, posted.journal))
}

/// M-PESA could not pay a withdrawal: all that was taken is back, even in a wallet that was frozen meanwhile.
pub async fn withdrawal_returned(
    work: &mut Work,
    member: Uuid,
    payout: Uuid,
    taken: Money,
    hold: JournalId,
) -> Result<JournalId, Fault> {
    let posting = postings::payouts::withdrawal_returned(payout, hold, member, taken)
        .map_err(|error| Fault::broken(format!("a withdrawal that cannot return: {error}")))?;
    let posted = ledger::post(work, posting, Key::of("payout_returned", payout))
        .await
        .map_err(refused)?;
    if posted.fresh {
        let now = work.now;
        let line = NewLine {
            member,
            what: What::WithdrawalReturned,
            amount: taken,
            other: None,
            journal: posted.journal,
        };
        store::insert(work.conn(), &line, now).await?;
        moved(work, member, What::WithdrawalReturned, taken).await?;
    }
    Ok(posted.journal)
}

/// Holds the wallet and looks at everything that could stand against the spending; says how it stands afterwards.
pub async fn allowed(work: &mut Work, spend: &Spend) -> Result<Sent, SpendError> {
    if store::lock(work.conn(), spend.member).await? {
        return Err(SpendError::Frozen);
    }
    let today = nairobi_date(work.now);
    let (day_start, month_start) = (
        nairobi_day_start(today),
        nairobi_day_start(today.with_day(1).unwrap_or(today)),
    );
    let spent = store::spent(work.conn(), spend.member, day_start, month_start).await?;
    let balance = ledger::balance(work.conn(), Account::Wallet(spend.member)).await?;
    if balance < spend.amount {
        return Err(SpendError::NotEnough { balance });
    }
    let left_today = spend.limits.left(spent);
    if !spend.limits.allow(spent, spend.amount) {
        return Err(SpendError::OverLimit {
            left_today,
            once: spend.limits.once,
        });
    }
    Ok(Sent {
        balance: balance - spend.amount,
        left_today: left_today - spend.amount,
    })
}

/// Writes down in the wallet's book what another room has posted in this work, such as a loan that was paid in. Whoever took
/// money out has asked [`allowed`] before.
pub async fn note(
    work: &mut Work,
    member: Uuid,
    what: What,
    amount: Money,
    journal: JournalId,
) -> Result<(), Fault> {
    let now = work.now;
    let line = NewLine {
        member,
        what,
        amount,
        other: None,
        journal,
    };
    store::insert(work.conn(), &line, now).await?;
    moved(work, member, what, amount).await
}

/// Nothing leaves the wallet any more. False when it was so already.
pub async fn freeze(work: &mut Work, member: Uuid) -> Result<bool, Fault> {
    let now = work.now;
    let changed = store::set_frozen(work.conn(), member, Some(now)).await?;
    if changed {
        work.record(WalletFrozen {
            member,
            frozen: true,
        })
        .await?;
    }
    Ok(changed)
}

/// Staff have spoken with the owner: money may leave again. False when it was so already.
pub async fn thaw(work: &mut Work, member: Uuid) -> Result<bool, Fault> {
    let changed = store::set_frozen(work.conn(), member, None).await?;
    if changed {
        work.record(WalletFrozen {
            member,
            frozen: false,
        })
        .await?;
    }
    Ok(changed)
}

pub async fn is_frozen(conn: &mut PgConnection, member: Uuid) -> Result<bool, Fault> {
    store::is_frozen(conn, member).await
}

/// The last movements, newest first.
pub async fn lines(conn: &mut PgConnection, member: Uuid) -> Result<Vec<Line>, Fault> {
    store::lines(conn, member, LINES_MAX).await
}

/// To whom the member sent money last, the latest first.
pub async fn last_recipients(
    conn: &mut PgConnection,
    member: Uuid,
) -> Result<Vec<Recipient>, Fault> {
    store::last_recipients(conn, member, RECIPIENTS_MAX).await
}

/// A mini statement is a few pages on a phone.
const LINES_MAX: i64 = 20;
const RECIPIENTS_MAX: i64 = 5;

async fn moved(work: &mut Work, member: Uuid, what: What, amount: Money) -> Result<(), Fault> {
    work.record(WalletMoved {
        member,
        what: what.as_str(),
        cents: amount.cents(),
    })
    .await
}

fn refused(error: PostError) -> Fault {
    match error {
        PostError::Fault(fault) => fault,
        other => Fault::broken(format!("the ledger refused a wallet's movement: {other}")),
    }
}

#[derive(Serialize)]
struct WalletMoved {
    member: Uuid,
    what: &'static str,
    cents: i64,
}

impl Event for WalletMoved {
    const NAME: &'static str = "wallet.moved";
    fn subject(&self) -> Uuid {
        self.member
    }
}

#[derive(Serialize)]
struct WalletFrozen {
    member: Uuid,
    frozen: bool,
}

impl Event for WalletFrozen {
    const NAME: &'static str = "wallet.frozen";
    fn subject(&self) -> Uuid {
        self.member
    }
}
