//! Asking M-PESA what it has, taking in what we lack, and comparing: by hand for a day, and by itself.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use tracing::{error, info, warn};

use super::compare::clock_of;
use super::model::{PulledRow, Report, Theirs};
use super::service::{self, bounds, total};
use super::statement::Statement;
use super::store::{self, Told as Source};
use crate::fault::Fault;
use crate::payments::jobs::{PaymentsDesk, take_in};
use crate::payments::{self, PaybillPayment, PhoneHint, Receipt};
use crate::primitives::{Money, nairobi_date};
use crate::work::{Actor, Work};

/// What the handlers stand on.
#[derive(Clone)]
pub struct ReconcilingDesk {
    pub payments: PaymentsDesk,
}

/// How far a comparison is, for whoever waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    Asking,
    Pulled {
        payments: usize,
        total: Money,
    },
    NotPulled {
        why: String,
    },
    Stated {
        payments: usize,
        total: Money,
        outgoing: usize,
        outgoing_total: Money,
        not_completed: usize,
    },
    TakingIn {
        payments: usize,
    },
    Comparing,
}

/// Hears of [`Progress`].
pub type Told<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// Why a day was not compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error("{0} has not begun")]
    NotBegun(NaiveDate),
    #[error("the statement tells of {first} to {last}, and nothing of {day}")]
    NotInStatement {
        day: NaiveDate,
        first: NaiveDate,
        last: NaiveDate,
    },
    #[error("the statement holds no payment")]
    EmptyStatement,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// M-PESA tells of this much of the past (Daraja, Pull Transactions).
const PULLED_BACK: TimeDelta = TimeDelta::hours(48);
/// A payment in the last seconds of a day may reach their records a little later.
const RECORDS_LATE: TimeDelta = TimeDelta::minutes(15);

/// Compares a Nairobi day, with their statement of it if there is one. What their records alone know is taken in first.
/// Repeating it, or being cut off in it and beginning again, changes nothing but what has become true meanwhile.
pub async fn reconcile(
    desk: &ReconcilingDesk,
    day: NaiveDate,
    statement: Option<&Statement>,
    by: Actor,
    told: Told<'_>,
) -> Result<Report, ReconcileError> {
    let (from, to) = bounds(day);
    let now = desk.payments.clock.now();
    if from > now {
        return Err(ReconcileError::NotBegun(day));
    }
    if let Some(statement) = statement {
        keep_stated(desk, day, statement, told).await?;
    }
    let whole_day_was_pulled = match to + PULLED_BACK < now {
        true => {
            let why = "M-PESA tells of the last 48 hours only".to_owned();
            told(Progress::NotPulled { why });
            false
        }
        false => {
            told(Progress::Asking);
            let pulled = pull(desk, from, to, told).await?;
            pulled && from + PULLED_BACK >= now
        }
    };
    take_in_missing(desk, from, to, told).await?;

    told(Progress::Comparing);
    let is_over = now >= to + RECORDS_LATE;
    let complete = is_over && (statement.is_some() || whole_day_was_pulled);
    let mut work = Work::begin(&desk.payments.pool, now, by).await?;
    let report = service::compare_day(&mut work, day, complete).await?;
    work.commit().await?;
    Ok(report)
}

async fn keep_stated(
    desk: &ReconcilingDesk,
    day: NaiveDate,
    statement: &Statement,
    told: Told<'_>,
) -> Result<(), ReconcileError> {
    let payments = statement.of_day(day);
    if payments.is_empty() {
        let (first, last) = statement.days().ok_or(ReconcileError::EmptyStatement)?;
        return Err(ReconcileError::NotInStatement { day, first, last });
    }
    keep(desk, &payments, Source::Statement).await?;
    told(Progress::Stated {
        payments: payments.len(),
        total: total(&payments),
        outgoing: statement.outgoing,
        outgoing_total: statement.outgoing_total,
        not_completed: statement.not_completed,
    });
    Ok(())
}

async fn keep(desk: &ReconcilingDesk, records: &[Theirs], from: Source) -> Result<(), Fault> {
    let now = desk.payments.clock.now();
    let mut work = Work::begin(&desk.payments.pool, now, Actor::System).await?;
    store::keep(work.conn(), records, from, now).await?;
    work.commit().await
}

