//! How the providers do, lane by lane, as this process has seen it.
//!
//! Kept in the process and not shared: each sender finds a dead provider out within three messages of a lane, a shared
//! opinion would be one more thing to be away or wrong in an emergency, and what is lost with a process is learned anew
//! within seconds.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::breaker::Breaker;
use super::model::{Class, Handover};
use crate::primitives::Carrier;
use crate::telemetry::metric;

#[derive(Debug, Default)]
pub struct Breakers(Mutex<BTreeMap<(Carrier, Class), Breaker>>);

impl Breakers {
    /// The lanes in which a provider is passed over at present, most urgent first.
    pub fn passed_over(&self, carrier: Carrier) -> Vec<Class> {
        let all = self.locked();
        let shut = |class: &Class| {
            let breaker = all.get(&(carrier, *class));
            breaker.is_some_and(|breaker| !breaker.is_closed())
        };
        Class::ALL.into_iter().filter(shut).collect()
    }

    pub(super) fn lets_through(&self, carrier: Carrier, class: Class, now: DateTime<Utc>) -> bool {
        let all = self.locked();
        let breaker = all.get(&(carrier, class));
        breaker.is_none_or(|breaker| breaker.lets_through(now))
    }

    pub(super) fn is_closed(&self, carrier: Carrier, class: Class) -> bool {
        let all = self.locked();
        all.get(&(carrier, class)).is_none_or(Breaker::is_closed)
    }

    /// Takes the probe of a provider that is passed over and may be tried again.
    pub(super) fn pass(&self, carrier: Carrier, class: Class, now: DateTime<Utc>) -> bool {
        self.locked().entry((carrier, class)).or_default().pass(now)
    }

    /// When the first of these may be tried again; now if one of them may be.
    pub(super) fn next_chance(
        &self,
        carriers: &[Carrier],
        class: Class,
        now: DateTime<Utc>,
    ) -> DateTime<Utc> {
        let all = self.locked();
        let chances = carriers.iter().map(|carrier| {
            let breaker = all.get(&(*carrier, class));
            breaker.and_then(Breaker::shut_until).unwrap_or(now)
        });
        chances.min().unwrap_or(now).max(now)
    }

    /// Learns from an answer.
    pub(super) fn heard(
        &self,
        carrier: Carrier,
        class: Class,
        handover: &Handover,
        now: DateTime<Utc>,
    ) {
        let works = handover.tells_that_it_works();
        self.change(carrier, class, |breaker| {
            if works {
                breaker.worked();
            } else {
                breaker.failed(now);
            }
        });
        // An alert is no guinea pig: what another lane found out in time saves it the probe.
        if works && class != Class::Emergency && self.lets_through(carrier, Class::Emergency, now) {
            self.change(carrier, Class::Emergency, Breaker::worked);
        }
    }

    /// An alert the provider accepted was never heard of again.
    pub(super) fn heard_nothing(&self, carrier: Carrier, class: Class, now: DateTime<Utc>) {
        self.change(carrier, class, |breaker| breaker.stayed_silent(now));
    }

    fn change(&self, carrier: Carrier, class: Class, change: impl FnOnce(&mut Breaker)) {
        let mut all = self.locked();
        let breaker = all.entry((carrier, class)).or_default();
        let was_closed = breaker.is_closed();
        change(breaker);
        let is_closed = breaker.is_closed();
        drop(all);
        if was_closed == is_closed {
            return;
        }
        metric::provider_passed_over(carrier.as_str(), class.as_str(), !is_closed);
        let (provider, lane) = (carrier.as_str(), class.as_str());
        if is_closed {
            tracing::info!(
                provider,
                lane,
                "Messages of the {lane} lane go through {provider} again"
            );
        } else {
            tracing::error!(
                provider,
                lane,
                "Messages of the {lane} lane pass {provider} over: it does not work"
            );
        }
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<(Carrier, Class), Breaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
