//! Time that can be moved forward. Prompt lives, session limits, repeats and delays all wait on it.

use std::time::Duration;

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use tokio::sync::watch;

/// The outside's time: the real one plus whatever tests have skipped.
pub struct Clock {
    skipped: watch::Sender<Duration>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            skipped: watch::Sender::new(Duration::ZERO),
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::from_std(*self.skipped.borrow()).unwrap_or_default()
    }

    /// Skips ahead; everything due by then falls due now.
    pub fn advance(&self, by: Duration) {
        self.skipped
            .send_modify(|skipped| *skipped = skipped.saturating_add(by));
    }

    /// Seconds skipped so far.
    pub fn skipped(&self) -> Duration {
        *self.skipped.borrow()
    }

    /// Waits for the given length of the outside's time.
    pub async fn sleep(&self, length: Duration) {
        self.sleep_until(self.after(length)).await;
    }

    /// The moment that lies this far ahead.
    pub(crate) fn after(&self, length: Duration) -> DateTime<Utc> {
        self.now() + TimeDelta::from_std(length).unwrap_or(TimeDelta::days(36_500))
    }

    pub(crate) async fn sleep_until(&self, due: DateTime<Utc>) {
        let mut skips = self.skipped.subscribe();
        loop {
            let Ok(left) = (due - self.now()).to_std() else {
                return;
            };
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => return,
                changed = skips.changed() => if changed.is_err() { return },
            }
        }
    }
}

/// Nairobi's time of day: Safaricom writes every bare timestamp in it.
pub(crate) fn nairobi(at: DateTime<Utc>) -> DateTime<FixedOffset> {
    let three_hours_east = FixedOffset::east_opt(3 * 3600).expect("three hours is an offset");
    at.with_timezone(&three_hours_east)
}

/// `YYYYMMDDHHmmss` in Nairobi's time.
pub(crate) fn nairobi_stamp(at: DateTime<Utc>) -> String {
    nairobi(at).format("%Y%m%d%H%M%S").to_string()
}
