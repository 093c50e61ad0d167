//! The deeds of the welfare fund, and its answers to members.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{ContributionReceived, FundStatement, History, PaidFrom, SupportPaid};
use super::plan::Plan;
use super::standing::{Standing, standing};
use super::store;
use crate::events::Event;
use crate::fault::Fault;
use crate::ledger::{self, JournalId, Key, PostError, postings};
use crate::primitives::{nairobi_date, nairobi_day_start};
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

/// Writes down that a stage's fund has paid for one of its members. Refused with [`PostError::Overdrawn`] when the fund lacks it.
pub async fn support_paid(work: &mut Work, paid: SupportPaid) -> Result<Outcome, FundError> {
    let posting = postings::fund_support_paid(paid.payment, paid.stage, paid.amount)
        .map_err(PostError::from)?;
    let posted = ledger::post(work, posting, Key::of("payment", paid.payment))
        .await
        .map_err(booked_otherwise)?;
    if !posted.fresh {
        let booked = store::supported(work.conn(), posted.journal).await?;
        return if booked == Some(paid.member) {
            Ok(Outcome::AlreadyDone(posted.journal))
        } else {
            Err(FundError::BookedOtherwise)
        };
    }
    let now = work.now;
    store::insert_support(work.conn(), &paid, posted.journal, now).await?;
    work.record(Supported {
        member: paid.member,
        stage: paid.stage,
        cents: paid.amount.cents(),
        payment: paid.payment,
    })
    .await?;
    Ok(Outcome::Booked(posted.journal))
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
            facts.contributed,
            today,
        )
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
