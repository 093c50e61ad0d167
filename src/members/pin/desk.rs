//! The desk where PINs are made into verifiers and checked against them: a few workers, a short queue.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use hmac::Mac;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::choice::StrongPin;
use crate::fault::Fault;
use crate::members::{Key, KeyRing, MemberId};
use crate::primitives::Secret;

/// What is kept of a PIN: a PHC string of argon2id over HMAC-SHA-256(key, member ‖ PIN), with the key's version as `keyid`.
///
/// Four digits cannot be protected by a slow hash: with the database alone there is nothing to try, because the key
/// is not in it; with the key as well, no cost we could pay would help. So one check costs about a millisecond.
#[derive(Clone, PartialEq, Eq)]
pub struct PinVerifier(String);

/// The text is not a verifier this desk makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a PIN verifier")]
pub struct NotAVerifier;

/// Makes and checks verifiers on at most `workers` threads, with at most `queue` waiting; whoever comes then is told
/// so at once. A storm of PINs therefore never holds up anything else, an emergency least of all.
#[derive(Clone)]
pub struct PinDesk {
    inner: Arc<Inner>,
}

struct Inner {
    ring: KeyRing,
    /// Everyone inside: at work or waiting.
    inside: Arc<Semaphore>,
    working: Arc<Semaphore>,
    /// Four MiB for each worker, used again: fetching them afresh costs as much as the hash.
    tables: Mutex<Vec<Vec<Block>>>,
}

#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The queue is full; the same a moment later may pass.
    #[error("too many PINs at once")]
    Busy,
    #[error(transparent)]
    Fault(#[from] Fault),
}

const MEMORY_KIB: u32 = 4 * 1024;
const PASSES: u32 = 1;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

impl PinDesk {
    /// So many PINs are checked at a time, and so many may wait for it.
    pub fn new(ring: KeyRing, workers: usize, queue: usize) -> PinDesk {
        let inside = Arc::new(Semaphore::new(workers + queue));
        let working = Arc::new(Semaphore::new(workers));
        PinDesk {
            inner: Arc::new(Inner {
                ring,
                inside,
                working,
                tables: Mutex::new(Vec::new()),
            }),
        }
    }

    /// The verifier to keep for this PIN. It is good for this owner only.
    pub async fn make(&self, owner: MemberId, pin: StrongPin) -> Result<PinVerifier, DeskError> {
        self.at_work(move |inner| {
            let salt: [u8; SALT_BYTES] = rand::random();
            let key = inner.ring.current();
            let hash = inner.hash(key, owner, pin.secret(), &salt, cost()?)?;
            PinVerifier::write(key, &salt, hash.as_slice())
        })
        .await
    }

    /// True when the PIN is the one the verifier was made from, for this owner.
    ///
    /// Without a verifier the answer is no, at the same cost: how long it takes tells nobody who is a member.
    pub async fn verify(
        &self,
        owner: MemberId,
        verifier: Option<PinVerifier>,
        typed: Secret,
    ) -> Result<bool, DeskError> {
        self.at_work(move |inner| {
            let Some(verifier) = verifier else {
                inner.hash(
                    inner.ring.current(),
                    owner,
                    &typed,
                    &[0; SALT_BYTES],
                    cost()?,
                )?;
                return Ok(false);
            };
            let kept = Kept::read(&verifier).ok_or_else(|| {
                Fault::broken(format!("member {owner}: the PIN verifier cannot be read"))
            })?;
            let key = inner.ring.version(kept.key_version);
            let key = key.ok_or_else(|| {
                Fault::broken(format!(
                    "member {owner}: the PIN verifier names a key we do not hold"
                ))
            })?;
            let hash = inner.hash(key, owner, &typed, kept.salt.as_ref(), kept.cost)?;
            Ok(hash.ct_eq(kept.hash.as_bytes()).into())
        })
        .await
    }

    async fn at_work<T, F>(&self, work: F) -> Result<T, DeskError>
    where
        T: Send + 'static,
        F: FnOnce(&Inner) -> Result<T, Fault> + Send + 'static,
    {
        let place = self
            .inner
            .inside
            .clone()
            .try_acquire_owned()
            .map_err(|_| DeskError::Busy)?;
        let worker = self
            .inner
            .working
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| DeskError::Busy)?;
        let inner = self.inner.clone();
        // The permits move along: a caller who hangs up does not make room before the thread is really free.
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, worker);
            work(&inner)
        });
        Ok(done
            .await
            .map_err(|_| Fault::broken("a PIN worker stopped"))??)
    }
}

