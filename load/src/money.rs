//! Movements of money at the deed, without HTTP: contributions into one fund and into a thousand, transfers between random wallets,
//! and beside each the same posting as a bare call of the ledger, over the same connections: the most that the deed could do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use clap::Args;
use hdrhistogram::Histogram;
use kwastage::clock::Clock;
use kwastage::ledger::{self, Key};
use kwastage::primitives::Money;
use kwastage::wallet::{self, Limits, Source, Spend};
use kwastage::welfare::{self, ContributionReceived, PaidFrom};
use kwastage::work::{Actor, Work};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use crate::Plan;
use crate::world::World;

/// What one run measures.
#[derive(Clone, Debug, Args)]
pub struct Asked {
    /// How long each of the measurements lasts.
    #[arg(long = "for", default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    lasts: u64,
    /// Connections to Postgres, each of which does one deed after the other.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=64))]
    hands: u32,
    /// Members, each with a wallet.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    members: u32,
}

/// Funds that a thousand contributions in a row go into.
const FUNDS: usize = 1_000;
/// What every wallet holds at the beginning: more than one run can send.
const IN_WALLETS: i64 = 1_000_000;

/// Measures everything and prints it as it comes; gives the number of errors.
pub async fn measure(plan: &Plan, asked: &Asked) -> anyhow::Result<u64> {
    let plan = Plan {
        riders: asked.members,
        ..plan.clone()
    };
    println!(
        "{} s each, {} connections, {} members; the deeds and Postgres share {} cores",
        asked.lasts,
        asked.hands,
        asked.members,
        std::thread::available_parallelism().map_or(1, usize::from)
    );
    let world = World::start(&plan).await?;
    let pool = PgPoolOptions::new()
        .min_connections(asked.hands)
        .max_connections(asked.hands)
        .test_before_acquire(false)
        .connect_with(world.pool().await?.connect_options().as_ref().clone())
        .await?;
    let bench = Arc::new(Bench::furnish(pool, asked).await?);
    println!("\n                                     a second   p50 ms   p99 ms   max ms   errors");
    let mut errors = 0;
    for kind in Kind::ALL {
        errors += Bench::run(&bench, kind).await?;
    }
    let report = ledger::verify(&mut *bench.pool.acquire().await?).await?;
    println!(
        "\nthe ledger afterwards: {}",
        if report.is_sound() {
            "sound"
        } else {
            "NOT SOUND"
        }
    );
    Ok(errors + u64::from(!report.is_sound()))
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    OneFund,
    ManyFunds,
    BareOneFund,
    Transfers,
    BareTransfers,
}

impl Kind {
    const ALL: [Kind; 5] = [
        Kind::OneFund,
        Kind::ManyFunds,
        Kind::BareOneFund,
        Kind::Transfers,
        Kind::BareTransfers,
    ];

    fn name(self) -> &'static str {
        match self {
            Kind::OneFund => "contributions into one fund",
            Kind::ManyFunds => "contributions into 1,000 funds",
            Kind::BareOneFund => "  the posting alone, one fund",
            Kind::Transfers => "transfers between random wallets",
            Kind::BareTransfers => "  the posting alone, wallets",
        }
    }
}

struct Bench {
    pool: PgPool,
    lasts: Duration,
    hands: u32,
    members: Vec<Uuid>,
    funds: Vec<i32>,
}

impl Bench {
    /// A thousand stages, and money in every wallet.
    async fn furnish(pool: PgPool, asked: &Asked) -> anyhow::Result<Bench> {
        sqlx::query(
            "insert into stage (zone_id, code, name)
             select (select min(id) from zone), (10000 + n)::text, 'Load ' || n from generate_series(1, $1) n
             on conflict do nothing",
        )
        .bind(FUNDS as i32)
        .execute(&pool)
        .await?;
        let bench = Bench {
            lasts: Duration::from_secs(asked.lasts),
            hands: asked.hands,
            members: sqlx::query_scalar(
                "select id from member where joining_key like 'load:%' order by id",
            )
            .fetch_all(&pool)
            .await?,
            funds: sqlx::query_scalar("select id from stage where name like 'Load %' order by id")
                .fetch_all(&pool)
                .await?,
            pool,
        };
        for members in bench.members.chunks(500) {
            let mut work = bench.begin().await?;
            for member in members {
                let payment = Uuid::now_v7();
                let (amount, key) = (
                    Money::from_shillings(IN_WALLETS),
                    Key::of("payment", payment),
                );
                wallet::credit(&mut work, *member, payment, amount, Source::TopUp, key).await?;
            }
            work.commit().await?;
        }
        sqlx::query("vacuum analyze").execute(&bench.pool).await?;
        Ok(bench)
    }

