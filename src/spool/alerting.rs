//! Telling the on-call phones, through the providers and nothing else.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use uuid::Uuid;

use super::Spool;
use super::book::Entry;
use super::report::{Report, What};
use crate::messages::{Handover, NotRendered, Values};
use crate::primitives::Msisdn;
use crate::telemetry::metric;

/// Hands one text to one phone's provider, such as a client's `send_sms`.
pub type Provider =
    Arc<dyn Fn(Msisdn, String) -> Pin<Box<dyn Future<Output = Handover> + Send>> + Send + Sync>;

/// A provider that has not answered by then may have the alert or not: the next one gets it as well.
const NEXT_PROVIDER_AFTER: Duration = Duration::from_secs(2);
/// The last one in the row is waited for a little longer.
const LAST_PROVIDER_PATIENCE: Duration = Duration::from_secs(4);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(5);
/// So many copies of one alert at most, when no provider ever answers.
const COPIES_MAX: u32 = 4;

/// What was tried since this process began. Not in the file: whoever comes after tries at once.
#[derive(Default)]
pub(super) struct Tries(Mutex<HashMap<(Uuid, Msisdn), Try>>);

#[derive(Clone, Copy, Debug, Default)]
struct Try {
    refused: u32,
    unanswered: u32,
    under_way: bool,
    /// Not before; at once if absent.
    due: Option<Instant>,
}

/// How one round of all providers ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Handed,
    /// Somebody may have it.
    Unanswered,
    Refused,
}

impl Tries {
    fn lock(&self) -> MutexGuard<'_, HashMap<(Uuid, Msisdn), Try>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True for the one who may try now.
    fn begin(&self, report: Uuid, phone: &Msisdn) -> bool {
        let mut tries = self.lock();
        let known = tries.entry((report, phone.clone())).or_default();
        let is_due = known.due.is_none_or(|due| due <= Instant::now());
        let begins = is_due && !known.under_way;
        known.under_way |= begins;
        begins
    }

    /// True when the phone counts as told.
    fn end(&self, report: Uuid, phone: &Msisdn, ended: Ended) -> bool {
        let mut tries = self.lock();
        let known = tries.entry((report, phone.clone())).or_default();
        known.under_way = false;
        match ended {
            Ended::Handed => {}
            Ended::Unanswered => known.unanswered += 1,
            Ended::Refused => known.refused += 1,
        }
        let wait = match ended {
            Ended::Refused => Duration::from_secs(1 << known.refused.min(3)) / 2,
            _ => AGAIN_AFTER_MAX,
        };
        known.due = Some(Instant::now() + wait.min(AGAIN_AFTER_MAX));
        ended == Ended::Handed || known.unanswered >= COPIES_MAX
    }
}

impl Spool {
    /// Tells everybody who has not been told and is due. Returns when each of them was tried.
    pub async fn alert(&self) {
        let mut telling = JoinSet::new();
        for (report, phone) in self.untold() {
            if self.0.tries.begin(report.id, &phone) {
                let spool = self.clone();
                telling.spawn(async move { spool.tell(report, phone).await });
            }
        }
        telling.join_all().await;
    }

    fn untold(&self) -> Vec<(Report, Msisdn)> {
        self.book(|book| {
            let mut untold = Vec::new();
            for page in book.waiting() {
                for phone in self.hearers(&page.report) {
                    if !page.told.contains(phone) {
                        untold.push((page.report.clone(), phone.clone()));
                    }
                }
            }
            self.0
                .tries
                .lock()
                .retain(|(report, _), _| book.knows(*report));
            untold
        })
    }

    /// The on-call phones, and the reporter where no screen has told them that help is being called.
    fn hearers<'r>(&'r self, report: &'r Report) -> impl Iterator<Item = &'r Msisdn> {
        let wants_a_text = report.is_alarm() && report.channel.wants_a_text();
        let reporter = Some(&report.msisdn)
            .filter(|reporter| wants_a_text && !self.0.settings.duty_phones.contains(reporter));
        self.0.settings.duty_phones.iter().chain(reporter)
    }

    async fn tell(&self, report: Report, phone: Msisdn) {
        let ended = match self.words(&report, &phone) {
            Ok(words) => self.hand_over(&phone, &words).await,
            Err(unfit) => {
                tracing::error!(%unfit, "An alert of the spool has no words");
                Ended::Refused
            }
        };
        metric::spooled(match ended {
            Ended::Handed => "alerted",
            Ended::Unanswered => "alert_unanswered",
            Ended::Refused => "alert_refused",
        });
        if self.0.tries.end(report.id, &phone, ended) {
            let told = Entry::Told {
                report: report.id,
                phone,
            };
            // Unwritten it may be said twice, which is better than not at all.
            if let Err(why) = self.0.writer.write(vec![told]).await {
                tracing::warn!(
                    why,
                    "That a phone was alerted could not be written into the spool"
                );
            }
        }
    }

    async fn hand_over(&self, phone: &Msisdn, words: &str) -> Ended {
        let providers = &self.0.settings.providers;
        let mut best = Ended::Refused;
        for (place, provider) in providers.iter().enumerate() {
            let is_last = place + 1 == providers.len();
            let patience = if is_last {
                LAST_PROVIDER_PATIENCE
            } else {
                NEXT_PROVIDER_AFTER
            };
            let handing = provider(phone.clone(), words.to_owned());
            match tokio::time::timeout(patience, handing).await {
                Ok(Handover::Accepted { .. }) => return Ended::Handed,
                Ok(Handover::Refused(why)) => {
                    tracing::warn!(%why, "A provider did not take an alert of the spool");
                }
                Ok(Handover::Unknown { .. }) | Err(_) => best = Ended::Unanswered,
            }
        }
        best
    }

    fn words(&self, report: &Report, to: &Msisdn) -> Result<String, NotRendered> {
        let phone = report.msisdn.national();
        if *to == report.msisdn && !self.0.settings.duty_phones.contains(to) {
            let values = Values::new().code("duty_phone", self.number_to_call());
            return self.render("emergency.spooled_received", report, &values);
        }
        let values = Values::new().code("phone", phone);
        match &report.what {
            What::Alarm { .. } if report.silent => {
                self.render("emergency.spooled_silent", report, &values)
            }
            What::Alarm { words: None } => self.render("emergency.spooled_alert", report, &values),
            What::Alarm { words: Some(words) } | What::Place(words) => self.render(
                "emergency.spooled_place",
                report,
                &values.words("place", words),
            ),
            What::Injured(injured) => self.render(
                "emergency.spooled_injured",
                report,
                &values.count("injured", injured.unsigned_abs()),
            ),
            What::Kind(kind) => self.render(
                "emergency.spooled_kind",
                report,
                &values.phrase("kind", kind.phrase()),
            ),
        }
    }

    fn render(
        &self,
        template: &str,
        report: &Report,
        values: &Values,
    ) -> Result<String, NotRendered> {
        let templates = &self.0.settings.templates;
        templates.render(template, report.language, values)
    }
}
