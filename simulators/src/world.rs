//! What the outside knows, behind one lock: what a phone shows and what M-PESA believes may never disagree.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use tokio::sync::{broadcast, watch};

use crate::africastalking::{CallBook, MessageBook};
use crate::clock::Clock;
use crate::daraja::Book;
use crate::faults::{Fault, Faults};
use crate::phones::{Msisdn, Phone, demo_people};
use crate::settings::Settings;
use crate::twilio::TwilioBook;

/// The outside.
pub struct World {
    pub settings: Settings,
    pub clock: Clock,
    gateway: RwLock<String>,
    state: Mutex<State>,
    news: broadcast::Sender<News>,
    closing: watch::Sender<bool>,
    /// Grows with each reset, so that work begun before it is dropped.
    age: AtomicU64,
    http: reqwest::Client,
}

/// Everything that `POST /reset` forgets, except the dice: ids must not repeat while the gateway remembers them.
pub struct State {
    pub(crate) dice: Dice,
    pub(crate) faults: Faults,
    pub(crate) phones: BTreeMap<Msisdn, Phone>,
    pub(crate) messages: MessageBook,
    pub(crate) twilio: TwilioBook,
    pub(crate) calls: CallBook,
    pub(crate) book: Book,
    pub(crate) violations: Vec<Violation>,
}

/// A phone has changed.
#[derive(Clone, Debug, Serialize)]
pub struct News {
    pub msisdn: String,
    /// `screen`, `sms`, `prompt`, `call`, `balance`, `faults` or `reset`.
    pub kind: &'static str,
}

/// Something the gateway answered that the real outside would not have liked.
#[derive(Clone, Debug, Serialize)]
pub struct Violation {
    pub at: DateTime<Utc>,
    pub kind: &'static str,
    pub msisdn: String,
    pub detail: String,
}

impl World {
    pub(crate) fn new(settings: Settings) -> anyhow::Result<Arc<Self>> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // A connection kept open would die with a gateway that is restarted, and take a callback with it by accident.
            .pool_max_idle_per_host(0)
            .connect_timeout(Duration::from_secs(5))
            .build()
            .context("building the HTTP client")?;
        let state = State::fresh(&settings, Dice(StdRng::seed_from_u64(settings.seed)));
        Ok(Arc::new(Self {
            gateway: RwLock::new(trimmed(&settings.gateway_url)),
            settings,
            clock: Clock::new(),
            state: Mutex::new(state),
            news: broadcast::Sender::new(1024),
            closing: watch::Sender::new(false),
            age: AtomicU64::new(0),
            http,
        }))
    }

    /// The state, locked. Never held over an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub(crate) fn set_gateway(&self, url: String) {
        *self.gateway.write().unwrap_or_else(PoisonError::into_inner) = trimmed(&url);
    }

    /// The address of one of our Africa's Talking webhooks.
    pub(crate) fn webhook(&self, tail: &str) -> String {
        let gateway = self.gateway.read().unwrap_or_else(PoisonError::into_inner);
        format!("{gateway}/at/{}/{tail}", self.settings.webhook_key)
    }

    /// Whether an ordered trouble strikes this once.
    pub(crate) fn strikes(&self, what: Fault, whose: Option<&Msisdn>) -> bool {
        let now = self.now();
        self.state().strikes(what, whose, now)
    }

    /// Does something later in the outside's time, unless the world is reset or closed before.
    pub(crate) fn later<F>(self: &Arc<Self>, delay: Duration, deed: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let world = self.clone();
        let age = self.age.load(Ordering::Acquire);
        let due = self.clock.after(delay);
        tokio::spawn(async move {
            let mut closing = world.closing();
            let done = async {
                world.clock.sleep_until(due).await;
                if world.age.load(Ordering::Acquire) == age {
                    deed.await;
                }
            };
            tokio::select! {
                _ = closing.wait_for(|closed| *closed) => {}
                () = done => {}
            }
        });
    }

    /// Does something to its end even if whoever asked for it has gone: a network does not stop halfway.
    pub(crate) async fn see_through<T, F>(&self, deed: F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        match tokio::spawn(deed).await {
            Ok(done) => done,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is going down, and this with it.
                Err(_) => std::future::pending().await,
            },
        }
    }

    pub(crate) fn tell(&self, msisdn: &Msisdn, kind: &'static str) {
        _ = self.news.send(News {
            msisdn: msisdn.to_string(),
            kind,
        });
    }

    pub(crate) fn tell_all(&self, kind: &'static str) {
        _ = self.news.send(News {
            msisdn: String::new(),
            kind,
        });
    }

    pub(crate) fn news(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    /// Looks again whenever a phone changes, until something is found or the real time is over.
    pub(crate) async fn wait_for<T>(
        &self,
        wait: Duration,
        mut look: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        let mut news = self.news();
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            if let Some(found) = look(&mut self.state()) {
                return Some(found);
            }
            match tokio::time::timeout_at(deadline, news.recv()).await {
                Ok(Ok(_) | Err(broadcast::error::RecvError::Lagged(_))) => {}
                Ok(Err(broadcast::error::RecvError::Closed)) | Err(_) => return None,
            }
        }
    }

    pub(crate) fn violation(&self, kind: &'static str, msisdn: &Msisdn, detail: impl Into<String>) {
        let violation = Violation {
            at: self.now(),
            kind,
            msisdn: msisdn.to_string(),
            detail: detail.into(),
        };
        tracing::warn!(
            kind,
            detail = violation.detail,
            "The gateway broke the protocol"
        );
        self.state().violations.push(violation);
    }

    /// Forgets phones, troubles and books. The gateway's address and the time stay.
    pub(crate) fn reset(&self) {
        let mut state = self.state();
        let dice = std::mem::replace(&mut state.dice, Dice(StdRng::seed_from_u64(0)));
        *state = State::fresh(&self.settings, dice);
        self.age.fetch_add(1, Ordering::AcqRel);
        drop(state);
        self.tell_all("reset");
    }

    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }
}