impl Inner {
    fn hash(
        &self,
        key: &Key,
        owner: MemberId,
        pin: &Secret,
        salt: &[u8],
        cost: Params,
    ) -> Result<Zeroizing<[u8; HASH_BYTES]>, Fault> {
        let keyed = key
            .mac()
            .chain_update(owner.0.as_bytes())
            .chain_update(pin.expose())
            .finalize();
        let keyed = Zeroizing::new(<[u8; 32]>::from(keyed.into_bytes()));

        let mut table = self
            .tables
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
            .unwrap_or_default();
        table.resize(cost.block_count(), Block::default());
        let mut hash = Zeroizing::new([0; HASH_BYTES]);
        let made = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost)
            .hash_password_into_with_memory(
                keyed.as_slice(),
                salt,
                hash.as_mut_slice(),
                &mut table,
            );
        self.tables
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(table);
        made.map_err(|error| Fault::broken(format!("argon2: {error}")))?;
        Ok(hash)
    }
}

fn cost() -> Result<Params, Fault> {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES))
        .map_err(|error| Fault::broken(format!("argon2: {error}")))
}

impl PinVerifier {
    /// Reads what [`PinVerifier::as_str`] gave.
    pub fn parse(text: &str) -> Result<PinVerifier, NotAVerifier> {
        let verifier = PinVerifier(text.to_owned());
        if text.len() <= 300 && Kept::read(&verifier).is_some() {
            Ok(verifier)
        } else {
            Err(NotAVerifier)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn write(key: &Key, salt: &[u8], hash: &[u8]) -> Result<PinVerifier, Fault> {
        let phc = || {
            let mut params = ParamsString::new();
            params.add_decimal("m", MEMORY_KIB)?;
            params.add_decimal("t", PASSES)?;
            params.add_decimal("p", LANES)?;
            params.add_b64_bytes("keyid", &[key.version()])?;
            Ok::<_, argon2::password_hash::phc::Error>(PasswordHash {
                algorithm: ARGON2ID_IDENT,
                version: Some(Version::V0x13.into()),
                params,
                salt: Some(Salt::new(salt)?),
                hash: Some(Output::new(hash)?),
            })
        };
        phc()
            .map(|phc| PinVerifier(phc.to_string()))
            .map_err(|error| Fault::broken(format!("the PHC string: {error}")))
    }
}

/// What a verifier says of how it was made. The cost is read, not assumed: it may grow one day.
struct Kept {
    key_version: u8,
    cost: Params,
    salt: Salt,
    hash: Output,
}

impl Kept {
    fn read(verifier: &PinVerifier) -> Option<Kept> {
        let phc = PasswordHash::new(&verifier.0).ok()?;
        let cost = Params::try_from(&phc).ok()?;
        let [key_version] = *cost.keyid() else {
            return None;
        };
        let is_ours = phc.algorithm == ARGON2ID_IDENT && phc.version == Some(Version::V0x13.into());
        // A row someone has tampered with must not be able to order a gigabyte of work.
        let is_affordable =
            cost.m_cost() <= 16 * MEMORY_KIB && cost.t_cost() <= 4 && cost.p_cost() == LANES;
        let hash = phc.hash.filter(|hash| hash.len() == HASH_BYTES)?;
        if is_ours && is_affordable {
            Some(Kept {
                key_version,
                cost,
                salt: phc.salt?,
                hash,
            })
        } else {
            None
        }
    }
}

impl fmt::Debug for PinVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinVerifier(…)")
    }
}

