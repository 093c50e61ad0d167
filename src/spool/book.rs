//! What the spool knows: each report, whom it was told to, and whether it is in Postgres. Pure.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::report::Report;
use crate::primitives::Msisdn;

/// A phone that presses again within this time is heard already: everybody was told of it a moment ago.
const HEARD_FOR: TimeDelta = TimeDelta::seconds(60);
/// What is told after an alarm waits so long for the alarm's case; without one there is nothing it belongs to.
const WORDS_WAIT: TimeDelta = TimeDelta::minutes(15);

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    Taken(Report),
    /// A provider has the alert for this phone.
    Told {
        report: Uuid,
        phone: Msisdn,
    },
    /// Postgres has it, or it was given up with a reason in the log.
    Done {
        report: Uuid,
    },
}

/// One report and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub report: Report,
    pub told: BTreeSet<Msisdn>,
    /// It is on the disk. What is not lives as long as the process.
    kept: bool,
    done: bool,
}

/// The sum of a file's lines, in whatever order and however often they are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Book {
    pages: Vec<Page>,
}

impl Book {
    /// Takes a line that is on the disk.
    pub fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Taken(report) => self.take(report, true),
            Entry::Told { report, phone } => {
                if let Some(page) = self.page(report) {
                    page.told.insert(phone);
                }
            }
            Entry::Done { report } => {
                if let Some(page) = self.page(report) {
                    page.done = true;
                }
            }
        }
    }

    /// Takes a line that could not be written.
    pub fn remember(&mut self, entry: Entry) {
        match entry {
            Entry::Taken(report) => self.take(report, false),
            entry => self.apply(entry),
        }
    }

    fn take(&mut self, report: Report, kept: bool) {
        if let Some(page) = self.page(report.id) {
            page.kept |= kept;
            return;
        }
        self.pages.push(Page {
            report,
            told: BTreeSet::new(),
            kept,
            done: false,
        });
    }

    fn page(&mut self, report: Uuid) -> Option<&mut Page> {
        self.pages.iter_mut().find(|page| page.report.id == report)
    }

    /// The report is on the disk.
    pub fn keeps(&self, report: Uuid) -> bool {
        self.pages
            .iter()
            .any(|page| page.kept && page.report.id == report)
    }

    pub fn knows(&self, report: Uuid) -> bool {
        self.pages.iter().any(|page| page.report.id == report)
    }

    /// What has still to reach Postgres, in the order it was told.
    pub fn waiting(&self) -> impl Iterator<Item = &Page> {
        let mut waiting: Vec<&Page> = self.pages.iter().filter(|page| !page.done).collect();
        waiting.sort_by_key(|page| page.report.at);
        waiting.into_iter()
    }

    /// The alarm of this phone that is not a case yet.
    pub fn alarm_of(&self, msisdn: &Msisdn) -> Option<&Report> {
        self.waiting()
            .map(|page| &page.report)
            .find(|report| report.is_alarm() && report.msisdn == *msisdn)
    }

    /// True when it says nothing that was not said a moment ago, and kept.
    pub fn covers(&self, new: &Report) -> bool {
        let kept = self.waiting().filter(|page| page.kept);
        kept.map(|page| &page.report).any(|known| {
            known.msisdn == new.msisdn
                && known.what == new.what
                && new.at >= known.at
                && new.at - known.at < HEARD_FOR
        })
    }

    /// Nothing in the file is needed any more.
    pub fn is_done(&self) -> bool {
        self.pages.iter().all(|page| page.done)
    }

    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    pub fn clear(&mut self) {
        self.pages.clear();
    }

    /// The lines that say what still matters, for another file.
    pub fn carried_over(&self) -> Vec<Entry> {
        self.waiting()
            .flat_map(|page| {
                let told = page.told.iter().map(|phone| Entry::Told {
                    report: page.report.id,
                    phone: phone.clone(),
                });
                std::iter::once(Entry::Taken(page.report.clone())).chain(told)
            })
            .collect()
    }
}

