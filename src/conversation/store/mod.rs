//! Where a session lives between two hops: Redis, or this process for one machine. Both may lose it at any time.
//!
//! One key per session. A save names the version it was based on and is refused when another hop was faster
//! (compare-and-set), so that two hops of one session never both win.

mod memory;
mod redis;
mod seal;

use std::time::Duration;

use super::record::Record;
use crate::fault::Fault;
use crate::menu::Session;
use crate::primitives::Msisdn;

pub use memory::MemoryStore;
pub use redis::RedisStore;
pub use seal::SessionSeal;

use super::SessionId;

/// How long a session and a shelved conversation are kept.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Of a running session, from its last hop. The network itself ends one after 180 s.
    pub session: Duration,
    /// In which a cut session can be picked up again.
    pub resume: Duration,
}

/// What to do with the conversation kept for this phone's next dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// Nothing to pick up: at home, or everything done.
    Clear,
    /// Where the rider stands now.
    Keep(Box<Session>),
}

/// Whether a save found the version it was based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    Done,
    /// Another hop of this session was saved in between; load and decide again.
    Overtaken,
}

/// The session store of this process.
#[derive(Clone)]
pub enum SessionStore {
    Redis(Box<RedisStore>),
    Memory(MemoryStore),
}

impl SessionStore {
    /// The session of this id, if it is still known.
    pub async fn load(&self, id: &SessionId) -> Result<Option<Record>, Fault> {
        match self {
            SessionStore::Redis(store) => store.load(id).await,
            SessionStore::Memory(store) => Ok(store.load(id)),
        }
    }

    /// What a dial needs: the session, should this be a repeat, and what this phone left on the shelf.
    pub async fn load_for_dial(
        &self,
        id: &SessionId,
        msisdn: &Msisdn,
    ) -> Result<(Option<Record>, Option<Session>), Fault> {
        match self {
            SessionStore::Redis(store) => store.load_for_dial(id, msisdn).await,
            SessionStore::Memory(store) => Ok((store.load(id), store.shelved(msisdn))),
        }
    }

    /// Saves `record` if the stored version is still `record.version - 1` (0 = absent), and shelves the conversation.
    pub async fn save(
        &self,
        id: &SessionId,
        record: &Record,
        shelf: Option<&Shelf>,
    ) -> Result<Saved, Fault> {
        match self {
            SessionStore::Redis(store) => store.save(id, record, shelf).await,
            SessionStore::Memory(store) => Ok(store.save(id, record, shelf)),
        }
    }

    /// Forgets a session and what its phone left on the shelf.
    pub async fn forget(&self, id: &SessionId, msisdn: &Msisdn) -> Result<(), Fault> {
        match self {
            SessionStore::Redis(store) => store.forget(id, msisdn).await,
            SessionStore::Memory(store) => {
                store.forget(id, msisdn);
                Ok(())
            }
        }
    }
}
