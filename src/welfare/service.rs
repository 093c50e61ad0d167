//! The deeds of the welfare fund, and its answers to members.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{ContributionReceived, FundStatement, History, PaidFrom, SupportHeld};
use super::plan::Plan;
use super::standing::{Standing, latest_due_day, owed, standing};
use super::store;
use crate::events::Event;
use crate::fault::Fault;
use crate::ledger::{self, JournalId, Key, PostError, postings};
use crate::primitives::{Money, nairobi_date, nairobi_day_start};
use crate::work::Work;

/// What telling the fund about a payment has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Booked(JournalId),
    /// The fund knew this payment already; nothing has changed.
    AlreadyDone(JournalId),
}

/// Why the fund's book was not changed. The transaction is spent when the ledger was the one to refuse.
#[derive(Debug, thiserror::Error)]
pub enum FundError {
    #[error("the payment was booked for somebody or something else before")]
    BookedOtherwise,
    #[error(transparent)]
    Refused(#[from] PostError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Credits a stage's fund with a rider's payment.
pub async fn contribution_received(
    work: &mut Work,
    received: ContributionReceived,
) -> Result<Outcome, FundError> {
    let (payment, member) = (received.payment, received.member);
    let (stage, amount) = (received.stage, received.amount);
    let posting = match received.from {
        PaidFrom::Mpesa => postings::contribution_received(payment, stage, amount),
        PaidFrom::Wallet => {
            postings::wallet::contribution_from_wallet(payment, member, stage, amount)
        }
    }
    .map_err(PostError::from)?;
    let posted = ledger::post(work, posting, Key::of("payment", received.payment))
        .await
        .map_err(booked_otherwise)?;
    if !posted.fresh {
        // The ledger has compared stage and amount; whose it is, only our own book knows.
        let booked = store::contributor(work.conn(), received.payment).await?;
        return if booked == Some(received.member) {
            Ok(Outcome::AlreadyDone(posted.journal))
        } else {
            Err(FundError::BookedOtherwise)
        };
    }
    let now = work.now;
    store::insert_contribution(work.conn(), &received, posted.journal, now).await?;
    work.record(Contributed {
        member: received.member,
        stage: received.stage,
        cents: received.amount.cents(),
        payment: received.payment,
    })
    .await?;
    Ok(Outcome::Booked(posted.journal))
}

/// A stage's fund stands by one of its members: the money leaves it now and is held until it has arrived. Refused with
/// [`PostError::Overdrawn`] when the fund lacks it.
pub async fn support_held(work: &mut Work, held: SupportHeld) -> Result<Outcome, FundError> {
    let posting = postings::payouts::support_held(held.payout, held.stage, held.amount)
        .map_err(PostError::from)?;
    let posted = ledger::post(work, posting, Key::of("payment", held.payout))
        .await
        .map_err(booked_otherwise)?;
    if !posted.fresh {
        let booked = store::supported(work.conn(), posted.journal).await?;
        return if booked == Some(held.member) {
            Ok(Outcome::AlreadyDone(posted.journal))
        } else {
            Err(FundError::BookedOtherwise)
        };
    }
    let now = work.now;
    store::insert_support(work.conn(), &held, posted.journal, now).await?;
    work.record(Supported {
        member: held.member,
        stage: held.stage,
        cents: held.amount.cents(),
        payment: held.payout,
    })
    .await?;
    Ok(Outcome::Booked(posted.journal))
}

/// What was held for a member could not be brought to them: it is back in the fund, and the fund's book says so.
pub async fn support_returned(
    work: &mut Work,
    member: Uuid,
    stage: i32,
    payout: Uuid,
    amount: Money,
    hold: JournalId,
) -> Result<JournalId, Fault> {
    let posting = postings::payouts::support_returned(payout, hold, stage, amount)
        .map_err(|error| Fault::broken(format!("support that cannot return: {error}")))?;
    let posted = ledger::post(work, posting, Key::of("payout_returned", payout))
        .await
        .map_err(|error| match error {
            PostError::Fault(fault) => fault,
            refused => Fault::broken(format!("the ledger refused a support's return: {refused}")),
        })?;
    if posted.fresh {
        let now = work.now;
        store::insert_support_returned(work.conn(), (member, stage), amount, posted.journal, now)
            .await?;
    }
    Ok(posted.journal)
}

/// From `plan.starts_on` on, this category (`rider`, `owner`, `official`) of the stage pays by this plan. Once more is no change; a
/// different plan from the same day is a fault of the caller's.
pub async fn adopt_plan(
    work: &mut Work,
    stage: i32,
    category: &str,
    plan: &Plan,
) -> Result<(), Fault> {
    store::insert_plan(work.conn(), stage, category, plan).await
}

/// Since when and how much a member has contributed.
pub async fn history_of(conn: &mut PgConnection, member: Uuid) -> Result<History, Fault> {
    store::history(conn, member).await
}

/// How a member stands today (a Nairobi day). None for somebody not approved yet, or whose stage has no plan for their category.
pub async fn standing_of(
    conn: &mut PgConnection,
    member: Uuid,
    today: NaiveDate,
) -> Result<Option<Standing>, Fault> {
    let facts = store::what_was_agreed_and_paid(conn, member).await?;
    Ok(facts.map(|facts| {
        standing(
            &facts.schedule,
            nairobi_date(facts.approved_at),
            facts.settled(),
            today,
        )
    }))
}

/// What somebody's due day comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueNow {
    /// The latest due day that has come.
    pub day: NaiveDate,
    /// Everything that fell due up to today and is not settled, today's with it.
    pub owed: Money,
}

/// What a member owes today, with what falls due today. None before their first due day, and where nothing is asked of them.
pub async fn due_now(
    conn: &mut PgConnection,
    member: Uuid,
    today: NaiveDate,
) -> Result<Option<DueNow>, Fault> {
    let facts = store::what_was_agreed_and_paid(conn, member).await?;
    Ok(facts.and_then(|facts| {
        let since = nairobi_date(facts.approved_at);
        let day = latest_due_day(&facts.schedule, since, today)?;
        let owed = owed(&facts.schedule, since, facts.settled(), today);
        Some(DueNow { day, owed })
    }))
}

/// Total, this month, and the last movements of a stage's fund, in one round trip.
pub async fn fund_statement(
    conn: &mut PgConnection,
    stage: i32,
    now: DateTime<Utc>,
) -> Result<FundStatement, Fault> {
    let today = nairobi_date(now);
    let month_start = nairobi_day_start(today.with_day(1).unwrap_or(today));
    store::fund_statement(conn, stage, month_start).await
}

/// A rider's payment reached the fund of a stage.
#[derive(Serialize)]
struct Contributed {
    member: Uuid,
    stage: i32,
    cents: i64,
    payment: Uuid,
}

impl Event for Contributed {
    const NAME: &'static str = "welfare.contributed";
    fn subject(&self) -> Uuid {
        self.member
    }
}

/// The fund of a stage has paid for a member.
#[derive(Serialize)]
struct Supported {
    member: Uuid,
    stage: i32,
    cents: i64,
    payment: Uuid,
}

impl Event for Supported {
    const NAME: &'static str = "welfare.supported";
    fn subject(&self) -> Uuid {
        self.member
    }
}

fn booked_otherwise(refused: PostError) -> FundError {
    match refused {
        PostError::KeyReused => FundError::BookedOtherwise,
        other => FundError::Refused(other),
    }
}
