//! Each payment out of a fund is told to the riders who paid for it, once.

use chrono::TimeDelta;
use sqlx::PgConnection;
use uuid::Uuid;

use super::store::announcing as store;
use crate::fault::Fault;
use crate::primitives::{Language, MaskedName, Money, Msisdn};
use crate::work::Work;

/// A payment out of a fund, on its way to everybody at the stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    pub id: Uuid,
    /// The line of the fund's book.
    pub movement: i64,
    pub stage: i32,
    /// Whom it was for: they are told by whoever paid.
    pub member: Uuid,
    pub person: MaskedName,
    pub amount: Money,
    /// What the fund held afterwards.
    pub balance: Money,
    /// The last member written to.
    pub written_to: Option<Uuid>,
}

/// Somebody who hears of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub member: Uuid,
    pub msisdn: Msisdn,
    pub language: Language,
}

/// News is told for a week, should nobody have worked for so long; what is older is found in the book.
const NEWS_FOR: TimeDelta = TimeDelta::days(7);
/// Nothing is held for so long.
const HELD_FOR: TimeDelta = TimeDelta::days(60);

/// Writes down what is to be announced: every payment out of late, whoever made it, and once. What is held until it has arrived is
/// no payment out before it is paid, and none at all when it comes back.
pub async fn announce_new_payouts(work: &mut Work) -> Result<u64, Fault> {
    let since = work.now - NEWS_FOR;
    store::insert(work.conn(), since, since - HELD_FOR).await
}

/// The oldest announcement that somebody has not heard, held until the end of the work.
pub async fn next_announcement(work: &mut Work) -> Result<Option<Announcement>, Fault> {
    store::lock_next(work.conn()).await
}

/// The next riders to hear of it, in the order of their ids: the active members of the stage but the one it was for.
pub async fn next_listeners(
    conn: &mut PgConnection,
    announcement: &Announcement,
    limit: i64,
) -> Result<Vec<Listener>, Fault> {
    store::next_listeners(conn, announcement, limit).await
}

/// How these members are reached.
pub async fn listeners(conn: &mut PgConnection, members: &[Uuid]) -> Result<Vec<Listener>, Fault> {
    store::listeners(conn, members).await
}

/// These have been written to; with nobody left the announcement is over.
pub async fn note_told(
    work: &mut Work,
    announcement: &Announcement,
    last: Option<Uuid>,
) -> Result<(), Fault> {
    let now = work.now;
    store::note_told(work.conn(), announcement.movement, last, now).await
}
