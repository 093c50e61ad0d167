//! The measurements of one run, in their order, and how they are told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kwastage::members::MemberId;
use kwastage::primitives::Secret;
use uuid::Uuid;

use crate::drive::{Calls, Met, Run, drive};
use crate::journey::{self, Journey, MIXED, NAVIGATION};
use crate::world::{Server, World};
use crate::{Plan, process, riders};

/// Path of the gateway's webhook under its default key.
const WEBHOOK: &str = "/at/demo/ussd";
/// PIN checks timed one after another.
const PIN_CHECKS: u32 = 200;
const WARM_UP: Duration = Duration::from_secs(2);

type Mix = &'static [(u32, Journey)];

/// Measures everything and prints it as it comes; gives the number of errors.
pub async fn measure(plan: &Plan) -> anyhow::Result<u64> {
    println!(
        "{} riders, {} connections, {} s each; generator, floor, gateway, Postgres and Redis share {} cores",
        plan.riders,
        plan.connections,
        plan.seconds,
        std::thread::available_parallelism().map_or(1, usize::from)
    );
    let began = Instant::now();
    let world = World::start(plan).await?;
    println!(
        "the world stands after {:.1} s",
        began.elapsed().as_secs_f64()
    );
    println!(
        "PIN check             {:>9.2} ms",
        pin_check().await?.as_secs_f64() * 1e3
    );

    let gateway = world.gateway().await?;
    let resident = process::resident_mb(gateway.id())?.0;
    println!(
        "start to first answer {:>9.0} ms",
        gateway.start.as_secs_f64() * 1e3
    );
    println!("resident at rest      {resident:>9.1} MB");
    let floor = world.floor().await?;
    let bench = Bench {
        plan,
        world: &world,
        calls: Arc::default(),
    };

    let bare = Place {
        server: &floor,
        path: "/navigation",
    };
    let ours = Place {
        server: &gateway,
        path: WEBHOOK,
    };
    bench.warm(&bare, NAVIGATION).await?;
    bench.warm(&ours, NAVIGATION).await?;
    println!("\n{HEADINGS}");
    let mut errors = 0;
    let mut told = async |name: &str, place: &Place<'_>, mix: Mix, offered: Option<f64>| {
        let figures = bench.figures(place, mix, offered).await?;
        println!("{}", figures.line(name));
        figures.tell_oddities();
        errors += figures.met.failures();
        anyhow::Ok(figures)
    };
    let navigation_floor = told("navigation, floor", &bare, NAVIGATION, None).await?;
    let navigation = told("navigation", &ours, NAVIGATION, None).await?;
    let half = Some(navigation.met.hops_per_second() / 2.0);
    told("navigation at half", &ours, NAVIGATION, half).await?;

    let with_postgres = Place {
        server: &floor,
        path: "/mixed",
    };
    let with_pin = Place {
        server: &floor,
        path: "/mixed-with-pin",
    };
    let mixed_floor = told("mixed, floor", &with_postgres, MIXED, None).await?;
    let mixed_pin_floor = told("mixed, floor with PIN", &with_pin, MIXED, None).await?;
    let mixed = told("mixed", &ours, MIXED, None).await?;
    let half = Some(mixed.met.hops_per_second() / 2.0);
    told("mixed at half", &ours, MIXED, half).await?;

    println!();
    let ratio = |name: &str, ours: &Figures, floor: &Figures| {
        let hops = ours.met.hops_per_second() / floor.met.hops_per_second();
        println!("{name:<44} {hops:>5.2}");
    };
    ratio(
        "navigation against the floor",
        &navigation,
        &navigation_floor,
    );
    ratio("mixed against the floor", &mixed, &mixed_floor);
    ratio(
        "mixed against the floor with its PIN checks",
        &mixed,
        &mixed_pin_floor,
    );
    let (resident, highest) = process::resident_mb(gateway.id())?;
    println!("resident {resident:.1} MB, at its highest {highest:.1} MB");
    errors += bench.stop_under_load(gateway).await?;
    floor.stop().await?;
    Ok(errors)
}

