//! Saying something, as part of a deed.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::store::outbox;
use super::{Message, MessageId};
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
pub async fn opt_in(conn: &mut PgConnection, msisdn: &Msisdn) -> Result<(), Fault> {
    outbox::opt_in(conn, msisdn).await
}

/// Whether this phone wants no promotions.
pub async fn is_opted_out(conn: &mut PgConnection, msisdn: &Msisdn) -> Result<bool, Fault> {
    outbox::is_opted_out(conn, msisdn).await
}
