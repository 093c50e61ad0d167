//! Staff open a frozen wallet again, and its owner hears of it.

use crate::fault::Fault;
use crate::members::{self, Member, Who};
use crate::messages::{self, Class, Message, Values};
use crate::wallet;
use crate::work::Work;

#[derive(Debug, thiserror::Error)]
pub enum ThawError {
    #[error("no member is known by that")]
    NoMember,
    #[error("the wallet of {0} is not frozen")]
    NotFrozen(String),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Opens the wallet of a member who has come with the national id.
pub async fn thaw(work: &mut Work, who: &Who) -> Result<Member, ThawError> {
    let member = members::find(work.conn(), who).await?;
    let member = member.ok_or(ThawError::NoMember)?;
    if !wallet::thaw(work, member.id.0).await? {
        return Err(ThawError::NotFrozen(member.first_name.as_str().to_owned()));
    }
    let told = Message::new(
        member.msisdn.clone(),
        member.language,
        Class::Money,
        "wallet.thawed",
        Values::new(),
    );
    messages::send(work, told).await?;
    Ok(member)
}
