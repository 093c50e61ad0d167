//! Messages instead of calls: how fast the outbox empties, how fast reports are taken, and how soon an alarm has reached the
//! last of those it alerts, idle and behind a campaign.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use sqlx::PgPool;

use crate::provider::Provider;
use crate::riders::msisdn;
use crate::wire::Connection;
use crate::world::{Server, World};
use crate::{Plan, process};

/// What one run measures.
#[derive(Clone, Debug, Args)]
pub struct Asked {
    /// How long the outbox and the reports are each measured.
    #[arg(long = "for", default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=120))]
    lasts: u64,
    /// Alarms of each kind.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100))]
    alarms: u32,
    /// Promotions that lie in the outbox while alarms are raised once more.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(0..=500_000))]
    campaign: u32,
}

/// How many people an alarm alerts.
const COORDINATORS: [u32; 3] = [1, 20, 200];
/// Riders who alert and are alerted: all coordinators, and a reporter for each alarm, idle and behind the campaign.
const RIDERS: u32 = 1_000;
/// More than any machine here empties in a second, so that the outbox does not run dry while it is measured.
const QUEUED_A_SECOND: u64 = 6_000;
const QUEUED_MAX: u64 = 300_000;
/// An alarm that has not reached everybody by then counts as lost.
const PATIENCE: Duration = Duration::from_secs(15);
/// Messages that are under way when the outbox is first looked at are not counted.
const WARM_UP: Duration = Duration::from_millis(500);

/// Measures everything and prints it as it comes; gives the number of errors.
pub async fn measure(plan: &Plan, asked: &Asked) -> anyhow::Result<u64> {
    let plan = Plan {
        riders: RIDERS,
        ..plan.clone()
    };
    println!(
        "{} s each, {} alarms of each kind; driver, provider, gateway with its worker, Postgres and Redis share {} cores",
        asked.lasts,
        asked.alarms,
        std::thread::available_parallelism().map_or(1, usize::from)
    );
    let world = World::start(&plan).await?;
    let pool = world.pool().await?;
    let provider = Provider::default();
    let (address, serving) = provider.listen().await?;
    let gateway = world
        .gateway_with(&[
            ("AFRICASTALKING__BASE_URL", address),
            ("AFRICASTALKING__SEGMENTS_PER_SECOND", "10000".to_owned()),
            ("SMS__ROUTES__EMERGENCY", "africastalking".to_owned()),
            ("SMS__ROUTES__MONEY", "africastalking".to_owned()),
            ("SMS__ROUTES__SERVICE", "africastalking".to_owned()),
            // Around the clock: what is measured at night would wait for the morning.
            ("SMS__QUIET_FROM", "00:00".to_owned()),
            ("SMS__QUIET_UNTIL", "00:00".to_owned()),
        ])
        .await?;
    let bench = Bench {
        asked,
        connections: plan.connections,
        pool,
        provider,
        gateway: &gateway,
    };
    let errors = bench.all().await;
    let stopped = gateway.stop().await;
    serving.abort();
    println!("stopped in {:.0} ms", stopped?.as_secs_f64() * 1e3);
    errors
}

struct Bench<'w> {
    asked: &'w Asked,
    connections: usize,
    pool: PgPool,
    provider: Provider,
    gateway: &'w Server,
}

