//! A question we asked by text, remembered until it is answered or too old to be.
//!
//! A phone has one open question, the latest. Its next text is looked at with [`open`], which holds it, so that of two texts
//! at the same instant one is the answer; [`take`] takes it away. What was not asked lately is not asked at all.

mod model;
mod store;
#[cfg(test)]
mod tests;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use crate::fault::Fault;
use crate::primitives::Msisdn;
use crate::work::Work;

pub use model::Question;

/// Remembers that this phone was asked, until it answers or so much time has passed. A question asked before is
/// forgotten: people answer what they were asked last.
pub async fn ask(
    work: &mut Work,
    msisdn: &Msisdn,
    question: Question,
    for_so_long: TimeDelta,
) -> Result<(), Fault> {
    let now = work.now;
    store::save(work.conn(), msisdn, &question, now, now + for_so_long).await
}

/// What this phone was asked and may still answer. Nobody else gets to see it before this work is over.
pub async fn open(work: &mut Work, msisdn: &Msisdn) -> Result<Option<Question>, Fault> {
    let now = work.now;
    store::lock(work.conn(), msisdn, now).await
}

/// As [`open`], and the question is answered with that: nobody gets it again.
pub async fn take(work: &mut Work, msisdn: &Msisdn) -> Result<Option<Question>, Fault> {
    let now = work.now;
    store::take(work.conn(), msisdn, now).await
}

/// Lets go of questions that expired before then; how many there were.
pub async fn forget_expired(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, Fault> {
    store::delete_expired(conn, before).await
}
