//! The rules of membership. Days are Nairobi's; the time is told.

use chrono::{Days, Months, NaiveDate};

use crate::members::MemberId;
use crate::primitives::Money;

/// How long before the last day a membership is due.
const DUE_DAYS: u32 = 30;

/// A kind of member, and what it costs to stay one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    pub code: String,
    pub name_en: String,
    pub name_sw: String,
    pub renewal: Money,
    pub period_months: u32,
    /// After the last day, so long everything is as it was.
    pub grace_days: u32,
    /// On top of the renewal once the grace is over.
    pub late_fee: Money,
}

/// One member's membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub member: MemberId,
    pub category: Category,
    pub started_on: NaiveDate,
    /// The last day.
    pub until: NaiveDate,
}

/// How a membership stands on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Active,
    /// The last day comes within thirty; `days_left` is 0 on the last day itself.
    Due {
        days_left: i64,
    },
    /// The last day is over. Nothing is lost for `days_left` more days after this one.
    Grace {
        days_left: i64,
    },
    /// Over, since this day.
    Lapsed {
        since: NaiveDate,
    },
}

/// What is said about the end of a membership, each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reminder {
    Month,
    Week,
    Day,
    Lapsed,
}

/// What a renewal bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    pub first_day: NaiveDate,
    pub last_day: NaiveDate,
    /// After it had lapsed: the new period begins with the payment, and the days between are nobody's.
    pub returned: bool,
}

/// What a member may want to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    RaiseEmergency,
    SeeBalances,
    /// Renewal, fees and fines.
    PayDues,
    /// Into the stage's fund or the own wallet.
    PayIn,
    /// From the wallet to the own M-PESA.
    Withdraw,
    /// From the wallet to another member.
    SendMoney,
    Borrow,
    Guarantee,
}

/// What may be done as a membership stands. The one table of it: a lapsed member's life and own money are never held back; what
/// leans on the others' trust is.
pub fn allows(standing: Standing, doing: Doing) -> bool {
    match standing {
        Standing::Active | Standing::Due { .. } | Standing::Grace { .. } => true,
        Standing::Lapsed { .. } => match doing {
            Doing::RaiseEmergency
            | Doing::SeeBalances
            | Doing::PayDues
            | Doing::PayIn
            | Doing::Withdraw => true,
            Doing::SendMoney | Doing::Borrow | Doing::Guarantee => false,
        },
    }
}

impl Category {
    /// The first term of whoever was approved on that day. A term that would be over before anybody could have said so, because
    /// nobody counted when it began, ends a month from now instead.
    pub fn first_term(&self, approved_on: NaiveDate, today: NaiveDate) -> (NaiveDate, NaiveDate) {
        let until = self.last_day(approved_on);
        match until < today {
            true => (approved_on, plus_days(today, DUE_DAYS)),
            false => (approved_on, until),
        }
    }

    /// The last day of a period that begins on that day.
    fn last_day(&self, first_day: NaiveDate) -> NaiveDate {
        let after = first_day.checked_add_months(Months::new(self.period_months.max(1)));
        after
            .and_then(|after| after.pred_opt())
            .unwrap_or(NaiveDate::MAX)
    }
}

impl Membership {
    pub fn standing(&self, today: NaiveDate) -> Standing {
        let days_left = (self.until - today).num_days();
        let grace = i64::from(self.category.grace_days);
        match days_left {
            left if left > i64::from(DUE_DAYS) => Standing::Active,
            left if left >= 0 => Standing::Due { days_left: left },
            left if -left <= grace => Standing::Grace {
                days_left: grace + left,
            },
            _ => Standing::Lapsed {
                since: self.lapses_on(),
            },
        }
    }

    /// What it costs to renew today.
    pub fn price(&self, today: NaiveDate) -> Money {
        match self.standing(today) {
            Standing::Lapsed { .. } => self.category.renewal + self.category.late_fee,
            _ => self.category.renewal,
        }
    }

    /// Whether one more period can be bought: nobody pays further ahead than one.
    pub fn may_renew(&self, today: NaiveDate) -> bool {
        self.until <= self.category.last_day(today)
    }

    /// Until when a renewal is paid in time.
    pub fn pay_until(&self, today: NaiveDate) -> NaiveDate {
        match self.standing(today) {
            Standing::Active | Standing::Due { .. } => self.until,
            Standing::Grace { .. } => plus_days(self.until, self.category.grace_days),
            Standing::Lapsed { .. } => today,
        }
    }

