//! How often somebody may try to sign in. Pure.

use chrono::{DateTime, TimeDelta, Utc};

/// Wrong tries from one address before the first wait.
pub(super) const TRIES_FROM_ONE_ADDRESS: u32 = 5;
/// Wrong tries from anywhere together: many, so that a stranger cannot easily keep the owner out.
pub(super) const TRIES_FROM_ANYWHERE: u32 = 50;

/// How long each wait is; the last stands for all that follow.
const WAIT_MINUTES: [i64; 5] = [1, 5, 15, 30, 60];

/// What is remembered of wrong tries at one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Guard {
    pub failures: u32,
    pub locked_until: Option<DateTime<Utc>>,
}

impl Guard {
    /// Counts a try as wrong before it is looked at, so that many at once are as few as one after another. `Err` is the
    /// instant until which none is allowed.
    pub fn charge(self, tries: u32, now: DateTime<Utc>) -> Result<Guard, DateTime<Utc>> {
        if let Some(until) = self.locked_until.filter(|until| *until > now) {
            return Err(until);
        }
        let failures = self.failures.saturating_add(1);
        let locked_until = failures.checked_sub(tries).map(|beyond| {
            let place = (beyond as usize).min(WAIT_MINUTES.len() - 1);
            now + TimeDelta::minutes(WAIT_MINUTES[place])
        });
        Ok(Guard {
            failures,
            locked_until,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn five_tries_then_waits_that_grow() {
        let mut now: DateTime<Utc> = "2026-11-20T09:00:00Z".parse().unwrap();
        let mut guard = Guard::default();
        for _ in 1..TRIES_FROM_ONE_ADDRESS {
            guard = guard.charge(TRIES_FROM_ONE_ADDRESS, now).unwrap();
            assert_eq!(guard.locked_until, None);
        }
        for minutes in [1, 5, 15, 30, 60, 60, 60] {
            guard = guard.charge(TRIES_FROM_ONE_ADDRESS, now).unwrap();
            let until = now + TimeDelta::minutes(minutes);
            assert_eq!(guard.locked_until, Some(until));
            assert_eq!(guard.charge(TRIES_FROM_ONE_ADDRESS, now), Err(until));
            now = until;
        }
    }

    proptest! {
        /// However a guesser spaces the tries.
        #[test]
        fn a_day_of_guessing_from_one_address_is_some_thirty_tries(waits in prop::collection::vec(0..4_800_i64, 1..400)) {
            let start = DateTime::UNIX_EPOCH;
            let (mut now, mut guard, mut looked_at) = (start, Guard::default(), 0);
            for wait in waits {
                now += TimeDelta::seconds(wait);
                if let Ok(charged) = guard.charge(TRIES_FROM_ONE_ADDRESS, now) {
                    (guard, looked_at) = (charged, looked_at + 1);
                }
                prop_assert!(looked_at <= 9 + (now - start).num_hours());
            }
        }
    }
}
