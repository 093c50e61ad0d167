//! From when to when somebody is covered. Pure: premiums in, periods out.
//!
//! A day of cover ends at six in the morning, when riders change shifts: what is paid on a calendar day in Nairobi, at any time
//! of it, lasts until 06:00 of the day after its last. A premium paid while there is cover begins where that ends, so it is never
//! lost; paid within the grace it begins there too, and there is no gap; paid later it begins at that moment.

use chrono::{DateTime, Days, Months, NaiveDate, TimeDelta, Utc};

use crate::primitives::{nairobi_date, nairobi_day_start};

/// What one premium covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    Day,
    Week,
    Month,
    Quarter,
    HalfYear,
    Year,
}

/// The times of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// So long after the end a premium still begins where the cover ended.
    pub grace: TimeDelta,
    /// So long before the end its holder is reminded.
    pub remind_before: TimeDelta,
    /// So long after the end the policy lapses.
    pub lapse_after: TimeDelta,
    /// So long after the end a premium brings a lapsed policy back; later it takes a new one.
    pub return_within: TimeDelta,
}

/// From the first instant to the one that is no longer in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

/// A premium as far as cover goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paid {
    pub at: DateTime<Utc>,
    /// How many terms at once.
    pub terms: u32,
}

/// The periods of one policy, each after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cover(Vec<Period>);

/// What a holder is to be told about an end of their cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// It ends soon.
    Ending,
    /// It has ended: there is a gap from now on.
    Ended,
    /// It ended so long ago that the policy has lapsed.
    Lapsed,
}

/// What is due for a policy whose cover ends, or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub say: Option<Notice>,
    /// When to look again; none once there is nothing left to do.
    pub again_at: Option<DateTime<Utc>>,
}

/// The hour at which cover ends, in Nairobi.
pub const ENDS_AT_HOUR: i64 = 6;

/// The most terms that may be paid for at once.
pub const TERMS_MAX: u32 = 366;

impl Cover {
    /// The cover of periods that are there already, in their order.
    pub fn of_periods(periods: Vec<Period>) -> Cover {
        Cover(periods)
    }

    /// The cover that these premiums make, in the order in which they came in.
    pub fn of(premiums: impl IntoIterator<Item = Paid>, term: Term, rules: &Rules) -> Cover {
        let mut cover = Cover::default();
        for paid in premiums {
            if let Some(period) = next(cover.until(), paid, term, rules) {
                cover.0.push(period);
            }
        }
        cover
    }

    pub fn periods(&self) -> &[Period] {
        &self.0
    }

    /// When the last period ends.
    pub fn until(&self) -> Option<DateTime<Utc>> {
        self.0.last().map(|period| period.ends_at)
    }

    /// Until when there is cover without a gap from this moment on; none where there is none.
    pub fn covered_until(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let first = self.0.iter().position(|period| period.holds(at))?;
        let run = self.0[first..].windows(2);
        let linked = run.take_while(|pair| pair[0].ends_at == pair[1].starts_at);
        Some(linked.fold(self.0[first].ends_at, |_, pair| pair[1].ends_at))
    }

    /// How many days in a row there has been cover, today included; none where there is no cover now.
    pub fn streak(&self, at: DateTime<Utc>) -> u32 {
        let Some(last) = self.0.iter().position(|period| period.holds(at)) else {
            return 0;
        };
        let mut first = last;
        while first > 0 && self.0[first - 1].ends_at == self.0[first].starts_at {
            first -= 1;
        }
        let days = nairobi_date(at) - nairobi_date(self.0[first].starts_at);
        u32::try_from(days.num_days() + 1).unwrap_or(0)
    }

    /// The last time that lies between two periods, if there is one.
    pub fn last_gap(&self) -> Option<Period> {
        self.0
            .windows(2)
            .rev()
            .find(|pair| pair[0].ends_at < pair[1].starts_at)
            .map(|pair| Period {
                starts_at: pair[0].ends_at,
                ends_at: pair[1].starts_at,
            })
    }
}

impl Period {
    pub fn holds(&self, at: DateTime<Utc>) -> bool {
        (self.starts_at..self.ends_at).contains(&at)
    }

    /// In days, each counted to its six o'clock; one at least.
    pub fn days(&self) -> i64 {
        let days = nairobi_date(self.ends_at) - nairobi_date(self.starts_at);
        days.num_days().max(1)
    }

