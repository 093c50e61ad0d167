//! Changes of what proves somebody to be a member: the PIN, the phone, the SIM behind it.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::model::MemberId;
use super::store;
use crate::fault::Fault;
use crate::work::Work;

/// What a thief changes before reaching for the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    Pin,
    Phone,
    Sim,
}

/// Writes down that a credential of this member is a new one as of now. Money out cools off from the latest of these.
pub async fn note_credential_change(
    work: &mut Work,
    member: MemberId,
    what: Credential,
) -> Result<(), Fault> {
    let now = work.now;
    store::insert_credential_change(work.conn(), member, what, now).await
}

/// When a credential of this member was last changed; a PIN, phone or SIM that is still the first one is no change.
pub async fn latest_credential_change(
    conn: &mut PgConnection,
    member: MemberId,
) -> Result<Option<DateTime<Utc>>, Fault> {
    store::latest_credential_change(conn, member).await
}