impl fmt::Debug for PinDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PinDesk({} free)",
            self.inner.working.available_permits()
        )
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::members::PinOwner;
    use crate::primitives::Msisdn;

    fn desk() -> PinDesk {
        PinDesk::new(KeyRing::of(Key::new(1, [1; 32])), 1, 100)
    }

    fn member(n: u128) -> MemberId {
        MemberId(Uuid::from_u128(n))
    }

    fn pin(digits: &str) -> StrongPin {
        let owner = PinOwner {
            msisdn: Msisdn::parse("0711000001").unwrap(),
            national_id: None,
            birth_date: None,
        };
        StrongPin::choose(Secret::new(digits), &owner).unwrap()
    }

    #[tokio::test]
    async fn a_verifier_is_good_for_one_pin_of_one_member() {
        let desk = desk();
        let verifier = desk.make(member(1), pin("4826")).await.unwrap();
        let check = async |owner, typed| {
            desk.verify(member(owner), Some(verifier.clone()), Secret::new(typed))
                .await
                .unwrap()
        };
        assert!(check(1, "4826").await);
        assert!(!check(1, "4827").await);
        assert!(!check(1, "").await);
        assert!(!check(2, "4826").await);
        assert!(
            !desk
                .verify(member(1), None, Secret::new("4826"))
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn a_verifier_says_how_it_was_made_and_nothing_else() {
        let verifier = desk().make(member(1), pin("4826")).await.unwrap();
        assert!(
            verifier
                .as_str()
                .starts_with("$argon2id$v=19$m=4096,t=1,p=1,keyid=AQ$"),
            "{}",
            verifier.as_str()
        );
        assert_ne!(verifier, desk().make(member(1), pin("4826")).await.unwrap());
        assert_eq!(PinVerifier::parse(verifier.as_str()), Ok(verifier.clone()));
        assert_eq!(format!("{verifier:?}"), "PinVerifier(…)");
    }

    #[tokio::test]
    async fn without_the_key_there_is_nothing_to_try() {
        let verifier = desk().make(member(1), pin("4826")).await.unwrap();
        let stranger = PinDesk::new(KeyRing::of(Key::new(1, [9; 32])), 1, 1);
        assert!(
            !stranger
                .verify(member(1), Some(verifier.clone()), Secret::new("4826"))
                .await
                .unwrap()
        );
        let newer = PinDesk::new(KeyRing::of(Key::new(2, [2; 32])), 1, 1);
        assert!(matches!(
            newer
                .verify(member(1), Some(verifier), Secret::new("4826"))
                .await,
            Err(DeskError::Fault(_))
        ));
    }

    #[tokio::test]
    async fn a_new_key_makes_and_the_older_one_still_checks() {
        let old = desk().make(member(1), pin("4826")).await.unwrap();
        let ring = KeyRing::parse(&format!("2:{},1:{}", "02".repeat(32), "01".repeat(32))).unwrap();
        let desk = PinDesk::new(ring, 1, 1);
        assert!(
            desk.verify(member(1), Some(old), Secret::new("4826"))
                .await
                .unwrap()
        );
        let new = desk.make(member(1), pin("4826")).await.unwrap();
        assert!(new.as_str().contains("keyid=Ag$"), "{}", new.as_str());
    }

    #[tokio::test]
    async fn whoever_finds_the_queue_full_is_told_at_once() {
        let desk = PinDesk::new(KeyRing::of(Key::new(1, [1; 32])), 1, 2);
        let inside = desk
            .inner
            .inside
            .clone()
            .acquire_many_owned(3)
            .await
            .unwrap();
        assert!(matches!(
            desk.make(member(1), pin("4826")).await,
            Err(DeskError::Busy)
        ));
        assert!(matches!(
            desk.verify(member(1), None, Secret::new("4826")).await,
            Err(DeskError::Busy)
        ));
        drop(inside);
        assert!(desk.make(member(1), pin("4826")).await.is_ok());
    }

    #[tokio::test]
    async fn a_caller_who_hangs_up_leaves_no_place_taken() {
        let desk = PinDesk::new(KeyRing::of(Key::new(1, [1; 32])), 1, 1);
        let busy = desk.inner.working.clone().acquire_owned().await.unwrap();
        let waiting = tokio::spawn({
            let desk = desk.clone();
            async move {
                desk.verify(member(1), None, Secret::new("4826"))
                    .await
                    .map(drop)
            }
        });
        while desk.inner.inside.available_permits() == 2 {
            tokio::task::yield_now().await;
        }
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        assert_eq!(desk.inner.inside.available_permits(), 2);
        drop(busy);
        assert!(desk.make(member(1), pin("4826")).await.is_ok());
    }

    #[test]
    fn what_this_desk_would_not_make_is_no_verifier() {
        let salt_and_hash = "c29tZXNhbHRzb21lc2FsdA$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE";
        assert!(
            PinVerifier::parse(&format!(
                "$argon2id$v=19$m=4096,t=1,p=1,keyid=AQ${salt_and_hash}"
            ))
            .is_ok()
        );
        for text in [
            String::new(),
            "4826".to_owned(),
            format!("$argon2id$v=19$m=4096,t=1,p=1${salt_and_hash}"),
            format!("$argon2i$v=19$m=4096,t=1,p=1,keyid=AQ${salt_and_hash}"),
            format!("$argon2id$v=16$m=4096,t=1,p=1,keyid=AQ${salt_and_hash}"),
            format!("$argon2id$v=19$m=4194304,t=1,p=1,keyid=AQ${salt_and_hash}"),
            format!("$argon2id$v=19$m=4096,t=4000000000,p=1,keyid=AQ${salt_and_hash}"),
            "$argon2id$v=19$m=4096,t=1,p=1,keyid=AQ$c29tZXNhbHRzb21lc2FsdA".to_owned(),
        ] {
            assert_eq!(PinVerifier::parse(&text), Err(NotAVerifier), "{text}");
        }
    }
}