/// One check after another on a desk of one worker, as the gateway's.
async fn pin_check() -> anyhow::Result<Duration> {
    let desk = riders::desk(1)?;
    let nobody = MemberId(Uuid::nil());
    let check = || desk.verify(nobody, None, Secret::new(journey::PIN));
    check().await?;
    let began = Instant::now();
    for _ in 0..PIN_CHECKS {
        check().await?;
    }
    Ok(began.elapsed() / PIN_CHECKS)
}

struct Place<'s> {
    server: &'s Server,
    path: &'static str,
}

struct Bench<'w> {
    plan: &'w Plan,
    world: &'w World,
    calls: Arc<Calls>,
}

impl Bench<'_> {
    fn run(&self, place: &Place<'_>, mix: Mix, lasts: Duration, offered: Option<f64>) -> Run {
        Run {
            address: place.server.address.clone(),
            path: place.path,
            mix,
            riders: self.plan.riders,
            connections: self.plan.connections,
            lasts,
            offered,
            calls: self.calls.clone(),
        }
    }

    async fn warm(&self, place: &Place<'_>, mix: Mix) -> anyhow::Result<()> {
        drive(self.run(place, mix, WARM_UP, None)).await?;
        Ok(())
    }

    async fn figures(
        &self,
        place: &Place<'_>,
        mix: Mix,
        offered: Option<f64>,
    ) -> anyhow::Result<Figures> {
        let before = self.spent(place.server)?;
        let met = drive(self.run(place, mix, self.plan.lasts(), offered)).await?;
        let after = self.spent(place.server)?;
        Ok(Figures {
            met,
            server: after.server - before.server,
            redis: after.redis - before.redis,
            postgres: after.postgres - before.postgres,
            resident_mb: process::resident_mb(place.server.id())?.0,
        })
    }

    fn spent(&self, server: &Server) -> anyhow::Result<Spent> {
        Ok(Spent {
            server: process::cpu(server.id())?,
            redis: process::cpu(self.world.redis()?)?,
            postgres: process::cpu(self.world.postgres()?)?,
        })
    }

    /// Asks the gateway to stop while riders are on the line, and counts what they got.
    async fn stop_under_load(&self, gateway: Server) -> anyhow::Result<u64> {
        let place = Place {
            server: &gateway,
            path: WEBHOOK,
        };
        let run = self.run(&place, MIXED, Duration::from_secs(3), None);
        let riding = tokio::spawn(drive(run));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let took = gateway.stop().await?;
        let met = riding.await??;
        println!(
            "stopped under load in {:.0} ms: {} hops answered, {} broken answers, {} kept-open connections closed unanswered",
            took.as_secs_f64() * 1e3,
            met.hops,
            met.errors,
            met.closed
        );
        if let Some(error) = &met.first_error {
            println!("  first: {error}");
        }
        Ok(met.errors)
    }
}

struct Spent {
    server: Duration,
    redis: Duration,
    postgres: Duration,
}

/// What one measurement found.
struct Figures {
    met: Met,
    server: Duration,
    redis: Duration,
    postgres: Duration,
    resident_mb: f64,
}

const HEADINGS: &str = "                         hops/s   p50 ms   p99 ms  p99.9 ms  errors   CPU s per 1,000 hops: server    redis  postgres   resident MB";

impl Figures {
    fn line(&self, name: &str) -> String {
        let ms = |quantile: f64| self.met.latency.value_at_quantile(quantile) as f64 / 1e3;
        let per_thousand =
            |spent: Duration| spent.as_secs_f64() * 1e3 / self.met.hops.max(1) as f64;
        format!(
            "{name:<22} {:>8.0} {:>8.2} {:>8.2}  {:>8.2}  {:>6}                         {:>6.3}   {:>6.3}    {:>6.3}        {:>6.1}",
            self.met.hops_per_second(),
            ms(0.5),
            ms(0.99),
            ms(0.999),
            self.met.failures(),
            per_thousand(self.server),
            per_thousand(self.redis),
            per_thousand(self.postgres),
            self.resident_mb,
        )
    }

    fn tell_oddities(&self) {
        if let Some(error) = &self.met.first_error {
            println!("  first error: {error}");
        }
        if self.met.already_asked > 0 {
            println!(
                "  {} contributions came while the rider's last one was still open, and were told so",
                self.met.already_asked
            );
        }
    }
}
