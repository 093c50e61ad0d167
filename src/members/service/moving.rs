//! A member moves to another phone number.

use serde::Serialize;
use sqlx::PgConnection;
use tracing::info;
use uuid::Uuid;

use crate::events::Event;
use crate::fault::Fault;
use crate::members::credentials::{Credential, note_credential_change};
use crate::members::keys::MemberKeys;
use crate::members::model::{Member, MemberId, Who};
use crate::members::national_id::NationalId;
use crate::members::store;
use crate::primitives::Msisdn;
use crate::work::Work;

#[derive(Debug, thiserror::Error)]
pub enum ChangePhoneError {
    #[error("there is no such member")]
    NotFound,
    #[error("the number belongs to another member")]
    Taken,
    #[error(transparent)]
    Fault(#[from] Fault),
}

#[derive(Serialize)]
struct MemberPhoneChanged {
    member: MemberId,
}

impl Event for MemberPhoneChanged {
    const NAME: &'static str = "member.phone_changed";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

/// The member's phone is this one from now on. Roles, helping and everything else that names the member by id goes on;
/// money out cools off. Gives back the member as they were before.
pub async fn change_phone(
    work: &mut Work,
    member: MemberId,
    new: &Msisdn,
) -> Result<Member, ChangePhoneError> {
    let before = store::lock(work.conn(), &Who::Id(member))
        .await?
        .ok_or(ChangePhoneError::NotFound)?;
    if store::find(work.conn(), &Who::Phone(new.clone()))
        .await?
        .is_some()
    {
        return Err(ChangePhoneError::Taken);
    }
    store::save_msisdn(work.conn(), member, new).await?;
    note_credential_change(work, member, Credential::Phone).await?;
    work.record(MemberPhoneChanged { member }).await?;
    info!(target: "security", { member.id = %member }, "Phone changed");
    Ok(before)
}

/// Whether this is the card of this member.
pub async fn has_national_id(
    conn: &mut PgConnection,
    keys: &MemberKeys,
    member: MemberId,
    card: &NationalId,
) -> Result<bool, Fault> {
    store::has_index(conn, member, &card.index(&keys.index)).await
}
