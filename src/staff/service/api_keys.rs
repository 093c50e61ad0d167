//! Keys for other systems.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::fault::Fault;
use crate::primitives::Secret;
use crate::staff::model::{AccountId, ApiKey};
use crate::staff::permission::Permission;
use crate::staff::store::keys as store;
use crate::staff::tokens::{digest, fresh_key};
use crate::work::Work;

const LASTS_MAX: TimeDelta = TimeDelta::days(366);
const NAME_LENGTHS: std::ops::RangeInclusive<usize> = 3..=60;

/// A key as it is told once.
#[derive(Clone, Debug)]
pub struct NewKey {
    pub key: ApiKey,
    pub secret: Secret,
}

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("a key has a name of 3 to 60 characters")]
    BadName,
    #[error("a key is for one thing at least")]
    NoScopes,
    #[error("people are managed by people: {} is not for keys", .0.as_str())]
    NotForKeys(Permission),
    #[error("a key lasts a day at least and a year at most")]
    BadLife,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Makes a key that may do these things, whatever becomes of who made it, until it ends or is revoked.
///
/// # Errors
/// The name, what it may do, or how long it lasts will not do.
pub async fn issue_key(
    work: &mut Work,
    by: AccountId,
    name: &str,
    mut scopes: Vec<Permission>,
    lasts: TimeDelta,
) -> Result<NewKey, KeyError> {
    let name = name.trim();
    if !NAME_LENGTHS.contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(KeyError::BadName);
    }
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(KeyError::NoScopes);
    }
    if let Some(scope) = scopes
        .iter()
        .find(|scope| matches!(scope, Permission::ManageStaff | Permission::ManageKeys))
    {
        return Err(KeyError::NotForKeys(*scope));
    }
    if !(TimeDelta::days(1)..=LASTS_MAX).contains(&lasts) {
        return Err(KeyError::BadLife);
    }
    let key = ApiKey {
        id: Uuid::now_v7(),
        name: name.to_owned(),
        scopes,
        made_at: work.now,
        expires_at: work.now + lasts,
        used_at: None,
    };
    let secret = fresh_key();
    store::insert(work.conn(), &key, &digest(&secret), by).await?;
    Ok(NewKey { key, secret })
}

/// Takes a key away; what it was, or none when no such key opened anything.
pub async fn revoke_key(work: &mut Work, id: Uuid) -> Result<Option<ApiKey>, Fault> {
    let now = work.now;
    store::revoke(work.conn(), id, now).await
}