/// What was told after an alarm, and whose alarm has become no case for so long, belongs to nothing.
pub(super) fn is_stale(report: &Report, now: DateTime<Utc>) -> bool {
    !report.is_alarm() && now - report.at > WORDS_WAIT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::Language;
    use crate::spool::report::{Channel, What};
    use proptest::prelude::*;

    fn report(n: u128, phone: u32, seconds: i64) -> Report {
        Report {
            id: Uuid::from_u128(n),
            msisdn: Msisdn::parse(&format!("2547110000{phone:02}")).unwrap(),
            language: Language::ENGLISH,
            at: DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap(),
            channel: Channel::Ussd,
            silent: false,
            what: What::Alarm { words: None },
        }
    }

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let entry = (0..6u128, 0..3u32, 0..3u8).prop_map(|(n, phone, kind)| match kind {
            0 => Entry::Taken(report(n, n as u32, n as i64)),
            1 => Entry::Told {
                report: Uuid::from_u128(n),
                phone: report(0, phone, 0).msisdn,
            },
            _ => Entry::Done {
                report: Uuid::from_u128(n),
            },
        });
        prop::collection::vec(entry, 0..30)
    }

    fn book_of(entries: impl IntoIterator<Item = Entry>) -> Book {
        let mut book = Book::default();
        entries.into_iter().for_each(|entry| book.apply(entry));
        book
    }

    proptest! {
        /// A drain that dies between two lines repeats lines.
        #[test]
        fn lines_read_twice_say_the_same(entries in entries()) {
            let twice = entries.iter().flat_map(|entry| [entry.clone(), entry.clone()]);
            prop_assert_eq!(book_of(twice), book_of(entries.clone()));
        }

        /// What one process carries over into its own file is all that the dead one still had to do.
        #[test]
        fn nothing_that_waits_is_lost_in_the_carrying(entries in entries()) {
            let book = book_of(entries);
            let carried = book_of(book.carried_over());
            prop_assert!(book.waiting().eq(carried.waiting()));
            prop_assert_eq!(carried.is_done(), book.is_done());
        }
    }

    #[test]
    fn who_presses_again_at_once_is_heard_already_and_later_is_heard_again() {
        let book = book_of([Entry::Taken(report(1, 1, 0))]);
        for (again, covered) in [
            (report(2, 1, 0), true),
            (report(2, 1, 59), true),
            (report(2, 1, 60), false),
            (report(2, 2, 1), false),
        ] {
            assert_eq!(book.covers(&again), covered, "{again:?}");
        }
        let told = Report {
            what: What::Place("Uhuru".into()),
            ..report(3, 1, 5)
        };
        assert!(!book.covers(&told));
        let drained = book_of([
            Entry::Taken(report(1, 1, 0)),
            Entry::Done {
                report: Uuid::from_u128(1),
            },
        ]);
        assert!(!drained.covers(&report(2, 1, 5)));
        assert!(drained.is_done());
    }

    #[test]
    fn what_the_disk_did_not_take_covers_nothing() {
        let mut book = Book::default();
        book.remember(Entry::Taken(report(1, 1, 0)));
        assert!(!book.covers(&report(2, 1, 5)));
        assert!(!book.keeps(Uuid::from_u128(1)));
        assert_eq!(book.waiting().count(), 1);
        book.apply(Entry::Taken(report(1, 1, 0)));
        assert!(book.keeps(Uuid::from_u128(1)));
        assert_eq!(book.waiting().count(), 1);
    }

    #[test]
    fn an_alarm_waits_for_ever_and_words_without_one_do_not() {
        let now = report(1, 1, 0).at + TimeDelta::days(2);
        assert!(!is_stale(&report(1, 1, 0), now));
        let words = Report {
            what: What::Place("Uhuru".into()),
            ..report(1, 1, 0)
        };
        assert!(is_stale(&words, now));
        assert!(!is_stale(&words, words.at + TimeDelta::minutes(15)));
    }
}