/// Asks for their payments and keeps them. True when they answered: an answer that names nothing is none while we have payments of
/// that time.
async fn pull(
    desk: &ReconcilingDesk,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    told: Told<'_>,
) -> Result<bool, Fault> {
    let now = desk.payments.clock.now();
    let from = from.max(now - PULLED_BACK);
    let rows = match desk.payments.mpesa.pull(from, to.min(now)).await {
        Ok(rows) => rows,
        Err(failure) => {
            let why = failure.to_string();
            told(Progress::NotPulled { why });
            return Ok(false);
        }
    };
    let mut conn = desk.payments.pool.acquire().await?;
    let names: Vec<String> = rows.iter().map(|row| row.receipt.to_string()).collect();
    let known = payments::came(&mut conn, from, to, &names).await?;
    drop(conn);
    if rows.is_empty() && !known.is_empty() {
        let why = "M-PESA says that it has nothing, and we have some".to_owned();
        told(Progress::NotPulled { why });
        return Ok(false);
    }
    let heard_at = |receipt: &Receipt| {
        let came = known
            .iter()
            .find(|came| came.receipt.as_ref() == Some(receipt));
        // What the records themselves told says nothing about their clock.
        came.filter(|came| !came.from_records).map(|came| came.at)
    };
    let clock = clock_of(&rows, heard_at);
    let records: Vec<Theirs> = rows
        .into_iter()
        .map(|row| {
            let offset = TimeDelta::seconds(clock.local_minus_utc().into());
            let PulledRow {
                receipt,
                amount,
                written,
                account,
                payer_hint,
                ..
            } = row;
            let at = written.and_utc() - offset;
            Theirs {
                receipt,
                amount,
                at,
                account,
                payer_hint,
            }
        })
        .collect();
    keep(desk, &records, Source::Pull).await?;
    told(Progress::Pulled {
        payments: records.len(),
        total: total(&records),
    });
    Ok(true)
}

/// Each in a transaction of its own: one that cannot be taken in holds up no other.
async fn take_in_missing(
    desk: &ReconcilingDesk,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    told: Told<'_>,
) -> Result<(), Fault> {
    let mut conn = desk.payments.pool.acquire().await?;
    let missing = service::missing(&mut conn, from, to).await?;
    drop(conn);
    if missing.is_empty() {
        return Ok(());
    }
    told(Progress::TakingIn {
        payments: missing.len(),
    });
    for record in missing {
        let receipt = record.receipt.clone();
        match take_in(&desk.payments, confirmation(desk, record)).await {
            Ok(()) => {
                warn!(target: "financial", receipt = receipt.as_str(), "M-PESA's records told of a payment that nobody else had told of")
            }
            Err(fault) => {
                error!(target: "financial", receipt = receipt.as_str(), "A payment of M-PESA's records could not be taken in: {fault}")
            }
        }
    }
    Ok(())
}

/// What the confirmation would have said.
fn confirmation(desk: &ReconcilingDesk, record: Theirs) -> PaybillPayment {
    PaybillPayment {
        receipt: record.receipt,
        amount: record.amount,
        shortcode: desk.payments.rules.shortcode.clone(),
        account: PaybillPayment::normalise_account(&record.account),
        phone: record.payer_hint.map(PhoneHint::new),
    }
}

/// How far back the regular look goes; it comes round every quarter of an hour.
const LOOK_BACK: TimeDelta = TimeDelta::hours(2);
/// A confirmation that is on its way need not be pulled.
const ON_ITS_WAY: TimeDelta = TimeDelta::minutes(2);
/// From midnight on, when the records of the day are whole.
const NOT_BEFORE: TimeDelta = TimeDelta::hours(1);
/// M-PESA tells of half a day and calls it the whole: what differs is asked for again, as long as it can be.
const AGAIN_AFTER: TimeDelta = TimeDelta::hours(1);

/// Takes in what was lost lately, and compares yesterday once it is over, and the day before if that did not succeed. It looks at
/// what has been done: a missed turn never matters.
pub async fn look(desk: &ReconcilingDesk) -> Result<(), Fault> {
    let now = desk.payments.clock.now();
    let (from, to) = (now - LOOK_BACK, now - ON_ITS_WAY);
    let mut quietly = |_: Progress| {};
    if pull(desk, from, to, &mut quietly).await? {
        take_in_missing(desk, from, to, &mut quietly).await?;
    }
    let today = nairobi_date(now);
    if now < bounds(today).0 + NOT_BEFORE {
        return Ok(());
    }
    let yesterday = today.pred_opt();
    let before = yesterday.and_then(|day| day.pred_opt());
    for day in [before, yesterday].into_iter().flatten() {
        compare_unless_done(desk, day, now).await?;
    }
    Ok(())
}

async fn compare_unless_done(
    desk: &ReconcilingDesk,
    day: NaiveDate,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let mut conn = desk.payments.pool.acquire().await?;
    let last = store::last_comparison(&mut conn, day).await?;
    drop(conn);
    if last.is_some_and(|(at, agreed)| agreed || now < at + AGAIN_AFTER) {
        return Ok(());
    }
    match reconcile(desk, day, None, Actor::System, &mut |_| {}).await {
        Ok(report) if report.open.is_empty() => {
            info!(target: "financial", %day, complete = report.complete, "M-PESA and our books agree");
            Ok(())
        }
        Ok(report) => {
            error!(target: "financial", %day, open = report.open.len(), "M-PESA and our books differ");
            Ok(())
        }
        Err(ReconcileError::Fault(fault)) => Err(fault),
        Err(refused) => Err(Fault::broken(format!("comparing {day}: {refused}"))),
    }
}
