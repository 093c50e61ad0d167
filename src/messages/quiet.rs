//! When a phone is left in peace. Pure.

use chrono::{DateTime, NaiveTime, TimeDelta, TimeZone, Utc};

use super::Class;
use crate::primitives::{NAIROBI, nairobi_date};

/// The hours of each night, in Nairobi time, in which nothing is said that can wait.
///
/// They may lie around midnight, such as from 21:00 until 07:00. From and until the same time there is no such hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    from: NaiveTime,
    until: NaiveTime,
}

impl QuietHours {
    /// No hour is quiet.
    pub const NEVER: QuietHours = QuietHours {
        from: NaiveTime::MIN,
        until: NaiveTime::MIN,
    };

    /// From this time of the day, Nairobi's, until that one.
    pub fn new(from: NaiveTime, until: NaiveTime) -> QuietHours {
        QuietHours { from, until }
    }

    /// The first instant, from `now` on, at which a message of this class that can wait may be said.
    ///
    /// What is urgent and what is about money is said at any hour.
    pub fn not_before(self, class: Class, now: DateTime<Utc>) -> DateTime<Utc> {
        match class {
            Class::Emergency | Class::Money => now,
            Class::Service | Class::Promotion if self.is_quiet(now) => self.end_after(now),
            Class::Service | Class::Promotion => now,
        }
    }

    fn is_quiet(self, now: DateTime<Utc>) -> bool {
        let time = now.with_timezone(&NAIROBI).time();
        if self.from <= self.until {
            self.from <= time && time < self.until
        } else {
            time >= self.from || time < self.until
        }
    }

    /// The next end of the quiet hours: today's, or tomorrow's where today's has passed.
    fn end_after(self, now: DateTime<Utc>) -> DateTime<Utc> {
        let today = nairobi_date(now).and_time(self.until);
        let ends = [today, today + TimeDelta::days(1)]
            .into_iter()
            .filter_map(|end| NAIROBI.from_local_datetime(&end).single())
            .map(|end| end.to_utc());
        ends.into_iter().find(|end| *end > now).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(hour: u32, minute: u32) -> NaiveTime {
        NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
    }

    fn at(written: &str) -> DateTime<Utc> {
        written.parse().unwrap()
    }

    #[test]
    fn a_night_ends_at_seven_in_the_morning() {
        let night = QuietHours::new(time(21, 0), time(7, 0));
        let morning = "2026-11-21T07:00:00+03:00";
        for (now, said) in [
            ("2026-11-20T20:59:59+03:00", "2026-11-20T20:59:59+03:00"),
            ("2026-11-20T21:00:00+03:00", morning),
            ("2026-11-20T23:59:59+03:00", morning),
            ("2026-11-21T00:00:00+03:00", morning),
            // Three in the morning in Nairobi is midnight in UTC.
            ("2026-11-21T02:59:59+03:00", morning),
            ("2026-11-21T03:00:00+03:00", morning),
            ("2026-11-21T06:59:59+03:00", morning),
            (morning, morning),
            ("2026-11-21T12:00:00+03:00", "2026-11-21T12:00:00+03:00"),
            ("2026-12-31T22:00:00+03:00", "2027-01-01T07:00:00+03:00"),
        ] {
            for class in [Class::Service, Class::Promotion] {
                assert_eq!(night.not_before(class, at(now)), at(said), "{now}");
            }
            for class in [Class::Emergency, Class::Money] {
                assert_eq!(night.not_before(class, at(now)), at(now), "{now}");
            }
        }
    }

    #[test]
    fn quiet_hours_may_lie_within_a_day_or_not_be_at_all() {
        let noon = QuietHours::new(time(12, 0), time(14, 0));
        let said = noon.not_before(Class::Service, at("2026-11-20T12:30:00+03:00"));
        assert_eq!(said, at("2026-11-20T14:00:00+03:00"));
        let late = at("2026-11-20T23:30:00+03:00");
        assert_eq!(noon.not_before(Class::Service, late), late);
        let never = QuietHours::new(time(7, 0), time(7, 0));
        let seven = at("2026-11-20T07:00:00+03:00");
        assert_eq!(never.not_before(Class::Promotion, seven), seven);
    }

    proptest! {
        /// Whatever the hours and the instant: never earlier, never in a quiet hour, never later than a day, at once
        /// when it is not quiet, and exactly at their end when it is.
        #[test]
        fn what_waits_is_said_at_the_end_of_the_quiet_hours(
            from in 0_u32..1440, until in 0_u32..1440,
            // Around the midnights of Nairobi and of UTC, to the millisecond.
            around in prop_oneof![Just(-10_800_000_i64), Just(0)],
            off in -90_000_000_i64..90_000_000,
        ) {
            let hours = QuietHours::new(time(from / 60, from % 60), time(until / 60, until % 60));
            let now = at("2026-11-20T00:00:00Z") + TimeDelta::milliseconds(around + off);
            for class in [Class::Service, Class::Promotion] {
                let said = hours.not_before(class, now);
                prop_assert!(said >= now && said - now <= TimeDelta::days(1));
                prop_assert!(!hours.is_quiet(said));
                prop_assert_eq!(said == now, !hours.is_quiet(now));
                if said > now {
                    prop_assert_eq!(said.with_timezone(&NAIROBI).time(), hours.until);
                    prop_assert!(hours.is_quiet(said - TimeDelta::milliseconds(1)));
                }
                prop_assert_eq!(hours.not_before(class, said), said);
            }
            prop_assert_eq!(hours.not_before(Class::Emergency, now), now);
            prop_assert_eq!(hours.not_before(Class::Money, now), now);
        }
    }
}
