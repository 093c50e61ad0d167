//! Saying something, as part of a deed.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::store::{outbox, preferences};
use super::{Kind, Message, MessageId, Tally};
use crate::fault::Fault;
use crate::primitives::Msisdn;
use crate::work::Work;

/// Leaves a message in the outbox, in this transaction; its commit wakes the sender.
///
/// With a key that was used before nothing new is said, and the id of the first message comes back.
pub async fn send(work: &mut Work, message: Message) -> Result<MessageId, Fault> {
    let id = MessageId(Uuid::now_v7());
    let now = work.now;
    outbox::insert(work.conn(), id, &message, now).await
}

/// Leaves many messages in the outbox in one statement; their commit wakes the sender once. A message whose key was
/// used before is left out. Returns how many are new.
pub async fn send_all(work: &mut Work, messages: &[Message]) -> Result<u64, Fault> {
    if messages.is_empty() {
        return Ok(0);
    }
    let now = work.now;
    outbox::insert_all(work.conn(), messages, now).await
}

/// How the messages about one thing of the business stand.
pub async fn tally(conn: &mut PgConnection, about: Uuid) -> Result<Tally, Fault> {
    outbox::tally(conn, about).await
}

/// The phone wants no promotion any more. `source` says who told us, such as `sms STOP` or a sender name.
pub async fn opt_out(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
    now: DateTime<Utc>,
    source: &str,
) -> Result<(), Fault> {
    outbox::opt_out(conn, msisdn, now, source).await
}

/// The phone takes promotions again.
pub async fn opt_in(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
    now: DateTime<Utc>,
    source: &str,
) -> Result<(), Fault> {
    outbox::opt_in(conn, msisdn, now, source).await
}

/// Whether this phone wants no promotions.
pub async fn is_opted_out(conn: &mut PgConnection, msisdn: &Msisdn) -> Result<bool, Fault> {
    outbox::is_opted_out(conn, msisdn).await
}

/// The phone wants messages of this kind, or does not.
pub async fn set_preference(
    work: &mut Work,
    msisdn: &Msisdn,
    kind: Kind,
    wanted: bool,
) -> Result<(), Fault> {
    let now = work.now;
    preferences::set(work.conn(), msisdn, kind, wanted, now).await
}

/// The kinds of messages that this phone does not want.
pub async fn unwanted_by(conn: &mut PgConnection, msisdn: &Msisdn) -> Result<Vec<Kind>, Fault> {
    preferences::unwanted_by(conn, msisdn).await
}
