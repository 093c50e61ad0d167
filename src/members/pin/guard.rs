//! How often a PIN may be tried.

use chrono::{DateTime, TimeDelta, Utc};

/// Wrong tries before the first lock.
pub(crate) const TRIES: u32 = 3;

/// How long the third wrong try locks, and each further one after it. The last stands for all that follow.
const LOCK_MINUTES: [i64; 3] = [1, 5, 30];

/// What is remembered of wrong tries by one member on one way in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PinGuard {
    pub failures: u32,
    pub locked_until: Option<DateTime<Utc>>,
}

impl PinGuard {
    /// Counts a try as wrong before it is looked at, so that many at once are as few as one after another, and one
    /// that crashes half-way has still been a try. `Err` is the instant until which none is allowed.
    pub fn charge(self, now: DateTime<Utc>) -> Result<PinGuard, DateTime<Utc>> {
        if let Some(until) = self.locked_until.filter(|until| *until > now) {
            return Err(until);
        }
        let failures = self.failures.saturating_add(1);
        let locked_until = failures.checked_sub(TRIES).map(|beyond| {
            let last = LOCK_MINUTES.len() - 1;
            now + TimeDelta::minutes(LOCK_MINUTES[(beyond as usize).min(last)])
        });
        Ok(PinGuard {
            failures,
            locked_until,
        })
    }

    /// How many more wrong tries before the next lock; zero when this one has locked.
    pub fn tries_left(self) -> u32 {
        TRIES.saturating_sub(self.failures)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_wrong_tries_lock_and_each_further_one_locks_longer() {
        let start: DateTime<Utc> = "2026-03-02T21:14:00Z".parse().unwrap();
        let mut now = start;
        let mut guard = PinGuard::default();
        for left in [2, 1] {
            guard = guard.charge(now).unwrap();
            assert_eq!((guard.tries_left(), guard.locked_until), (left, None));
        }
        for minutes in [1, 5, 30, 30, 30] {
            guard = guard.charge(now).unwrap();
            let until = now + TimeDelta::minutes(minutes);
            assert_eq!((guard.tries_left(), guard.locked_until), (0, Some(until)));
            assert_eq!(guard.charge(now), Err(until));
            assert_eq!(guard.charge(until - TimeDelta::microseconds(1)), Err(until));
            now = until;
        }
    }

    #[test]
    fn counting_never_overflows() {
        let guard = PinGuard {
            failures: u32::MAX,
            locked_until: None,
        };
        assert_eq!(
            guard.charge(DateTime::UNIX_EPOCH).unwrap().failures,
            u32::MAX
        );
    }

    proptest! {
        /// However a guesser spaces the tries: three, then one after 1 minute, one after 5, then two an hour.
        #[test]
        fn a_day_of_guessing_is_some_fifty_tries(waits in prop::collection::vec(0..2_400_i64, 1..400)) {
            let start = DateTime::UNIX_EPOCH;
            let (mut now, mut guard, mut looked_at) = (start, PinGuard::default(), 0);
            for wait in waits {
                now += TimeDelta::seconds(wait);
                if let Ok(charged) = guard.charge(now) {
                    (guard, looked_at) = (charged, looked_at + 1);
                }
                prop_assert!(looked_at <= 5 + (now - start).num_minutes() / 30);
            }
        }
    }
}
