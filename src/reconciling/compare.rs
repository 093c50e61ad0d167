//! Laying two books side by side. Pure.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, Utc};
use uuid::Uuid;

use super::model::{Booked, Class, Found, Ours, PulledRow, Theirs};
use crate::payments::Receipt;
use crate::primitives::{Money, NAIROBI, nairobi_date};

/// Everything in which the two sides differ about `day`.
///
/// `ours` and `theirs` hold the payments of that day on either side and, for each, its counterpart whatever its day. `booked` is
/// what the ledger took in on the day. That a payment of ours is missing there is said only when their side is `complete`.
pub fn compare(
    day: NaiveDate,
    ours: &[Ours],
    theirs: &[Theirs],
    booked: &[Booked],
    complete: bool,
) -> Vec<Found> {
    let here: HashMap<&Receipt, &Ours> = ours
        .iter()
        .filter_map(|own| own.receipt.as_ref().map(|receipt| (receipt, own)))
        .collect();
    let there: HashMap<&Receipt, &Theirs> = theirs
        .iter()
        .map(|record| (&record.receipt, record))
        .collect();

    let mut found = Vec::new();
    for record in theirs {
        let of_day = nairobi_date(record.at) == day;
        match here.get(&record.receipt) {
            None if of_day => found.push(seen(
                Class::OnlyTheirs,
                record.receipt.to_string(),
                None,
                Some(record),
            )),
            None => {}
            Some(own) if own.amount != record.amount => found.push(seen(
                Class::Amount,
                record.receipt.to_string(),
                Some(own),
                Some(record),
            )),
            Some(own) if of_day && nairobi_date(own.at) != day && !own.from_records => {
                found.push(seen(
                    Class::Day,
                    record.receipt.to_string(),
                    Some(own),
                    Some(record),
                ))
            }
            Some(_) => {}
        }
    }
    for own in ours.iter().filter(|own| nairobi_date(own.at) == day) {
        match &own.receipt {
            None => found.push(seen(Class::Unnamed, own.id.to_string(), Some(own), None)),
            Some(receipt) if complete && !there.contains_key(receipt) => {
                found.push(seen(Class::OnlyOurs, receipt.to_string(), Some(own), None));
            }
            Some(_) => {}
        }
    }
    found.extend(not_as_booked(day, ours, booked));
    found
}

fn seen(class: Class, reference: String, ours: Option<&Ours>, theirs: Option<&Theirs>) -> Found {
    Found {
        class,
        reference,
        ours: ours.map(|own| own.amount),
        theirs: theirs.map(|record| record.amount),
        ours_at: ours.map(|own| own.at),
        theirs_at: theirs.map(|record| record.at),
    }
}

/// A payment is booked in the transaction that takes it in, under its obligation or under a name made of its receipt; money that
/// an obligation finds in suspense later is released and booked again on one day, which comes to nothing.
fn not_as_booked(day: NaiveDate, ours: &[Ours], booked: &[Booked]) -> Vec<Found> {
    let mut names: HashMap<Uuid, Uuid> = HashMap::new();
    // What came and what was booked, in cents, by name.
    let mut sums: BTreeMap<Uuid, (i64, i64)> = BTreeMap::new();
    for own in ours {
        let name = own.name();
        names.insert(name, name);
        if let Some(receipt) = &own.receipt {
            names.insert(receipt.payment_id(), name);
        }
        if nairobi_date(own.at) == day {
            sums.entry(name).or_default().0 += own.amount.cents();
        }
    }
    for Booked { cause, cents } in booked {
        let name = names.get(cause).copied().unwrap_or(*cause);
        sums.entry(name).or_default().1 += cents;
    }
    let apart = sums
        .into_iter()
        .filter(|(_, (came, booked))| came != booked);
    apart
        .map(|(name, (came, booked))| Found {
            class: Class::Ledger,
            reference: name.to_string(),
            ours: Some(Money::from_cents(booked.max(0))),
            theirs: Some(Money::from_cents(came)),
            ours_at: None,
            theirs_at: None,
        })
        .collect()
}

