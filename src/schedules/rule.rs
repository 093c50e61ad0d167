//! What is to be done about a due day, and when to look again. Pure.
//!
//! A member is asked by day, on the due day or, while it is not paid, on the days after it: three times in all, each on another
//! day. Then we stop, kindly, until the next due day. All days and hours are Nairobi's.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use uuid::Uuid;

use super::model::Mode;
use crate::primitives::{Money, NAIROBI, nairobi_date};

/// The tries at one due day.
pub const TRIES_MAX: i16 = 3;
/// A due day is left alone when so many days have passed, whatever was done about it.
const TRIED_FOR: Days = Days::new(6);
/// Arrears this old are reminded of; again after as long.
const OVERDUE_AFTER: Days = Days::new(7);
/// A payment that is open is waited for so long before the next look.
pub(super) const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(10);

/// The hours in which phones are asked for money or reminded of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: (u32, u32),
    until: (u32, u32),
}

/// Riders are on the road before, and sleep after.
pub const ASKING: Hours = Hours {
    from: (9, 0),
    until: (20, 0),
};
/// At the end of the day there is money in the pocket.
pub const REMINDING: Hours = Hours {
    from: (17, 0),
    until: (20, 0),
};

/// What is known when a schedule is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub mode: Mode,
    /// Due days before it are none of the schedule's.
    pub since: NaiveDate,
    pub is_active: bool,
    /// The latest due day that has come, and everything that is owed with it.
    pub due: Option<(NaiveDate, Money)>,
    /// What was done about that day.
    pub done: Vec<Done>,
    /// M-PESA has been asked for something of this member and has not answered.
    pub payment_open: bool,
    pub now: DateTime<Utc>,
}

/// A step that was taken about a due day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    Reminded,
    Pushed { on: NaiveDate },
    GaveUp,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing before this instant.
    LookAt(DateTime<Utc>),
    Remind {
        due_on: NaiveDate,
        owed: Money,
    },
    Push {
        due_on: NaiveDate,
        owed: Money,
        /// From 1.
        attempt: i16,
    },
    /// Three tries were in vain: say so, and how to pay.
    GiveUp {
        due_on: NaiveDate,
        owed: Money,
    },
}

/// What to do about a member's due day. `member` spreads the members of a stage over the first hour.
pub fn decide(facts: &Facts, member: Uuid) -> Decision {
    let today = nairobi_date(facts.now);
    let tomorrow = Decision::LookAt(ASKING.opens(tomorrow_of(today)) + spread(member));
    let Some((due_on, owed)) = facts.due else {
        return tomorrow;
    };
    let is_ours = due_on >= facts.since && today <= due_on + TRIED_FOR;
    let is_over = facts.done.contains(&Done::GaveUp);
    if facts.mode == Mode::Off || !facts.is_active || !is_ours || is_over || !owed.is_positive() {
        return tomorrow;
    }
    let opens = ASKING.opens(today) + spread(member);
    if facts.now < opens {
        return Decision::LookAt(opens);
    }
    if facts.now >= ASKING.closes(today) {
        return tomorrow;
    }
    if facts.mode == Mode::Remind {
        let is_told = facts.done.contains(&Done::Reminded);
        return match today == due_on && !is_told {
            true => Decision::Remind { due_on, owed },
            false => tomorrow,
        };
    }
    if facts.payment_open {
        return Decision::LookAt(facts.now + LOOK_AGAIN);
    }
    let pushed = || {
        facts.done.iter().filter_map(|done| match done {
            Done::Pushed { on } => Some(*on),
            Done::Reminded | Done::GaveUp => None,
        })
    };
    if pushed().any(|on| on >= today) {
        return tomorrow;
    }
    match i16::try_from(pushed().count()).unwrap_or(TRIES_MAX) {
        TRIES_MAX.. => Decision::GiveUp { due_on, owed },
        before => Decision::Push {
            due_on,
            owed,
            attempt: before + 1,
        },
    }
}

