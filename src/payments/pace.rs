//! How fast we may ask: a token bucket that halves its rate when told to slow down and recovers slowly.

use chrono::{DateTime, TimeDelta, Utc};

/// Never slower than one in ten seconds, never faster than it was made.
#[derive(Clone, Debug)]
pub struct Pacer {
    interval_min: TimeDelta,
    interval: TimeDelta,
    next_at: DateTime<Utc>,
}

/// How many may go at once after a quiet time.
const BURST: i32 = 4;
const INTERVAL_MAX: TimeDelta = TimeDelta::seconds(10);

impl Pacer {
    /// So many requests a second at the most, but for a few at once after a quiet time.
    pub fn per_second(requests: i32) -> Pacer {
        let interval = TimeDelta::milliseconds(1000 / i64::from(requests.max(1)));
        Pacer {
            interval_min: interval,
            interval,
            next_at: DateTime::UNIX_EPOCH,
        }
    }

    /// Goes now, or says how long to wait.
    pub fn take(&mut self, now: DateTime<Utc>) -> Result<(), TimeDelta> {
        if self.next_at > now {
            return Err(self.next_at - now);
        }
        let saved_up = now - self.interval * (BURST - 1);
        self.next_at = self.next_at.max(saved_up) + self.interval;
        self.interval = self.interval_min.max(self.interval * 15 / 16);
        Ok(())
    }

    /// The provider complained.
    pub fn slow_down(&mut self) {
        self.interval = INTERVAL_MAX.min(self.interval * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_the_rest_waits_its_turn() {
        let mut pacer = Pacer::per_second(2);
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for _ in 0..BURST {
            assert_eq!(pacer.take(start), Ok(()));
        }
        assert_eq!(pacer.take(start), Err(TimeDelta::milliseconds(500)));
        assert_eq!(pacer.take(start + TimeDelta::milliseconds(500)), Ok(()));
        pacer.slow_down();
        assert_eq!(pacer.take(start + TimeDelta::seconds(1)), Ok(()));
        assert!(pacer.take(start + TimeDelta::milliseconds(1500)).is_err());
    }
}