    /// The days of it that have not begun at this moment.
    pub fn days_unused(&self, at: DateTime<Utc>) -> i64 {
        let running = day_of_cover(at);
        let begins = nairobi_date(self.starts_at);
        let first_unused = match at < self.starts_at {
            true => begins,
            false => running.checked_add_days(Days::new(1)).unwrap_or(running),
        };
        let unused = nairobi_date(self.ends_at) - first_unused;
        unused.num_days().clamp(0, self.days())
    }
}

/// The period that a premium covers, behind a cover that ends then. None for no term, or for one beyond the calendar.
pub fn next(until: Option<DateTime<Utc>>, paid: Paid, term: Term, rules: &Rules) -> Option<Period> {
    if !(1..=TERMS_MAX).contains(&paid.terms) {
        return None;
    }
    let starts_at = match until {
        Some(end) if paid.at <= end + rules.grace => end,
        _ => paid.at,
    };
    let last_day = term.after(nairobi_date(starts_at), paid.terms)?;
    Some(Period {
        starts_at,
        ends_at: six_in_the_morning(last_day),
    })
}

/// What is due at this moment for a cover that ends then.
pub fn look(ends_at: DateTime<Utc>, rules: &Rules, now: DateTime<Utc>) -> Look {
    let remind_at = ends_at - rules.remind_before;
    let lapse_at = ends_at + rules.lapse_after;
    let (say, again_at) = if now < remind_at {
        (None, Some(remind_at))
    } else if now < ends_at {
        (Some(Notice::Ending), Some(ends_at))
    } else if now < lapse_at {
        (Some(Notice::Ended), Some(lapse_at))
    } else {
        (Some(Notice::Lapsed), None)
    };
    Look { say, again_at }
}

/// When to look for the first time after a premium: whoever has just paid knows until when, and is not reminded at once.
pub fn first_look(ends_at: DateTime<Utc>, rules: &Rules, now: DateTime<Utc>) -> DateTime<Utc> {
    let remind_at = ends_at - rules.remind_before;
    match now < remind_at {
        true => remind_at,
        false => ends_at,
    }
}

/// The day whose cover runs at this moment: before six in the morning it is still the day before.
fn day_of_cover(at: DateTime<Utc>) -> NaiveDate {
    nairobi_date(at - TimeDelta::hours(ENDS_AT_HOUR))
}

fn six_in_the_morning(day: NaiveDate) -> DateTime<Utc> {
    nairobi_day_start(day) + TimeDelta::hours(ENDS_AT_HOUR)
}

impl Term {
    pub const ALL: [Term; 6] = [
        Term::Day,
        Term::Week,
        Term::Month,
        Term::Quarter,
        Term::HalfYear,
        Term::Year,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Term::Day => "day",
            Term::Week => "week",
            Term::Month => "month",
            Term::Quarter => "quarter",
            Term::HalfYear => "half_year",
            Term::Year => "year",
        }
    }

    pub fn parse(word: &str) -> Option<Term> {
        Term::ALL.into_iter().find(|term| term.as_str() == word)
    }

    /// The day so many terms after this one.
    fn after(self, day: NaiveDate, terms: u32) -> Option<NaiveDate> {
        let months = |each: u32| day.checked_add_months(Months::new(each * terms));
        match self {
            Term::Day => day.checked_add_days(Days::new(u64::from(terms))),
            Term::Week => day.checked_add_days(Days::new(u64::from(terms) * 7)),
            Term::Month => months(1),
            Term::Quarter => months(3),
            Term::HalfYear => months(6),
            Term::Year => months(12),
        }
    }
}

impl Notice {
    pub fn as_str(self) -> &'static str {
        match self {
            Notice::Ending => "ending",
            Notice::Ended => "ended",
            Notice::Lapsed => "lapsed",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: Rules = Rules {
        grace: TimeDelta::hours(6),
        remind_before: TimeDelta::hours(12),
        lapse_after: TimeDelta::days(3),
        return_within: TimeDelta::days(30),
    };

    /// A time in Nairobi.
    fn at(written: &str) -> DateTime<Utc> {
        format!("{}:00+03:00", written.replace(' ', "T"))
            .parse::<DateTime<chrono::FixedOffset>>()
            .unwrap()
            .to_utc()
    }

    fn days(terms: u32, written: &str) -> Paid {
        Paid {
            at: at(written),
            terms,
        }
    }

    fn told(cover: &Cover) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let periods = cover.periods().iter();
        periods
            .map(|period| (period.starts_at, period.ends_at))
            .collect()
    }

