//! Choosing a password, and changing it.

use chrono::{DateTime, Utc};

use super::guarding;
use super::sessions::Ended;
use crate::fault::Fault;
use crate::primitives::Secret;
use crate::staff::keys::StaffKeys;
use crate::staff::model::{Account, AccountId, AccountName, SessionId};
use crate::staff::passwords::{Busy, PasswordDesk, Verifier};
use crate::staff::store::{accounts as store, sessions};
use crate::staff::strength::{StrongPassword, WeakPassword};
use crate::work::Work;

/// So many of an account's last passwords are not taken again.
const REMEMBERED: i64 = 5;

/// Why a password was not changed. The wrong ones are counted: commit also then.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("this is not the present password")]
    Wrong,
    #[error("too many wrong tries; the next is allowed at {0}")]
    Locked(DateTime<Utc>),
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Exchanges the password of who knows the present one. Every other session of theirs is ended.
///
/// # Errors
/// The present one is wrong, or the new one will not do.
pub async fn change_password(
    work: &mut Work,
    keys: &StaffKeys,
    desk: &PasswordDesk,
    (id, session): (AccountId, SessionId),
    address: &str,
    present: &Secret,
    new: Secret,
) -> Result<(), PasswordError> {
    let account = store::lock(work.conn(), id).await?;
    let account = account.ok_or(PasswordError::Wrong)?;
    if let Some(until) = guarding::charge(work, id, address).await? {
        return Err(PasswordError::Locked(until));
    }
    let proof = store::proof(work.conn(), keys, id).await?;
    let verifiers = proof.verifier.into_iter().collect();
    if !desk.is_any(id, verifiers, present).await? {
        return Err(PasswordError::Wrong);
    }
    guarding::forgive(work, id, address).await?;
    let verifier = chosen(work, desk, &account, new).await??;
    let now = work.now;
    store::save_password(work.conn(), id, &verifier, now).await?;
    sessions::end_all(work.conn(), id, Some(session), Ended::Elsewhere, now).await?;
    Ok(())
}

/// The verifier of a password that will do and was not used lately.
pub(super) async fn chosen(
    work: &mut Work,
    desk: &PasswordDesk,
    account: &Account,
    password: Secret,
) -> Result<Result<Verifier, WeakPassword>, Busy> {
    let owner = AccountName::parse(&account.name)
        .map_err(|_| Fault::broken(format!("account {} has no proper name", account.id)))?;
    let password = match StrongPassword::choose(password, &owner) {
        Ok(password) => password,
        Err(weak) => return Ok(Err(weak)),
    };
    let used = store::last_passwords(work.conn(), account.id, REMEMBERED).await?;
    if !used.is_empty() && desk.is_any(account.id, used, password.secret()).await? {
        return Ok(Err(WeakPassword::UsedBefore));
    }
    Ok(Ok(desk.make(account.id, &password).await?))
}
