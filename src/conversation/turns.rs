//! Hops of one session take turns within a process, so that a request delivered twice at once is decided once.
//!
//! Across processes the session store's compare-and-set and the deed rows keep the peace; this only saves them work,
//! and a wrong PIN from being counted twice.

use std::hash::{BuildHasher, RandomState};

use tokio::sync::{Mutex, MutexGuard};

use super::SessionId;

/// Two strangers share a place once in so many; they then wait for each other's hop.
const PLACES: usize = 4096;

pub struct SessionTurns {
    hasher: RandomState,
    places: Vec<Mutex<()>>,
}

impl Default for SessionTurns {
    fn default() -> SessionTurns {
        SessionTurns {
            hasher: RandomState::new(),
            places: (0..PLACES).map(|_| Mutex::default()).collect(),
        }
    }
}

impl SessionTurns {
    /// Held until the hop is answered.
    pub(super) async fn take(&self, session: &SessionId) -> MutexGuard<'_, ()> {
        let place = self.hasher.hash_one(session) as usize % PLACES;
        self.places[place].lock().await
    }
}