    #[test]
    fn a_day_lasts_until_six_of_the_morning_after() {
        for (paid, until) in [
            ("2026-11-20 14:00", "2026-11-21 06:00"),
            ("2026-11-20 00:00", "2026-11-21 06:00"),
            ("2026-11-20 05:59", "2026-11-21 06:00"),
            ("2026-11-20 06:00", "2026-11-21 06:00"),
            ("2026-11-20 23:59", "2026-11-21 06:00"),
            ("2026-12-31 23:59", "2027-01-01 06:00"),
        ] {
            let cover = Cover::of([days(1, paid)], Term::Day, &RULES);
            assert_eq!(told(&cover), [(at(paid), at(until))], "{paid}");
        }
    }

    #[test]
    fn longer_terms_end_on_their_day() {
        for (term, terms, until) in [
            (Term::Day, 3, "2027-02-03 06:00"),
            (Term::Week, 1, "2027-02-07 06:00"),
            (Term::Month, 1, "2027-02-28 06:00"),
            (Term::Quarter, 1, "2027-04-30 06:00"),
            (Term::HalfYear, 2, "2028-01-31 06:00"),
            (Term::Year, 1, "2028-01-31 06:00"),
        ] {
            let cover = Cover::of([days(terms, "2027-01-31 09:00")], term, &RULES);
            assert_eq!(cover.until(), Some(at(until)), "{term:?}");
        }
    }

    #[test]
    fn what_a_second_premium_does() {
        let first = days(1, "2026-11-20 14:00");
        for (second, starts, ends) in [
            // Twice in a moment, and the evening before: behind the first.
            ("2026-11-20 14:00", "2026-11-21 06:00", "2026-11-22 06:00"),
            ("2026-11-20 21:00", "2026-11-21 06:00", "2026-11-22 06:00"),
            // At the very end, and within the grace: no gap.
            ("2026-11-21 06:00", "2026-11-21 06:00", "2026-11-22 06:00"),
            ("2026-11-21 12:00", "2026-11-21 06:00", "2026-11-22 06:00"),
            // Later: from that moment on, for as long as the day is.
            ("2026-11-21 12:01", "2026-11-21 12:01", "2026-11-22 06:00"),
            ("2026-11-25 01:00", "2026-11-25 01:00", "2026-11-26 06:00"),
        ] {
            let cover = Cover::of([first, days(1, second)], Term::Day, &RULES);
            assert_eq!(told(&cover)[1], (at(starts), at(ends)), "{second}");
        }
    }

    #[test]
    fn streaks_and_gaps() {
        let cover = Cover::of(
            [
                days(1, "2026-11-16 10:00"),
                days(2, "2026-11-18 10:00"),
                days(1, "2026-11-20 07:00"),
            ],
            Term::Day,
            &RULES,
        );
        let gap = cover.last_gap().unwrap();
        assert_eq!(
            (gap.starts_at, gap.ends_at),
            (at("2026-11-17 06:00"), at("2026-11-18 10:00"))
        );
        for (now, streak) in [
            ("2026-11-16 09:59", 0),
            ("2026-11-16 23:00", 1),
            ("2026-11-17 07:00", 0),
            ("2026-11-18 10:00", 1),
            ("2026-11-19 10:00", 2),
            ("2026-11-20 08:00", 3),
            ("2026-11-21 06:00", 0),
        ] {
            assert_eq!(cover.streak(at(now)), streak, "{now}");
        }
        let until = |now| cover.covered_until(at(now));
        assert_eq!(until("2026-11-16 12:00"), Some(at("2026-11-17 06:00")));
        assert_eq!(until("2026-11-18 12:00"), Some(at("2026-11-21 06:00")));
        assert_eq!(until("2026-11-17 12:00"), None);
    }

    #[test]
    fn who_is_told_what_and_when() {
        let ends = at("2026-11-21 06:00");
        for (now, say, again) in [
            ("2026-11-20 17:59", None, Some("2026-11-20 18:00")),
            (
                "2026-11-20 18:00",
                Some(Notice::Ending),
                Some("2026-11-21 06:00"),
            ),
            (
                "2026-11-21 05:59",
                Some(Notice::Ending),
                Some("2026-11-21 06:00"),
            ),
            (
                "2026-11-21 06:00",
                Some(Notice::Ended),
                Some("2026-11-24 06:00"),
            ),
            ("2026-11-24 06:00", Some(Notice::Lapsed), None),
            ("2027-11-24 06:00", Some(Notice::Lapsed), None),
        ] {
            let wanted = Look {
                say,
                again_at: again.map(at),
            };
            assert_eq!(look(ends, &RULES, at(now)), wanted, "{now}");
        }
        assert_eq!(
            first_look(ends, &RULES, at("2026-11-20 14:00")),
            at("2026-11-20 18:00")
        );
        assert_eq!(first_look(ends, &RULES, at("2026-11-20 20:00")), ends);
    }

