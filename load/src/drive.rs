//! Many riders at once over a handful of connections, and what they met.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::journey::{self, Journey};
use crate::riders::msisdn;
use crate::wire::{Connection, Unanswered};

/// One measured run.
#[derive(Clone)]
pub struct Run {
    pub address: String,
    /// Path of the webhook.
    pub path: &'static str,
    pub mix: &'static [(u32, Journey)],
    pub riders: u32,
    pub connections: usize,
    pub lasts: Duration,
    /// Hops a second to offer, on a schedule that does not wait for answers; `None` = as many as are answered.
    pub offered: Option<f64>,
    /// Keeps the session ids and the contributing riders of different runs apart.
    pub calls: Arc<Calls>,
}

/// Numbers the calls of a whole session of measurements.
#[derive(Default)]
pub struct Calls {
    next: AtomicU64,
    next_contribution: AtomicU64,
}

/// What the riders met.
pub struct Met {
    pub hops: u64,
    /// Contributions put off because the rider's last one was still open.
    pub already_asked: u64,
    pub errors: u64,
    pub first_error: Option<String>,
    /// Of a server that stops: connections it refused, and those it closed with nothing said.
    pub refused: u64,
    pub closed: u64,
    pub lasted: Duration,
    /// Microseconds to an answer.
    pub latency: Histogram<u64>,
}

impl Met {
    fn nothing() -> Met {
        Met {
            hops: 0,
            already_asked: 0,
            errors: 0,
            first_error: None,
            refused: 0,
            closed: 0,
            lasted: Duration::ZERO,
            // From a microsecond to a minute, three digits.
            latency: Histogram::new_with_bounds(1, 60_000_000, 3)
                .unwrap_or_else(|_| unreachable!("the bounds are in order")),
        }
    }

    pub fn hops_per_second(&self) -> f64 {
        self.hops as f64 / self.lasted.as_secs_f64()
    }

    /// Hops that were not answered as they should be, of a server that is not asked to stop.
    pub fn failures(&self) -> u64 {
        self.errors + self.refused + self.closed
    }

    fn add(&mut self, other: Met) {
        self.hops += other.hops;
        self.already_asked += other.already_asked;
        self.errors += other.errors;
        self.refused += other.refused;
        self.closed += other.closed;
        self.first_error = self.first_error.take().or(other.first_error);
        self.latency += other.latency;
    }

    fn wrong(&mut self, journey: &Journey, what: impl std::fmt::Display) {
        self.errors += 1;
        self.first_error
            .get_or_insert_with(|| format!("{}: {what}", journey.name));
    }
}

pub async fn drive(run: Run) -> anyhow::Result<Met> {
    let started = Instant::now();
    let lanes: Vec<_> = (0..run.connections)
        .map(|lane| tokio::spawn(Lane::new(run.clone(), lane, started).ride()))
        .collect();
    let mut met = Met::nothing();
    for lane in lanes {
        met.add(lane.await?);
    }
    met.lasted = started.elapsed();
    Ok(met)
}

/// One connection: call after call until the time is over.
struct Lane {
    run: Run,
    met: Met,
    until: Instant,
    /// When the next hop is due and how far hops are apart, where hops are offered on a schedule.
    schedule: Option<(Instant, Duration)>,
    form: String,
}

impl Lane {
    fn new(run: Run, lane: usize, started: Instant) -> Lane {
        let lanes = run.connections as f64;
        let schedule = run.offered.map(|offered| {
            let between = Duration::from_secs_f64(lanes / offered);
            (started + between.mul_f64(lane as f64 / lanes), between)
        });
        Lane {
            until: started + run.lasts,
            run,
            met: Met::nothing(),
            schedule,
            form: String::with_capacity(512),
        }
    }

    async fn ride(mut self) -> Met {
        let mut connection = None;
        while Instant::now() < self.until {
            let Some(open) = &mut connection else {
                match Connection::open(&self.run.address, self.run.path).await {
                    Ok(opened) => connection = Some(opened),
                    Err(_) => {
                        self.met.refused += 1;
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
                continue;
            };
            if let Err(unanswered) = self.call(open).await {
                connection = None;
                match unanswered {
                    Unanswered::Closed => self.met.closed += 1,
                    Unanswered::Refused(_) => self.met.refused += 1,
                    Unanswered::Broken(_) => self.met.wrong(&self.run.mix[0].1, unanswered),
                }
            }
        }
        self.met
    }

    async fn call(&mut self, connection: &mut Connection) -> Result<(), Unanswered> {
        let turn = self.run.calls.next.fetch_add(1, Ordering::Relaxed);
        let journey = journey::pick(self.run.mix, turn);
        // A rider has one payment open at a time, so that contributions go through all riders before one comes twice.
        let place = match journey.name {
            "contribute" => self
                .run
                .calls
                .next_contribution
                .fetch_add(1, Ordering::Relaxed),
            _ => turn,
        };
        let msisdn = msisdn((place % u64::from(self.run.riders)) as u32);
        self.form.clear();
        // The transcript stands last, so that each hop only appends to it.
        let _ = write!(
            self.form,
            "phoneNumber=%2B{msisdn}&serviceCode=%2A384%2A123%23&sessionId=ATUid_{turn:032x}&networkCode=63902&text="
        );
        let dialled = self.hop(connection).await?;
        let resumes = dialled.starts_with(journey::OFFERS_TO_RESUME);
        if !resumes && !dialled.starts_with(journey.dial_shows) {
            let what = format!("the dial shows {dialled:?}");
            self.met.wrong(journey, what);
            return Ok(());
        }
        let steps = resumes
            .then_some(&journey::START_AGAIN)
            .into_iter()
            .chain(journey.steps);
        for (place, step) in steps.enumerate() {
            self.form.push_str(if place == 0 { "" } else { "%2A" });
            self.form.push_str(step.types);
            let screen = self.hop(connection).await?;
            if !step.shows.iter().any(|word| screen.contains(word)) {
                let what = format!("{} shows {screen:?}", step.types);
                self.met.wrong(journey, what);
                return Ok(());
            }
            if screen.contains(journey::ALREADY_ASKED) {
                self.met.already_asked += 1;
            }
        }
        Ok(())
    }

    /// One hop of the form as it stands. On a schedule the clock runs from when the hop was due, or from when this
    /// connection woke for it: the timer's own lateness, about a millisecond, is not the gateway's.
    async fn hop<'c>(&mut self, connection: &'c mut Connection) -> Result<&'c str, Unanswered> {
        let mut since = Instant::now();
        if let Some((due, between)) = &mut self.schedule {
            if *due > since {
                tokio::time::sleep_until((*due).into()).await;
                since = Instant::now();
            } else {
                since = *due;
            }
            *due += *between;
        }
        let screen = connection.post(&self.form).await?;
        self.met
            .latency
            .saturating_record(since.elapsed().as_micros() as u64);
        self.met.hops += 1;
        Ok(screen)
    }
}