/// What M-PESA is asked for when so much is owed: whole shillings, and no less than it moves with us. None when it is too little to
/// be worth the fee and waits for the next due day.
pub fn amount_to_ask(owed: Money, least: Money, most: Money) -> Option<Money> {
    let cents = owed.cents();
    let shillings = cents / 100 + i64::from(cents % 100 != 0);
    let amount = Money::from_shillings(shillings).min(most);
    (amount >= least).then_some(amount)
}

/// What is to be done about a member's arrears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AboutArrears {
    /// Nothing before this instant.
    LookAt(DateTime<Utc>),
    Remind,
}

/// Whether somebody who is behind since that day is reminded now. Nobody is who was within the last week.
pub fn about_arrears(
    behind_since: Option<NaiveDate>,
    reminded_at: Option<DateTime<Utc>>,
    member: Uuid,
    now: DateTime<Utc>,
) -> AboutArrears {
    let today = nairobi_date(now);
    let at_day = |day: NaiveDate| AboutArrears::LookAt(REMINDING.opens(day) + spread(member));
    let next_week = today.checked_add_days(OVERDUE_AFTER).unwrap_or(today);
    let Some(since) = behind_since else {
        return at_day(next_week);
    };
    let old_enough = since.checked_add_days(OVERDUE_AFTER).unwrap_or(since);
    let told_enough = reminded_at.and_then(|at| nairobi_date(at).checked_add_days(OVERDUE_AFTER));
    let from = told_enough.map_or(old_enough, |day| day.max(old_enough));
    if today < from {
        return at_day(from.min(next_week));
    }
    if now < REMINDING.opens(today) + spread(member) {
        return at_day(today);
    }
    match now < REMINDING.closes(today) {
        true => AboutArrears::Remind,
        false => at_day(tomorrow_of(today)),
    }
}

impl Hours {
    fn opens(self, day: NaiveDate) -> DateTime<Utc> {
        at(day, self.from)
    }

    fn closes(self, day: NaiveDate) -> DateTime<Utc> {
        at(day, self.until)
    }
}

/// Up to an hour, the same for a member on each day: M-PESA and our own workers are not asked for everybody at once.
fn spread(member: Uuid) -> TimeDelta {
    let minutes = member.as_u128() % 60;
    TimeDelta::minutes(i64::try_from(minutes).unwrap_or(0))
}

fn tomorrow_of(day: NaiveDate) -> NaiveDate {
    day.succ_opt().unwrap_or(day)
}