    #[test]
    fn days_that_have_not_begun() {
        let cover = Cover::of([days(3, "2026-11-20 14:00")], Term::Day, &RULES);
        let period = cover.periods()[0];
        assert_eq!(period.days(), 3);
        for (now, unused) in [
            ("2026-11-20 13:00", 3),
            ("2026-11-20 14:00", 2),
            ("2026-11-21 05:59", 2),
            ("2026-11-21 06:00", 1),
            ("2026-11-22 06:00", 0),
            ("2026-11-25 06:00", 0),
        ] {
            assert_eq!(period.days_unused(at(now)), unused, "{now}");
        }
    }

    fn any_premiums() -> impl Strategy<Value = Vec<Paid>> {
        // Clocks of two processes differ: a premium may be dated before the one that was written first.
        proptest::collection::vec((0i64..60 * 24 * 40, 1u32..5), 0..30).prop_map(|drawn| {
            let begin = at("2026-11-01 00:00");
            drawn
                .into_iter()
                .map(|(minute, terms)| Paid {
                    at: begin + TimeDelta::minutes(minute),
                    terms,
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn no_two_periods_overlap_and_a_gap_is_only_where_nobody_paid(premiums in any_premiums()) {
            let cover = Cover::of(premiums.clone(), Term::Day, &RULES);
            prop_assert_eq!(cover.periods().len(), premiums.len());
            for (pair, paid) in cover.periods().windows(2).zip(premiums.iter().skip(1)) {
                let (before, after) = (pair[0], pair[1]);
                prop_assert!(after.starts_at >= before.ends_at);
                if after.starts_at > before.ends_at {
                    prop_assert_eq!(after.starts_at, paid.at);
                    prop_assert!(paid.at > before.ends_at + RULES.grace);
                }
            }
            for (period, paid) in cover.periods().iter().zip(&premiums) {
                prop_assert_eq!(period.days(), i64::from(paid.terms));
            }
        }

        #[test]
        fn no_premium_is_lost_whatever_the_order(premiums in any_premiums().prop_shuffle(), seed in any::<u64>()) {
            // All paid before the first day is over: whatever the order, every day counts.
            let day = at("2026-11-20 08:00");
            let together: Vec<Paid> = premiums.iter().map(|paid| Paid { at: day, ..*paid }).collect();
            let mut turned = together.clone();
            if !turned.is_empty() {
                let by = (seed as usize) % turned.len();
                turned.rotate_left(by);
            }
            let paid_for: u32 = together.iter().map(|paid| paid.terms).sum();
            let (one, other) = (Cover::of(together, Term::Day, &RULES), Cover::of(turned, Term::Day, &RULES));
            prop_assert_eq!(one.until(), other.until());
            if let Some(until) = one.until() {
                prop_assert_eq!((nairobi_date(until) - nairobi_date(day)).num_days(), i64::from(paid_for));
            }
        }

        #[test]
        fn somebody_who_has_paid_today_is_covered_now(premiums in any_premiums(), minute in 0i64..60 * 24 * 60) {
            let now = at("2026-11-01 00:00") + TimeDelta::minutes(minute);
            let mut past: Vec<Paid> = premiums.into_iter().filter(|paid| paid.at <= now).collect();
            past.sort_by_key(|paid| paid.at);
            past.push(Paid { at: now, terms: 1 });
            let cover = Cover::of(past, Term::Day, &RULES);
            prop_assert!(cover.covered_until(now).is_some());
            prop_assert!(cover.streak(now) >= 1);
            prop_assert_eq!(cover.covered_until(now), cover.until());
        }

        #[test]
        fn a_look_leads_on_and_ends(ends in 0i64..100_000, from in -100_000i64..100_000) {
            let ends = at("2026-11-01 06:00") + TimeDelta::minutes(ends);
            let mut now = ends + TimeDelta::minutes(from);
            for _ in 0..4 {
                match look(ends, &RULES, now).again_at {
                    Some(again) => {
                        prop_assert!(again > now);
                        now = again;
                    }
                    None => break,
                }
            }
            prop_assert_eq!(look(ends, &RULES, now).say, Some(Notice::Lapsed));
        }
    }
}
