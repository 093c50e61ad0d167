//! Counting wrong tries around a proof.

use chrono::{DateTime, Utc};

use crate::fault::Fault;
use crate::primitives::Secret;
use crate::staff::authenticator::Authenticator;
use crate::staff::guard::{Guard, TRIES_FROM_ANYWHERE, TRIES_FROM_ONE_ADDRESS};
use crate::staff::model::AccountId;
use crate::staff::store::accounts as store;
use crate::work::Work;

const ANYWHERE: &str = "anywhere";

/// Counts a try as wrong before it is looked at. `Some` is the instant until which none is allowed.
pub(super) async fn charge(
    work: &mut Work,
    account: AccountId,
    address: &str,
) -> Result<Option<DateTime<Utc>>, Fault> {
    let now = work.now;
    for (source, tries) in [
        (address, TRIES_FROM_ONE_ADDRESS),
        (ANYWHERE, TRIES_FROM_ANYWHERE),
    ] {
        let guard = store::lock_guard(work.conn(), account, source).await?;
        match guard.charge(tries, now) {
            Ok(charged) => store::save_guard(work.conn(), account, source, charged).await?,
            Err(until) => return Ok(Some(until)),
        }
    }
    Ok(None)
}

/// The proof was right: this address begins anew, and the try does not count for the others.
pub(super) async fn forgive(
    work: &mut Work,
    account: AccountId,
    address: &str,
) -> Result<(), Fault> {
    store::save_guard(work.conn(), account, address, Guard::default()).await?;
    let guard = store::lock_guard(work.conn(), account, ANYWHERE).await?;
    let guard = Guard {
        failures: guard.failures.saturating_sub(1),
        locked_until: None,
    };
    store::save_guard(work.conn(), account, ANYWHERE, guard).await
}

/// Whether these are the digits of now, and nobody has used them.
pub(super) async fn takes_code(
    work: &mut Work,
    account: AccountId,
    authenticator: &Authenticator,
    code: &Secret,
) -> Result<bool, Fault> {
    let now = work.now;
    match authenticator.step_of(code, now)? {
        Some(step) => store::use_step(work.conn(), account, step, now).await,
        None => Ok(false),
    }
}