/// In which time the pull interface writes: it puts a `Z` behind every time, and the page's own samples show Nairobi's hours.
/// Payments that we know decide; without any it is taken for Nairobi's.
pub fn clock_of(
    rows: &[PulledRow],
    known: impl Fn(&Receipt) -> Option<DateTime<Utc>>,
) -> FixedOffset {
    let apart = |written: NaiveDateTime, at: DateTime<Utc>| (written.and_utc() - at).abs();
    let (mut nairobi, mut universal) = (0, 0);
    for row in rows {
        let Some(at) = known(&row.receipt) else {
            continue;
        };
        let as_nairobi = apart(row.written - chrono::TimeDelta::hours(3), at);
        match as_nairobi <= apart(row.written, at) {
            true => nairobi += 1,
            false => universal += 1,
        }
    }
    match universal > nairobi {
        true => chrono::Offset::fix(&Utc),
        false => NAIROBI,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: &str = "2026-11-20";

    fn receipt(number: u32) -> Receipt {
        Receipt::parse(&format!("UKK{number:07}")).unwrap()
    }

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn own(number: u32, shillings: i64, at: &str) -> Ours {
        Ours {
            id: Uuid::from_u128(u128::from(number)),
            receipt: Some(receipt(number)),
            obligation: None,
            amount: Money::from_shillings(shillings),
            at: instant(at),
            from_records: false,
        }
    }

    fn record(number: u32, shillings: i64, at: &str) -> Theirs {
        Theirs {
            receipt: receipt(number),
            amount: Money::from_shillings(shillings),
            at: instant(at),
            account: "0711000001".to_owned(),
            payer_hint: None,
        }
    }

    fn booked(ours: &[Ours]) -> Vec<Booked> {
        let of_day = ours
            .iter()
            .filter(|own| nairobi_date(own.at).to_string() == DAY);
        of_day
            .map(|own| Booked {
                cause: own.name(),
                cents: own.amount.cents(),
            })
            .collect()
    }

    fn classes(ours: &[Ours], theirs: &[Theirs], complete: bool) -> Vec<(Class, String)> {
        let found = compare(DAY.parse().unwrap(), ours, theirs, &booked(ours), complete);
        found
            .into_iter()
            .map(|one| (one.class, one.reference))
            .collect()
    }

    const NOON: &str = "2026-11-20T09:00:00Z";
    /// Past midnight in Nairobi.
    const NEXT_DAY: &str = "2026-11-20T21:00:02Z";

    #[test]
    fn each_kind_of_difference_is_named() {
        let name = |number: u32| receipt(number).to_string();
        assert_eq!(
            classes(&[own(1, 200, NOON)], &[record(1, 200, NOON)], true),
            []
        );
        assert_eq!(
            classes(&[], &[record(1, 200, NOON)], false),
            [(Class::OnlyTheirs, name(1))]
        );
        assert_eq!(
            classes(&[own(1, 200, NOON)], &[], true),
            [(Class::OnlyOurs, name(1))]
        );
        // Half of their day proves nothing about what is missing in it.
        assert_eq!(classes(&[own(1, 200, NOON)], &[], false), []);
        assert_eq!(
            classes(&[own(1, 200, NOON)], &[record(1, 20, NOON)], true),
            [(Class::Amount, name(1))]
        );
        assert_eq!(
            classes(&[own(1, 200, NEXT_DAY)], &[record(1, 200, NOON)], true),
            [(Class::Day, name(1))]
        );
        let repaired = Ours {
            from_records: true,
            ..own(1, 200, NEXT_DAY)
        };
        assert_eq!(classes(&[repaired], &[record(1, 200, NOON)], true), []);
        let nameless = Ours {
            receipt: None,
            ..own(1, 200, NOON)
        };
        let id = nameless.id.to_string();
        assert_eq!(classes(&[nameless], &[], true), [(Class::Unnamed, id)]);
    }

    #[test]
    fn what_the_ledger_booked_must_be_what_came() {
        let day = DAY.parse().unwrap();
        let ours = [own(1, 200, NOON)];
        let theirs = [record(1, 200, NOON)];
        let say = |booked: &[Booked]| -> Vec<_> {
            let found = compare(day, &ours, &theirs, booked, true);
            found
                .into_iter()
                .map(|one| {
                    (
                        one.class,
                        one.ours.map(Money::cents),
                        one.theirs.map(Money::cents),
                    )
                })
                .collect()
        };
        let cause = receipt(1).payment_id();
        let (nothing, half) = (
            say(&[]),
            say(&[Booked {
                cause,
                cents: 10_000,
            }]),
        );
        assert_eq!(nothing, [(Class::Ledger, Some(0), Some(20_000))]);
        assert_eq!(half, [(Class::Ledger, Some(10_000), Some(20_000))]);
        let made_up = Booked {
            cause: Uuid::from_u128(77),
            cents: 5_000,
        };
        let whole = Booked {
            cause,
            cents: 20_000,
        };
        assert_eq!(
            say(&[whole, made_up]),
            [(Class::Ledger, Some(5_000), Some(0))]
        );
    }

    #[test]
    fn money_that_an_obligation_found_in_suspense_is_booked_once() {
        let obligation = Uuid::from_u128(9);
        let claimed = Ours {
            obligation: Some(obligation),
            ..own(1, 200, NOON)
        };
        let booked = [
            // As unallocated, under the receipt; then released and booked for the obligation.
            Booked {
                cause: receipt(1).payment_id(),
                cents: 20_000,
            },
            Booked {
                cause: obligation,
                cents: 0,
            },
        ];
        let day = DAY.parse().unwrap();
        let found = compare(day, &[claimed], &[record(1, 200, NOON)], &booked, true);
        assert_eq!(found, []);
    }

    #[test]
    fn the_clock_of_the_pull_is_found_by_what_we_know() {
        let row = |number: u32, written: &str| PulledRow {
            receipt: receipt(number),
            amount: Money::from_shillings(200),
            written: written.parse().unwrap(),
            account: String::new(),
            payer_hint: None,
        };
        let rows = [row(1, "2026-11-20T12:00:01"), row(2, "2026-11-20T23:10:00")];
        let known = |one: &Receipt| (*one == receipt(1)).then(|| instant(NOON));
        assert_eq!(clock_of(&rows, known), NAIROBI);
        let honest = [row(1, "2026-11-20T09:00:01")];
        assert_eq!(clock_of(&honest, known).local_minus_utc(), 0);
        assert_eq!(clock_of(&rows, |_| None), NAIROBI);
    }

    proptest! {
        /// Whatever is lost on either side, each payment is in exactly one of: agreed, only ours, only theirs, amount.
        #[test]
        fn every_payment_is_accounted_for(
            payments in proptest::collection::vec((any::<bool>(), any::<bool>(), 1i64..5_000, 0i64..3), 0..40),
        ) {
            let (mut ours, mut theirs, mut agreed) = (vec![], vec![], 0);
            for (number, (here, there, shillings, wrong)) in (0u32..).zip(&payments) {
                let off = i64::from(*wrong == 2);
                if *here { ours.push(own(number, *shillings, NOON)); }
                if *there { theirs.push(record(number, shillings + off, NOON)); }
                agreed += usize::from(*here && *there && off == 0);
            }
            let found = compare(DAY.parse().unwrap(), &ours, &theirs, &booked(&ours), true);
            let seen = payments.iter().filter(|(here, there, ..)| *here || *there).count();
            prop_assert_eq!(found.len() + agreed, seen);
            // And the totals differ by exactly what the differences say.
            let total = |sums: Vec<i64>| sums.iter().sum::<i64>();
            let apart = total(ours.iter().map(|own| own.amount.cents()).collect())
                - total(theirs.iter().map(|record| record.amount.cents()).collect());
            let explained = found.iter().map(|one| {
                one.ours.map_or(0, Money::cents) - one.theirs.map_or(0, Money::cents)
            });
            prop_assert_eq!(explained.sum::<i64>(), apart);
        }
    }
}
