//! Many riders at once over a handful of connections, and what they met.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::journey::{self, Journey};
use crate::wire::Connection;

/// One measured run.
pub struct Run {
    pub address: String,
    /// Path of the webhook.
    pub path: String,
    pub mix: &'static [(u32, Journey)],
    /// Phones that are members, as twelve digits.
    pub riders: Arc<Vec<String>>,
    pub connections: usize,
    pub lasts: Duration,
    /// Hops a second to offer, on a schedule that does not wait for answers; `None` = as many as are answered.
    pub offered: Option<u64>,
    /// Makes session ids of different runs different.
    pub nonce: u64,
}

/// What the riders met.
pub struct Met {
    pub hops: u64,
    pub errors: u64,
    pub first_error: Option<String>,
    pub lasted: Duration,
    /// Microseconds from when a hop was due to its answer.
    pub latency: Histogram<u64>,
}

impl Met {
    pub fn hops_per_second(&self) -> f64 {
        self.hops as f64 / self.lasted.as_secs_f64()
    }
}

pub async fn drive(run: Run) -> anyhow::Result<Met> {
    let run = Arc::new(run);
    let turn = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let riders = (0..run.connections)
        .map(|lane| tokio::spawn(ride(run.clone(), turn.clone(), lane, started)));
    let mut met = Met {
        hops: 0,
        errors: 0,
        first_error: None,
        lasted: Duration::ZERO,
        latency: histogram(),
    };
    for rider in riders.collect::<Vec<_>>() {
        let theirs = rider.await??;
        met.hops += theirs.hops;
        met.errors += theirs.errors;
        met.first_error = met.first_error.or(theirs.first_error);
        met.latency.add(theirs.latency)?;
    }
    met.lasted = started.elapsed();
    Ok(met)
}

fn histogram() -> Histogram<u64> {
    // From a microsecond to a minute, three digits.
    Histogram::new_with_bounds(1, 60_000_000, 3)
        .unwrap_or_else(|_| unreachable!("the bounds are in order"))
}

/// One connection: call after call until the time is over.
async fn ride(
    run: Arc<Run>,
    turn: Arc<AtomicU64>,
    lane: usize,
    started: Instant,
) -> anyhow::Result<Met> {
    let mut connection = Connection::open(&run.address).await?;
    let mut met = Met {
        hops: 0,
        errors: 0,
        first_error: None,
        lasted: Duration::ZERO,
        latency: histogram(),
    };
    let between = run
        .offered
        .map(|offered| Duration::from_secs_f64(run.connections as f64 / offered as f64));
    let mut due = started
        + between
            .unwrap_or_default()
            .mul_f64(lane as f64 / run.connections as f64);
    while started.elapsed() < run.lasts {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        let journey = journey::pick(run.mix, turn);
        let msisdn = &run.riders[turn as usize % run.riders.len()];
        let mut text = String::new();
        for (hop, must_say) in journey.must_say.iter().enumerate() {
            if hop > 0 {
                if hop > 1 {
                    text.push_str("%2A");
                }
                text.push_str(journey.inputs[hop - 1]);
            }
            let form = format!(
                "phoneNumber=%2B{msisdn}&serviceCode=%2A384%2A123%23&text={text}&sessionId=ATUid_{:016x}{turn:016x}&networkCode=63902",
                run.nonce
            );
            if let Some(between) = between {
                tokio::time::sleep_until(due.into()).await;
                due += between;
            }
            let sent = if between.is_some() {
                due - between.unwrap_or_default()
            } else {
                Instant::now()
            };
            let answer = connection.post(&run.path, &form).await;
            met.latency
                .saturating_record(sent.elapsed().as_micros() as u64);
            met.hops += 1;
            match answer {
                Ok(said) if said.starts_with(must_say) => {}
                Ok(said) => {
                    met.errors += 1;
                    met.first_error
                        .get_or_insert_with(|| format!("{}, hop {hop}: {said}", journey.name));
                    break;
                }
                Err(error) => {
                    met.errors += 1;
                    met.first_error
                        .get_or_insert_with(|| format!("{}, hop {hop}: {error}", journey.name));
                    connection = Connection::open(&run.address).await?;
                    break;
                }
            }
        }
    }
    Ok(met)
}