fn at(day: NaiveDate, (hour, minute): (u32, u32)) -> DateTime<Utc> {
    let time = NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or(NaiveTime::MIN);
    let local = day.and_time(time);
    NAIROBI
        .from_local_datetime(&local)
        .single()
        .map_or_else(|| local.and_utc(), |at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Nobody's minutes are added to hers.
    const AMINA: Uuid = Uuid::from_u128(60);

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn owed() -> Money {
        Money::from_shillings(200)
    }

    fn due(mode: Mode, now: &str) -> Facts {
        Facts {
            mode,
            since: day("2026-11-01"),
            is_active: true,
            due: Some((day("2026-11-23"), owed())),
            done: Vec::new(),
            payment_open: false,
            now: instant(now),
        }
    }

    fn look(at: &str) -> Decision {
        Decision::LookAt(instant(at))
    }

    fn push(attempt: i16) -> Decision {
        Decision::Push {
            due_on: day("2026-11-23"),
            owed: owed(),
            attempt,
        }
    }

    fn pushed(days: &[&str]) -> Vec<Done> {
        days.iter().map(|on| Done::Pushed { on: day(on) }).collect()
    }

    #[test]
    fn the_day_begins_and_ends_at_midnight_in_nairobi() {
        for (now, wanted) in [
            // Sunday, a second before midnight: the due day of the coming Monday has not come, whoever says so.
            (
                "2026-11-23T00:00:00+03:00",
                look("2026-11-23T09:00:00+03:00"),
            ),
            (
                "2026-11-23T08:59:59+03:00",
                look("2026-11-23T09:00:00+03:00"),
            ),
            ("2026-11-23T09:00:00+03:00", push(1)),
            ("2026-11-23T19:59:59+03:00", push(1)),
            (
                "2026-11-23T20:00:00+03:00",
                look("2026-11-24T09:00:00+03:00"),
            ),
            // 21:30 in UTC is half past midnight in Nairobi.
            ("2026-11-23T21:30:00Z", look("2026-11-24T09:00:00+03:00")),
            (
                "2026-11-23T23:59:59+03:00",
                look("2026-11-24T09:00:00+03:00"),
            ),
            // Nobody was there on Monday.
            ("2026-11-24T09:00:00+03:00", push(1)),
            ("2026-11-29T19:59:59+03:00", push(1)),
            (
                "2026-11-30T00:00:00+03:00",
                look("2026-12-01T09:00:00+03:00"),
            ),
        ] {
            assert_eq!(decide(&due(Mode::Push, now), AMINA), wanted, "{now}");
        }
    }

    #[test]
    fn three_days_three_tries_and_a_kind_word() {
        let tuesday = "2026-11-24T10:00:00+03:00";
        let wednesday = "2026-11-25T10:00:00+03:00";
        let thursday = "2026-11-26T10:00:00+03:00";
        for (now, done, wanted) in [
            (
                "2026-11-23T10:00:00+03:00",
                pushed(&["2026-11-23"]),
                look("2026-11-24T09:00:00+03:00"),
            ),
            (tuesday, pushed(&["2026-11-23"]), push(2)),
            (wednesday, pushed(&["2026-11-23", "2026-11-24"]), push(3)),
            (
                wednesday,
                pushed(&["2026-11-23", "2026-11-24", "2026-11-25"]),
                look("2026-11-26T09:00:00+03:00"),
            ),
            (
                thursday,
                pushed(&["2026-11-23", "2026-11-24", "2026-11-25"]),
                Decision::GiveUp {
                    due_on: day("2026-11-23"),
                    owed: owed(),
                },
            ),
            (
                thursday,
                [
                    pushed(&["2026-11-23", "2026-11-24", "2026-11-25"]),
                    vec![Done::GaveUp],
                ]
                .concat(),
                look("2026-11-27T09:00:00+03:00"),
            ),
        ] {
            let facts = Facts {
                done,
                ..due(Mode::Push, now)
            };
            assert_eq!(decide(&facts, AMINA), wanted, "{now} {:?}", facts.done);
        }
    }

    #[test]
    fn nobody_is_asked_who_has_paid_stopped_is_on_hold_or_is_paying() {
        let now = "2026-11-23T10:00:00+03:00";
        let tomorrow = look("2026-11-24T09:00:00+03:00");
        let monday = due(Mode::Push, now);
        for (facts, wanted) in [
            (
                Facts {
                    mode: Mode::Off,
                    ..monday.clone()
                },
                tomorrow,
            ),
            (
                Facts {
                    is_active: false,
                    ..monday.clone()
                },
                tomorrow,
            ),
            (
                Facts {
                    due: Some((day("2026-11-23"), Money::ZERO)),
                    ..monday.clone()
                },
                tomorrow,
            ),
            (
                Facts {
                    due: None,
                    ..monday.clone()
                },
                tomorrow,
            ),
            (
                Facts {
                    since: day("2026-11-24"),
                    ..monday.clone()
                },
                tomorrow,
            ),
            (
                Facts {
                    payment_open: true,
                    ..monday.clone()
                },
                look("2026-11-23T10:10:00+03:00"),
            ),
            (
                Facts {
                    since: day("2026-11-23"),
                    ..monday.clone()
                },
                push(1),
            ),
        ] {
            assert_eq!(decide(&facts, AMINA), wanted, "{facts:?}");
        }
    }

    #[test]
    fn a_reminder_comes_once_on_the_day_itself() {
        let now = "2026-11-23T10:00:00+03:00";
        let remind = Decision::Remind {
            due_on: day("2026-11-23"),
            owed: owed(),
        };
        assert_eq!(decide(&due(Mode::Remind, now), AMINA), remind);
        let tomorrow = look("2026-11-24T09:00:00+03:00");
        let told = Facts {
            done: vec![Done::Reminded],
            ..due(Mode::Remind, now)
        };
        assert_eq!(decide(&told, AMINA), tomorrow);
        let late = due(Mode::Remind, "2026-11-24T10:00:00+03:00");
        assert_eq!(decide(&late, AMINA), look("2026-11-25T09:00:00+03:00"));
    }

    #[test]
    fn m_pesa_is_asked_for_whole_shillings() {
        let ask = |cents| {
            amount_to_ask(
                Money::from_cents(cents),
                Money::from_shillings(10),
                Money::from_shillings(150_000),
            )
            .map(Money::cents)
        };
        for (owed, asked) in [
            (20_000, Some(20_000)),
            (20_001, Some(20_100)),
            (19_999, Some(20_000)),
            (900, None),
            (901, Some(1_000)),
            (0, None),
            (99_999_999, Some(15_000_000)),
        ] {
            assert_eq!(ask(owed), asked, "{owed}");
        }
    }

    #[test]
    fn arrears_are_reminded_of_after_a_week_and_once_a_week() {
        let since = Some(day("2026-11-09"));
        let look = |text: &str| AboutArrears::LookAt(instant(text));
        for (now, reminded, wanted) in [
            (
                "2026-11-15T18:00:00+03:00",
                None,
                look("2026-11-16T17:00:00+03:00"),
            ),
            (
                "2026-11-16T00:00:00+03:00",
                None,
                look("2026-11-16T17:00:00+03:00"),
            ),
            ("2026-11-16T17:00:00+03:00", None, AboutArrears::Remind),
            (
                "2026-11-16T20:00:00+03:00",
                None,
                look("2026-11-17T17:00:00+03:00"),
            ),
            (
                "2026-11-17T18:00:00+03:00",
                Some("2026-11-16T17:00:00+03:00"),
                look("2026-11-23T17:00:00+03:00"),
            ),
            (
                "2026-11-23T16:59:59+03:00",
                Some("2026-11-16T19:00:00+03:00"),
                look("2026-11-23T17:00:00+03:00"),
            ),
            (
                "2026-11-23T17:00:00+03:00",
                Some("2026-11-16T19:00:00+03:00"),
                AboutArrears::Remind,
            ),
        ] {
            let said = about_arrears(since, reminded.map(instant), AMINA, instant(now));
            assert_eq!(said, wanted, "{now} {reminded:?}");
        }
        let paid_up = about_arrears(None, None, AMINA, instant("2026-11-16T18:00:00+03:00"));
        assert_eq!(paid_up, look("2026-11-23T17:00:00+03:00"));
    }

    proptest! {
        /// A member's month, looked at whenever the rule says, or at any other time, with every payment failing.
        #[test]
        fn whenever_it_is_looked_at_a_due_day_is_asked_for_three_times_at_most_and_never_at_night(
            hops in proptest::collection::vec((0i64..2_000, any::<bool>()), 1..300), member in any::<u128>(),
        ) {
            let member = Uuid::from_u128(member);
            let mut facts = due(Mode::Push, "2026-11-23T00:00:00+03:00");
            for (minutes, payment_open) in hops {
                facts.payment_open = payment_open;
                match decide(&facts, member) {
                    Decision::LookAt(at) => {
                        prop_assert!(at > facts.now);
                        facts.now = at.min(facts.now + TimeDelta::minutes(minutes + 1));
                    }
                    Decision::Push { attempt, .. } => {
                        prop_assert!(!payment_open);
                        prop_assert!(facts.now >= ASKING.opens(nairobi_date(facts.now)) && facts.now < ASKING.closes(nairobi_date(facts.now)));
                        facts.done.push(Done::Pushed { on: nairobi_date(facts.now) });
                        prop_assert_eq!(usize::try_from(attempt).unwrap(), facts.done.len());
                    }
                    Decision::GiveUp { .. } => {
                        prop_assert_eq!(facts.done.len(), 3);
                        facts.done.push(Done::GaveUp);
                    }
                    Decision::Remind { .. } => prop_assert!(false, "nobody asked for a reminder"),
                }
            }
            let mut days: Vec<_> = facts.done.iter().filter_map(|done| match done { Done::Pushed { on } => Some(*on), _ => None }).collect();
            prop_assert!(days.len() <= 3);
            days.dedup();
            prop_assert_eq!(days.len(), facts.done.iter().filter(|done| matches!(done, Done::Pushed { .. })).count());
        }
    }
}