impl State {
    fn fresh(settings: &Settings, dice: Dice) -> Self {
        let people = demo_people(settings)
            .into_iter()
            .map(|phone| (phone.msisdn.clone(), phone));
        Self {
            dice,
            faults: Faults::default(),
            phones: people.collect(),
            messages: MessageBook::new(settings),
            twilio: TwilioBook::default(),
            calls: CallBook::default(),
            book: Book::new(settings),
            violations: Vec::new(),
        }
    }

    /// The phone with that number; any Kenyan number has one.
    pub(crate) fn phone(&mut self, msisdn: &Msisdn, settings: &Settings) -> &mut Phone {
        self.phones
            .entry(msisdn.clone())
            .or_insert_with(|| Phone::new(msisdn.clone(), settings))
    }

    /// A receipt that was never given before.
    pub(crate) fn receipt(&mut self, now: DateTime<Utc>) -> String {
        self.book.receipt(&mut self.dice, now)
    }

    pub(crate) fn strikes(
        &mut self,
        what: Fault,
        whose: Option<&Msisdn>,
        now: DateTime<Utc>,
    ) -> bool {
        self.faults.strike(what, whose, now, &mut self.dice)
    }
}

/// Every random thing in the outside, from one seed.
pub struct Dice(StdRng);

impl Dice {
    #[cfg(test)]
    pub(crate) fn from_rng(rng: StdRng) -> Self {
        Self(rng)
    }

    pub(crate) fn chance(&mut self, chance: f64) -> bool {
        self.0.random_bool(chance.clamp(0.0, 1.0))
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0.random_range(0..limit.max(1))
    }

    pub(crate) fn hex(&mut self, length: usize) -> String {
        self.letters(b"0123456789abcdef", length)
    }

    pub(crate) fn letters(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length)
            .map(|_| char::from(alphabet[self.0.random_range(0..alphabet.len())]))
            .collect()
    }

    pub(crate) fn digits(&mut self, length: usize) -> String {
        self.letters(b"0123456789", length)
    }

    /// An id in the usual form of four dashed groups, from the seed.
    pub(crate) fn uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.0.random())
            .into_uuid()
            .to_string()
    }
}

fn trimmed(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}
