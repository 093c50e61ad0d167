//! The menus in use: the newest for whoever dials, the one it began with for a running session.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::menu::{Digest, Menus};

/// Editions kept for sessions still running on them. A session lives three minutes, so a handful covers any haste.
const FORMER_KEPT: usize = 4;

pub struct MenuEditions {
    current: ArcSwap<Menus>,
    /// Newest last.
    former: Mutex<Vec<Arc<Menus>>>,
}

impl MenuEditions {
    pub fn new(menus: Menus) -> MenuEditions {
        MenuEditions {
            current: ArcSwap::from_pointee(menus),
            former: Mutex::default(),
        }
    }

    pub fn current(&self) -> Arc<Menus> {
        self.current.load_full()
    }

    /// The edition with this digest, while sessions may still run on it.
    pub fn edition(&self, digest: Digest) -> Option<Arc<Menus>> {
        let current = self.current();
        if current.digest() == digest {
            return Some(current);
        }
        let former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
        former
            .iter()
            .rev()
            .find(|menus| menus.digest() == digest)
            .cloned()
    }

    /// Makes these the menus of every dial from now on.
    pub fn publish(&self, menus: Menus) {
        let before = self.current.swap(Arc::new(menus));
        let mut former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
        if former.len() == FORMER_KEPT {
            former.remove(0);
        }
        former.push(before);
    }
}