impl Bench<'_> {
    async fn all(&self) -> anyhow::Result<u64> {
        self.furnish().await?;
        let mut lost = 0;
        println!("\nalarm to the last alert      people   p50 ms   p99 ms   max ms   lost");
        for (kind, coordinators) in COORDINATORS.into_iter().enumerate() {
            lost += self.alarms("idle", kind as u32, coordinators, 0).await?;
        }
        self.outbox().await?;
        let errors = self.reports().await?;
        if self.asked.campaign > 0 {
            self.queue("promotion", u64::from(self.asked.campaign))
                .await?;
            println!("\nbehind a campaign            people   p50 ms   p99 ms   max ms   lost");
            for (kind, coordinators) in COORDINATORS.into_iter().enumerate() {
                let first = self.asked.alarms;
                lost += self
                    .alarms("behind", kind as u32, coordinators, first)
                    .await?;
            }
            println!(
                "{} of {} promotions are still queued",
                self.waiting().await?,
                self.asked.campaign
            );
        }
        let (resident, highest) = process::resident_mb(self.gateway.id())?;
        println!("resident {resident:.1} MB, at its highest {highest:.1} MB");
        Ok(lost + errors)
    }

    /// A stage for each number of coordinators: the riders are moved there, the first of them into office.
    async fn furnish(&self) -> anyhow::Result<()> {
        let mut from = 0;
        for (kind, coordinators) in COORDINATORS.into_iter().enumerate() {
            let to = from + coordinators + 2 * self.asked.alarms;
            ensure!(to <= RIDERS, "there are riders for {RIDERS} only");
            sqlx::query(
                "with stage as (
                    insert into stage (zone_id, code, name) select id, $1, 'Load ' || $1 from zone order by id limit 1
                    on conflict (code) do update set name = excluded.name returning id),
                 moved as (
                    update member set stage_id = stage.id from stage where msisdn::bigint >= $2 and msisdn::bigint < $3
                    returning member.id, member.stage_id, msisdn)
                 insert into stage_role (member_id, stage_id, role)
                 select id, stage_id, 'coordinator' from moved where msisdn::bigint < $4 on conflict do nothing",
            )
            .bind(format!("{}", 9001 + kind))
            .bind(msisdn(from) as i64)
            .bind(msisdn(to) as i64)
            .bind(msisdn(from + coordinators) as i64)
            .execute(&self.pool)
            .await
            .context("furnishing the stages")?;
            from = to;
        }
        Ok(())
    }

    /// Raises one alarm after the other, each from a phone of its own, and waits for its last alert.
    async fn alarms(
        &self,
        name: &str,
        kind: u32,
        coordinators: u32,
        skip: u32,
    ) -> anyhow::Result<u64> {
        let before: u32 = COORDINATORS[..kind as usize]
            .iter()
            .map(|earlier| earlier + 2 * self.asked.alarms)
            .sum();
        let first = before + coordinators + skip;
        let mut latency = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
        let mut connection = Connection::open(&self.gateway.address, "/at/demo/ussd").await?;
        let mut lost = 0;
        for place in first..first + self.asked.alarms {
            let reporter = msisdn(place);
            let national = format!("0{}", reporter % 1_000_000_000);
            self.provider.watch(&national, coordinators as usize);
            let form = format!(
                "phoneNumber=%2B{reporter}&serviceCode=%2A384%2A123%23&sessionId=ATUid_{reporter:032x}&networkCode=63902&text=9"
            );
            let began = Instant::now();
            let screen = connection.post(&form).await?;
            ensure!(
                screen.starts_with("CON Help is being called"),
                "an alarm was answered with {screen:?}"
            );
            match tokio::time::timeout(PATIENCE, self.provider.alerted()).await {
                Ok(last_at) => {
                    let took = last_at?.saturating_duration_since(began);
                    latency.saturating_record(took.as_micros() as u64);
                }
                Err(_) => lost += 1,
            }
        }
        let ms = |micros: u64| micros as f64 / 1e3;
        println!(
            "{name:<28} {coordinators:>6} {:>8.1} {:>8.1} {:>8.1} {lost:>6}",
            ms(latency.value_at_quantile(0.5)),
            ms(latency.value_at_quantile(0.99)),
            ms(latency.max()),
        );
        Ok(lost)
    }

    /// Fills the outbox with money, service and promotion messages and counts what reaches the provider.
    async fn outbox(&self) -> anyhow::Result<()> {
        let total = (QUEUED_A_SECOND * self.asked.lasts).min(QUEUED_MAX);
        for class in ["money", "service", "promotion"] {
            self.queue(class, total / 3).await?;
        }
        let spent = process::cpu(self.gateway.id())?;
        tokio::time::sleep(WARM_UP).await;
        let (before, began) = (self.provider.messages(), Instant::now());
        let lasts = Duration::from_secs(self.asked.lasts);
        while began.elapsed() < lasts && self.waiting().await? > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let (sent, took) = (self.provider.messages() - before, began.elapsed());
        let spent = process::cpu(self.gateway.id())? - spent;
        println!(
            "\noutbox: {:.0} messages/s ({sent} in {:.1} s, three lanes); gateway {:.3} CPU s per 1,000",
            sent as f64 / took.as_secs_f64(),
            took.as_secs_f64(),
            spent.as_secs_f64() * 1e3 / sent.max(1) as f64
        );
        // What is left is the measure's own and would stand in the way of the next one.
        sqlx::query("update outbox set state = 'expired', why = 'the measuring is over' where state = 'queued' and key is null")
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Posts a `Success` for message after message, over all connections.
    async fn reports(&self) -> anyhow::Result<u64> {
        let last = self.provider.messages();
        let next = Arc::new(AtomicU64::new(1));
        let until = Instant::now() + Duration::from_secs(self.asked.lasts);
        let began = Instant::now();
        let lanes: Vec<_> = (0..self.connections)
            .map(|_| {
                let (next, address) = (next.clone(), self.gateway.address.clone());
                tokio::spawn(async move { report(&address, &next, last, until).await })
            })
            .collect();
        let (mut taken, mut errors) = (0, 0);
        for lane in lanes {
            let (lane_taken, lane_errors) = lane.await?;
            taken += lane_taken;
            errors += lane_errors;
        }
        let took = began.elapsed();
        let delivered: i64 =
            sqlx::query_scalar("select count(*) from outbox where state = 'delivered'")
                .fetch_one(&self.pool)
                .await?;
        println!(
            "reports: {:.0}/s ({taken} in {:.1} s, {errors} refused); {delivered} messages are delivered",
            taken as f64 / took.as_secs_f64(),
            took.as_secs_f64()
        );
        Ok(errors)
    }

    /// Puts so many messages into the outbox, each to a phone of its own.
    async fn queue(&self, class: &str, messages: u64) -> anyhow::Result<()> {
        sqlx::query(
            "insert into outbox (id, msisdn, language, class, template, fills, created_at, not_before, not_after, changed_at)
             select gen_random_uuid(), (254100000000 + n)::text, 'en', $1, 'help.by_phone', '{}', now(), now(), now() + interval '1 hour', now()
             from generate_series(1, $2) as n",
        )
        .bind(class)
        .bind(messages as i64)
        .execute(&self.pool)
        .await
        .with_context(|| format!("queueing {messages} messages"))?;
        Ok(())
    }

    async fn waiting(&self) -> anyhow::Result<i64> {
        let waiting = sqlx::query_scalar("select count(*) from outbox where state = 'queued'");
        Ok(waiting.fetch_one(&self.pool).await?)
    }
}

/// One connection's reports: how many were taken, and how many were not.
async fn report(address: &str, next: &AtomicU64, last: u64, until: Instant) -> (u64, u64) {
    let (mut taken, mut errors) = (0, 0);
    let mut connection = None;
    let mut form = String::with_capacity(160);
    while Instant::now() < until {
        let Some(open) = &mut connection else {
            match Connection::open(address, "/at/demo/sms/report").await {
                Ok(opened) => connection = Some(opened),
                Err(_) => return (taken, errors + 1),
            }
            continue;
        };
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number > last {
            break;
        }
        form.clear();
        let _ = write!(
            form,
            "id=load-{number}&status=Success&networkCode=63902&retryCount=0"
        );
        match open.post(&form).await {
            Ok(_) => taken += 1,
            Err(_) => {
                errors += 1;
                connection = None;
            }
        }
    }
    (taken, errors)
}
