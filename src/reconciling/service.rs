//! Comparing a day, and what people do about a difference.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::compare::compare;
use super::model::{Booked, Class, Difference, DifferenceId, Ours, Report, Theirs};
use super::store::{self, Outcome};
use crate::events::Event;
use crate::fault::Fault;
use crate::ledger;
use crate::payments::{self, Receipt};
use crate::primitives::{Money, nairobi_date, nairobi_day_start};
use crate::work::{Actor, Work};

/// The instants between which a Nairobi day lies.
pub(super) fn bounds(day: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
    let from = nairobi_day_start(day);
    (from, from + TimeDelta::days(1))
}

/// Their payments of a day that we do not have, or have without a receipt.
pub(super) async fn missing(
    conn: &mut PgConnection,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<Theirs>, Fault> {
    let records = store::records(conn, from, to, &[]).await?;
    let names: Vec<String> = names_of(&records);
    let known = payments::came(conn, from, from, &names).await?;
    let is_known = |record: &Theirs| {
        known
            .iter()
            .any(|came| came.receipt.as_ref() == Some(&record.receipt))
    };
    Ok(records
        .into_iter()
        .filter(|record| !is_known(record))
        .collect())
}

fn names_of(records: &[Theirs]) -> Vec<String> {
    let names = records.iter().map(|record| record.receipt.to_string());
    names.collect()
}

/// Lays both sides of a day side by side and writes down how they stand.
pub(super) async fn compare_day(
    work: &mut Work,
    day: NaiveDate,
    complete: bool,
) -> Result<Report, Fault> {
    let (from, to) = bounds(day);
    let of_day = store::records(work.conn(), from, to, &[]).await?;
    let ours: Vec<Ours> = payments::came(work.conn(), from, to, &names_of(&of_day))
        .await?
        .into_iter()
        .map(Ours::from)
        .collect();
    let receipts = ours.iter().filter_map(|own| own.receipt.as_ref());
    let receipts: Vec<String> = receipts.map(Receipt::to_string).collect();
    let theirs = store::records(work.conn(), from, to, &receipts).await?;
    let booked: Vec<Booked> = ledger::came_by_mpesa(work.conn(), from, to)
        .await?
        .into_iter()
        .map(|(cause, cents)| Booked { cause, cents })
        .collect();

    let found = compare(day, &ours, &theirs, &booked, complete);
    let now = work.now;
    for one in &found {
        store::insert(work.conn(), day, one, now).await?;
    }
    let judged: Vec<String> = Class::ALL
        .into_iter()
        .filter(|class| complete || *class != Class::OnlyOurs)
        .map(|class| class.as_str().to_owned())
        .collect();
    store::end_vanished(work.conn(), day, &judged, &found, now).await?;
    let open = store::open(work.conn(), Some(day)).await?;

    let our_day = || ours.iter().filter(|own| nairobi_date(own.at) == day);
    let report = Report {
        day,
        ours: our_day().count(),
        ours_total: our_day().map(|own| own.amount).sum(),
        theirs: of_day.len(),
        theirs_total: of_day.iter().map(|record| record.amount).sum(),
        taken_in: ours.iter().filter(|own| own.from_records).count(),
        complete,
        open,
    };
    let by = name_of(&work.actor);
    let outcome = Outcome {
        day,
        by: &by,
        ours: (report.ours, report.ours_total),
        theirs: (report.theirs, report.theirs_total),
        taken_in: report.taken_in,
        open: report.open.len(),
        complete,
    };
    store::insert_outcome(work.conn(), &outcome, now).await?;
    Ok(report)
}

impl From<payments::Came> for Ours {
    fn from(came: payments::Came) -> Ours {
        Ours {
            id: came.id,
            receipt: came.receipt,
            obligation: came.obligation.map(|obligation| obligation.0),
            amount: came.amount,
            at: came.at,
            from_records: came.from_records,
        }
    }
}

/// Why nothing was done about a difference.
#[derive(Debug, thiserror::Error)]
pub enum DifferenceError {
    #[error("there is no such difference")]
    NotFound,
    #[error("the difference has ended: {reason}")]
    Ended { reason: String },
    #[error("a reason has 3 to 300 characters")]
    NoReason,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// From now on this person looks into it, whoever did before.
pub async fn take(
    work: &mut Work,
    id: DifferenceId,
    owner: &str,
) -> Result<Difference, DifferenceError> {
    let known = still_open(work, id).await?;
    let (owner, now) = (short(owner), work.now);
    store::set_owner(work.conn(), id, &owner, now).await?;
    work.record(DifferenceTaken {
        difference: id.0,
        class: known.found.class.as_str(),
        owner: owner.clone(),
    })
    .await?;
    Ok(Difference {
        owner: Some(owner),
        ..known
    })
}

/// It is explained, for good: found again it stays ended. Whoever ends it has looked into it.
pub async fn end(
    work: &mut Work,
    id: DifferenceId,
    reason: &str,
) -> Result<Difference, DifferenceError> {
    let reason = reason.trim();
    if !(3..=300).contains(&reason.chars().count()) {
        return Err(DifferenceError::NoReason);
    }
    let known = still_open(work, id).await?;
    let (by, now) = (name_of(&work.actor), work.now);
    store::set_ended(work.conn(), id, &by, reason, now).await?;
    work.record(DifferenceEnded {
        difference: id.0,
        class: known.found.class.as_str(),
        reason: reason.to_owned(),
    })
    .await?;
    Ok(Difference {
        owner: known.owner.or(Some(by)),
        reason: Some(reason.to_owned()),
        ..known
    })
}

/// Those that have not ended, of one day or of all, the oldest first; at most a thousand.
pub async fn open_differences(
    conn: &mut PgConnection,
    day: Option<NaiveDate>,
) -> Result<Vec<Difference>, Fault> {
    store::open(conn, day).await
}

/// How many have not ended.
pub async fn open_count(conn: &mut PgConnection) -> Result<i64, Fault> {
    store::open_count(conn).await
}

async fn still_open(work: &mut Work, id: DifferenceId) -> Result<Difference, DifferenceError> {
    let known = store::lock(work.conn(), id).await?;
    let known = known.ok_or(DifferenceError::NotFound)?;
    match known.reason {
        Some(reason) => Err(DifferenceError::Ended { reason }),
        None => Ok(known),
    }
}

fn name_of(actor: &Actor) -> String {
    match actor {
        Actor::Staff { name } => short(name),
        _ => "kwastage".to_owned(),
    }
}

fn short(name: &str) -> String {
    name.trim().chars().take(60).collect()
}

/// A difference has no uuid: its number is one.
fn subject(difference: i64) -> Uuid {
    Uuid::from_u128(difference.unsigned_abs().into())
}

#[derive(Serialize)]
struct DifferenceTaken {
    difference: i64,
    class: &'static str,
    owner: String,
}

impl Event for DifferenceTaken {
    const NAME: &'static str = "difference.taken";
    fn subject(&self) -> Uuid {
        subject(self.difference)
    }
}

#[derive(Serialize)]
struct DifferenceEnded {
    difference: i64,
    class: &'static str,
    reason: String,
}

impl Event for DifferenceEnded {
    const NAME: &'static str = "difference.ended";
    fn subject(&self) -> Uuid {
        subject(self.difference)
    }
}

/// The sum of these payments.
pub(super) fn total(records: &[Theirs]) -> Money {
    records.iter().map(|record| record.amount).sum()
}