    async fn begin(&self) -> anyhow::Result<Work> {
        Ok(Work::begin(&self.pool, Clock::System.now(), Actor::System).await?)
    }

    /// Every hand does one deed after the other until the time is over.
    async fn run(bench: &Arc<Bench>, kind: Kind) -> anyhow::Result<u64> {
        let (until, errors) = (Instant::now() + bench.lasts, Arc::new(AtomicU64::new(0)));
        let mut hands = tokio::task::JoinSet::new();
        let began = Instant::now();
        for _ in 0..bench.hands {
            let (bench, errors) = (bench.clone(), errors.clone());
            hands.spawn(async move {
                let mut took = Histogram::<u64>::new(3)?;
                while Instant::now() < until {
                    let began = Instant::now();
                    match bench.once(kind).await {
                        Ok(()) => took.record(began.elapsed().as_micros() as u64)?,
                        Err(error) => {
                            if errors.fetch_add(1, Ordering::Relaxed) == 0 {
                                eprintln!("{}: {error:#}", kind.name());
                            }
                        }
                    }
                }
                anyhow::Ok(took)
            });
        }
        let mut took = Histogram::<u64>::new(3)?;
        while let Some(hand) = hands.join_next().await {
            took.add(hand??).context("adding up")?;
        }
        let a_second = took.len() as f64 / began.elapsed().as_secs_f64();
        let ms = |micros: u64| micros as f64 / 1e3;
        let errors = errors.load(Ordering::Relaxed);
        println!(
            "{:<36} {a_second:>9.0} {:>8.2} {:>8.2} {:>8.2} {errors:>8}",
            kind.name(),
            ms(took.value_at_quantile(0.5)),
            ms(took.value_at_quantile(0.99)),
            ms(took.max()),
        );
        Ok(errors)
    }

    async fn once(&self, kind: Kind) -> anyhow::Result<()> {
        match kind {
            Kind::OneFund => self.contribute(self.funds[0]).await,
            Kind::ManyFunds => self.contribute(*drawn(&self.funds)).await,
            Kind::Transfers => self.transfer().await,
            Kind::BareOneFund => {
                let fund = self.funds[0].to_string();
                self.post(
                    "contribution_received",
                    ("mpesa_paybill", ""),
                    ("fund", &fund),
                )
                .await
            }
            Kind::BareTransfers => {
                let (from, to) = self.two_members();
                let (from, to) = (from.to_string(), to.to_string());
                self.post("wallet_sent", ("wallet", &from), ("wallet", &to))
                    .await
            }
        }
    }

    async fn contribute(&self, stage: i32) -> anyhow::Result<()> {
        let mut work = self.begin().await?;
        let received = ContributionReceived {
            member: *drawn(&self.members),
            stage,
            amount: Money::from_shillings(200),
            payment: Uuid::now_v7(),
            provider_receipt: "LOAD000000".to_owned(),
            from: PaidFrom::Mpesa,
        };
        welfare::contribution_received(&mut work, received).await?;
        Ok(work.commit().await?)
    }

    async fn transfer(&self) -> anyhow::Result<()> {
        let (member, to) = self.two_members();
        let without_end = Money::from_shillings(100_000_000);
        let spend = Spend {
            id: Uuid::now_v7(),
            member,
            amount: Money::from_shillings(1),
            limits: Limits {
                once: without_end,
                a_day: without_end,
                a_month: without_end,
            },
        };
        let mut work = self.begin().await?;
        wallet::send(&mut work, spend, to).await?;
        Ok(work.commit().await?)
    }

    async fn post(&self, kind: &str, from: (&str, &str), to: (&str, &str)) -> anyhow::Result<()> {
        sqlx::query(
            "select ledger.post($1, 'bare', $2, gen_random_uuid(), now(), null,
                                array[$3], array[$4], array[$5], array[$6], array[100::bigint])",
        )
        .bind(kind)
        .bind(Uuid::now_v7().to_string())
        .bind(from.0)
        .bind(from.1)
        .bind(to.0)
        .bind(to.1)
        .execute(&self.pool)
        .await
        .map_err(|error| anyhow!(error))?;
        Ok(())
    }

    fn two_members(&self) -> (Uuid, Uuid) {
        let from = *drawn(&self.members);
        loop {
            let to = *drawn(&self.members);
            if to != from {
                return (from, to);
            }
        }
    }
}

/// Any of them, by the random part of a fresh id: there is nothing here to repeat.
pub fn drawn<T>(all: &[T]) -> &T {
    let random = Uuid::new_v4().as_u64_pair().1 as usize;
    &all[random % all.len()]
}
