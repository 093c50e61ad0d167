//! Sessions in this process: for one machine without Redis, and what the tests compare Redis with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Lifetimes, Saved, Shelf};
use crate::clock::Clock;
use crate::conversation::SessionId;
use crate::conversation::record::Record;
use crate::menu::Session;
use crate::primitives::Msisdn;

/// Swept of expired entries whenever this many were added since the last sweep.
const SWEEP_EVERY: usize = 1024;

#[derive(Clone)]
pub struct MemoryStore {
    clock: Clock,
    lifetimes: Lifetimes,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    sessions: HashMap<SessionId, (DateTime<Utc>, Record)>,
    shelves: HashMap<Msisdn, (DateTime<Utc>, Session)>,
    added: usize,
}

impl MemoryStore {
    pub fn new(clock: Clock, lifetimes: Lifetimes) -> MemoryStore {
        MemoryStore {
            clock,
            lifetimes,
            kept: Arc::default(),
        }
    }

    pub(super) fn load(&self, id: &SessionId) -> Option<Record> {
        self.kept()
            .sessions
            .get(id)
            .filter(|(until, _)| *until > self.clock.now())
            .map(|(_, record)| record.clone())
    }

    pub(super) fn shelved(&self, msisdn: &Msisdn) -> Option<Session> {
        self.kept()
            .shelves
            .get(msisdn)
            .filter(|(until, _)| *until > self.clock.now())
            .map(|(_, session)| session.clone())
    }

    pub(super) fn save(&self, id: &SessionId, record: &Record, shelf: Option<&Shelf>) -> Saved {
        let now = self.clock.now();
        let mut kept = self.kept();
        let stored = kept
            .sessions
            .get(id)
            .filter(|(until, _)| *until > now)
            .map_or(0, |(_, record)| record.version);
        if stored != record.version - 1 {
            return Saved::Overtaken;
        }
        kept.sessions.insert(
            id.clone(),
            (after(now, self.lifetimes.session), record.clone()),
        );
        match shelf {
            Some(Shelf::Keep(session)) => {
                kept.shelves.insert(
                    record.msisdn.clone(),
                    (after(now, self.lifetimes.resume), (**session).clone()),
                );
            }
            Some(Shelf::Clear) => {
                kept.shelves.remove(&record.msisdn);
            }
            None => {}
        }
        kept.added += 1;
        if kept.added >= SWEEP_EVERY {
            kept.added = 0;
            kept.sessions.retain(|_, (until, _)| *until > now);
            kept.shelves.retain(|_, (until, _)| *until > now);
        }
        Saved::Done
    }

    pub(super) fn forget(&self, id: &SessionId, msisdn: &Msisdn) {
        let mut kept = self.kept();
        kept.sessions.remove(id);
        kept.shelves.remove(msisdn);
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        // A panic while holding the lock leaves at worst a stale session, which is rebuilt like a lost one.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn after(now: DateTime<Utc>, lifetime: Duration) -> DateTime<Utc> {
    now + TimeDelta::from_std(lifetime).unwrap_or_default()
}
