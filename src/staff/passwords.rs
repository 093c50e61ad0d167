//! Where passwords are made into verifiers and checked against them: a few at a time, a short queue.

use std::fmt;
use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

use super::keys::{Key, StaffKeys, mac};
use super::model::AccountId;
use super::strength::StrongPassword;
use crate::fault::Fault;
use crate::primitives::Secret;

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane; some 20 ms.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// A row somebody has tampered with must not be able to order more work than this.
const WRITTEN: &str = "$argon2id$v=19$m=19456,t=2,p=1$";
const AT_ONCE: usize = 1;
const QUEUE: usize = 40;

/// What is kept of a password: a PHC string of argon2id over HMAC-SHA-256(key, account ‖ password).
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Verifier(pub String);

/// Makes and checks verifiers one at a time, with at most forty waiting; whoever comes then is told so at once. A storm of
/// sign-ins therefore never holds up anything else.
#[derive(Clone)]
pub struct PasswordDesk {
    key: Key,
    inside: Arc<Semaphore>,
    working: Arc<Semaphore>,
}

/// Too many passwords at once; the same a moment later may pass.
#[derive(Debug, thiserror::Error)]
pub enum Busy {
    #[error("too many passwords at once")]
    Full,
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl PasswordDesk {
    pub fn new(keys: &StaffKeys) -> PasswordDesk {
        PasswordDesk {
            key: keys.passwords.clone(),
            inside: Arc::new(Semaphore::new(AT_ONCE + QUEUE)),
            working: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    pub(super) async fn make(
        &self,
        owner: AccountId,
        password: &StrongPassword,
    ) -> Result<Verifier, Busy> {
        let keyed = self.keyed(owner, password.secret());
        self.at_work(move || {
            let salt: [u8; 16] = rand::random();
            let hash = argon2()?.hash_password_with_salt(keyed.as_slice(), &salt);
            let hash = hash.map_err(|error| Fault::broken(format!("argon2: {error}")))?;
            Ok(Verifier(hash.to_string()))
        })
        .await
    }

    /// True when the password is the one that one of the verifiers was made from.
    ///
    /// Without any the answer is no, at the cost of one: how long it takes tells nobody who has an account.
    pub(super) async fn is_any(
        &self,
        owner: AccountId,
        verifiers: Vec<Verifier>,
        typed: &Secret,
    ) -> Result<bool, Busy> {
        let keyed = self.keyed(owner, typed);
        self.at_work(move || {
            let argon2 = argon2()?;
            if verifiers.is_empty() {
                let hash = argon2.hash_password_with_salt(keyed.as_slice(), &[0; 16]);
                hash.map_err(|error| Fault::broken(format!("argon2: {error}")))?;
                return Ok(false);
            }
            let mut any = false;
            for Verifier(kept) in &verifiers {
                if !kept.starts_with(WRITTEN) {
                    return Err(Fault::broken(format!(
                        "account {owner}: the password verifier is not one we write"
                    )));
                }
                any |= argon2
                    .verify_password(keyed.as_slice(), kept.as_str())
                    .is_ok();
            }
            Ok(any)
        })
        .await
    }

    fn keyed(&self, owner: AccountId, password: &Secret) -> Key {
        mac(
            &self.key,
            &[owner.0.as_bytes(), password.expose().as_bytes()],
        )
    }

    async fn at_work<T, F>(&self, work: F) -> Result<T, Busy>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Fault> + Send + 'static,
    {
        let place = self.inside.clone().try_acquire_owned();
        let place = place.map_err(|_| Busy::Full)?;
        let worker = self.working.clone().acquire_owned().await;
        let worker = worker.map_err(|_| Busy::Full)?;
        // The permits move along: a caller who hangs up does not make room before the thread is really free.
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, worker);
            work()
        });
        Ok(done
            .await
            .map_err(|_| Fault::broken("a password worker stopped"))??)
    }
}

fn argon2() -> Result<Argon2<'static>, Fault> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None);
    let params = params.map_err(|error| Fault::broken(format!("argon2: {error}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}

impl fmt::Debug for PasswordDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordDesk({} free)", self.working.available_permits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::staff::model::AccountName;
    use uuid::Uuid;

    #[tokio::test]
    async fn a_password_is_good_for_its_owner_under_its_key_only() {
        let desk = PasswordDesk::new(&StaffKeys::derived(&[1; 32]));
        let owner = |n| AccountId(Uuid::from_u128(n));
        let name = AccountName::parse("wanjiku").unwrap();
        let typed = Secret::new("tumbili mwekundu anacheza");
        let password = StrongPassword::choose(typed.clone(), &name).unwrap();
        let kept = desk.make(owner(1), &password).await.unwrap();
        assert!(kept.0.starts_with(WRITTEN), "{}", kept.0);
        let is = async |desk: &PasswordDesk, owner, typed: &Secret| {
            desk.is_any(owner, vec![kept.clone()], typed).await.unwrap()
        };
        assert!(is(&desk, owner(1), &typed).await);
        assert!(!is(&desk, owner(2), &typed).await);
        assert!(!is(&desk, owner(1), &Secret::new("tumbili mweusi anacheza")).await);
        let elsewhere = PasswordDesk::new(&StaffKeys::derived(&[2; 32]));
        assert!(!is(&elsewhere, owner(1), &typed).await);
        assert!(!desk.is_any(owner(1), vec![], &typed).await.unwrap());
        let odd = vec![Verifier(
            "$argon2id$v=19$m=999999999,t=9,p=1$AAAA$AAAA".into(),
        )];
        assert!(desk.is_any(owner(1), odd, &typed).await.is_err());
    }
}
