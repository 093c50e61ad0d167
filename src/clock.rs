//! The time, injected. Nothing below this module asks the system for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// Where "now" comes from: the system, or a hand that a test moves.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    /// Microseconds since the epoch, shared by every clone.
    Frozen(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still, for tests.
    pub fn frozen_at(at: DateTime<Utc>) -> Clock {
        Clock::Frozen(Arc::new(AtomicI64::new(at.timestamp_micros())))
    }

    /// The present instant, in whole microseconds as Postgres keeps them.
    pub fn now(&self) -> DateTime<Utc> {
        let micros = match self {
            Clock::System => Utc::now().timestamp_micros(),
            Clock::Frozen(micros) => micros.load(Ordering::SeqCst),
        };
        DateTime::from_timestamp_micros(micros).unwrap_or_default()
    }

    /// Moves a frozen clock forward; a running one is nobody's to move.
    pub fn advance(&self, by: TimeDelta) {
        if let Clock::Frozen(micros) = self {
            micros.fetch_add(by.num_microseconds().unwrap_or(0), Ordering::SeqCst);
        }
    }
}
