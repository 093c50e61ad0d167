//! The ways out: whom messages can be handed to, in which order in each lane, how fast, and how each of them does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::QuietHours;
use super::breakers::Breakers;
use super::bucket::Bucket;
use super::model::{Class, Handover};
use super::route::{self, Choice, Routes, Tried};
use crate::integrations::SmsClient;
use crate::primitives::{Carrier, Msisdn};

/// What an installation decides about its text messages on their way out.
pub struct Outlets {
    outlets: Vec<Outlet>,
    pub(super) routes: Routes,
    pub(super) breakers: Arc<Breakers>,
    pub(super) pace: Pace,
}

struct Outlet {
    client: SmsClient,
    bucket: Mutex<Bucket>,
}

/// How long an alert waits for whom, and when what can wait does.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// An alert that is not answered for by then is in doubt, and the next provider says it as well.
    pub answer_within: Duration,
    /// An accepted alert without a delivery report by then is said by the next provider as well.
    pub report_within: TimeDelta,
    pub quiet: QuietHours,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            answer_within: Duration::from_secs(5),
            report_within: TimeDelta::seconds(30),
            quiet: QuietHours::NEVER,
        }
    }
}

impl Outlets {
    /// Each client with the segments a second its provider takes from us. A provider that a route names and that has no
    /// client here is never asked.
    pub fn new(
        clients: Vec<(SmsClient, u32)>,
        routes: Routes,
        breakers: Arc<Breakers>,
        pace: Pace,
    ) -> Outlets {
        let outlets: Vec<Outlet> = clients
            .into_iter()
            .map(|(client, segments_per_second)| Outlet {
                client,
                bucket: Mutex::new(Bucket::new(segments_per_second, Instant::now())),
            })
            .collect();
        let known = |carrier: &Carrier| {
            outlets
                .iter()
                .any(|outlet| outlet.client.carrier() == *carrier)
        };
        let routes = Routes::new(|class| {
            let route = routes.of(class).iter().copied();
            route.filter(|carrier| known(carrier)).collect()
        });
        Outlets {
            outlets,
            routes,
            breakers,
            pace,
        }
    }

    /// How many messages of a lane may be begun: none while every provider of its route is passed over, one when that
    /// one would be a probe. Nothing holds an emergency back.
    pub(super) fn room(&self, class: Class, now: DateTime<Utc>, free: usize) -> usize {
        let route = self.routes.of(class);
        let any_closed = route
            .iter()
            .any(|carrier| self.breakers.is_closed(*carrier, class));
        let any_open_to_a_probe = route
            .iter()
            .any(|carrier| self.breakers.lets_through(*carrier, class, now));
        match (any_closed, any_open_to_a_probe) {
            _ if class == Class::Emergency || route.is_empty() => free,
            (true, _) => free,
            (false, true) => free.min(1),
            (false, false) => 0,
        }
    }

    pub(super) fn choose(&self, class: Class, tried: &[Tried], now: DateTime<Utc>) -> Choice {
        let pass = |carrier| self.breakers.pass(carrier, class, now);
        route::choose(class, self.routes.of(class), tried, pass)
    }

    /// When whoever is passed over may be tried again, at least a second from now.
    pub(super) fn next_chance(&self, class: Class, now: DateTime<Utc>) -> DateTime<Utc> {
        let route: Vec<Carrier> = self
            .routes
            .of(class)
            .iter()
            .copied()
            .filter(|carrier| !self.breakers.lets_through(*carrier, class, now))
            .collect();
        let chance = self.breakers.next_chance(&route, class, now);
        chance.max(now + TimeDelta::seconds(1))
    }

    /// Takes a turn at a provider and says how long to wait for it. Emergencies take theirs without waiting.
    pub(super) fn turn(&self, carrier: Carrier, class: Class, segments: usize) -> Duration {
        let Some(outlet) = self.outlet(carrier) else {
            return Duration::ZERO;
        };
        let mut bucket = outlet.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = bucket.take(segments, Instant::now());
        if class == Class::Emergency {
            Duration::ZERO
        } else {
            wait
        }
    }

    /// Hands a message over. The future owns all it needs, so that a late answer can be waited for elsewhere.
    pub(super) fn send(
        &self,
        carrier: Carrier,
        to: Msisdn,
        text: String,
        under_our_name: bool,
    ) -> impl Future<Output = Handover> + Send + use<> {
        let client = self.outlet(carrier).map(|outlet| outlet.client.clone());
        async move {
            match client {
                Some(client) => client.send_sms(&to, &text, under_our_name).await,
                None => Handover::Refused(super::Refusal::Unreachable),
            }
        }
    }

    fn outlet(&self, carrier: Carrier) -> Option<&Outlet> {
        self.outlets
            .iter()
            .find(|outlet| outlet.client.carrier() == carrier)
    }
}