    /// What a renewal buys that is paid today. One that was `asked_on` a day on which the membership had not lapsed goes on where it
    /// ended, however long the payment took to arrive, unless that would be over already.
    pub fn renew(&self, asked_on: NaiveDate, today: NaiveDate) -> Renewal {
        let in_time = !matches!(self.standing(asked_on), Standing::Lapsed { .. });
        let first_day = plus_days(self.until, 1);
        let last_day = self.category.last_day(first_day);
        if in_time && last_day >= today {
            return Renewal {
                first_day,
                last_day,
                returned: false,
            };
        }
        Renewal {
            first_day: today,
            last_day: self.category.last_day(today),
            returned: true,
        }
    }

    /// What is to be said today, if it was not said before. Of several that were missed only the latest still makes sense.
    pub fn reminder(&self, today: NaiveDate) -> Option<Reminder> {
        match self.standing(today) {
            Standing::Active | Standing::Grace { .. } => None,
            Standing::Due { days_left } => Some(match days_left {
                ..=1 => Reminder::Day,
                ..=7 => Reminder::Week,
                _ => Reminder::Month,
            }),
            Standing::Lapsed { .. } => Some(Reminder::Lapsed),
        }
    }

    /// When a membership nobody has looked at yet is to be looked at first.
    pub fn first_look(&self, today: NaiveDate) -> Option<NaiveDate> {
        match self.reminder(today) {
            Some(_) => Some(today),
            None => self.next_look(today),
        }
    }

    /// The next day after today on which there is something to say.
    pub fn next_look(&self, today: NaiveDate) -> Option<NaiveDate> {
        let before = |days| self.until.checked_sub_days(Days::new(days));
        let days = [before(u64::from(DUE_DAYS)), before(7), before(1)];
        let mut days = days.into_iter().flatten().chain([self.lapses_on()]);
        days.find(|day| *day > today)
    }

    fn lapses_on(&self) -> NaiveDate {
        plus_days(self.until, self.category.grace_days.saturating_add(1))
    }
}

impl Reminder {
    pub fn as_str(self) -> &'static str {
        match self {
            Reminder::Month => "month",
            Reminder::Week => "week",
            Reminder::Day => "day",
            Reminder::Lapsed => "lapsed",
        }
    }
}

fn plus_days(day: NaiveDate, days: u32) -> NaiveDate {
    day.checked_add_days(Days::new(u64::from(days)))
        .unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn day(written: &str) -> NaiveDate {
        written.parse().unwrap()
    }

    fn category(period_months: u32, grace_days: u32) -> Category {
        Category {
            code: "rider".to_owned(),
            name_en: "Rider".to_owned(),
            name_sw: "Rider".to_owned(),
            renewal: Money::from_shillings(500),
            period_months,
            grace_days,
            late_fee: Money::from_shillings(100),
        }
    }

    fn until(last_day: &str) -> Membership {
        membership(category(12, 30), day(last_day))
    }

    fn membership(category: Category, until: NaiveDate) -> Membership {
        Membership {
            member: MemberId(Uuid::nil()),
            category,
            started_on: until.checked_sub_months(Months::new(12)).unwrap(),
            until,
        }
    }

    #[test]
    fn how_a_membership_stands() {
        let rider = until("2026-12-31");
        for (today, wanted) in [
            ("2026-11-30", Standing::Active),
            ("2026-12-01", Standing::Due { days_left: 30 }),
            ("2026-12-31", Standing::Due { days_left: 0 }),
            ("2027-01-01", Standing::Grace { days_left: 29 }),
            ("2027-01-30", Standing::Grace { days_left: 0 }),
            (
                "2027-01-31",
                Standing::Lapsed {
                    since: day("2027-01-31"),
                },
            ),
            (
                "2028-06-01",
                Standing::Lapsed {
                    since: day("2027-01-31"),
                },
            ),
        ] {
            assert_eq!(rider.standing(day(today)), wanted, "{today}");
        }
        let without_grace = membership(category(12, 0), day("2026-12-31"));
        let since = day("2027-01-01");
        assert_eq!(without_grace.standing(since), Standing::Lapsed { since });
    }

    #[test]
    fn what_a_renewal_costs_and_buys() {
        let rider = until("2026-12-31");
        let shillings = |today| rider.price(day(today)).cents() / 100;
        assert_eq!(
            (shillings("2026-12-31"), shillings("2027-01-30")),
            (500, 500)
        );
        assert_eq!(
            shillings("2027-01-31"),
            600,
            "the late fee comes after the grace"
        );
        let renewed = |asked, today| rider.renew(day(asked), day(today));
        let goes_on = Renewal {
            first_day: day("2027-01-01"),
            last_day: day("2027-12-31"),
            returned: false,
        };
        assert_eq!(renewed("2026-12-01", "2026-12-01"), goes_on);
        assert_eq!(
            renewed("2027-01-30", "2027-01-30"),
            goes_on,
            "in grace nothing is lost"
        );
        assert_eq!(
            renewed("2027-01-30", "2027-01-31"),
            goes_on,
            "asked in time, paid a moment after midnight"
        );
        assert_eq!(
            renewed("2027-03-10", "2027-03-10"),
            Renewal {
                first_day: day("2027-03-10"),
                last_day: day("2028-03-09"),
                returned: true,
            }
        );
        let monthly = membership(category(1, 30), day("2026-12-31"));
        assert!(monthly.renew(day("2027-01-01"), day("2027-06-01")).returned);
    }

    #[test]
    fn nobody_pays_further_ahead_than_one_period() {
        let today = day("2026-12-01");
        assert!(until("2027-11-30").may_renew(today));
        assert!(!until("2027-12-01").may_renew(today));
    }

    #[test]
    fn existing_members_begin_with_their_approval() {
        let rider = category(12, 30);
        let (approved, today) = (day("2026-05-04"), day("2026-11-20"));
        assert_eq!(
            rider.first_term(approved, today),
            (approved, day("2027-05-03"))
        );
        let long_ago = day("2024-02-29");
        assert_eq!(
            rider.first_term(long_ago, today),
            (long_ago, day("2026-12-20")),
            "nobody lapses without having been told"
        );
    }

    #[test]
    fn what_a_lapsed_member_may_do() {
        let doings = [
            (Doing::RaiseEmergency, true),
            (Doing::SeeBalances, true),
            (Doing::PayDues, true),
            (Doing::PayIn, true),
            (Doing::Withdraw, true),
            (Doing::SendMoney, false),
            (Doing::Borrow, false),
            (Doing::Guarantee, false),
        ];
        for (doing, when_lapsed) in doings {
            let lapsed = Standing::Lapsed {
                since: day("2027-01-31"),
            };
            assert_eq!(allows(lapsed, doing), when_lapsed, "{doing:?}");
            for standing in [
                Standing::Active,
                Standing::Due { days_left: 0 },
                Standing::Grace { days_left: 0 },
            ] {
                assert!(allows(standing, doing), "{doing:?}");
            }
        }
    }

    prop_compose! {
        fn any_membership()(period in 1..=60_u32, grace in 0..=180_u32, days in 0..3_000_u64) -> Membership {
            membership(category(period, grace), day("2025-01-31") + Days::new(days))
        }
    }

    proptest! {
        /// A payment never takes a day away, and whoever has paid has not lapsed.
        #[test]
        fn a_renewal_always_helps(rider in any_membership(), asked in -400..400_i64, took in 0..40_i64) {
            let asked_on = rider.until + chrono::TimeDelta::days(asked);
            let today = asked_on + chrono::TimeDelta::days(took);
            let renewal = rider.renew(asked_on, today);
            prop_assert!(renewal.last_day > rider.until && renewal.last_day >= today);
            prop_assert!(renewal.first_day > rider.until || renewal.returned);
            let after = Membership { until: renewal.last_day, ..rider };
            let has_lapsed = matches!(after.standing(today), Standing::Lapsed { .. });
            prop_assert!(!has_lapsed);
        }

        /// However seldom anybody looks, nothing is said twice, the lapse is always said, and looking only on the days that
        /// `next_look` names misses nothing.
        #[test]
        fn each_reminder_once(rider in any_membership(), gaps in prop::collection::vec(1..50_u64, 1..60)) {
            let mut today = rider.until - chrono::TimeDelta::days(60);
            let end = rider.lapses_on() + Days::new(60);
            let (mut said, mut look_on) = (BTreeSet::new(), rider.next_look(today));
            let mut gaps = gaps.into_iter().cycle();
            while today < end {
                if look_on.is_some_and(|day| day <= today) {
                    if let Some(reminder) = rider.reminder(today) {
                        prop_assert!(said.insert(reminder), "{reminder:?} twice");
                    }
                    look_on = rider.next_look(today);
                }
                today = today + Days::new(gaps.next().unwrap());
            }
            prop_assert!(said.contains(&Reminder::Lapsed));
            prop_assert_eq!(look_on, None);
        }

        /// A membership only goes forward: active, due, in grace, lapsed.
        #[test]
        fn standing_goes_forward(rider in any_membership()) {
            let rank = |standing| match standing {
                Standing::Active => 0,
                Standing::Due { .. } => 1,
                Standing::Grace { .. } => 2,
                Standing::Lapsed { .. } => 3,
            };
            let mut today = rider.until - chrono::TimeDelta::days(40);
            let mut before = 0;
            while today < rider.lapses_on() + Days::new(3) {
                let now = rank(rider.standing(today));
                prop_assert!(now >= before);
                (before, today) = (now, today + Days::new(1));
            }
            prop_assert_eq!(before, 3);
        }
    }
}
